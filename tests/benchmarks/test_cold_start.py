"""How long commands take from nothing: the light ones, with an aim of 0.3 s each, and a fit with and without its cache.

Modules are loaded from bytecode, as those of an installed package are, whatever the environment of the tests says.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

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


FIT = ["run", "fit", "observation/flight_alpha_cen", "--set", "image_npix=64", "--force"]


def start(arguments: list[str] | None, code: str = CODE, cache: Path | None = None) -> None:
    """Run a command as users do; with `cache`, its caches on disk are in that folder."""
    command = ["pass"] if arguments is None else [code, *arguments]
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    env["PYTHONPYCACHEPREFIX"] = str(ROOT / ".cache" / "bytecode")
    if cache is not None:
        env = {name: value for name, value in env.items() if not name.startswith(("JAX_", "DLUXSHERA_"))}
        env["DLUXSHERA_CACHE_DIR"] = str(cache)
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


def test_a_fit_in_a_first_and_a_second_process(record, tmp_path):
    start(["--help"])  # bytecode
    seconds = []
    for _ in range(2):
        begin = time.perf_counter()
        start([*FIT, "--output", str(tmp_path / "run")], cache=tmp_path / "cache")
        seconds.append(time.perf_counter() - begin)
    misses = []
    for quantity, limit, value in (
        ("`dluxshera run fit`, 64 pixels, with empty caches", 5.0, seconds[0]),
        ("the same fit in a second process", 2.0, seconds[1]),
    ):
        try:
            record.add(quantity, ("under", limit, "s"), value, "nothing", rounds=1)
        except AssertionError as miss:
            misses.append(str(miss))
    assert not misses
