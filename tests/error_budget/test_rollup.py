"""How rows add up, against sums by hand, published budgets, and draws of random numbers by NumPy alone."""

from __future__ import annotations

from math import hypot, inf, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from dluxshera.error_budget import (
    Component,
    Contribution,
    Correlation,
    combine,
    coverage_interval,
    effective_degrees_of_freedom,
    reserve,
)
from support.rows import each_row

sizes = st.floats(-1e6, 1e6).map(lambda x: round(x, 6))


def rss(*values: float) -> list[Contribution]:
    return [Contribution(value, "rss", id=f"R{i}") for i, value in enumerate(values)]


def pair(r: float | None, first: str = "R0", second: str = "R1") -> Correlation:
    return Correlation(first, second, r)


@pytest.mark.parametrize(("parts", "total"), [((81, 91), 122), ((122, 58), 135)])
def test_the_wavefront_budget_of_jwst_closes_by_rss(parts: tuple[float, ...], total: float):
    """Nanometres of wavefront error, as published in whole numbers."""
    assert round(combine(rss(*map(float, parts))).total) == total


def test_independent_scale_terms_add_in_quadrature_as_draws_do():
    """1.354, and not 1.331 or 1.376, which the sum by group gave for the two signs of one direction."""
    draws = np.random.default_rng(1).standard_normal((3, 1_000_000))
    for sign in (1, -1):
        values = np.array([0.925, -0.988, sign * 0.031])
        total = combine(rss(*values)).total
        assert total == pytest.approx(1.354, abs=5e-4)
        assert total == pytest.approx((values @ draws).std(), rel=4 / sqrt(2e6))


@given(st.lists(sizes, min_size=1, max_size=6), st.integers(0, 5))
def test_the_sign_of_an_independent_row_has_no_effect(values: list[float], k: int):
    flipped = [-value if i == k else value for i, value in enumerate(values)]
    assert combine(rss(*flipped)).total == pytest.approx(combine(rss(*values)).total, rel=1e-12)


def test_signs_act_between_rows_with_one_cause_and_not_between_causes():
    up, down = (Contribution(value, "rss", "temperature") for value in (3.0, -3.0))
    assert combine([up, down]).total == 0.0
    assert combine([up, up]).total == 6.0
    assert combine([up, Contribution(-4.0, "rss", "pressure")]).total == 5.0
    assert combine([up, up, *rss(8.0)]).total == 10.0


@each_row("r", [-1.0, -0.5, 0.0, 0.3, 1.0])
def test_a_stated_correlation_enters_the_law_of_propagation(r: float):
    total = combine(rss(3.0, -4.0), [pair(r)])
    assert total.standard == pytest.approx(sqrt(9 + 16 - 24 * r), abs=1e-12)
    assert total.bound == total.standard
    assert combine(rss(-3.0, -4.0), [pair(r)]).standard == pytest.approx(sqrt(9 + 16 + 24 * r), abs=1e-12)


def test_three_correlated_rows_add_up_as_correlated_draws_do():
    matrix = np.array([[1, 0.5, -0.2], [0.5, 1, 0.4], [-0.2, 0.4, 1]])
    values = np.array([1.0, -2.0, 3.0])
    draws = np.random.default_rng(2).multivariate_normal(np.zeros(3), matrix, 1_000_000)
    stated = [pair(0.5), pair(-0.2, "R0", "R2"), pair(0.4, "R1", "R2")]
    assert combine(rss(*values), stated).standard == pytest.approx((draws @ values).std(), rel=4 / sqrt(2e6))


def test_an_unknown_correlation_gives_the_independent_value_and_its_bound():
    total = combine(rss(3.0, -4.0, 12.0), [pair(None)])
    assert total.standard == 13.0
    assert total.bound == pytest.approx(hypot(3.0 + 4.0, 12.0))
    for r in (-1.0, 0.5, 1.0):
        assert combine(rss(3.0, -4.0, 12.0), [pair(r)]).standard <= total.bound * (1 + 1e-12)


def test_biases_of_known_sign_add_apart():
    linear = [Contribution(1.5, "linear"), Contribution(-2.0, "linear")]
    total = combine([*rss(3.0, 4.0), *linear])
    assert (total.standard, total.bias, total.total) == (5.0, -0.5, 5.5)
    assert combine([*linear[:1], linear[1]._replace(value=2.0)]).total == 3.5


@each_row("rule", ["informative", "separate"])
def test_a_row_that_is_not_added_adds_nothing(rule: str):
    total = combine([*rss(3.0), Contribution(1e9, rule, term_class="drift", id="X")])
    assert total.total == 3.0
    assert set(total.classes) == {"random"}
    assert total.shares == {"R0": 1.0}


def test_classes_add_up_to_the_total_with_the_correlations_between_them_apart():
    items = [
        Contribution(3.0, "rss", None, "random", "A"),
        Contribution(4.0, "rss", "heat", "drift", "B"),
        Contribution(-1.0, "rss", "heat", "static", "C"),
        Contribution(2.0, "rss", None, "drift", "D"),
        Contribution(0.5, "linear", None, "static", "E"),
        Contribution(-2.0, "linear", None, "drift", "F"),
    ]
    total = combine(items, [pair(0.25, "A", "D")])
    by_class = {name: (part.standard, part.bias) for name, part in total.classes.items()}
    assert by_class == {"random": (3.0, 0.0), "drift": (sqrt(20.0), -2.0), "static": (1.0, 0.5)}
    assert total.between_classes == pytest.approx(2 * 4 * -1 + 2 * 0.25 * 3 * 2)
    variances = sum(part.standard**2 for part in total.classes.values())
    assert total.standard**2 == pytest.approx(variances + total.between_classes, rel=1e-12)
    assert total.standard**2 == pytest.approx(9 + (4 - 1) ** 2 + 4 + 3)
    assert total.bias == sum(part.bias for part in total.classes.values()) == -1.5
    assert total.classes["drift"].total == pytest.approx(sqrt(20.0) + 2.0)


def test_shares_are_shares_of_the_variance_and_add_up_to_one():
    assert combine(rss(3.0, 4.0)).shares == pytest.approx({"R0": 9 / 25, "R1": 16 / 25})
    items = [Contribution(3.0, "rss", "heat", id="A"), Contribution(-1.0, "rss", "heat", id="B"), *rss(2.0)]
    shares = combine(items).shares
    assert shares == pytest.approx({"A": 6 / 8, "B": -2 / 8, "R0": 4 / 8})
    assert sum(shares.values()) == pytest.approx(1.0, rel=1e-12)


@given(st.lists(sizes, min_size=1, max_size=6), st.permutations(range(6)))
def test_neither_the_order_nor_an_overall_sign_matters(values: list[float], order: list[int]):
    rules, causes = ["rss", "rss", "linear"] * 2, [None, "c", None, "c", None, None]
    items = [Contribution(*row, id=str(i)) for i, row in enumerate(zip(values, rules, causes, strict=False))]
    shuffled = [items[i] for i in order if i < len(items)]
    flipped = [item._replace(value=-item.value) for item in items]
    total = combine(items).total
    assert combine(shuffled).total == pytest.approx(total, rel=1e-9, abs=1e-6)
    assert combine(flipped).total == pytest.approx(total, rel=1e-12)
    assert total <= sum(abs(v) for v in values) * (1 + 1e-12)


def test_the_reserve_is_negative_where_the_allocations_exceed_the_limit():
    assert reserve(5.0, 3.0) == 4.0
    assert reserve(3.0, 3.0) == 0.0
    assert reserve(3.0, 5.0) == -4.0
    assert combine([]).total == 0.0


# --- Coverage --------------------------------------------------------------------------------------------------------


def test_the_degrees_of_freedom_of_the_end_gauge_are_those_of_the_guide():
    """JCGM 100, H.1: 32 nm with 16 degrees of freedom, and 93 nm with a probability of 99 %."""
    parts = [Component(25.0**2, 18), Component(9.7**2, 25.6), Component(2.9**2, 50), Component(16.6**2, 2)]
    assert int(effective_degrees_of_freedom(parts)) == 16
    interval = coverage_interval([Component(32.0**2, 16)], probability=0.99)
    assert interval.coverage == pytest.approx(2.92, abs=5e-3)
    assert interval.high == pytest.approx(93, abs=0.6)


@each_row("freedom, factor", [(1, 12.71), (2, 4.30), (4, 2.78), (10, 2.23), (50, 2.01), (inf, 1.960)])
def test_the_coverage_factor_is_that_of_the_table_of_the_guide(freedom: float, factor: float):
    """JCGM 100, table G.2, at 95 %; half the width over the standard uncertainty."""
    interval = coverage_interval([Component(4.0, freedom)], bias=1.0)
    assert interval.coverage == pytest.approx(factor, abs=5e-3)
    assert (interval.low + interval.high) / 2 == pytest.approx(1.0)
    assert (interval.high - interval.low) / 4 == pytest.approx(interval.coverage)


def test_rows_with_one_cause_are_one_component():
    """Two rows of 3 with 4 degrees of freedom and one cause are one row of 6 with 4; independent ones have 8."""
    items = [Contribution(3.0, "rss", "heat", id=name, degrees_of_freedom=4) for name in "AB"]
    assert combine(items).components == (Component(36.0, 4),)
    apart = combine([item._replace(cause=None) for item in items])
    assert effective_degrees_of_freedom(apart.components) == pytest.approx(8.0)


def test_the_interval_covers_as_often_as_it_states():
    """Means of five normal draws, in 20,000 experiments, with the scatter of each as its uncertainty."""
    draws = np.random.default_rng(3).normal(size=(20_000, 5))
    standard = draws.std(axis=1, ddof=1) / sqrt(5)
    factor = coverage_interval([Component(1.0, 4)]).coverage
    covered = np.mean(np.abs(draws.mean(axis=1)) < factor * standard)
    assert covered == pytest.approx(0.95, abs=4 * sqrt(0.95 * 0.05 / 20_000))
    assert stats.norm.ppf(0.975) < factor
