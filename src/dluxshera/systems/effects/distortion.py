"""Cubic distortion of the field."""

from __future__ import annotations

from typing import Final

from dluxshera.systems.effects.hooks import Array, DirectionHook, Values
from dluxshera.systems.effects.optional_effect import OptionalEffect
from dluxshera.systems.parameters import bounds
from dluxshera.systems.parameters.kinds import IN_EVERY_SPEC, in_systems
from dluxshera.systems.parameters.origins import Constant
from dluxshera.systems.parameters.record import Parameter

DISTORTION: Final = Parameter(
    key="system.cubic_distortion_per_as2",
    title="Cubic distortion",
    doc="Coefficient k of a field in which a star at the angle x from the axis is imaged at x (1 + k |x|^2); positive"
    " stretches the field outwards.",
    symbol="k_3",
    units="arcsec**-2",
    bounds=bounds.DISTORTION,
    kinds=in_systems(IN_EVERY_SPEC),
    origin=Constant(0.0, "design: none"),
    effect="distortion",
)


def _distort(positions: Array, values: Values) -> Array:
    from dluxshera.optics import distort

    return distort(positions, values[DISTORTION.key])


EFFECT: Final = OptionalEffect(
    name="distortion",
    doc="Cubic distortion of the field.",
    parameters=(DISTORTION,),
    hook=DirectionHook((DISTORTION,), _distort),
)
