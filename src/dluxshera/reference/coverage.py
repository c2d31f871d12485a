"""Functions that tests cover: the ``covers`` markers, read from the source of the tests.

A test with ``@pytest.mark.covers("dluxshera.room.module.function")`` fails under pytest if it does not call that
function, so a marker is evidence. The files are parsed, not imported.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dluxshera.errors import DocumentError

MARKER: Final = "covers"
TESTS: Final = Path("tests")


@dataclass(frozen=True)
class MarkedTest:
    """A test function that covers others.

    Parameters
    ----------
    path : str
        File, relative to the root of the repository.
    name : str
        Name of the function, after that of its class if it has one, as pytest writes it.
    line : int
        Line of its ``def``, from 1.
    """

    path: str
    name: str
    line: int

    @property
    def node(self) -> str:
        """Argument that makes pytest run this test."""
        return f"{self.path}::{self.name}"


def covering_tests(root: Path) -> dict[str, list[MarkedTest]]:
    """Return the tests that cover each function, in the order of files and lines.

    Parameters
    ----------
    root : Path
        Root of the repository.

    Returns
    -------
    dict of str to list of MarkedTest
        By the dotted name of the function.

    Raises
    ------
    DocumentError
        If the argument of a marker is not a string, or a marker is not on a test function.
    """
    tests: dict[str, set[MarkedTest]] = {}
    for path in sorted((root / TESTS).rglob("test_*.py")):
        source = path.read_text(encoding="utf-8")
        if f"mark.{MARKER}" in source:
            for function, test in _marked(ast.parse(source, path), path, path.relative_to(root).as_posix()):
                tests.setdefault(function, set()).add(test)
    return {name: sorted(tests[name], key=lambda test: (test.path, test.line)) for name in sorted(tests)}


def _marked(tree: ast.Module, path: Path, shown: str) -> Iterator[tuple[str, MarkedTest]]:
    """Yield the name and the test of each argument of a marker."""
    attributes = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    markers = {id(node): node for node in attributes if ast.unparse(node) == f"pytest.mark.{MARKER}"}
    for function, owner in _tests(tree):
        for decorator in function.decorator_list:
            if not (isinstance(decorator, ast.Call) and id(decorator.func) in markers):
                continue
            del markers[id(decorator.func)]
            for argument in decorator.args:
                if not (isinstance(argument, ast.Constant) and isinstance(argument.value, str)):
                    raise _fault(path, argument, f"expected dotted names as strings, got {ast.unparse(argument)}")
                yield argument.value, MarkedTest(shown, owner + function.name, function.lineno)
    if markers:
        raise _fault(path, next(iter(markers.values())), "expected the marker, with arguments, on a test function")


def _tests(tree: ast.Module) -> Iterator[tuple[ast.FunctionDef, str]]:
    """Yield each test function and the prefix that its class gives to its name."""
    for node in tree.body:
        members = node.body if isinstance(node, ast.ClassDef) else [node]
        owner = f"{node.name}::" if isinstance(node, ast.ClassDef) else ""
        yield from ((m, owner) for m in members if isinstance(m, ast.FunctionDef) and m.name.startswith("test"))


def _fault(path: Path, node: ast.expr, message: str) -> DocumentError:
    return DocumentError(message, file=path, line=node.lineno, column=node.col_offset + 1, key=f"pytest.mark.{MARKER}")
