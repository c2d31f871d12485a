r"""Statistical checks of uncertainties by simulations: pulls, coverage, scatter against the bound, and ranks.

Each check compares one number with the interval in which it lies if the uncertainties are correct. The numbers come
from simulations with a known truth, fitted or sampled in the same way as data. With truths drawn from the prior the
checks hold for posteriors of any width; with a fixed truth they hold for fits without a prior.

Tails of chi-squared distributions are computed by JAX: switch on its double precision.
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
    """A number, and the interval in which it lies if the uncertainties are correct.

    Parameters
    ----------
    what : str
        Name of the number in the text of the check.
    value : float
        The number.
    low, high : float
        Limits, which belong to the interval.
    """

    what: str
    value: float
    low: float
    high: float

    @property
    def passed(self) -> bool:
        """True if the number lies in the interval; false for NaN."""
        return self.low <= self.value <= self.high

    def __str__(self) -> str:
        return f"{self.what} is {self.value:.4g}, and should be from {self.low:.4g} to {self.high:.4g}"


def failures(checks: Iterable[StatisticalCheck]) -> list[str]:
    """Return a line for each of the `checks` that did not pass."""
    return [str(check) for check in checks if not check.passed]


def check_pulls(
    pulls: Float[np.ndarray, " n"], what: str = "the pulls", sigmas: float = 3.0
) -> tuple[StatisticalCheck, StatisticalCheck]:
    r"""Check that pulls, (estimate - truth) / sigma, have a unit normal distribution.

    The mean of n pulls has the standard deviation :math:`1/\sqrt n`, and their standard deviation s has
    :math:`1/\sqrt{2n}`:

    .. math:: |\bar p| \le k/\sqrt n, \qquad |s - 1| \le k/\sqrt{2n}.

    Parameters
    ----------
    pulls : ndarray, shape (n,)
        Pulls of one parameter, from independent simulations.
    what : str
        Name of the pulls in the text of the checks.
    sigmas : float
        Half width k of the intervals.

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
    """Return the half width, in sigma, of the central interval of a normal distribution with the probability `level`.

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
    """Return the smallest and the largest unsurprising number of successes in n trials.

    Parameters
    ----------
    n : int
        Number of trials.
    probability : float
        Probability of a success.
    false_alarm : float
        Probability of a number outside the band, at most half of it on each side.

    Returns
    -------
    low, high : int
        Limits, which belong to the band.

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
    """Check that intervals of a stated probability contain the truth as often as stated, within a binomial band.

    Parameters
    ----------
    covered : ndarray of bool, shape (n,)
        True for each independent simulation whose interval contains the truth.
    level : float
        Stated probability.
    what : str
        Name of the truth in the text of the check.
    false_alarm : float
        Probability that correct intervals fail the check.

    Returns
    -------
    StatisticalCheck
        Check of the fraction.
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
    r"""Check that the scatter of estimates equals their covariance: that they attain the Cramer-Rao bound.

    For each parameter the p-values of the mean pull and of the sum of squares, :math:`\sum p_i^2 \sim \chi^2_n`, are
    computed; for all parameters together the p-value of the squared distances in the metric of the covariances,

    .. math:: \sum_i e_i^T C_i^{-1} e_i \sim \chi^2_{np}.

    All are two-sided, so that a scatter that is too small fails as well. The tests of correlated parameters are not
    independent, but the probability of a false alarm in any of them is at most `false_alarm` (Bonferroni).

    Parameters
    ----------
    labels : sequence of str
        A name for each parameter.
    pulls : ndarray, shape (n, p)
        Pulls from independent simulations.
    distances2 : ndarray, shape (n,)
        Squared distances, see `squared_distance`.
    false_alarm : float
        Probability that correct estimates fail a check.

    Returns
    -------
    tuple of StatisticalCheck
        Checks of the p-values of means, scatters, and the distance in all parameters.

    Raises
    ------
    ShapeError
        If the shapes disagree.
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
    """Return error^T covariance^-1 error.

    Parameters
    ----------
    error : ndarray, shape (p,)
        Estimate minus truth.
    covariance : ndarray, shape (p, p)
        Covariance of the estimate.
    """
    sigma, correlation = unit_diagonal(covariance)
    return float((error / sigma) @ np.linalg.solve(correlation, error / sigma))


def simulation_ranks(truth: Float[np.ndarray, " p"], draws: Float[np.ndarray, "..."]) -> Int[np.ndarray, " p"]:
    """Return the number of draws of a posterior below the truth of each parameter.

    Simulation-based calibration: if truths are drawn from the prior, data from the model, and draws independently from
    the posterior of these data, the ranks are uniform on 0 to n for a posterior of any shape.

    Parameters
    ----------
    truth : ndarray, shape (p,)
        True values.
    draws : ndarray, shape (..., p)
        Draws of the posterior.

    Raises
    ------
    ShapeError
        If the draws do not have one column for each element of the truth.
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
        Ranks of one parameter, from independent simulations; see `simulation_ranks`.
    draws : int
        Number of draws in each simulation.
    what : str
        Name of the ranks in the text of the check.
    bins : int
        Number of bins B, a divisor of draws + 1, so that all bins have the same probability.
    false_alarm : float
        Smallest p-value that passes.

    Returns
    -------
    StatisticalCheck
        Check of the p-value.

    Raises
    ------
    ParameterError
        If a rank is not between 0 and `draws`, or `bins` is not such a divisor.
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
