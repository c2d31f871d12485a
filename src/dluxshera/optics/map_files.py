"""Files of optical path difference maps: FITS images with a unit, and arrays in NumPy's own format."""

from __future__ import annotations

import io
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


def read_map(path: str | Path, npix: int, *, unit: str | None = None) -> Float[np.ndarray, "npix npix"]:
    """Return the map in a file, in metres, on `npix` x `npix` cells of the same square.

    A map of more cells is averaged over the area of each new cell (`area_mean`), so that nothing aliases; one of fewer
    is interpolated by cubic convolution (`resample`); one of as many stays as it is.

    Parameters
    ----------
    path : str or Path
        A FITS file, of which the first HDU that holds an image is read, or a ``.npy`` file, which is never unpickled.
        Row 0 lies at -y, column 0 at -x.
    npix : int
        Cells along one axis of the result.
    unit : str, optional
        Unit of length of the values, where the file names none. A FITS file's BUNIT must agree with it.

    Returns
    -------
    ndarray, shape (npix, npix)
        OPD in metres, float64.

    Raises
    ------
    DataError
        If there is no such file, or it is no square image of finite real numbers in a unit of length.
    """
    path = Path(path)
    values, named = read_array(path)
    scale = _metres(path, named, unit)
    opd = _checked(path, values) * scale
    if opd.shape[0] >= npix:
        return opd if opd.shape[0] == npix else area_mean(opd, npix)
    if opd.shape[0] < 3:
        raise DataError(str(path), expected="at least 3 x 3 cells", got=values, remedy="Give the map in finer cells")
    return np.asarray(resample(opd, cell_centres(npix)))


def read_array(path: str | Path) -> tuple[np.ndarray, str | None]:
    """Return the array in a file, as it is, and the unit that its header names.

    Parameters
    ----------
    path : str or Path
        As of `read_map`.

    Raises
    ------
    DataError
        If there is no such file, or no array in it.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix != ".npy" and suffix not in FITS_SUFFIXES:
        remedy = "Convert it, or name the file by its format"
        raise DataError(str(path), expected=f"a name that ends with {', '.join(FITS_SUFFIXES)} or .npy", remedy=remedy)
    if not path.is_file():
        raise DataError(
            str(path), expected="a file", remedy="Check the path; a relative one starts at the working folder"
        )
    return (_read_npy(path), None) if suffix == ".npy" else _read_fits(path)


def write_map(path: str | Path, opd: Float[np.ndarray, "m m"], unit: str = "nm") -> None:
    """Write a map to a FITS file with its unit in BUNIT; a file of that name is replaced, whole or not at all.

    Parameters
    ----------
    path : str or Path
        The name must end with a suffix of FITS. Folders that are missing are made.
    opd : ndarray, shape (m, m)
        OPD in metres.
    unit : str
        Unit of length to write the values in.

    Raises
    ------
    DataError
        If the name, the unit or a value is one that `read_map` would refuse.
    """
    from astropy.io import fits  # slow to import

    path = Path(path)
    if path.suffix.lower() not in FITS_SUFFIXES:
        remedy = "Maps are written as FITS, which keeps their unit"
        raise DataError(str(path), expected=f"a name that ends with {' or '.join(FITS_SUFFIXES)}", remedy=remedy)
    hdu = fits.PrimaryHDU(_checked(path, opd) / _metres(path, unit, None))
    hdu.header["BUNIT"] = unit
    content = io.BytesIO()
    hdu.writeto(content)
    write_bytes(path, content.getvalue())


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
        with warnings.catch_warnings(), path.open("rb") as file:  # astropy leaves a file open that it cannot read
            warnings.filterwarnings("error", message="File may have been truncated")
            with fits.open(file, memmap=False) as hdus:
                for hdu in hdus:
                    if hdu.is_image and hdu.data is not None:
                        return np.asarray(hdu.data), hdu.header.get("BUNIT")
    except (OSError, TypeError, ValueError, Warning) as error:
        remedy = f"Write the file anew: {error}"
        raise DataError(str(path), expected="a FITS file that is whole", remedy=remedy) from error
    raise DataError(str(path), expected="an HDU that holds an image", remedy="Save the map as an image, not as a table")


def _checked(path: Path, values: np.ndarray) -> np.ndarray:
    """Return the values as float64, once they are found to be a square of finite real numbers."""
    if values.ndim != 2 or values.shape[0] != values.shape[1] or not values.size:
        remedy = "Cut or pad the map to the square around the mirror's circle"
        raise DataError(str(path), expected="a square map of two dimensions", got=values, remedy=remedy)
    if values.dtype.kind not in "iuf":
        raise DataError(str(path), expected="real numbers", got=values, remedy="Save the OPD as integers or floats")
    values = values.astype(np.float64)
    bad = np.argwhere(~np.isfinite(values))
    if bad.size:
        first = (int(bad[0][0]), int(bad[0][1]))
        remedy = f"{len(bad)} of {values.size} values are not finite; fill them, with 0 where there is no mirror"
        raise DataError(str(path), expected="finite values", got=values, remedy=remedy, index=first)
    return values


def _metres(path: Path, named: Any, given: str | None) -> float:
    """Return what one unit of the values is in metres, by the file's unit and the caller's, which must agree."""
    from astropy import units  # slow to import

    scales = []
    for unit in (named, given):
        if unit is None or not str(unit).strip():
            continue
        try:
            scales.append(float(units.Unit(str(unit)).to(units.m)))
        except ValueError as error:  # no unit at all, or one of something else
            remedy = "Name a unit of length, such as nm, in BUNIT or as unit"
            raise DataError(str(path), expected="a unit of length", got=unit, remedy=remedy) from error
    if not scales:
        remedy = 'Pass unit, as in unit="nm", or write BUNIT into the FITS header'
        raise DataError(str(path), expected="a unit of length", remedy=remedy)
    if scales[0] != scales[-1]:
        remedy = f"The file says {named}; correct its BUNIT or leave unit out"
        raise DataError(str(path), expected="the unit of the file", got=given, remedy=remedy)
    return scales[0]
