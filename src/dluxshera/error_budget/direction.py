"""Directions in parameter space: parameter key to the factor of the magnitude. No jax."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from dluxshera.error_budget.requirement import unit_of
from dluxshera.error_budget.schema_parts import KEY, mapping_schema
from dluxshera.params import unit_factor

if TYPE_CHECKING:
    from dluxshera.params import ParameterStore

Direction: TypeAlias = Mapping[str, float | tuple[float, ...]]

DIRECTION: Final = mapping_schema(
    "Parameter key to the factor that multiplies the magnitude.",
    {
        "type": ["number", "array"],
        "items": {"type": "number"},
        "description": "A number, or one for each component of an array.",
    },
    minProperties=1,
    propertyNames={name: KEY[name] for name in ("pattern", "x-form")},
)


def direction_of(content: Mapping[str, Any]) -> Direction:
    """Return the direction that a document describes, with numbers as floats and lists as tuples."""
    return {
        key: tuple(map(float, value)) if isinstance(value, list) else float(value) for key, value in content.items()
    }


def changes(direction: Direction, unit: str, store: ParameterStore, *, relative: bool = False) -> dict[str, Any]:
    """Return the change of each parameter, in its own unit, per unit of a magnitude.

    Parameters
    ----------
    direction : mapping of str to float or tuple of float
        Factor of each parameter.
    unit : str
        Unit of the magnitude, a VOUnit string.
    store : ParameterStore
        Values at the reference point; its spec gives the parameters' units.
    relative : bool
        True if the magnitude is a fraction of each parameter's value.
    """
    fraction = unit_factor(unit, "") if relative else 1.0
    return {
        key: np.asarray(factor)
        * (fraction * np.asarray(store[key]) if relative else unit_factor(unit, unit_of(store.spec[key])))
        for key, factor in direction.items()
    }
