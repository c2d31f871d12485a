"""Whether three ways lead to the same maximum: descent, Gauss-Newton, and descent in the space of the eigenmodes."""

from __future__ import annotations

from typing import Any

import numpy as np

from dluxshera.inference import eigen_posterior, gauss_newton, gradient_descent
from validation.case import distance, made, simulate


def ways(photons: float, seed: int, **settings: Any) -> dict[str, Any]:
    """Fit one image in the three ways; settings are those of the two descents."""
    case = made(photons)
    _, data, start = simulate(case, round(np.log10(photons)), 5000 + seed)
    posterior = case.posterior(data)
    best = gauss_newton(posterior, start, throw=False)
    descent = gradient_descent(posterior, start, throw=False, **settings)
    eigen = eigen_posterior(posterior, start)
    amplitudes = gradient_descent(eigen, np.asarray(eigen.modes.z(start)), throw=False, **settings)
    found = {"descent": descent.theta, "eigenmodes": np.asarray(eigen.modes.theta(amplitudes.theta))}
    return {
        "photons": photons,
        "seed": seed,
        "results": [best.result.name, descent.result.name, amplitudes.result.name],
        "steps": [len(solution.history) - 1 for solution in (best, descent, amplitudes)],
        **{name: distance(best, theta) for name, theta in found.items()},
    }
