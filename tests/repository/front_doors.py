"""A reader of imports: which of them go around the front doors of the package's rooms.

A front door is `dluxshera` itself, a room with a stub (``dluxshera.inference``) or a module below the package
(``dluxshera.errors``). Nothing imports from the command line.
"""

import ast
import doctest
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from repository.import_rules import front_doors, modules_of, room

FENCE = re.compile(r"^(?P<blank> *)(?P<fence>`{3,}|~{3,})(?P<info>[^\n]*)\n(?P<code>.*?)^ *(?P=fence)", re.M | re.S)
STATEMENT = re.compile(r"\bfrom +(dluxshera[\w.]*) +import +\(?([\w, ]+)|\bimport +(dluxshera[\w.]*)")


@dataclass(frozen=True)
class Doors:
    """The front doors of a package.

    Parameters
    ----------
    package : str
        Name of the package.
    modules : set of str
        Dotted names of all modules.
    names : set of str
        Dotted public names, as in ``dluxshera.params.ParamField``.
    """

    package: str
    modules: frozenset[str]
    names: frozenset[str]

    @classmethod
    def of(cls, package: Path) -> "Doors":
        """Read the doors of the package at a path."""
        return cls(package.name, frozenset(modules_of(package)), frozenset(front_doors(package)))

    def is_room(self, module: str) -> bool:
        """Return whether a module is a front door."""
        if module.count(".") != 1 or module not in self.modules or module == f"{self.package}.cli":
            return False
        is_package = any(other.startswith(f"{module}.") for other in self.modules)
        return not is_package or any(name.startswith(f"{module}.") for name in self.names)

    def offers(self, module: str, name: str) -> bool:
        """Return whether ``from module import name`` takes a name from a front door."""
        if module == self.package:
            return f"{module}.{name}" in self.names or self.is_room(f"{module}.{name}")
        if not self.is_room(module):
            return False
        is_package = any(other.startswith(f"{module}.") for other in self.modules)
        return f"{module}.{name}" in self.names if is_package else not re.match(r"_(?!_)", name)

    def around(self, tree: ast.AST, home: str = "") -> Iterator[tuple[int, str]]:
        """Yield the line and the text of each import that goes around the doors.

        Parameters
        ----------
        tree : AST
            Parsed source.
        home : str
            Room whose own modules may be imported; none outside the package.
        """
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                wrong = [a for a in node.names if self._is_inside(a.name, home) and not self._is_door(a.name)]
            elif isinstance(node, ast.ImportFrom) and not node.level and self._is_inside(node.module or "", home):
                wrong = [a for a in node.names if not self.offers(str(node.module), a.name)]
            else:
                continue
            if wrong:
                yield node.lineno, ast.unparse(node)

    def _is_inside(self, module: str, home: str) -> bool:
        parts = module.split(".")
        return parts[0] == self.package and (not home or parts[1:2] != [home])

    def _is_door(self, module: str) -> bool:
        return module == self.package or self.is_room(module)

    def in_python(self, path: Path) -> list[str]:
        """Return the faults of a Python file outside the package."""
        return _lines(path, self.around(ast.parse(path.read_text(encoding="utf-8"), path)))

    def in_docstrings(self, path: Path) -> list[str]:
        """Return the faults of the examples in the docstrings of a Python file."""
        tree = ast.parse(path.read_text(encoding="utf-8"), path)
        faults = []
        for node in ast.walk(tree):
            if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            for example in doctest.DocTestParser().get_examples(ast.get_docstring(node, clean=False) or ""):
                first = node.body[0].lineno + example.lineno
                faults += [(first + line - 1, text) for line, text in self.around(ast.parse(example.source))]
        return _lines(path, faults)

    def in_notebook(self, path: Path) -> list[str]:
        """Return the faults of the code cells of a notebook, with the number of the cell in place of the line."""
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        sources = [(i, "".join(cell["source"])) for i, cell in enumerate(cells, 1) if cell["cell_type"] == "code"]
        return _lines(path, ((i, text) for i, source in sources for _, text in self.around(ast.parse(source))))

    def in_page(self, path: Path) -> list[str]:
        """Return the faults of a Markdown page: in Python fences by the syntax, elsewhere by the form of the words."""
        text = path.read_text(encoding="utf-8")
        faults, rest = [], text
        for match in FENCE.finditer(text):
            if re.match(r"[ {.]*py(thon)?\b", match["info"]):
                first = text[: match.start("code")].count("\n")
                code = re.sub(f"^{match['blank']}", "", match["code"], flags=re.M)
                faults += [(first + line, words) for line, words in self.around(ast.parse(code))]
                hidden = re.sub(r"[^\n]", " ", match[0])
                rest = rest[: match.start()] + hidden + rest[match.end() :]
        for match in STATEMENT.finditer(rest):
            module, names = match[1] or match[3], re.findall(r"\w+", match[2] or "")
            is_right = all(self.offers(module, name) for name in names) if names else self._is_door(module)
            if not is_right:
                faults.append((rest[: match.start()].count("\n") + 1, match[0]))
        return _lines(path, faults)


def around_in_package(package: Path) -> list[str]:
    """Return the imports of a package between two of its rooms that go around the front door."""
    doors = Doors.of(package)
    return [
        f"{module}:{line}: {text}"
        for module, path in modules_of(package).items()
        for line, text in doors.around(ast.parse(path.read_text(encoding="utf-8"), path), room(module))
    ]


def _lines(path: Path, faults: Iterator[tuple[int, str]] | list[tuple[int, str]]) -> list[str]:
    return [f"{path.name}:{line}: {text}" for line, text in sorted(faults)]
