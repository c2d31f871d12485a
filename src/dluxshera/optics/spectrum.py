"""The band: wavelengths at which it is sampled, and their weights."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


def top_hat_band(
    wavelength: Float[Array, ""], bandwidth: Float[Array, ""], n: int
) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
    """Return Gauss-Legendre wavelengths across a flat band, and their weights.

    Parameters
    ----------
    wavelength, bandwidth : Array
        Centre and full width, metres.
    n : int
        Number of wavelengths; exact for an image that is a polynomial in wavelength of degree up to 2 n - 1.

    Returns
    -------
    wavelengths : Array, shape (n,)
        Metres, ascending.
    weights : Array, shape (n,)
        Sum to 1.
    """
    nodes, weights = np.polynomial.legendre.leggauss(n)
    return wavelength + 0.5 * bandwidth * nodes, jnp.asarray(0.5 * weights, dtype=jnp.result_type(float))
