r"""Curves across the band: sampled ones, and Planck's law. No jax: they take the array library of their arguments.

A position in the band is :math:`(\lambda - \lambda_0) / \Delta\lambda`: -1/2 at the blue edge, 1/2 at the red one.
"""

from __future__ import annotations

from math import exp
from typing import Any, Final

Number = Any  # a float, an array, or a traced value

SECOND_RADIATION: Final = 6.62607015e-34 * 299792458.0 / 1.380649e-23  # h c / k, m K; all three are exact in the SI
PHOTON_PEAK: Final = 3.920690394872886  # h c / (lambda k T) where the photons per wavelength peak: x = 4 (1 - exp(-x))


def namespace(value: Any) -> Any:
    """Return the array library of a value: the namespace of the array API standard, NumPy for a plain number."""
    if hasattr(value, "__array_namespace__"):
        return value.__array_namespace__()
    import numpy as np  # not before a value is computed: specs and schemas need none

    return np


def photon_black_body(wavelength: Number, temperature: Number) -> Number:
    r"""Return the photons of a black body per unit of wavelength, in units of their largest value at that temperature.

    Planck's law in photons, :math:`\lambda^{-4} / (e^x - 1)` with :math:`x = h c / (\lambda k T)`. It peaks at
    :math:`\lambda T` = 3.670 mm K, further to the red than the energy does. Nothing overflows; far in the blue of a
    cold body the value underflows to zero (float64: below 37 K at 550 nm; float32: below 280 K).

    Parameters
    ----------
    wavelength : float or array
        Metres, positive.
    temperature : float or array
        Kelvin, positive; broadcast against `wavelength`.

    Returns
    -------
    float or array
        From 0 to 1.
    """
    x = SECOND_RADIATION / (wavelength * temperature)
    xp = namespace(x)
    peak = (1.0 - exp(-PHOTON_PEAK)) * (x / PHOTON_PEAK) ** 4
    return peak * xp.exp(PHOTON_PEAK - x) / -xp.expm1(-x)


def sampled_curve(samples: Number, position: Number) -> Number:
    """Return curves across the band at given positions, by linear interpolation between their samples.

    What is between two samples lies between their values, so a curve of no negative sample is nowhere negative. A
    smooth curve is met to an eighth of its second derivative times the square of the samples' distance.

    Parameters
    ----------
    samples : array, shape (..., n)
        Values at n evenly spaced points from edge to edge of the band; one sample is a flat curve.
    position : array, shape (w,)
        From -1/2 to 1/2; beyond, the curve goes on with its outermost sample.

    Returns
    -------
    array, shape (..., w)
    """
    n = samples.shape[-1]
    xp = namespace(position)
    place = (xp.clip(position, -0.5, 0.5) + 0.5) * (n - 1)
    hats = xp.maximum(1.0 - xp.abs(place[:, None] - xp.arange(n, dtype=place.dtype)), 0.0)
    return samples @ hats.T


def curve_mean(samples: Number) -> Number:
    """Return the mean across the band of a curve that `sampled_curve` interpolates, shape (..., n) to (...)."""
    inner = samples[..., 1:-1].sum(axis=-1)
    return (inner + 0.5 * (samples[..., 0] + samples[..., -1])) / (samples.shape[-1] - 1)
