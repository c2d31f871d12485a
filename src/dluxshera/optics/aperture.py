"""Rasters of the pupil: its open area and the diffractive pupil, in plain NumPy, computed once for each model.

Pupil coordinates are in units of the pupil's radius. The column index increases with +x and the row index with +y.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

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
    subpixels: int = 16,
) -> Float[np.ndarray, "{npix} {npix}"]:
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
        Samples across a cell that an edge may cross; other cells need only one.

    Returns
    -------
    ndarray, shape (npix, npix)
        Open fraction, 0 to 1.
    """
    angles = np.deg2rad(strut_rotation_deg + 360.0 / max(n_struts, 1) * np.arange(n_struts))

    def depth(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return a bound of the distance to the nearest edge: positive where the pupil is open, else negative."""
        radius = np.hypot(x, y)
        depth = np.minimum(1.0 - radius, radius - obscuration) if obscuration else 1.0 - radius
        for sine, cosine in zip(np.sin(angles), np.cos(angles), strict=True):
            beside = np.abs(x * cosine - y * sine) - strut_width  # half-width over radius is width over diameter
            depth = np.minimum(depth, np.maximum(beside, x * sine + y * cosine))
        return depth

    # An edge crosses few cells: blocks of cells that none crosses are filled at once, and only the others are divided.
    block = next(size for size in (32, 16, 8, 4, 2, 1) if npix % size == 0)
    centres = cell_centres(npix // block)
    of_blocks = depth(centres, centres[:, None])
    raster = np.kron(of_blocks >= 0.0, np.ones((block, block)))
    rows, columns = (block * place[:, None, None] for place in np.nonzero(np.abs(of_blocks) <= 2.0 * block / npix))
    rows, columns = (np.broadcast_arrays(rows + np.arange(block)[:, None], columns + np.arange(block)))
    centres = cell_centres(npix)
    of_cells = depth(centres[columns], centres[rows])
    raster[rows, columns] = of_cells >= 0.0
    crossed = np.abs(of_cells) <= 1.42 / npix  # half the diagonal of a cell, which is 2 / npix wide
    rows, columns = rows[crossed], columns[crossed]
    offsets = cell_centres(subpixels) / npix
    within = depth(centres[columns, None, None] + offsets, centres[rows, None, None] + offsets[:, None])
    raster[rows, columns] = (within >= 0.0).mean(axis=(1, 2))
    return raster


def open_area_fraction(raster: np.ndarray) -> float:
    """Return the open area of a pupil over the area of the full circle, from a `raster` of open fractions."""
    return float(raster.sum() * (2.0 / raster.shape[0]) ** 2 / np.pi)


def diffractive_pupil_raster(source: str) -> Float[np.ndarray, "n n"]:
    """Return the diffractive pupil: the fraction of each cell that carries the mask's step.

    Parameters
    ----------
    source : str
        Name or path of the mask, see `diffractive_pupil_file`. The file holds a square array of numbers from 0 to 1,
        with row 0 at -y and column 0 at -x.

    Returns
    -------
    ndarray, shape (n, n)
        Fractions, 0 to 1, on the cells of the file.

    Raises
    ------
    ConfigError
        If the file does not hold such an array.
    """
    path = diffractive_pupil_file(source)
    try:
        mask = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ConfigError("diffractive_pupil", expected="a .npy file of numbers", got=f"{path}: {error}") from error
    if mask.ndim != 2 or mask.shape[0] != mask.shape[1] or not mask.size or mask.dtype.kind not in "iufb":
        raise ConfigError("diffractive_pupil", expected="a square array of real numbers", got=mask)
    mask = mask.astype(float)
    if not (np.all(mask >= 0) and np.all(mask <= 1)):
        raise ConfigError(
            "diffractive_pupil",
            expected="values from 0 to 1, the fraction of each cell that carries the step",
            got=mask,
            remedy="Give an OPD that is not a step of half a wavelength as a map of M1, with the effect m1_maps",
        )
    return mask
