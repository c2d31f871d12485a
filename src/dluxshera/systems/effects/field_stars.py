"""Other stars in the field."""

from __future__ import annotations

from typing import Final

from dluxshera.systems.effects.hooks import Array, PointSources, SourceHook, Values
from dluxshera.systems.effects.optional_effect import OptionalEffect
from dluxshera.systems.parameters import bounds
from dluxshera.systems.parameters.kinds import IN_EVERY_SPEC, in_systems
from dluxshera.systems.parameters.origins import Constant
from dluxshera.systems.parameters.record import Elements, Parameter

_COUNT = Elements("n_field_stars")

STAR_X: Final = Parameter(
    key="field.star_x_position_as",
    title="Each field star, x",
    doc="Position of each field star from the centre of the image; +x is a growing column.",
    symbol="x_i",
    units="arcsec",
    bounds=bounds.POSITION,
    kinds=in_systems(IN_EVERY_SPEC),
    origin=Constant(3.0, "illustrative"),
    size=_COUNT,
    effect="field_stars",
)
STAR_Y: Final = Parameter(
    key="field.star_y_position_as",
    title="Each field star, y",
    doc="Position of each field star from the centre of the image; +y is a growing row.",
    symbol="y_i",
    units="arcsec",
    bounds=bounds.POSITION,
    kinds=in_systems(IN_EVERY_SPEC),
    origin=Constant(-4.0, "illustrative"),
    size=_COUNT,
    effect="field_stars",
)
STAR_LOG_FLUX: Final = Parameter(
    key="field.star_log_flux",
    title="Flux of each field star",
    doc="Decimal logarithm of the photons detected from each field star in one exposure, as the total flux counts"
    " them. Its spectrum is flat.",
    symbol=r"\log_{10} F_i",
    units="ph",
    scale="log10",
    bounds=bounds.LOG_PHOTONS,
    kinds=in_systems(IN_EVERY_SPEC),
    origin=Constant(6.0, "illustrative"),
    size=_COUNT,
    effect="field_stars",
)


def _stars(weights: Array, values: Values) -> PointSources:
    import jax.numpy as jnp

    from dluxshera.optics import field_star_photons

    positions = jnp.stack([values[STAR_X.key], values[STAR_Y.key]], axis=-1)
    return PointSources(positions, field_star_photons(values[STAR_LOG_FLUX.key])[:, None] * weights)


EFFECT: Final = OptionalEffect(
    name="field_stars",
    doc="Other stars in the field.",
    parameters=(STAR_X, STAR_Y, STAR_LOG_FLUX),
    hook=SourceHook((STAR_X, STAR_Y, STAR_LOG_FLUX), _stars),
    config_fields=("n_field_stars",),
    idle={STAR_LOG_FLUX.key: -300.0},
)
