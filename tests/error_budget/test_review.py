"""Reviews: each planted change gets its mark, the unchanged twin gets none, and a release needs every row settled."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

from dluxshera.error_budget import changes_between, changes_since, read_sign_off, release_faults, sign_off_file, signed
from dluxshera.errors import DocumentError, ParameterError
from support.budget_reports import DOCUMENT, numbers, toy_report
from support.rows import each_row


@pytest.fixture(scope="module")
def report():
    return toy_report()


@pytest.fixture(scope="module")
def record(report):
    return signed(report, role="systems engineer", revision="A")


def marks(changes) -> set[tuple[str, str]]:
    return {(change.id, change.mark) for change in changes}


def test_an_unchanged_report_has_no_change(report, record):
    assert changes_since(toy_report(), record) == []
    assert changes_between(report, toy_report()) == []


def edited(old: str, new: str) -> dict:
    assert old in DOCUMENT
    return toy_report(DOCUMENT.replace(old, new, 1))


DROPPED = DOCUMENT[: DOCUMENT.index("  - id: L\n")] + DOCUMENT[DOCUMENT.index("  - id: T\n") :]


@each_row("later, expected", [
    (edited("name: Bending", "name: Sag"), {("S1", "re-worded"), ("L", "suspect")}),
    (edited("acts: The mirror bends.", "acts: It sags."), {("S1", "re-worded"), ("L", "suspect")}),
    (edited("source: a guess", "source: a better guess"), {("S2", "re-worded")}),
    (edited("tag: illustrative", "tag: sourced"), {("S2", "re-worded")}),
    (edited("{value: 1.0, unit: uarcsec}", "{value: 0.9, unit: uarcsec}"), {("S1", "re-allocated"), ("L", "suspect")}),
    (edited("factor: 2.0", "factor: 1.5"), {("S2", "re-worded")}),
    (edited("direction: {mirror.tilt: 1}", "direction: {mirror.tilt: 2}"), {("S2", "re-worded")}),
    (edited("result: passed", "result: failed"), {("N", "re-worded")}),
    (edited("parent: S1", "parent: S2"), {("L", "re-worded")}),
    (toy_report(DROPPED), {("L", "dropped")}),
], ids=lambda value: str(value)[:30])  # fmt: skip
def test_a_change_of_the_document_has_its_mark(later, expected, record):
    found = {mark for mark in marks(changes_since(later, record)) if mark[0] != "R"}
    assert found == expected


def moved(term: str, **values: float) -> dict:
    computed = numbers()[term]
    results = {
        name: result._replace(bias=None if result.bias is None else values[name], contribution=abs(values[name]))
        for name, result in computed.results.items()
    }
    return {term: type(computed)(computed.drivers, results, computed.checks, computed.magnitude)}


@each_row("planted, suspect", [
    (moved("S1", full=-2.0, fixed=1.02), True), (moved("S1", full=-2.0, fixed=1.009), False),
    (moved("S1", full=2.0, fixed=1.0), True), (moved("S2", full=0.1, fixed=1.5), True),
    (moved("S2", full=1e-7, fixed=1.5), False), (moved("N", full=1.3, fixed=0.9), True),
], ids=["2 %", "0.9 %", "sign", "from zero", "below the resolution", "noise"])  # fmt: skip
def test_a_value_that_moved_beyond_its_tolerance_is_suspect(planted, suspect, record):
    name = next(iter(planted))
    found = marks(changes_since(toy_report(terms=planted), record))
    assert ((name, "suspect") in found) == suspect


def test_the_tolerance_is_that_of_the_sign_off(report):
    later = toy_report(terms=moved("S1", full=-2.0, fixed=1.02))
    loose = signed(report, role="a", revision="A", tolerance=0.05)
    assert ("S1", "suspect") not in marks(changes_since(later, loose))
    assert ("S1", "suspect") in marks(changes_between(report, later, 0.001))
    assert changes_between(report, later, 0.5) == []


def test_all_rows_are_suspect_if_the_requirement_changed(record):
    later = edited("value: 3.0, unit: uarcsec, status", "value: 2.0, unit: uarcsec, status")
    found = marks(changes_since(later, record))
    assert ("R", "re-worded") in found
    assert {(name, "suspect") for name in ("N", "S1", "S2", "L", "T")} <= found


def test_status_and_owner_are_no_part_of_a_fingerprint(record):
    for old, new in (
        ("status: agreed", "status: draft"),
        ("owner: optics", "owner: someone"),
        ("since: 0.2.0", "since: 0.3.0"),
    ):
        assert changes_since(edited(old, new), record) == []


def test_an_added_row_is_named(report):
    earlier = toy_report(DROPPED)
    assert ("L", "added") in marks(changes_between(earlier, report))


def test_a_release_needs_every_row_signed_unchanged_and_determined(report, record):
    assert release_faults(report, record) == ["T: to be determined"]
    settled = DOCUMENT.replace("tag: to be determined", "tag: sourced").replace(
        "status: to be determined", "status: draft"
    )
    settled = settled.replace(
        "mirror.mass: 1}}\n    magnitude: null", "mirror.mass: 1}}\n    magnitude: {value: 1, unit: ''}"
    )
    later = toy_report(settled, terms={"T": type(numbers()["T"])((), numbers()["S2"].results, (), 1.0)})
    assert release_faults(later, signed(later, role="a", revision="B")) == []
    partly = signed(later, role="a", revision="B", ids=["N", "S1"])
    assert {line.partition(":")[0] for line in release_faults(later, partly)} == {"R", "S2", "L", "T"}


def test_signing_again_keeps_other_rows_and_records_the_revision(report, record):
    later = toy_report(terms=moved("S1", full=-2.5, fixed=1.0))
    second = signed(later, role="optics lead", revision="B", ids=["S1"], before=record)
    assert second["rows"]["S1"]["role"] == "optics lead"
    assert second["rows"]["S2"] == record["rows"]["S2"]
    assert [item["revision"] for item in second["revisions"]] == ["A", "B"]
    assert second["revisions"][1]["margins"]["full"] == later["rollup"]["full"]["margin"]["value"]
    assert ("S1", "suspect") not in marks(changes_since(later, second))


@each_row("arguments, key", [
    ({"role": " "}, "role"), ({"revision": ""}, "revision"), ({"tolerance": -1.0}, "tolerance"),
    ({"tolerance": float("nan")}, "tolerance"), ({"tolerance": float("inf")}, "tolerance"), ({"ids": ["X"]}, "X"),
    ({"before": {"budget": "other", "revisions": [], "rows": {}}}, "budget"),
], ids=str)  # fmt: skip
def test_a_faulty_sign_off_is_not_made(arguments, key, report):
    with pytest.raises(ParameterError) as error:
        signed(report, **{"role": "a", "revision": "A", **arguments})
    assert error.value.key == key


def test_a_sign_off_is_read_back_and_an_edited_one_is_an_error(tmp_path: Path, record):
    path = tmp_path / "toy.sign-off.json"
    assert sign_off_file(tmp_path / "toy.yaml") == path
    path.write_text(json.dumps(record), encoding="utf-8")
    assert read_sign_off(path) == record
    for change in (("values", "full", 9.0), ("fields", "name", "0"), ("fingerprint", None, "sha256:0")):
        edited_record = copy.deepcopy(record)
        part, name, value = change
        if name is None:
            edited_record["rows"]["S1"][part] = value
        else:
            edited_record["rows"]["S1"][part][name] = value
        path.write_text(json.dumps(edited_record), encoding="utf-8")
        with pytest.raises(DocumentError, match=r"rows\.S1: the fingerprint is not that"):
            read_sign_off(path)
    path.write_text('{"revisions": [], "rows": {}}', encoding="utf-8")
    with pytest.raises(DocumentError, match="schema_version"):
        read_sign_off(path)
