"""Units of length in files of maps and curves, and of lengths that carry a unit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dluxshera.errors import DataError
from dluxshera.units import converted, factors_between, measured, parsed_unit


def metres_of(path: Path, file_unit: Any, unit: str | None, place: str) -> float:
    """Return the length of one unit of a file's values in metres.

    Parameters
    ----------
    path : Path
        File, for errors.
    file_unit, unit : str, optional
        Unit in the file and unit of the caller. One can be missing; if both are present, they must agree.
    place : str
        Place of the unit in the file, for errors.
    """
    from astropy import units  # slow to import

    scales = []
    for name in (file_unit, unit):
        if name is None or not str(name).strip():
            continue
        try:
            scales.append(factors_between(parsed_unit(name), units.m)[0])
        except ValueError as error:  # not a unit, or a unit of another quantity
            remedy = f"Name a unit of length, such as nm, in {place} or in the argument unit"
            raise DataError(str(path), expected="a unit of length", got=name, remedy=remedy) from error
    if not scales:
        remedy = f'Pass unit, as in unit="nm", or name it in {place}'
        raise DataError(str(path), expected="a unit of length", remedy=remedy)
    if scales[0] != scales[-1]:
        remedy = f"The unit in {place} is {file_unit}; correct it or omit unit"
        raise DataError(str(path), expected="the unit of the file", got=unit, remedy=remedy)
    return scales[0]


def numbers_in_metres(name: str, value: Any) -> Any:
    """Return a length, or an array of lengths, as numbers in metres; numbers without a unit are unchanged.

    Parameters
    ----------
    name : str
        Name of the argument, for errors.
    value : float or array_like
        Metres, or a value with a unit (see `dluxshera.units.measured`).

    Raises
    ------
    DataError
        If the unit is not one of length, or an element is masked.
    """
    try:
        numbers, unit, mask = measured(value)
        if mask is not None:
            raise DataError(name, expected="no masked value", got=value, remedy="Give a number for each masked element")
        return numbers if unit is None else converted(numbers, unit, "m")
    except DataError:
        raise
    except ValueError as error:
        remedy = f"Convert it to metres: {error}"
        raise DataError(name, expected="a length", got=value, remedy=remedy) from None
