"""Files of maps of optical path difference: FITS and ``.npy``."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from dluxshera.errors import DataError
from dluxshera.files import write_bytes
from dluxshera.optics.aperture import cell_centres
from dluxshera.optics.array_files import FITS_SUFFIXES, check_suffix, read_stored
from dluxshera.optics.lengths import metres_of, numbers_in_metres
from dluxshera.optics.maps import area_mean, resample


def read_map(
    path: str | Path, npix: int, *, unit: str | None = None, extension: str | int | None = None
) -> Float[np.ndarray, "npix npix"]:
    """Read a map of optical path difference (OPD) onto `npix` x `npix` cells of the same square.

    A map with more cells is averaged over the area of each new cell (`area_mean`), so that nothing aliases; one with
    fewer is interpolated by cubic convolution (`resample`); one of the same size is unchanged.

    Parameters
    ----------
    path : str or Path
        FITS file, or ``.npy`` file, which is never unpickled. Row 0 lies at -y and column 0 at -x.
    npix : int
        Cells along one axis of the result.
    unit : str, optional
        Unit of length of the values, if the file names none. It must agree with the BUNIT of a FITS file.
    extension : str or int, optional
        Name or number of the FITS extension. By default the only image of the file, masks and errors not counted.

    Returns
    -------
    ndarray, shape (npix, npix)
        OPD in metres, float64.

    Raises
    ------
    DataError
        If the file does not exist, is compressed, or is not a square image of finite real numbers in a unit of length.
    """
    path = Path(path)
    values, file_unit, *_ = read_stored(path, extension=extension, check_shape=lambda shape: _check_square(path, shape))
    opd = _checked_map(path, values) * metres_of(path, file_unit, unit, "BUNIT of the FITS header")
    if opd.shape[0] >= npix:
        return opd if opd.shape[0] == npix else area_mean(opd, npix)
    if opd.shape[0] < 3:
        raise DataError(str(path), expected="at least 3 x 3 cells", got=values, remedy="Use a map with smaller cells")
    return np.asarray(resample(opd, cell_centres(npix)))


def write_map(path: str | Path, opd: Any, unit: str = "nm") -> None:
    """Write a map to a FITS file with its unit in BUNIT. An existing file is replaced, completely or not at all.

    Parameters
    ----------
    path : str or Path
        File with a suffix of FITS. Missing folders are created.
    opd : array_like, shape (m, m)
        OPD in metres, or with a unit (see `dluxshera.units.measured`).
    unit : str
        Unit of length of the values in the file.

    Raises
    ------
    DataError
        If the name, the unit or a value is invalid for `read_map`.
    """
    from astropy.io import fits  # slow to import

    path = Path(path)
    check_suffix(path, FITS_SUFFIXES, "Maps are written as FITS, which keeps their unit")
    metres = _checked_map(path, np.asarray(numbers_in_metres("opd", opd)))
    hdu = fits.PrimaryHDU(metres / metres_of(path, unit, None, "unit"))
    hdu.header["BUNIT"] = unit
    content = io.BytesIO()
    hdu.writeto(content)
    write_bytes(path, content.getvalue())


def _check_square(path: Path, shape: tuple[int, ...], values: np.ndarray | None = None) -> None:
    if len(shape) != 2 or shape[0] != shape[1] or not shape[0]:
        got = np.broadcast_to(np.float64(0.0), shape) if values is None else values  # takes no memory
        remedy = "Cut or pad the map to the square around the mirror's circle"
        raise DataError(str(path), expected="a square map of two dimensions", got=got, remedy=remedy)


def _checked_map(path: Path, values: np.ndarray) -> np.ndarray:
    """Return the values as float64 after a check that they are a square of finite real numbers."""
    _check_square(path, values.shape, values)
    if values.dtype.kind not in "iuf":
        raise DataError(str(path), expected="real numbers", got=values, remedy="Save the OPD as integers or floats")
    values = values.astype(np.float64)
    invalid = np.argwhere(~np.isfinite(values))
    if invalid.size:
        index = (int(invalid[0][0]), int(invalid[0][1]))
        remedy = f"{len(invalid)} of {values.size} values are not finite; set them to 0 outside the mirror"
        raise DataError(str(path), expected="finite values", got=values, remedy=remedy, index=index)
    return values
