"""The command line, a module for each group of commands. A command imports the library when it runs."""

from __future__ import annotations

from typing import Annotated

import typer

import dluxshera.cli.budget as budget
import dluxshera.cli.budget_review as budget_review
import dluxshera.cli.params as params
import dluxshera.cli.profile as profile
import dluxshera.cli.run as run
import dluxshera.cli.schema as schema
import dluxshera.cli.simulate as simulate
from dluxshera._version import __version__
from dluxshera.cli.common import example
from dluxshera.cli.edge import command_line

app = typer.Typer(
    name="dluxshera",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(params.app, name="params")
app.add_typer(profile.app, name="profile")
app.add_typer(schema.app, name="schema")
app.add_typer(budget.app, name="budget")
app.add_typer(run.app, name="run")
budget.app.command("diff", epilog=example("dluxshera budget diff old-report.json my-budget.yaml"))(
    budget_review.compare_budgets
)
budget.app.command(
    "sign", epilog=example("dluxshera budget sign my-budget.yaml --role 'systems engineer' --revision B")
)(budget_review.sign_budget)
app.command("simulate", epilog=example("dluxshera simulate observation/flight_alpha_cen --seed 1 --output image.fits"))(
    simulate.write_exposure
)


def main() -> None:
    """Run the command line.

    An error is printed as one line for each fault. The exit code is 1 for a document with faults, and 2 for wrong
    usage, files that cannot be read or written, values that cannot be computed with, and too little memory.
    """
    with command_line():
        app()


def _print_version(show: bool) -> bool:
    if show:
        print(__version__)
        raise typer.Exit
    return show


@app.callback(
    help="Reference model of SHERA: relative astrometry with a diffractive pupil.",
    epilog=example("dluxshera budget report --output report.json"),
)
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and exit."),
    ] = False,
) -> None:
    """Parse the options before a command."""
