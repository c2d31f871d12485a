"""The recovery of a binary, seed by seed: truth and start from the prior, photon noise, a fit, its pulls."""

from __future__ import annotations

from typing import Any

import numpy as np

from dluxshera.inference import squared_distance
from validation.case import fit, made, simulate


def recover(photons: float, seed: int) -> dict[str, Any]:
    """Simulate and fit."""
    case = made(photons)
    truth, data, start = simulate(case, round(np.log10(photons)), seed)
    posterior = case.posterior(data)
    solution = fit(posterior, start, throw=False)
    expected = np.asarray(case.binder.predict(solution.store))
    return {
        "photons": photons,
        "seed": seed,
        "result": solution.result.name,
        "steps": len(solution.history) - 1,
        "chi2": float(np.sum((data - expected) ** 2 / expected)),  # Pearson's
        "distance2": squared_distance(solution.theta - truth, solution.covariance),
        "pulls": solution.pulls(truth).tolist(),
        "of_prior": (solution.sigma / posterior.prior_sigma).tolist(),  # what is left of the prior's width
    }
