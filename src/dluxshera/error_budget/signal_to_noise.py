r"""Exposure for a signal-to-noise ratio where part of the noise averages down and part does not. No jax.

After the time :math:`t` a signal of the rate `S` has the noise :math:`\sqrt{V t + (R t)^2}`. The variance, of rate `V`,
is that of random noise; the residual, of rate `R`, is constant, as for speckles. The ratio approaches :math:`S / R`.
"""

from __future__ import annotations

from math import inf, isfinite

from dluxshera.errors import ParameterError


def largest_snr(signal: float, residual: float) -> float:
    """Return the signal-to-noise ratio that no exposure exceeds.

    Parameters
    ----------
    signal : float
        Rate of the signal, per second.
    residual : float
        Rate of the constant residual, per second.

    Examples
    --------
    >>> round(largest_snr(0.256209, 0.00299061), 1)
    85.7
    """
    _check(signal=signal)
    _check_size(residual=residual)
    return signal / residual if residual else inf


def exposure_for_snr(snr: float, *, signal: float, variance: float, residual: float = 0.0) -> float:
    """Return the time after which a signal has a signal-to-noise ratio, in seconds.

    Parameters
    ----------
    snr : float
        Signal-to-noise ratio.
    signal : float
        Rate of the signal, per second.
    variance : float
        Rate of the variance of the random noise, per second.
    residual : float
        Rate of the constant residual, per second.

    Raises
    ------
    ParameterError
        If no exposure reaches the ratio, or a rate is out of range.

    Examples
    --------
    >>> round(exposure_for_snr(5.0, signal=0.256209, variance=0.528663, residual=0.00299061), 1)
    202.0
    """
    _check(snr=snr)
    limit = largest_snr(signal, residual)
    _check_size(variance=variance)
    if not snr < limit:
        raise ParameterError(
            "snr",
            expected=f"below {limit:.6g}, the ratio of the signal to its constant residual",
            got=snr,
            remedy="Lower it, or reduce the residual",
        )
    return snr**2 * variance / (signal**2 - (snr * residual) ** 2)


def _check(**values: float) -> None:
    for name, value in values.items():
        if not (isfinite(value) and value > 0):
            raise ParameterError(name, expected="a number above 0", got=value)


def _check_size(**values: float) -> None:
    for name, value in values.items():
        if not (isfinite(value) and value >= 0):
            raise ParameterError(name, expected="a number of at least 0", got=value)
