"""Numbers with a unit, from documents and from Python, converted to the unit of a parameter's value.

Astropy is imported only where a unit differs from the parameter's own, or where a value carries a unit.
"""

from __future__ import annotations

from functools import lru_cache
from math import isfinite
from typing import TYPE_CHECKING, Any

from dluxshera.errors import ParameterError, first_index
from dluxshera.params.field import ParamField
from dluxshera.units import converted, factors_between, measured, scaled, vounit

if TYPE_CHECKING:
    import numpy as np


def own_unit(field: ParamField) -> str:
    """Return the unit of a parameter's value; that of a logarithm is ``log10(ph)``, for example."""
    return f"log10({field.units})" if field.scale == "log10" else field.units


def unit_factor(unit: str, to: str) -> float:
    """Return the factor by which a number in one unit is multiplied to express it in another.

    Parameters
    ----------
    unit, to : str
        VOUnit strings; empty for a pure number, and ``%`` for percent.

    Raises
    ------
    ValueError
        If one of them is not a unit, or their dimensions differ.

    Examples
    --------
    >>> unit_factor("um", "m")
    1e-06
    """
    multiply, divide = _factors(unit, to)
    return multiply if multiply >= 1 else 1 / divide


def in_own_unit(field: ParamField, amount: Any, unit: str) -> Any:
    """Return a number, or a list of numbers, converted from a unit to the parameter's own.

    Parameters
    ----------
    field : ParamField
        Description of the parameter.
    amount : float or list of float
        Number or numbers.
    unit : str
        Unit of the amount, a VOUnit string.

    Raises
    ------
    ValueError
        If `unit` is not a unit, its dimension differs, or a converted number is not finite.
    """
    own = own_unit(field)
    if unit == own:
        return floats(amount)
    if field.scale == "log10":
        raise ValueError("wrong unit")
    factors = _factors(unit, own)
    numbers = [scaled(number, factors) for number in _as_list(floats(amount))]
    if not all(map(isfinite, numbers)):
        raise ValueError(f"too large in {own}")
    return numbers if isinstance(amount, list) else numbers[0]


def bare_value(field: ParamField, value: Any) -> Any:
    """Return a value of a parameter as numbers in its unit: converted if the value carries a unit, unchanged otherwise.

    Parameters
    ----------
    field : ParamField
        Description of the parameter.
    value : object
        Numbers, or a value with a unit as `dluxshera.units.measured` takes it; a logarithmic parameter takes the
        quantity itself, or its logarithm in a unit such as ``dex(ph)``.

    Raises
    ------
    ParameterError
        If the dimension differs, the unit is unknown, an element is masked, or a logarithm is taken of a number that is
        not positive.
    """
    try:
        numbers, unit, mask = measured(value)
        if mask is not None:
            place = f" at index {first_index(mask, bool)}" if mask.ndim else ""
            expected = "numbers, none of them masked"
            raise ParameterError(field.key, expected=expected, got=f"a masked value{place}", remedy=field.doc)
        return numbers if unit is None else _in_unit_of(field, numbers, unit, value)
    except ParameterError:
        raise
    except (ValueError, TypeError) as error:
        raise ParameterError(
            field.key,
            expected=f"a quantity in {field.units or 'no unit'}, or in a unit that converts to it",
            got=value,
            remedy=f"It does not convert: {error}. {field.doc}",
        ) from None


def _in_unit_of(field: ParamField, numbers: Any, unit: Any, value: Any) -> np.ndarray:
    import numpy as np

    numbers = np.asarray(numbers)
    if numbers.dtype.kind not in "iuf":
        raise ParameterError(field.key, expected=f"real numbers, with a unit of {field.units or 'none'}", got=value)
    numbers = numbers.astype(np.float64)
    if field.scale != "log10":
        return np.asarray(converted(numbers, unit, vounit(field.units)), dtype=np.float64)
    from astropy import units

    if isinstance(unit, units.FunctionUnitBase):
        return np.asarray(converted(numbers, unit, units.dex(vounit(field.units))), dtype=np.float64)
    numbers = np.asarray(converted(numbers, unit, vounit(field.units)))
    if not np.all(numbers > 0):
        raise ParameterError(field.key, expected=f"a positive quantity in {field.units} to take log10 of", got=value)
    return np.asarray(np.log10(numbers))


def to_quantity(field: ParamField, value: Any) -> Any:
    """Return a parameter's value as an astropy quantity; a logarithm becomes the quantity itself."""
    import numpy as np

    number = np.asarray(value, dtype=np.float64)
    return (10.0**number if field.scale == "log10" else number) * vounit(field.units)


def is_amount(value: Any) -> bool:
    """Return whether plain data is a number or a list of numbers."""
    return all(isinstance(x, int | float) and not isinstance(x, bool) for x in _as_list(value))


def floats(value: Any) -> Any:
    """Return a number as a float, a list or tuple of numbers as a list of floats."""
    return [float(number) for number in value] if isinstance(value, list | tuple) else float(value)


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@lru_cache(maxsize=256)
def _factors(unit: str, to: str) -> tuple[float, float]:
    return factors_between(vounit(unit), vounit(to))
