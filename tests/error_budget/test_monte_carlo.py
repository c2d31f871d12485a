"""Propagation of distributions, against the examples of JCGM 101, closed forms, and a planted second order."""

from __future__ import annotations

from dataclasses import replace
from math import erf, pi, sqrt

import numpy as np
import pytest

from dluxshera.documents import parse_yaml
from dluxshera.error_budget import (
    Budget,
    Magnitude,
    TermResult,
    given_results,
    numerical_tolerance,
    parse_budget,
    propagate,
)
from support.rows import each_row

HEAD = """\
schema_version: 0.2.0
id: b
title: A sum
requirement: {id: R, text: A sum., answer: sum, value: 100, unit: "", status: illustrative}
"""
ROW = """\
  - id: %s
    name: A
    parent: R
    acts: A
    perturbation: {kind: given}
    magnitude: %s
    evidence: {tag: illustrative, source: a}
    class: static
    rule: rss
    status: draft
    since: 0.2.0
"""


def budget(*magnitudes: str, more: str = "", extra: str = "") -> Budget:
    rows = "".join(ROW % (f"T{i}", magnitude) + extra for i, magnitude in enumerate(magnitudes))
    return parse_budget(parse_yaml(f"{HEAD}{more}terms:\n{rows}"))


def magnitude(value: float, statement: str = "standard deviation", **more: float) -> str:
    parts = {"value": value, "unit": "''", "as": statement, **more}
    return "{" + ", ".join(f"{name}: {part}" for name, part in parts.items()) + "}"


def uniform(standard: float) -> str:
    return magnitude(standard * sqrt(3), "uniform")


# --- Magnitudes ------------------------------------------------------------------------------------------------------

# Statement, stated value, further fields, standard deviation by the guide (JCGM 100, 4.3).
STATEMENTS = [
    ("standard deviation", 2.0, {}, 2.0),
    ("multiple", 6.0, {"coverage": 3.0}, 2.0),
    ("uniform", 2.0, {}, 1.1547005),
    ("triangular", 2.0, {}, 0.8164966),
    ("arcsine", 2.0, {}, 1.4142136),
    ("bound", 2.0, {}, 1.1547005),
]


@each_row("statement, value, more, standard", STATEMENTS)
def test_a_magnitude_is_converted_as_the_guide_says_and_drawn_likewise(
    statement: str, value: float, more: dict[str, float], standard: float
):
    size = Magnitude(value, "nm", statement, **more)
    assert size.standard_deviation().value == pytest.approx(standard, rel=1e-7)
    assert size.standard_deviation().unit == "nm"
    draws = size.draw(np.random.default_rng(0), 400_000)
    assert draws.std() == pytest.approx(standard, rel=0.01)
    assert abs(draws.mean()) < 4 * standard / sqrt(400_000)
    if statement in ("uniform", "triangular", "arcsine", "bound"):
        assert np.abs(draws).max() <= value
        assert f"{standard:.4g} nm" in size.text()
    # The largest deviation has the sign of the stated number at a large probability.
    assert replace(size, value=-value).quantile(np.array([0.9]))[0] == pytest.approx(-size.quantile(np.array([0.9]))[0])


# Closed forms of the probability within half of the stated half-width, or within one standard deviation.
@each_row(
    "statement, inside, probability",
    [
        ("uniform", 0.5, 0.5),
        ("triangular", 0.5, 0.75),
        ("arcsine", 0.5, 2 / pi * np.arcsin(0.5)),
        ("standard deviation", 1.0, erf(sqrt(0.5))),
    ],
)
def test_the_draws_have_the_stated_distribution(statement: str, inside: float, probability: float):
    draws = Magnitude(1.0, "", statement).draw(np.random.default_rng(1), 100_000)
    assert np.mean(np.abs(draws) < inside) == pytest.approx(probability, abs=4 * sqrt(0.25 / 100_000))


# --- JCGM 101 --------------------------------------------------------------------------------------------------------


def test_a_sum_of_four_equal_rectangular_quantities_is_that_of_the_guide():
    """JCGM 101, 9.2.3: 3.88 where the linear result has 3.92; the difference is within the tolerance of 0.05."""
    case = budget(*[uniform(1.0)] * 4)
    found = propagate(case, given_results(case))
    assert found.standard == pytest.approx(2.0, abs=0.01)
    assert (found.low, found.high) == pytest.approx((-3.88, 3.88), abs=0.015)
    assert found.tolerance == 0.05
    assert found.is_stable
    assert found.validates
    assert found.sobol is None


def test_a_sum_with_one_large_rectangular_quantity_is_that_of_the_guide():
    """JCGM 101, 9.2.4: 17.0 where the linear result has 19.9, which is not valid."""
    case = budget(*[uniform(1.0)] * 3, uniform(10.0))
    found = propagate(case, given_results(case))
    assert found.standard == pytest.approx(10.1, abs=0.1)
    assert (found.low, found.high) == pytest.approx((-17.0, 17.0), abs=0.1)
    assert found.tolerance == 0.5
    assert not found.validates
    assert found.sobol is not None
    assert found.sobol["T3"].first == pytest.approx(100 / 103, abs=0.02)


@each_row(
    "standard, digits, tolerance",
    [(1.354, 2, 0.05), (0.00035, 2, 0.000005), (12.3, 2, 0.5), (9.96, 2, 0.5), (0.0996, 1, 0.05), (0.0, 2, 0.0)],
)
def test_the_tolerance_is_half_of_the_last_significant_digit(standard: float, digits: int, tolerance: float):
    assert numerical_tolerance(standard, digits) == pytest.approx(tolerance, rel=1e-12)


# --- Second order ----------------------------------------------------------------------------------------------------


def test_a_planted_quadratic_term_fails_the_linear_validation_and_its_twin_passes():
    case = budget(magnitude(1.0), magnitude(1.0))
    results = dict(given_results(case))
    assert propagate(case, results).validates
    results["T0"] = results["T0"]._replace(second_order=1.0)
    found = propagate(case, results)
    assert not found.validates
    assert found.mean == pytest.approx(1.0, abs=0.02)  # of x + x^2
    assert found.standard == pytest.approx(2.0, abs=0.03)  # variance 1 + 2 + 1
    assert found.sobol is not None
    assert {name: index.first for name, index in found.sobol.items()} == pytest.approx(
        {"T0": 0.75, "T1": 0.25}, abs=0.02
    )


def test_a_bias_of_known_sign_shifts_the_mean_second_order_included():
    case = budget(magnitude(1.0), magnitude(0.5))
    case = replace(case, terms=(case.terms[0], replace(case.terms[1], rule="linear", magnitude=Magnitude(-0.5, ""))))
    results = dict(given_results(case))
    assert propagate(case, results).mean == pytest.approx(-0.5, abs=0.01)
    results["T1"] = results["T1"]._replace(second_order=2.0)
    assert propagate(case, results).mean == pytest.approx(-0.5 + 2.0 * 0.25, abs=0.01)


# Result of a row with a magnitude of 2, and the standard deviation and the mean of its error.
OTHERS = {
    "ensemble": (TermResult(contribution=6.0, sigma=6.0, sensitivity=3.0), 6.0, 0.0),
    "noise": (TermResult(contribution=5.0, sigma=5.0), 5.0, 0.0),
    "square alone": (TermResult(contribution=4.0, sensitivity=0.0, bias=-4.0, second_order=-1.0), 4.0, 0.0),
    "refit": (TermResult(contribution=7.0, sensitivity=3.0, bias=7.0, second_order=50.0, refit=7.0), 7.0, 0.0),
    "second order": (TermResult(contribution=6.0, sensitivity=3.0, bias=6.0, second_order=0.5), sqrt(36 + 8), 2.0),
}


@each_row("name", list(OTHERS))
def test_the_error_of_each_sort_of_row(name: str):
    result, standard, mean = OTHERS[name]
    found = propagate(budget(magnitude(2.0)), {"T0": result})
    assert found.standard == pytest.approx(standard, rel=0.02)
    assert found.mean == pytest.approx(mean, abs=0.05)


# --- Correlations, noise, degrees of freedom -------------------------------------------------------------------------


def test_the_scale_terms_of_the_reference_budget_make_1354():
    case = budget(*map(magnitude, (0.925, 0.988, 0.031)))
    results = {**given_results(case), "T0": TermResult(contribution=0.925, sigma=0.925)}
    results["T1"] = results["T1"]._replace(sensitivity=-1.0, bias=-0.988)
    found = propagate(case, results)
    assert found.standard == pytest.approx(1.354, abs=0.01)
    assert found.validates


def test_rows_with_one_cause_cancel_and_independent_ones_do_not():
    case = budget(magnitude(3.0), magnitude(-3.0), extra="    cause: heat\n")
    assert propagate(case, given_results(case)).standard == pytest.approx(0.0, abs=1e-12)
    apart = replace(case, terms=tuple(replace(term, cause=None) for term in case.terms))
    assert propagate(apart, given_results(apart)).standard == pytest.approx(sqrt(18), rel=0.01)


@each_row("r", [-0.8, 0.5, 1.0])
def test_a_stated_correlation_acts_on_the_draws(r: float):
    more = f"correlations: [{{between: [T0, T1], r: {r}}}]\n"
    case = budget(magnitude(3.0), magnitude(4.0), more=more)
    assert propagate(case, given_results(case)).standard == pytest.approx(sqrt(25 + 24 * r), rel=0.01)


def test_few_degrees_of_freedom_widen_the_distribution_to_that_of_student():
    """JCGM 101, 6.4.9: the variance grows by nu / (nu - 2); the interval is that of the linear result."""
    case = budget(magnitude(1.0, degrees_of_freedom=8))
    found = propagate(case, given_results(case))
    assert found.standard == pytest.approx(sqrt(8 / 6), rel=0.02)
    assert found.high == pytest.approx(2.306, abs=0.03)
    assert found.validates


def test_the_same_seed_gives_the_same_numbers_and_the_number_of_trials_is_bounded():
    case = budget(uniform(1.0), magnitude(9.9))
    results = given_results(case)
    assert propagate(case, results, seed=3, largest=20_000) == propagate(case, results, seed=3, largest=20_000)
    assert propagate(case, results, largest=20_000).trials == 20_000
    assert not propagate(case, results, largest=20_000).is_stable


def test_a_stated_correlation_leaves_no_sobol_indices():
    more = "correlations: [{between: [T0, T1], r: 0.5}]\n"
    case = budget(uniform(1.0), uniform(10.0), more=more)
    found = propagate(case, given_results(case))
    assert not found.validates
    assert found.sobol is None
