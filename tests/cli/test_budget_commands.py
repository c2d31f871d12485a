"""`dluxshera budget`: what each command prints and writes, how it ends, and what it leaves alone."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from dluxshera import cli
from dluxshera.error_budget import budget_tables
from support.budget_reports import toy_report
from support.helpers import run_fresh
from support.rows import each_row

GIVEN = """\
schema_version: 0.2.0
id: given
title: A budget without a model
requirement: {id: R, text: Error., answer: wavefront, value: 10, unit: nm, status: draft}
terms:
  - {id: A, name: One, parent: R, acts: It is given., perturbation: {kind: given}, magnitude: {value: 6, unit: nm},
     evidence: {tag: sourced, source: a paper}, class: static, rule: rss, status: draft, since: 0.1.0}
  - {id: B, name: Two, parent: R, acts: It is given., perturbation: {kind: given}, magnitude: {value: 8, unit: nm},
     evidence: {tag: sourced, source: a paper}, class: drift, rule: rss, status: draft, since: 0.1.0}
"""


@pytest.fixture
def call(monkeypatch, capsys):
    """Call the command line as a script does; return the exit code, and standard output and error."""

    def called(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["dluxshera", "budget", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        return (left.value.code or 0, *capsys.readouterr())

    return called


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "report.json"
    path.write_text(json.dumps(toy_report()), encoding="utf-8")
    return path


@pytest.fixture
def given(tmp_path: Path) -> Path:
    path = tmp_path / "given.yaml"
    path.write_text(GIVEN, encoding="utf-8")
    return path


# --- new and validate ------------------------------------------------------------------------------------------------


def test_a_new_budget_is_valid_and_not_replaced(call, tmp_path: Path):
    path = tmp_path / "mine.yaml"
    code, out, err = call("new", path, "--title", "It's: mine")
    assert (code, out, err) == (0, f"{path}: written\n", "")
    assert "id: mine\n" in path.read_text()
    code, out, err = call("validate", path)
    assert (code, err) == (0, "")
    assert out.startswith(f"{path}: valid: 3 terms, 1 cases, 0 to be determined, 1 illustrative")
    before = path.read_text()
    code, _, err = call("new", path)
    assert code == 2
    assert "--force" in err
    assert path.read_text() == before
    assert call("new", path, "--id", "other", "--force")[0] == 0
    assert "id: other\n" in path.read_text()


@each_row("arguments", [
    ("mine.json",), ("mine",), ("1.yaml",), ("a b.yaml",), ("mine.yaml", "--id", "no id"), ("mine.yaml", "--id", "é"),
    ("mine.yaml", "--title", " "), ("mine.yaml", "--title", "two\nlines"), ("mine.yaml", "--title", "\x1b[31m"),
], ids=str)  # fmt: skip
def test_a_faulty_name_or_title_is_wrong_usage(arguments, call, tmp_path: Path):
    code, out, err = call("new", tmp_path / arguments[0], *arguments[1:])
    assert (code, out) == (2, "")
    assert err
    assert "Traceback" not in err
    assert [path for path in tmp_path.iterdir() if path.suffix != ".json" or path.name == arguments[0]] == []


def test_every_fault_is_listed_before_anything_is_computed(call, tmp_path: Path, monkeypatch):
    monkeypatch.setattr("dluxshera.error_budget.report._numbers", None)
    path = tmp_path / "mine.yaml"
    call("new", path)
    text = path.read_text()
    for old, new in (
        ("class: static", "class: statik"),
        ("rule: rss", "rule: rsss"),
        ("status: draft", "status: drafd"),
    ):
        text = text.replace(old, new, 1)
    path.write_text(text)
    code, out, err = call("validate", path)
    assert (code, err) == (1, "")
    assert len(out.splitlines()) == 3
    assert all(line.startswith(f"{path}:") for line in out.splitlines())
    code, out, _ = call("validate", path, "--json")
    assert code == 1
    assert len(json.loads(out)[str(path)]["faults"]) == 3


@each_row("old, new, message", [
    ("observation/flight_alpha_cen", "observation/flight_alpha", "reference.profile"),
    ("overrides: []", "overrides: [binary.contrst=2]", "reference.overrides[0]"),
    ("[binary.spectral_flux_density,", "[binary.spectral_flux,", "keys[0]"),
    ("system.plate_scale_as_per_pix: 1", "system.plate_scale: 1", "direction"),
    ('unit: ""', "unit: nm", "magnitude.unit"),
    ("binary.x_position_as", "binary.x_pos", "estimators[0].free[2]"),
], ids=["profile", "override", "key", "direction", "unit", "free"])  # fmt: skip
def test_a_fault_of_the_reference_point_is_found_without_a_model(old, new, message, call, tmp_path: Path):
    path = tmp_path / "mine.yaml"
    if path.exists():
        path.unlink()
    call("new", path)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    code, out, _ = call("validate", path)
    assert code == 1
    assert message in out
    assert out.startswith(f"{path}:")


# --- show and trace --------------------------------------------------------------------------------------------------


def test_show_begins_with_completeness_and_has_the_numbers_of_the_report(call, report: Path):
    code, out, err = call("show", report)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[1].startswith("Completeness: 4 of 4 parameters")
    assert lines[2].startswith("Inputs: 2 illustrative, 1 to be determined; 3 terms without a verification")
    assert lines[3] == "Trace: 0 faults"
    assert lines[4].startswith("R, Full: 2.56 of 3 µas, margin 0.441 µas (illustrative)")
    assert "Deficit of S1, Full: 1.5 µas" in out
    assert "< 1e-06" in next(line for line in lines if "S2" in line)  # not resolved
    code, out, _ = call("show", report, "--term", "S2", "--estimator", "fixed")
    assert code == 0
    assert "1.5 µas/nm" in out
    assert "3 nm, 3 standard deviations: 1 nm" in out
    assert json.loads(call("show", report, "--json")[1]) == toy_report()


@each_row("arguments, key", [
    (("--term", "S3"), "S3"), (("--term", "s1"), "s1"), (("--estimator", "ful"), "ful"),
    (("--estimator", "total"), "total"), (("--term", "R"), "R"),
], ids=str)  # fmt: skip
def test_an_unknown_row_or_estimator_is_wrong_usage_with_near_matches(arguments, key, call, report: Path):
    code, _, err = call("show", report, *arguments)
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith(f"error: {key}: expected ")


def test_a_budget_without_a_model_is_computed_from_its_numbers(call, given: Path, tmp_path: Path):
    code, out, err = call("report", "--budget", given, "--output", tmp_path / "out.json")
    assert (code, err) == (0, "")
    report = json.loads((tmp_path / "out.json").read_text())
    assert report["rollup"]["total"]["total"] == {"value": 10.0, "unit": "nm"}
    assert call("show", given)[0] == 0
    code, out, _ = call("trace", given)
    assert (code, out.splitlines()[0]) == (0, "2 terms, 0 parameters, 0 tests, 3 links, 0 faults")


def test_trace_ends_with_1_where_a_link_is_missing(call, report: Path):
    code, out, _ = call("trace", report)
    assert (code, out) == (0, "5 terms, 4 parameters, 1 test, 11 links, 0 faults\n")
    planted = toy_report()
    planted["terms"][2]["keys"] = []
    report.write_text(json.dumps(planted))
    code, out, _ = call("trace", report)
    assert code == 1
    assert "mirror.tilt" in out
    assert [fault["kind"] for fault in json.loads(call("trace", report, "--json")[1])["faults"]] == [
        "orphan term", "undeclared",
    ]  # fmt: skip


# --- export, diff and sign -------------------------------------------------------------------------------------------


def test_export_writes_every_format_and_replaces_nothing(call, report: Path, tmp_path: Path):
    folder = tmp_path / "out"
    code, out, err = call("export", report, "--output", folder)
    assert (code, err) == (0, "")
    names = {path.name for path in folder.iterdir()}
    assert {"terms.csv", "totals.csv", "budget.xlsx", "tree.svg", "tornado-full.svg"} <= names
    assert len(out.splitlines()) == len(names)
    assert (folder / "terms.csv").read_text() == budget_tables(toy_report())["terms"].csv()
    (folder / "terms.csv").write_text("mine")
    code, _, err = call("export", report, "--output", folder, "--format", "csv")
    assert code == 2
    assert "--force" in err
    assert (folder / "terms.csv").read_text() == "mine"
    assert call("export", report, "--output", folder, "--format", "csv", "--force")[0] == 0


@each_row(
    "arguments", [("--format", "pdf"), ("--format", "CSV"), ("--format", ""), ("--format", "csv", "--format", "x")]
)
def test_an_unknown_format_is_wrong_usage(arguments, call, report: Path, tmp_path: Path):
    code, _, err = call("export", report, "--output", tmp_path / "out", *arguments)
    assert (code, err.count("\n")) == (2, 1)
    assert not (tmp_path / "out").exists()


def test_rows_are_signed_compared_and_released(call, given: Path, tmp_path: Path):
    record = tmp_path / "given.sign-off.json"
    assert call("sign", given, "--check")[0] != 0
    code, out, _ = call("sign", given, "--role", "lead", "--revision", "A")
    assert (code, out) == (0, f"{record}: written\n")
    assert call("diff", record, given)[:2] == (0, "no row changed\n")
    code, out, _ = call("sign", given, "--check")
    assert (code, out) == (0, "every row is signed, none is suspect or to be determined\n")
    given.write_text(GIVEN.replace("value: 6", "value: 7").replace("name: Two", "name: Second"))
    code, out, _ = call("diff", record, given, "--json")
    assert code == 1
    assert [(item["id"], item["mark"]) for item in json.loads(out)] == [
        ("R", "suspect"), ("A", "re-worded"), ("A", "suspect"), ("B", "re-worded"),
    ]  # fmt: skip
    code, out, _ = call("sign", given, "--check")
    assert code == 1
    assert len(out.splitlines()) == 4
    assert call("sign", given, "--role", "lead", "--revision", "B")[0] == 0
    assert [item["revision"] for item in json.loads(record.read_text())["revisions"]] == ["A", "B"]
    assert call("sign", given, "--check")[0] == 0


def test_two_reports_are_compared(call, report: Path, tmp_path: Path):
    later = tmp_path / "later.json"
    planted = toy_report()
    planted["terms"][0]["results"]["full"]["contribution"]["value"] = 1.3
    later.write_text(json.dumps(planted))
    code, out, _ = call("diff", report, later)
    assert code == 1
    assert "suspect" in out
    assert call("diff", report, later, "--tolerance", "0.2")[0] == 0


@each_row("arguments", [
    ("sign", "{given}"), ("sign", "{given}", "--role", "a"), ("sign", "{given}", "--role", " ", "--revision", "A"),
    ("sign", "{given}", "--role", "a", "--revision", "A", "--tolerance", "-1"),
    ("sign", "{given}", "--role", "a", "--revision", "A", "--term", "X"),
    ("sign", "{given}", "--role", "a", "--revision", "A", "--sign-off", "{report}"),
    ("diff", "{report}"), ("diff", "{report}", "{given}", "--tolerance", "-1"),
], ids=str)  # fmt: skip
def test_faulty_arguments_end_with_2_and_write_nothing(arguments, call, given: Path, report: Path, tmp_path: Path):
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    code, _, err = call(*(text.format(given=given, report=report) for text in arguments))
    assert code in (1, 2)
    assert code == 2 or "{report}" in arguments
    assert err
    assert "Traceback" not in err
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@each_row("content", [
    "", "{}", "[]", '{"schema_version": "0.1.0", "rollup": {}}', '{"rollup": []}', "nonsense: [",
    '{"rollup": {}, "terms": 1}',
], ids=str)  # fmt: skip
def test_a_file_that_is_no_report_is_a_line_with_its_name(content, call, tmp_path: Path):
    path = tmp_path / "report.json"
    path.write_text(content)
    for command in (("show",), ("trace",), ("export", "--output", tmp_path / "out"), ("diff", path)):
        code, _, err = call(command[0], *command[1:], path)
        assert code in (1, 2)
        assert str(path) in err
        assert "Traceback" not in err
    assert not (tmp_path / "out").exists()


def test_a_packaged_budget_is_named(call):
    code, out, _ = call("validate", "reference")
    assert (code, out.partition(":")[0]) == (0, "reference")


def test_commands_on_documents_and_reports_load_no_jax(report: Path, given: Path, tmp_path: Path):
    """In a process of its own. Units that are not among the common ones are read by astropy."""
    new = tmp_path / "new.yaml"
    commands = [
        ["new", str(new)], ["validate", "reference", str(new)], ["show", str(report)], ["trace", str(report)],
        ["diff", str(report), str(report)], ["report", "--budget", str(given), "--output", str(tmp_path / "out.json")],
    ]  # fmt: skip
    code = f"""
        import sys
        from dluxshera.cli import main
        for arguments in {commands!r}:
            sys.argv = ['dluxshera', 'budget', *arguments]
            try:
                main()
            except SystemExit as left:
                assert not left.code, arguments
            heavy = {{'jax', 'jaxlib', 'dLux', 'equinox', 'optax', 'matplotlib', 'openpyxl'}} & set(sys.modules)
            assert not heavy, (arguments, heavy)
    """
    run_fresh(code)
