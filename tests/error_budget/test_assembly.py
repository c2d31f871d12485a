"""The report of a small budget with numbers set by hand: totals, tree, completeness, deficits, against sums by hand."""

from __future__ import annotations

from math import hypot, sqrt

import pytest
from jsonschema import Draft202012Validator

from dluxshera.error_budget import report_schema
from dluxshera.error_budget.computed import ComputedTerm
from support.budget_reports import DOCUMENT, numbers, toy_report
from support.rows import each_row

# Signed values of N, S1, S2 and L for each estimator. S1 and S2 have one cause, with which N is correlated by 0.25.
SIGNED = {"full": (1.2, -2.0, 0.0, -0.5), "fixed": (0.9, 1.0, 1.5, -0.5)}


@pytest.fixture
def report():
    return toy_report()


def variance(estimator: str) -> float:
    n, s1, s2, _ = SIGNED[estimator]
    return n**2 + (s1 + s2) ** 2 + 2 * 0.25 * n * (s1 + s2)


def test_it_satisfies_its_schema(report):
    Draft202012Validator(report_schema()).validate(report)
    assert report["schema_version"] == "0.2.0"


@each_row("estimator", ["full", "fixed"])
def test_the_total_follows_the_law_of_propagation(estimator, report):
    total = report["rollup"][estimator]
    assert total["standard"]["value"] == pytest.approx(sqrt(variance(estimator)), rel=1e-8)
    assert total["bias"]["value"] == -0.5
    assert total["total"]["value"] == pytest.approx(sqrt(variance(estimator)) + 0.5, rel=1e-8)
    assert total["margin"]["value"] == pytest.approx(3.0 - sqrt(variance(estimator)) - 0.5, rel=1e-8)
    half = 1.959964 * sqrt(variance(estimator))
    assert (total["interval"]["low"], total["interval"]["high"]) == pytest.approx((-0.5 - half, -0.5 + half), rel=1e-6)


@each_row("estimator", ["full", "fixed"])
def test_the_shares_are_those_of_the_variance_and_add_up_to_one(estimator, report):
    n, s1, s2, _ = SIGNED[estimator]
    shares = report["rollup"][estimator]["shares"]
    expected = {"N": n * (n + 0.25 * (s1 + s2)), "L": 0.0, "T": 0.0}
    expected |= {"S1": s1 * (s1 + s2 + 0.25 * n), "S2": s2 * (s1 + s2 + 0.25 * n)}
    assert shares == pytest.approx({name: part / variance(estimator) for name, part in expected.items()}, abs=1e-8)
    assert sum(shares.values()) == pytest.approx(1.0, abs=1e-8)


def test_the_tree_adds_what_is_below_and_multiplies_by_the_factor(report):
    nodes = {node["id"]: node for node in report["tree"]["fixed"]}
    assert nodes["S1"]["estimate"] == pytest.approx(1.0 + 0.5)  # with the known bias below it
    assert nodes["S2"]["estimate"] == 1.5
    assert nodes["S2"]["expected"] == 3.0
    assert nodes["S1"]["margin"] == pytest.approx(1.0 - 1.5)
    assert nodes["T"]["estimate"] == 0.0
    assert nodes["R"]["allocated"] == pytest.approx(sqrt(2.0**2 + 1.0**2 + 2 * 0.25 * 2.0 * 1.0))


def test_deficits_name_row_estimator_and_amount_and_begin_with_the_baseline(report):
    found = [(item["id"], item["estimator"], item["kind"]) for item in report["deficits"]]
    assert found == [("S1", "full", "error"), ("R", "fixed", "error"), ("S1", "fixed", "error")]
    assert report["deficits"][0]["value"] == pytest.approx(2.0 + 0.5 - 1.0)
    expected = sqrt(0.9**2 + (1.0 + 3.0) ** 2 + 2 * 0.25 * 0.9 * (1.0 + 3.0)) + 0.5  # with the factor of S2
    assert report["deficits"][1]["value"] == pytest.approx(expected - 3.0, rel=1e-6)


def test_allocations_above_their_limit_are_a_deficit():
    report = toy_report(
        DOCUMENT.replace("allocation: {value: 2.0, unit: uarcsec}", "allocation: {value: 4.0, unit: uarcsec}")
    )
    first = report["deficits"][0]
    assert (first["id"], first["kind"], first["estimator"]) == ("R", "allocations", None)
    assert first["value"] == pytest.approx(sqrt(16 + 1 + 2 * 0.25 * 4) - 3.0, rel=1e-6)
    assert report["budget"]["reserve"]["value"] == pytest.approx(-sqrt(16 + 1 + 2 - 9), rel=1e-6)


def test_completeness_counts_parameters_and_open_inputs(report):
    assert report["completeness"] == {
        "parameters": 4,
        "with_term": 3,
        "excluded": 1,
        "open": [],
        "illustrative": ["R", "S2"],
        "undetermined": ["T"],
        "unverified": ["S2", "L", "T"],
    }
    assert {row["key"]: row["status"] for row in report["parameters"]} == {
        "image.scale": "answer", "mirror.focal_length_m": "term", "mirror.tilt": "term", "mirror.mass": "term",
        "mirror.colour": "excluded",
    }  # fmt: skip


def test_a_parameter_with_neither_term_nor_reason_is_open():
    text = DOCUMENT.replace("exclusions:\n  - {key: mirror.colour, reason: No light sees it.}\n", "")
    assert toy_report(text)["completeness"]["open"] == ["mirror.colour"]


def test_a_term_to_be_determined_has_no_result_and_is_not_added(report):
    row = next(term for term in report["terms"] if term["id"] == "T")
    assert row["results"] == {}
    assert row["magnitude"] is None


def test_a_magnitude_is_shown_as_stated_and_converted(report):
    row = next(term for term in report["terms"] if term["id"] == "S2")
    assert row["magnitude"] == {"value": 1.0, "unit": "nm"}
    assert row["stated"] == "3 nm, 3 standard deviations: 1 nm"


# --- Numbers of the cache --------------------------------------------------------------------------------------------


def test_computed_numbers_survive_plain_data():
    for term in numbers().values():
        assert ComputedTerm.from_data(term.as_data()) == term


def test_a_proportional_term_follows_its_magnitude():
    half = numbers()["S1"].at(0.5)
    assert half.results["full"].bias == -1.0
    assert half.results["full"].contribution == 1.0
    assert half.results["full"].significance == 2.0
    assert half.results["full"].linear_range == 12345.0
    assert numbers()["S1"].at(1.0) == numbers()["S1"]


@each_row("change, magnitude", [
    ({}, 20000.0), ({}, None), ({"refit": -2.0}, 0.5), ({"bias": -2.1, "contribution": 2.1}, 0.5),
    ({"sensitivity": None}, 0.5), ({"linear_range": 0.4}, 0.5), ({"linear_range": None}, 0.5),
], ids=["beyond", "none", "refit", "curved", "no slope", "short range", "no range"])  # fmt: skip
def test_a_term_that_is_not_proportional_is_computed_again(change, magnitude):
    term = numbers()["S1"]
    results = {name: result._replace(**change) for name, result in term.results.items()}
    changed = ComputedTerm(term.drivers, results, (), 1.0)
    assert changed.at(magnitude) is None


def test_rss_of_the_formal_error_is_in_the_waterfall(report):
    row = report["estimators"][0]
    assert row["conditional_sigma"]["value"] == 1.2
    assert row["waterfall"] == [{"key": "mirror.tilt", "sigma": {"value": 1.3, "unit": "uarcsec"}}]
    assert hypot(1.2, 0.5) == pytest.approx(1.3)
