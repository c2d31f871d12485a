"""Assembly of a report from a budget and its computed numbers. No jax."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dluxshera.error_budget.completeness import completeness, parameter_rows
from dluxshera.error_budget.computed import ComputedPoint, ComputedTerm
from dluxshera.error_budget.report_rows import TOTAL, amount, estimator_row, rounded, term_row, total_estimator
from dluxshera.error_budget.report_totals import allocation_reserve, deficit_rows, node_rows, total_row
from dluxshera.error_budget.results import TermResult
from dluxshera.error_budget.schema_columns import REPORT_VERSION
from dluxshera.error_budget.terms import Budget
from dluxshera.error_budget.trace import trace_of

if TYPE_CHECKING:
    from dluxshera.params import ParamField, ParamSpec


def assembled(
    budget: Budget,
    point: ComputedPoint,
    numbers: Sequence[ComputedTerm],
    provenance: Mapping[str, Any],
    parameters: Mapping[str, ParamField],
    spec: ParamSpec | None,
    cases: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Return a report from the document and the computed numbers.

    Parameters
    ----------
    budget : Budget
        The budget.
    point : ComputedPoint
        Numbers of the reference point.
    numbers : sequence of ComputedTerm
        Numbers of the terms, in the order of the document.
    provenance : mapping
        Hashes, versions and the command.
    parameters : mapping of str to ParamField
        Parameters that need a term or an exclusion.
    spec : ParamSpec or None
        Forward spec of the reference point; None in a budget without a model.
    cases : sequence of mapping
        Rows of `case_row`.
    """
    limit, baseline = budget.requirement.limit, budget.baseline or TOTAL
    requirement = {
        "id": budget.requirement.id,
        "text": budget.requirement.text,
        **limit.as_dict(),
        "status": budget.requirement.status,
        "answer": budget.requirement.answer,
    }
    rows = [term_row(budget, i, item, point.unit) for i, item in enumerate(numbers)]
    fields = parameter_rows(parameters, spec, requirement["answer"], rows, budget.exclusions, point)
    estimators = [
        estimator_row(estimator, point.estimators[estimator.id], point.unit) for estimator in budget.estimators
    ] or [total_estimator("Total")]
    results = {item["id"]: results_of(budget, numbers, item["id"]) for item in estimators}
    trees = {name: node_rows(budget, items) for name, items in results.items()}
    report: dict[str, Any] = {
        "schema_version": REPORT_VERSION,
        "budget": {
            "id": budget.id,
            "title": budget.title,
            "requirement": requirement,
            "reference": None
            if budget.reference is None
            else {
                "text": budget.reference.text,
                "profile": budget.reference.profile,
                "overrides": list(budget.reference.overrides),
                **point.facts,
            },
            "reserve": amount(allocation_reserve(budget), limit.unit),
        },
        "provenance": {**provenance, "relative_tolerance": point.tolerance},
        "baseline": baseline,
        "completeness": completeness(fields, rows, requirement),
        "deficits": deficit_rows(budget, trees, baseline),
        "estimators": estimators,
        "terms": rows,
        "rollup": {name: total_row(budget, items) for name, items in results.items()},
        "tree": trees,
        "correlations": [{"between": [item.first, item.second], "r": item.r} for item in budget.correlations],
        "cases": list(cases),
        "state": dict(point.state),
        "parameters": fields,
    }
    report = rounded(report)
    return {**report, "trace": trace_of(report)}


def case_row(budget: Budget, title: str, numbers: Sequence[ComputedTerm]) -> dict[str, Any]:
    """Return the row of a case: its totals, and the contributions of its terms.

    Parameters
    ----------
    budget : Budget
        Budget of the case.
    title : str
        Title of the case.
    numbers : sequence of ComputedTerm
        Numbers of the terms, in the order of the document.
    """
    limit = budget.requirement.limit
    results = {item.id: results_of(budget, numbers, item.id) for item in budget.estimators}
    point = budget.reference
    return {
        "id": budget.case_id,
        "title": title,
        "reference": {} if point is None else {"profile": point.profile, "overrides": list(point.overrides)},
        "baseline": budget.baseline or TOTAL,
        "time": budget.time,
        "limit": limit.as_dict(),
        "rollup": {name: total_row(budget, items) for name, items in results.items()},
        "contributions": {
            term.id: {name: amount(result.contribution, limit.unit) for name, result in item.results.items()}
            for term, item in zip(budget.terms, numbers, strict=True)
        },
    }


def results_of(budget: Budget, numbers: Sequence[ComputedTerm], estimator: str) -> dict[str, TermResult]:
    """Return the effects of the terms on the answer of one estimator by term id, without terms that have none.

    Parameters
    ----------
    budget : Budget
        Budget, or one of its cases.
    numbers : sequence of ComputedTerm
        Numbers of the terms, in the order of the document.
    estimator : str
        Id of the estimator.
    """
    return {
        term.id: item.results[estimator]
        for term, item in zip(budget.terms, numbers, strict=True)
        if estimator in item.results
    }
