"""What the commands share: options, tables, exit codes, and files that are kept up to date."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from dluxshera.console import print_table as print_table
from dluxshera.console import progress as progress
from dluxshera.errors import SheraError

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


def keep(
    wanted: dict[Path, dict[str, Any]],
    *,
    check: bool,
    relative: float,
    compared: Callable[[dict[str, Any]], dict[str, Any]] = lambda document: document,
) -> bool:
    """Write each JSON document whose file differs from it, or only say so; return whether any did.

    Numbers may differ by the relative amount.
    """
    import json

    from dluxshera.documents import difference, json_text

    texts = {}
    reasons = {}
    for path, document in wanted.items():
        try:
            old = json.loads(path.read_text(encoding="utf-8"))
            found = difference(compared(old), compared(document), relative=relative)
        except FileNotFoundError:
            found = "it is missing"
        except (ValueError, AttributeError):
            found = "it is not such a document"
        if found:
            texts[path], reasons[path] = json_text(document), found
    return keep_texts(texts, reasons, check=check)


def keep_texts(texts: dict[Path, str], reasons: dict[Path, str], *, check: bool) -> bool:
    """Write texts, or only say that their files are out of date and why; return whether there are any."""
    from dluxshera.files import write_text

    for path, text in texts.items():
        if check:
            print(f"{path}: out of date, {reasons[path]}")
        else:
            write_text(path, text)
            print(f"{path}: written")
    return bool(texts)
