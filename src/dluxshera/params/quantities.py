"""Numbers with a unit, as documents say them, in the unit that a parameter has of its own."""

from __future__ import annotations

import re
from functools import lru_cache
from math import isfinite
from typing import Any, Final

from dluxshera.params.field import ParamField

_UNIT: Final = re.compile(r"(?!.*[0-9]{3})[A-Za-z0-9 .*/()%-]{0,40}")  # no exponent that takes long to compute


def own_unit(item: ParamField) -> str:
    """Return the unit that a parameter's value is in, ``log10(ph)`` for a logarithm."""
    return f"log10({item.units})" if item.scale == "log10" else item.units


def in_own_unit(item: ParamField, amount: Any, unit: str) -> Any:
    """Return a number, or a list of numbers, converted from `unit` to the parameter's own.

    Raises
    ------
    ValueError
        If there is no such unit, its dimension is another, or a result is not finite; with the reason.
    """
    own = own_unit(item)
    if unit == own:
        return floats(amount)
    if item.scale == "log10":
        raise ValueError("wrong unit")
    if not _UNIT.fullmatch(unit):
        raise ValueError("no such unit")
    multiply, divide = _factors(unit, own)
    # Division by a whole power of ten is rounded once: 4.6 um is 4.6e-06 m, and not 4.599999999999999e-06 m.
    values = [value * multiply if multiply >= 1 else value / divide for value in _as_list(floats(amount))]
    if not all(map(isfinite, values)):
        raise ValueError(f"too large in {own}")
    return values if isinstance(amount, list) else values[0]


@lru_cache(maxsize=256)
def _factors(unit: str, own: str) -> tuple[float, float]:
    """Return the factors from one VOUnit string to another, and back."""
    import warnings

    from astropy import units  # slow to import

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            here = units.Unit(unit, format="vounit") if unit != "%" else units.percent
        except (ValueError, TypeError, OverflowError, ZeroDivisionError):
            raise ValueError("no such unit") from None
        there = units.Unit(own, format="vounit")
    try:
        both = _whole(float(here.to(there))), _whole(float(there.to(here)))
    except (units.UnitConversionError, OverflowError, ZeroDivisionError):
        raise ValueError("wrong unit") from None
    if not all(isfinite(factor) and factor > 0 for factor in both):
        raise ValueError("no such unit")
    return both


def _whole(factor: float) -> float:
    """Return a factor, a whole one without the rounding that the way to it may have left."""
    near = float(round(factor)) if isfinite(factor) else factor
    return near if near and abs(factor / near - 1) < 1e-14 else factor


def is_amount(value: Any) -> bool:
    """Return whether plain data is a number or a list of numbers."""
    return all(isinstance(x, int | float) and not isinstance(x, bool) for x in _as_list(value))


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def floats(value: Any) -> Any:
    """Return a number as a float, a list or tuple of numbers as a list of floats."""
    return [float(number) for number in value] if isinstance(value, list | tuple) else float(value)
