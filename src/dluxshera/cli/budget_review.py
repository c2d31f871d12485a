"""`dluxshera budget diff` and `sign`: what changed in a budget since it was approved, and by whom."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dluxshera.cli.budget_sources import check_json_output, report_of
from dluxshera.cli.common import AsJson, print_json
from dluxshera.console import print_table, printable

SignOff = Annotated[
    Path | None,
    typer.Option("--sign-off", help="Sign-off; by default NAME.sign-off.json beside the source."),
]
Tolerance = Annotated[float, typer.Option(help="Relative change of a value after which a row is suspect.", min=0)]


def compare_budgets(
    first: Annotated[Path, typer.Argument(help="Earlier report or budget document, or a sign-off.")],
    second: Annotated[Path, typer.Argument(help="Later report or budget document.")],
    tolerance: Tolerance = 0.01,
    as_json: AsJson = False,
) -> None:
    """Mark the rows that were added, dropped, re-allocated, re-worded, or are suspect; exit with 1 if there are any.

    A row is suspect if a value moved beyond the tolerance, or if a row above it changed. A sign-off has its own
    tolerances.
    """
    from dluxshera.documents import read_document
    from dluxshera.error_budget import MAX_REPORT_BYTES, changes_between, changes_since, is_sign_off, read_sign_off

    if is_sign_off(read_document(first, MAX_REPORT_BYTES)):
        changes = changes_since(report_of(second), read_sign_off(first))
    else:
        changes = changes_between(report_of(first), report_of(second), tolerance)
    if as_json:
        print_json([change._asdict() for change in changes])
    elif changes:
        print_table(("Row", "Change", ""), [(change.id, change.mark, change.text) for change in changes])
    else:
        print("no row changed")
    if changes:
        raise typer.Exit(1)


def sign_budget(
    source: Annotated[Path, typer.Argument(help="Budget document, or a report.")],
    role: Annotated[str, typer.Option(help="Role that approves the rows.")] = "",
    revision: Annotated[str, typer.Option(help="Name of the revision.")] = "",
    term: Annotated[
        list[str] | None, typer.Option(help="Row to sign, by its id; can be repeated. By default all.")
    ] = None,
    tolerance: Tolerance = 0.01,
    sign_off: SignOff = None,
    check: Annotated[
        bool, typer.Option("--check", help="Sign nothing; exit with 1 if a row blocks a release.")
    ] = False,
) -> None:
    """Approve rows of a budget at a revision, or check that it can be released.

    A release needs every row signed, none suspect, and none to be determined.
    """
    import json

    from dluxshera.error_budget import read_sign_off, release_faults, sign_off_file, signed
    from dluxshera.files import write_text

    file = sign_off or sign_off_file(source)
    before = read_sign_off(file) if file.exists() or check else None
    if check:
        faults = release_faults(report_of(source), before or {})
        for line in faults or ["every row is signed, none is suspect or to be determined"]:
            print(printable(line))
        if faults:
            raise typer.Exit(1)
        return
    for name, text in (("--role", role), ("--revision", revision)):
        if not text.strip():
            raise typer.BadParameter("expected a name", param_hint=name)
    check_json_output(file, "rows", "a sign-off")
    record = signed(report_of(source), role=role, revision=revision, ids=term, tolerance=tolerance, before=before)
    write_text(file, json.dumps(record, indent=2, ensure_ascii=False) + "\n")
    print(printable(f"{file}: written"))
