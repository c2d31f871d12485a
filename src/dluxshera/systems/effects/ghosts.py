"""A ghost image of each of the two stars."""

from __future__ import annotations

from typing import Final

from dluxshera.systems.effects.hooks import CompanionHook, PointSources, Values
from dluxshera.systems.effects.optional_effect import OptionalEffect
from dluxshera.systems.parameters import bounds
from dluxshera.systems.parameters.kinds import IN_EVERY_SPEC, in_systems
from dluxshera.systems.parameters.origins import Constant
from dluxshera.systems.parameters.record import Parameter

GHOST_RATIO: Final = Parameter(
    key="field.ghost_flux_ratio",
    title="Ghost flux ratio",
    doc="Light in the ghost of a star over that of the star itself, which keeps its own.",
    symbol="g",
    units="",
    bounds=bounds.FRACTION,
    kinds=in_systems(IN_EVERY_SPEC),
    origin=Constant(1e-6, "illustrative"),
    effect="ghosts",
)
GHOST_X: Final = Parameter(
    key="field.ghost_x_position_as",
    title="The ghost of a star on the axis, x",
    doc="Position of the ghost of a star on the axis, from the centre of the image; +x is a growing column.",
    symbol="x_g",
    units="arcsec",
    bounds=bounds.POSITION,
    kinds=in_systems(IN_EVERY_SPEC),
    origin=Constant(1.0, "illustrative"),
    effect="ghosts",
)
GHOST_Y: Final = Parameter(
    key="field.ghost_y_position_as",
    title="The ghost of a star on the axis, y",
    doc="Position of the ghost of a star on the axis, from the centre of the image; +y is a growing row.",
    symbol="y_g",
    units="arcsec",
    bounds=bounds.POSITION,
    kinds=in_systems(IN_EVERY_SPEC),
    origin=Constant(0.5, "illustrative"),
    effect="ghosts",
)
GHOST_MAGNIFICATION: Final = Parameter(
    key="field.ghost_magnification",
    title="Ghost magnification",
    doc="Motion of a ghost over that of its star: -1 where it is reflected through the axis, 1 where it keeps its"
    " distance from the star.",
    symbol="m_g",
    units="",
    bounds=bounds.MAGNIFICATION,
    kinds=in_systems(IN_EVERY_SPEC),
    origin=Constant(-1.0, "illustrative"),
    effect="ghosts",
)


def _ghosts(stars: PointSources, values: Values) -> PointSources:
    import jax.numpy as jnp

    from dluxshera.optics import ghost_photons, ghost_positions

    offset = jnp.stack([values[GHOST_X.key], values[GHOST_Y.key]])
    positions = ghost_positions(stars.positions, offset, values[GHOST_MAGNIFICATION.key])
    return PointSources(positions, ghost_photons(stars.photons, values[GHOST_RATIO.key]))


EFFECT: Final = OptionalEffect(
    name="ghosts",
    doc="A ghost of each star.",
    parameters=(GHOST_RATIO, GHOST_X, GHOST_Y, GHOST_MAGNIFICATION),
    hook=CompanionHook((GHOST_RATIO, GHOST_X, GHOST_Y, GHOST_MAGNIFICATION), _ghosts),
    idle={GHOST_RATIO.key: 0.0},
)
