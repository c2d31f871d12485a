"""How long the light commands take from nothing, against an interpreter that does nothing. The aim is 0.3 s each.

Modules are loaded from bytecode, as those of an installed package are, whatever the environment of the tests says.
"""

import os
import subprocess
import sys
import time

import pytest

from benchmarks.measure import ROOT

LIGHT = {
    "pass": None,
    "help": ["--help"],
    "params-list": ["params", "list"],
    "params-show": ["params", "show", "binary.contrast"],
    "profile-validate": ["profile", "validate", "target/alpha_cen"],
    "profile-show": ["profile", "show", "observation/flight_alpha_cen"],
}
CODE = "import sys; from dluxshera.cli import main; sys.argv[0] = 'dluxshera'; main()"


def start(arguments: list[str] | None, code: str = CODE) -> None:
    command = ["pass"] if arguments is None else [code, *arguments]
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    env["PYTHONPYCACHEPREFIX"] = str(ROOT / ".cache" / "bytecode")
    subprocess.run([sys.executable, "-c", *command], check=True, capture_output=True, env=env)


@pytest.mark.parametrize("arguments", LIGHT.values(), ids=LIGHT)
def test_cold_start(benchmark, arguments: list[str] | None):
    reference = []
    for _ in range(3):
        begin = time.perf_counter()
        start(None)
        reference.append(time.perf_counter() - begin)
    benchmark.pedantic(start, args=(arguments,), rounds=5, warmup_rounds=1)
    benchmark.extra_info["times_of_pass"] = round(benchmark.stats.stats.min / min(reference), 1)
    benchmark.extra_info["aim_seconds"] = 0.3
