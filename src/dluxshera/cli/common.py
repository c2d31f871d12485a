"""Options, output and exit codes of the commands, and files that they keep up to date."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from dluxshera.errors import SheraError

if TYPE_CHECKING:
    from dluxshera.documents import OutdatedFile

EXIT_CODES: Final = "Exit codes: 0 success, 1 a fault or a difference, 2 wrong usage."

Check = Annotated[bool, typer.Option("--check", help="Write nothing; exit with 1 if a file is out of date.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


def group(text: str) -> typer.Typer:
    """Return a group of commands."""
    return typer.Typer(help=text, epilog=EXIT_CODES, no_args_is_help=True)


def example(command: str) -> str:
    """Return the epilog of a command's help: an example and the exit codes."""
    return f"Example: {command}\n\n{EXIT_CODES}"


def lines_of(error: SheraError) -> list[str]:
    """Return the message of an error and its notes, one line each."""
    return [str(error), *getattr(error, "__notes__", ())]


def print_json(content: Any) -> None:
    """Print plain data as JSON, with escape sequences for the characters that the terminal does not have."""
    import json
    import sys

    ascii_only = "utf" not in (sys.stdout.encoding or "").lower()
    print(json.dumps(content, indent=2, ensure_ascii=ascii_only, allow_nan=False))


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
