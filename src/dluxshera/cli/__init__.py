"""The command line, a module for each group of commands. A command imports the library when it runs."""

from __future__ import annotations

import sys
import warnings
from typing import Annotated, TextIO

import typer

import dluxshera.cli.budget as budget
import dluxshera.cli.params as params
import dluxshera.cli.profile as profile
import dluxshera.cli.run as run
import dluxshera.cli.schema as schema
import dluxshera.cli.simulate as simulate
from dluxshera._version import __version__
from dluxshera.cli.common import example, lines_of
from dluxshera.console import accept_every_character, printable
from dluxshera.errors import DocumentError, SheraError

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
app.command("simulate", epilog=example("dluxshera simulate observation/flight_alpha_cen --seed 1 --output image.fits"))(
    simulate.write_exposure
)


def main() -> None:
    """Run the command line.

    An error of the package is printed as one line for each fault. The exit code is then 1 for a document with faults,
    and 2 for other errors. Characters that the terminal's encoding lacks are printed as escapes, and a warning is one
    line.
    """
    accept_every_character()
    with warnings.catch_warnings():
        warnings.showwarning = _print_warning
        try:
            app()
        except SheraError as error:
            for line in lines_of(error):
                print(f"error: {line}", file=sys.stderr)
            sys.exit(1 if isinstance(error, DocumentError) else 2)


def _print_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    print(f"warning: {printable(str(message))}", file=sys.stderr)


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
