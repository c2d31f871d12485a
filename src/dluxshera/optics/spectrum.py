r"""The band and what shines in it: where it is sampled, the stars' spectra, the filter, and the weights they give.

Everything counts photons, not energy. A curve across the band - a filter's transmission, a star's spectrum - is given
by samples at evenly spaced points from edge to edge, and goes with the band when the band moves. A position in the band
is :math:`(\lambda - \lambda_0) / \Delta\lambda`: -1/2 at the blue edge, 1/2 at the red one.
"""

from __future__ import annotations

from typing import Final, SupportsFloat

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from dluxshera.errors import ConfigError, DataError

_EDGE: Final = 1e-9  # of the band's width: what the rounding of its edges may leave uncovered


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


def band_weights(
    wavelengths: Float[Array, " w"],
    quadrature_weights: Float[Array, " w"],
    transmission: Float[Array, "#w"],
    spectra: Float[Array, "stars #w"],
) -> Float[Array, "stars w"]:
    """Return the part of each star's detected photons that each wavelength stands for.

    Parameters
    ----------
    wavelengths, quadrature_weights : Array, shape (w,)
        As `top_hat_band` gives them. The rule is as good as the product of image, filter and spectrum is a polynomial:
        a steep filter wants more wavelengths.
    transmission : Array, shape (w,) or (1,)
        Of the filter at the wavelengths, in any unit.
    spectra : Array, shape (stars, w) or (stars, 1)
        Photons of each star per unit of wavelength, in any unit, which may differ from star to star.

    Returns
    -------
    Array, shape (stars, w)
        Each row sums to 1; NaN for a star of which nothing passes.
    """
    photons = jnp.broadcast_to(quadrature_weights * transmission * spectra, (spectra.shape[0], wavelengths.shape[0]))
    return photons / jnp.sum(photons, axis=-1, keepdims=True)


def effective_wavelength(wavelengths: Float[Array, " w"], weights: Float[Array, "*stars w"]) -> Float[Array, "*stars"]:
    """Return the mean wavelength of the photons, in the unit of `wavelengths`; the weights need not sum to 1."""
    return jnp.sum(weights * wavelengths, axis=-1) / jnp.sum(weights, axis=-1)


def curve_samples(
    wavelengths: Float[np.ndarray, " rows"],
    values: Float[np.ndarray, " values"],
    centre: SupportsFloat,
    width: SupportsFloat,
    n: int,
) -> Float[np.ndarray, " n"]:
    """Return a table as samples across a band, as `sampled_curve` takes them; linear between the table's rows.

    Parameters
    ----------
    wavelengths : ndarray, shape (rows,)
        Metres, ascending, with the whole band between the first and the last.
    values : ndarray, shape (rows,)
        In any unit.
    centre, width : float
        Of the band, metres.
    n : int
        Samples, at least 2. Where they are coarser than the table, what is finer than they are is lost.

    Raises
    ------
    ConfigError
        If `n` is less than 2.
    DataError
        If the table is no curve, or part of the band lies outside it.
    """
    if n < 2:
        raise ConfigError("n", expected="at least 2 samples, one at each edge of the band", got=n)
    if wavelengths.shape != values.shape or wavelengths.ndim != 1 or not wavelengths.size:
        raise DataError("values", expected="a value for each wavelength", got=values)
    if not np.all(np.isfinite(wavelengths)) or np.any(np.diff(wavelengths) <= 0.0):
        remedy = "Sort the rows, and give each wavelength once"
        raise DataError("wavelengths", expected="finite numbers that ascend", got=wavelengths, remedy=remedy)
    points = float(centre) + float(width) * np.linspace(-0.5, 0.5, n)
    first, last, slack = wavelengths[0], wavelengths[-1], _EDGE * float(width)
    missing = []
    if points[0] < first - slack:
        missing.append(_span(points[0], min(first, points[-1])))
    if points[-1] > last + slack:
        missing.append(_span(max(last, points[0]), points[-1]))
    if missing:
        expected = f"a table of the whole band, {_span(points[0], points[-1])}"
        remedy = f"Missing: {' and '.join(missing)}; extend the table or narrow the band"
        raise DataError("wavelengths", expected=expected, got=_span(first, last), remedy=remedy)
    return np.interp(points, wavelengths, values)


def _span(first: float, last: float) -> str:
    return f"{first * 1e9:.6g} to {last * 1e9:.6g} nm"
