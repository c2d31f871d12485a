"""Which room of the package may import which, and a reader of the imports as they stand in the source."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

# The rooms from the ground up: a room may import those above it in the list, and itself. A room is the first part of a
# module's name inside the package; "" is the package's own __init__.
ROOMS = (
    *("_version", "errors", "_front_door", "_system_errors", "_partial_files", "_csv_text", "units", "files"),
    *("disk_cache", "runtime", "console"),
    *("documents", "params", "optics", "drawing", "graph", "systems", "model", "profiles"),
    *("inference", "plot", "runs", "mission", "error_budget", "reference", "models"),
    *("", "cli"),
)
# What a room may not import although it is further down, because the room is of use without it.
FORBIDDEN = {
    "files": {"units"},
    "disk_cache": {"units"},
    "runtime": {"units", "files"},
    "documents": {"units"},
    "optics": {"documents", "params"},
    "graph": {"documents", "params", "optics", "files", "units"},
    "drawing": {"documents", "params", "optics"},
    "inference": {"optics", "graph", "systems", "model", "profiles", "drawing"},
    "plot": {"systems", "model", "profiles", "graph", "drawing"},
    "runs": {"optics", "graph", "systems", "model"},
    "mission": {
        *("files", "disk_cache", "runtime", "console", "documents", "params", "optics", "drawing", "graph"),
        *("systems", "model", "profiles", "inference", "plot", "runs"),
    },
    "reference": {
        *("params", "optics", "graph", "systems", "model", "inference", "plot", "runs", "mission"),
    },
}
# The modules of a room that may import what the rest of the room may not.
EXCEPT = {
    "error_budget": {"dluxshera.error_budget.reference": {"systems", "model", "profiles"}},
    "runs": {
        "dluxshera.runs.profile_fit": {"model"},  # builds the model of a profile
        "dluxshera.runs.profile_data": {"model", "optics", "systems"},  # reads and simulates its images
    },
}


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


def front_doors(package: Path) -> dict[str, str]:
    """Return the public names of the rooms, dotted, and the dotted names of the modules that have them."""
    doors = {}
    for stub in sorted(package.rglob("__init__.pyi")):
        home = ".".join(stub.parent.relative_to(package.parent).parts)
        for node in ast.parse(stub.read_text(), stub).body:
            assert isinstance(node, ast.ImportFrom)
            doors |= {f"{home}.{alias.name}": f"{home}.{node.module}.{alias.name}" for alias in node.names}
    return doors


def _resolved(name: str, modules: dict[str, Path], doors: dict[str, str]) -> str:
    while name in doors:
        name = doors[name]
    while name not in modules:  # a member of a module
        name = name.rpartition(".")[0]
    return name


def imports_of(package: Path) -> list[Import]:
    """Return every import of the package from itself: at the top, in functions, for types, by relative name."""
    modules, doors = modules_of(package), front_doors(package)
    return [
        Import(module, _resolved(name, modules, doors), getattr(node, "lineno", 0))
        for module, path in modules.items()
        for node in ast.walk(ast.parse(path.read_text(), path))
        for name in _named(node, module, path.name == "__init__.py")
        if name.split(".")[0] == package.name
    ]


def named_in(file: Path, package: Path) -> set[str]:
    """Return the modules of a package that a file from outside of it imports by absolute name."""
    modules, doors = modules_of(package), front_doors(package)
    names = (name for node in ast.walk(ast.parse(file.read_text(), file)) for name in _named(node, "", False))
    return {_resolved(name, modules, doors) for name in names if name.split(".")[0] == package.name}


def room(module: str) -> str:
    """Return the room of a module: ``params`` for ``dluxshera.params.store``."""
    return module.split(".")[1] if "." in module else ""


def may_import(module: str, target: str) -> bool:
    """Return whether one module of the package may import another."""
    source, other = room(module), room(target)
    if source == other:
        return True
    if source not in ROOMS or other not in ROOMS or ROOMS.index(other) > ROOMS.index(source):
        return False
    excepted = EXCEPT.get(source, {})
    if any(other in rooms for rooms in excepted.values()):
        return other in excepted.get(module, set())
    return other not in FORBIDDEN.get(source, set())


def violations(package: Path) -> list[str]:
    """Return a line for each import that the rules do not allow."""
    wrong = [
        f"{module}: the room {room(module)!r} is not in the list"
        for module in modules_of(package)
        if room(module) not in ROOMS
    ]
    return wrong + [
        f"{found.module}:{found.line} imports {found.target}"
        for found in imports_of(package)
        if not may_import(found.module, found.target)
    ]


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
