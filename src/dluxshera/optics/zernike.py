r"""Zernike polynomials in Noll's order (Noll 1976, JOSA 66, 207), of unit rms over the full unit circle.

A polynomial is stored as its homogeneous parts: :math:`Z_j(k x, k y) = \sum_d k^d H_{j,d}(x, y)`. A traced
magnification k, such as that of the beam on M2, then costs a weighted sum, and derivatives with respect to k are exact.
The polynomials continue outside the circle, so that a cell on its edge has the OPD of the mirror.
"""

from __future__ import annotations

from functools import lru_cache
from math import factorial, sqrt

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from dluxshera.errors import ConfigError


def noll_orders(j: int) -> tuple[int, int]:
    """Return the radial order n and the azimuthal order m of a Noll index, with m < 0 for the sine term.

    Parameters
    ----------
    j : int
        Noll index, from 1 (piston).

    Raises
    ------
    ConfigError
        If `j` is less than 1.

    Examples
    --------
    >>> [noll_orders(j) for j in (1, 2, 3, 4, 11)]
    [(0, 0), (1, 1), (1, -1), (2, 0), (4, 0)]
    """
    if j < 1:
        raise ConfigError("noll", expected="Noll indices from 1", got=j)
    n = int((sqrt(8 * j - 7) - 1) / 2)
    place = j - n * (n + 1) // 2  # 1 is the first of row n
    m = place // 2 * 2 if n % 2 == 0 else (place - 1) // 2 * 2 + 1
    return n, (m if j % 2 == 0 else -m) if m else 0


def homogeneous_parts(j: int, x: np.ndarray, y: np.ndarray) -> dict[int, np.ndarray]:
    """Return the homogeneous parts of a Zernike polynomial by degree.

    Parameters
    ----------
    j : int
        Noll index.
    x, y : ndarray
        Coordinates in units of the circle's radius.

    Returns
    -------
    dict of int to ndarray
        Values at (x, y) of the part of each degree, in the shape of the coordinates. Their sum is the polynomial.
    """
    n, m = noll_orders(j)
    mu = abs(m)
    power = (x + 1j * y) ** mu
    azimuthal = power.imag if m < 0 else power.real
    norm = sqrt(n + 1) if m == 0 else sqrt(2 * (n + 1))
    r2 = x**2 + y**2
    parts = {}
    for s in range((n - mu) // 2 + 1):
        binomial = factorial(s) * factorial((n + mu) // 2 - s) * factorial((n - mu) // 2 - s)
        degree = n - 2 * s
        parts[degree] = norm * (-1) ** s * factorial(n - s) / binomial * r2 ** ((degree - mu) // 2) * azimuthal
    return parts


@lru_cache(maxsize=64)
def steepest_slopes(noll: tuple[int, ...]) -> Float[np.ndarray, " modes"]:
    r"""Return the largest slope of each polynomial over the unit circle, in units per diameter.

    It lies on the edge, where the radial derivative is (n (n + 2) - m^2) / 2 and the azimuthal one m, times the norm.

    Parameters
    ----------
    noll : tuple of int
        Noll indices.

    Returns
    -------
    ndarray, shape (modes,)
        Slopes, read-only.
    """
    slopes = []
    for n, m in map(noll_orders, noll):
        norm = sqrt(n + 1) if m == 0 else sqrt(2 * (n + 1))
        slopes.append(2 * norm * max((n * (n + 2) - m * m) / 2, abs(m)))
    steepest = np.array(slopes)
    steepest.flags.writeable = False
    return steepest


class ZernikeBasis(eqx.Module):
    """Zernike polynomials on one square grid, at any magnification.

    Parameters
    ----------
    noll : tuple of int
        Noll indices, in the order of the coefficients.
    coordinates : ndarray, shape (n,)
        Coordinates along both axes, in units of the circle's radius at magnification 1.
    dtype : dtype
        Data type of the stored parts.
    """

    noll: tuple[int, ...] = eqx.field(static=True)
    degrees: tuple[int, ...] = eqx.field(static=True)
    modes: tuple[int, ...] = eqx.field(static=True)  # the polynomial of each part
    parts: Float[Array | np.ndarray, "parts n n"]
    slopes: Float[Array | np.ndarray, " modes"]  # see `steepest_slopes`

    def __init__(self, noll: tuple[int, ...], coordinates: np.ndarray, dtype: np.dtype | type = np.float64) -> None:
        x, y = np.meshgrid(coordinates, coordinates)
        parts = [
            (mode, degree, part) for mode, j in enumerate(noll) for degree, part in homogeneous_parts(j, x, y).items()
        ]
        self.noll = tuple(noll)
        self.modes = tuple(mode for mode, _, _ in parts)
        self.degrees = tuple(degree for _, degree, _ in parts)
        self.slopes = steepest_slopes(self.noll).astype(dtype)
        size = coordinates.size
        self.parts = np.array([part for _, _, part in parts], dtype=dtype).reshape(len(parts), size, size)

    def polynomials(self, magnification: Float[Array, ""] | float = 1.0) -> Float[Array, "modes n n"]:
        """Return the polynomials at `magnification` times the grid's coordinates.

        Parameters
        ----------
        magnification : float or Array
            Factor on the grid's coordinates.
        """
        of_modes = np.equal.outer(np.arange(len(self.noll)), np.array(self.modes, dtype=int))
        weights = of_modes * jnp.asarray(magnification) ** np.array(self.degrees, dtype=int)
        return jnp.tensordot(weights, self.parts, axes=1)

    def opd(
        self, coefficients: Float[Array | np.ndarray, " modes"], magnification: Float[Array, ""] | float = 1.0
    ) -> Array:
        """Return the OPD: the weighted sum of the polynomials at `magnification` times the grid's coordinates.

        Parameters
        ----------
        coefficients : Array, shape (modes,)
            Coefficient of each Noll index.
        magnification : float or Array
            Factor on the grid's coordinates.

        Returns
        -------
        Array, shape (n, n)
            OPD in the unit of the coefficients, also outside the circle.
        """
        weights = jnp.asarray(coefficients)[np.array(self.modes, dtype=int)]
        weights = weights * jnp.asarray(magnification) ** np.array(self.degrees, dtype=int)
        return jnp.tensordot(weights, self.parts, axes=1)
