"""Numbers of pixels as floats: photons of images, and photons squared of variances."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from dluxshera.errors import DataError
from dluxshera.units import header_facts, in_photons, measured, parsed_unit

_PHOTONS: Final = "photons, electrons, or a unit that converts to them"


def real_numbers(name: str, value: Any, power: int = 1) -> np.ndarray:
    """Return an image as real numbers: photons to a `power`, converted from its unit; masked elements are kept.

    Parameters
    ----------
    name : str
        Name of the argument in errors.
    value : array_like
        Numbers, or a value with a unit.
    power : int
        1 for data, 2 for a variance.

    Raises
    ------
    DataError
        If they are not real numbers, or the unit does not convert.
    """
    try:
        numbers, unit, _ = measured(value)
        array = np.asarray(numbers)
    except (ValueError, TypeError) as error:
        raise DataError(name, expected="real numbers", got=value, remedy=f"Pass an array: {error}") from None
    if array.dtype.kind not in "iuf":
        raise DataError(name, expected="real numbers", got=array)
    array = array.astype(float)
    if unit is None:
        return array
    try:
        if power == 1:
            return np.asarray(in_photons(array, unit, **header_facts(getattr(value, "meta", None))))
        return np.asarray(array * in_photons(1.0, parsed_unit(unit) ** 0.5) ** 2)
    except (ValueError, TypeError) as error:
        reason = f"It does not convert: {error}"
        squared = " squared" if power == 2 else ""
        raise DataError(name, expected=f"{_PHOTONS}{squared}", got=str(unit), remedy=reason) from None
