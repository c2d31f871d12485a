"""Options, output and exit codes of the commands, and files that they keep up to date."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
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
    """Return the message of an error and its notes, one line each, with control characters as escapes."""
    from dluxshera.console import printable

    return [printable(text) for text in (str(error), *getattr(error, "__notes__", ()))]


def print_json(content: Any) -> None:
    """Print plain data as JSON."""
    import json

    from dluxshera.console import json_for_terminal

    print(json_for_terminal(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)))


def update_files(outdated: Iterable[OutdatedFile], *, check: bool) -> bool:
    """Write each outdated file and print its name, or with `check` print the reason; return True if there are any.

    A file that cannot be written is stored at another place, whose name is printed.
    """
    from dluxshera.console import printable
    from dluxshera.files import store_result, write_text

    changed = misplaced = False
    for file in outdated:
        changed = True
        if check:
            print(printable(f"{file.path}: out of date, {file.reason}"))
        else:
            path = store_result(file.path, partial(write_text, text=file.text))
            print(printable(f"{path}: written"))
            misplaced = misplaced or path != file.path
    if misplaced:
        raise typer.Exit(2)
    return changed
