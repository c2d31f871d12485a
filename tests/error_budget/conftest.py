"""The reference budget on small grids, and at full size once for the whole run."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest
from typer.testing import CliRunner

from dluxshera.cli import app
from dluxshera.documents import parse_yaml
from dluxshera.error_budget import (
    Budget,
    Evaluation,
    Model,
    ReferenceModels,
    build_report,
    evaluation_of,
    parse_budget,
    reference_budget,
)

SMALL = ("image_npix=96", "n_wavelengths=2")
PROVENANCE = {"budget_hash": "0", "command": "0"}


class Case(NamedTuple):
    budget: Budget
    reference: ReferenceModels
    forward: Model
    inference: Model
    evaluation: Evaluation

    def report(self) -> dict[str, Any]:
        """Return the report, with the provenance of the models and placeholders for the rest."""
        provenance = {**self.reference.provenance(), **PROVENANCE}
        return build_report(self.budget, self.evaluation, self.reference.facts(self.forward), provenance)


def case(text: str, file: str = "budget.yaml") -> Case:
    budget = parse_budget(parse_yaml(text, file))
    reference = ReferenceModels.of(budget)
    forward, inference = reference.models()
    return Case(budget, reference, forward, inference, evaluation_of(budget, forward, inference))


def on_small_grids(text: str) -> str:
    """Return the reference budget with small grids; the overrides come first, so that lines below keep their order."""
    head = "  overrides: # Noll 4 to 11\n"
    assert head in text
    return text.replace(head, head + "".join(f"    - {override}\n" for override in SMALL))


@pytest.fixture(scope="session")
def reference_text() -> str:
    return reference_budget().read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def small_text(reference_text: str) -> str:
    """The reference budget for a model on small grids."""
    return on_small_grids(reference_text)


@pytest.fixture(scope="session")
def short_text(small_text: str) -> str:
    """The first rows of the reference budget for a model on small grids."""
    return small_text.partition("  - id: EB-2.2\n")[0]


@pytest.fixture(scope="session")
def small(small_text: str) -> Case:
    return case(small_text)


@pytest.fixture(scope="session")
def small_report(small: Case) -> dict[str, Any]:
    return small.report()


@pytest.fixture(scope="session")
def full_report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The reference budget at full size, as the command writes it."""
    path = tmp_path_factory.mktemp("report") / "report.json"
    done = CliRunner().invoke(app, ["budget", "report", "--output", str(path)])
    assert done.exit_code == 0, done.output
    return json.loads(path.read_text(encoding="utf-8"))
