"""Visits: when they are, the errors of the separations that they measure, and the covariance of these errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from dluxshera.errors import BoundsError, ParameterError
from dluxshera.mission.constants import JULIAN_YEAR

VISIT: Final = 1800.0  # seconds


@runtime_checkable
class Drift(Protocol):
    """A drift of the instrument, by the variance of the difference of two visits.

    The temporal models of `dluxshera.error_budget` are drifts.
    """

    def difference_variance(self, duration_s: float, lag_s: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
        """Return the variance of the difference of two averages over `duration_s` that start `lag_s` apart, uas^2."""


def visit_times(
    n: int, *, start_yr: float, years: float, rng: np.random.Generator | None = None
) -> Float[np.ndarray, " n"]:
    """Return the times of visits, one in each of `n` equal intervals, in Julian years.

    Parameters
    ----------
    n : int
        Number of visits.
    start_yr : float
        Start of the first interval, Julian years.
    years : float
        Length of the mission, years.
    rng : numpy.random.Generator, optional
        Source of random times within the middle 80 % of each interval. Regular times, the default, are in the middle;
        they cannot tell a period from its aliases.

    Raises
    ------
    BoundsError
        If the number of visits or the length of the mission is out of its range.

    Examples
    --------
    >>> visit_times(4, start_yr=2030.0, years=2.0).tolist()
    [2030.25, 2030.75, 2031.25, 2031.75]
    """
    if n < 2:
        raise BoundsError("n", expected="at least 2 visits", got=n)
    if not 0.0 < years < np.inf:
        raise BoundsError("years", expected="a positive number of years", got=years)
    place = np.full(n, 0.5) if rng is None else rng.uniform(0.1, 0.9, n)
    return start_yr + years * (np.arange(n) + place) / n


@dataclass(frozen=True)
class VisitError:
    """Error of the separation that a visit measures.

    Parameters
    ----------
    random_uas : float
        Standard deviation of the part that is independent from visit to visit, uas.
    floor_uas : float
        Calibration floor: standard deviation of a fitted amplitude that more visits do not reduce, uas. It adds
        the variance ``n floor**2 / 2`` to each of ``n`` visits, so that the variance of an amplitude is
        ``2 random**2 / n + floor**2``.
    drift : Drift, optional
        Drift of the instrument between the visits; by default none.
    duration_s : float
        Duration of a visit, seconds.

    Raises
    ------
    BoundsError
        If a standard deviation is negative, the random part is zero, or the duration is not positive.
    """

    random_uas: float
    floor_uas: float = 0.0
    drift: Drift | None = None
    duration_s: float = VISIT

    def __post_init__(self) -> None:
        for name in ("random_uas", "duration_s"):
            if not 0.0 < (value := getattr(self, name)) < np.inf:
                raise BoundsError(name, expected="a positive number", got=value)
        if not 0.0 <= self.floor_uas < np.inf:
            raise BoundsError("floor_uas", expected="a number of at least 0", got=self.floor_uas)

    def covariance(self, times_yr: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n n"]:
        """Return the covariance of the errors of visits, uas^2.

        A drift counts from the first visit: a fit of the constant part of the separation removes its value there, and
        the covariance of increments exists for a drift of infinite variance too.

        Parameters
        ----------
        times_yr : ndarray of shape (n,)
            Times of the visits in ascending order, Julian years.

        Raises
        ------
        ParameterError
            If the times do not ascend by at least the duration of a visit.
        """
        times = np.asarray(times_yr, float)
        lags = JULIAN_YEAR * np.abs(times[:, None] - times[None, :])
        if not np.all(np.diff(times) * JULIAN_YEAR >= self.duration_s):
            raise ParameterError(
                "times_yr",
                expected=f"ascending times at least {self.duration_s:g} s apart",
                got=times_yr,
                remedy="Sort the times; visits may not overlap",
            )
        white = self.random_uas**2 + len(times) * self.floor_uas**2 / 2.0
        total = white * np.eye(len(times))
        if self.drift is not None:
            between = np.asarray(self.drift.difference_variance(self.duration_s, lags))
            total += (between[:, :1] + between[:1, :] - between) / 2.0
        return total

    def draws(
        self, rng: np.random.Generator, times_yr: Float[np.ndarray, " n"], count: int
    ) -> Float[np.ndarray, "count n"]:
        """Return errors of visits, uas, one row for each of `count` missions.

        Parameters
        ----------
        rng : numpy.random.Generator
            Source of random numbers.
        times_yr : ndarray of shape (n,)
            Times of the visits in ascending order, Julian years.
        count : int
            Number of missions.
        """
        factor = np.linalg.cholesky(self.covariance(times_yr))
        return rng.standard_normal((count, len(times_yr))) @ factor.T
