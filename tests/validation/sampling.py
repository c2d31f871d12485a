"""Draws by HMC: against the Laplace approximation where that holds, and by their ranks where it need not.

A reduced problem, so that thousands of draws take seconds: a coarse pupil, one wavelength, 32 pixels a side, five free
parameters. With 1e8 photons the posterior is all but normal; with 1e5, of which 6,000 are in these pixels, its width is
a good part of the prior's.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dluxshera.inference import sample_posterior, simulation_ranks
from validation.case import Case, fit, made, simulate

KEYS = (
    "binary.separation_as",
    "binary.position_angle_deg",
    "binary.x_position_as",
    "binary.y_position_as",
    "binary.contrast",
)
DRAWS, THIN = 63, 2  # draws whose ranks are taken, out of a chain that is this many times as long


def case(photons: float) -> Case:
    """The reduced problem."""
    return made(photons, KEYS, reduced=True)


def rank(seed: int) -> dict[str, Any]:
    """Draw truth, data and posterior, and rank the truth among the draws.

    `narrow` are the ranks among draws that are too near to their mean by a half: those of a sampler with a sigma half
    as large, which must not be uniform.
    """
    truth, data, start = simulate(problem := case(1e5), 5, 3000 + seed)
    posterior = problem.posterior(data)
    solution = fit(posterior, start, throw=False)
    samples = sample_posterior(posterior, solution, draws=DRAWS * THIN, warmup=50, chains=1, seed=seed)
    draws = samples.flat[::THIN]
    return {
        "seed": seed,
        "divergent": int(samples.divergent.sum()),
        "ranks": simulation_ranks(truth, draws).tolist(),
        "narrow": simulation_ranks(truth, 0.5 * (draws + draws.mean(axis=0))).tolist(),
    }


def compare(seed: int) -> dict[str, Any]:
    """Draw from the posterior of one image, and compare mean and covariance with those of the Laplace approximation.

    Both in coordinates in which the approximation is a unit normal, with the numbers of independent draws that they are
    worth; draws on alternating sides of the mean are worth more for the mean than for the covariance.
    """
    from blackjax.diagnostics import effective_sample_size

    _, data, start = simulate(problem := case(1e8), 8, 4000 + seed)
    posterior = problem.posterior(data)
    solution = fit(posterior, start)
    samples = sample_posterior(posterior, solution, draws=500, warmup=200, chains=4, seed=seed)
    scale = solution.sigma
    root = np.linalg.cholesky(solution.covariance / np.outer(scale, scale))
    z = np.linalg.solve(root, ((samples.flat - solution.theta) / scale).T)
    squares = (z.T**2).reshape(samples.draws.shape)
    return {
        "seed": seed,
        "trusted": samples.trusted,
        "r_hat": float(np.max(samples.r_hat)),
        "independent": float(np.min(samples.ess_bulk)),
        "independent_squares": float(np.min(effective_sample_size(squares))),
        "mean": z.mean(axis=1).tolist(),
        "covariance": np.cov(z).tolist(),
        "leapfrogs": float(samples.leapfrogs.mean()),
    }
