r"""Search of a series of separations for a planet's period, with the motion of the binary fitted beside.

At each period of a grid the model is linear: a cosine and a sine, and the changes of the separation by the elements of
the binary's orbit, its parallax and its motion. Errors are normal, of known covariance :math:`C`. With the nuisances
marginalised the power at a frequency is half the reduction of chi square by the two columns :math:`G`,

.. math:: z = \frac12 \, y^T C_n^{-1} G (G^T C_n^{-1} G)^{-1} G^T C_n^{-1} y,
    \qquad C_n = C + N P N^T,

and a planet is detected if the largest :math:`z` exceeds a threshold. Without a planet :math:`z` at one period is
exponential. Over all periods the largest is that of a Gaussian field on the surface of unit vectors
:math:`u(\nu, \varphi)` in the space of the whitened data. The tube formula gives the probability that it exceeds a
threshold from the area :math:`\kappa` of the surface [1]_ [2]_,

.. math:: F(z) = 1 - (1 - e^{-z}) \exp\left(-\frac{\kappa \sqrt{2 z}}{(2 \pi)^{3/2}} e^{-z}\right).

For white noise without nuisances it is the formula of Baluev [3]_. It is an upper bound where periods are aliases of
one another, because they are then counted more than once.

References
----------
.. [1] J. Sun, "Tail probabilities of the maxima of Gaussian random fields", Ann. Probab. 21, 34 (1993).
.. [2] R. B. Davies, "Hypothesis testing when a nuisance parameter is present only under the alternative",
   Biometrika 74, 33 (1987).
.. [3] R. V. Baluev, "Assessing the statistical significance of periodogram peaks", MNRAS 385, 1279 (2008).
"""

from __future__ import annotations

from functools import cached_property
from math import exp, expm1, log, pi, sqrt
from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Float
from scipy import linalg, optimize, special

from dluxshera.errors import BoundsError, NonFiniteError, ShapeError

CONSTANT: Final = 1e6  # uas: standard uncertainty of the constant part of the separation, which is always fitted
NODES: Final = np.array([0.5 - 0.5 / sqrt(3.0), 0.5 + 0.5 / sqrt(3.0)])  # of the Gauss-Legendre rule of two points
EXPLAINED: Final = 1e-7  # share of a column beyond which rounding decides about its direction
OVERSAMPLING: Final = 10  # a peak between two frequencies is lower than its top by 0.8 % at most


class Peak(NamedTuple):
    """Largest power of each series.

    Parameters
    ----------
    period_yr : ndarray of shape (m,)
        Period of the largest power, Julian years.
    power : ndarray of shape (m,)
        Largest power z.
    """

    period_yr: Float[np.ndarray, " m"]
    power: Float[np.ndarray, " m"]


class PeriodSearch:
    """A search for one period in a series of separations.

    Parameters
    ----------
    times_yr : ndarray of shape (n,)
        Times of the visits, Julian years.
    covariance : ndarray of shape (n, n)
        Covariance of the errors, uas^2; see `VisitError.covariance`.
    nuisances : ndarray of shape (n, k), optional
        Change of the separation per standard uncertainty of each nuisance parameter, uas; see `Binary.nuisances`. A
        constant is always fitted beside.
    shortest_yr, longest_yr : float
        Range of the periods searched, Julian years.
    oversampling : float
        Number of frequencies per inverse of the length of the series.

    Raises
    ------
    ShapeError
        If the arrays do not belong to the same visits.
    NonFiniteError
        If the covariance is NaN or infinite.
    BoundsError
        If the range of periods is empty, or the covariance is not positive definite.
    """

    def __init__(
        self,
        times_yr: Float[np.ndarray, " n"],
        covariance: np.ndarray,
        nuisances: np.ndarray | None = None,
        *,
        shortest_yr: float,
        longest_yr: float,
        oversampling: float = OVERSAMPLING,
    ) -> None:
        times = np.asarray(times_yr, float)
        columns = np.zeros((len(times), 0)) if nuisances is None else np.asarray(nuisances, float)
        if columns.ndim != 2 or len(columns) != len(times):
            raise ShapeError("nuisances", expected=f"a matrix with a row for each of {len(times)} visits", got=columns)
        if np.shape(covariance) != (len(times), len(times)):
            raise ShapeError("covariance", expected=f"a square matrix for {len(times)} visits", got=covariance)
        if not 0.0 < shortest_yr < longest_yr < np.inf:
            raise BoundsError(
                "shortest_yr, longest_yr",
                expected="a positive shortest period below the longest",
                got=[shortest_yr, longest_yr],
                remedy="Pass both in Julian years",
            )
        if not oversampling >= 1.0:
            raise BoundsError("oversampling", expected="a number of at least 1", got=oversampling)
        self.times_yr = times
        self.centre_yr = float(times.mean())
        span = float(np.ptp(times))
        count = max(int(np.ceil(oversampling * span * (1.0 / shortest_yr - 1.0 / longest_yr))), 2)
        self.frequencies = np.linspace(1.0 / longest_yr, 1.0 / shortest_yr, count + 1)
        self._factor = _cholesky(np.asarray(covariance, float))
        columns = np.concatenate([np.full((len(times), 1), CONSTANT), columns], axis=1)
        # With the prior as further rows, projection on the complement is C_n^-1 without its large eigenvalues.
        augmented = np.concatenate([self._whitened(columns), np.eye(columns.shape[1])])
        self._nuisances = np.linalg.qr(augmented)[0]

    @property
    def periods_yr(self) -> Float[np.ndarray, " p"]:
        """Periods searched, Julian years, from the longest to the shortest."""
        return 1.0 / self.frequencies

    def power(self, series_uas: Float[np.ndarray, "m n"]) -> Float[np.ndarray, "m p"]:
        """Return the power z of each series at each period.

        Parameters
        ----------
        series_uas : ndarray of shape (m, n)
            Separations less those of the assumed binary, uas: one row for each series.
        """
        data = self._whitened(np.atleast_2d(series_uas).T)
        parts = np.einsum("pni,nm->mpi", self._templates, data, optimize=True)
        return 0.5 * np.sum(parts**2, axis=2)

    def peak(self, series_uas: Float[np.ndarray, "m n"]) -> Peak:
        """Return the largest power of each series and its period.

        Parameters
        ----------
        series_uas : ndarray of shape (m, n)
            Separations less those of the assumed binary, uas: one row for each series.
        """
        power = self.power(series_uas)
        best = np.argmax(power, axis=1)
        return Peak(self.periods_yr[best], power[np.arange(len(power)), best])

    def false_alarm_rate(self, threshold: float) -> float:
        """Return the probability that a series without a planet exceeds a threshold at any period.

        Parameters
        ----------
        threshold : float
            Threshold of the power z.
        """
        single = exp(-threshold)
        crossings = self.area * sqrt(2.0 * threshold) * single / (2.0 * pi) ** 1.5
        return single - expm1(-crossings) * (1.0 - single)

    def threshold(self, false_alarm_rate: float) -> float:
        """Return the power z that a series without a planet exceeds with a stated probability.

        Parameters
        ----------
        false_alarm_rate : float
            Probability of at least one false alarm over all periods searched.

        Raises
        ------
        BoundsError
            If the probability is not between 0 and 0.5.
        """
        if not 0.0 < false_alarm_rate <= 0.5:
            raise BoundsError("false_alarm_rate", expected="a probability above 0 and up to 0.5", got=false_alarm_rate)
        highest = 30.0 + 2.0 * log((1.0 + self.area) / false_alarm_rate)
        # The rate falls with the threshold where z is above 1/2.
        return float(optimize.brentq(lambda z: self.false_alarm_rate(z) - false_alarm_rate, 0.5, highest, xtol=1e-10))

    def noncentrality(self, signals_uas: Float[np.ndarray, "m n"]) -> Float[np.ndarray, " m"]:
        """Return twice the largest power of each signal without errors.

        Parameters
        ----------
        signals_uas : ndarray of shape (m, n)
            Signals, uas.
        """
        return 2.0 * self.peak(signals_uas).power

    def quadratic_form(self, signals_uas: Float[np.ndarray, "j n"], period_yr: float) -> Float[np.ndarray, "j j"]:
        """Return the matrix K of twice the power at a period of a sum of signals, ``weights @ K @ weights``.

        Parameters
        ----------
        signals_uas : ndarray of shape (j, n)
            Signals of unit weight, uas.
        period_yr : float
            Period, Julian years.
        """
        template = self._orthonormal(np.array([1.0 / period_yr]))[0][0]
        parts = template.T @ self._whitened(np.asarray(signals_uas).T)
        return parts.T @ parts

    def detection_probability(
        self, noncentrality: Float[np.ndarray, "*m"], false_alarm_rate: float
    ) -> Float[np.ndarray, "*m"]:
        """Return the probability that a planet is detected.

        Around its period the power of a signal follows a noncentral chi-square distribution; its three degrees of
        freedom are the two amplitudes and the frequency, which is free too. False alarms at other periods count as
        well.

        Parameters
        ----------
        noncentrality : ndarray
            Twice the power of the signal without errors.
        false_alarm_rate : float
            Probability of a false alarm, which sets the threshold.
        """
        within = np.clip(noncentrality, 1e-12, 1e4)  # where scipy's distribution is accurate
        missed = special.chndtr(2.0 * self.threshold(false_alarm_rate), 3, within)
        return np.asarray(1.0 - missed * (1.0 - false_alarm_rate))

    @cached_property
    def area(self) -> float:
        """Area of the surface of unit vectors over all periods and phases."""
        step = self.frequencies[1] - self.frequencies[0]
        inner = self.frequencies[:-1, None] + step * NODES  # Gauss-Legendre, two in each interval
        _, basis, triangle = self._orthonormal(inner.ravel(), augmented=True)
        moved = self._projected(self._derivatives(inner.ravel()))
        moved = moved - basis @ (np.swapaxes(basis, 1, 2) @ moved)
        moved = moved @ np.linalg.inv(triangle)
        large, small = np.linalg.svd(moved, compute_uv=False).T ** 2
        # Integral over the phase of the length across the circle of phases.
        lengths = 4.0 * np.sqrt(large) * special.ellipe(1.0 - small / np.maximum(large, np.finfo(float).tiny))
        return float(np.sum(lengths) * step / 2.0)

    @cached_property
    def _templates(self) -> np.ndarray:
        return self._orthonormal(self.frequencies)[0]

    def _orthonormal(
        self, frequencies: np.ndarray, *, augmented: bool = False
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return for each frequency the part of the orthonormal columns that meets the data, the columns, and R.

        A column that the nuisances explain is zero, with an infinite diagonal of R.
        """
        columns = self._sinusoids(frequencies)
        size = np.linalg.norm(self._whitened(columns.transpose(1, 0, 2).reshape(len(self.times_yr), -1)), axis=0)
        basis, triangle = np.linalg.qr(self._projected(columns))
        diagonal = np.abs(np.diagonal(triangle, axis1=1, axis2=2))
        explained = diagonal <= EXPLAINED * size.reshape(-1, 2)
        basis = np.where(explained[:, None, :], 0.0, basis)
        triangle = triangle + np.where(explained, np.finfo(float).max, 0.0)[:, :, None] * np.eye(2)
        return basis[:, : len(self.times_yr)], basis if augmented else basis[:0], triangle

    def _sinusoids(self, frequencies: np.ndarray) -> np.ndarray:
        phase = 2.0 * pi * frequencies[:, None] * (self.times_yr - self.centre_yr)
        return np.stack([np.cos(phase), np.sin(phase)], axis=2)

    def _derivatives(self, frequencies: np.ndarray) -> np.ndarray:
        turned = self._sinusoids(frequencies)[:, :, ::-1] * np.array([-1.0, 1.0])
        return 2.0 * pi * (self.times_yr - self.centre_yr)[:, None] * turned

    def _projected(self, columns: np.ndarray) -> np.ndarray:
        """Return whitened columns of shape (p, n, 2), continued by zeros, less their part along the nuisances."""
        p, n, two = columns.shape
        white = self._whitened(columns.transpose(1, 0, 2).reshape(n, p * two))
        whole = np.concatenate([white, np.zeros((len(self._nuisances) - n, p * two))])
        for _ in range(2):  # once more, because much may cancel
            whole = whole - self._nuisances @ (self._nuisances.T @ whole)
        return whole.reshape(-1, p, two).transpose(1, 0, 2)

    def _whitened(self, columns: np.ndarray) -> np.ndarray:
        return linalg.solve_triangular(self._factor, columns, lower=True)


def _cholesky(covariance: np.ndarray) -> np.ndarray:
    if not np.all(np.isfinite(covariance)):
        raise NonFiniteError("covariance", got=covariance)
    try:
        return np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        raise BoundsError(
            "covariance",
            expected="a positive definite matrix",
            got=covariance,
            remedy="Each visit needs a random error above zero",
        ) from None
