"""Pages, examples, docstrings and other rooms import public names from front doors, so that a module can move."""

import ast
import json
from pathlib import Path
from textwrap import indent

import pytest

from repository.front_doors import Doors, around_in_package

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "dluxshera"
DOORS = Doors.of(PACKAGE)
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_pages_import_from_front_doors():
    assert [fault for path in PAGES for fault in DOORS.in_page(path)] == []


def test_examples_and_tutorials_import_from_front_doors():
    scripts = [*sorted((ROOT / "Examples").rglob("*.py")), *sorted((ROOT / "docs/tutorials").glob("*.py"))]
    notebooks = [*sorted((ROOT / "Examples").rglob("*.ipynb")), *sorted((ROOT / "docs/tutorials").glob("*.ipynb"))]
    faults = [fault for path in scripts for fault in DOORS.in_python(path)]
    assert faults + [fault for path in notebooks for fault in DOORS.in_notebook(path)] == []
    assert scripts
    assert notebooks


def test_docstring_examples_import_from_front_doors():
    assert [fault for path in sorted(PACKAGE.rglob("*.py")) for fault in DOORS.in_docstrings(path)] == []


def test_rooms_import_from_one_another_through_front_doors():
    assert around_in_package(PACKAGE) == []


WRONG = [
    "from dluxshera.params.field import ParamField",
    "import dluxshera.params.field",
    "import dluxshera.params.field as field",
    "from dluxshera.params import field",
    "from dluxshera.params import Missing",
    "from dluxshera import field_of",
    "from dluxshera.cli import main",
    "from dluxshera import cli",
    "from dluxshera.reference import text",
    "from dluxshera.errors import _wording",
    "def f():\n    from dluxshera.params.field import ParamField",
    "from dluxshera.params import (\n    ParamField,\n    field,\n)",
]
RIGHT = [
    "import dluxshera as ds",
    "import dluxshera.params",
    "from dluxshera import ParamField, params",
    "from dluxshera.params import ParamField",
    "from dluxshera.errors import SheraError",
    "import dluxshera.errors as errors",
    "from dluxsheras.deep.inside import x",
    "import numpy as np",
]


@pytest.fixture
def package(tmp_path: Path) -> Path:
    sources = {
        "__init__.py": "",
        "__init__.pyi": "from .params import ParamField as ParamField",
        "params/__init__.py": "",
        "params/__init__.pyi": "from .field import ParamField as ParamField",
        "params/field.py": "",
        "errors.py": "",
        "cli/__init__.py": "",
        "reference/__init__.py": "",
        "reference/text.py": "",
    }
    for name, source in sources.items():
        path = tmp_path / "dluxshera" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    return tmp_path / "dluxshera"


@pytest.mark.parametrize("source", RIGHT)
def test_an_import_from_a_front_door_is_accepted(package: Path, source: str):
    assert list(Doors.of(package).around(ast.parse(source))) == []


@pytest.mark.parametrize("source", WRONG)
def test_a_planted_import_is_found_wherever_it_is(package: Path, tmp_path: Path, source: str):
    doors = Doors.of(package)
    script, page, notebook = tmp_path / "script.py", tmp_path / "page.md", tmp_path / "notebook.ipynb"
    script.write_text(source)
    assert len(doors.in_python(script)) == 1
    page.write_text(f'# A page\n\n```python title="x"\n{source}\n```\n')
    assert len(doors.in_page(page)) == 1
    page.write_text(f'=== "Tab"\n\n    ```{{ .py }}\n{indent(source, "    ")}\n    ```\n')
    assert len(doors.in_page(page)) == 1
    notebook.write_text(json.dumps({"cells": [{"cell_type": "code", "source": [source]}]}))
    assert len(doors.in_notebook(notebook)) == 1
    prompted = source.replace("\n", "\n    ... ")
    script.write_text(f'def f():\n    """Do.\n\n    >>> {prompted}\n    """\n')
    assert len(doors.in_docstrings(script)) == 1


COMMAND = '```bash\npython -c "import dluxshera.params.field"\n```'


@pytest.mark.parametrize("text", ["`from dluxshera.params.field import ParamField`", COMMAND], ids=["words", "command"])
def test_an_import_in_words_or_a_command_is_found(package: Path, tmp_path: Path, text: str):
    page = tmp_path / "page.md"
    page.write_text(text + "\n")
    assert len(Doors.of(package).in_page(page)) == 1


def test_a_fault_has_its_line(package: Path, tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text("# Page\n\n```python\nimport numpy\nimport dluxshera.params.field\n```\n")
    assert Doors.of(package).in_page(page) == ["page.md:5: import dluxshera.params.field"]
    script = tmp_path / "script.py"
    script.write_text('"""A module.\n\n>>> x = 1\n>>> import dluxshera.params.field\n"""\n')
    assert Doors.of(package).in_docstrings(script) == ["script.py:4: import dluxshera.params.field"]


@pytest.mark.parametrize("source", WRONG)
def test_a_planted_import_of_another_room_is_found(package: Path, source: str):
    own = "from dluxshera.params.field import ParamField\nfrom dluxshera.params import field"
    (package / "params/spec.py").write_text(own)
    assert around_in_package(package) == []
    (package / "optics.py").write_text(source)
    assert len(around_in_package(package)) == 1
