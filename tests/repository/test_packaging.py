"""The files about the package agree with the package, and the commands that they name exist."""

import re
import subprocess
import sys
import tomllib
from datetime import date
from importlib.metadata import metadata, requires, version
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from ruamel.yaml import YAML

import dluxshera

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def targets(makefile: str) -> set[str]:
    """Return the documented targets of a Makefile."""
    return set(re.findall(r"^([a-z]+):.*?## ", makefile, re.MULTILINE))


@pytest.fixture(scope="module")
def locked() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return {
        canonicalize_name(name): number
        for name, _, number in (line.partition("==") for line in lines if line and not line.startswith("#"))
    }


def test_one_version():
    citation = YAML(typ="safe").load(ROOT / "CITATION.cff")
    assert version("dluxshera") == dluxshera.__version__ == citation["version"]


def test_the_changelog_has_this_version_or_what_is_to_come():
    headings = re.findall(r"^## \[(.+?)\](?: - (\d{4}-\d\d-\d\d))?$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0][0] in ("Unreleased", dluxshera.__version__)
    released = [date.fromisoformat(day) for name, day in headings if name != "Unreleased"]
    assert released == sorted(released, reverse=True)
    assert len({name for name, _ in headings}) == len(headings)


def test_one_licence():
    text = (ROOT / "LICENSE").read_text()
    assert text.startswith("BSD 3-Clause License\n\nCopyright (c) 2026, The dLuxShera developers\n")
    citation = YAML(typ="safe").load(ROOT / "CITATION.cff")
    assert metadata("dluxshera")["License-Expression"] == citation["license"] == "BSD-3-Clause"


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_the_commands_that_a_page_names_exist(page: str):
    code = re.findall(r"^```bash\n(.*?)^```|`([^`\n]+)`", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)
    named = set(re.findall(r"^make ([a-z]+)", "\n".join(block or span for block, span in code), re.MULTILINE))
    assert named
    assert named <= targets((ROOT / "Makefile").read_text())


def test_the_first_screen_of_the_readme_gives_the_two_commands():
    first = (ROOT / "README.md").read_text().splitlines()[:30]
    assert {"make site", "make test"} <= {line.split("#")[0].strip() for line in first}


def test_every_command_of_the_makefile_says_what_it_does():
    makefile = (ROOT / "Makefile").read_text()
    phony = set(re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[1].split())
    assert targets(makefile) <= phony
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r"^  make ([a-z]+)", shown, re.MULTILINE)) == targets(makefile)


def test_make_refuses_an_old_python_in_one_sentence(tmp_path: Path):
    """A stand-in for an interpreter: it answers every question with a failure, as an old one does the version check."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    (tmp_path / "src/dluxshera").mkdir(parents=True)
    (tmp_path / "src/dluxshera/_version.py").touch()
    old = tmp_path / "python3.8"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    done = subprocess.run(["make", "install", f"PYTHON={old}"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode != 0
    assert f"Python 3.11 or newer is needed; {old} is not that." in done.stderr
    assert "Traceback" not in done.stderr


def test_the_lock_has_a_fitting_version_of_every_direct_dependency(locked: dict[str, str]):
    direct = [Requirement(line) for line in requires("dluxshera") or []]
    for requirement in direct:
        if requirement.marker and "notebooks" in str(requirement.marker):
            continue
        assert requirement.specifier.contains(locked[canonicalize_name(requirement.name)]), requirement


def test_the_lock_holds_neither_the_package_nor_the_installer(locked: dict[str, str]):
    assert locked.keys().isdisjoint({"dluxshera", "pip", "setuptools", "wheel"})
    assert all(locked.values())


def test_the_wheel_carries_the_package_its_data_and_the_licence(tmp_path: Path):
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    names = set(ZipFile(next(tmp_path.glob("*.whl"))).namelist())
    info = f"dluxshera-{dluxshera.__version__}.dist-info"
    assert f"{info}/licenses/LICENSE" in names
    ours = {
        path.relative_to(ROOT / "src").as_posix()
        for path in (ROOT / "src" / "dluxshera").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name for name in names if not name.startswith(info)} == ours
    assert "dluxshera/py.typed" in ours
    assert set(PROJECT["scripts"]) == {"dluxshera"}
