"""One test for a table: every row is checked, and all faults are reported together."""

from __future__ import annotations

import functools
import inspect
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

import pytest
from _pytest.mark import ParameterSet


def each_row(names: str, rows: Iterable[object], ids: Callable[[object], object] | Iterable[object] | None = None):
    """Turn a test of one row into one test of a table; as `pytest.mark.parametrize`, without an id for each row.

    Fixtures are shared by all rows.

    Parameters
    ----------
    names : str
        Arguments of the test that a row gives, with commas between them.
    rows : iterable
        Value of the argument, or a tuple of the values of several; ``pytest.param(..., id=...)`` too.
    ids : callable or iterable, optional
        Name of each row in the report; by default its values.
    """
    arguments = [name.strip() for name in names.split(",")]
    table = [row if isinstance(row, ParameterSet) else pytest.param(*_values(row, arguments)) for row in rows]
    named = [row.values[0] if len(arguments) == 1 else row.values for row in table]
    by_values = (row.id or ", ".join(map(repr, row.values)) for row in table)
    labels = list(map(ids, named) if callable(ids) else ids or by_values)
    assert len(labels) == len(table)
    assert not any(row.marks for row in table), "a row has no marks of its own"

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(test)
        def whole(**fixtures: object) -> None:
            with every_row(inspect.unwrap(test).__code__.co_filename) as row:
                for label, parameters in zip(labels, table, strict=True):
                    with row(label):
                        test(**fixtures, **dict(zip(arguments, parameters.values, strict=True)))

        signature = inspect.signature(test)
        fixtures = [item for name, item in signature.parameters.items() if name not in arguments]
        assert len(fixtures) + len(arguments) == len(signature.parameters), f"the test does not take {names}"
        whole.__signature__ = signature.replace(parameters=fixtures)
        return whole

    return decorate


def _values(row: object, arguments: Sequence[str]) -> Sequence[object]:
    return [row] if len(arguments) == 1 else row


@contextmanager
def every_row(path: str | None = None) -> Iterator[Callable[..., AbstractContextManager[None]]]:
    """Collect the faults of the rows of a table, and fail at the end with a line for each.

    Parameters
    ----------
    path : str, optional
        File whose lines the report names; by default that of the caller.

    Examples
    --------
    >>> with every_row() as row:
    ...     for key, value in {"a": 1, "b": 2}.items():
    ...         with row(key):
    ...             assert value > 0
    """
    file = path or inspect.stack()[2].filename  # the first two are this function and contextlib
    faults: list[str] = []
    rows = 0

    @contextmanager
    def row(*labels: object) -> Iterator[None]:
        nonlocal rows
        rows += 1
        try:
            yield
        except (Exception, pytest.fail.Exception) as error:
            faults.append(f"{' '.join(map(str, labels))}: {_place(error, file)}{_summary(error)}")

    yield row
    assert rows, "the table has no rows"
    if faults:
        pytest.fail(f"{len(faults)} of {rows} rows:\n" + "\n".join(faults), pytrace=False)


def _place(error: BaseException, path: str) -> str:
    """Return the line of the test at which the error left it."""
    lines = [line for frame, line in traceback.walk_tb(error.__traceback__) if frame.f_code.co_filename == path]
    return f"line {lines[-1]}: " if lines else ""


def _summary(error: BaseException) -> str:
    """Return the first lines of an error on one line, with its class unless it is an assertion."""
    words = " ".join(part.strip() for part in str(error).splitlines()[:3])
    short = words if len(words) < 300 else words[:297] + "..."
    return short if isinstance(error, AssertionError | pytest.fail.Exception) else f"{type(error).__name__}: {short}"
