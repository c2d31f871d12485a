"""Numbers with a unit, from documents and from astropy, converted to the unit of a parameter's value.

Astropy is imported only where a unit differs from the parameter's own, or where a value is an astropy quantity.
"""

from __future__ import annotations

import re
import sys
from functools import lru_cache
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

from dluxshera.errors import ParameterError
from dluxshera.params.field import ParamField

if TYPE_CHECKING:
    import numpy as np

_UNIT: Final = re.compile(r"(?!.*[0-9]{3})[A-Za-z0-9 .*/()%-]{0,40}")  # no exponent that takes long to compute


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
    numbers = [_converted(number, factors) for number in _as_list(floats(amount))]
    if not all(map(isfinite, numbers)):
        raise ValueError(f"too large in {own}")
    return numbers if isinstance(amount, list) else numbers[0]


def is_quantity(value: object) -> bool:
    """Return whether a value is an astropy quantity. Without astropy imported there is none."""
    units = sys.modules.get("astropy.units")
    return units is not None and isinstance(value, units.Quantity)


def from_quantity(field: ParamField, quantity: Any) -> np.ndarray:
    """Return an astropy quantity as a number in the unit of a parameter, or its log10 for a logarithmic parameter.

    Parameters
    ----------
    field : ParamField
        Description of the parameter.
    quantity : astropy.units.Quantity
        Number or array with a unit.

    Raises
    ------
    ParameterError
        If the dimension differs, or a logarithm is taken of a number that is not positive.
    """
    import numpy as np

    try:
        factors = _factors_between(quantity.unit, _parsed(field.units))
    except ValueError:
        raise ParameterError(
            field.key,
            expected=f"a quantity in {field.units or 'no unit'}, or in a unit that converts to it",
            got=quantity,
            remedy=field.doc,
        ) from None
    numbers = np.asarray(_converted(np.asarray(quantity.value, dtype=np.float64), factors))
    if field.scale != "log10":
        return numbers
    if not np.all(numbers > 0):
        raise ParameterError(field.key, expected=f"a positive quantity in {field.units} to take log10 of", got=quantity)
    return np.asarray(np.log10(numbers))


def to_quantity(field: ParamField, value: Any) -> Any:
    """Return a parameter's value as an astropy quantity; a logarithm becomes the quantity itself."""
    import numpy as np

    number = np.asarray(value, dtype=np.float64)
    return (10.0**number if field.scale == "log10" else number) * _parsed(field.units)


def is_amount(value: Any) -> bool:
    """Return whether plain data is a number or a list of numbers."""
    return all(isinstance(x, int | float) and not isinstance(x, bool) for x in _as_list(value))


def floats(value: Any) -> Any:
    """Return a number as a float, a list or tuple of numbers as a list of floats."""
    return [float(number) for number in value] if isinstance(value, list | tuple) else float(value)


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _converted(number: Any, factors: tuple[float, float]) -> Any:
    # Division by a whole power of ten is rounded once: 4.6 um is 4.6e-06 m, and not 4.599999999999999e-06 m.
    multiply, divide = factors
    return number * multiply if multiply >= 1 else number / divide


@lru_cache(maxsize=256)
def _factors(unit: str, to: str) -> tuple[float, float]:
    return _factors_between(_parsed(unit), _parsed(to))


def _parsed(unit: str) -> Any:
    """Return the astropy unit of a VOUnit string."""
    import warnings

    from astropy import units  # slow to import

    if not _UNIT.fullmatch(unit):
        raise ValueError("no such unit")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return units.Unit(unit, format="vounit") if unit != "%" else units.percent
        except (ValueError, TypeError, OverflowError, ZeroDivisionError):
            raise ValueError("no such unit") from None


def _factors_between(unit: Any, to: Any) -> tuple[float, float]:
    """Return the factors from one astropy unit to another, and back."""
    from astropy import units

    try:
        factors = _whole(float(unit.to(to))), _whole(float(to.to(unit)))
    except (units.UnitsError, TypeError, AttributeError, OverflowError, ZeroDivisionError):
        raise ValueError("wrong unit") from None
    if not all(isfinite(factor) and factor > 0 for factor in factors):
        raise ValueError("no such unit")
    return factors


def _whole(factor: float) -> float:
    """Return a factor that is whole but for rounding as a whole number, and any other factor as it is."""
    near = float(round(factor)) if isfinite(factor) else factor
    return near if near and abs(factor / near - 1) < 1e-14 else factor
