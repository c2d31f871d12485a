"""The first change that CONTRIBUTING shows works: two source files, a test, and the rest is generated."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^<!-- first change: (\S+) -->\n```\w+\n(.*?)^```", re.M | re.S)
COPIED = (
    "src",
    "schemas",
    "docs/reference",
    "tests/support",
    "tests/conftest.py",
    "tests/typechecking.py",
    "pyproject.toml",
)
KEY = "system.magnification"
TEST = "tests/systems/test_magnification.py"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository with the blocks of the page added to their files, schemas and pages regenerated."""
    root = tmp_path_factory.mktemp("clone")
    for name in COPIED:
        source, target = ROOT / name, root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    for name, block in BLOCK.findall((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text((path.read_text(encoding="utf-8") if path.exists() else "") + block, encoding="utf-8")
    python(root, "-c", "from dluxshera.cli import main; main()", "schema", "export")
    python(root, "-m", "dluxshera.reference")
    return root


def python(root: Path, *arguments: str, fails: bool = False) -> str:
    """Run Python with the package of the copy; return what it prints."""
    environment = os.environ | {"PYTHONPATH": str(root / "src"), "COLUMNS": "100"}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode != 0) == fails, done.stdout + done.stderr
    return done.stdout


def test_two_source_files_are_edited_by_hand():
    names = [name for name, _ in BLOCK.findall((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))]
    assert len(names) == 3
    assert [name for name in names if (ROOT / name).exists()] == [name for name in names if name.startswith("src/")]


def test_the_parameter_is_shown_in_the_schemas_and_on_its_page(root: Path):
    assert "dluxshera.systems.transforms.magnification" in python(
        root, "-c", "from dluxshera.cli import main; main()", "params", "show", KEY
    )
    having = {path.parts[-3] for path in (root / "schemas").rglob("forward.schema.json") if KEY in path.read_text()}
    assert having == {"shera_threeplane", "shera_fourplane"}
    page = (root / "docs/reference/parameters/system.md").read_text(encoding="utf-8")
    section = page.partition(f"{{ #{KEY} ")[2].partition("\n## ")[0]
    assert f"`{TEST}::" in section
    assert "\nm = f / f_1\n" in section
    assert "::: dluxshera.systems.transforms.magnification" in (root / "docs/reference/api/systems.md").read_text()


def test_the_test_passes_and_fails_with_a_wrong_formula(root: Path):
    pytest_ = ["-m", "pytest", "-q", "-n0", "--rootdir", str(root), TEST]
    assert "1 passed" in python(root, *pytest_)
    path = root / "src/dluxshera/systems/transforms.py"
    source = path.read_text(encoding="utf-8")
    path.write_text(source.replace("return focal_length / m1_focal_length", "return m1_focal_length / focal_length"))
    assert "1 failed" in python(root, *pytest_, fails=True)
    path.write_text(source)
