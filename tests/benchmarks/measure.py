"""Timing in interleaved pairs, processes of their own, and what says where a measurement was made."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("jax", "jaxlib", "dLux", "numpy", "equinox", "dluxshera")


def seconds(work: Callable[[], Any]) -> float:
    """Return how long `work` takes until its result is there."""
    begin = time.perf_counter()
    jax.block_until_ready(work())
    return time.perf_counter() - begin


def interleaved(ours: Callable[[], Any], other: Callable[[], Any], rounds: int) -> dict[str, Any]:
    """Time two pieces of work in turn, both warm, and return medians and the ratio of the other's time to ours.

    The ratio is the median over the rounds of the ratio in each; its spread, the quartiles.
    """
    for work in (ours, other):
        jax.block_until_ready(work())
    times = np.array([(seconds(ours), seconds(other)) for _ in range(rounds)])
    ratios = times[:, 1] / times[:, 0]
    return {
        "rounds": rounds,
        "seconds": [float(t) for t in np.median(times, axis=0)],
        "ratio": float(np.median(ratios)),
        "spread": [float(q) for q in np.quantile(ratios, [0.25, 0.75])],
    }


def in_a_process(job: str, *arguments: Any, timeout: float = 3600.0) -> dict[str, Any]:
    """Run a job of `benchmarks.jobs` in a new process without any cache of compiled programs, and return its result."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
    paths = [str(ROOT / "tests"), *filter(None, [env.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.jobs", job, *map(str, arguments)],
        env={**env, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def circumstances() -> dict[str, Any]:
    """Return the machine, its load, the versions, the commit, the date and the command."""
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.processor(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    changed = _git("status", "--porcelain", "--", "src", "tests/benchmarks").splitlines()
    return {
        "made": datetime.now(UTC).strftime("%Y-%m-%d"),
        "command": "make bench",
        "commit": _git("rev-parse", "HEAD").strip(),
        "uncommitted": [line[3:] for line in changed],
        "machine": {"cpu": model, "cores": os.cpu_count(), "memory_gb": round(memory / 1e9, 1)},
        "load": round(os.getloadavg()[0], 1),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
    }


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout
