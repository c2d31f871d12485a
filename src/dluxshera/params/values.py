"""The check of a parameter's value, which stores and profiles share: a real number, its shape, its bounds. No jax."""

from __future__ import annotations

import sys
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

from dluxshera.errors import BoundsError, NonFiniteError, ParameterError, ShapeError, first_index
from dluxshera.params.field import ParamField
from dluxshera.params.quantities import bare_value, own_unit

if TYPE_CHECKING:
    import numpy as np
    from jax import Array

_NAMED: Final = 20  # components that an error names one by one


def check_value(field: ParamField, value: Any) -> np.ndarray | Array:
    """Return a value of a parameter in double precision, after all checks.

    Parameters
    ----------
    field : ParamField
        The parameter, with the shape that its value must have.
    value : array_like or quantity
        Number, list or map in the unit of the field, or with a unit (see `dluxshera.units.measured`). Integers become
        floats.

    Returns
    -------
    numpy.ndarray or jax.Array
        A read-only copy; a JAX array remains one. Of a traced value only type and shape are checked.

    Raises
    ------
    ParameterError
        If it is not a real number, a quantity of another dimension, or masked.
    ShapeError, NonFiniteError, BoundsError
        If the shape differs, or an element is not finite or lies outside the bounds.
    """
    import numpy as np

    numbers = _real(field, value)
    check_shape(field, numbers)
    if _is_jax(numbers):
        if not is_traced_value(numbers):
            check_numbers(field, np.asarray(numbers, dtype=np.float64))
        return numbers
    check_numbers(field, numbers)
    numbers.flags.writeable = False
    return numbers


def check_numbers(field: ParamField, numbers: Any) -> None:
    """Check that numbers are finite and within the bounds of a parameter; their shape is not checked.

    Parameters
    ----------
    field : ParamField
        The parameter.
    numbers : float, list of float or numpy.ndarray
        Numbers in the unit of the field. Plain ones are checked without NumPy.

    Raises
    ------
    NonFiniteError, BoundsError
        If a number is not finite or lies outside the bounds; `index` has its place.
    """
    if not _all_finite(numbers):
        raise NonFiniteError(field.key, got=numbers)
    if not field.bounds.as_dict():
        return
    extremes = _extremes(numbers)
    if extremes and all(map(field.bounds.contains, extremes)):  # element by element, a map would take a second
        return
    index = first_index(numbers, lambda x: not field.bounds.contains(x))
    if index is not None:
        expected = _with_unit(str(field.bounds), field)
        remedy = f"{field.doc} {field.bounds.sentence}".strip()
        raise BoundsError(field.key, expected=expected, got=numbers, index=index, remedy=remedy)


def check_shape(field: ParamField, value: Any) -> None:
    """Check the shape of a value.

    Parameters
    ----------
    field : ParamField
        Description of the parameter.
    value : array_like
        Value to check.

    Raises
    ------
    ShapeError
        If it is not the shape of the field.
    """
    import numpy as np

    if np.shape(value) != field.shape:
        shape = "a single number" if not field.shape else f"an array of shape {field.shape}"
        names = field.components
        if len(names) > _NAMED:
            names = (*names[:_NAMED], "...", names[-1])
        components = f"One coefficient each for {', '.join(names)}" if names else ""
        raise ShapeError(field.key, expected=shape, got=value, remedy=components)


def is_traced_value(value: object) -> bool:
    """Return whether a value is traced by JAX. Without jax imported there is none."""
    jax = sys.modules.get("jax")
    return jax is not None and isinstance(value, jax.core.Tracer)


def within_period(field: ParamField, numbers: Any) -> Any:
    """Return concrete numbers of a circular parameter, brought within its bounds by whole turns.

    Parameters
    ----------
    field : ParamField
        The parameter. The numbers of one without a period, and those within its bounds, are returned as they are.
    numbers : array_like
        Numbers in the unit of the field.
    """
    low, high = field.bounds.minimum, field.bounds.maximum
    if field.period is None or low is None or high is None:
        return numbers
    import numpy as np

    values = np.asarray(numbers)
    if not np.any((values < low) | (values > high)):
        return numbers
    turns = np.ceil(np.maximum(values - high, 0.0) / field.period) - np.ceil(
        np.maximum(low - values, 0.0) / field.period
    )
    return values - field.period * turns


def _real(field: ParamField, value: Any) -> Any:
    import numpy as np

    if not _is_jax(value):
        value = bare_value(field, value)
        try:
            array = np.asarray(value)
            if array.dtype.kind == "O" and all(type(number) is int for number in array.flat):  # beyond 64 bits
                array = array.astype(np.float64)
        except (ValueError, TypeError, OverflowError):  # a ragged list, no number, an integer beyond the floats
            array = np.asarray(None)
        if array.dtype.kind not in "iuf":
            raise ParameterError(field.key, expected=_with_unit("a real number", field), got=value)
        return array.astype(np.float64)
    if value.dtype.kind not in "iuf":
        raise ParameterError(field.key, expected=_with_unit("a real number", field), got=value)
    return value if value.dtype.kind == "f" else value.astype(float)


def _extremes(numbers: Any) -> tuple[float, ...]:
    """Return the smallest and the largest number of an array; nothing for plain numbers."""
    is_array = not isinstance(numbers, float | list) and numbers.size > 1
    return (float(numbers.min()), float(numbers.max())) if is_array else ()


def _all_finite(numbers: Any) -> bool:
    if isinstance(numbers, float | list):
        return first_index(numbers, lambda x: not isfinite(x)) is None
    import numpy as np

    return bool(np.all(np.isfinite(numbers)))


def _is_jax(value: object) -> bool:
    """Return whether a value is a JAX array. Without jax imported there is none."""
    jax = sys.modules.get("jax")
    return jax is not None and isinstance(value, jax.Array)


def _with_unit(phrase: str, field: ParamField) -> str:
    return f"{phrase} {own_unit(field)}".rstrip()
