"""Files of arrays: maps of optical path difference (FITS and ``.npy``) and curves over wavelength (ECSV and CSV)."""

from __future__ import annotations

import io
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from dluxshera.errors import DataError
from dluxshera.files import write_bytes
from dluxshera.optics.aperture import cell_centres
from dluxshera.optics.maps import area_mean, resample

FITS_SUFFIXES = (".fits", ".fit", ".fts")
ARRAY_SUFFIXES = (*FITS_SUFFIXES, ".npy")
TABLE_SUFFIXES = (".ecsv", ".csv")


def read_map(path: str | Path, npix: int, *, unit: str | None = None) -> Float[np.ndarray, "npix npix"]:
    """Read a map of optical path difference (OPD) onto `npix` x `npix` cells of the same square.

    A map with more cells is averaged over the area of each new cell (`area_mean`), so that nothing aliases; one with
    fewer is interpolated by cubic convolution (`resample`); one of the same size is unchanged.

    Parameters
    ----------
    path : str or Path
        FITS file, of which the first HDU with an image is read, or ``.npy`` file, which is never unpickled. Row 0 lies
        at -y and column 0 at -x.
    npix : int
        Cells along one axis of the result.
    unit : str, optional
        Unit of length of the values, if the file names none. It must agree with the BUNIT of a FITS file.

    Returns
    -------
    ndarray, shape (npix, npix)
        OPD in metres, float64.

    Raises
    ------
    DataError
        If the file does not exist, or is not a square image of finite real numbers in a unit of length.
    """
    path = Path(path)
    values, file_unit = read_array(path)
    opd = _checked_map(path, values) * _metres(path, file_unit, unit, "BUNIT of the FITS header")
    if opd.shape[0] >= npix:
        return opd if opd.shape[0] == npix else area_mean(opd, npix)
    if opd.shape[0] < 3:
        raise DataError(str(path), expected="at least 3 x 3 cells", got=values, remedy="Use a map with smaller cells")
    return np.asarray(resample(opd, cell_centres(npix)))


def read_array(path: str | Path) -> tuple[np.ndarray, str | None]:
    """Read an array as it is stored, and the unit that the file's header names.

    Parameters
    ----------
    path : str or Path
        FITS file, of which the first HDU with an image is read, or ``.npy`` file, which is never unpickled.

    Raises
    ------
    DataError
        If the file does not exist or has no array.
    """
    path = _existing(path, ARRAY_SUFFIXES, "Convert it, or name the file by its format")
    return (_read_npy(path), None) if path.suffix.lower() == ".npy" else _read_fits(path)


def write_map(path: str | Path, opd: Float[np.ndarray, "m m"], unit: str = "nm") -> None:
    """Write a map to a FITS file with its unit in BUNIT. An existing file is replaced, completely or not at all.

    Parameters
    ----------
    path : str or Path
        File with a suffix of FITS. Missing folders are created.
    opd : ndarray, shape (m, m)
        OPD in metres.
    unit : str
        Unit of length of the values in the file.

    Raises
    ------
    DataError
        If the name, the unit or a value is invalid for `read_map`.
    """
    from astropy.io import fits  # slow to import

    path = Path(path)
    _check_suffix(path, FITS_SUFFIXES, "Maps are written as FITS, which keeps their unit")
    hdu = fits.PrimaryHDU(_checked_map(path, opd) / _metres(path, unit, None, "unit"))
    hdu.header["BUNIT"] = unit
    content = io.BytesIO()
    hdu.writeto(content)
    write_bytes(path, content.getvalue())


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
    path = _existing(path, TABLE_SUFFIXES, "Convert the table, or name the file by its format")
    (wavelengths, wavelength_unit), (values, value_unit) = _columns(path)
    wavelengths = wavelengths * _metres(path, wavelength_unit, unit, "the head of the first column")
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


def _check_suffix(path: Path, suffixes: tuple[str, ...], remedy: str) -> None:
    if path.suffix.lower() not in suffixes:
        names = f"{', '.join(suffixes[:-1])} or {suffixes[-1]}"
        raise DataError(str(path), expected=f"a name that ends with {names}", remedy=remedy)


def _existing(path: str | Path, suffixes: tuple[str, ...], remedy: str) -> Path:
    """Return the path of a file after a check of its name and its existence."""
    path = Path(path)
    _check_suffix(path, suffixes, remedy)
    if not path.is_file():
        remedy = "Check the path; relative paths start at the working folder"
        raise DataError(str(path), expected="an existing file", remedy=remedy)
    return path


def _read_npy(path: Path) -> np.ndarray:
    try:
        with path.open("rb") as file:
            return np.lib.format.read_array(file, allow_pickle=False)
    except (ValueError, EOFError) as error:
        remedy = f"Save a plain array with numpy.save: {error}"
        raise DataError(str(path), expected="an array of numbers in NumPy's format", remedy=remedy) from error


def _read_fits(path: Path) -> tuple[np.ndarray, str | None]:
    """Return the first image of a FITS file and the unit that its header names."""
    from astropy.io import fits  # slow to import

    try:
        with warnings.catch_warnings(), path.open("rb") as file:  # astropy does not close a file that it cannot read
            warnings.filterwarnings("error", message="File may have been truncated")
            with fits.open(file, memmap=False) as hdus:
                for hdu in hdus:
                    if hdu.is_image and hdu.data is not None:
                        return np.asarray(hdu.data), hdu.header.get("BUNIT")
    except (OSError, TypeError, ValueError, Warning) as error:
        remedy = f"Write the file again: {error}"
        raise DataError(str(path), expected="a complete FITS file", remedy=remedy) from error
    raise DataError(str(path), expected="an HDU with an image", remedy="Save the map as an image, not as a table")


def _checked_map(path: Path, values: np.ndarray) -> np.ndarray:
    """Return the values as float64 after a check that they are a square of finite real numbers."""
    if values.ndim != 2 or values.shape[0] != values.shape[1] or not values.size:
        remedy = "Cut or pad the map to the square around the mirror's circle"
        raise DataError(str(path), expected="a square map of two dimensions", got=values, remedy=remedy)
    if values.dtype.kind not in "iuf":
        raise DataError(str(path), expected="real numbers", got=values, remedy="Save the OPD as integers or floats")
    values = values.astype(np.float64)
    invalid = np.argwhere(~np.isfinite(values))
    if invalid.size:
        index = (int(invalid[0][0]), int(invalid[0][1]))
        remedy = f"{len(invalid)} of {values.size} values are not finite; set them to 0 outside the mirror"
        raise DataError(str(path), expected="finite values", got=values, remedy=remedy, index=index)
    return values


def _columns(path: Path) -> list[tuple[np.ndarray, str | None]]:
    """Return the numbers and the unit of both columns of a table."""
    from astropy.table import Table  # slow to import

    try:
        table = Table.read(path, format=f"ascii{path.suffix.lower()}")
    except (OSError, ValueError, TypeError, KeyError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise DataError(str(path), expected="a complete table", remedy=f"Write it again: {reason}") from error
    if len(table.columns) != 2 or len(table) < 2:
        got = f"{len(table.columns)} columns and {len(table)} rows"
        remedy = "Keep the columns of wavelength and value, with their names in the first line"
        raise DataError(str(path), expected="two columns and at least two rows", got=got, remedy=remedy)
    return [_column(path, table[name]) for name in table.colnames]


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


def _metres(path: Path, file_unit: Any, unit: str | None, place: str) -> float:
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
            scales.append(float(units.Unit(str(name)).to(units.m)))
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


def _in_photons(path: Path, wavelengths: np.ndarray, values: np.ndarray, name: str | None) -> np.ndarray:
    """Return values with a unit as plain numbers, or as a flux density of photons per wavelength."""
    if name is None or not name.strip():
        return values
    from astropy import units  # slow to import

    try:
        unit = units.Unit(name)
        if unit.is_equivalent(units.dimensionless_unscaled):
            return values * float(unit.to(units.dimensionless_unscaled))
        photons = units.ph / units.s / units.m**2 / units.m
        density = units.spectral_density(wavelengths * units.m)
        return np.asarray(unit.to(photons, values, equivalencies=density), dtype=np.float64)
    except ValueError as error:
        expected = "values without unit, in per cent, or a spectral flux density"
        remedy = "Correct the unit of the second column, or remove it for relative photons"
        raise DataError(str(path), expected=expected, got=name, remedy=remedy) from error
