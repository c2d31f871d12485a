"""Optional effects of a configuration, with a module for each effect. No jax.

Their order here is the order of their parameters in every spec, and that in which effects of one kind act.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from dluxshera.systems.effects import (
    alignment,
    background,
    black_bodies,
    distortion,
    electronics,
    field_stars,
    filter,
    ghosts,
    motion,
    pixel_offsets,
    pixel_response,
    spectra,
    surface_maps,
)
from dluxshera.systems.effects.optional_effect import OptionalEffect

EFFECTS: Final[Mapping[str, OptionalEffect]] = {
    effect.name: effect
    for effect in (
        alignment.EFFECT,
        distortion.EFFECT,
        surface_maps.M1_MAPS,
        surface_maps.M2_MAPS,
        surface_maps.M3_MAPS,
        black_bodies.EFFECT,
        spectra.EFFECT,
        filter.EFFECT,
        field_stars.EFFECT,
        ghosts.EFFECT,
        background.EFFECT,
        motion.EFFECT,
        pixel_offsets.EFFECT,
        pixel_response.EFFECT,
        electronics.EFFECT,
    )
}


def effects_of(surfaces: int) -> tuple[str, ...]:
    """Return the names of the effects that a system can have.

    Parameters
    ----------
    surfaces : int
        Number of surfaces behind the pupil of the system.
    """
    return tuple(name for name, effect in EFFECTS.items() if effect.surfaces <= surfaces)


def effect_config_fields() -> tuple[str, ...]:
    """Return the fields of configurations that only optional effects use."""
    return tuple(dict.fromkeys(name for effect in EFFECTS.values() for name in effect.config_fields))
