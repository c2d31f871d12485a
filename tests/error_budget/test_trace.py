"""The trace of a report: every planted fault is found, and its twin without the fault passes."""

from __future__ import annotations

import copy

import pytest

from dluxshera.error_budget import parse_budget, trace_of
from dluxshera.error_budget.computed import ComputedTerm
from dluxshera.error_budget.exclusion import check_exclusions
from dluxshera.errors import DocumentError
from support.budget_reports import DOCUMENT, FIELDS, GRADIENTS, numbers, toy_budget, toy_report
from support.rows import each_row


def faults(report) -> list[tuple[str, str]]:
    return [(fault["kind"], fault["id"]) for fault in report["trace"]["faults"]]


def test_every_link_of_the_small_budget_is_real():
    assert faults(toy_report()) == []


def test_the_graph_leads_from_parameters_and_tests_to_the_requirement():
    trace = toy_report()["trace"]
    kinds = {node["id"]: node["kind"] for node in trace["nodes"]}
    assert kinds["R"] == "requirement"
    assert kinds["image.scale"] == "answer"
    assert kinds["tests/a.py::test_a"] == "test"
    assert {name for name, kind in kinds.items() if kind == "term"} == {"N", "S1", "S2", "L", "T"}
    edges = {tuple(edge) for edge in trace["edges"]}
    assert {("S1", "R"), ("L", "S1"), ("mirror.tilt", "S2"), ("image.scale", "R"), ("tests/a.py::test_a", "N")} <= edges
    assert {end for edge in edges for end in edge} <= set(kinds)
    ahead = dict(edges)
    for name in kinds:
        while name != "R" and name in ahead:
            name = ahead[name]
        assert name in ("R", "mirror.colour")  # which is excluded


def zeroed(name: str) -> dict[str, ComputedTerm]:
    term = numbers()[name]
    results = {
        key: result._replace(bias=0.0, sensitivity=0.0, contribution=0.0) for key, result in term.results.items()
    }
    return {name: ComputedTerm(term.drivers, results, (), term.magnitude)}


def without_keys(name: str) -> dict[str, ComputedTerm]:
    term = numbers()[name]
    return {name: ComputedTerm((), term.results, (), term.magnitude)}


def as_noise(name: str) -> dict[str, ComputedTerm]:
    term = numbers()[name]
    results = {
        key: result._replace(bias=None, sensitivity=None, sigma=result.contribution)
        for key, result in term.results.items()
    }
    return {name: ComputedTerm(term.drivers, results, (), term.magnitude)}


def gradients(**changes: float) -> dict[str, dict[str, float]]:
    keys = {name.replace("__", "."): value for name, value in changes.items()}
    return {name: {**items, **keys} for name, items in GRADIENTS.items()}


UNEXCLUDED = DOCUMENT.replace("exclusions:\n  - {key: mirror.colour, reason: No light sees it.}\n", "")
EXCLUDED_TOO = DOCUMENT.replace("exclusions:\n", "exclusions:\n  - {key: mirror.tilt, reason: None.}\n")
SETTLED = (
    DOCUMENT.replace("tag: to be determined", "tag: sourced")
    .replace("status: to be determined", "status: draft")
    .replace(
        "direction: {mirror.mass: 1}}\n    magnitude: null",
        "direction: {mirror.mass: 1}}\n    magnitude: {value: 1, unit: ''}",
    )
)


@each_row("planted, fault", [
    ({"terms": zeroed("S2")}, ("dead", "S2")),
    ({"terms": zeroed("S1")}, ("dead", "S1")),
    ({"terms": without_keys("S1")}, ("orphan term", "S1")),
    ({"terms": without_keys("S2")}, ("undeclared", "mirror.tilt")),
    ({"document": UNEXCLUDED}, ("orphan parameter", "mirror.colour")),
    ({"document": UNEXCLUDED, "gradients": gradients(mirror__colour=3.0)}, ("undeclared", "mirror.colour")),
    ({"document": EXCLUDED_TOO}, ("idle exclusion", "mirror.tilt")),
    ({"document": SETTLED, "terms": {"T": ComputedTerm((), {}, ())}}, ("undeclared", "mirror.mass")),
], ids=lambda value: str(value)[:40])  # fmt: skip
def test_a_planted_fault_is_found(planted, fault):
    assert fault in faults(toy_report(**planted))


@each_row("twin", [
    {},
    {"gradients": gradients(mirror__colour=3.0)},  # it is excluded with a reason
    {"document": EXCLUDED_TOO, "terms": as_noise("S2")},  # the bias is excluded, and the noise has a term
    {"document": SETTLED, "terms": {"T": ComputedTerm(numbers()["T"].drivers, numbers()["S1"].results, (), 1.0)}},
], ids=["plain", "excluded", "excluded bias", "settled"])  # fmt: skip
def test_the_twin_without_the_fault_passes(twin):
    assert faults(toy_report(**twin)) == []


def test_a_driver_of_noise_alone_does_not_declare_a_bias():
    """The focal length drives the noise and the bending; without the bending its bias is not declared."""
    report = toy_report(terms=without_keys("S1"))
    assert ("undeclared", "mirror.focal_length_m") in faults(report)


def test_a_parameter_that_every_estimator_fits_biases_none():
    text = DOCUMENT.replace("free: [image.scale]}", "free: [image.scale, mirror.tilt]}")
    assert ("undeclared", "mirror.tilt") not in faults(toy_report(text, terms=without_keys("S2")))


def test_the_trace_of_a_report_is_computed_from_the_report_alone():
    report = toy_report()
    planted = copy.deepcopy(report)
    planted["terms"][2]["keys"] = []
    assert trace_of(report) == report["trace"]
    assert ("undeclared", "mirror.tilt") in [(fault["kind"], fault["id"]) for fault in trace_of(planted)["faults"]]


# --- Exclusions ------------------------------------------------------------------------------------------------------


def test_an_exclusion_of_an_unknown_parameter_names_its_line_and_a_near_match():
    budget = toy_budget(DOCUMENT.replace("key: mirror.colour", "key: mirror.color"))
    with pytest.raises(DocumentError, match=r"toy\.yaml:11:11: exclusions\[0\]\.key: .*did you mean mirror\.colour\?"):
        check_exclusions(budget.source, budget.exclusions, FIELDS)


@each_row("line, message", [
    ("  - {key: mirror.colour, reason: Twice.}\n", "excluded twice"),
    ("  - {key: mirror.tilt}\n", "reason"),
    ("  - {key: mirror.tilt, reason: ''}\n", "reason"),
    ("  - {key: tilt, reason: A name without a group.}\n", "key"),
    ("  - {key: mirror.tilt, reason: 3}\n", "reason"),
    ("  - {key: mirror.tilt, why: none, reason: a}\n", "why"),
], ids=["twice", "no reason", "empty", "no group", "number", "unknown"])  # fmt: skip
def test_a_faulty_exclusion_is_an_error(line, message):
    text = DOCUMENT.replace("correlations:", line + "correlations:")
    with pytest.raises(DocumentError, match=message):
        toy_budget(text)


def test_parse_budget_keeps_the_exclusions():
    assert [(item.key, item.reason) for item in toy_budget().exclusions] == [("mirror.colour", "No light sees it.")]
    assert parse_budget(toy_budget(UNEXCLUDED).source).exclusions == ()
