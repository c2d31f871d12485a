"""Values that carry a unit or a mask, and their parts: the one gate of every value that a user passes.

Units are recognised by attributes, so pint, unyt, xarray, pandas and h5py are not needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, NamedTuple

from dluxshera.errors import ParameterError
from dluxshera.units.conversion import converted


class Measured(NamedTuple):
    """The parts of a value. Returned by `measured`.

    Parameters
    ----------
    numbers : object
        The value without its unit and mask: a number, a sequence or an array.
    unit : object
        Unit as the value carries it: an object of a unit package, or text; None for plain numbers.
    mask : ndarray of bool or None
        True for the elements without a value; None if there are none.
    """

    numbers: Any
    unit: Any = None
    mask: Any = None


def measured(value: Any) -> Measured:
    """Separate a value into its numbers, its unit and its mask.

    A unit is an attribute ``unit`` (astropy quantities and columns, NDData) or ``units`` (pint, unyt), or an item
    ``units`` of the attribute ``attrs`` (xarray, pandas, h5py). A sequence has the unit of its first element; the other
    elements are converted to it.

    Parameters
    ----------
    value : object
        Value of any type.

    Returns
    -------
    Measured
        Numbers, unit and mask. A value without a unit and a mask is unchanged, and is the numbers.

    Raises
    ------
    ValueError
        If only some elements of a sequence carry a unit, or their units do not convert to each other.
    """
    if isinstance(value, date | timedelta):  # those of pandas have a unit, but it is not that of their value
        return Measured(value)
    if isinstance(value, list | tuple) or _is_object_array(value):
        return _of_elements(value)
    attributes = getattr(value, "attrs", None)
    if isinstance(attributes, Mapping):
        unit = attributes.get("units", attributes.get("unit"))
        if unit is not None:
            import numpy as np

            return Measured(np.asarray(value), unit)
        inner = measured(getattr(value, "data", None))  # xarray around pint
        return Measured(value) if inner.unit is None and inner.mask is None else inner
    mask = _mask(value)
    unit = next((each for name in ("unit", "units") if _is_unit(each := getattr(value, name, None))), None)
    if unit is None and mask is None:
        return Measured(value)
    inner = measured(_bare(value))
    unit, mask = (own if other is None else other for own, other in ((unit, inner.unit), (mask, inner.mask)))
    return Measured(inner.numbers, unit, mask)


def check_plain(**arguments: Any) -> None:
    """Check that values without a unit of their own, such as the elements of theta, carry no unit and no mask.

    Parameters
    ----------
    **arguments
        Values by the name of the argument.

    Raises
    ------
    ParameterError
        If a value carries a unit, or one of its elements is masked.
    """
    for name, value in arguments.items():
        try:
            plain = measured(value)[1:] == (None, None)
        except ValueError:
            plain = False
        if not plain:
            remedy = "Convert it to the unit of the parameter, and pass the numbers"
            raise ParameterError(name, expected="numbers without a unit or a mask", got=value, remedy=remedy)


def _of_elements(value: Any) -> Measured:
    """Return the parts of a sequence whose elements may carry units and masks."""
    items = value.tolist() if _is_object_array(value) else value
    if all(isinstance(item, float | int) for item in items):
        return Measured(value)
    parts = [measured(item) for item in items]
    if all(part.unit is None and part.mask is None for part in parts):
        return Measured(value)
    import numpy as np

    first = parts[0].unit
    if any((part.unit is None) != (first is None) for part in parts):
        raise ValueError("some elements have a unit and others have none")
    numbers = [np.asarray(part.numbers) for part in parts]
    if first is not None:
        numbers = [converted(number, part.unit, first) for number, part in zip(numbers, parts, strict=True)]
    shapes = [np.shape(number) for number in numbers]
    masks = None
    if any(part.mask is not None for part in parts):
        pairs = zip(parts, shapes, strict=True)
        masks = np.array([np.zeros(shape, bool) if part.mask is None else part.mask for part, shape in pairs])
    return Measured(numbers, first, masks)


def _is_object_array(value: Any) -> bool:
    dtype = getattr(value, "dtype", None)
    return getattr(dtype, "kind", "") == "O" and type(value).__module__ == "numpy" and value.ndim > 0


def _is_unit(unit: Any) -> bool:
    """Return whether an attribute ``unit`` or ``units`` is one: no method, and no number."""
    return (unit is not None and not callable(unit)) or hasattr(unit, "is_equivalent")


def _mask(value: Any) -> Any:
    """Return the mask of a masked array or NDData, or None if no element is masked."""
    mask = getattr(value, "mask", None)
    if mask is None or callable(mask):
        return None
    import numpy as np

    array = np.asarray(mask)
    return array if array.dtype == bool and array.any() else None


def _bare(value: Any) -> Any:
    """Return the numbers of a value that carries a unit or a mask."""
    import numpy as np

    for name in ("unmasked", "magnitude", "value", "data"):
        inner = getattr(value, name, None)
        if inner is not None and not callable(inner) and not isinstance(inner, memoryview):
            return np.ma.getdata(inner) if name == "data" else inner
    return np.asarray(value)
