"""Position errors of the pixels."""

from __future__ import annotations

from typing import Any, Final

from dluxshera.systems.effects.hooks import Array, DetectorHook, Values
from dluxshera.systems.effects.optional_effect import OptionalEffect
from dluxshera.systems.parameters import bounds
from dluxshera.systems.parameters.kinds import IN_EVERY_SPEC, in_systems
from dluxshera.systems.parameters.origins import Constant
from dluxshera.systems.parameters.record import Cells, Parameter


def _offset(axis: str) -> Parameter:
    return Parameter(
        key=f"detector.pixel_{axis}_offset_pix",
        title=f"Pixel offsets, {axis}",
        doc=f"Displacement of each pixel from its place, along {axis}: a pixel collects the light where it is.",
        symbol=rf"\delta_{axis}",
        units="pixel",
        bounds=bounds.PIXEL_OFFSET,
        kinds=in_systems(IN_EVERY_SPEC),
        origin=Constant(0.0, "design: none"),
        size=Cells("image_npix"),
        effect="pixel_offsets",
    )


PIXEL_X_OFFSET: Final = _offset("x")
PIXEL_Y_OFFSET: Final = _offset("y")


def _displace(image: Array, _margin: int, values: Values) -> Array:
    from dluxshera.optics import displaced_pixels

    return displaced_pixels(image, values[PIXEL_X_OFFSET.key], values[PIXEL_Y_OFFSET.key])


def _margin(_config: Any) -> int:
    from dluxshera.optics import REACH

    return REACH


EFFECT: Final = OptionalEffect(
    name="pixel_offsets",
    doc="Pixels off their places.",
    parameters=(PIXEL_X_OFFSET, PIXEL_Y_OFFSET),
    hook=DetectorHook((PIXEL_X_OFFSET, PIXEL_Y_OFFSET), _displace, _margin),
)
