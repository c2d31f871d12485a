"""Maps of optical path difference (OPD) on a mirror: interpolation, averages, removal of low orders, random maps.

A map is a square of cells that spans [-1, 1] along both axes, edge to edge: the square around the mirror's circle, in
units of its radius. Row 0 lies at -y and column 0 at -x. A value belongs to the centre of its cell.
"""

from __future__ import annotations

from math import isfinite

import numpy as np
from jaxtyping import Array, Float

from dluxshera.errors import ConfigError
from dluxshera.optics.aperture import cell_centres
from dluxshera.optics.spectrum import namespace
from dluxshera.optics.zernike import homogeneous_parts

BOX = 2  # width of the periodic box from which a random map is cut, over the width of the map


def resample(
    opd: Float[Array | np.ndarray, "m m"], coordinates: Float[Array | np.ndarray, " n"]
) -> Float[Array | np.ndarray, "n n"]:
    """Interpolate a map by separable cubic convolution (Keys 1981, IEEE TASSP 29, 1153; a = -1/2).

    Quadratics are reproduced exactly, and the error for a smooth map falls with the third power of its cell size. The
    two samples that the kernel needs beyond the outermost centres follow the parabola through the nearest three, which
    is Keys' boundary condition, so both properties hold up to the edge of the square.

    Beyond its edge the map continues along its slope there. A pupil that is resampled in a band has amplitudes in cells
    outside the circle too, which only together with those inside have the right sums; there the phase must not jump.

    The function does not average. On a coarser grid than the map's, structure that is finer than the new grid aliases:
    apply `area_mean` first, as `read_map` does. No error is raised, because the spacing of traced coordinates is
    unknown.

    Parameters
    ----------
    opd : Array, shape (m, m)
        Values at the cells' centres, m at least 3, in any unit.
    coordinates : Array, shape (n,)
        Coordinates of the result, the same along both axes, in units in which the square spans [-1, 1]. They can be
        traced. The first derivative with respect to them is continuous.

    Returns
    -------
    Array, shape (n, n)
        Map in the unit of `opd`.

    Raises
    ------
    ConfigError
        If the map has fewer than 3 x 3 cells.
    """
    size = opd.shape[0]
    if size < 3:
        raise ConfigError("opd", expected="at least 3 x 3 cells", got=opd, remedy="Use a map with smaller cells")
    weights = _cubic_weights(coordinates, size)
    return weights @ opd @ weights.T


def _cubic_weights(coordinates: Array | np.ndarray, size: int) -> Array | np.ndarray:
    """Return the matrix, shape (n, size), from samples at the cells' centres to values at `coordinates`."""
    xp = namespace(coordinates)
    inside = xp.clip(coordinates, -1.0, 1.0)
    place = inside * (size / 2) + (size - 1) / 2  # 0 is the first centre
    offset = place[:, None] - xp.arange(-2, size + 2, dtype=coordinates.dtype)
    distance = xp.abs(offset)
    near = 1.0 + distance * distance * (1.5 * distance - 2.5)
    far = 2.0 + distance * (-4.0 + distance * (2.5 - 0.5 * distance))
    kernel = xp.where(distance < 1.0, near, xp.where(distance < 2.0, far, 0.0))
    near, far = distance * (4.5 * distance - 5.0), -4.0 + distance * (5.0 - 1.5 * distance)
    slope = xp.sign(offset) * xp.where(distance < 1.0, near, xp.where(distance < 2.0, far, 0.0))
    kernel = kernel + (size / 2) * (coordinates - inside)[:, None] * slope
    extended = np.zeros((size + 4, size))
    extended[2:-2] = np.eye(size)
    extended[:2, :3] = [[6.0, -8.0, 3.0], [3.0, -3.0, 1.0]]  # the parabola through 0, 1, 2 at -2 and -1
    extended[-2:, -3:] = extended[1::-1, 2::-1]
    return kernel @ xp.asarray(extended, dtype=coordinates.dtype)


def area_mean(opd: Float[np.ndarray, "m m"], npix: int) -> Float[np.ndarray, "npix npix"]:
    """Average a map over `npix` x `npix` cells of the same square, which conserves the map's mean.

    Cells are weighted by the area that they share with the new cell, so `npix` need not divide the map's size.

    Parameters
    ----------
    opd : ndarray, shape (m, m)
        Map, constant over each of its cells.
    npix : int
        Cells along one axis of the result.

    Returns
    -------
    ndarray, shape (npix, npix)
        Map in the unit of `opd`.
    """
    size = opd.shape[0]
    # In units of 1 / (size * npix) of the width, every edge is an integer and every share is exact.
    old, new = np.arange(size + 1) * npix, np.arange(npix + 1)[:, None] * size
    shared = np.minimum(new[1:], old[1:]) - np.maximum(new[:-1], old[:-1])
    weights = np.maximum(shared, 0) / size
    return weights @ opd @ weights.T


def full_circle(npix: int) -> np.ndarray:
    """Return a map of `npix` x `npix` cells: 1 where a cell's centre lies in the circle inside the square, else 0."""
    x = cell_centres(npix)
    return (np.hypot(x, x[:, None]) <= 1.0).astype(float)


def remove_low_orders(
    opd: Float[np.ndarray, "m m"],
    aperture: Float[np.ndarray, "m m"] | None = None,
    noll: tuple[int, ...] = (1, 2, 3),
) -> Float[np.ndarray, "m m"]:
    """Return a map minus the Zernike polynomials that fit it best over an aperture by least squares.

    Parameters
    ----------
    opd : ndarray, shape (m, m)
        Map in any unit.
    aperture : ndarray, shape (m, m), optional
        Weight of each cell, not negative; the full circle by default.
    noll : tuple of int
        Noll indices of the polynomials to remove; piston, tip and tilt by default.

    Returns
    -------
    ndarray, shape (m, m)
        Map in the unit of `opd`. The polynomials continue outside the aperture and are subtracted there too.

    Raises
    ------
    ConfigError
        If the weights are negative, not finite or of another shape, or if the polynomials are not linearly independent
        over the aperture's cells.
    """
    size = opd.shape[0]
    weights = _weights(aperture, size)
    x, y = np.meshgrid(cell_centres(size), cell_centres(size))
    terms = np.array([sum(homogeneous_parts(j, x, y).values()) + 0.0 * x for j in noll]).reshape(len(noll), -1).T
    root = np.sqrt(weights).ravel()
    fitted, _, rank, _ = np.linalg.lstsq(root[:, None] * terms, root * opd.ravel(), rcond=None)
    if rank < len(noll):
        remedy = "Remove repeated indices, use a larger aperture, or remove fewer polynomials"
        expected = "polynomials that are linearly independent over the aperture's cells"
        raise ConfigError("noll", expected=expected, got=noll, remedy=remedy)
    return opd - (terms @ fitted).reshape(opd.shape)


def power_law_map(
    seed: int, npix: int, rms: float, *, exponent: float = 2.5, aperture: Float[np.ndarray, "npix npix"] | None = None
) -> Float[np.ndarray, "npix npix"]:
    r"""Draw a random map whose power spectral density falls as :math:`f^{-\alpha}`.

    White Gaussian noise is filtered in a periodic box of twice the map's width, and a quarter of the box is the map.
    Opposite edges of the map therefore do not match, and the lowest frequency is half a cycle across the map.
    Piston, tip and tilt over the aperture are then removed, which reduces the power at the lowest frequencies.

    Parameters
    ----------
    seed : int
        Seed of NumPy's PCG64, not negative. A seed gives the same map on every machine, up to the rounding of the FFT.
    npix : int
        Cells along one axis, at least 4.
    rms : float
        Root mean square over the aperture about a mean of zero, in the unit of the result.
    exponent : float
        Exponent alpha of the two-dimensional power spectral density.
    aperture : ndarray, shape (npix, npix), optional
        Weight of each cell, not negative; the full circle by default.

    Returns
    -------
    ndarray, shape (npix, npix)
        Map in the unit of `rms`, float64.

    Raises
    ------
    ConfigError
        If an argument is out of its range.
    """
    for name, value, valid, expected in (
        ("seed", seed, seed >= 0, "an integer from 0"),
        ("npix", npix, npix >= 4, "at least 4 cells"),
        ("rms", rms, isfinite(rms) and rms >= 0, "a finite number, not negative"),
        ("exponent", exponent, isfinite(exponent), "a finite number"),
    ):
        if not valid:
            raise ConfigError(name, expected=expected, got=value)
    weights = _weights(aperture, npix)
    box = BOX * npix
    noise = np.random.Generator(np.random.PCG64(seed)).standard_normal((box, box))
    frequency = np.hypot(np.fft.rfftfreq(box), np.fft.fftfreq(box)[:, None])
    frequency[0, 0] = 1.0
    gain = frequency ** (-exponent / 2.0)
    gain[0, 0] = 0.0  # the mean is removed below
    filtered = np.fft.irfft2(np.fft.rfft2(noise) * gain, s=(box, box))[:npix, :npix]
    flat = remove_low_orders(filtered, weights)
    return flat * (rms / np.sqrt(np.sum(weights * flat**2) / np.sum(weights)))


def _weights(aperture: np.ndarray | None, size: int) -> np.ndarray:
    """Return the weights of the cells after a check, or the full circle."""
    if aperture is None:
        return full_circle(size)
    usable = aperture.shape == (size, size) and bool(np.all(np.isfinite(aperture) & (aperture >= 0.0)))
    if not usable or not np.any(aperture):
        expected = f"finite weights, none negative and some positive, of shape ({size}, {size})"
        raise ConfigError("aperture", expected=expected, got=aperture)
    return aperture
