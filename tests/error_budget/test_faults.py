"""Faults of budget documents of version 0.2.0: each with its place, and all in one pass."""

from __future__ import annotations

import copy
import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from dluxshera.documents import Document, parse_yaml
from dluxshera.error_budget import given_results, nodes, packaged_budgets, parse_budget, validate_budget
from dluxshera.errors import DocumentError, UnknownKeyError
from support.rows import each_row

DOCUMENT = """\
schema_version: 0.2.0
id: optics
title: An instrument without a model
requirement: {id: R, text: Total., answer: contrast, value: 10, unit: "", status: draft, source: A memo.}
correlations:
  - {between: [A, B], r: 0.5, source: A test.}
  - {between: [A, C], r: unknown}
cases:
  - {id: hot, title: Hot, time: visit, requirement: {value: 1200, unit: "%"},
     terms: {A: {magnitude: {value: 4, unit: ""}}}}
terms:
  - id: S
    name: Optics
    parent: R
    acts: Sum.
    perturbation: {kind: children, stated: {value: 6.5, unit: "", tolerance: 0.5}}
    evidence: {tag: derived, source: sum}
    class: static
    rule: rss
    allocation: {value: 8, unit: "", source: A memo.}
    status: agreed
    since: 0.2.0
  - id: A
    name: First
    parent: S
    acts: Given.
    perturbation: {kind: given}
    magnitude: {value: 9, unit: "", as: multiple, coverage: 3, degrees_of_freedom: 5}
    evidence: {tag: sourced, source: A memo.}
    class: drift
    rule: rss
    role: stability
    maturity: analysed
    factor: 1.5
    owner: optics
    note: Revised after the test.
    verification: {method: test, phase: C, evidence: A report., result: passed}
    status: agreed
    since: 0.2.0
  - id: B
    name: Second
    parent: S
    acts: Given.
    perturbation: {kind: given}
    magnitude: {value: 4, unit: ""}
    evidence: {tag: sourced, source: A memo.}
    class: static
    rule: rss
    status: agreed
    since: 0.2.0
  - id: C
    name: Third
    parent: R
    acts: Not known yet.
    perturbation: {kind: given}
    evidence: {tag: to be determined, source: A test is planned.}
    class: static
    rule: rss
    status: to be determined
    since: 0.2.0
"""
SCALE = """\
  - {id: D, name: D, parent: R, acts: A., perturbation: {kind: given}, magnitude: {value: 1, unit: ""}, cause: Scale,
     evidence: {tag: sourced, source: s}, class: static, rule: rss, status: draft, since: 0.2.0}
  - {id: E, name: E, parent: R, acts: A., perturbation: {kind: given}, magnitude: {value: 1, unit: ""}, cause: scale,
     evidence: {tag: sourced, source: s}, class: static, rule: rss, status: draft, since: 0.2.0}
  - {id: F, name: F, parent: R, acts: A., perturbation: {kind: given}, magnitude: {value: 1, unit: ""}, cause: scale,
     evidence: {tag: sourced, source: s}, class: static, rule: rss, status: draft, since: 0.2.0}
"""
EXTRA = """\
  - {id: D, name: Fourth, parent: R, acts: A., perturbation: {kind: given}, magnitude: {value: 1, unit: ""},
     evidence: {tag: sourced, source: s}, class: static, rule: rss, status: draft, since: 0.2.0}
"""
MAGNITUDE = 'magnitude: {value: 4, unit: ""}\n'

# Old and new text, fragment that is pointed at, rest of the message.
FAULTS = {
    "unit of the requirement, in ASCII": (
        'value: 10, unit: ""',
        "value: 10, unit: uas",
        "uas, ",
        r'requirement\.unit: no such unit, write uarcsec \(allowed a VOUnit string, got "uas"\)',
    ),
    "unit of the requirement, in Greek": (
        'value: 10, unit: ""',
        "value: 10, unit: µas",
        "µas, ",
        r'requirement\.unit: no such unit, write uarcsec \(allowed a VOUnit string, got "µas"\)',
    ),
    "unit of an allocation": (
        'allocation: {value: 8, unit: ""',
        "allocation: {value: 8, unit: nm",
        "nm, source",
        r"terms\[0\]\.allocation\.unit: wrong unit \(allowed a pure number, with the unit '', got \"nm\"\)",
    ),
    "unit of a given number": (
        MAGNITUDE,
        "magnitude: {value: 4, unit: nm}\n",
        "nm}",
        r"terms\[2\]\.magnitude\.unit: wrong unit \(allowed a pure number",
    ),
    "unit of a stated sum": (
        'stated: {value: 6.5, unit: ""',
        "stated: {value: 6.5, unit: nm",
        "nm, tolerance",
        r"terms\[0\]\.perturbation\.stated\.unit: wrong unit",
    ),
    "unit of a case": (
        'requirement: {value: 1200, unit: "%"}',
        "requirement: {value: 1200, unit: mas}",
        "mas}",
        r"cases\[0\]\.requirement\.unit: wrong unit",
    ),
    "sum that does not close": (
        "value: 6.5, unit",
        "value: 7.2, unit",
        "7.2, unit",
        r"terms\[0\]\.perturbation\.stated\.value: the sum S \(Optics\) does not close: stated 7\.2, computed 6\.083,"
        r" tolerance 0\.5; compare the rows below it",
    ),
    "sum that does not close in a case": (
        "value: 6.5, unit",
        "value: 5.8, unit",
        "5.8, unit",
        r"the sum S \(Optics\) in the case hot does not close: stated 5\.8, computed 6\.928, tolerance 0\.5",
    ),
    "negative size": (
        MAGNITUDE,
        'magnitude: {value: -4, unit: ""}\n',
        "-4",
        r"terms\[2\]\.magnitude\.value: the size of an error of unknown sign has no sign \(allowed > 0",
    ),
    "multiple of nothing": (
        "as: multiple, coverage: 3,",
        "as: multiple,",
        "multiple, degrees",
        r"terms\[1\]\.magnitude\.as: the number of standard deviations belongs to `as: multiple`, which requires it",
    ),
    "coverage of another statement": (
        "as: multiple, coverage: 3,",
        "as: uniform, coverage: 3,",
        "3, degrees",
        r"terms\[1\]\.magnitude\.coverage: the number of standard deviations belongs to `as: multiple`",
    ),
    "unknown statement": (
        "as: multiple, coverage: 3,",
        "as: unifformm,",
        "unifformm",
        r"terms\[1\]\.magnitude\.as: not an allowed value \(allowed standard deviation.*did you mean uniform\?",
    ),
    "no degrees of freedom": (
        "degrees_of_freedom: 5",
        "degrees_of_freedom: 0",
        "0}",
        r"terms\[1\]\.magnitude\.degrees_of_freedom: out of range \(allowed > 0, got 0\)",
    ),
    "factor below one": ("factor: 1.5", "factor: 0.25", "0.25", r"terms\[1\]\.factor: out of range \(allowed >= 1"),
    "unknown method": (
        "method: test",
        "method: tset",
        "tset",
        r"verification\.method: not an allowed value .*mean test",
    ),
    "empty verification": (
        "verification: {method: test, phase: C, evidence: A report., result: passed}",
        "verification: {}",
        "{}",
        r"terms\[1\]\.verification: of the wrong size \(allowed at least 1 names",
    ),
    "unknown role": ("role: stability", "role: stable", "stable", r"terms\[1\]\.role: not an allowed value"),
    "allocation without a number": (
        "{value: 8, unit",
        "{value: 0.0, unit",
        "0.0, unit",
        r"terms\[0\]\.allocation\.value: out of range \(allowed > 0",
    ),
    "magnitude that is missing": (
        "    " + MAGNITUDE,
        "",
        "id: B",
        r"terms\[2\]\.magnitude: does not match the kind of perturbation \(allowed a magnitude, or the evidence tag or",
    ),
    "magnitude of a sum": (
        "evidence: {tag: derived, source: sum}",
        'evidence: {tag: derived, source: sum}\n    magnitude: {value: 1, unit: ""}',
        '{value: 1, unit: ""}\n    class',
        r"terms\[0\]\.magnitude: does not match the kind of perturbation \(allowed null",
    ),
    "sum of nothing": (
        "perturbation: {kind: given}\n    evidence",
        "perturbation: {kind: children}\n    evidence",
        "{kind: children}\n    evidence: {tag: to be",
        r"terms\[3\]\.perturbation: no row is below this one \(allowed a row with parent: C\)",
    ),
    "kind that needs a model": (
        "perturbation: {kind: given}\n    evidence",
        "perturbation: {kind: marginalisation}\n    evidence",
        "marginalisation",
        r"terms\[3\]\.perturbation\.kind: this kind needs a model: add reference and estimators",
    ),
    "reference without estimators": (
        "correlations:",
        "reference: {text: A., profile: observation/flight_alpha_cen}\ncorrelations:",
        "reference",
        r"reference: estimators is missing: a budget has both",
    ),
    "baseline without estimators": (
        "correlations:",
        "baseline: full\ncorrelations:",
        "full",
        r"baseline: no such estimator \(allowed none, because the budget has no model, got \"full\"\)",
    ),
    "correlation of an unknown row": (
        "between: [A, B]",
        "between: [A, BB]",
        "BB]",
        r"correlations\[0\]\.between\[1\]: no such term \(allowed S, A, B, C, got \"BB\"",
    ),
    "correlation with itself": (
        "between: [A, B]",
        "between: [A, A]",
        "[A, A]",
        r"correlations\[0\]\.between: a row has no correlation with itself",
    ),
    "repeated correlation": (
        "between: [A, C]",
        "between: [B, A]",
        "[B, A]",
        r"correlations\[1\]\.between: the pair is repeated",
    ),
    "correlation of a row that is not added in quadrature": (
        "rule: rss\n    status: agreed\n    since: 0.2.0\n  - id: C",
        "rule: linear\n    status: agreed\n    since: 0.2.0\n  - id: C",
        "[A, B]",
        r"correlations\[0\]\.between: B has the rule linear, and only errors that add in quadrature are correlated",
    ),
    "correlation above one": ("r: 0.5", "r: 1.5", "1.5", r"correlations\[0\]\.r: out of range \(allowed <= 1"),
    "correlation in words": (
        "r: unknown",
        "r: unknownn",
        "unknownn",
        r"correlations\[1\]\.r: not of the right form \(allowed a number from -1 to 1, or unknown",
    ),
    "no correlation matrix": (
        "  - {between: [A, C], r: unknown}",
        "  - {between: [A, C], r: 0.9}\n  - {between: [B, C], r: -0.9}",
        "-0.9",
        r"correlations\[2\]\.r: the coefficients between A, B, C, common causes included, are no correlation matrix",
    ),
    "estimator of a case": (
        "time: visit,",
        "time: visit, estimator: full,",
        "full",
        r"cases\[0\]\.estimator: no such estimator",
    ),
    "time scale of a case": (
        "time: visit,",
        "time: visitt,",
        "visitt",
        r"cases\[0\]\.time: not an allowed value .*mean visit",
    ),
    "row of a case": (
        "terms: {A: {",
        "terms: {AA: {",
        "AA: {",
        r"cases\[0\]\.terms\.AA: no such term \(allowed S, A, B, C",
    ),
    "field of a case": (
        "terms: {A: {magnitude",
        "terms: {A: {magnitud",
        "magnitud:",
        r"cases\[0\]\.terms\.A\.magnitud: unknown name .*did you mean magnitude",
    ),
    "magnitude of a case": (
        'A: {magnitude: {value: 4, unit: ""}}',
        "A: {magnitude: {value: 4, unit: nm}}",
        "nm}}",
        r"cases\[0\]\.terms\.A\.magnitude\.unit: wrong unit",
    ),
    "case with a taken name": ("id: hot", "id: reference", "reference, t", r"cases\[0\]\.id: duplicate id"),
    "repeated row": (
        "    status: to be determined\n    since: 0.2.0\n",
        "    status: to be determined\n    since: 0.2.0\n" + EXTRA.replace("D,", "B,"),
        "B, name",
        r"terms\[4\]\.id: duplicate id \(got \"B\"\)",
    ),
    "row with the id of the root": (
        "    status: to be determined\n    since: 0.2.0\n",
        "    status: to be determined\n    since: 0.2.0\n" + EXTRA.replace("D,", "R,"),
        "R, name",
        r"terms\[4\]\.id: duplicate id \(got \"R\"\)",
    ),
    "cause of one row, misspelt": (
        "    status: to be determined\n    since: 0.2.0\n",
        "    status: to be determined\n    since: 0.2.0\n" + SCALE,
        "Scale,",
        r"terms\[4\]\.cause: no other row has this cause \(allowed .*, scale, got \"Scale\"; did you mean scale\?\)",
    ),
    "cause of one row": (
        "role: stability",
        "cause: heat",
        "heat",
        r"terms\[1\]\.cause: no other row has this cause \(allowed a cause of two rows or more, got \"heat\"\)",
    ),
    "allocation of a row that is not added": (
        "rule: rss\n    allocation",
        "rule: separate\n    allocation",
        "{value: 8",
        r"terms\[0\]\.allocation: a row with the rule separate has no allocation \(got 8",
    ),
    "newer version": (
        "schema_version: 0.2.0",
        "schema_version: 9.0.0",
        "9.0.0",
        r"schema_version: is newer than this package: install a newer one \(allowed 0\.1\.0, 0\.2\.0",
    ),
    "no version": (
        "schema_version: 0.2.0\n",
        "",
        "id: optics",
        r"schema_version is missing",
    ),
    "version without a migration": (
        "schema_version: 0.2.0",
        "schema_version: 0.0.9",
        "0.0.9",
        r"schema_version: has no migration; changes since: 0\.1\.0: the first version; 0\.2\.0: ",
    ),
}


def place(text: str, fragment: str) -> tuple[int, int]:
    """Return line and column of the first occurrence of a fragment."""
    before = text[: text.index(fragment)]
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def test_the_document_without_a_fault_is_read():
    budget = parse_budget(parse_yaml(DOCUMENT))
    assert budget.undetermined == ("C",)
    assert budget.requirement.source == "A memo."
    first = budget.terms[1]
    assert first.magnitude is not None
    assert first.magnitude.standard_deviation().value == 3.0
    assert first.magnitude.degrees_of_freedom == 5
    assert (first.role, first.maturity, first.factor, first.owner) == ("stability", "analysed", 1.5, "optics")
    assert (first.verification.method, first.verification.result) == ("test", "passed")
    assert budget.terms[0].allocation_source == "A memo."
    hot = budget.case("hot")
    assert (hot.requirement.limit.value, hot.requirement.limit.unit) == (12.0, "")
    assert hot.terms[1].magnitude.value == 4.0
    assert hot.terms[2] == budget.terms[2]
    assert budget.case("reference").terms == budget.terms


@each_row("name", list(FAULTS))
def test_a_fault_is_named_with_its_place(name: str):
    old, new, fragment, message = FAULTS[name]
    assert old in DOCUMENT
    text = DOCUMENT.replace(old, new, 1)
    with pytest.raises(DocumentError) as raised:
        parse_budget(parse_yaml(text, "budget.yaml"))
    error = raised.value
    assert re.search(message, str(error)), str(error)
    assert not getattr(error, "__notes__", ()), error.__notes__
    assert (error.file, error.line, error.column) == ("budget.yaml", *place(text, fragment))


def test_all_faults_are_found_in_one_pass(tmp_path: Path):
    """One of each: a fault of the schema does not hide those of other rows."""
    path, text = tmp_path / "budget.yaml", DOCUMENT
    names = ["unit of the requirement, in ASCII", "factor below one", "correlation with itself", "row of a case",
             "unknown method", "unit of an allocation"]  # fmt: skip
    for name in names:
        old, new, _, _ = FAULTS[name]
        assert old in text
        text = text.replace(old, new, 1)
    path.write_text(text)
    faults = validate_budget(path).faults
    for name in names[:-1]:
        assert any(re.search(FAULTS[name][3], str(fault)) for fault in faults), name
    assert len(faults) == len(names) - 1  # no allocation converts to a unit that is none
    assert [fault.line for fault in faults] == sorted(fault.line for fault in faults)


# Changes of one row, and the messages about it: neither sort of fault hides the other.
TOGETHER = [
    ("method: test", "method: tset", r"terms\[1\]\.verification\.method: not an allowed value"),
    ("parent: S\n    acts: Given.", "parent: T\n    acts: Given.", r"terms\[1\]\.parent: no such term"),
    ('value: 9, unit: ""', "value: 9, unit: µm", r"terms\[1\]\.magnitude\.unit: no such unit, write um"),
    ("as: multiple", "as: multipel", r"terms\[1\]\.magnitude\.as: not an allowed value .*did you mean multiple\?"),
    ("factor: 1.5", "factor: 0.5", r"terms\[1\]\.factor: out of range"),
    ("role: stability", "cause: heat", r"terms\[1\]\.cause: no other row has this cause"),
]


def test_faults_of_the_schema_do_not_hide_others_of_the_same_row():
    text = DOCUMENT
    for old, new, _ in TOGETHER:
        assert old in text
        text = text.replace(old, new, 1)
    with pytest.raises(DocumentError) as raised:
        parse_budget(parse_yaml(text))
    lines = [str(raised.value), *raised.value.__notes__]
    for _, _, message in TOGETHER:
        assert any(re.search(message, line) for line in lines), message
    assert len(lines) == len(TOGETHER), lines


def test_a_missing_field_hides_no_fault_of_another():
    text = DOCUMENT.replace("    parent: S\n    acts: Given.\n", "    parent: T\n", 1)
    with pytest.raises(DocumentError, match=r"terms\[1\]: acts is missing") as raised:
        parse_budget(parse_yaml(text))
    (note,) = raised.value.__notes__
    assert "terms[1].parent: no such term" in note


LINKED = """\
schema_version: 0.2.0
id: linked
title: Rows that refer to one another
requirement: {id: R, text: Total., answer: contrast, value: 10, unit: "", status: draft}
correlations: [{between: [A, C], r: 0.5}, {between: [B, C], r: 0.5}]
cases: [{id: hot, title: Hot, terms: {A: {magnitude: {value: 4, unit: ""}}}}]
terms:
  - {id: S, name: S, parent: R, acts: Sum., perturbation: {kind: children}, evidence: {tag: derived, source: s},
     class: static, rule: rss, status: draft, since: 0.2.0}
  - {id: A, name: A, parent: S, acts: A., perturbation: {kind: given}, magnitude: {value: 1, unit: ""}, cause: heat,
     factor: 1.5, evidence: {tag: sourced, source: s}, class: drift, rule: rss, status: draft, since: 0.2.0}
  - {id: B, name: B, parent: R, acts: A., perturbation: {kind: given}, magnitude: {value: 1, unit: ""}, cause: heat,
     evidence: {tag: sourced, source: s}, class: drift, rule: rss, status: draft, since: 0.2.0}
  - {id: C, name: C, parent: R, acts: A., perturbation: {kind: given}, magnitude: {value: 1, unit: ""},
     evidence: {tag: sourced, source: s}, class: drift, rule: rss, status: draft, since: 0.2.0}
"""


@each_row("old, new", [("factor: 1.5", "factor: 0.5"), ("factor: 1.5", "factr: 1.5"), ("kind: given", "kind: gven")])
def test_a_fault_of_one_row_makes_no_fault_of_another(old: str, new: str):
    """The sum above it, the row with the same cause, its correlations and a case know it by its identifier."""
    parse_budget(parse_yaml(LINKED))
    with pytest.raises(DocumentError, match=r"terms\[1\]\.") as raised:
        parse_budget(parse_yaml(LINKED.replace(old, new, 1)))
    assert not getattr(raised.value, "__notes__", ()), raised.value.__notes__


def test_a_fault_of_the_unit_of_the_requirement_is_not_that_of_the_allocations():
    text = DOCUMENT.replace('value: 10, unit: ""', "value: 10, unit: uas").replace(
        'allocation: {value: 8, unit: ""', "allocation: {value: 8, unit: uarcsec"
    )
    with pytest.raises(DocumentError, match=r"requirement\.unit: no such unit, write uarcsec") as raised:
        parse_budget(parse_yaml(text))
    assert not getattr(raised.value, "__notes__", ())


@each_row("unit, value", [("uarcsec", 500.0), ("mas", 0.5), ("arcsec", 5e-4), ("deg", 5e-4 / 3600)])
def test_an_allocation_in_another_unit_of_angle_is_converted(unit: str, value: float):
    text = DOCUMENT.replace('value: 10, unit: ""', "value: 1, unit: mas").replace('unit: ""', "unit: mas")
    text = text.replace("allocation: {value: 8, unit: mas", f"allocation: {{value: {value!r}, unit: {unit}")
    text = text.replace('requirement: {value: 1200, unit: "%"},\n', "\n")
    allocation = parse_budget(parse_yaml(text)).terms[0].allocation
    assert allocation.unit == "mas"
    assert allocation.value == pytest.approx(0.5, rel=1e-12)


def test_an_answer_without_a_unit_is_accepted():
    budget = parse_budget(parse_yaml(DOCUMENT))
    assert (budget.requirement.answer, budget.requirement.limit.unit) == ("contrast", "")


def test_an_unknown_case_is_named_with_those_that_exist():
    budget = parse_budget(parse_yaml(DOCUMENT))
    with pytest.raises(UnknownKeyError, match=r"hott: expected a case of the budget, got 'hott'. Did you mean hot\?"):
        budget.case("hott")


@each_row("content", ["[]", "a", "{}", "terms: 3", "schema_version: 0.2.0\nterms: [3, {id: 4}, {}]\ncases: {}"])
def test_a_document_of_any_form_is_a_fault_and_no_crash(content: str):
    with pytest.raises(DocumentError):
        parse_budget(parse_yaml(content))


# --- The reference budget --------------------------------------------------------------------------------------------


@each_row(
    "old, new, message",
    [
        ("magnitude: {value: 1.0, unit: nm}", "magnitude: {value: 0, unit: nm}",
         r"terms\[4\]\.magnitude\.value: has no effect; remove the row, or mark it 'to be determined' \(allowed"),
        ("magnitude: {value: 1.0, unit: nm}", "magnitude: {value: -1, unit: nm}",
         r"terms\[4\]\.magnitude\.value: the size of an error of unknown sign has no sign"),
        ("estimators:", "baseline: ful\nestimators:", r"baseline: no such estimator .*did you mean full\?"),
        ("  unit: uarcsec\n", "  unit: uas\n", r":\d+:9: requirement\.unit: no such unit, write uarcsec"),
        ("  value: 3.0", "  value: 0", r"requirement\.value: out of range \(allowed > 0, got 0\)"),
    ],
)  # fmt: skip
def test_a_fault_in_a_budget_with_a_model(old: str, new: str, message: str, reference_text: str):
    assert old in reference_text
    with pytest.raises(DocumentError, match=message) as raised:
        parse_budget(parse_yaml(reference_text.replace(old, new, 1), "budget.yaml"))
    assert not getattr(raised.value, "__notes__", ())


def test_a_row_to_be_determined_needs_no_magnitude(reference_text: str):
    old = 'magnitude: {value: 1.0e-7, unit: ""}\n    evidence:\n      tag: illustrative'
    assert old in reference_text
    budget = parse_budget(
        parse_yaml(reference_text.replace(old, "magnitude: null\n    evidence:\n      tag: to be determined"))
    )
    assert budget.undetermined == ("EB-2.0",)
    assert not next(term for term in budget.terms if term.id == "EB-2.0").is_evaluated
    assert "system.plate_scale_as_per_pix" not in budget.moved("inference") or True


def test_a_document_with_random_changes_is_a_budget_or_a_fault():
    """Values of other types, parts that are missing, moved or repeated: no other exception, and no endless loop."""
    rng = random.Random(13)
    documents = [parse_yaml(DOCUMENT), parse_yaml(packaged_budgets()["jwst-wavefront"].read_text(encoding="utf-8"))]
    outcomes = {True: 0, False: 0}
    for _ in range(120):
        document = rng.choice(documents)
        data = copy.deepcopy(document.data)
        for _ in range(rng.choice((1, 1, 2))):
            path = rng.choice(list(parts_of(data)))
            parent = data
            for name in path[:-1]:
                parent = parent[name]
            if rng.random() < 0.3:
                del parent[path[-1]]
            else:
                parent[path[-1]] = copy.deepcopy(rng.choice(STRANGE))
        try:
            budget = parse_budget(Document("b.yaml", data, document.places))
            assert len(nodes(budget, given_results(budget))) == 1 + len(budget.terms)
            outcomes[True] += 1
        except DocumentError:
            outcomes[False] += 1
    assert min(outcomes.values()) > 5


STRANGE = [
    None, True, 0, -1, 1.5, 1e300, "", "R", "A", "unknown", "0.1.0", [], {}, ["A", "A"], [1], "linear", "x.yaml",
    {"value": 1, "unit": ""}, {"value": 0, "unit": "nm"}, {"kind": "children"}, {"kind": "given"},
]  # fmt: skip


def parts_of(data: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Return the paths of all parts of plain data, without that of the whole."""
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for name, part in items:
        yield (*path, name)
        yield from parts_of(part, (*path, name))
