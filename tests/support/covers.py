"""The marker ``covers``: a test fails unless it calls the functions that the marker names.

A call is one of the function's own Python code, however the test reaches it: through a registry, a partial or an old
reference. A program that jax compiled earlier runs no Python, so it counts for nothing.
"""

from __future__ import annotations

import inspect
import pkgutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import CodeType, FrameType, FunctionType

import pytest

from dluxshera.reference.coverage import MARKER


def marked_functions(item: pytest.Item) -> dict[str, CodeType]:
    """Return the code of each function that the markers of a test name, by its dotted name."""
    return {name: code_of(name) for mark in item.iter_markers(MARKER) for name in mark.args}


def code_of(name: str) -> CodeType:
    """Return the code of a function of the package, under the decorators that wrap it.

    Raises
    ------
    LookupError
        If no function has that name.
    """
    try:
        function = inspect.unwrap(pkgutil.resolve_name(name))
    except (ImportError, AttributeError, ValueError) as error:
        raise LookupError(f"{name}: no such function ({error})") from error
    if not isinstance(function, FunctionType):
        raise LookupError(f"{name}: expected a function, got a {type(function).__name__}")
    if f"{function.__module__}.{function.__qualname__}" != name:  # the name by which a page looks it up
        raise LookupError(f"{name}: is defined as {function.__module__}.{function.__qualname__}; write that")
    return function.__code__


@contextmanager
def called(functions: Mapping[str, CodeType]) -> Iterator[set[str]]:
    """Collect the names of the functions that this thread calls inside the block."""
    names = {id(code): name for name, code in functions.items()}
    calls: set[str] = set()

    def note(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call" and (name := names.get(id(frame.f_code))):
            calls.add(name)

    earlier = sys.getprofile()
    sys.setprofile(note)
    try:
        yield calls
    finally:
        sys.setprofile(earlier)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Reject a marker that names no function, before any test runs."""
    faults = []
    for item in items:
        try:
            marked_functions(item)
        except LookupError as error:
            faults.append(f"{item.nodeid}: {error.args[0]}")
    if faults:
        raise pytest.UsageError(*faults)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item):
    functions = marked_functions(item)
    if not functions:
        return (yield)
    with called(functions) as calls:
        outcome = yield
    if uncalled := functions.keys() - calls:
        pytest.fail(f"marked as covering {', '.join(sorted(uncalled))}, which it did not call", pytrace=False)
    return outcome
