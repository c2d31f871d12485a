r"""Inverse budget: the largest uncertainty of each parameter that the allocation of a term allows. No jax.

The parameters :math:`p_i` of an allocation :math:`A` have sensitivities :math:`c_i` and correlations :math:`r_{ij}`.
Their uncertainties :math:`\sigma_i` contribute

.. math:: u^2 = \sum_{ij} c_i c_j r_{ij} \sigma_i \sigma_j

and the allocation limits :math:`u \le A`. Three rules choose among the uncertainties that use the allocation up:

- *alone*: :math:`\sigma_i = A / |c_i|`, with all other parameters perfect;
- *equal*: each parameter contributes the same, :math:`|c_i| \sigma_i`;
- *cost*: the least total cost :math:`\sum_i w_i / \sigma_i`. Without correlation :math:`\sigma_i` is proportional to
  :math:`(w_i / c_i^2)^{1/3}`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import inf, isfinite, sqrt
from typing import Any, Final, Literal, TypeAlias, assert_never

import numpy as np
from jaxtyping import Float

from dluxshera.errors import BoundsError, ExpectationError, UnknownKeyError

SharingRule: TypeAlias = Literal["alone", "equal", "cost"]
RULES: Final[tuple[SharingRule, ...]] = ("alone", "equal", "cost")
LARGEST: Final = 1e4  # share where the cheapest ones grow without limit; correlations of 1 - 1e-12 stay below
Correlations: TypeAlias = Mapping[tuple[str, str], float]


@dataclass(frozen=True)
class Allocated:
    """An allocation with the parameters that share it.

    Parameters
    ----------
    id : str
        Identifier of the term.
    allocation : float
        Largest contribution, 1 sigma, in the unit of the budget.
    sensitivities : mapping of str to float
        Derivative of the answer by each parameter, in the unit of the budget per unit of the parameter. A parameter
        of sensitivity 0 may have any uncertainty.
    costs : mapping of str to float, optional
        Weight w of the cost w / sigma of each parameter; by default the cost of one over its unit contribution, which
        makes the shares equal.
    units : mapping of str to str, optional
        Unit of each parameter; shown in the result.

    Raises
    ------
    BoundsError
        If the allocation or a cost is not positive, or a sensitivity is not finite.
    UnknownKeyError
        If a cost names no parameter.
    """

    id: str
    allocation: float
    sensitivities: Mapping[str, float]
    costs: Mapping[str, float] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0.0 < self.allocation < inf:
            raise BoundsError(f"{self.id}.allocation", expected="a positive number", got=self.allocation)
        if not self.sensitivities:
            raise ExpectationError(f"{self.id}.sensitivities", expected="at least one parameter", got="none")
        for name, value in self.sensitivities.items():
            if not isfinite(value):
                raise BoundsError(f"{self.id}.sensitivities.{name}", expected="a finite number", got=value)
        for name, value in self.costs.items():
            if name not in self.sensitivities:
                expected = f"a parameter of {self.id}"
                raise UnknownKeyError(name, self.sensitivities, expected=expected)
            if not 0.0 < value < inf:
                raise BoundsError(f"{self.id}.costs.{name}", expected="a positive number", got=value)


def correlation_matrix(names: Iterable[str], correlations: Correlations) -> Float[np.ndarray, "n n"]:
    """Return the correlation matrix of parameters from the coefficients of pairs; other pairs are uncorrelated.

    Parameters
    ----------
    names : iterable of str
        Parameters, in the order of the matrix.
    correlations : mapping of (str, str) to float
        Coefficient of each correlated pair, in either order.

    Raises
    ------
    BoundsError
        If a coefficient is not between -1 and 1, or the coefficients together are those of no distribution.
    ExpectationError
        If a pair is listed twice with different coefficients, or is one parameter.

    Examples
    --------
    >>> correlation_matrix(["s", "l"], {("l", "s"): 0.5}).tolist()
    [[1.0, 0.5], [0.5, 1.0]]
    """
    order = {name: i for i, name in enumerate(names)}
    matrix = np.eye(len(order))
    for (one, other), value in correlations.items():
        where = f"correlation of {one} and {other}"
        if one == other:
            raise ExpectationError(where, expected="two parameters", got=one, remedy="A parameter has 1 with itself")
        if not -1.0 <= value <= 1.0:
            raise BoundsError(where, expected="a coefficient from -1 to 1", got=value)
        if (reverse := correlations.get((other, one), value)) != value:
            raise ExpectationError(where, expected=f"one coefficient, not {reverse:g} and {value:g}", got=value)
        if one in order and other in order:
            matrix[order[one], order[other]] = matrix[order[other], order[one]] = value
    if len(order) > 1 and (lowest := float(np.linalg.eigvalsh(matrix)[0])) < -1e-12 * len(order):
        raise BoundsError(
            "correlations",
            expected=f"a positive semidefinite correlation matrix of {', '.join(order)}",
            got=f"coefficients with the eigenvalue {lowest:.3g}",
            remedy="No distribution has these coefficients together; make the strongest of them smaller",
        )
    return matrix


def contribution(
    uncertainties: Mapping[str, float], sensitivities: Mapping[str, float], correlations: Correlations | None = None
) -> float:
    """Return the contribution u of parameters to the answer.

    Parameters
    ----------
    uncertainties : mapping of str to float
        Standard uncertainty of each parameter; a parameter that is not listed is perfect.
    sensitivities : mapping of str to float
        Derivative of the answer by each parameter.
    correlations : mapping of (str, str) to float, optional
        Coefficient of each correlated pair.

    Raises
    ------
    UnknownKeyError
        If an uncertainty names a parameter without a sensitivity.

    Examples
    --------
    >>> contribution({"s": 3.0, "l": 2.0}, {"s": 1.0, "l": -2.0})
    5.0
    """
    for name in uncertainties:
        if name not in sensitivities:
            raise UnknownKeyError(name, sensitivities, expected="a parameter with a sensitivity")
    names = [name for name in uncertainties if sensitivities[name] != 0.0]
    signed = np.array([sensitivities[name] * uncertainties[name] for name in names])
    return sqrt(max(float(signed @ correlation_matrix(names, correlations or {}) @ signed), 0.0))


def largest_uncertainties(
    allocated: Allocated, rule: SharingRule, correlations: Correlations | None = None
) -> dict[str, float]:
    """Return the largest uncertainty of each parameter by one rule; infinite for a parameter of sensitivity 0.

    Parameters
    ----------
    allocated : Allocated
        Allocation and parameters.
    rule : {'alone', 'equal', 'cost'}
        SharingRule that shares the allocation.
    correlations : mapping of (str, str) to float, optional
        Coefficient of each correlated pair.

    Raises
    ------
    ExpectationError
        If the parameters can cancel one another, so that the allocation does not limit them.
    BoundsError
        If the correlations are those of no distribution.

    Examples
    --------
    >>> term = Allocated("EB-2.2", 1.0, {"f2": 0.5, "z4": -0.25})
    >>> largest_uncertainties(term, "alone")
    {'f2': 2.0, 'z4': 4.0}
    """
    acting = {name: abs(value) for name, value in allocated.sensitivities.items() if value != 0.0}
    if not acting:
        return dict.fromkeys(allocated.sensitivities, inf)
    size = np.array(list(acting.values()))
    sign = np.sign([allocated.sensitivities[name] for name in acting])
    matrix = correlation_matrix(acting, correlations or {}) * np.outer(sign, sign)
    match rule:
        case "alone":
            shares = np.full(len(size), allocated.allocation)
        case "equal":
            shares = _scaled(np.ones(len(size)), matrix, allocated)
        case "cost":
            # In shares t = |c| sigma the cost is w |c| / t.
            weights = np.array([allocated.costs.get(name, 1.0 / acting[name]) for name in acting]) * size
            shares = _scaled(_cheapest(weights / weights.max(), matrix, allocated), matrix, allocated)
        case _:
            assert_never(rule)
    values = dict(zip(acting, (shares / size).tolist(), strict=True))
    return {name: values.get(name, inf) for name in allocated.sensitivities}


def inverse_budget(allocations: Iterable[Allocated], correlations: Correlations | None = None) -> list[dict[str, Any]]:
    """Return the inverse budget as plain data: a row for each parameter of each allocation.

    Parameters
    ----------
    allocations : iterable of Allocated
        Allocations with their parameters.
    correlations : mapping of (str, str) to float, optional
        Coefficient of each correlated pair.

    Returns
    -------
    list of dict
        Rows with ``term``, ``parameter``, ``unit``, ``sensitivity``, ``allocation``, and the largest uncertainty
        ``alone``, ``equal`` and ``cost``; None where the parameter does not act.
    """
    rows = []
    for allocated in allocations:
        limits = {rule: largest_uncertainties(allocated, rule, correlations) for rule in RULES}
        for name, sensitivity in allocated.sensitivities.items():
            row: dict[str, Any] = {
                "term": allocated.id,
                "parameter": name,
                "unit": allocated.units.get(name, ""),
                "sensitivity": sensitivity,
                "allocation": allocated.allocation,
            }
            rows.append(row | {rule: limits[rule][name] if isfinite(limits[rule][name]) else None for rule in RULES})
    return rows


def _scaled(shares: np.ndarray, matrix: np.ndarray, allocated: Allocated) -> np.ndarray:
    """Return shares that together make the allocation, in the ratio of those passed."""
    square = float(shares @ matrix @ shares)
    if square <= 1e-12 * float(shares @ shares):
        raise _unlimited(allocated)
    return shares * (allocated.allocation / sqrt(square))


def _cheapest(weights: np.ndarray, matrix: np.ndarray, allocated: Allocated) -> np.ndarray:
    r"""Return the shares t of least :math:`\sum w / t + t^T R t / 2`, up to a factor those of least cost.

    The function is strictly convex for positive t. Newton's method with a line search that keeps t positive.
    """

    def value(t: np.ndarray) -> float:
        return float(np.sum(weights / t) + t @ matrix @ t / 2.0)

    shares = np.cbrt(weights)  # the solution without correlation
    for _ in range(500):
        if shares.max() > LARGEST:
            raise _unlimited(allocated)
        gradient = -weights / shares**2 + matrix @ shares
        step = -np.linalg.solve(np.diag(2.0 * weights / shares**3) + matrix, gradient)
        decrement = float(-gradient @ step)
        length = 1.0
        shrinking = step < 0.0
        if np.any(shrinking):
            length = min(1.0, 0.9 * float(np.min(-shares[shrinking] / step[shrinking])))
        while length > 1e-12 and value(shares + length * step) > value(shares) - 0.25 * length * decrement:
            length /= 2.0
        shares = shares + length * step
        if decrement < 1e-26 * value(shares) or length <= 1e-12:
            break
    return shares


def _unlimited(allocated: Allocated) -> ExpectationError:
    return ExpectationError(
        f"{allocated.id}.correlations",
        expected="parameters that do not cancel one another",
        got="a combination that leaves the answer unchanged",
        remedy="Use the rule 'alone', or a correlation that is not exactly 1 or -1",
    )
