"""The long evidence: results with the hashes of the code that they came from, committed as JSON.

The hash of a file is that of its code: comments, docstrings and blank lines are taken out of the text first, so that to
improve a comment asks for no new evidence. Of a package that means every module that is imported on the way.
"""

from __future__ import annotations

import ast
import hashlib
import io
import json
import platform
import shlex
import sys
import tokenize
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from dluxshera.files import write_text
from repository.import_rules import imports_of, modules_of, named_in
from support.paths import PACKAGE, ROOT

FOLDER = ROOT / "docs" / "validation"

# Records of code that is gone, with the last commit of that code, until they are gathered again. None is left when the
# last open issue is resolved.
STALE: Final[Mapping[str, str]] = dict.fromkeys(
    (
        "recovery",
        "coverage",
        "starts",
        "agreement",
        "attainment",
        "sampling",
        "ranks",
        "schema-agreement",
        "profile-fuzz",
    ),
    "d507cf3",
)
STALE_PAGES: Final = {
    "inference.md": ("recovery", "coverage", "starts", "agreement", "attainment", "sampling", "ranks")
}

Position = tuple[int, int]  # line from 1, byte in the line from 0


def code_of(source: str) -> str:
    """Return Python source without comments, docstrings and blank lines: the same text on every version of Python.

    They are cut out by their positions, and what remains is as it was written.
    """
    lines = source.encode().splitlines()
    for start, stop in sorted([*_comments(source), *_docstrings(source)], reverse=True):
        first, last = start[0] - 1, stop[0] - 1
        lines[first : last + 1] = [lines[first][: start[1]] + lines[last][stop[1] :]]
    return "".join(f"{line.decode().rstrip()}\n" for line in lines if line.strip())


def _comments(source: str) -> Iterator[tuple[Position, Position]]:
    lines = source.encode().splitlines()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            begin = len(lines[row - 1].decode()[:column].encode())
            yield (row, begin), (row, len(lines[row - 1]))


def _docstrings(source: str) -> Iterator[tuple[Position, Position]]:
    for node in ast.walk(ast.parse(source)):
        match node:
            case (
                ast.Module(body=[first, *_])
                | ast.ClassDef(body=[first, *_])
                | ast.FunctionDef(body=[first, *_])
                | ast.AsyncFunctionDef(body=[first, *_])
            ):
                if isinstance(first, ast.Expr) and isinstance(getattr(first.value, "value", None), str):
                    yield (first.lineno, first.col_offset), (first.end_lineno, first.end_col_offset)


def hashes_of(paths: Iterable[Path], root: Path = ROOT) -> dict[str, str]:
    """Return the SHA-256 of the code of Python files, by their path in the repository."""
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(code_of(path.read_text("utf-8")).encode()).hexdigest()
        for path in sorted(paths)
    }


def modules_behind(file: Path, package: Path = PACKAGE) -> list[Path]:
    """Return the files of the package that a Python file imports, and all that they import: in functions, too.

    The package's own ``__init__`` is left out: it says where names live, and computes nothing. So the file has to
    import from there.
    """
    modules, imported = modules_of(package), _import_graph(package)
    waiting, seen = sorted(named_in(file, package)), set()
    if package.name in waiting:
        raise ValueError(f"{file}: import names from their modules, so that it is known which code they rest on")
    while waiting:
        module = waiting.pop()
        if module not in seen and module != package.name:
            seen.add(module)
            waiting += [*imported[module], module.rpartition(".")[0]]
    return sorted(modules[module] for module in seen)


@cache
def _import_graph(package: Path) -> dict[str, set[str]]:
    graph: dict[str, set[str]] = {module: set() for module in modules_of(package)}
    for found in imports_of(package):
        graph[found.module].add(found.target)
    return graph


def write_evidence(name: str, result: dict[str, Any], sources: Iterable[Path], packages: Iterable[str]) -> None:
    """Write ``docs/validation/<name>.json``."""
    content = {
        "made": datetime.now(UTC).strftime("%Y-%m-%d"),
        "command": shlex.join(["pytest", *sys.argv[1:]]),
        "python": platform.python_version(),
        "packages": {package: version(package) for package in packages},
        "result": result,
        "sha256": hashes_of(sources),
    }
    write_text(FOLDER / f"{name}.json", json.dumps(content, indent=2) + "\n")
