"""A reader of the package's source that finds tables of parameter keys: literals that name two or more parameters."""

from __future__ import annotations

import ast
from collections.abc import Collection
from pathlib import Path

# The packages whose records own the keys, below the package.
OWNERS = ("systems/parameters/", "systems/effects/")


def key_tables(package: Path, keys: Collection[str]) -> list[str]:
    """Return file and line of each tuple, list, set or dict outside the owners with two or more keys of parameters."""
    return [
        f"{path.relative_to(package).as_posix()}:{node.lineno}: {', '.join(names)}"
        for path in sorted(package.rglob("*.py"))
        if not path.relative_to(package).as_posix().startswith(OWNERS)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), path))
        if len(names := _keys_in(node, keys)) > 1
    ]


def _keys_in(node: ast.AST, keys: Collection[str]) -> list[str]:
    match node:
        case ast.Tuple(elts=items) | ast.List(elts=items) | ast.Set(elts=items):
            constants = items
        case ast.Dict(keys=names, values=values):
            constants = [item for item in (*names, *values) if item is not None]
        case _:
            return []
    strings = [item.value for item in constants if isinstance(item, ast.Constant) and isinstance(item.value, str)]
    return sorted({text for text in strings if text in keys})
