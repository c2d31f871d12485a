r"""Whether stated uncertainties are true ones: pulls, coverage, scatter against the bound, and ranks.

Each check compares one number with the interval in which it lies if the uncertainties are honest. The numbers come from
simulations: the truth is known, and each is fitted or sampled as data would be. Where the truth was drawn from the
prior, this holds for posteriors of any width; where it was held, for fits without a prior.

Tails of chi-squared distributions come from JAX: switch on its double precision.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import erfc, exp, lgamma, log, log1p, sqrt
from statistics import NormalDist

import numpy as np
from jax.scipy.special import gammainc, gammaincc
from jaxtyping import Bool, Float, Int

from dluxshera.errors import ParameterError, ShapeError
from dluxshera.inference.matrices import unit_diagonal


@dataclass(frozen=True)
class StatisticalCheck:
    """A number, and the interval in which it lies if what is checked is true.

    Parameters
    ----------
    what : str
        What the number is.
    value : float
    low, high : float
        The limits, which belong to the interval.
    """

    what: str
    value: float
    low: float
    high: float

    @property
    def passed(self) -> bool:
        """Whether the number lies in the interval; NaN never does."""
        return self.low <= self.value <= self.high

    def __str__(self) -> str:
        return f"{self.what} is {self.value:.4g}, and should be from {self.low:.4g} to {self.high:.4g}"


def failures(checks: Iterable[StatisticalCheck]) -> list[str]:
    """Return a line for each check that did not pass."""
    return [str(check) for check in checks if not check.passed]


def check_pulls(
    pulls: Float[np.ndarray, " n"], what: str = "the pulls", sigmas: float = 3.0
) -> tuple[StatisticalCheck, StatisticalCheck]:
    r"""Check that pulls, (estimate - truth) / sigma, are of a unit normal distribution.

    Of n pulls the mean has the standard deviation :math:`1/\sqrt n`, and the standard deviation itself that of
    :math:`1/\sqrt{2n}`:

    .. math:: |\bar p| \le k/\sqrt n, \qquad |s - 1| \le k/\sqrt{2n}.

    Parameters
    ----------
    pulls : ndarray, shape (n,)
        Of one parameter, from independent simulations.
    what : str
        For the text of the checks.
    sigmas : float
        k.

    Returns
    -------
    mean, deviation : StatisticalCheck

    Raises
    ------
    ShapeError
        If there are fewer than two pulls.
    """
    n = _count("pulls", pulls)
    mean, deviation = float(np.mean(pulls)), float(np.std(pulls, ddof=1))
    return (
        StatisticalCheck(f"the mean of {what}", mean, -sigmas / sqrt(n), sigmas / sqrt(n)),
        StatisticalCheck(f"the deviation of {what}", deviation, 1.0 - sigmas / sqrt(2 * n), 1.0 + sigmas / sqrt(2 * n)),
    )


def sigmas_of_level(level: float) -> float:
    """Return the half width, in sigma, of the central interval of a normal distribution that holds a probability.

    Raises
    ------
    ParameterError
        If the level is not between 0 and 1.

    Examples
    --------
    >>> round(sigmas_of_level(0.95), 4)
    1.96
    """
    if not 0.0 < level < 1.0:
        raise ParameterError("level", expected="a probability between 0 and 1", got=level)
    return NormalDist().inv_cdf(0.5 + 0.5 * level)


def binomial_band(n: int, probability: float, false_alarm: float = 0.01) -> tuple[int, int]:
    """Return the smallest and largest number of successes in n trials that are not surprising.

    Parameters
    ----------
    n : int
        Trials.
    probability : float
        Of a success.
    false_alarm : float
        The chance of a number outside, half of it at most on each side.

    Returns
    -------
    low, high : int
        Both belong to the band.

    Examples
    --------
    >>> binomial_band(100, 0.5, 0.05)
    (40, 60)
    """
    ways = [lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) for k in range(n + 1)]
    success, failure = log(probability), log1p(-probability)
    mass = np.array([exp(ways[k] + k * success + (n - k) * failure) for k in range(n + 1)])
    at_most, at_least = np.cumsum(mass), np.cumsum(mass[::-1])[::-1]
    within = np.flatnonzero((at_most > 0.5 * false_alarm) & (at_least > 0.5 * false_alarm))
    return int(within[0]), int(within[-1])


def check_coverage(
    covered: Bool[np.ndarray, " n"], level: float, what: str = "the truth", false_alarm: float = 0.01
) -> StatisticalCheck:
    """Check that intervals of a stated probability hold the truth as often as they say, within a binomial band.

    Parameters
    ----------
    covered : ndarray of bool, shape (n,)
        For each independent simulation, whether the interval held the truth.
    level : float
        The stated probability.
    what : str
        For the text of the check.
    false_alarm : float
        The chance that honest intervals fail.

    Returns
    -------
    StatisticalCheck
        Of the fraction.
    """
    n = _count("covered", covered)
    low, high = binomial_band(n, level, false_alarm)
    return StatisticalCheck(
        f"the share of {level:.0%} intervals that hold {what}", float(np.mean(covered)), low / n, high / n
    )


def check_attainment(
    labels: Sequence[str],
    pulls: Float[np.ndarray, "..."],
    distances2: Float[np.ndarray, " n"],
    false_alarm: float = 0.01,
) -> tuple[StatisticalCheck, ...]:
    r"""Check that estimates scatter as their covariance says: that they attain the Cramer-Rao bound, and not more.

    For each parameter the p-value of the mean pull and of the sum of squares, :math:`\sum p_i^2 \sim \chi^2_n`; for
    all of them together that of the squared distances in the metric of the covariances,

    .. math:: \sum_i e_i^T C_i^{-1} e_i \sim \chi^2_{np}.

    All are two-sided: a scatter that is too small fails as well. The tests of correlated parameters are not
    independent; the chance of a false alarm of them all is at most `false_alarm` all the same (Bonferroni).

    Parameters
    ----------
    labels : sequence of str
        A name for each parameter.
    pulls : ndarray, shape (n, p)
        From independent simulations.
    distances2 : ndarray, shape (n,)
        See `squared_distance`.
    false_alarm : float

    Returns
    -------
    tuple of StatisticalCheck
        Of p-values: means, scatters, and the distance in all parameters.

    Raises
    ------
    ShapeError
        If the shapes do not fit.
    """
    pulls, distances2 = np.asarray(pulls), np.asarray(distances2)
    if pulls.shape != (distances2.size, len(labels)):
        raise ShapeError("pulls", expected=f"an array of shape {(distances2.size, len(labels))}", got=pulls)
    n, parameters = pulls.shape
    limit = false_alarm / (2 * parameters + 1)
    means = [
        StatisticalCheck(f"the p-value of the mean of {label}", erfc(abs(float(np.mean(of))) * sqrt(n / 2)), limit, 1.0)
        for label, of in zip(labels, pulls.T, strict=True)
    ]
    scatters = [
        StatisticalCheck(f"the p-value of the scatter of {label}", _two_sided(float(of @ of), n), limit, 1.0)
        for label, of in zip(labels, pulls.T, strict=True)
    ]
    all_of_them = _two_sided(float(np.sum(distances2)), n * parameters)
    return (
        *means,
        *scatters,
        StatisticalCheck("the p-value of the distance in all parameters", all_of_them, limit, 1.0),
    )


def squared_distance(error: Float[np.ndarray, " p"], covariance: Float[np.ndarray, "p p"]) -> float:
    """Return error^T covariance^-1 error, computed in scaled coordinates."""
    sigma, correlation = unit_diagonal(covariance)
    return float((error / sigma) @ np.linalg.solve(correlation, error / sigma))


def simulation_ranks(truth: Float[np.ndarray, " p"], draws: Float[np.ndarray, "..."]) -> Int[np.ndarray, " p"]:
    """Return for each parameter how many draws of a posterior lie below the truth.

    If truths are drawn from the prior, data from the model, and draws independently from the posterior of these data,
    the ranks are uniform on 0 to n, whatever the posterior's shape: simulation-based calibration.

    Raises
    ------
    ShapeError
        If the draws have not one column for each element of the truth.
    """
    truth, draws = np.asarray(truth), np.asarray(draws)
    if truth.ndim != 1 or draws.ndim != 2 or draws.shape[1] != truth.size:
        raise ShapeError("draws", expected=f"an array of {truth.size} columns", got=draws)
    return np.sum(draws < truth, axis=0)


def check_ranks(
    ranks: Int[np.ndarray, " n"], draws: int, what: str = "the ranks", *, bins: int = 8, false_alarm: float = 0.01
) -> StatisticalCheck:
    r"""Check by Pearson's chi-squared that ranks are uniform on 0 to the number of draws.

    .. math:: \sum_b \frac{(n_b - n/B)^2}{n/B} \sim \chi^2_{B-1}

    Parameters
    ----------
    ranks : ndarray of int, shape (n,)
        Of one parameter, from independent simulations; see `simulation_ranks`.
    draws : int
        Draws in each simulation.
    what : str
        For the text of the check.
    bins : int
        B, which has to divide draws + 1, so that all bins hold as many ranks.
    false_alarm : float
        Least p-value.

    Returns
    -------
    StatisticalCheck
        Of the p-value.

    Raises
    ------
    ParameterError
        If the ranks cannot be those of so many draws, or the bins do not divide them.
    """
    ranks = np.asarray(ranks)
    if bins < 2 or (draws + 1) % bins:
        raise ParameterError("bins", expected=f"a divisor, above 1, of draws + 1 = {draws + 1}", got=bins)
    if np.any((ranks < 0) | (ranks > draws)):
        raise ParameterError("ranks", expected=f"numbers from 0 to {draws}", got=ranks)
    counts = np.bincount(ranks // ((draws + 1) // bins), minlength=bins)
    expected = _count("ranks", ranks) / bins
    p_value = float(gammaincc(0.5 * (bins - 1), 0.5 * np.sum((counts - expected) ** 2) / expected))
    return StatisticalCheck(f"the p-value of uniformity of {what}", p_value, false_alarm, 1.0)


def _two_sided(value: float, degrees: int) -> float:
    """Return the two-sided p-value of a chi-squared variable."""
    return 2.0 * min(float(tail(0.5 * degrees, 0.5 * value)) for tail in (gammainc, gammaincc))


def _count(name: str, values: np.ndarray) -> int:
    values = np.asarray(values)
    if values.ndim != 1 or values.size < 2:
        raise ShapeError(name, expected="a vector of at least two values", got=values)
    return values.size
