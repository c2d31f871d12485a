"""Uneven response of the pixels."""

from __future__ import annotations

from typing import Final

from dluxshera.systems.effects.hooks import Array, DetectorHook, Values
from dluxshera.systems.effects.optional_effect import OptionalEffect
from dluxshera.systems.parameters import bounds
from dluxshera.systems.parameters.kinds import IN_EVERY_SPEC, in_systems
from dluxshera.systems.parameters.origins import Constant
from dluxshera.systems.parameters.record import Cells, Parameter

PIXEL_RESPONSE: Final = Parameter(
    key="detector.pixel_response",
    title="Pixel response",
    doc="Response of each pixel to light, over the nominal one.",
    symbol="r",
    units="",
    bounds=bounds.RESPONSE,
    kinds=in_systems(IN_EVERY_SPEC),
    origin=Constant(1.0, "design: uniform"),
    size=Cells("image_npix"),
    effect="pixel_response",
)


def _multiply(image: Array, _margin: int, values: Values) -> Array:
    return values[PIXEL_RESPONSE.key] * image


EFFECT: Final = OptionalEffect(
    name="pixel_response",
    doc="Pixels of uneven response.",
    parameters=(PIXEL_RESPONSE,),
    hook=DetectorHook((PIXEL_RESPONSE,), _multiply),
)
