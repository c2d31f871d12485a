"""Spelling, the hooks of each commit and the workflow files: they pass here, and planted faults are reported."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.prefix) / "bin"
SEPARATE = "ruff-check,ruff-format,mypy,codespell"  # run over the repository by other tests
FAULTS = {
    "ruff-check": ("src/lint.py", '"""A module."""\n\nimport os\n'),
    "ruff-format": ("src/form.py", '"""A module."""\n\nx = (1,2)\n'),
    "mypy": ("src/wrong_type.py", '"""A module."""\n\nx: int = ""\n'),
    "codespell": ("docs/spelling.md", "A seperate word.\n"),  # codespell:ignore
    "actionlint": (".github/workflows/bad.yml", "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    stepz: []\n"),
    "check-yaml": ("bad.yaml", "a: [1\n"),
    "check-toml": ("bad.toml", "a = \n"),
    "check-json": ("bad.json", "{,}\n"),
    "trailing-whitespace": ("blanks.txt", "blanks  \n"),
    "end-of-file": ("end.txt", "no newline"),
    "merge-conflict": ("conflict.txt", "<<<<<<< ours\n=======\n>>>>>>> theirs\n"),
    "case-conflict": ("Case.txt", "one\n"),
    "large-files": ("large.bin", "0" * 1_100_000),
}


def run(*command: str | Path, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the environment and return its exit code and output."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")} | environment
    return subprocess.run(command, cwd=cwd, env=variables, capture_output=True, text=True, check=False)


def load(name: str):
    """Return a script of .ci as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / ".ci" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def repository(tmp_path: Path):
    """Return a function that makes a git repository of files by name, with the hooks and settings of this one."""

    def make(files: dict[str, bytes]) -> Path:
        root = tmp_path / "repository"
        for name, content in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        (root / ".venv").symlink_to(sys.prefix)
        (root / ".gitignore").write_text("/.venv\n/.cache/\n")
        for command in (["init", "-q"], ["add", "--all", "--force", "--", *files, ".gitignore"]):
            assert run("git", *command, cwd=root).returncode == 0
        return root

    return make


def hooks(root: Path, skip: str = "") -> dict[str, bool]:
    """Run all hooks over a repository; return which of them pass. A hook without a file to check passes."""
    done = run(BIN / "pre-commit", "run", "--all-files", cwd=root, PRE_COMMIT_HOME=str(root.parent / "home"), SKIP=skip)
    names = {hook["name"]: hook["id"] for hook in configured()}
    rows = re.findall(r"^(.+?)\.{3,}.*?(Passed|Failed|Skipped)$", done.stdout, re.MULTILINE)
    assert len(rows) == len(names), done.stdout + done.stderr
    return {names[name]: state != "Failed" for name, state in rows}


def configured() -> list[dict[str, object]]:
    """Return the hooks of the configuration."""
    repositories = YAML(typ="safe").load(ROOT / ".pre-commit-config.yaml")["repos"]
    assert [repository["repo"] for repository in repositories] == ["local"]  # nothing is fetched at a commit
    return [hook for repository in repositories for hook in repository["hooks"]]


def test_spelling():
    done = run(BIN / "codespell")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "text",
    ["A seperation of 9 arcsec.", "Is it recieved?"],  # codespell:ignore
)
def test_a_misspelling_is_reported(tmp_path: Path, text: str):
    (tmp_path / "page.md").write_text(text + "\n")
    assert run(BIN / "codespell", "--toml", ROOT / "pyproject.toml", tmp_path / "page.md").returncode != 0


def test_the_files_of_the_repository_pass_the_hooks(repository):
    names = run("git", "ls-files", "-z").stdout.strip("\0").split("\0")
    files = {name: (ROOT / name).read_bytes() for name in names if "/vendor/" not in name and (ROOT / name).is_file()}
    failed = [name for name, passes in hooks(repository(files), SEPARATE).items() if not passes]
    assert failed == []


def test_each_hook_reports_a_planted_fault(repository):
    settings = {name: (ROOT / name).read_bytes() for name in ("pyproject.toml", ".pre-commit-config.yaml")}
    planted = {name: text.encode() for name, text in FAULTS.values()} | {"case.txt": b"two\n"}
    passed = [name for name, passes in hooks(repository(settings | planted)).items() if passes]
    assert passed == []
    assert {hook["id"] for hook in configured()} == set(FAULTS)


def test_the_workflow_files_are_right():
    done = run(BIN / "actionlint", "-shellcheck=", "-pyflakes=")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("runs-on: ubuntu-latest", "runs-on: ubuntu-newest"),
        ("${{ matrix.python }}", "${{ matrix.pythons }}"),
        ("    steps:", "    step:"),
    ],
)
def test_a_wrong_workflow_is_reported(tmp_path: Path, old: str, new: str):
    source = (ROOT / ".github/workflows/test.yml").read_text()
    assert old in source
    path = tmp_path / "test.yml"
    path.write_text(source.replace(old, new))
    assert run(BIN / "actionlint", "-shellcheck=", "-pyflakes=", path).returncode == 1


def test_the_workflow_tests_every_python_that_the_package_supports():
    classifiers = re.findall(r'"Programming Language :: Python :: (3\.\d+)"', (ROOT / "pyproject.toml").read_text())
    job = YAML(typ="safe").load(ROOT / ".github/workflows/test.yml")["jobs"]["test"]
    assert job["strategy"]["matrix"]["python"] == classifiers
    assert job["env"] == {"CI": "true"}
    assert job["steps"][-1]["run"] == "make test PYTHON=python"


def test_a_release_is_tested_before_it_is_built_and_needs_no_secret():
    text = (ROOT / ".github/workflows/release.yml").read_text()
    workflow = YAML(typ="safe").load(text)
    assert workflow["jobs"]["release"]["needs"] == "test"
    assert workflow["jobs"]["test"]["uses"] == "./.github/workflows/test.yml"
    assert "secrets." not in text


CHANGELOG = """\
# Changelog

## [Unreleased]

- Next.

## [0.2.0] - 2026-11-28

### Added

- One thing.

## [0.1.0] - 2026-11-01

## [0.0.1] - 2026-10-01

- The start.

[0.0.1]: https://example.org
"""


def test_the_notes_of_a_release_are_its_section_of_the_changelog():
    notes = load("release_notes").notes
    assert notes(CHANGELOG, "0.2.0") == "### Added\n\n- One thing.\n"
    assert notes(CHANGELOG, "0.0.1") == "- The start.\n"


@pytest.mark.parametrize(
    ("version", "reason"), [("0.3.0", r"no section '## \[0.3.0\]"), ("0.1.0", "empty"), ("0.2", "no section")]
)
def test_a_release_without_notes_is_an_error(version: str, reason: str):
    with pytest.raises(ValueError, match=reason):
        load("release_notes").notes(CHANGELOG, version)


def test_a_tag_that_is_not_the_version_is_an_error():
    done = run(sys.executable, ".ci/release_notes.py", "v99.0.0")
    assert done.returncode == 1
    assert done.stderr.startswith("error: the tag is v99.0.0, the version of the package ")


def test_the_smoke_test_of_a_release_passes_and_sees_another_version():
    path = str(ROOT / "src")
    done = run(sys.executable, ".ci/smoke.py", PYTHONPATH=path)
    assert done.returncode == 0, done.stderr
    assert run(sys.executable, ".ci/smoke.py", "v99.0.0", PYTHONPATH=path).returncode == 1


def test_the_editor_settings_are_those_of_the_formatter():
    settings = (ROOT / ".editorconfig").read_text()
    lines = re.search(r"^line-length = (\d+)", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)[1]
    assert f"max_line_length = {lines}\n" in settings
    assert shutil.which("git")
