"""Totals of a report: for each estimator the combination of all terms, the tree of nodes, and the deficits. No jax."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

from dluxshera.error_budget.coverage import coverage_interval
from dluxshera.error_budget.report_rows import amount
from dluxshera.error_budget.results import TermResult
from dluxshera.error_budget.rollup import combine, contributions_of
from dluxshera.error_budget.terms import Budget
from dluxshera.error_budget.tree import nodes

ILLUSTRATIVE = "illustrative"


def total_row(budget: Budget, results: Mapping[str, TermResult]) -> dict[str, Any]:
    """Return the combination of all terms for one estimator.

    Parameters
    ----------
    budget : Budget
        Budget, or one of its cases.
    results : mapping of str to TermResult
        Effects of the terms on the answer of the estimator, by term id.
    """
    limit = budget.requirement.limit
    combination = combine(contributions_of(budget, results), budget.correlations)
    interval = coverage_interval(combination.components, combination.bias)
    freedom = interval.degrees_of_freedom
    illustrative = any(
        term.evidence["tag"] == ILLUSTRATIVE and term.is_added and term.id in results and results[term.id].contribution
        for term in budget.terms
    )
    return {
        "total": amount(combination.total, limit.unit),
        "margin": amount(limit.value - combination.total, limit.unit),
        "standard": amount(combination.standard, limit.unit),
        "bias": amount(combination.bias, limit.unit),
        "bound": amount(combination.bound, limit.unit),
        "interval": {**interval._asdict(), "degrees_of_freedom": freedom if isfinite(freedom) else None},
        "by_class": {name: amount(part.total, limit.unit) for name, part in combination.classes.items()},
        "shares": {term.id: combination.shares.get(term.id, 0.0) for term in budget.terms},
        "illustrative": illustrative or budget.requirement.status == ILLUSTRATIVE,
    }


def node_rows(budget: Budget, results: Mapping[str, TermResult]) -> list[dict[str, Any]]:
    """Return the nodes of the tree for one estimator, the requirement first."""
    names = ("id", "allocation", "allocated", "reserve", "estimate", "expected", "margin")
    return [{name: getattr(node, name) for name in names} for node in nodes(budget, results)]


def deficit_rows(
    budget: Budget, trees: Mapping[str, Sequence[Mapping[str, Any]]], baseline: str
) -> list[dict[str, Any]]:
    """Return each limit that is exceeded: by allocations, and by errors, those of the baseline first.

    Parameters
    ----------
    budget : Budget
        Budget, or one of its cases.
    trees : mapping of str to sequence of mapping
        Nodes by estimator id.
    baseline : str
        Id of the estimator that is judged.
    """
    unit = budget.requirement.limit.unit

    def row(name: str, kind: str, estimator: str | None, value: float) -> dict[str, Any]:
        return {"id": name, "kind": kind, "estimator": estimator, "value": value, "unit": unit}

    allocations = [row(node.id, "allocations", None, node.deficit) for node in nodes(budget) if node.deficit]
    return allocations + [
        row(node["id"], "error", name, -node["margin"])
        for name in sorted(trees, key=lambda name: name != baseline)
        for node in trees[name]
        if node["margin"] is not None and node["margin"] < 0
    ]


def allocation_reserve(budget: Budget) -> float | None:
    """Return the part of the requirement that the allocations leave, in quadrature; negative if they exceed it."""
    return nodes(budget)[0].reserve
