"""Rasters of the pupil: its open area and the diffractive pupil, in plain NumPy, computed once for each model.

Pupil coordinates are in units of the pupil's radius. The column index increases with +x and the row index with +y.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from dluxshera.errors import ConfigError, DataError
from dluxshera.optics.array_files import read_npy
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
) -> Float[np.ndarray, "{npix} {npix}"]:
    """Return the open fraction of each cell of the pupil.

    The area is exact for a cell that one straight edge crosses or that lies across a strut. A circle is replaced by a
    line across the cell, wrong by at most 0.05 of a cell over the radius in cells, where it cuts off a corner,
    and by less elsewhere. Where edges meet, each is taken to cut the rest in proportion, which is exact for a right
    angle along the axes.

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

    Returns
    -------
    ndarray, shape (npix, npix)
        Open fraction, 0 to 1.
    """
    x = cell_centres(npix)
    y, width = x[:, None], 2.0 / npix
    raster = _part_of_disc(x, y, 1.0, width)
    if obscuration:
        raster *= 1.0 - _part_of_disc(x, y, obscuration, width)
    for angle in np.deg2rad(strut_rotation_deg + 360.0 / max(n_struts, 1) * np.arange(n_struts)):
        sine, cosine = np.sin(angle), np.cos(angle)
        beside, along = x * cosine - y * sine, -x * sine - y * cosine
        # Half the width of a strut over the pupil's radius is its width over the pupil's diameter.
        near = np.abs(beside) <= strut_width + width
        beside, along = beside[near], along[near]
        strip = _part_below(strut_width - beside, cosine, sine, width) - _part_below(
            -strut_width - beside, cosine, sine, width
        )
        raster[near] *= 1.0 - strip * _part_below(along, cosine, sine, width)
    return raster


def _part_of_disc(x: np.ndarray, y: np.ndarray, radius: float, width: float) -> np.ndarray:
    """Return the part of each square cell that lies in a disc about zero."""
    distance = np.hypot(x, y)
    part = (distance <= radius).astype(float)
    crossed = np.abs(distance - radius) <= width
    far = distance[crossed]
    cosine, sine = np.broadcast_to(x, part.shape)[crossed] / far, np.broadcast_to(y, part.shape)[crossed] / far
    chord = width / np.maximum(np.abs(cosine), np.abs(sine))
    part[crossed] = _part_below(radius - far - chord**2 / (24.0 * radius), cosine, sine, width)
    return part


def _part_below(distance: np.ndarray, cosine: np.ndarray | float, sine: np.ndarray | float, width: float) -> np.ndarray:
    """Return the part of each square cell on one side of a line.

    Parameters
    ----------
    distance : ndarray
        Distance of the line from the centre of the cell, positive where the centre lies on that side.
    cosine, sine : ndarray or float
        Direction of the line's normal.
    width : float
        Width of a cell.
    """
    larger = 0.5 * np.maximum(np.abs(cosine), np.abs(sine))
    smaller = np.maximum(0.5 * np.minimum(np.abs(cosine), np.abs(sine)), 1e-6)
    place = np.clip(distance / width, -larger - smaller, larger + smaller)

    def ramp(offset: np.ndarray | float) -> np.ndarray:
        return np.maximum(place + offset, 0.0) ** 2

    inner, outer = larger - smaller, larger + smaller
    return (ramp(outer) - ramp(inner) - ramp(-inner) + ramp(-outer)) / (8.0 * larger * smaller)


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
        mask = read_npy(path)
    except DataError as error:
        expected = "a .npy file of numbers"
        raise ConfigError("diffractive_pupil", expected=expected, got=str(path), remedy=str(error)) from error
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
