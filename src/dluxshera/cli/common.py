"""What the commands share: options, tables, exit codes, and files that are kept up to date."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import repeat
from math import floor, inf, isfinite, log10
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from dluxshera.errors import SheraError

if TYPE_CHECKING:
    from dluxshera.documents import OutdatedFile
    from dluxshera.inference import Step

EXIT_CODES: Final = "Exit codes: 0 fine, 1 faults found (or a difference), 2 wrong usage."

Check = Annotated[bool, typer.Option("--check", help="Write nothing; exit with 1 if a file is out of date.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


def group(text: str) -> typer.Typer:
    """Return a group of commands."""
    return typer.Typer(help=text, epilog=EXIT_CODES, no_args_is_help=True)


def example(command: str) -> str:
    """Return the last lines of a command's help."""
    return f"Example: {command}\n\n{EXIT_CODES}"


def lines_of(error: SheraError) -> list[str]:
    """Return a message and its notes, a line each."""
    return [str(error), *getattr(error, "__notes__", ())]


def print_json(content: Any) -> None:
    """Print plain data as JSON."""
    import json

    print(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False))


def print_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table; a terminal gets it as wide as it is, a file as wide as its content."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*head, box=SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        table.add_row(*map(Text, row))
    console = Console()
    if not console.is_terminal:
        console = Console(width=max(80, console.measure(table, options=console.options.update(width=1000)).maximum))
    console.print(table)


def print_estimates(
    labels: Sequence[str], theta: Iterable[float], sigma: Iterable[float], truth: Iterable[float] | None = None
) -> None:
    """Print a row for each parameter, its values to two digits of its sigma; with truth and pull if it was known."""
    rows = []
    for label, value, error, true in zip(labels, theta, sigma, repeat(None) if truth is None else truth, strict=False):
        decimals = max(0, 1 - floor(log10(error))) if 0 < error < inf else 6
        known = [] if true is None else [f"{true:.{decimals}f}", f"{(value - true) / error:+.2f}"]
        rows.append([label, f"{value:.{decimals}f}", f"{error:.2g}", *known])
    print_table(("parameter", "estimate", "sigma", *(() if truth is None else ("truth", "pull"))), rows)


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Show what is being done on a terminal; say nothing elsewhere."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda text: None
        return
    with console.status("") as status:
        yield status.update


@contextmanager
def fit_bar(tolerance: float) -> Iterator[Callable[[int, Step], None]]:
    """Show a fit as a bar that fills as the distance to the maximum falls to the tolerance; its value is a callback."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[at]}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        bar = shown.add_task("Fitting", total=None, at="first Fisher matrix, compiling")
        first: list[float] = []

        def advance(number: int, step: Step) -> None:
            if isfinite(step.gradient_norm):
                first.append(max(step.gradient_norm, 10 * tolerance))
                left = log10(max(step.gradient_norm, tolerance) / tolerance)
                whole = log10(first[0] / tolerance)
                shown.update(bar, total=whole, completed=max(0.0, whole - left))
            shown.update(bar, at=f"step {number}, {step.gradient_norm:.3g} sigma from the maximum")

        yield advance


def update_files(outdated: Iterable[OutdatedFile], *, check: bool) -> bool:
    """Write each outdated file and print its name, or with `check` print the reason; return True if there are any."""
    from dluxshera.files import write_text

    changed = False
    for file in outdated:
        changed = True
        if check:
            print(f"{file.path}: out of date, {file.reason}")
        else:
            write_text(file.path, file.text)
            print(f"{file.path}: written")
    return changed
