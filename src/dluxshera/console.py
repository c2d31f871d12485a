"""Tables, a status line and a progress bar for the terminal. rich is imported when something is shown."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, Protocol

# Control characters, with which a text moves the cursor or sets the colours, and those that reverse the direction.
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """Return a text with its control characters as escapes, so that a terminal shows a foreign text and obeys none.

    Parameters
    ----------
    text : str
        Text of any origin: names of files, values of documents.
    """
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def accept_every_character() -> None:
    """Let standard output and error print characters that their encoding lacks, as escapes."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def json_for_terminal(text: str) -> str:
    """Return JSON with each character that a terminal may not show, or may obey, as an escape of JSON.

    Parameters
    ----------
    text : str
        Text of a JSON document, its line ends outside strings.
    """
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    pattern = _CONTROL if encoding.lower().replace("-", "").startswith("utf") else re.compile(r"[^\x20-\x7e]")
    return "\n".join(pattern.sub(lambda match: json.dumps(match[0])[1:-1], line) for line in text.split("\n"))


class _Advance(Protocol):
    def __call__(self, text: str, *, completed: float | None = None, total: float | None = None) -> None: ...


def print_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table, fitted to the width of a terminal; in a file no column is shortened.

    Control characters are printed as escapes.

    Parameters
    ----------
    head : sequence of str
        Titles of the columns.
    rows : iterable of sequence of str
        Cells of each row; markup in them, or in titles, is not interpreted.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for title in head:
        table.add_column(Text(printable(title)))
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    console = Console()
    if not console.is_terminal:
        console = Console(width=max(80, console.measure(table, options=console.options.update(width=1000)).maximum))
    console.print(table)


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Yield a function that shows a status line on a terminal's standard error, and does nothing elsewhere."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda text: None
        return
    with console.status("") as status:
        yield status.update


@contextmanager
def progress_bar(title: str, text: str, *, total: float | None = None, transient: bool = False) -> Iterator[_Advance]:
    """Show a progress bar on standard error.

    Parameters
    ----------
    title : str
        Text before the bar.
    text : str
        Text after the bar, until the first move.
    total : float, optional
        Value at which the bar is full. With it the remaining time is shown too; without it the bar pulses until a move
        sets a total.
    transient : bool
        Remove the bar at the end. Nothing is shown then where standard error is not a terminal.

    Yields
    ------
    Advance
        Function that moves the bar.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if transient and not console.is_terminal:  # where rich leaves an empty line
        yield lambda text, *, completed=None, total=None: None
        return
    columns: list[ProgressColumn] = [TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[text]}")]
    columns += [TimeElapsedColumn()] if total is None else [TimeElapsedColumn(), TimeRemainingColumn()]
    with Progress(*columns, console=console, transient=transient) as bars:
        task = bars.add_task(title, total=total, text=text)

        def advance(text: str, *, completed: float | None = None, total: float | None = None) -> None:
            bars.update(task, text=text, completed=completed, total=total)

        yield advance
