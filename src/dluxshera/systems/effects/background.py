"""Uniform light on every pixel."""

from __future__ import annotations

from typing import Final

from dluxshera.systems.effects.hooks import Array, DetectorHook, Values
from dluxshera.systems.effects.optional_effect import OptionalEffect
from dluxshera.systems.parameters import bounds
from dluxshera.systems.parameters.kinds import IN_EVERY_SPEC, in_systems
from dluxshera.systems.parameters.origins import Constant
from dluxshera.systems.parameters.record import Parameter

BACKGROUND: Final = Parameter(
    key="field.background",
    title="Background",
    doc="Uniform light of sky and straylight: photons detected per pixel in one exposure at nominal response.",
    symbol="b",
    units="ph",
    bounds=bounds.PHOTONS,
    kinds=in_systems(IN_EVERY_SPEC),
    origin=Constant(0.0, "design: none"),
    effect="background",
)


def _add(image: Array, _margin: int, values: Values) -> Array:
    return image + values[BACKGROUND.key]


EFFECT: Final = OptionalEffect(
    name="background",
    doc="Uniform light on every pixel.",
    parameters=(BACKGROUND,),
    hook=DetectorHook((BACKGROUND,), _add),
)
