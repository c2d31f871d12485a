"""Rasters of the pupil: its open area and the diffractive pupil, in plain NumPy, computed once for each model.

Pupil coordinates are in units of the pupil's radius. The column index increases with +x and the row index with +y.
"""

from __future__ import annotations

import numpy as np

from dluxshera.errors import ConfigError
from dluxshera.optics.mask_file import diffractive_pupil_file


def cell_centres(npix: int) -> np.ndarray:
    """Return the centres of `npix` equal cells that span -1 to 1, shape (npix,)."""
    return (2 * np.arange(npix) - (npix - 1)) / npix


def block_mean(array: np.ndarray, block: int) -> np.ndarray:
    """Return the means of the `block` x `block` squares that tile a square array.

    Parameters
    ----------
    array : ndarray, shape (n, n)
        Square array.
    block : int
        Size of a square, a divisor of n.
    """
    n = array.shape[0] // block
    return array.reshape(n, block, n, block).mean(axis=(1, 3))


def pupil_raster(
    npix: int,
    *,
    obscuration: float = 0.0,
    n_struts: int = 0,
    strut_width: float = 0.0,
    strut_rotation_deg: float = 0.0,
    subpixels: int = 5,
) -> np.ndarray:
    """Return the open fraction of each cell of the pupil.

    Parameters
    ----------
    npix : int
        Cells across the pupil's diameter.
    obscuration : float
        Diameter of the central obscuration over the pupil's diameter.
    n_struts : int
        Number of struts, evenly spaced, each a half-line from the centre.
    strut_width : float
        Width of a strut over the pupil's diameter.
    strut_rotation_deg : float
        Angle a of the first strut, degrees: it points along (-sin a, -cos a) in (x, y), the convention of dLux's
        ``spider``.
    subpixels : int
        Samples across a cell.

    Returns
    -------
    ndarray, shape (npix, npix)
        Open fraction, 0 to 1.
    """
    x = cell_centres(npix * subpixels)
    y = x[:, None]
    radius = np.hypot(x, y)
    is_open = (radius <= 1.0) & (radius >= obscuration)
    for angle in np.deg2rad(strut_rotation_deg + 360.0 / max(n_struts, 1) * np.arange(n_struts)):
        along = -x * np.sin(angle) - y * np.cos(angle)
        across = x * np.cos(angle) - y * np.sin(angle)
        is_open &= ~((along >= 0) & (np.abs(across) <= strut_width))  # half-width over radius is width over diameter
    return block_mean(is_open.astype(float), subpixels)


def open_area_fraction(raster: np.ndarray) -> float:
    """Return the open area of a pupil over the area of the full circle, from a `raster` of open fractions."""
    return float(raster.sum() * (2.0 / raster.shape[0]) ** 2 / np.pi)


def diffractive_pupil_raster(source: str, npix: int) -> np.ndarray:
    """Return the binary diffractive pupil on the pupil's cells: 1 where the mean over a cell is at least 0.5, else 0.

    Parameters
    ----------
    source : str
        Name or path of the mask, see `diffractive_pupil_file`. The file holds a square array of numbers from 0 to 1,
        with row 0 at -y and column 0 at -x.
    npix : int
        Cells across the pupil, a divisor of the array's size.

    Returns
    -------
    ndarray, shape (npix, npix)
        Mask of zeros and ones.

    Raises
    ------
    ConfigError
        If the file does not hold such an array, or the size of the array is not a multiple of `npix`.
    """
    path = diffractive_pupil_file(source)
    try:
        mask = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ConfigError("diffractive_pupil", expected="a .npy file of numbers", got=f"{path}: {error}") from error
    if mask.ndim != 2 or mask.shape[0] != mask.shape[1] or mask.dtype.kind not in "iufb":
        raise ConfigError("diffractive_pupil", expected="a square array of real numbers", got=mask)
    mask = mask.astype(float)
    if not (np.all(mask >= 0) and np.all(mask <= 1)):
        raise ConfigError("diffractive_pupil", expected="values from 0 to 1", got=mask)
    block, rest = divmod(mask.shape[0], npix)
    if rest or not block:
        raise ConfigError(
            "pupil_npix",
            expected=f"a divisor of {mask.shape[0]}, the size of {path.name}",
            got=npix,
            remedy="The mask is averaged over whole cells, never interpolated",
        )
    return (block_mean(mask, block) >= 0.5).astype(float)
