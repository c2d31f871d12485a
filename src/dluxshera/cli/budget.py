"""`dluxshera budget`: error budgets, from a document to a computed report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

import typer

from dluxshera.cli.common import Check, example, group, update_files
from dluxshera.console import progress

app = group("Error budgets: from a document to a computed report.")

REPORT: Final = Path("docs/reference/data/error-budget-report.json")


@app.command("report", epilog=example("dluxshera budget report --budget my-budget.yaml --output report.json"))
def budget_report(
    budget: Annotated[Path | None, typer.Option(help="Budget document; by default the packaged reference.")] = None,
    output: Annotated[Path, typer.Option(help="Report to write.")] = REPORT,
    check: Check = False,
) -> None:
    """Compute the report of an error budget, and write it if it changed."""
    import shlex

    from dluxshera.documents import outdated_documents
    from dluxshera.error_budget import evaluate
    from dluxshera.runtime import set_up_command

    if not check:
        _check_output(output)
    set_up_command()
    arguments = [] if budget is None else ["--budget", budget.as_posix()]
    arguments += [] if output == REPORT else ["--output", output.as_posix()]
    with progress() as show:
        report = evaluate(budget, progress=show, command=shlex.join(["dluxshera", "budget", "report", *arguments]))
    tolerance = report["provenance"]["relative_tolerance"]
    outdated = outdated_documents({output: report}, relative=tolerance, compared=_without_versions)
    if update_files(outdated, check=check) and check:
        raise typer.Exit(1)


def _without_versions(report: dict[str, Any]) -> dict[str, Any]:
    """Return a report without the versions of other packages, which may differ if the numbers agree."""
    provenance = {name: value for name, value in report.get("provenance", {}).items() if name != "created_with"}
    return {**report, "provenance": provenance}


def _check_output(path: Path) -> None:
    """Check before the work that a report can be written, and replaces no other file."""
    import json

    from dluxshera.errors import ParameterError
    from dluxshera.files import check_file

    check_file(path)
    if not path.is_file() or not path.stat().st_size:
        return
    try:
        present = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        present = None
    if not isinstance(present, dict) or "schema_version" not in present:
        raise ParameterError(
            str(path),
            expected="a new file, or the report of an error budget",
            got="another file",
            remedy="Name another file, or delete it",
        )
