"""The Fisher matrix against the scatter of fits: one truth, flat priors, and new noise with each seed.

With flat priors the covariance is the inverse of the Fisher matrix alone, the Cramer-Rao bound. The secondary's
aberrations are held, for without a prior they cannot be told from the primary's.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from dluxshera.inference import PoissonNoise, fisher_information, squared_distance
from dluxshera.params import unpack_params
from validation.case import FREE, fit, made

PHOTONS = 1e9
KEYS = FREE[:-1]
TRUTH = (9, 2000)


@cache
def bound() -> tuple[np.ndarray, np.ndarray]:
    """The truth, and the Cramer-Rao bound of its image."""
    truth = made(PHOTONS, KEYS).draw(np.random.default_rng(TRUTH))
    case = made(PHOTONS, KEYS, flat=True)
    store = unpack_params(truth, case.free, case.base)
    information = fisher_information(case.binder.predict, store, case.free, PoissonNoise())
    return truth, information.covariance()


def scatter(seed: int) -> dict[str, Any]:
    """Fit one noise realisation, from a start some sigma off; sigma is that of the truth's Fisher matrix."""
    case = made(PHOTONS, KEYS, flat=True)
    truth, covariance = bound()
    rng = np.random.default_rng((TRUTH[1], seed))
    data = PoissonNoise().sample(rng, case.image(truth))
    sigma = np.sqrt(np.diag(covariance))
    solution = fit(case.posterior(data), truth + 10.0 * sigma * rng.normal(size=truth.size), throw=False)
    error = solution.theta - truth
    return {
        "seed": seed,
        "result": solution.result.name,
        "pulls": (error / sigma).tolist(),
        "distance2": squared_distance(error, covariance),
    }
