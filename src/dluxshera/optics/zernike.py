r"""Zernike polynomials in Noll's order (Noll 1976, JOSA 66, 207), of unit rms over the full unit circle.

A polynomial is kept as its homogeneous parts: :math:`Z_j(k x, k y) = \sum_d k^d H_{j,d}(x, y)`. They are made once; a
magnification k that is traced, as that of the beam on M2 is, then costs a weighted sum, and derivatives by k are exact.
Outside the circle the polynomials go on, so that a cell which the edge cuts keeps its OPD.
"""

from __future__ import annotations

from math import factorial, sqrt

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from dluxshera.errors import ConfigError


def noll_orders(j: int) -> tuple[int, int]:
    """Return the radial order n and the azimuthal order m of Noll's index j; m < 0 for the sine term.

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
    """Return the homogeneous parts of a Zernike polynomial: degree to values at (x, y)."""
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


class ZernikeBasis(eqx.Module):
    """A set of Zernike polynomials on one grid, at any magnification.

    Parameters
    ----------
    noll : tuple of int
        Noll indices, in the order of the coefficients.
    coordinates : ndarray, shape (n,)
        Coordinates along both axes, in units of the circle's radius at magnification 1.
    dtype : dtype
        Of the stored parts.
    """

    noll: tuple[int, ...] = eqx.field(static=True)
    degrees: tuple[int, ...] = eqx.field(static=True)
    owners: tuple[int, ...] = eqx.field(static=True)
    parts: Float[np.ndarray, "parts n n"]

    def __init__(self, noll: tuple[int, ...], coordinates: np.ndarray, dtype: np.dtype | type = np.float64) -> None:
        x, y = np.meshgrid(coordinates, coordinates)
        found = [
            (owner, degree, part) for owner, j in enumerate(noll) for degree, part in homogeneous_parts(j, x, y).items()
        ]
        self.noll = tuple(noll)
        self.owners = tuple(owner for owner, _, _ in found)
        self.degrees = tuple(degree for _, degree, _ in found)
        size = coordinates.size
        self.parts = np.array([part for _, _, part in found], dtype=dtype).reshape(len(found), size, size)

    def opd(self, coefficients: Float[Array, " modes"], magnification: Float[Array, ""] | float = 1.0) -> Array:
        """Return the sum of the polynomials at `magnification` times the grid's coordinates.

        Parameters
        ----------
        coefficients : Array, shape (modes,)
            One for each Noll index; the result has their unit.
        magnification : float or Array
            Multiplies the coordinates.

        Returns
        -------
        Array, shape (n, n)
        """
        weights = jnp.asarray(coefficients)[np.array(self.owners, dtype=int)]
        weights = weights * jnp.asarray(magnification) ** np.array(self.degrees, dtype=int)
        return jnp.tensordot(weights, self.parts, axes=1)
