"""The recovery of a binary, seed by seed: truth and start from the prior, photon noise, a fit, its pulls."""

from __future__ import annotations

from typing import Any

import numpy as np

from dluxshera.inference.calibration import (
    Check,
    check_attainment,
    check_coverage,
    check_pulls,
    failures,
    sigmas_of_level,
    squared_distance,
)
from validation.case import SIZE, fit, made, simulate
from validation.gathering import Evidence

BRIGHT = {1e11: range(200), 1e9: range(50)}  # photons from both stars, and the seeds
FAINT = {1e7: range(100), 1e6: range(100), 1e5: range(100)}
LEVELS = (0.68, 0.95)
FALSE_ALARM = 0.01


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


def jobs(seeds: dict[float, range]) -> list[tuple[float, int]]:
    """The arguments of all calls."""
    return [(photons, seed) for photons, those in seeds.items() for seed in those]


def judge_recovery(records: list[dict[str, Any]], factor: float = 1.0) -> list[str]:
    """Return what speaks against fits that are as uncertain as they say; `factor` makes the stated sigma smaller."""
    found = []
    groups = by_photons(records)
    for photons, group in groups.items():
        pulls = factor * np.array([record["pulls"] for record in group])
        found += [f"{photons:g} photons: {line}" for line in _not_converged(group)]
        checks = [
            *check_pulls(pulls[:, 0], "the pulls of the separation"),
            *_attained(photons, group, factor, len(groups)),
        ]
        chi2 = np.array([record["chi2"] for record in group]) / (pixels := SIZE["image_npix"] ** 2) - 1.0
        for what, value, sigma in (
            ("the chi-squared of all images together, over that of noise, less 1", np.mean(chi2), len(group)),
            ("that of the worst image", chi2[np.argmax(np.abs(chi2))], 1),
        ):
            limit = (4.0 if sigma > 1 else 5.0) * np.sqrt(2.0 / (sigma * pixels))
            checks.append(Check(what, float(value), -limit, limit))
        found += [f"{photons:g} photons: {line}" for line in failures(checks)]
    return found


def judge_coverage(records: list[dict[str, Any]], factor: float = 1.0) -> list[str]:
    """Return what speaks against intervals that hold the truth as often as they say, for any parameter."""
    found = []
    groups = by_photons(records)
    for photons, group in groups.items():
        labels = made(photons).labels
        pulls = factor * np.array([record["pulls"] for record in group])
        tests = len(groups) * len(LEVELS)
        checks = list(_attained(photons, group, factor, len(groups)))
        for level in LEVELS:
            covered = np.abs(pulls) < sigmas_of_level(level)
            for i, label in enumerate(labels):
                tried = tests if i == 0 else tests * (len(labels) - 1)  # the separation has the narrow band
                checks.append(check_coverage(covered[:, i], level, label, FALSE_ALARM / tried))
        found += [f"{photons:g} photons: {line}" for line in [*_not_converged(group), *failures(checks)]]
    return found


def by_photons(records: list[dict[str, Any]]) -> dict[float, list[dict[str, Any]]]:
    """Return the results of each number of photons."""
    groups: dict[float, list[dict[str, Any]]] = {}
    for record in records:
        groups.setdefault(record["photons"], []).append(record)
    return groups


def _attained(photons: float, group: list[dict[str, Any]], factor: float, groups: int) -> tuple[Check, ...]:
    pulls = factor * np.array([record["pulls"] for record in group])
    distances2 = factor**2 * np.array([record["distance2"] for record in group])
    return check_attainment(made(photons).labels, pulls, distances2, FALSE_ALARM / groups)


def _not_converged(group: list[dict[str, Any]]) -> list[str]:
    return [f"seed {record['seed']}: {record['result']}" for record in group if record["result"] != "CONVERGED"]


RECOVERY = Evidence(
    "recovery",
    "Truth and start drawn from the prior, photon noise, a fit: where photons decide",
    recover,
    jobs(BRIGHT),
    judge_recovery,
)
COVERAGE = Evidence(
    "coverage", "The same where the prior decides as much as the photons", recover, jobs(FAINT), judge_coverage
)
