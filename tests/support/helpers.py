"""What several test modules share: tolerances, finite differences, comparisons, fresh processes."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Mapping

import numpy as np

from dluxshera.errors import ParameterError

# Cube root of the double's epsilon: the relative step at which rounding and truncation of a central difference meet.
CENTRAL_STEP = float(np.finfo(np.float64).eps ** (1.0 / 3.0))


def rounding(dtype, operations: float = 1.0, condition: float = 1.0) -> float:
    """Relative error to allow for: ``condition`` times the rounding of a sum of ``operations`` terms.

    Errors of single roundings add up as a random walk, hence the square root; a factor of 8 leaves room for its tail.
    """
    return 8.0 * float(np.finfo(dtype).eps) * float(np.sqrt(operations)) * condition


def relative_l2(value, truth) -> float:
    """Euclidean distance in units of the truth's length."""
    value, truth = np.asarray(value), np.asarray(truth)
    return float(np.linalg.norm(value - truth) / np.linalg.norm(truth))


def central_difference(f: Callable[[float], np.ndarray], step: float) -> np.ndarray:
    """Derivative of ``f`` at zero with an error of order ``step**4``."""
    near, far = f(step) - f(-step), f(2.0 * step) - f(-2.0 * step)
    return (8.0 * near - far) / (12.0 * step)


def probe_step(f: Callable[[float], np.ndarray], scale: float, change: float = 1e-3, tries: int = 30) -> float:
    """A step over which ``f`` changes by about ``change`` of its length: found from ``f`` alone, without derivatives.

    The search starts at ``scale`` and gives it back if ``f`` changes less than that even there.
    """
    base, step = f(0.0), scale
    for _ in range(tries):
        moved = relative_l2(f(step), base)
        if moved <= 2.0 * change:
            return step
        step *= max(0.5 * change / moved, 1e-3) if np.isfinite(moved) else 0.1
    raise AssertionError(f"no step changes the function by as little as {change}")


def within_reach(image: Callable[[float], np.ndarray]) -> Callable[[float], np.ndarray]:
    """An image as a function of a step, infinite beyond the grids of its model: `probe_step` then shortens the step."""

    def reached(step: float) -> np.ndarray:
        try:
            return image(step)
        except ParameterError:
            return np.array(np.inf)

    return reached


def centroid(image: np.ndarray) -> tuple[float, float]:
    """Centre of light (x, y) in pixels from the centre of the image."""
    image = np.asarray(image)
    y, x = (np.arange(n) - (n - 1) / 2.0 for n in image.shape)
    return float(image.sum(axis=0) @ x / image.sum()), float(image.sum(axis=1) @ y / image.sum())


def run_fresh(code: str, env: Mapping[str, str] | None = None, timeout: float = 300.0) -> str:
    """Run ``code`` in a new interpreter and return what it printed; its errors become the test's."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
