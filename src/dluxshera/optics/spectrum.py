r"""The sampling of the band in wavelength, and the weights that filters and stellar spectra give to the samples.

Spectra and weights count photons, not energy. A curve across the band (the transmission of a filter or the spectrum of
a star) is a list of samples at evenly spaced points from edge to edge, and moves with the band. A position in the band
is :math:`(\lambda - \lambda_0) / \Delta\lambda`: -1/2 at the blue edge, 1/2 at the red edge.
"""

from __future__ import annotations

from typing import Final, SupportsFloat

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from dluxshera.errors import ConfigError, DataError

_EDGE: Final = 1e-9  # fraction of the band's width that the rounding of its edges may leave uncovered


def top_hat_band(
    wavelength: Float[Array, ""], bandwidth: Float[Array, ""], n: int
) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
    """Return Gauss-Legendre wavelengths across a flat band, and their weights.

    Parameters
    ----------
    wavelength, bandwidth : Array
        Centre and full width of the band, metres.
    n : int
        Number of wavelengths. The sum is exact for an image that is a polynomial in wavelength of degree up to 2 n - 1.

    Returns
    -------
    wavelengths : Array, shape (n,)
        Wavelengths in metres, ascending.
    weights : Array, shape (n,)
        Weights with a sum of 1.
    """
    nodes, weights = np.polynomial.legendre.leggauss(n)
    return wavelength + 0.5 * bandwidth * nodes, jnp.asarray(0.5 * weights, dtype=jnp.result_type(float))


def band_weights(
    wavelengths: Float[Array, " w"],
    quadrature_weights: Float[Array, " w"],
    transmission: Float[Array, "#w"],
    spectra: Float[Array, "stars #w"],
) -> Float[Array, "stars w"]:
    """Return the fraction of each star's detected photons that each wavelength represents.

    Parameters
    ----------
    wavelengths, quadrature_weights : Array, shape (w,)
        Wavelengths and weights of `top_hat_band`. The sum is as accurate as the product of image, filter and spectrum
        is close to a polynomial: a steep filter needs more wavelengths.
    transmission : Array, shape (w,) or (1,)
        Transmission of the filter at the wavelengths, in any unit.
    spectra : Array, shape (stars, w) or (stars, 1)
        Photons of each star per unit of wavelength, in any unit, which may differ from star to star.

    Returns
    -------
    Array, shape (stars, w)
        Weights with a sum of 1 for each star; NaN for a star without any transmitted light.
    """
    photons = jnp.broadcast_to(quadrature_weights * transmission * spectra, (spectra.shape[0], wavelengths.shape[0]))
    return photons / jnp.sum(photons, axis=-1, keepdims=True)


def mean_wavelength(wavelengths: Float[Array, " w"], weights: Float[Array, "*stars w"]) -> Float[Array, "*stars"]:
    """Return the mean wavelength of the photons, in the unit of `wavelengths`; the weights can have any sum.

    Parameters
    ----------
    wavelengths : Array, shape (w,)
        Wavelengths.
    weights : Array, shape (..., w)
        Photons at each wavelength.
    """
    return jnp.sum(weights * wavelengths, axis=-1) / jnp.sum(weights, axis=-1)


def curve_samples(
    wavelengths: Float[np.ndarray, " rows"],
    values: Float[np.ndarray, " values"],
    centre: SupportsFloat,
    width: SupportsFloat,
    n: int,
) -> Float[np.ndarray, " n"]:
    """Return evenly spaced samples of a table across a band, by linear interpolation between the table's rows.

    Parameters
    ----------
    wavelengths : ndarray, shape (rows,)
        Wavelengths of the table, metres, ascending. The whole band lies between the first and the last.
    values : ndarray, shape (rows,)
        Values of the table, in any unit.
    centre, width : float
        Centre and full width of the band, metres.
    n : int
        Number of samples, at least 2. Structure of the table that is finer than the samples is lost.

    Returns
    -------
    ndarray, shape (n,)
        Samples for `sampled_curve`, in the unit of the values.

    Raises
    ------
    ConfigError
        If `n` is less than 2.
    DataError
        If the table is not a curve, or part of the band lies outside it.
    """
    if n < 2:
        raise ConfigError("n", expected="at least 2 samples, one at each edge of the band", got=n)
    if wavelengths.shape != values.shape or wavelengths.ndim != 1 or not wavelengths.size:
        raise DataError("values", expected="a value for each wavelength", got=values)
    if not np.all(np.isfinite(wavelengths)) or np.any(np.diff(wavelengths) <= 0.0):
        remedy = "Sort the rows by wavelength, and remove repeated wavelengths"
        raise DataError("wavelengths", expected="finite numbers in ascending order", got=wavelengths, remedy=remedy)
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
