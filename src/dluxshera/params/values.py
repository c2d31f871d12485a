"""The check of a parameter's value, which stores and profiles share: a real number, its shape, its bounds. No jax."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from dluxshera.errors import BoundsError, NonFiniteError, ParameterError, ShapeError, first_index
from dluxshera.params.field import ParamField
from dluxshera.params.quantities import from_quantity, is_quantity, own_unit

if TYPE_CHECKING:
    from jax import Array

    Value: TypeAlias = Array | np.ndarray | np.floating  # arithmetic turns an array of no dimension into a scalar


def check_value(field: ParamField, value: Any) -> Value:
    """Return a value of a parameter in double precision, after all checks.

    Parameters
    ----------
    field : ParamField
        The parameter, with the shape that its value must have.
    value : array_like or Quantity
        Number, list or map in the unit of the field, or an astropy quantity. Integers become floats.

    Returns
    -------
    numpy.ndarray or jax.Array
        A read-only copy; a JAX array remains one. Of a traced value only type and shape are checked.

    Raises
    ------
    ParameterError
        If it is not a real number, or a quantity of another dimension.
    ShapeError, NonFiniteError, BoundsError
        If the shape differs, or an element is not finite or lies outside the bounds.
    """
    numbers = _real(field, value)
    check_shape(field, numbers)
    return _within_bounds(field, numbers)


def check_numbers(field: ParamField, value: Any) -> Value:
    """Return a value as `check_value` does, without the check of its shape.

    For a value of a document that does not fix the length of lists: `check_shape` follows where the length is fixed.

    Raises
    ------
    ParameterError, NonFiniteError, BoundsError
        See `check_value`.
    """
    return _within_bounds(field, _real(field, value))


def check_shape(field: ParamField, value: Any) -> None:
    """Check the shape of a value.

    Raises
    ------
    ShapeError
        If it is not that of the field.
    """
    if np.shape(value) != field.shape:
        shape = "a single number" if not field.shape else f"an array of shape {field.shape}"
        components = f"One coefficient each for {', '.join(field.components)}" if field.components else ""
        raise ShapeError(field.key, expected=shape, got=value, remedy=components)


def _real(field: ParamField, value: Any) -> Value:
    if is_quantity(value):
        value = from_quantity(field, value)
    if not _is_jax(value):
        try:
            array = np.asarray(value)
        except ValueError:  # a ragged list
            array = np.asarray(None)
        if array.dtype.kind not in "iuf":
            raise ParameterError(field.key, expected=_with_unit("a real number", field), got=value)
        return array.astype(np.float64)
    if value.dtype.kind not in "iuf":
        raise ParameterError(field.key, expected=_with_unit("a real number", field), got=value)
    return value if value.dtype.kind == "f" else value.astype(float)


def _within_bounds(field: ParamField, value: Any) -> Value:
    if _is_jax(value) and isinstance(value, sys.modules["jax"].core.Tracer):
        return value
    concrete = np.asarray(value, dtype=np.float64)
    if not np.all(np.isfinite(concrete)):
        raise NonFiniteError(field.key, got=concrete)
    index = first_index(concrete, lambda x: not field.bounds.contains(x)) if field.bounds.as_dict() else None
    if index is not None:
        expected = _with_unit(str(field.bounds), field)
        raise BoundsError(field.key, expected=expected, got=concrete, index=index, remedy=field.doc)
    if isinstance(value, np.ndarray):
        value.flags.writeable = False
    return value


def _is_jax(value: object) -> bool:
    """Return whether a value is a JAX array. Without jax imported there is none."""
    jax = sys.modules.get("jax")
    return jax is not None and isinstance(value, jax.Array)


def _with_unit(phrase: str, field: ParamField) -> str:
    return f"{phrase} {own_unit(field)}".rstrip()
