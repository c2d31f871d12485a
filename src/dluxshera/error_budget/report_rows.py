"""Rows of a report: what the document states of estimators and terms, with the computed numbers. No jax."""

from __future__ import annotations

from typing import Any, Final

from dluxshera.error_budget.computed import ComputedEstimator, ComputedTerm
from dluxshera.error_budget.requirement import Estimator, quotient
from dluxshera.error_budget.results import TermResult
from dluxshera.error_budget.schema_columns import TO_BE_DETERMINED
from dluxshera.error_budget.terms import Budget, Term

DIGITS: Final = 9  # significant digits of the numbers in a report
TOTAL: Final = "total"  # id of the only column of a budget without a model


def amount(value: float | None, unit: str) -> dict[str, Any] | None:
    """Return a number with its unit as plain data, or None for None."""
    return None if value is None else {"value": value, "unit": unit}


def estimator_row(estimator: Estimator, numbers: ComputedEstimator, unit: str) -> dict[str, Any]:
    """Return the row of an estimator."""
    return {
        "id": estimator.id,
        "title": estimator.title,
        "free_keys": list(estimator.free),
        "n_parameters": numbers.n_parameters,
        "sigma": amount(numbers.sigma, unit),
        "conditional_sigma": amount(numbers.conditional, unit),
        "note": estimator.note or None,
        "condition": numbers.condition,
        "waterfall": [{"key": key, "sigma": amount(sigma, unit)} for key, sigma in numbers.waterfall],
    }


def total_estimator(title: str) -> dict[str, Any]:
    """Return the row that stands for the estimators in a budget without a model, whose numbers are given."""
    empty = {"sigma": None, "conditional_sigma": None, "condition": None, "note": None}
    return {"id": TOTAL, "title": title, "free_keys": [], "n_parameters": 0, "waterfall": [], **empty}


def term_row(budget: Budget, i: int, numbers: ComputedTerm, unit: str) -> dict[str, Any]:
    """Return the row of a term."""
    term = budget.terms[i]
    verification = term.verification
    record = {name: getattr(verification, name) or None for name in ("method", "phase", "evidence", "result")}
    return {
        "id": term.id,
        "name": term.name,
        "parent": term.parent,
        "keys": [driver.key for driver in numbers.drivers],
        "acts": term.acts,
        "perturbation": budget.source.data["terms"][i]["perturbation"],
        "magnitude": term.magnitude.standard_deviation().as_dict() if term.magnitude else None,
        "stated": term.magnitude.text() if term.magnitude else None,
        "evidence": dict(term.evidence),
        "class": term.term_class,
        "group": term.cause,
        "rule": term.rule,
        "role": term.role,
        "maturity": term.maturity,
        "factor": term.factor,
        "allocation": term.allocation.as_dict() if term.allocation else None,
        "allocation_source": term.allocation_source or None,
        "owner": term.owner,
        "status": term.status,
        "since": term.since,
        "note": term.note or None,
        "verification": verification.text or verification.method or TO_BE_DETERMINED,
        "verified": record if any(record.values()) else None,
        "checks": [
            {"name": check.name, "value": check.value, "unit": unit, "text": check.text} for check in numbers.checks
        ],
        "elasticities": {driver.key: driver.elasticity for driver in numbers.drivers if driver.elasticity is not None},
        "results": {name: _result(term, result, unit) for name, result in numbers.results.items()},
    }


def _result(term: Term, result: TermResult, unit: str) -> dict[str, Any]:
    magnitude_unit = term.magnitude.unit if term.magnitude else ""
    return {
        "sensitivity": amount(result.sensitivity, quotient(unit, magnitude_unit)),
        "bias": amount(result.bias, unit),
        "sigma": amount(result.sigma, unit),
        "contribution": amount(result.contribution, unit),
        "margin": amount(term.allocation.value - result.contribution, unit) if term.allocation else None,
        "stealth": result.stealth,
        "significance": result.significance,
        "residual": result.residual,
        "linear_range": amount(result.linear_range, magnitude_unit),
        "resolution": amount(result.resolution, unit),
        "second_order": result.second_order,
        "refit": amount(result.refit, unit),
        "misfit": result.misfit,
    }


def rounded(value: Any) -> Any:
    """Return the same plain data with each number rounded to the digits of a report."""
    if isinstance(value, dict):
        return {name: rounded(item) for name, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
