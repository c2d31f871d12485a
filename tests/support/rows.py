"""One test for a table: every row is checked, and all faults are reported together."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest


@contextmanager
def every_row() -> Iterator[Callable[..., AbstractContextManager[None]]]:
    """Collect the faults of the rows of a table, and fail at the end with a line for each.

    Examples
    --------
    >>> with every_row() as row:
    ...     for key, value in {"a": 1, "b": 2}.items():
    ...         with row(key):
    ...             assert value > 0
    """
    frame = inspect.currentframe()
    assert frame is not None
    path = frame.f_back.f_back.f_code.co_filename  # past contextlib's __enter__
    faults: list[str] = []
    rows = 0

    @contextmanager
    def row(*labels: object) -> Iterator[None]:
        nonlocal rows
        rows += 1
        try:
            yield
        except (Exception, pytest.fail.Exception) as error:
            faults.append(f"{' '.join(map(str, labels))}: {_place(error, path)}{_summary(error)}")

    yield row
    assert rows, "the table has no rows"
    if faults:
        pytest.fail(f"{len(faults)} of {rows} rows:\n" + "\n".join(faults), pytrace=False)


def _place(error: BaseException, path: str) -> str:
    """Return the line of the test at which the error left it."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
    return f"line {lines[-1]}: " if lines else ""


def _summary(error: BaseException) -> str:
    """Return the first lines of an error on one line, with its class unless it is an assertion."""
    words = " ".join(part.strip() for part in str(error).splitlines()[:3])
    short = words if len(words) < 300 else words[:297] + "..."
    return short if isinstance(error, AssertionError | pytest.fail.Exception) else f"{type(error).__name__}: {short}"
