"""Which room of the package may import which, and a reader of the imports as they stand in the source."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ANYTHING = None

# Room -> the rooms that it may import, for types too. A room is the first part of a module's name inside the package;
# "" is the package's own __init__. Every room may import itself and _version.
MAY_IMPORT: dict[str, set[str] | None] = {
    "_version": set(),
    "errors": set(),
    "units": set(),
    "files": set(),
    "runtime": {"errors"},
    "params": {"errors", "files", "units"},
    "optics": {"errors", "units"},
    "graph": {"errors"},
    "inference": {"errors", "files", "params"},
    "systems": {"errors", "units", "params", "optics", "graph"},
    "binder": {"errors", "units", "params", "graph", "systems"},
    "error_budget": {"errors", "files", "units", "params", "inference"},
    "reference": {"errors", "files"},
    "plot": {"errors", "units", "params"},
    "profiles": {"errors", "params"},
    "models": ANYTHING,
    "cli": ANYTHING,
    "__main__": {"cli"},
    "": ANYTHING,
}
ONLY_FROM_THE_TOP = {"models", "cli", ""}


@dataclass(frozen=True)
class Import:
    """One import: the module that has it, the module that it names, and the line."""

    module: str
    target: str
    line: int


def modules_of(package: Path) -> dict[str, Path]:
    """Return the modules of the package at `package` by dotted name."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def _named(node: ast.AST, module: str, is_package: bool) -> Iterator[str]:
    """Return the dotted names that one node of the source imports; a from-import also names each of its members."""
    match node:
        case ast.Import(names=names):
            yield from (alias.name for alias in names)
        case ast.ImportFrom(module=base, names=names, level=level):
            if level:
                home = module.split(".")[: None if is_package and level == 1 else -(level - is_package)]
                base = ".".join([*home, base] if base else home)
            yield from (f"{base}.{alias.name}" for alias in names)
        case ast.Call(func=ast.Name(id="import_module" | "__import__"), args=[ast.Constant(value=str(name)), *_]):
            yield name
        case ast.Call(func=ast.Attribute(attr="import_module"), args=[ast.Constant(value=str(name)), *_]):
            yield name


def _resolved(name: str, modules: dict[str, Path]) -> str:
    while name not in modules:  # a member of a module
        name = name.rpartition(".")[0]
    return name


def imports_of(package: Path) -> list[Import]:
    """Return every import of the package from itself: at the top, in functions, for types, by relative name."""
    modules = modules_of(package)
    return [
        Import(module, _resolved(name, modules), getattr(node, "lineno", 0))
        for module, path in modules.items()
        for node in ast.walk(ast.parse(path.read_text(), path))
        for name in _named(node, module, path.name == "__init__.py")
        if name.split(".")[0] == package.name
    ]


def named_in(file: Path, package: Path) -> set[str]:
    """Return the modules of a package that a file from outside of it imports by absolute name."""
    modules = modules_of(package)
    names = (name for node in ast.walk(ast.parse(file.read_text(), file)) for name in _named(node, "", False))
    return {_resolved(name, modules) for name in names if name.split(".")[0] == package.name}


def room(module: str) -> str:
    """Return the room of a module: ``params`` for ``dluxshera.params.store``."""
    return module.split(".")[1] if "." in module else ""


def violations(package: Path) -> list[str]:
    """Return a line for each import that the rules do not allow."""
    wrong = [
        f"{module}: the room {room(module)!r} is not in the table"
        for module in modules_of(package)
        if room(module) not in MAY_IMPORT
    ]
    for found in imports_of(package):
        source, target = room(found.module), room(found.target)
        allowed = MAY_IMPORT.get(source, set())
        if source == target or target == "_version":
            continue
        if allowed is ANYTHING and (source == "" or target not in ONLY_FROM_THE_TOP - {""}):
            continue
        if allowed is ANYTHING or target not in allowed:
            wrong.append(f"{found.module}:{found.line} imports {found.target}")
    return wrong


def cycle(package: Path) -> list[str]:
    """Return modules of the package that import each other in a circle, or nothing."""
    edges: dict[str, set[str]] = {module: set() for module in modules_of(package)}
    for found in imports_of(package):
        if found.module != found.target:
            edges[found.module].add(found.target)
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def read_at_import(package: Path, names: tuple[str, ...]) -> list[str]:
    """Return the places where one of the dotted `names` is used outside the body of a function."""
    return [
        f"{module}:{node.lineno} uses {ast.unparse(node)}"
        for module, path in modules_of(package).items()
        for node in _executed(ast.parse(path.read_text(), path))
        if isinstance(node, ast.Attribute | ast.Name) and ast.unparse(node) in names
    ]


def _executed(node: ast.AST) -> Iterator[ast.AST]:
    """Walk what runs when a module is imported: class bodies, decorators and defaults do, function bodies do not."""
    for name, value in ast.iter_fields(node):
        if name == "body" and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield child
                yield from _executed(child)
