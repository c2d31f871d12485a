"""The inverse budget: allowed uncertainties put back give the allocation, and no cheaper ones exist."""

from math import inf, sqrt

import numpy as np
import pytest
from scipy.optimize import minimize

from dluxshera.error_budget import (
    Allocated,
    contribution,
    correlation_matrix,
    inverse_budget,
    largest_uncertainties,
)
from dluxshera.errors import BoundsError, ExpectationError, UnknownKeyError
from support.rows import each_row

TERM = Allocated(
    "EB-2.2",
    1.5,
    {"f2": 0.1532, "z4": 20.2, "s": 0.0307, "l": -0.0143},
    {"f2": 1.0, "z4": 4.0, "s": 0.2, "l": 7.0},
    {"f2": "nm", "z4": "nm", "s": "nm", "l": "nm"},
)
CASES = [
    {},
    {("s", "l"): 0.6},
    {("l", "s"): -0.6, ("z4", "f2"): 0.9},
    {("f2", "z4"): -0.95, ("s", "l"): 0.95},
    dict.fromkeys([("f2", "z4"), ("f2", "s"), ("f2", "l"), ("z4", "s"), ("z4", "l"), ("s", "l")], 0.5),
]


def total(uncertainties, correlations):
    """Return the contribution, pair by pair."""
    names = list(uncertainties)
    u = {name: TERM.sensitivities[name] * uncertainties[name] for name in names}
    square = sum(value**2 for value in u.values())
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            square += 2.0 * u[a] * u[b] * correlations.get((a, b), correlations.get((b, a), 0.0))
    return sqrt(square)


@each_row("correlations", CASES)
def test_uncertainties_put_back_give_the_allocation(correlations):
    for rule in ("equal", "cost"):
        allowed = largest_uncertainties(TERM, rule, correlations)
        assert total(allowed, correlations) == pytest.approx(1.5, rel=1e-9), rule
        assert contribution(allowed, TERM.sensitivities, correlations) == pytest.approx(1.5, rel=1e-9)
    for name, value in largest_uncertainties(TERM, "alone", correlations).items():
        assert abs(TERM.sensitivities[name]) * value == pytest.approx(1.5, rel=1e-12)


def test_shares_are_equal():
    allowed = largest_uncertainties(TERM, "equal", CASES[2])
    shares = [abs(TERM.sensitivities[name]) * value for name, value in allowed.items()]
    assert shares == pytest.approx([shares[0]] * 4, rel=1e-12)
    plain = largest_uncertainties(TERM, "equal")
    assert plain["s"] == pytest.approx(1.5 / 2.0 / 0.0307, rel=1e-12)


def test_costs_without_correlation_follow_the_cube_root():
    allowed = largest_uncertainties(TERM, "cost")
    law = {name: (TERM.costs[name] / TERM.sensitivities[name] ** 2) ** (1 / 3) for name in TERM.costs}
    ratios = [allowed[name] / law[name] for name in law]
    assert ratios == pytest.approx([ratios[0]] * 4, rel=1e-9)


@each_row("correlations", CASES)
def test_no_other_uncertainties_cost_less(correlations):
    """Another optimiser from another start, with the constraint scaled in."""
    names = list(TERM.costs)

    def cost(logarithms):
        sigma = dict(zip(names, np.exp(logarithms), strict=True))
        scale = 1.5 / total(sigma, correlations)
        return sum(TERM.costs[name] / (scale * sigma[name]) for name in names)

    start = np.log([1.0 / abs(TERM.sensitivities[name]) for name in names])
    best = minimize(cost, start, method="Nelder-Mead", options={"xatol": 1e-10, "fatol": 1e-12, "maxiter": 8000})
    allowed = largest_uncertainties(TERM, "cost", correlations)
    ours = sum(TERM.costs[name] / allowed[name] for name in names)
    assert ours <= best.fun * (1.0 + 1e-9)
    assert ours == pytest.approx(best.fun, rel=1e-5)


def test_without_costs_the_shares_are_equal():
    term = Allocated("T", 2.0, {"a": 3.0, "b": -0.1})
    assert largest_uncertainties(term, "cost") == pytest.approx(largest_uncertainties(term, "equal"), rel=1e-9)


def test_parameters_that_move_together_in_opposite_directions_may_move_further():
    term = Allocated("EB-2.1", 1.0, {"s": 1.0, "l": -1.0})
    apart, together = (largest_uncertainties(term, "equal", {("s", "l"): r})["s"] for r in (-0.9, 0.9))
    assert apart == pytest.approx(1.0 / sqrt(3.8), rel=1e-12)
    assert together == pytest.approx(1.0 / sqrt(0.2), rel=1e-12)


def test_a_parameter_that_does_not_act_is_unlimited_and_none_in_the_table():
    term = Allocated("T", 1.0, {"a": 2.0, "b": 0.0}, units={"a": "nm"})
    assert largest_uncertainties(term, "equal") == {"a": 0.5, "b": inf}
    rows = inverse_budget([term, TERM], CASES[1])
    assert rows[0] == {
        "term": "T", "parameter": "a", "unit": "nm", "sensitivity": 2.0, "allocation": 1.0,
        "alone": 0.5, "equal": 0.5, "cost": pytest.approx(0.5, rel=1e-12),
    }  # fmt: skip
    assert (rows[1]["alone"], rows[1]["equal"], rows[1]["cost"]) == (None, None, None)
    assert [row["parameter"] for row in rows[2:]] == list(TERM.sensitivities)
    back = {row["parameter"]: row["cost"] for row in rows[2:]}
    assert total(back, CASES[1]) == pytest.approx(1.5, rel=1e-6)
    assert largest_uncertainties(Allocated("T", 1.0, {"b": 0.0}), "alone") == {"b": inf}


@each_row("call, error, message", [
    (lambda: correlation_matrix(["a", "b"], {("a", "b"): 1.5}), BoundsError, "correlation of a and b: .* -1 to 1"),
    (lambda: correlation_matrix("abc", {("a", "b"): 0.9, ("b", "c"): 0.9, ("a", "c"): -0.9}), BoundsError,
     "positive semidefinite .* of a, b, c, got .* eigenvalue -0.8"),
    (lambda: correlation_matrix("ab", {("a", "b"): 0.5, ("b", "a"): 0.4}), ExpectationError, "0.4 and 0.5"),
    (lambda: correlation_matrix("ab", {("a", "a"): 0.5}), ExpectationError, "two parameters"),
    (lambda: Allocated("T", 0.0, {"a": 1.0}), BoundsError, "T.allocation: expected a positive number, got 0.0"),
    (lambda: Allocated("T", -1.0, {"a": 1.0}), BoundsError, "T.allocation"),
    (lambda: Allocated("T", 1.0, {}), ExpectationError, "T.sensitivities: expected at least one parameter"),
    (lambda: Allocated("T", 1.0, {"a": float("nan")}), BoundsError, "T.sensitivities.a"),
    (lambda: Allocated("T", 1.0, {"a": 1.0}, {"a": 0.0}), BoundsError, "T.costs.a"),
    (lambda: Allocated("T", 1.0, {"alpha": 1.0}, {"alpa": 1.0}), UnknownKeyError, "Did you mean alpha"),
    (lambda: contribution({"x": 1.0}, {"y": 1.0}), UnknownKeyError, "a parameter with a sensitivity"),
    (lambda: largest_uncertainties(Allocated("T", 1.0, {"a": 1.0, "b": -1.0}), "equal", {("a", "b"): 1.0}),
     ExpectationError, "T.correlations: expected parameters that do not cancel"),
    (lambda: largest_uncertainties(Allocated("T", 1.0, {"a": 1.0, "b": -1.0}), "cost", {("a", "b"): 1.0}),
     ExpectationError, "T.correlations: expected parameters that do not cancel"),
])  # fmt: skip
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
