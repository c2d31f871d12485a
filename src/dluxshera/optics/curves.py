"""Tables over wavelength: the check that one has a whole band, and the cut to the rows that the band needs.

This module imports no array library, because specs and schemas, which every command reads, use it and need no arrays.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple, SupportsFloat

from dluxshera.errors import DataError
from dluxshera.optics.lengths import numbers_in_metres
from dluxshera.optics.relay import Numeric
from dluxshera.units import measured

EDGE: Final = 1e-9  # fraction of the band's width that the rounding of its edges may leave uncovered


class Curve(NamedTuple):
    """Table over wavelength, linear between its rows.

    Parameters
    ----------
    wavelengths : array, shape (rows,)
        Wavelengths, metres, ascending. The whole band lies between the first and the last.
    values : array, shape (rows,)
        Transmission, or photons per unit of wavelength in any unit.
    """

    wavelengths: Numeric
    values: Numeric


def check_table(wavelengths: Any, centre: SupportsFloat, width: SupportsFloat, key: str = "wavelengths") -> None:
    """Check that the rows of a table ascend and have a whole band between them.

    Parameters
    ----------
    wavelengths : array_like, shape (rows,)
        Wavelengths of the table, metres, or with a unit.
    centre, width : float
        Centre and full width of the band, metres.
    key : str
        Name of the wavelengths, for errors.

    Raises
    ------
    DataError
        If the wavelengths do not ascend, or part of the band lies outside them.
    """
    import numpy as np  # deferred, see the module's docstring

    rows = np.asarray(numbers_in_metres(key, wavelengths), dtype=np.float64)
    centre, width = numbers_in_metres("centre", centre), numbers_in_metres("width", width)
    if not np.all(np.isfinite(rows)) or np.any(np.diff(rows) <= 0.0):
        remedy = "Sort the rows by wavelength, and remove repeated wavelengths"
        raise DataError(key, expected="finite numbers in ascending order", got=wavelengths, remedy=remedy)
    blue, red = float(centre) - 0.5 * float(width), float(centre) + 0.5 * float(width)
    first, last, slack = float(rows[0]), float(rows[-1]), EDGE * float(width)
    missing = []
    if blue < first - slack:
        missing.append(_span(blue, min(first, red)))
    if red > last + slack:
        missing.append(_span(max(last, blue), red))
    if missing:
        expected = f"a table of the whole band, {_span(blue, red)}"
        remedy = f"Missing: {' and '.join(missing)}; extend the table, or change centre or width of the band"
        raise DataError(key, expected=expected, got=_span(first, last), remedy=remedy)


def cut_curve(
    wavelengths: Any, values: Any, centre: SupportsFloat, width: SupportsFloat, *, room: float = 0.0
) -> Curve:
    """Return the rows of a table that a band needs. No row is moved and none is added.

    Parameters
    ----------
    wavelengths : array_like, shape (rows,)
        Wavelengths of the table, metres or with a unit, ascending. The whole band lies between the first and the last.
    values : array_like, shape (rows,)
        Values of the table, in any unit.
    centre, width : float
        Centre and full width of the band, metres.
    room : float
        Distance on both sides by which an edge of the band may move, metres. It ends where the table does.

    Returns
    -------
    Curve
        Rows within band and room, and the next one on each side.

    Raises
    ------
    DataError
        If the table is not a curve, or part of the band lies outside it.
    """
    import numpy as np  # deferred, see the module's docstring

    rows = np.asarray(numbers_in_metres("wavelengths", wavelengths), dtype=np.float64)
    centre, width, room = (
        float(numbers_in_metres(name, value)) for name, value in (("centre", centre), ("width", width), ("room", room))
    )
    numbers = np.asarray(_without_unit(values), dtype=np.float64)
    if rows.shape != numbers.shape or rows.ndim != 1 or rows.size < 2:
        raise DataError("values", expected="a value for each of at least two wavelengths", got=values)
    check_table(rows, centre, width)
    reach = 0.5 * float(width) + room
    first = max(int(np.searchsorted(rows, float(centre) - reach, side="right")) - 1, 0)
    last = min(int(np.searchsorted(rows, float(centre) + reach, side="left")), rows.size - 1)
    return Curve(rows[first : last + 1], numbers[first : last + 1])


def _without_unit(values: Any) -> Any:
    """Return the values of a curve without their unit, which does not act; raise if one is masked."""
    numbers, _, mask = measured(values)
    if mask is not None:
        raise DataError("values", expected="no masked value", got=values, remedy="Remove the rows without a value")
    return numbers


def _span(first: float, last: float) -> str:
    return f"{first * 1e9:.6g} to {last * 1e9:.6g} nm"
