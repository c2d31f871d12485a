"""CI runs the README's test command, installs what a machine lacks, and lets no test be skipped."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RUN = ROOT / ".ci" / "run"
Machine = Callable[..., tuple[int, list[str]]]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Return a function that runs .ci/run where nothing is installed but the stand-ins that it is given.

    Each stand-in is a line of shell that runs after it has logged its call; the result is the exit code and the log.
    """
    clone, path, log = tmp_path / "clone", tmp_path / "bin", tmp_path / "log"
    (clone / ".ci").mkdir(parents=True)
    shutil.copy(RUN, clone / ".ci" / "run")
    path.mkdir()
    for tool in ("bash", "cat", "dirname", "timeout"):
        (path / tool).symlink_to(str(shutil.which(tool)))

    def run(**stand_ins: str) -> tuple[int, list[str]]:
        for name, line in {"id": "echo 0", "sleep": "", **stand_ins}.items():
            tool = path / name.replace("_", "-")
            called = f'echo "{tool.name} $* [CI=${{CI-}} stdin=$(cat)]" >> {log}' if name in stand_ins else ""
            tool.write_text(f"#!{path / 'bash'}\n{called}\n{line}\n")
            tool.chmod(0o755)
        done = subprocess.run(
            [clone / ".ci" / "run"], env={"PATH": str(path)}, input="typed", text=True, capture_output=True, check=False
        )
        return done.returncode, [line for line in log.read_text().splitlines() if "ensurepip" not in line]

    return run


def test_it_calls_the_test_command_with_ci_set_and_no_input(machine: Machine):
    assert machine(make="", python3="", chromium="") == (0, ["make test [CI=true stdin=]"])


def test_a_failure_of_the_tests_is_a_failure(machine: Machine):
    assert machine(make="exit 2", python3="", chromium="")[0] == 2


def test_it_installs_what_is_absent_and_asks_again_when_the_index_does_not_answer(machine: Machine, tmp_path: Path):
    flaky = f'[ "$1" = install ] || [ -e {tmp_path}/second ] || {{ echo > {tmp_path}/second; exit 100; }}'
    code, calls = machine(make="", python3="", apt_get=flaky)
    assert code == 0
    assert [call.split(" [")[0] for call in calls] == [
        "apt-get update -qq",
        "apt-get update -qq",
        "apt-get install -y -qq --no-install-recommends chromium",
        "make test",
    ]


def test_it_says_what_is_missing_where_it_may_not_install(machine: Machine):
    code, calls = machine(make="", python3="", id="echo 1000")
    assert code == 1
    assert not any(call.startswith("make") for call in calls)


SKIPPED = {
    "call": "def test():\n    pytest.skip('no browser')",
    "mark": "@pytest.mark.skipif(True, reason='no browser')\ndef test(): ...",
    "module": "pytest.importorskip('no_such_module')\ndef test(): ...\n",
    "expected": "@pytest.mark.xfail\ndef test():\n    assert False",
}


@pytest.mark.parametrize(
    ("ci", "summary"), [("", "3 skipped, 1 xfailed"), ("true", "1 failed, 1 xfailed, 2 errors")], ids=["local", "ci"]
)
def test_a_skip_is_a_failure_under_ci_alone(tmp_path: Path, ci: str, summary: str):
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path)
    for name, source in SKIPPED.items():
        (tmp_path / f"test_{name}.py").write_text(f"import pytest\n\n{source}\n")
    options = ["-p", "no:cacheprovider", "--continue-on-collection-errors", "--rootdir", tmp_path]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, tmp_path],
        env={**os.environ, "CI": ci, "PYTHONPATH": os.pathsep.join(map(str, (ROOT / "src", ROOT / "tests")))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert summary in done.stdout.splitlines()[-1], done.stdout
    assert (done.returncode == 0) == (not ci)
