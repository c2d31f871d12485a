"""How terms add up, against sums done by hand and a published budget."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dluxshera.error_budget import Contribution, by_class, combine, reserve

sizes = st.floats(-1e6, 1e6).map(lambda x: round(x, 6))


def rss(*values: float) -> list[Contribution]:
    return [Contribution(value, "rss") for value in values]


@pytest.mark.parametrize(("parts", "total"), [((81, 91), 122), ((122, 58), 135)])
def test_the_wavefront_budget_of_jwst_closes_by_rss(parts: tuple[float, ...], total: float):
    """Nanometres of wavefront error, as published in whole numbers."""
    assert round(combine(rss(*map(float, parts)))) == total


def test_signs_act_inside_a_group_and_not_between_groups():
    up, down = Contribution(3.0, "group", "scale"), Contribution(-3.0, "group", "scale")
    assert combine([up, down]) == 0.0
    assert combine([up, up]) == 6.0
    assert combine([up, Contribution(-4.0, "group", "pixels")]) == 5.0
    assert combine([up, up, *rss(8.0)]) == 10.0


def test_biases_of_known_sign_add_on_top():
    linear = [Contribution(1.5, "linear"), Contribution(-2.0, "linear")]
    assert combine(linear) == 0.5
    assert combine([*rss(3.0, 4.0), *linear]) == 5.5


def test_an_informative_row_adds_nothing():
    assert combine([*rss(3.0), Contribution(1e9, "informative", term_class="drift")]) == 3.0
    assert by_class([*rss(3.0), Contribution(1e9, "informative", term_class="drift")]) == {"random": 3.0}


def test_each_class_is_combined_by_the_same_rules():
    items = [
        *rss(3.0, 4.0),
        Contribution(2.0, "group", "scale", "drift"),
        Contribution(-0.5, "group", "scale", "drift"),
        Contribution(7.0, "linear", None, "static"),
    ]
    assert by_class(items) == {"random": 5.0, "drift": 1.5, "static": 7.0}


def test_what_allocations_leave():
    assert reserve(5.0, 3.0) == 4.0
    assert reserve(3.0, 3.0) == 0.0
    assert reserve(3.0, 3.1) is None
    assert combine([]) == 0.0


@given(st.lists(sizes, max_size=6), st.permutations(range(6)))
def test_neither_the_order_nor_an_overall_sign_matters(values: list[float], order: list[int]):
    items = [Contribution(v, rule, "g") for v, rule in zip(values, ["rss", "group", "linear"] * 2, strict=False)]
    shuffled = [items[i] for i in order if i < len(items)]
    flipped = [item._replace(value=-item.value) for item in items]
    total = combine(items)
    assert combine(shuffled) == pytest.approx(total, rel=1e-12)
    assert combine(flipped) == pytest.approx(total, rel=1e-12)
    assert total <= sum(abs(v) for v in values) * (1 + 1e-12)
