"""A reader of the package's names: of modules, of public objects, and of the cases that matches leave open."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

from repository.import_rules import front_doors, modules_of, room


def public_names_twice(package: Path) -> list[str]:
    """Return the names that the stubs of two rooms list. The package's own stub lists names of rooms again."""
    rooms = defaultdict(list)
    for door in sorted(front_doors(package)):
        if door.count(".") == 2:
            rooms[door.rpartition(".")[2]].append(room(door))
    return [f"{name} is public in {' and '.join(names)}" for name, names in rooms.items() if len(names) > 1]


def names_of_two_rooms(package: Path, exceptions: dict[str, str]) -> list[str]:
    """Return the names without an underscore that modules of two rooms define."""
    homes = defaultdict(set)
    for module, path in modules_of(package).items():
        for name in _definitions(ast.parse(path.read_text(encoding="utf-8"), path)):
            homes[name].add(module)
    faults = []
    for name, modules in sorted(homes.items()):
        if len({room(module) for module in modules}) > 1 and name not in exceptions:
            faults.append(f"{name} is defined in {' and '.join(sorted(modules))}")
    return faults


def _definitions(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                names = [name]
            case ast.Assign(targets=targets):
                names = [name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)]
            case ast.AnnAssign(target=ast.Name(id=name)):
                names = [name]
            case _:
                names = []
        yield from (name for name in names if not name.startswith("_"))


def hidden_modules(package: Path) -> list[str]:
    """Return the modules that have the name of a public object of their room, which would hide one of the two."""
    return sorted(set(front_doors(package)) & set(modules_of(package)))


def similar_modules(package: Path, exceptions: dict[tuple[str, str], str]) -> list[str]:
    """Return the pairs of modules whose names differ by one letter or by an ending of the plural."""
    paths = defaultdict(list)
    for module in modules_of(package):
        paths[module.rpartition(".")[2]].append(module)
    return [
        f"{' and '.join(paths[a])}: one letter from {' and '.join(paths[b])}"
        for a, b in combinations(sorted(paths), 2)
        if similar(a, b) and (a, b) not in exceptions
    ]


def similar(a: str, b: str) -> bool:
    """Return whether one insertion, deletion or replacement of a letter, or a plural, makes one word of the other."""
    short, long = sorted((a, b), key=len)
    if long in (f"{short}es", f"{short.removesuffix('y')}ies"):
        return True
    if len(short) == len(long):
        return sum(x != y for x, y in zip(a, b, strict=True)) == 1
    return any(long[:i] + long[i + 1 :] == short for i in range(len(long)))


def long_modules(package: Path, limit: int, exceptions: dict[str, str]) -> list[str]:
    """Return the modules with more lines than the limit."""
    lengths = {module: path.read_text(encoding="utf-8").count("\n") for module, path in modules_of(package).items()}
    return [f"{module}: {n} lines" for module, n in lengths.items() if n > limit and module not in exceptions]


def open_matches(package: Path, exceptions: dict[str, str]) -> list[str]:
    """Return the matches over classes or constants whose last case takes all that is left, without `assert_never`."""
    return [
        f"{module}:{node.lineno}: match {ast.unparse(node.subject)}"
        for module, path in modules_of(package).items()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), path))
        if isinstance(node, ast.Match) and _is_open(node) and module not in exceptions
    ]


def _is_open(node: ast.Match) -> bool:
    *cases, last = node.cases
    if not (isinstance(last.pattern, ast.MatchAs) and last.pattern.pattern is None and last.guard is None):
        return False
    calls = [call.func for statement in last.body for call in ast.walk(statement) if isinstance(call, ast.Call)]
    never = any(ast.unparse(function).rpartition(".")[2] == "assert_never" for function in calls)
    return not never and bool(cases) and all(_is_of_a_set(case.pattern) for case in cases)


def _is_of_a_set(pattern: ast.pattern) -> bool:
    """Return whether a pattern names a class or a constant: a member of a set that can be listed."""
    if isinstance(pattern, ast.MatchOr):
        return all(map(_is_of_a_set, pattern.patterns))
    if isinstance(pattern, ast.MatchAs) and pattern.pattern is not None:
        return _is_of_a_set(pattern.pattern)
    return isinstance(pattern, ast.MatchClass | ast.MatchValue | ast.MatchSingleton)
