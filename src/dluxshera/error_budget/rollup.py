r"""Combination of the rows of a budget: `combine`, by the law of propagation of uncertainty (JCGM 100, 5.2).

Errors of unknown sign have the standard uncertainty

.. math:: u^2 = \sum_i \sum_j c_i c_j\, u_i u_j\, r_{ij}

where :math:`c_i u_i` is the signed error that one standard deviation of the perturbation causes. Correlation belongs to
causes: :math:`r_{ij}` is 1 for two rows with one cause, the stated coefficient where the budget states one, and 0
otherwise, so that the sign of an independent row has no effect. Biases of known sign (rule ``linear``) add with their
signs, apart from the others; the total is :math:`u + |\sum_l b_l|`. Rows with the rules ``informative`` and
``separate`` are not added.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import fsum, inf, sqrt
from typing import NamedTuple

import numpy as np

from dluxshera.error_budget.correlation import Pair, clusters, correlation_matrix, pairs_of
from dluxshera.error_budget.coverage import Component
from dluxshera.error_budget.results import TermResult
from dluxshera.error_budget.terms import Budget, CombinationRule, Correlation, TermClass


class Contribution(NamedTuple):
    """Contribution of one row: a standard deviation, or a signed bias.

    Parameters
    ----------
    value : float
        Standard deviation or signed bias, in the unit of the total.
    rule : str
        Rule by which it is added; see `combine`.
    cause : str, optional
        Common cause; rows that have it add with their signs.
    term_class : str
        Class of the row.
    id : str
        Identifier of the row, for stated correlations and shares.
    degrees_of_freedom : float
        Degrees of freedom of a standard deviation.
    """

    value: float
    rule: CombinationRule
    cause: str | None = None
    term_class: TermClass = "random"
    id: str = ""
    degrees_of_freedom: float = inf


class ClassTotal(NamedTuple):
    """Total of the rows of one class.

    Parameters
    ----------
    standard : float
        Standard uncertainty of the errors of unknown sign.
    bias : float
        Sum of the biases of known sign.
    """

    standard: float
    bias: float

    @property
    def total(self) -> float:
        """The standard uncertainty, and the size of the bias on top."""
        return self.standard + abs(self.bias)


class Combination(NamedTuple):
    """Combination of several rows.

    Parameters
    ----------
    standard : float
        Standard uncertainty of the errors of unknown sign.
    bias : float
        Sum of the biases of known sign.
    bound : float
        Upper bound of the standard uncertainty for all values of the unknown correlation coefficients; equal to
        `standard` where none is unknown.
    classes : dict of str to ClassTotal
        Totals by class.
    between_classes : float
        Variance from correlations of rows of different classes: the variances of the classes and this one add up to
        the square of `standard`.
    shares : dict of str to float
        Share of each row in the variance, by identifier; they add up to 1, and one can be negative where errors cancel.
    components : tuple of Component
        Independent parts of the variance, each with its degrees of freedom.
    """

    standard: float
    bias: float
    bound: float
    classes: Mapping[str, ClassTotal]
    between_classes: float
    shares: Mapping[str, float]
    components: tuple[Component, ...]

    @property
    def total(self) -> float:
        """The standard uncertainty, and the size of the bias on top."""
        return self.standard + abs(self.bias)


def combine(contributions: Iterable[Contribution], correlations: Iterable[Correlation] = ()) -> Combination:
    """Return the combination of several rows, by the rule of each.

    Parameters
    ----------
    contributions : iterable of Contribution
        Errors of the rows.
    correlations : iterable of Correlation
        Stated coefficients, by the identifiers of the rows.

    Examples
    --------
    >>> scale = [Contribution(3.0, "rss", "scale"), Contribution(-2.0, "rss", "scale")]
    >>> total = combine([Contribution(2.0, "rss"), *scale, Contribution(-0.5, "linear")])
    >>> round(total.standard, 3), total.bias, round(total.total, 3)
    (2.236, -0.5, 2.736)
    """
    items = list(contributions)
    rss, linear = ([item for item in items if item.rule == rule] for rule in ("rss", "linear"))
    pairs = pairs_of([item.id for item in rss], [item.cause for item in rss], correlations)
    values = np.array([item.value for item in rss])
    matrix = correlation_matrix(len(rss), pairs)
    parts = values * (matrix @ values)
    variance = max(fsum(parts), 0.0)
    unknown = fsum(2 * abs(values[i] * values[j]) for i, j, r in pairs if r is None)
    by_class = _variances(rss, values, matrix)
    names: dict[str, None] = dict.fromkeys(item.term_class for item in items if item.rule in ("rss", "linear"))
    classes: dict[str, ClassTotal] = {
        name: ClassTotal(sqrt(by_class.get(name, 0.0)), fsum(item.value for item in linear if item.term_class == name))
        for name in names
    }
    return Combination(
        standard=sqrt(variance),
        bias=fsum(item.value for item in linear),
        bound=sqrt(variance + unknown),
        classes=classes,
        between_classes=variance - fsum(by_class.values()),
        shares={item.id: float(part) / variance for item, part in zip(rss, parts, strict=True)} if variance else {},
        components=_components(rss, values, matrix, pairs),
    )


def _variances(items: Sequence[Contribution], values: np.ndarray, matrix: np.ndarray) -> dict[str, float]:
    variances: dict[str, float] = {}
    for name in dict.fromkeys(item.term_class for item in items):
        inside = np.where([item.term_class == name for item in items], values, 0.0)
        variances[name] = max(float(inside @ matrix @ inside), 0.0)
    return variances


def _components(
    items: Sequence[Contribution], values: np.ndarray, matrix: np.ndarray, pairs: Iterable[Pair]
) -> tuple[Component, ...]:
    """Return the variance of each cluster, with the smallest degrees of freedom of its rows."""
    components = []
    for cluster in clusters(len(items), pairs):
        inside = values[cluster]
        variance = max(float(inside @ matrix[np.ix_(cluster, cluster)] @ inside), 0.0)
        components.append(Component(variance, min(items[i].degrees_of_freedom for i in cluster)))
    return tuple(components)


def contributions_of(
    budget: Budget, results: Mapping[str, TermResult], *, with_factors: bool = False
) -> list[Contribution]:
    """Return the contributions of the rows of a budget for one estimator.

    Rows without a result are left out: those to be determined, and sums of other rows.

    Parameters
    ----------
    budget : Budget
        Budget, or one of its cases.
    results : mapping of str to TermResult
        Effect of each row on the answer of one estimator, by row identifier.
    with_factors : bool
        Multiply each error by the row's model-uncertainty factor.
    """
    contributions = []
    for term in budget.terms:
        if (result := results.get(term.id)) is not None:
            value = result.contribution if result.bias is None else result.bias
            freedom = term.magnitude.degrees_of_freedom if term.magnitude else inf
            factor = term.factor if with_factors else 1.0
            contributions.append(Contribution(factor * value, term.rule, term.cause, term.term_class, term.id, freedom))
    return contributions
