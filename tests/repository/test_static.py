"""The linter, the formatter and the type checker, as any contributor runs them."""

import subprocess
import sys
from pathlib import Path

import jaxtyping
import pytest

from dluxshera.errors import near_matches

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    "command",
    ["ruff check --quiet --output-format=concise", "ruff format --quiet --diff", "mypy --no-error-summary"],
    ids=["lint", "format", "types"],
)
def test_static(command: str):
    done = subprocess.run([sys.executable, "-m", *command.split()], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


def test_the_type_checker_sees_a_wrong_type_through_our_own_annotations(tmp_path: Path):
    wrong = tmp_path / "wrong.py"
    wrong.write_text("from dluxshera.errors import near_matches\n\nx: int = near_matches('a', ['b'])\n")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), str(wrong)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert 'expression has type "tuple[str, ...]"' in done.stdout


def test_annotations_are_checked_while_the_tests_run():
    with pytest.raises(jaxtyping.TypeCheckError, match="Expected type: <class 'str'>"):
        near_matches(3, [])
