"""Arguments of the commands on budgets: a report, or a document whose report is computed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

Source = Annotated[
    Path | None, typer.Argument(help="Budget document, or a report; by default the packaged reference budget.")
]


def report_of(source: Path | None) -> dict[str, Any]:
    """Return a report from its file, or computed from a budget document."""
    from dluxshera.console import progress
    from dluxshera.documents import read_document
    from dluxshera.error_budget import MAX_REPORT_BYTES, budget_file, evaluate, is_report, load_report
    from dluxshera.runtime import set_up_command

    if source is not None and is_report(read_document(budget_file(source), MAX_REPORT_BYTES)):
        return load_report(source)
    with progress() as show:
        return evaluate(source, progress=show, prepare=set_up_command)


def check_json_output(path: Path, name: str, kind: str) -> None:
    """Check before the work that a JSON file can be written, and replaces no file without a name in its mapping."""
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
    if not isinstance(present, dict) or name not in present:
        raise ParameterError(
            str(path), expected=f"a new file, or {kind}", got="another file", remedy="Name another file, or delete it"
        )
