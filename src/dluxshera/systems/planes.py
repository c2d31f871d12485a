"""The optical systems: the name of each, and its number of surfaces behind the pupil."""

from __future__ import annotations

from typing import Final

TWO_PLANE: Final = "shera_twoplane"
THREE_PLANE: Final = "shera_threeplane"
FOUR_PLANE: Final = "shera_fourplane"
SURFACES: Final = {TWO_PLANE: 0, THREE_PLANE: 1, FOUR_PLANE: 2}


def systems_with(surfaces: int) -> tuple[str, ...]:
    """Return the systems that have at least this number of surfaces behind the pupil."""
    return tuple(system for system, count in SURFACES.items() if count >= surfaces)
