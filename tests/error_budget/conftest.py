"""The reference budget on small grids, and at full size once for the whole run."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from typer.testing import CliRunner

from dluxshera.cli import app, models_of
from dluxshera.documents import parse_yaml
from dluxshera.error_budget import Budget, Evaluation, Model, build_report, parse_budget

REFERENCE = Path(str(files("dluxshera") / "error_budget" / "data" / "reference-budget.yaml"))
SMALL = "  structure: {pupil_npix: 64, image_npix: 96, n_wavelengths: 1}\n"
HASHES = ("spec_hash", "config_hash", "design_hash", "budget_hash")
PROVENANCE = {**dict.fromkeys((*HASHES, "package_version", "command"), "0"), "created_with": {}}


class Case(NamedTuple):
    budget: Budget
    forward: Model
    inference: Model
    evaluation: Evaluation


def case(text: str) -> Case:
    budget = parse_budget(parse_yaml(text, "budget.yaml"))
    _, forward, inference = models_of(budget)
    return Case(budget, forward, inference, Evaluation(budget, forward, inference))


@pytest.fixture(scope="session")
def reference_text() -> str:
    return REFERENCE.read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def small_text(reference_text: str) -> str:
    """The reference budget for a model on small grids."""
    return reference_text.replace("  target: alpha Cen\n", "  target: alpha Cen\n" + SMALL)


@pytest.fixture(scope="session")
def small(small_text: str) -> Case:
    return case(small_text)


@pytest.fixture(scope="session")
def small_report(small: Case) -> dict[str, Any]:
    return build_report(small.evaluation, PROVENANCE)


@pytest.fixture(scope="session")
def full_report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The reference budget at full size, as the command writes it."""
    path = tmp_path_factory.mktemp("report") / "report.json"
    done = CliRunner().invoke(app, ["budget", "report", "--output", str(path)])
    assert done.exit_code == 0, done.output
    return json.loads(path.read_text(encoding="utf-8"))
