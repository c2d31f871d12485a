"""Allocations come down the tree, estimates go up: against sums by hand."""

from __future__ import annotations

from itertools import pairwise
from math import hypot, sqrt
from pathlib import Path

import pytest

from dluxshera.documents import Document, parse_yaml
from dluxshera.error_budget import (
    Budget,
    combine,
    contributions_of,
    deficits,
    given_results,
    nodes,
    parse_budget,
    validate_budget,
)
from support.rows import each_row

HEAD = """\
schema_version: 0.2.0
id: b
title: A tree
requirement: {id: R, text: Total., answer: contrast, value: 10, unit: "", status: draft}
%sterms:
"""


def row(name: str, parent: str, value: float | None, allocation: float | None = None, **fields: object) -> str:
    own = {"rule": "rss", "class": "static", **fields}
    size = "" if value is None else f'magnitude: {{value: {value}, unit: ""}}, '
    grant = "" if allocation is None else f'allocation: {{value: {allocation}, unit: ""}}, '
    kind = "children" if value is None else "given"
    more = ", ".join(f"{key}: {content}" for key, content in own.items())
    return (
        f"  - {{id: {name}, name: {name}, parent: {parent}, acts: A., perturbation: {{kind: {kind}}}, {size}{grant}"
        f"evidence: {{tag: sourced, source: s}}, status: draft, since: 0.2.0, {more}}}\n"
    )


def tree(*rows: str, more: str = "") -> Budget:
    return parse_budget(parse_yaml(HEAD % more + "".join(rows), "b.yaml"))


def test_each_node_compares_the_allocations_below_with_its_own_and_the_estimate_with_both():
    budget = tree(
        row("S", "R", None, 6),
        row("A", "S", 3, 4, factor=1.5),
        row("B", "S", 4, 3),
        row("C", "R", 1, 5),
        row("X", "R", 100, rule="informative"),
        row("Y", "R", 100, rule="separate"),
    )
    found = {node.id: node for node in nodes(budget, given_results(budget))}
    root, part = found["R"], found["S"]
    assert (root.children, part.children, found["A"].children) == (("S", "C", "X", "Y"), ("A", "B"), ())
    assert (part.allocation, part.allocated) == (6.0, 5.0)
    assert part.reserve == pytest.approx(sqrt(11))
    assert (part.estimate, part.expected) == pytest.approx((5.0, hypot(4.5, 4)))
    assert part.margin == pytest.approx(6 - hypot(4.5, 4))
    assert (root.allocated, root.estimate) == pytest.approx((hypot(6, 5), sqrt(26)))
    assert root.expected == pytest.approx(sqrt(4.5**2 + 16 + 1))
    assert found["B"].margin == pytest.approx(-1.0)  # exceeded
    assert found["B"].reserve is None
    assert found["X"].estimate == 0.0  # it is not added
    assert deficits(budget) == []


def test_a_row_without_an_allocation_has_those_below_it():
    budget = tree(row("S", "R", None), row("A", "S", 3, 4), row("B", "S", 4, 3), row("C", "R", 1, 12))
    found = {node.id: node for node in nodes(budget)}
    assert found["S"].allocation is None
    assert found["S"].allocated == 5.0
    assert found["R"].allocated == 13.0
    assert found["R"].reserve == pytest.approx(-sqrt(69))
    assert found["R"].deficit == pytest.approx(3.0)
    assert found["R"].estimate is None


def test_a_bias_of_known_sign_is_allocated_on_top():
    budget = tree(row("A", "R", 3, 3), row("B", "R", 4, 4), row("C", "R", -1, 2, rule="linear"))
    root = nodes(budget, given_results(budget))[0]
    assert (root.allocated, root.estimate) == (7.0, 6.0)


def test_allocations_of_rows_with_a_common_cause_add_up():
    budget = tree(row("A", "R", 3, 3, cause="heat"), row("B", "R", -2, 4, cause="heat"))
    root = nodes(budget, given_results(budget))[0]
    assert (root.allocated, root.estimate) == pytest.approx((7.0, 1.0))
    stated = tree(row("A", "R", 3, 3), row("B", "R", 4, 4), more="correlations: [{between: [A, B], r: -0.5}]\n")
    root = nodes(stated, given_results(stated))[0]
    assert (root.allocated, root.estimate) == pytest.approx((sqrt(25 + 12), sqrt(25 - 12)))


# Rows, node, place, deficit and deficit in quadrature.
DEFICITS = {
    "one child above its parent": (
        [row("S", "R", None, 4), row("A", "S", 3, 5)], r"terms[0].allocation.value", 1.0, 3.0, "A 5",
    ),
    "two children above their parent together": (
        [row("S", "R", None, 6), row("A", "S", 3, 6), row("B", "S", 3, 8)],
        r"terms[0].allocation.value", 4.0, 8.0, "A 6, B 8",
    ),
    "all above the requirement": (
        [row("A", "R", 3, 6), row("B", "R", 3, 10), row("C", "R", 3, 15)],
        r"requirement.value", 9.0, sqrt(261), "A 6, B 10, C 15",
    ),
    "a grandchild above the requirement": (
        [row("S", "R", None), row("A", "S", 3, 26)], r"requirement.value", 16.0, 24.0, "those below S",
    ),
    "a bias on top": (
        [row("A", "R", 3, 8), row("B", "R", 3, 3, rule="linear")], r"requirement.value", 1.0, sqrt(21), "A 8, B 3",
    ),
}  # fmt: skip


@each_row("name", list(DEFICITS))
def test_a_deficit_is_told_in_numbers_and_does_not_keep_the_budget_from_being_read(name: str):
    rows, key, deficit, quadrature, parts = DEFICITS[name]
    budget = tree(*rows)
    (found,) = deficits(budget)
    assert found.key == key
    assert found.line is not None
    text = str(found)
    assert f"the deficit is {deficit:.4g}, {quadrature:.4g} in quadrature; raise it, or lower those below" in text
    assert parts in text
    assert "allowed >=" in text
    assert min(node.reserve for node in nodes(budget) if node.reserve is not None) == pytest.approx(-quadrature)


def test_a_deficit_of_a_case_is_at_the_line_of_the_case(tmp_path: Path):
    path = tmp_path / "b.yaml"
    cases = 'cases:\n  - id: cold\n    title: Cold\n    requirement: {value: 4, unit: ""}\n'
    path.write_text(HEAD % cases + row("A", "R", 3, 5))
    validation = validate_budget(path)
    assert validation.faults == ()
    (found,) = validation.deficits
    assert (found.line, found.column) == (8, 26)
    assert "in the case cold" in str(found)
    assert validation.summary == {"terms": 1, "cases": 2, "to be determined": 0, "illustrative": 0}
    path.write_text(HEAD % cases.replace("value: 4", "value: 5") + row("A", "R", 3, 5))
    assert validate_budget(path).deficits == ()


@each_row("excess, expected", [(1e-12, 0), (1e-6, 1)])
def test_rounding_is_no_deficit(excess: float, expected: int):
    assert len(deficits(tree(row("A", "R", 3, 10 * (1 + excess))))) == expected


def test_estimates_go_up_as_the_rows_combine():
    """The root has the total of all rows, with causes and correlations between branches."""
    budget = tree(
        row("S", "R", None),
        row("A", "S", 3, cause="heat"),
        row("T", "R", None),
        row("B", "T", 2, cause="heat"),
        row("C", "T", 1),
        more="correlations: [{between: [A, C], r: 0.5}, {between: [B, C], r: 0.5}]\n",
    )
    results = given_results(budget)
    found = {node.id: node.estimate for node in nodes(budget, results)}
    assert found["S"] == 3.0
    assert found["T"] == pytest.approx(sqrt(4 + 1 + 2 * 0.5 * 2))
    assert found["R"] == pytest.approx(sqrt((3 + 2) ** 2 + 1 + 2 * 0.5 * 5))
    assert found["R"] == pytest.approx(combine(contributions_of(budget, results), budget.correlations).total)


def test_the_reference_budget_has_no_deficit():
    assert validate_budget("reference").deficits == ()


def test_a_chain_of_many_rows_is_a_tree():
    """Deeper than the interpreter's limit of recursion."""
    document = parse_yaml(HEAD % "" + row("T", "R", None) + row("U", "T", 3, 20))
    names = ["R", *(f"T{i}" for i in range(1100))]
    inner, last = document.data["terms"]
    rows = [{**inner, "id": name, "parent": parent} for parent, name in pairwise(names)]
    data = {**document.data, "terms": [*rows, {**last, "parent": names[-1]}]}
    (found,) = deficits(parse_budget(Document("b.yaml", data)))
    assert "the deficit is 10" in str(found)
