"""The command line: what it writes, what it leaves alone, and how it fails."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

import dluxshera
from dluxshera import cli
from dluxshera.error_budget import evaluate, report_schema


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli.app, list(arguments))
    return done.exit_code, done.output


def test_help_names_the_commands_and_an_example():
    code, text = run("--help")
    assert code == 0
    assert "budget" in text
    assert "schema" in text
    assert "Example: dluxshera budget report" in text
    for command in (("schema", "export"), ("budget", "report")):
        code, text = run(*command, "--help")
        assert code == 0
        assert f"Example: dluxshera {' '.join(command)}" in " ".join(text.split())


def test_the_version():
    assert run("--version") == (0, f"{dluxshera.__version__}\n")


def test_the_report_is_written_once_and_then_checked(tmp_path: Path, short_text: str):
    budget, output = tmp_path / "budget.yaml", tmp_path / "report.json"
    budget.write_text(short_text, encoding="utf-8")
    command = ["budget", "report", "--budget", str(budget), "--output", str(output)]

    code, text = run(*command, "--check")
    assert (code, text) == (1, f"{output}: out of date, the file is missing\n")
    assert not output.exists()

    assert run(*command) == (0, f"{output}: written\n")
    report = json.loads(output.read_text(encoding="utf-8"))
    Draft202012Validator(report_schema()).validate(report)
    assert report["provenance"]["command"] == f"dluxshera budget report --budget {budget} --output {output}"

    assert evaluate(budget, command=report["provenance"]["command"]) == report
    report["provenance"]["created_with"]["jax"] = "0.0.0"
    report["estimators"][0]["sigma"]["value"] *= 1 + 0.1 * report["provenance"]["relative_tolerance"]
    output.write_text(json.dumps(report), encoding="utf-8")
    written = output.stat().st_mtime_ns
    assert run(*command) == (0, "")
    assert run(*command, "--check") == (0, "")
    assert output.stat().st_mtime_ns == written

    report["estimators"][0]["sigma"]["value"] *= 1.001
    output.write_text(json.dumps(report), encoding="utf-8")
    code, text = run(*command, "--check")
    assert code == 1
    assert text.startswith(f"{output}: out of date, estimators[0].sigma.value: ")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("observation/flight_alpha_cen", "observation/flight_62_cyg", "reference.profile: no such profile"),
        ("nm=[0.6, ", "nm=[", "reference.overrides[0]: primary.zernike_coeffs_nm"),
        ("class: static", "class: statik", "terms[3].class: not an allowed value"),
    ],
    ids=["profile", "override", "document"],
)
def test_a_fault_is_one_line_with_its_place(
    tmp_path: Path, reference_text: str, old: str, new: str, message: str, capsys, monkeypatch
):
    budget, output = tmp_path / "budget.yaml", tmp_path / "report.json"
    text = reference_text.replace(old, new, 1)
    budget.write_text(text, encoding="utf-8")
    arguments = ["dluxshera", "budget", "report", "--budget", str(budget), "--output", str(output)]
    monkeypatch.setattr("sys.argv", arguments)
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"error: {budget}:{text[: text.index(new)].count(chr(10)) + 1}:")
    assert message in err
    assert err.count("\n") == 1
    assert not output.exists()
