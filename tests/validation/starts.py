"""Whether a fit finds the maximum, or says that it has not: many starts for one image, drawn from the prior."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from dluxshera.inference import Posterior, Solution
from validation.case import distance, fit, made, simulate

PHOTONS = 1e11
IMAGE = (11, 1000)  # the seed of the image: none that another piece of evidence takes


@cache
def image() -> tuple[Posterior, Solution]:
    """The posterior of the image, and the maximum that a fit finds from the truth."""
    case = made(PHOTONS)
    truth, data, _ = simulate(case, *IMAGE)
    posterior = case.posterior(data)
    return posterior, fit(posterior, truth)


def climb(seed: int, misfit_limit: float | None = 5.0, **settings: Any) -> dict[str, Any]:
    """Fit the image from one start; settings are those of the fit. A misfit beyond the limit is its result."""
    posterior, best = image()
    start = made(PHOTONS).draw(np.random.default_rng((IMAGE[1], seed)))
    solution = fit(posterior, start, throw=False, misfit_sigmas=None, **settings)
    return {
        "seed": seed,
        "result": "MISFIT" if solution.misfit.exceeds(misfit_limit) else solution.result.name,
        "begin": distance(best, start),
        "distance": distance(best, solution.theta),
        "excess": solution.loss - best.loss,
        "norms": [step.gradient_norm for step in solution.history],
    }
