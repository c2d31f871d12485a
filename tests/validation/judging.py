"""What each piece of evidence has to show: from its results to a line for each thing that speaks against it.

Apart from what gathers the results, so that a sharper judgement asks for no new ones.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dluxshera.inference import (
    StatisticalCheck,
    check_attainment,
    check_coverage,
    check_pulls,
    check_ranks,
    failures,
    sigmas_of_level,
)
from validation import attainment, sampling
from validation.case import SIZE, made

Records = list[dict[str, Any]]

FALSE_ALARM = 0.01
LEVELS = (0.68, 0.95)
NEAR = 0.01  # sigma: two ends of fits that are the same maximum
WAYS = ("descent", "eigenmodes")


def judge_recovery(records: Records, factor: float = 1.0) -> list[str]:
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
            checks.append(StatisticalCheck(what, float(value), -limit, limit))
        found += [f"{photons:g} photons: {line}" for line in failures(checks)]
    return found


def judge_coverage(records: Records, factor: float = 1.0) -> list[str]:
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


def by_photons(records: Records) -> dict[float, Records]:
    """Return the results of each number of photons."""
    groups: dict[float, Records] = {}
    for record in records:
        groups.setdefault(record["photons"], []).append(record)
    return groups


def _attained(photons: float, group: Records, factor: float, groups: int) -> tuple[StatisticalCheck, ...]:
    pulls = factor * np.array([record["pulls"] for record in group])
    distances2 = factor**2 * np.array([record["distance2"] for record in group])
    return check_attainment(made(photons).labels, pulls, distances2, FALSE_ALARM / groups)


def _not_converged(group: Records) -> list[str]:
    return [f"seed {record['seed']}: {record['result']}" for record in group if record["result"] != "CONVERGED"]


def judge_starts(records: Records) -> list[str]:
    """Return a line for each start whose fit says that it converged, and has not; or that found a better maximum.

    One more if so many fits fail that the answers of the others are no service.
    """
    converged = sum(record["result"] == "CONVERGED" for record in records)
    wrong = [] if converged >= 0.9 * len(records) else [f"of {len(records)} starts only {converged} converged"]
    wrong += [
        f"from start {record['seed']} a fit converged {record['distance']:.3g} sigma from the maximum"
        for record in records
        if record["result"] == "CONVERGED" and not record["distance"] < NEAR
    ]
    return wrong + [
        f"from start {record['seed']} a fit found a better maximum, by {-record['excess']:.3g}"
        for record in records
        if not record["excess"] > -(NEAR**2)
    ]


def judge_agreement(records: Records) -> list[str]:
    """Return a line for each fit that did not converge, or ended elsewhere than Gauss-Newton."""
    lines = []
    for record in records:
        image = f"the image of seed {record['seed']} at {record['photons']:g} photons"
        if set(record["results"]) != {"CONVERGED"}:
            lines.append(f"{image}: {', '.join(record['results'])}")
        lines += [f"{image}: {way} ended {record[way]:.3g} sigma off" for way in WAYS if not record[way] < NEAR]
    return lines


def judge_attainment(records: Records, factor: float = 1.0) -> list[str]:
    """Return what speaks against a scatter at the bound; `factor` makes the stated sigma smaller."""
    labels = made(attainment.PHOTONS, attainment.KEYS).labels
    pulls = factor * np.array([record["pulls"] for record in records])
    distances2 = factor**2 * np.array([record["distance2"] for record in records])
    return _not_converged(records) + failures(check_attainment(labels, pulls, distances2))


def judge_ranks(records: Records, of: str = "ranks") -> list[str]:
    """Return what speaks against the ranks being uniform, for any parameter."""
    ranks = np.array([record[of] for record in records])
    checks = [
        check_ranks(column, sampling.DRAWS, f"the ranks of {label}", false_alarm=FALSE_ALARM / len(sampling.KEYS))
        for label, column in zip(sampling.KEYS, ranks.T, strict=True)
    ]
    diverged = sum(record["divergent"] for record in records) / (len(records) * sampling.DRAWS * sampling.THIN)
    return failures([*checks, StatisticalCheck("the share of divergent transitions", diverged, 0.0, 1e-3)])


def judge_comparison(records: Records, factor: float = 1.0) -> list[str]:
    """Return what speaks against agreement, within 4 sigma of the Monte Carlo error.

    `factor` is that by which the sigma of the Laplace approximation is to be taken: the twin halves it.
    """
    checks = []
    for record in records:
        seed, mean = f"seed {record['seed']}", np.array(record["mean"]) / factor
        covariance = np.array(record["covariance"]) / factor**2
        # Of n draws an element of the covariance scatters by 1 / sqrt(n), and on the diagonal by sqrt(2 / n).
        off = np.abs(covariance - np.eye(len(mean))) / np.where(np.eye(len(mean)) > 0, np.sqrt(2.0), 1.0)
        for what, error, n in (
            ("mean", np.abs(mean), record["independent"]),
            ("covariance", off, record["independent_squares"]),
        ):
            checks.append(
                StatisticalCheck(f"{seed}: the largest error of the {what}", float(np.max(error)), 0.0, 4 / np.sqrt(n))
            )
    untrusted = [f"seed {record['seed']}: the draws are not to be trusted" for record in records
                 if not record["trusted"]]  # fmt: skip
    return failures(checks) + untrusted
