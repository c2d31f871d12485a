"""Wall and processor time in interleaved pairs, processes of their own, and what says where a measurement was made."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("jax", "jaxlib", "dLux", "poppy", "numpy", "equinox", "dluxshera")
ROUNDS = 9  # at least, for a median
PAUSE = 0.1  # seconds
BLOCK = 0.5  # seconds that a timed block lasts at least


class Cost(NamedTuple):
    """Wall time, and time of all cores on this process, both in seconds."""

    wall: float
    processor: float


def cost(work: Callable[[], Any]) -> Cost:
    """Return how long `work` takes until its result is there."""
    processor, wall = time.process_time(), time.perf_counter()
    jax.block_until_ready(work())
    return Cost(time.perf_counter() - wall, time.process_time() - processor)


def seconds(work: Callable[[], Any]) -> float:
    """Return the wall time that `work` takes until its result is there."""
    return cost(work).wall


def median_cost(costs: Sequence[Cost]) -> Cost:
    """Return the medians of wall and processor times."""
    return Cost(*(float(median) for median in np.median(costs, axis=0)))


def timed(work: Callable[[], Any], rounds: int = ROUNDS) -> Cost:
    """Return the median cost of work that is warm."""
    jax.block_until_ready(work())
    return median_cost([cost(work) for _ in range(rounds)])


def interleaved(ours: Callable[[], Any], other: Callable[[], Any], rounds: int = ROUNDS) -> dict[str, Any]:
    """Time two pieces of work in turn, both warm, and return medians and the ratio of the other's time to ours.

    Each is called as often in a row as fills `BLOCK`, as `timeit` does. The ratio is the median over the rounds of the
    ratio in each; its spread, the quartiles.
    """
    calls = [calls_in_a_block(work) for work in (ours, other)]
    return compared([(settled(ours, calls[0]), settled(other, calls[1])) for _ in range(rounds)])


def calls_in_a_block(work: Callable[[], Any]) -> int:
    """Return the number of calls of warm work that fills a block."""
    jax.block_until_ready(work())
    return max(1, ceil(BLOCK / seconds(work)))


def settled(work: Callable[[], Any], calls: int = 1) -> Cost:
    """Return the cost of one of several calls in a row after a pause, in which threads free memory and fall asleep.

    Without the pause, the release of the baseline's hundreds of megabytes is counted with the package's few
    milliseconds.
    """
    time.sleep(PAUSE)
    total = cost(lambda: [jax.block_until_ready(work()) for _ in range(calls)])
    return Cost(total.wall / calls, total.processor / calls)


def compared(pairs: Sequence[tuple[Cost, Cost]]) -> dict[str, Any]:
    """Return the medians and the ratio of costs of ours and the other's, measured in pairs."""
    times = np.array(pairs)  # round, who, wall and processor
    ratios = times[:, 1, 0] / times[:, 0, 0]
    wall, processor = np.median(times, axis=0).T.tolist()
    return {
        "rounds": len(pairs),
        "seconds": wall,
        "processor_seconds": processor,
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
