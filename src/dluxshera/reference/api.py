"""The pages of the Python API: one for each room, from the stub that lists the room's public names.

A public name is shown at its front door, ``dluxshera.params.ParamField``; mkdocstrings resolves the path through the
stub, so that links to the defining module work too.
"""

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from dluxshera.reference import text

PACKAGE = Path("src/dluxshera")
FOLDER = "api"
WHOLE = "    options: {heading_level: 2, show_root_heading: false, show_root_toc_entry: false}\n"
INTRODUCTION = """\
The names that most scripts need are in `dluxshera` itself. All other public names are in one of the modules below.
Import them from there, as in `from dluxshera.inference import gauss_newton`; submodules may be renamed.

```python
import dluxshera as ds
```
"""
DERIVED = "Called by the package to compute derived values; the parameter pages link to each function."


@dataclass(frozen=True)
class Room:
    """A package or a module directly below ``dluxshera`` with public names.

    Parameters
    ----------
    path : Path
        Folder of the package, or file of the module.
    names : dict of str to list of str
        Public names by the module that defines them, below the room; empty for a single module.
    """

    path: Path
    names: dict[str, list[str]] = field(default_factory=dict)

    @property
    def dotted(self) -> str:
        """The name to import from."""
        return f"{PACKAGE.name}.{self.path.stem}"

    @property
    def page(self) -> str:
        """The file name of the room's page."""
        return f"{self.path.stem.replace('_', '-')}.md"

    def source(self, module: str = "") -> Path:
        """Return the file of a module of the room, or of the room itself."""
        path = self.path.joinpath(*module.split(".")) if module else self.path
        return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def rooms(package: Path) -> list[Room]:
    """Return the rooms of the package at `package`: packages with a stub, and public modules."""
    packages = [Room(stub.parent, imported_names(stub)) for stub in package.glob("*/__init__.pyi")]
    modules = [Room(path) for path in package.glob("*.py") if not path.name.startswith("_")]
    return sorted([*packages, *modules], key=lambda room: room.dotted)


def imported_names(stub: Path) -> dict[str, list[str]]:
    """Return the names that a stub imports, by the relative module that it imports them from."""
    names: dict[str, list[str]] = {}
    for node in ast.parse(stub.read_text(encoding="utf-8"), stub).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            names.setdefault(node.module, []).extend(alias.name for alias in node.names)
    return names


def pages(root: Path, transforms: Iterable[str]) -> dict[str, str]:
    """Return the text of each page by its path below the reference; nothing where there is no package.

    Parameters
    ----------
    root : Path
        Root of the repository.
    transforms : iterable of str
        Dotted names of the functions that the parameter pages link to. Those without a public name are shown too.
    """
    package = root / PACKAGE
    if not package.is_dir():
        return {}
    all_rooms = rooms(package)
    linked = sorted({name.rpartition(".")[0] for name in transforms if name})
    return {f"{FOLDER}/index.md": index_page(package, all_rooms)} | {
        f"{FOLDER}/{room.page}": room_page(room, [name for name in linked if name.startswith(f"{room.dotted}.")])
        for room in all_rooms
    }


def index_page(package: Path, all_rooms: list[Room]) -> str:
    """Return the page of the top-level names and of the rooms."""
    rows = [[f"[`{room.dotted}`]({room.page})", first_sentence(docstring(room.source()))] for room in all_rooms]
    by_name = {room.path.stem: room for room in all_rooms}
    names = []
    for module, public in imported_names(package / "__init__.pyi").items():
        if room := by_name.get(module):  # not of the version
            for name in public:
                link = f"[`{name}`]({room.page}#{room.dotted}.{name}){{ #{PACKAGE.name}.{name} }}"
                names.append([link, summary(room, name)])
    return "\n".join(
        [
            f"# Python API {{ #{PACKAGE.name} }}\n",
            text.MARK + "\n",
            INTRODUCTION,
            "## Modules\n",
            text.markdown_table(["Module", "Content"], rows),
            "## Names of `dluxshera`\n",
            text.markdown_table(["Name", "Content"], sorted(names)),
        ]
    )


def room_page(room: Room, linked: list[str]) -> str:
    """Return the page of one room; `linked` has the modules whose functions other pages link to."""
    heading = [f"# {room.dotted} {{ #{room.dotted} }}\n", text.MARK + "\n"]
    if not room.names:
        return "\n".join([*heading, f"::: {room.dotted}", WHOLE])
    parts = [*heading, docstring(room.source()).strip() + "\n"]
    others = [module for dotted in linked if (module := dotted.removeprefix(f"{room.dotted}.")) not in room.names]
    for module, public in (room.names | {module: [] for module in others}).items():
        dotted = f"{room.dotted}.{module}"
        parts += [f"## `{module}` {{ #{dotted} }}\n", first_sentence(docstring(room.source(module))) + "\n"]
        parts += [f"::: {room.dotted}.{name}\n" for name in public]
        if dotted in linked:
            parts += [DERIVED + "\n", *(f"::: {dotted}.{name}\n" for name in functions(room, module, public))]
    return "\n".join(parts)


def functions(room: Room, module: str, without: Iterable[str]) -> list[str]:
    """Return the functions of a module that are not private, in the order of the source."""
    body = ast.parse(room.source(module).read_text(encoding="utf-8")).body
    names = [node.name for node in body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")]
    return [name for name in names if name not in without]


def docstring(path: Path) -> str:
    """Return the docstring of the module at `path`."""
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"), path)) or ""


def first_sentence(words: str) -> str:
    """Return the first sentence of a docstring, on one line."""
    line = " ".join(words.partition("\n\n")[0].split())
    return re.split(r"(?<=[.!?])\s", line, maxsplit=1)[0]


def summary(room: Room, name: str) -> str:
    """Return the first sentence of the docstring of a public name; empty for a constant without one."""
    module = next((module for module, names in room.names.items() if name in names), "")
    body = ast.parse(room.source(module).read_text(encoding="utf-8")).body
    for node, after in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name:
            return first_sentence(ast.get_docstring(node) or "")
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if name in [target.id for target in targets if isinstance(target, ast.Name)]:
            match after:
                case ast.Expr(value=ast.Constant(value=str(words))):
                    return first_sentence(words)
            return ""
    return ""
