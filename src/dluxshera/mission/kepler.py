"""Kepler's equation."""

from __future__ import annotations

from typing import Final

import numpy as np
from jaxtyping import Float

from dluxshera.errors import BoundsError

STEPS: Final = 200  # never reached: each step at least takes a third off the distance to the root


def eccentric_anomaly(mean_anomaly: Float[np.ndarray, "*n"], eccentricity: float) -> Float[np.ndarray, "*n"]:
    r"""Return the solution E of Kepler's equation, :math:`M = E - e \sin E`.

    Newton's method starts at the upper bound :math:`\min(M + e, \pi)` of the root, for M between 0 and :math:`\pi`.
    The function is convex there, so the steps approach the root from above for every eccentricity below 1.

    Parameters
    ----------
    mean_anomaly : ndarray of any shape
        Mean anomaly M, radians.
    eccentricity : float
        Eccentricity e, from 0 up to but not including 1.

    Returns
    -------
    ndarray
        Eccentric anomaly E, radians, within half a turn of M.

    Raises
    ------
    BoundsError
        If the eccentricity is not between 0 and 1.

    Examples
    --------
    >>> import numpy as np
    >>> anomaly = eccentric_anomaly(np.array([1.0, 7.2]), 0.5)
    >>> bool(np.allclose(anomaly - 0.5 * np.sin(anomaly), [1.0, 7.2]))
    True
    """
    if not 0.0 <= eccentricity < 1.0:
        raise BoundsError(
            "eccentricity",
            expected="a number from 0 up to but not including 1",
            got=eccentricity,
            remedy="Only closed orbits are supported",
        )
    turns = 2.0 * np.pi * np.round(mean_anomaly / (2.0 * np.pi))
    mean = np.abs(mean_anomaly - turns)  # the solution is odd in M
    anomaly = np.minimum(mean + eccentricity, np.pi)
    for _ in range(STEPS):
        excess = anomaly - eccentricity * np.sin(anomaly) - mean
        step = excess / (1.0 - eccentricity * np.cos(anomaly))
        anomaly = anomaly - step
        if not np.any(np.abs(step) > 4e-16 * np.maximum(anomaly, 1e-300)):
            break
        if not np.any(step > 0.0):  # rounding has reached the root, where steps change their sign
            break
    return turns + np.copysign(anomaly, mean_anomaly - turns)
