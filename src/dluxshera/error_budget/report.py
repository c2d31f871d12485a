"""The computed report of a budget: plain data, reproducible to a stated tolerance, without a date."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from dluxshera.error_budget.document import conversion, quotient
from dluxshera.error_budget.evaluation import Evaluation, Result
from dluxshera.error_budget.rollup import Contribution, by_class, combine, reserve
from dluxshera.error_budget.schema import SCHEMA_VERSION
from dluxshera.error_budget.sensitivity import clear_pupil_floor
from dluxshera.error_budget.terms import Estimator, PhotonNoise, Term
from dluxshera.units import ARCSEC

DIGITS: Final = 9  # significant ones that are written


def build_report(
    evaluation: Evaluation, provenance: Mapping[str, Any], facts: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the report of a budget, as `dluxshera.error_budget.schema.report_schema` describes it.

    Parameters
    ----------
    evaluation : Evaluation
        The budget at its reference point.
    provenance : mapping
        What it was computed from: hashes, versions, the command.
    facts : mapping, optional
        More about the reference point.

    Raises
    ------
    DocumentError
        If a parameter that a term names does not act.
    """
    budget = evaluation.budget
    limit = budget.requirement.limit
    rows, results = [], {}
    for term in budget.terms:
        evaluation.progress(f"{term.id} {term.name}")
        driving = evaluation.driving(term)  # before anything is computed from it
        results[term.id] = evaluation.results(term)
        rows.append(_row(evaluation, term, driving, results[term.id]))
    granted = [Contribution(t.allocation.value, t.rule, t.group) for t in budget.terms if t.allocation]
    left = reserve(limit.value, combine(granted))
    report = {
        "schema_version": SCHEMA_VERSION,
        "budget": {
            "id": budget.id,
            "title": budget.title,
            "requirement": {
                "id": budget.requirement.id,
                "text": budget.requirement.text,
                **limit.as_dict(),
                "status": budget.requirement.status,
                "answer": evaluation.answer,
            },
            "reference": _reference(evaluation, facts or {}),
            "reserve": None if left is None else {"value": left, "unit": limit.unit},
        },
        "provenance": {**provenance, "relative_tolerance": evaluation.tolerance},
        "estimators": [
            {
                "id": estimator.id,
                "title": estimator.title,
                "free_keys": list(estimator.free),
                "n_parameters": len(evaluation.fits[estimator.id].labels),
                "sigma": {"value": evaluation.sigma(estimator), "unit": limit.unit},
                "note": estimator.note or None,
                "condition": evaluation.fits[estimator.id].condition,
            }
            for estimator in budget.estimators
        ],
        "terms": rows,
        "rollup": {
            estimator.id: _rollup(evaluation, estimator, {name: found[estimator.id] for name, found in results.items()})
            for estimator in budget.estimators
        },
    }
    return _written(report)


def _reference(evaluation: Evaluation, facts: Mapping[str, Any]) -> dict[str, Any]:
    point = evaluation.budget.reference
    return {
        "text": point.text,
        "system": point.system,
        "design": point.design,
        "target": point.target,
        "image": " x ".join(map(str, evaluation.image.shape)) + " pixels",
        **facts,
        **({"structure": _plain(point.structure)} if point.structure else {}),
        "values": _plain(point.values),
    }


def _row(
    evaluation: Evaluation, term: Term, driving: tuple[list[str], dict[str, float]], results: Mapping[str, Result]
) -> dict[str, Any]:
    keys, elasticities = driving
    return {
        "id": term.id,
        "name": term.name,
        "parent": term.parent,
        "keys": keys,
        "acts": term.acts,
        "magnitude": term.magnitude.as_dict() if term.magnitude else None,
        "evidence": dict(term.evidence),
        "class": term.term_class,
        "group": term.group,
        "rule": term.rule,
        "allocation": term.allocation.as_dict() if term.allocation else None,
        "owner": term.owner,
        "status": term.status,
        "since": term.since,
        "verification": term.verification or "to be determined",
        "checks": _floors(evaluation, term),
        "elasticities": elasticities,
        "results": {name: _result(evaluation, term, result) for name, result in results.items()},
    }


def _result(evaluation: Evaluation, term: Term, result: Result) -> dict[str, Any]:
    def quantity(value: float | None, unit: str = evaluation.unit) -> dict[str, Any] | None:
        return None if value is None else {"value": value, "unit": unit}

    per = term.magnitude.unit if term.magnitude else ""
    return {
        "sensitivity": quantity(result.sensitivity, quotient(evaluation.unit, per)),
        "bias": quantity(result.bias),
        "sigma": quantity(result.sigma),
        "contribution": quantity(result.contribution),
        "margin": quantity(term.allocation.value - result.contribution) if term.allocation else None,
        "stealth": result.stealth,
        "significance": result.significance,
        "residual": result.residual,
        "linear_range": quantity(result.linear_range, per),
    }


def _floors(evaluation: Evaluation, term: Term) -> list[dict[str, Any]]:
    """Return the closed forms that stand beside the photon noise."""
    if not (isinstance(term.effect, PhotonNoise) and term.effect.closed_form):
        return []
    values = {**evaluation.forward.derived(evaluation.forward.store), **evaluation.forward.store}
    at = {name: float(values[key]) for name, key in term.effect.closed_form.items()}
    fitted, known = clear_pupil_floor(at["wavelength"], at["diameter"], 10 ** at["log_photons"], at["contrast"])
    per_radian = conversion("arcsec", evaluation.unit) / ARCSEC
    text = "clear circular pupil, one wavelength, fine pixels that hold all light"
    return [
        {"name": name, "value": floor * per_radian, "unit": evaluation.unit, "text": f"{formula}: {text}"}
        for name, floor, formula in (
            ("photon floor, midpoint known", known, "2 lambda / (pi D sqrt(N_A + N_B))"),
            ("photon floor, midpoint fitted", fitted, "lambda / (pi D) sqrt(1/N_A + 1/N_B)"),
        )
    ]


def _rollup(evaluation: Evaluation, estimator: Estimator, results: Mapping[str, Result]) -> dict[str, Any]:
    budget, unit = evaluation.budget, evaluation.unit
    items = []
    for term in budget.terms:
        found = results[term.id]
        value = found.contribution if found.bias is None else found.bias  # a group needs its signs
        items.append(Contribution(value, term.rule, term.group, term.term_class))
    total = combine(items)
    illustrative = any(
        term.evidence["tag"] == "illustrative" and item.value and item.rule != "informative"
        for term, item in zip(budget.terms, items, strict=True)
    )
    return {
        "total": {"value": total, "unit": unit},
        "margin": {"value": budget.requirement.limit.value - total, "unit": unit},
        "by_class": {name: {"value": value, "unit": unit} for name, value in by_class(items).items()},
        "illustrative": illustrative or budget.requirement.status == "illustrative",
    }


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def _written(value: Any) -> Any:
    """Return the same data with its numbers at the digits that are written."""
    if isinstance(value, dict):
        return {name: _written(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_written(item) for item in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
