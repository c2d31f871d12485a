r"""Propagation of distributions by an adaptive Monte Carlo method, which validates the linear result (JCGM 101).

The error of the answer is the sum over the rows of :math:`s\, x + b\, x^2`, where `x` has the distribution of the row's
magnitude, `s` is the sensitivity and `b` the bias per unit of the magnitude squared. Rows with a common cause have one
probability; stated correlations enter by a Gaussian copula. These rows have a normal distribution with their computed
error as its standard deviation: noise, ensembles, and rows that grow with the square of a magnitude alone, which is an
rms value and not an error around zero. Beyond its linear range a row has the slope from the origin to its refit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import floor, isfinite, log10, sqrt
from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Float

from dluxshera.error_budget.correlation import correlation_matrix, pairs_of
from dluxshera.error_budget.coverage import PROBABILITY, coverage_interval
from dluxshera.error_budget.magnitude import Magnitude
from dluxshera.error_budget.results import TermResult
from dluxshera.error_budget.rollup import combine, contributions_of
from dluxshera.error_budget.terms import Budget, Term

BATCH: Final = 10_000  # JCGM 101, 7.9.4
LARGEST: Final = 2_000_000
DIGITS: Final = 2  # significant digits of the standard uncertainty
SOBOL_SAMPLES: Final = 2**12


class RandomInput(NamedTuple):
    """A perturbation with its distribution, and the error that it causes.

    Parameters
    ----------
    id : str
        Identifier of the row.
    slope, curvature : float
        Error per unit of the perturbation, and per unit of the perturbation squared.
    magnitude : Magnitude
        Distribution of the perturbation.
    cause : str, optional
        Common cause.
    """

    id: str
    slope: float
    curvature: float
    magnitude: Magnitude
    cause: str | None = None

    def error(self, perturbation: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """Return the error that a perturbation causes."""
        return perturbation * (self.slope + self.curvature * perturbation)


class SobolIndices(NamedTuple):
    """Sobol indices of one row, or of the rows with one cause.

    Parameters
    ----------
    first, total : float
        Index of first order, and total index.
    """

    first: float
    total: float


class Propagation(NamedTuple):
    """Distribution of the error of the answer, and its comparison with the linear result.

    Parameters
    ----------
    mean, standard : float
        Mean and standard deviation.
    low, high : float
        Limits of the probabilistically symmetric coverage interval.
    probability : float
        Coverage probability.
    trials : int
        Number of trials.
    tolerance : float
        Numerical tolerance of the standard uncertainty, from its significant digits (JCGM 101, 7.9.2).
    is_stable : bool
        True if the results are stable to a fifth of the tolerance; False if the largest number of trials ended first.
    low_difference, high_difference : float
        Differences of the limits from those of the linear result.
    sobol : dict of str to SobolIndices, optional
        Sobol indices by row or cause, where the linear result is not validated; None otherwise.
    """

    mean: float
    standard: float
    low: float
    high: float
    probability: float
    trials: int
    tolerance: float
    is_stable: bool
    low_difference: float
    high_difference: float
    sobol: Mapping[str, SobolIndices] | None = None

    @property
    def validates(self) -> bool:
        """True if the linear result is valid: both limits agree within the tolerance (JCGM 101, 8.1)."""
        return max(self.low_difference, self.high_difference) <= self.tolerance


def propagate(
    budget: Budget,
    results: Mapping[str, TermResult],
    *,
    digits: int = DIGITS,
    probability: float = PROBABILITY,
    seed: int = 0,
    largest: int = LARGEST,
) -> Propagation:
    """Propagate the distributions of the rows of a budget to the answer of one estimator, and check the linear result.

    Batches of 10,000 trials are added until mean, standard deviation and limits are stable to a fifth of the numerical
    tolerance.

    Parameters
    ----------
    budget : Budget
        Budget, or one of its cases.
    results : mapping of str to TermResult
        Effect of each row on the answer, by row identifier.
    digits : int
        Significant digits of the standard uncertainty that the tolerance is computed from.
    probability : float
        Coverage probability.
    seed : int
        Seed of the random numbers.
    largest : int
        Largest number of trials.

    Returns
    -------
    Propagation
        Moments and interval, their differences from the linear result, and Sobol indices where that is not valid.
    """
    linear = combine(contributions_of(budget, results), budget.correlations)
    interval = coverage_interval(linear.components, linear.bias, probability)
    inputs, shift = inputs_of(budget, results)
    sampler = _Sampler(inputs, budget)
    rng = np.random.default_rng(seed)
    ends = ((1 - probability) / 2, (1 + probability) / 2)
    batches: list[np.ndarray] = []
    summaries: list[tuple[float, float, float, float]] = []
    stable = False
    while not stable and len(batches) * BATCH < largest:
        errors = shift + sampler.draw(rng, BATCH)
        batches.append(errors)
        low, high = np.quantile(errors, ends)
        summaries.append((float(errors.mean()), float(errors.std(ddof=1)), float(low), float(high)))
        if len(batches) > 1:
            spread = 2 * np.std(summaries, axis=0, ddof=1) / sqrt(len(summaries))
            standard = sqrt(np.mean(np.square([item[1] for item in summaries])))
            stable = bool(spread.max() <= numerical_tolerance(standard, digits) / 5)
    errors = np.concatenate(batches)
    low, high = map(float, np.quantile(errors, ends))
    standard = float(errors.std(ddof=1))
    propagation = Propagation(
        mean=float(errors.mean()),
        standard=standard,
        low=low,
        high=high,
        probability=probability,
        trials=errors.size,
        tolerance=numerical_tolerance(standard, digits),
        is_stable=stable,
        low_difference=abs(interval.low - low),
        high_difference=abs(interval.high - high),
    )
    return propagation if propagation.validates else propagation._replace(sobol=sobol_indices(budget, inputs, seed))


def numerical_tolerance(standard: float, digits: int = DIGITS) -> float:
    """Return the numerical tolerance of a standard uncertainty: half a unit of its last significant digit.

    Parameters
    ----------
    standard : float
        Standard uncertainty.
    digits : int
        Number of its significant digits.

    Examples
    --------
    >>> numerical_tolerance(1.354), numerical_tolerance(0.0996, 1)
    (0.05, 0.05)
    """
    if not standard > 0:
        return 0.0
    exponent = floor(log10(standard)) - digits + 1
    if round(standard / 10**exponent) >= 10**digits:  # 0.0996 is 0.1 to one digit
        exponent += 1
    return 0.5 * 10.0**exponent


def inputs_of(budget: Budget, results: Mapping[str, TermResult]) -> tuple[list[RandomInput], float]:
    """Return the random inputs of a budget, and the sum of the biases of known sign, second order included.

    Parameters
    ----------
    budget : Budget
        Budget, or one of its cases.
    results : mapping of str to TermResult
        Effect of each row on the answer of one estimator, by row identifier.
    """
    inputs, shift = [], 0.0
    for term in budget.terms:
        result = results.get(term.id)
        if result is None or term.rule not in ("rss", "linear"):
            continue
        source = _input_of(term, result)
        if term.rule == "linear":
            standard = np.array([source.magnitude.standard_deviation().value])
            shift += float(source.error(standard)[0])
        else:
            inputs.append(source)
    return inputs, shift


def _input_of(term: Term, result: TermResult) -> RandomInput:
    value = result.contribution if result.bias is None else result.bias
    if term.magnitude is None or result.sigma is not None or not result.sensitivity:
        return RandomInput(term.id, 1.0, 0.0, Magnitude(value, ""), term.cause)
    if result.refit is not None:
        slope = value / term.magnitude.standard_deviation().value
        return RandomInput(term.id, slope, 0.0, term.magnitude, term.cause)
    return RandomInput(term.id, result.sensitivity, result.second_order or 0.0, term.magnitude, term.cause)


class _Sampler:
    """Draws of the summed error, with the correlations of the budget."""

    def __init__(self, inputs: Sequence[RandomInput], budget: Budget) -> None:
        self.inputs = inputs
        pairs = pairs_of([item.id for item in inputs], [item.cause for item in inputs], budget.correlations)
        self.mixing = None
        if any(pair.r for pair in pairs):
            sizes, vectors = np.linalg.eigh(correlation_matrix(len(inputs), pairs))
            self.mixing = vectors * np.sqrt(np.clip(sizes, 0.0, None))

    def draw(self, rng: np.random.Generator, n: int) -> Float[np.ndarray, " n"]:
        scores = rng.standard_normal((len(self.inputs), n))
        if self.mixing is not None:
            scores = self.mixing @ scores
        return self.of_scores(scores)

    def of_scores(self, scores: Float[np.ndarray, " k n"]) -> Float[np.ndarray, " n"]:
        total = np.zeros(scores.shape[1])
        for item, score in zip(self.inputs, scores, strict=True):
            total += item.error(_perturbation(item.magnitude, score))
        return total


def _perturbation(magnitude: Magnitude, score: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Return the quantile of a magnitude at the probability of a standard normal score."""
    is_normal = magnitude.statement in ("standard deviation", "multiple")
    if is_normal and not isfinite(magnitude.degrees_of_freedom):
        return magnitude.standard_deviation().value * score
    from scipy.special import ndtr

    return magnitude.quantile(np.clip(ndtr(score), 1e-300, 1 - 1e-16))


def sobol_indices(budget: Budget, inputs: Sequence[RandomInput], seed: int = 0) -> dict[str, SobolIndices] | None:
    """Return the Sobol indices of the independent causes of the error; None where a stated correlation links causes.

    Parameters
    ----------
    budget : Budget
        Budget, or one of its cases.
    inputs : sequence of RandomInput
        Its random inputs.
    seed : int
        Seed of the random numbers.

    Returns
    -------
    dict or None
        Indices by cause, or by row identifier for a row without a cause. The decomposition needs independent inputs.
    """
    from scipy import stats  # slow to import

    present = {item.id for item in inputs}
    if any(item.r and {item.first, item.second} <= present for item in budget.correlations):
        return None
    names = list(dict.fromkeys(item.cause or item.id for item in inputs))
    if len(names) < 2:
        return {name: SobolIndices(1.0, 1.0) for name in names}
    column = [names.index(item.cause or item.id) for item in inputs]
    sampler = _Sampler(inputs, budget)

    def error(scores: Float[np.ndarray, " k n"]) -> Float[np.ndarray, " n"]:
        return sampler.of_scores(scores[column])

    indices = stats.sobol_indices(
        func=error, n=SOBOL_SAMPLES, dists=[stats.norm()] * len(names), rng=np.random.default_rng(seed)
    )
    first, total = np.ravel(indices.first_order), np.ravel(indices.total_order)
    return {name: SobolIndices(float(first[i]), float(total[i])) for i, name in enumerate(names)}
