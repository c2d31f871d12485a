"""`dluxshera budget`: error budgets, from a document to a computed and reviewed report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

import typer

from dluxshera.cli.budget_sources import Source, check_json_output, report_of
from dluxshera.cli.common import AsJson, Check, example, group, lines_of, print_json, update_files
from dluxshera.console import printable, progress

app = group("Error budgets: from a document to a computed and reviewed report.")

REPORT: Final = Path("results/error-budget.json")


@app.command("new", epilog=example("dluxshera budget new my-budget.yaml --title 'Budget of the testbed'"))
def budget_new(
    path: Annotated[Path, typer.Argument(help="File to write: .yaml or .yml.")],
    name: Annotated[str, typer.Option("--id", help="Identifier of the budget; by default the name of the file.")] = "",
    title: Annotated[str, typer.Option(help="Title of the budget.")] = "Error budget",
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> None:
    """Write a new budget document with comments: a requirement, an estimator and three terms."""
    if path.suffix.lower() not in (".yaml", ".yml"):
        raise typer.BadParameter(f"{path}: the name must end in .yaml or .yml")
    if path.exists() and not force:
        raise typer.BadParameter(f"{path} exists already; --force replaces it")
    from dluxshera.error_budget import new_budget_text
    from dluxshera.files import write_text

    write_text(path, new_budget_text(name or path.stem, title))
    print(printable(f"{path}: written"))


@app.command("validate", epilog=example("dluxshera budget validate my-budget.yaml"))
def budget_validate(
    budgets: Annotated[list[Path], typer.Argument(help="Budget documents.")], as_json: AsJson = False
) -> None:
    """Check budget documents and their reference points without a computation, and list every fault."""
    from dluxshera.error_budget import checked_references, validate_budget
    from dluxshera.errors import DocumentError

    records: dict[str, dict[str, Any]] = {}
    for source in budgets:
        validation = validate_budget(source)
        faults = [line for error in validation.faults for line in lines_of(error)]
        if validation.budget is not None:
            try:
                checked_references(validation.budget)
            except DocumentError as error:
                faults += lines_of(error)
        deficits = [line for error in validation.deficits for line in lines_of(error)]
        records[str(source)] = {"faults": faults, "deficits": deficits, **(validation.summary if not faults else {})}
    if as_json:
        print_json(records)
    else:
        for name, record in records.items():
            counts = ", ".join(f"{record[key]} {key}" for key in record if key not in ("faults", "deficits"))
            for line in record["faults"] or [f"{name}: valid: {counts}"]:
                print(printable(line))
            for line in record["deficits"]:
                print(printable(f"deficit: {line}"))
    if any(record["faults"] for record in records.values()):
        raise typer.Exit(1)


@app.command("report", epilog=example("dluxshera budget report --budget my-budget.yaml --output report.json"))
def budget_report(
    budget: Annotated[Path | None, typer.Option(help="Budget document; by default the packaged reference.")] = None,
    output: Annotated[Path, typer.Option(help="Report to write.")] = REPORT,
    check: Check = False,
) -> None:
    """Compute the report of an error budget, and write it if it changed.

    Numbers that did not change since an earlier computation are read from the cache on disk.
    """
    from dluxshera.documents import outdated_documents
    from dluxshera.error_budget import evaluate, reproducible
    from dluxshera.runtime import set_up_command

    if not check:
        check_json_output(output, "schema_version", "the report of an error budget")
    with progress() as show:
        report = evaluate(budget, progress=show, prepare=set_up_command)
    tolerance = report["provenance"]["relative_tolerance"]
    outdated = outdated_documents({output: report}, relative=tolerance, compared=reproducible)
    if update_files(outdated, check=check) and check:
        raise typer.Exit(1)


@app.command("show", epilog=example("dluxshera budget show results/error-budget.json --term EB-2.0"))
def budget_show(
    source: Source = None,
    estimator: Annotated[str, typer.Option(help="Estimator of the table; by default the baseline.")] = "",
    term: Annotated[str, typer.Option(help="Term to show alone, by its id.")] = "",
    as_json: AsJson = False,
) -> None:
    """Show the verdict, the totals and the terms of a budget: completeness first, then margins and deficits."""
    from dluxshera.error_budget import print_budget, print_term

    report = report_of(source)
    if as_json:
        print_json(report)
    elif term:
        print_term(report, term)
    else:
        print_budget(report, estimator)


@app.command("trace", epilog=example("dluxshera budget trace my-budget.yaml"))
def budget_trace(source: Source = None, as_json: AsJson = False) -> None:
    """Check every link between parameters, terms and requirement; exit with 1 if one is missing or not real."""
    from dluxshera.console import print_table
    from dluxshera.error_budget import trace_of

    trace = trace_of(report_of(source))
    if as_json:
        print_json(trace)
    else:
        counts = {kind: sum(node["kind"] == kind for node in trace["nodes"]) for kind in ("term", "parameter", "test")}
        words = ", ".join(f"{number} {kind}{'' if number == 1 else 's'}" for kind, number in counts.items())
        print(f"{words}, {len(trace['edges'])} links, {len(trace['faults'])} faults")
        if trace["faults"]:
            print_table(("Fault", "At", ""), [(item["kind"], item["id"], item["text"]) for item in trace["faults"]])
    if trace["faults"]:
        raise typer.Exit(1)


@app.command("export", epilog=example("dluxshera budget export my-budget.yaml --format xlsx --output tables"))
def budget_export(
    source: Source = None,
    output: Annotated[Path, typer.Option(help="Folder to write.")] = Path("results/error-budget"),
    formats: Annotated[
        list[str] | None, typer.Option("--format", help="csv, xlsx or svg; can be repeated. By default all.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace existing files.")] = False,
) -> None:
    """Write the tables of a report as CSV and as a spreadsheet with live formulas, and its figures as SVG."""
    from dluxshera.error_budget import EXPORT_FORMATS, exported
    from dluxshera.errors import ParameterError
    from dluxshera.files import check_folder, write_bytes

    chosen = formats or list(EXPORT_FORMATS)
    if unknown := [name for name in chosen if name not in EXPORT_FORMATS]:
        raise ParameterError("--format", expected=", ".join(EXPORT_FORMATS), got=unknown[0])
    check_folder(output, ["terms.csv", "budget.xlsx"], size=1_000_000)
    contents = {output / name: content for name, content in exported(report_of(source), chosen).items()}
    if not force and (present := [path for path in contents if path.exists()]):
        raise ParameterError(
            str(present[0]), expected="a new file", got="an existing file", remedy="Use --force to replace the files"
        )
    for path, content in contents.items():
        write_bytes(path, content)
        print(printable(f"{path}: written"))
