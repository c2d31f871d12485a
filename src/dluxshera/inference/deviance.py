"""Deviance of one pixel: formulas without cancellation, and its mean and variance where the model is correct."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

_Function = Callable[[Array], Array]

# From this number of expected photons on, the series of `poisson_moments` is accurate to 1e-6, and below it the sum
# over this number of counts is complete to rounding.
_BRIGHT: Final = 40.0
_COUNTS: Final = 128

# Nodes from 0 to 1 and weights on each side of the data at which a deviance of normal noise has a logarithmic peak. The
# cube of a node is the distance from there, up to _REACH standard deviations from the mean.
_REACH: Final = 9.0
_ROOTS, _ROOT_WEIGHTS = np.polynomial.legendre.leggauss(96)
_NODES: Final = 0.5 * (1.0 + _ROOTS)
_WEIGHTS: Final = 0.5 * _ROOT_WEIGHTS * 3.0 * _NODES**2


class DevianceMoments(NamedTuple):
    """Mean and variance of a deviance over the noise, where the model is correct.

    Parameters
    ----------
    mean, variance : ndarray
        Values for each pixel, or of the sum over pixels.
    """

    mean: Float[Array | np.ndarray, " *image"]
    variance: Float[Array | np.ndarray, " *image"]


def poisson_moments(model: Float[Array | np.ndarray, " *image"]) -> DevianceMoments:
    r"""Return mean and variance of the deviance of Poisson counts, :math:`2 (d \log(d/\mu) + \mu - d)`.

    Few expected photons: the sum over the probabilities of all counts. Many: the series in :math:`1/\mu`, from the
    central moments of the Poisson distribution,

    .. math::

        1 + \frac{1}{6\mu} + \frac{1}{6\mu^2} + \frac{19}{60\mu^3} + \frac{9}{10\mu^4}, \qquad
        2 + \frac{2}{3\mu} + \frac{4}{3\mu^2} + \frac{701}{180\mu^3}.

    Parameters
    ----------
    model : ndarray
        Expected photons of each pixel.

    Returns
    -------
    DevianceMoments
        Both 0 for a pixel without expected photons, and NaN for one whose expected photons are negative or NaN.
    """
    photons = np.asarray(model, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        x = 1.0 / photons
        mean = 1.0 + x * (1 / 6 + x * (1 / 6 + x * (19 / 60 + x * 9 / 10)))
        variance = 2.0 + x * (2 / 3 + x * (4 / 3 + x * 701 / 180))
    faint = ~(photons >= _BRIGHT)
    mean[faint], variance[faint] = _sum_over_counts(photons[faint])
    return DevianceMoments(mean, variance)


def _sum_over_counts(photons: np.ndarray) -> DevianceMoments:
    """Return the moments of pixels with few photons; `photons` is a vector."""
    valid = np.where(photons > 0, photons, 1.0)
    log_photons, log_factorial = np.log(valid), 0.0
    first, second = np.zeros_like(valid), np.zeros_like(valid)  # moments about 1, near the mean of most pixels
    for count in range(_COUNTS):
        log_count = np.log(max(count, 1))
        log_factorial += log_count
        probability = np.exp(count * log_photons - valid - log_factorial)
        excess = 2.0 * (count * (log_count - log_photons) + valid - count) - 1.0
        first += probability * excess
        second += probability * excess**2
    dark, impossible = photons == 0, np.where(photons >= 0, 1.0, np.nan)
    return DevianceMoments(
        np.where(dark, 0.0, 1.0 + first) * impossible, np.where(dark, 0.0, second - first**2) * impossible
    )


def normal_moments(
    deviance: _Function, variance: Float[Array, " *image"], mean: Float[Array, " *image"], peak: Float[Array, "..."]
) -> DevianceMoments:
    """Return mean and variance of the deviance of normal data, by quadrature. Traceable.

    Parameters
    ----------
    deviance : callable
        Function from data to the deviance of each pixel.
    variance, mean : Array
        Variance and mean of the data of each pixel.
    peak : Array
        Data at which the deviance may have a logarithmic peak, where the noise is small.
    """
    sigma = jnp.sqrt(variance)
    middle = jnp.clip((peak - mean) / sigma, -_REACH, _REACH)

    def add(sums: tuple[Array, Array, Array], node: tuple[Array, Array]) -> tuple[tuple[Array, Array, Array], None]:
        distance, weight = node
        for length in (_REACH - middle, -_REACH - middle):
            x = middle + length * distance**3
            density = weight * jnp.abs(length) * jnp.exp(-0.5 * x**2)
            excess = deviance(mean + x * sigma) - 1.0
            sums = (sums[0] + density, sums[1] + density * excess, sums[2] + density * excess**2)
        return sums, None

    zero = jnp.zeros_like(sigma)
    (total, first, second), _ = jax.lax.scan(add, (zero, zero, zero), (jnp.asarray(_NODES), jnp.asarray(_WEIGHTS)))
    return DevianceMoments(1.0 + first / total, second / total - (first / total) ** 2)


def log_curve(x: Array) -> Array:
    """Return 2 (x - log(1 + x)) / x^2, which is 1 at zero."""
    return _curve(x, lambda x: 2.0 * (x - jnp.log1p(x)), lambda k: 2.0 / (k + 2))


def ratio_curve(x: Array) -> Array:
    """Return (log(1 + x) - x / (1 + x)) / x^2, which is 1/2 at zero."""
    return _curve(x, lambda x: jnp.log1p(x) - x / (1.0 + x), lambda k: (k + 1.0) / (k + 2))


def _curve(x: Array, difference: _Function, coefficient: Callable[[int], float]) -> Array:
    """Return difference(x) / x^2, by the power series of (-x)^k where the difference would cancel."""
    small = jnp.abs(x) < 0.01
    far = jnp.where(small, 1.0, x)
    series = jnp.polyval(jnp.array([coefficient(k) for k in reversed(range(9))]), -jnp.where(small, x, 0.0))
    return jnp.where(small, series, difference(far) / far**2)
