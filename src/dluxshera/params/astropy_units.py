"""Astropy quantities as values of parameters, in and out. Astropy is imported only where a quantity is involved."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from dluxshera.errors import ParameterError
from dluxshera.params.field import ParamField


def is_quantity(value: object) -> bool:
    """Return whether a value is an astropy quantity; whoever has one has imported astropy already."""
    units = sys.modules.get("astropy.units")
    return units is not None and isinstance(value, units.Quantity)


def from_quantity(field: ParamField, quantity: Any) -> np.ndarray:
    """Return the number or numbers of a quantity in the unit of a parameter, or their log10 where its scale is.

    Raises
    ------
    ParameterError
        If the quantity has another dimension.
    """
    from astropy import units

    own = units.Unit(field.units, format="vounit")
    try:
        multiply, divide = float(quantity.unit.to(own)), float(own.to(quantity.unit))
    except (units.UnitsError, TypeError, AttributeError):
        raise ParameterError(
            field.key,
            expected=f"a quantity in {field.units or 'no unit'}, or in a unit that converts to it",
            got=quantity,
            remedy=field.doc,
        ) from None
    # Division by a whole power of ten is rounded once: 4.6 um is 4.6e-06 m, and not 4.599999999999999e-06 m.
    value = np.asarray(quantity.value, dtype=np.float64)
    value = np.asarray(value * multiply if multiply >= 1 else value / divide)
    if field.scale != "log10":
        return value
    if not np.all(value > 0):
        raise ParameterError(field.key, expected=f"a positive quantity in {field.units}, for its log10", got=quantity)
    return np.asarray(np.log10(value))


def to_quantity(field: ParamField, value: Any) -> Any:
    """Return a parameter's value as an astropy quantity; of a log10, the quantity itself."""
    from astropy import units

    number = np.asarray(value, dtype=np.float64)
    return (10.0**number if field.scale == "log10" else number) * units.Unit(field.units, format="vounit")
