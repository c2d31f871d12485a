"""Files of curves over wavelength: ECSV and CSV."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Float

from dluxshera.errors import DataError
from dluxshera.files import read_bytes
from dluxshera.optics.array_files import COMPRESSED, existing_file
from dluxshera.optics.lengths import metres_of
from dluxshera.units import converted, parsed_unit

TABLE_SUFFIXES: Final = (".ecsv", ".csv")
MAX_TABLE_BYTES: Final = 20_000_000  # a table of 100,000 rows has 5 MB
MAX_COMMENTS: Final = 1000


def read_curve(path: str | Path, *, unit: str | None = None) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Read a curve over wavelength: the transmission of a filter or the spectrum of a star.

    Parameters
    ----------
    path : str or Path
        ECSV table of astropy, or CSV file whose first line names the columns, with two columns: wavelength and value.
        ECSV has their units; a CSV file has them after the names, in brackets: ``wavelength [nm], flux [W/m2/nm]``.
    unit : str, optional
        Unit of length of the wavelengths, if the file names none. It must agree with the unit in the file.

    Returns
    -------
    wavelengths : ndarray, shape (n,)
        Wavelengths in metres, ascending, at least two.
    values : ndarray, shape (n,)
        Values, finite and not negative. Values without a unit or in per cent are plain numbers. A spectral flux
        density, of photons or energy, per wavelength or frequency, is converted to photons per second, square metre
        and metre of wavelength.

    Raises
    ------
    DataError
        If the file does not exist or is not such a table.
    """
    path = existing_file(path, TABLE_SUFFIXES, "Convert the table, or name the file by its format")
    (wavelengths, wavelength_unit), (values, value_unit) = _columns(path)
    wavelengths = wavelengths * metres_of(path, wavelength_unit, unit, "the head of the first column")
    order = np.argsort(wavelengths, kind="stable")
    wavelengths, values = wavelengths[order], values[order]
    if wavelengths[0] <= 0.0 or np.any(np.diff(wavelengths) == 0.0):
        remedy = "Remove rows with the same wavelength"
        raise DataError(str(path), expected="distinct positive wavelengths", got=wavelengths, remedy=remedy)
    values = _in_photons(path, wavelengths, values, value_unit)
    negative = np.flatnonzero(values < 0.0)
    if negative.size:
        remedy = "Set values that are negative because of noise to 0"
        index = (int(negative[0]),)
        raise DataError(str(path), expected="values that are not negative", got=values, remedy=remedy, index=index)
    return wavelengths, values


def _columns(path: Path) -> list[tuple[np.ndarray, str | None]]:
    """Return the numbers and the unit of both columns of a table."""
    from astropy.table import Table  # slow to import

    try:
        content = read_bytes(path, MAX_TABLE_BYTES)
        if content.startswith(COMPRESSED):
            raise ValueError("it is compressed; decompress it first, for example with gunzip")
        lines = content.decode("utf-8-sig").splitlines()
        if sum(line.startswith("#") for line in lines) > MAX_COMMENTS:
            raise ValueError(f"it has more than {MAX_COMMENTS} lines of comments")  # YAML in ECSV, slow to read
        if path.suffix.lower() == ".csv":
            _check_head(path, lines)
        table = Table.read(lines, format=f"ascii{path.suffix.lower()}")
    except DataError:
        raise
    except Exception as error:  # the readers of astropy raise many types for damaged files
        reason = getattr(error, "strerror", None) or str(error).strip().partition("\n")[0]
        raise DataError(str(path), expected="a complete table", remedy=f"Write it again: {reason}") from error
    if len(table.columns) != 2 or len(table) < 2:
        got = f"{len(table.columns)} columns and {len(table)} rows"
        remedy = "Keep the columns of wavelength and value, with their names in the first line"
        raise DataError(str(path), expected="two columns and at least two rows", got=got, remedy=remedy)
    return [_column(path, table[name]) for name in table.colnames]


def _check_head(path: Path, lines: list[str]) -> None:
    """Raise if the first line of a CSV file has a number: it would be lost as the names of the columns."""
    rows = csv.reader(line for line in lines if line.strip() and not line.lstrip().startswith("#"))
    head = next(rows, [])
    if any(_is_number(cell) for cell in head):
        remedy = "Add a first line, such as: wavelength [nm], transmission"
        raise DataError(str(path), expected="a first line that names the columns", got=", ".join(head), remedy=remedy)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _column(path: Path, column: Any) -> tuple[np.ndarray, str | None]:
    """Return the numbers of one column as float64, and its unit."""
    if np.ma.is_masked(column) or column.dtype.kind not in "iuf" or column.ndim != 1:
        remedy = "Put one number in each row"
        raise DataError(f"{path}: {column.name}", expected="a column of numbers", got=list(column[:3]), remedy=remedy)
    numbers = np.asarray(column, dtype=np.float64)
    invalid = np.flatnonzero(~np.isfinite(numbers))
    if invalid.size:
        index = (int(invalid[0]),)
        raise DataError(f"{path}: {column.name}", expected="finite numbers", got=numbers, index=index)
    brackets = re.search(r"[\[(](.*)[\])]\s*$", column.name)
    return numbers, str(column.unit) if column.unit else brackets[1] if brackets else None


def _in_photons(path: Path, wavelengths: np.ndarray, values: np.ndarray, name: str | None) -> np.ndarray:
    """Return values with a unit as plain numbers, or as a flux density of photons per wavelength."""
    if name is None or not name.strip():
        return values
    from astropy import units  # slow to import

    try:
        unit = parsed_unit(name)
        if unit.is_equivalent(units.dimensionless_unscaled):
            return np.asarray(converted(values, unit, units.dimensionless_unscaled), dtype=np.float64)
        photons = units.ph / units.s / units.m**2 / units.m
        density = units.spectral_density(wavelengths * units.m)
        return np.asarray(unit.to(photons, values, equivalencies=density), dtype=np.float64)
    except ValueError as error:
        expected = "values without unit, in per cent, or a spectral flux density"
        remedy = "Correct the unit of the second column, or remove it for relative photons"
        raise DataError(str(path), expected=expected, got=name, remedy=remedy) from error
