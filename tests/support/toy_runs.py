"""Runs of the toy telescope: a solution that takes no fit, its folder, and the content of a folder for comparison."""

from __future__ import annotations

import hashlib
import stat
from functools import cache
from pathlib import Path

import numpy as np

from dluxshera.inference import FitResult, FitStep, Solution
from dluxshera.runs import save_run
from support import toys

LABELS = ("star.log_flux", "mirror.coeffs_nm[Z5]")


@cache
def _store() -> toys.ParameterStore:
    return toys.ParameterStore.from_spec_defaults(toys.telescope())


def solution(value: float = 1.0, result: FitResult = FitResult.CONVERGED) -> Solution:
    """A solution whose estimates and loss are `value`."""
    theta = np.full(2, value)
    history = (FitStep(np.inf, np.nan, np.zeros(2)), FitStep(value, 1e-4, theta))
    return Solution(theta, _store(), np.eye(2), value, result, history, LABELS, diagnostics={"steps": 1})


def saved(folder: Path, value: float = 1.0, **options) -> Path:
    """The folder of a run with estimates of `value`, and a profile whose text is the value."""
    images = {"data": np.full((8, 8), value), "model": np.full((8, 8), value)}
    return save_run(folder, solution(value), images=images, texts={"profile.yaml": f"x: {value}\n"}, **options)


def tree(folder: Path) -> dict[str, tuple[object, ...]]:
    """Everything below a folder: kind, permissions, and the content of files or the target of links."""
    found: dict[str, tuple[object, ...]] = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode):
            content: object = path.readlink()
        elif stat.S_ISREG(status.st_mode):
            content = hashlib.sha256(path.read_bytes()).hexdigest()
        else:
            content = ""
        found[path.relative_to(folder).as_posix()] = (
            stat.S_IFMT(status.st_mode),
            stat.S_IMODE(status.st_mode),
            content,
        )
    return found
