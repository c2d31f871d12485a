"""Edge of the command line: exceptions and warnings as lines, exit codes, and output that cannot be written."""

from __future__ import annotations

import errno
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, TextIO

from dluxshera._system_errors import system_remedy
from dluxshera.cli.common import lines_of
from dluxshera.console import accept_every_character, printable
from dluxshera.errors import DocumentError, SheraError

MEMORY: Final = "not enough memory. Use smaller grids, such as image_npix=128, or a machine with more memory"
NUMBERS: Final = "Check the values of the profile and of --set"
FULL_TEXT: Final = "set PYTHONDEVMODE=1 for the full text of the error"


def translated(error: Exception) -> tuple[list[str], int] | None:
    """Return the lines and the exit code for an exception, or None if it can only be a fault of the package."""
    match error:
        case SheraError():
            return lines_of(error), 1 if isinstance(error, DocumentError) else 2
        case OSError():
            return [_line_of(error)], 2
        case MemoryError():
            return [MEMORY], 2
        case UnicodeEncodeError() | UnicodeDecodeError():
            return [f"a text is not valid in {error.encoding}: {error.reason}. Use names and files in UTF-8"], 2
        case ArithmeticError():
            return [f"a value is too large or too small to compute with ({error}). {NUMBERS}; {FULL_TEXT}"], 2
        case ValueError():
            return [f"{_one_line(error)}. Check the arguments, or {FULL_TEXT}"], 2
        case RuntimeError() if "RESOURCE_EXHAUSTED" in str(error):  # of JAX
            return [MEMORY], 2
    return None


def _line_of(error: OSError) -> str:
    path = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes | os.PathLike) else ""
    reason = error.strerror or _one_line(error)
    return f"{f'{path}: ' if path else ''}{reason}. {system_remedy(error)}"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__


@contextmanager
def command_line() -> Iterator[None]:
    """Run a command: print an exception as lines on standard error, and exit with its code.

    A warning is printed as one line too. Characters that the encoding of the terminal lacks, and control characters of
    names, are printed as escapes. Output that cannot be written ends the command with 2; a reader that closes the pipe,
    such as ``head``, with 1 and without a line.
    """
    try:
        if sys.stdout is None:
            raise OSError(errno.EBADF, "is closed", "standard output")
        accept_every_character()
        with warnings.catch_warnings():
            warnings.showwarning = _print_warning
            try:
                yield
            finally:
                _flush()
    except Exception as error:
        answer = translated(error)
        if answer is None or (sys.flags.dev_mode and not isinstance(error, SheraError)):
            raise
        for line in answer[0]:
            print(f"error: {printable(line)}", file=sys.stderr)
        sys.exit(answer[1])


def _print_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    print(f"warning: {printable(str(message))}", file=sys.stderr)


def _flush() -> None:
    """Write the buffer of standard output, because Python reports a failure at the end of the process on its own."""
    try:
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            sys.exit(1)
        raise OSError(error.errno, error.strerror, "standard output") from error
