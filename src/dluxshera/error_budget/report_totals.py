"""Totals of a report: for each estimator the combination of all terms, the shares of the terms, and the deficits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import fsum, isfinite
from typing import Any

from dluxshera.error_budget.report_rows import amount
from dluxshera.error_budget.results import TermResult
from dluxshera.error_budget.rollup import Contribution, by_class, combine, reserve
from dluxshera.error_budget.terms import Budget


def total_row(budget: Budget, results: Sequence[TermResult]) -> dict[str, Any]:
    """Return the combination of all terms for one estimator."""
    limit = budget.requirement.limit
    contributions = [
        # A correlation group adds biases with their signs.
        Contribution(
            result.contribution if result.bias is None else result.bias, term.rule, term.group, term.term_class
        )
        for term, result in zip(budget.terms, results, strict=True)
    ]
    total = combine(contributions)
    illustrative = any(
        term.evidence["tag"] == "illustrative" and item.value and item.rule != "informative"
        for term, item in zip(budget.terms, contributions, strict=True)
    )
    return {
        "total": amount(total, limit.unit),
        "margin": amount(limit.value - total, limit.unit),
        "by_class": {name: amount(value, limit.unit) for name, value in by_class(contributions).items()},
        "shares": dict(zip((term.id for term in budget.terms), variance_shares(contributions), strict=True)),
        "illustrative": illustrative or budget.requirement.status == "illustrative",
    }


def variance_shares(contributions: Sequence[Contribution]) -> list[float]:
    """Return the part of the variance that each contribution has; the shares add up to 1, or are all 0.

    Rows of one cause share its variance by the covariance of each with their sum. A bias of known sign has no variance.
    """
    sums = {item.group: 0.0 for item in contributions if item.rule == "group"}
    for item in contributions:
        if item.rule == "group":
            sums[item.group] += item.value
    parts = []
    for item in contributions:
        partner = item.value if item.rule == "rss" else sums[item.group] if item.rule == "group" else 0.0
        parts.append(item.value * partner)
    whole = fsum(parts)
    return [part / whole if whole > 0 and isfinite(whole) else 0.0 for part in parts]


def reserve_of(budget: Budget) -> float | None:
    """Return the part of the requirement that the combined allocations leave, in quadrature."""
    allocations = [Contribution(t.allocation.value, t.rule, t.group) for t in budget.terms if t.allocation]
    return reserve(budget.requirement.limit.value, combine(allocations))


def deficits(
    requirement: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], rollup: Mapping[str, Any], baseline: str
) -> list[dict[str, Any]]:
    """Return each negative margin: of the requirement and of every allocation, by estimator, the baseline first.

    Parameters
    ----------
    requirement : mapping
        Requirement of the report.
    rows : sequence of mapping
        Rows of the terms.
    rollup : mapping
        Totals by estimator id.
    baseline : str
        Id of the estimator that is judged.
    """
    estimators = sorted(rollup, key=lambda name: name != baseline)
    margins = [
        (name, item["id"], item["results"][name]["margin"] if "results" in item else rollup[name]["margin"])
        for name in estimators
        for item in (requirement, *rows)
    ]
    return [
        {"id": identifier, "estimator": name, "value": -margin["value"], "unit": margin["unit"]}
        for name, identifier, margin in margins
        if margin is not None and margin["value"] < 0
    ]
