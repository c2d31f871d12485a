"""Budgets that extend others: rows added, changed and removed by identifier, and the place of each fault."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dluxshera.error_budget import Quantity, read_budget, reference_budget, validate_budget
from dluxshera.errors import DocumentError
from support.rows import each_row

BASE = """\
schema_version: 0.2.0
id: base
title: The base
requirement: {id: R, text: Total., answer: contrast, value: 10, unit: "", status: draft}
terms:
  - {id: S, name: Sum, parent: R, acts: A., perturbation: {kind: children}, allocation: {value: 8, unit: ""},
     evidence: {tag: derived, source: sum}, class: static, rule: rss, status: draft, since: 0.2.0}
  - {id: A, name: A, parent: S, acts: A., perturbation: {kind: given}, magnitude: {value: 3, unit: ""},
     evidence: {tag: sourced, source: s}, class: static, rule: rss, status: draft, since: 0.2.0}
  - {id: B, name: B, parent: S, acts: A., perturbation: {kind: given}, magnitude: {value: 4, unit: ""},
     evidence: {tag: sourced, source: s}, class: static, rule: rss, status: draft, since: 0.2.0}
"""
OWN = """\
schema_version: 0.2.0
id: own
title: My own
extends: ../base.yaml
requirement: {id: R, text: Total., answer: contrast, value: 12, unit: "", status: draft}
remove: [B]
change:
  A: {magnitude: {value: 5, unit: ""}, note: Measured again.}
terms:
  - {id: C, name: C, parent: S, acts: A., perturbation: {kind: given}, magnitude: {value: 6, unit: ""},
     evidence: {tag: sourced, source: s}, class: static, rule: rss, status: draft, since: 0.3.0}
"""
THIRD = """\
schema_version: 0.2.0
id: third
title: The third
extends: own/own.yaml
change:
  A: {owner: optics}
  C: {magnitude: {value: 8, unit: ""}}
"""


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "own").mkdir()
    (tmp_path / "base.yaml").write_text(BASE)
    (tmp_path / "own" / "own.yaml").write_text(OWN)
    (tmp_path / "third.yaml").write_text(THIRD)
    return tmp_path


def test_rows_are_added_changed_and_removed(files: Path):
    budget = read_budget(files / "own" / "own.yaml")
    assert (budget.id, budget.title, budget.requirement.limit) == ("own", "My own", Quantity(12.0, ""))
    assert [term.id for term in budget.terms] == ["S", "A", "C"]
    sizes = {term.id: term.magnitude.value for term in budget.terms if term.magnitude}
    assert sizes == {"A": 5.0, "C": 6.0}
    assert (budget.terms[1].note, budget.terms[1].name) == ("Measured again.", "A")
    assert read_budget(files / "base.yaml").terms[1].magnitude.value == 3.0


def test_a_budget_extends_one_that_extends_another(files: Path):
    budget = read_budget(files / "third.yaml")
    assert [term.id for term in budget.terms] == ["S", "A", "C"]
    assert [term.magnitude.value for term in budget.terms[1:]] == [5.0, 8.0]
    assert (budget.terms[1].owner, budget.terms[1].note) == ("optics", "Measured again.")
    assert budget.requirement.limit.value == 12.0


def test_a_packaged_budget_is_extended_by_its_name(tmp_path: Path):
    path = tmp_path / "mine.yaml"
    path.write_text(
        "schema_version: 0.2.0\nid: mine\ntitle: Mine\nextends: reference\nbaseline: fixed_scale\n"
        "cases:\n  - {id: short, title: Short, time: 30 s, reference: {profile: observation/visit}}\n"
        "change:\n  EB-2.0: {magnitude: {value: 2.0e-7, unit: ''}}\n"
    )
    budget, base = read_budget(path), read_budget(reference_budget())
    assert [term.id for term in budget.terms] == [term.id for term in base.terms]
    assert budget.estimators == base.estimators
    assert budget.reference == base.reference
    assert (budget.baseline, base.baseline) == ("fixed_scale", "full")
    changed = {term.id for term, other in zip(budget.terms, base.terms, strict=True) if term != other}
    assert changed == {"EB-2.0"}
    short = budget.case("short")
    assert (short.time, short.reference.profile, short.reference.where) == (
        "30 s", "observation/visit", ("cases", 0, "reference"),
    )  # fmt: skip
    assert budget.digest() != base.digest()


def test_the_profile_of_the_extended_budget_is_found_from_the_extending_one(tmp_path: Path):
    """Its path is relative to the file that names it; the rows of estimators and cases are replaced by identifier."""
    folder = tmp_path / "inner"
    folder.mkdir()
    text = reference_budget().read_text(encoding="utf-8").replace("observation/flight_alpha_cen", "mine.yaml")
    cases = "cases:\n  - {id: near, title: Near, reference: {profile: near.yaml}}\n  - {id: far, title: Far}\nterms:\n"
    (folder / "base.yaml").write_text(text.replace("terms:\n", cases, 1))
    (tmp_path / "own.yaml").write_text(
        "schema_version: 0.2.0\nid: own\ntitle: Own\nextends: inner/base.yaml\n"
        "cases:\n  - {id: far, title: Far away, reference: {profile: far.yaml}}\n"
    )
    budget = read_budget(tmp_path / "own.yaml")
    assert (tmp_path / budget.reference.profile).resolve() == folder / "mine.yaml"
    assert [case.title for case in budget.cases] == ["Near", "Far away"]
    assert (tmp_path / budget.case("near").reference.profile).resolve() == folder / "near.yaml"
    assert budget.case("far").reference.profile == "far.yaml"


def test_a_table_of_a_published_budget_is_extended(tmp_path: Path):
    path = tmp_path / "mine.yaml"
    path.write_text(
        "schema_version: 0.2.0\nid: mine\ntitle: Mine\nextends: roman-calibration\n"
        "change:\n  RC-1: {magnitude: {value: 1.0, unit: '%'}}\n"
    )
    assert read_budget(path).terms[0].magnitude.value == 1.0


# File that is changed, old and new text, file and fragment that are pointed at, rest of the message.
FAULTS = {
    "missing file": (
        "own/own.yaml", "../base.yaml", "../basis.yaml", "own/own.yaml", "../basis.yaml",
        r"extends: cannot be read: No such file or directory\. Check the name.*got \"\.\./basis\.yaml\"",
    ),
    "unknown packaged budget": (
        "own/own.yaml", "../base.yaml", "referencee", "own/own.yaml", "referencee",
        r"extends: no such budget \(allowed reference, jwst-wavefront, .*, or the relative.*did you mean reference\?",
    ),
    "itself": (
        "own/own.yaml", "../base.yaml", "own.yaml", "own/own.yaml", "own.yaml",
        r"extends: the budgets extend each other in a circle, \S*own\.yaml -> \S*own\.yaml",
    ),
    "circle of two": (
        "base.yaml", "title: The base\n", "title: The base\nextends: own/own.yaml\n", "base.yaml", "own/own.yaml",
        r"extends: the budgets extend each other in a circle, \S*own\.yaml -> \S*base\.yaml -> \S*own\.yaml",
    ),
    "removed row that does not exist": (
        "own/own.yaml", "remove: [B]", "remove: [BB]", "own/own.yaml", "BB]",
        r"remove\[0\]: no such row in `extends` \(allowed A, B, S, got \"BB\"",
    ),
    "changed row that does not exist": (
        "own/own.yaml", "  A: {magnitude", "  Aa: {magnitude", "own/own.yaml", "Aa: {",
        r"change\.Aa: no such row in `extends` \(allowed A, B, S, got \"Aa\"",
    ),
    "row removed and changed": (
        "own/own.yaml", "remove: [B]", "remove: [B, A]", "own/own.yaml", "A]",
        r"remove\[1\]: is also under `change`: keep one of the two",
    ),
    "removed parent": (
        "own/own.yaml", "remove: [B]", "remove: [B, S]", "own/own.yaml", "S]",
        r"remove\[1\]: the row A is below it: remove or change that too",
    ),
    "added row that exists": (
        "own/own.yaml", "{id: C,", "{id: A,", "own/own.yaml", "A, name",
        r"terms\[0\]\.id: `extends` has a row with this id: put its fields under `change`",
    ),
    "unknown field of a change": (
        "own/own.yaml", "note: Measured", "notes: Measured", "own/own.yaml", "notes:",
        r"change\.A\.notes: unknown name .*did you mean note",
    ),
    "value of a change": (
        "own/own.yaml", "A: {magnitude: {value: 5,", "A: {magnitude: {value: -5,", "own/own.yaml", "-5,",
        r"change\.A\.magnitude\.value: the size of an error of unknown sign has no sign",
    ),
    "changed identifier": (
        "own/own.yaml", "note: Measured again.", "id: D", "own/own.yaml", "id: D",
        r"change\.A\.id: unknown name",
    ),
    "fault in the base": (
        "base.yaml", "magnitude: {value: 3,", "magnitude: {value: x,", "base.yaml", "x,",
        r"terms\[1\]\.magnitude\.value: wrong type",
    ),
    "inconsistent base": (
        "base.yaml", "{id: A, name: A, parent: S,", "{id: A, name: A, parent: T,", "base.yaml", "T,",
        r"terms\[1\]\.parent: no such term",
    ),
    "unit of the base": (
        "base.yaml", 'allocation: {value: 8, unit: ""}', "allocation: {value: 8, unit: nm}", "base.yaml", "nm}",
        r"terms\[0\]\.allocation\.unit: wrong unit",
    ),
    "base that is no YAML": ("base.yaml", "terms:\n", "terms: [\n", "base.yaml", "", r"is not YAML"),
    "change without a base": (
        "own/own.yaml", "extends: ../base.yaml\n", "", "own/own.yaml", "remove", r"needs `extends`",
    ),
}  # fmt: skip


@each_row("name", list(FAULTS))
def test_a_fault_is_at_its_place_in_the_file_that_has_it(name: str, tmp_path_factory: pytest.TempPathFactory):
    where, old, new, file, fragment, message = FAULTS[name]
    folder = tmp_path_factory.mktemp("budgets")
    (folder / "own").mkdir()
    texts = {"base.yaml": BASE, "own/own.yaml": OWN}
    assert old in texts[where]
    texts[where] = texts[where].replace(old, new, 1)
    for path, text in texts.items():
        (folder / path).write_text(text)
    with pytest.raises(DocumentError) as raised:
        read_budget(folder / "own" / "own.yaml")
    error = raised.value
    lines = [error, *getattr(error, "__notes__", ())]
    fitting = [line for line in map(str, lines) if re.search(message, line)]
    assert fitting, lines
    before = texts[file][: texts[file].index(fragment)]
    if fragment:
        place = f"{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"
        assert fitting[0].startswith(f"{folder / 'own' / '..' / file}:{place}: ") or fitting[0].startswith(
            f"{folder / file}:{place}: "
        ), fitting[0]


def test_a_fault_of_each_file_is_found_in_one_pass(files: Path):
    (files / "base.yaml").write_text(BASE.replace("class: static", "class: statik", 1))
    own = OWN.replace("remove: [B]", "remove: [BB]").replace("note: Measured", "notes: Measured")
    (files / "own" / "own.yaml").write_text(own)
    texts = [str(fault) for fault in validate_budget(files / "own" / "own.yaml").faults]
    assert len(texts) == 3
    for part in ("class: not an allowed value", "remove[0]: no such row", "change.A.notes: unknown name"):
        assert any(part in text for text in texts), texts


def test_a_faulty_folder_or_name_is_a_fault_and_no_crash(files: Path):
    for name in (".yaml", "own.yaml/x.yaml", "x" * 300 + ".yaml", '"a\\0b.yaml"', "/dev/zero.yaml", "[a]"):
        (files / "own" / "own.yaml").write_text(OWN.replace("../base.yaml", name))
        with pytest.raises(DocumentError, match=r"extends"):
            read_budget(files / "own" / "own.yaml")
