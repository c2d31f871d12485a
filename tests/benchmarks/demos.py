"""The scripts of `Examples/`: time, memory, and the error of the separation over several seeds."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from benchmarks.measure import ROOT, in_a_process, seconds
from dluxshera.inference import Solution

SCRIPTS = ROOT / "Examples" / "scripts"
SEEDS = 8
SEPARATION = "binary.separation_as"


class Separation(NamedTuple):
    """Error of a separation, and its standard deviation by the script, arcsec."""

    error: float
    sigma: float


def _separation(labels: Sequence[str], theta: np.ndarray, sigma: np.ndarray, truth: np.ndarray) -> Separation:
    at = list(labels).index(SEPARATION)  # the truth has it at the same place, whatever is fitted
    return Separation(float(theta[at] - truth[at]), float(sigma[at]))


def _of_fit(solution: Solution, truth: np.ndarray) -> Separation:
    return _separation(solution.labels, solution.theta, solution.sigma, truth)


# The separation that a script is about, by its name. The two-plane script also fits a model that is wrong on purpose.
ESTIMATES: Mapping[str, Callable[[Any], Separation]] = {
    "run_canonical_astrometry_demo": lambda demo: _of_fit(demo.solution, demo.truth),
    "run_twoplane_demo": lambda demo: _of_fit(demo.own, demo.truth),
    "run_eigenmode_demo": lambda demo: _separation(demo.solution.labels, demo.theta, demo.solution.sigma, demo.truth),
    "run_physics_mode_demo": lambda demo: _of_fit(demo.physics, demo.truth),
    "run_hmc_demo": lambda demo: _separation(demo.samples.labels, demo.samples.mean, demo.samples.sigma, demo.truth),
}


def demo_rows(seeds: int = SEEDS) -> list[dict[str, Any]]:
    """Rows of each script, fast and full, each in a process of its own."""
    rows = []
    for name in ESTIMATES:
        for size in ("fast", "full"):
            found = in_a_process("demo", time.time(), name, size, seeds)
            errors, sigmas = np.array(found["errors_uas"]), np.array(found["sigmas_uas"])
            rows.append(
                {
                    "Script": name,
                    "Size": size,
                    "Wall, s": found["seconds"],
                    "Processor, s": found["processor_seconds"],
                    "Peak memory, GB": found["peak_gb"],
                    "Again, s": found["again_seconds"],
                    "Rms error, µas": float(np.sqrt(np.mean(errors**2))),
                    "Sigma, µas": float(np.median(sigmas)),
                    "Rms error, sigma": float(np.sqrt(np.mean((errors / sigmas) ** 2))),
                    "Largest, sigma": float(np.abs(errors / sigmas).max()),
                }
            )
    return rows


def script_of(name: str) -> ModuleType:
    """Return a script as a module."""
    spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(script: ModuleType, fast: bool, seed: int) -> Any:
    """Run a script without its output."""
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        return script.main(fast=fast, seed=seed)


def over_seeds(name: str, script: ModuleType, fast: bool, first: Any, seeds: int) -> dict[str, Any]:
    """Run a script with seeds 1 to `seeds` - 1 in this process, after its result `first` for seed 0."""
    results = [first]
    times = [seconds(lambda seed=seed: results.append(run(script, fast, seed))) for seed in range(1, seeds)]
    errors, sigmas = 1e6 * np.array([ESTIMATES[name](result) for result in results]).T
    return {"again_seconds": float(np.median(times)), "errors_uas": errors.tolist(), "sigmas_uas": sigmas.tolist()}
