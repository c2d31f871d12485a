r"""Curves across the band: linear interpolation of samples, their mean, and Planck's law.

A position in the band is :math:`(\lambda - \lambda_0) / \Delta\lambda`: -1/2 at the blue edge, 1/2 at the red edge. The
functions use the array library of their arguments. This module imports none, because specs and schemas, which every
command reads, use these functions and need no arrays; those that do need them are in `spectrum`.
"""

from __future__ import annotations

from math import exp
from typing import Any, Final

from dluxshera.optics.relay import Numeric

SECOND_RADIATION: Final = 6.62607015e-34 * 299792458.0 / 1.380649e-23  # h c / k, m K; all three are exact in the SI
PHOTON_PEAK: Final = 3.920690394872886  # h c / (lambda k T) where the photons per wavelength peak: x = 4 (1 - exp(-x))


def namespace(value: Any) -> Any:
    """Return the array library of a `value`: its namespace of the array API standard, or NumPy for a plain number."""
    if hasattr(value, "__array_namespace__"):
        return value.__array_namespace__()
    import numpy as np  # deferred, see the module's docstring

    return np


def photon_black_body(wavelength: Numeric, temperature: Numeric) -> Numeric:
    r"""Return the photons of a black body per unit of wavelength, relative to their maximum at that temperature.

    Planck's law in photons is :math:`\lambda^{-4} / (e^x - 1)` with :math:`x = h c / (\lambda k T)`. It peaks at
    :math:`\lambda T` = 3.670 mm K, further to the red than the energy. Nothing overflows. The value underflows to zero
    far in the blue of a cold body: at 550 nm, below 37 K in float64 and below 280 K in float32.

    Parameters
    ----------
    wavelength : float or array
        Wavelength, metres, positive.
    temperature : float or array
        Temperature, kelvin, positive; broadcast against `wavelength`.

    Returns
    -------
    float or array
        Relative photons, 0 to 1.
    """
    x = SECOND_RADIATION / (wavelength * temperature)
    xp = namespace(x)
    peak = (1.0 - exp(-PHOTON_PEAK)) * (x / PHOTON_PEAK) ** 4
    return peak * xp.exp(PHOTON_PEAK - x) / -xp.expm1(-x)


def sampled_curve(samples: Numeric, position: Numeric) -> Numeric:
    """Return curves across the band by linear interpolation between their samples.

    Between two samples a curve lies between their values, so a curve without negative samples is nowhere negative. The
    error for a smooth curve is at most its second derivative times the square of the sample spacing, divided by 8.

    Parameters
    ----------
    samples : array, shape (..., n)
        Values at n evenly spaced points from edge to edge of the band; one sample is a constant curve.
    position : array, shape (w,)
        Positions in the band, -1/2 to 1/2. Beyond the edges a curve has the value of its outermost sample.

    Returns
    -------
    array, shape (..., w)
        Values at the positions.
    """
    n = samples.shape[-1]
    xp = namespace(position)
    place = (xp.clip(position, -0.5, 0.5) + 0.5) * (n - 1)
    hats = xp.maximum(1.0 - xp.abs(place[:, None] - xp.arange(n, dtype=place.dtype)), 0.0)
    return samples @ hats.T


def curve_mean(samples: Numeric) -> Numeric:
    """Return the mean across the band of a curve that `sampled_curve` interpolates.

    Parameters
    ----------
    samples : array, shape (..., n)
        Samples of the curve, at least two.

    Returns
    -------
    array, shape (...)
        Mean, in the unit of the samples.
    """
    inner = samples[..., 1:-1].sum(axis=-1)
    return (inner + 0.5 * (samples[..., 0] + samples[..., -1])) / (samples.shape[-1] - 1)
