"""Files of curves over wavelength: transmissions of filters and spectra of stars, as tables of two columns."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from dluxshera.errors import DataError

SUFFIXES = (".ecsv", ".csv")


def read_curve(path: str | Path, *, unit: str | None = None) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Return the curve in a file: wavelengths in metres and a value at each.

    Parameters
    ----------
    path : str or Path
        An ECSV table of astropy, or a CSV file whose first line names the columns. There are two: wavelength and value.
        ECSV has their units; a CSV file puts them behind the names, in brackets: ``wavelength [nm], flux [W/m2/nm]``.
    unit : str, optional
        Unit of length of the wavelengths, where the file names none; one in the file must agree with it.

    Returns
    -------
    wavelengths : ndarray, shape (n,)
        Metres, ascending, at least two.
    values : ndarray, shape (n,)
        Finite and not negative. A value without unit, or in per cent, comes back as a plain number; a spectral flux
        density - of photons or energy, per wavelength or frequency - as photons per second, square metre and metre of
        wavelength.

    Raises
    ------
    DataError
        If there is no such file, or it is no table of this kind.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        remedy = "Convert the table, or name the file by its format"
        raise DataError(str(path), expected=f"a name that ends with {' or '.join(SUFFIXES)}", remedy=remedy)
    if not path.is_file():
        remedy = "Check the path; a relative one starts at the working folder"
        raise DataError(str(path), expected="a file", remedy=remedy)
    (wavelengths, named), (values, value_unit) = _columns(path)
    wavelengths = wavelengths * _metres(path, named, unit)
    order = np.argsort(wavelengths, kind="stable")
    wavelengths, values = wavelengths[order], values[order]
    if wavelengths[0] <= 0.0 or np.any(np.diff(wavelengths) == 0.0):
        remedy = "Give each wavelength once"
        raise DataError(str(path), expected="positive wavelengths, no two alike", got=wavelengths, remedy=remedy)
    values = _in_photons(path, wavelengths, values, value_unit)
    negative = np.flatnonzero(values < 0.0)
    if negative.size:
        remedy = "Set to 0 what noise has made negative"
        index = (int(negative[0]),)
        raise DataError(str(path), expected="values that are not negative", got=values, remedy=remedy, index=index)
    return wavelengths, values


def _columns(path: Path) -> list[tuple[np.ndarray, str | None]]:
    """Return the numbers and the unit of both columns."""
    from astropy.table import Table  # slow to import

    try:
        table = Table.read(path, format=f"ascii{path.suffix.lower()}")
    except (OSError, ValueError, TypeError, KeyError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise DataError(str(path), expected="a table that is whole", remedy=f"Write it anew: {reason}") from error
    if len(table.columns) != 2 or len(table) < 2:
        got = f"{len(table.columns)} columns and {len(table)} rows"
        remedy = "Keep wavelength and value, and name both in the first line"
        raise DataError(str(path), expected="two columns and at least two rows", got=got, remedy=remedy)
    return [_column(path, table[name]) for name in table.colnames]


def _column(path: Path, column: Any) -> tuple[np.ndarray, str | None]:
    """Return the numbers of one column as float64, once they are found to be such, and its unit."""
    if np.ma.is_masked(column) or column.dtype.kind not in "iuf" or column.ndim != 1:
        remedy = "Give one number in each row"
        raise DataError(f"{path}: {column.name}", expected="a column of numbers", got=list(column[:3]), remedy=remedy)
    numbers = np.asarray(column, dtype=np.float64)
    bad = np.flatnonzero(~np.isfinite(numbers))
    if bad.size:
        index = (int(bad[0]),)
        raise DataError(f"{path}: {column.name}", expected="finite numbers", got=numbers, index=index)
    bracketed = re.search(r"[\[(](.*)[\])]\s*$", column.name)
    return numbers, str(column.unit) if column.unit else bracketed[1] if bracketed else None


def _metres(path: Path, named: str | None, given: str | None) -> float:
    """Return what one unit of the wavelengths is in metres, by the file's unit and the caller's, which must agree."""
    from astropy import units  # slow to import

    scales = []
    for unit in (named, given):
        if unit is None or not unit.strip():
            continue
        try:
            scales.append(float(units.Unit(unit).to(units.m)))
        except ValueError as error:  # no unit at all, or one of something else
            remedy = "Name a unit of length, such as nm, for the first column"
            raise DataError(str(path), expected="a unit of length", got=unit, remedy=remedy) from error
    if not scales:
        remedy = 'Pass unit, as in unit="nm", or name it in the file: wavelength [nm]'
        raise DataError(str(path), expected="a unit of length for the wavelengths", remedy=remedy)
    if scales[0] != scales[-1]:
        remedy = f"The file says {named}; correct it or leave unit out"
        raise DataError(str(path), expected="the unit of the file", got=given, remedy=remedy)
    return scales[0]


def _in_photons(path: Path, wavelengths: np.ndarray, values: np.ndarray, unit: str | None) -> np.ndarray:
    """Return the values as plain numbers or as a flux density of photons per wavelength."""
    if unit is None or not unit.strip():
        return values
    from astropy import units  # slow to import

    try:
        given = units.Unit(unit)
        if given.is_equivalent(units.dimensionless_unscaled):
            return values * float(given.to(units.dimensionless_unscaled))
        photons = units.ph / units.s / units.m**2 / units.m
        density = units.spectral_density(wavelengths * units.m)
        return np.asarray(given.to(photons, values, equivalencies=density), dtype=np.float64)
    except ValueError as error:
        expected = "values without unit, in per cent, or a spectral flux density"
        remedy = "Correct the unit of the second column, or leave it out for relative photons"
        raise DataError(str(path), expected=expected, got=unit, remedy=remedy) from error
