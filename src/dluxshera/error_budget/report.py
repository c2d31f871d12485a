"""The computed report of a budget: plain data, reproducible to a stated tolerance, without a date."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import jax

from dluxshera.documents import read_text
from dluxshera.error_budget.consistency import check_against_specs
from dluxshera.error_budget.document import read_budget
from dluxshera.error_budget.evaluation import Evaluation
from dluxshera.error_budget.packaged import reference_budget
from dluxshera.error_budget.reference import ReferenceModels
from dluxshera.error_budget.requirement import Estimator, quotient
from dluxshera.error_budget.results import Driver, TermResult
from dluxshera.error_budget.rollup import combine, contributions_of
from dluxshera.error_budget.schema_columns import REPORT_VERSION
from dluxshera.error_budget.sensitivity import Model
from dluxshera.error_budget.spec_check import ModelName
from dluxshera.error_budget.terms import Budget, Term
from dluxshera.error_budget.tree import nodes
from dluxshera.errors import ParameterError

DIGITS: Final = 9  # significant digits of the numbers in a report
COMMAND: Final = ("dluxshera", "budget", "report")


def evaluate(
    path: Path | str | None = None,
    *,
    progress: Callable[[str], None] = lambda text: None,
    command: str | None = None,
) -> dict[str, Any]:
    """Compute the report of a budget document, in double precision.

    Parameters
    ----------
    path : path, optional
        Budget document; by default the packaged reference budget.
    progress : callable
        Function that receives a line about each stage of the computation.
    command : str, optional
        Command to record as the one that recomputes the report; by default ``dluxshera budget report`` with the path.

    Returns
    -------
    dict
        The report, as `report_schema` describes it.

    Raises
    ------
    DocumentError
        For a fault in the document or in the profile of its reference point, with file, line and column, before
        anything is computed; or if a parameter that a term names does not act.
    ExpectationError
        If the forward model and the inference model differ at the reference point, as out of focus.
    FitError
        If an estimator has no unique answer.
    """
    file = reference_budget() if path is None else Path(path)
    budget = read_budget(file)
    arguments = () if path is None else ("--budget", file.as_posix())
    with jax.enable_x64(True):
        reference = ReferenceModels.of(budget)
        check_against_specs(budget, reference.store.spec, reference.inference)
        forward, inference = reference.models()
        evaluation = evaluation_of(budget, forward, inference, progress=progress)
        provenance = {
            **reference.provenance(),
            "budget_hash": f"sha256:{hashlib.sha256(read_text(file).encode()).hexdigest()}",
            "command": command or shlex.join((*COMMAND, *arguments)),
        }
        return build_report(budget, evaluation, reference.facts(forward), provenance, progress)


def evaluation_of(
    budget: Budget, forward: Model, inference: Model, *, progress: Callable[[str], None] = lambda text: None
) -> Evaluation:
    """Return the linearised fits of a budget's estimators, with the derivatives that its terms need.

    Parameters
    ----------
    budget : Budget
        Budget to evaluate.
    forward : Model
        Forward model at the reference point.
    inference : Model
        Inference model at the reference point.
    progress : callable
        Function that takes a line about the current step.
    """
    moved: dict[ModelName, tuple[str, ...]] = {
        "forward": budget.moved("forward"),
        "inference": budget.moved("inference"),
    }
    return Evaluation(budget.requirement, budget.estimators, moved, forward, inference, progress=progress)


def build_report(
    budget: Budget,
    evaluation: Evaluation,
    facts: Mapping[str, Any],
    provenance: Mapping[str, Any],
    progress: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Return the report of a budget that is evaluated at its reference point.

    Parameters
    ----------
    budget : Budget
        The budget.
    evaluation : Evaluation
        Its linearised fits.
    facts, provenance : mapping
        Facts about the reference point; hashes, versions and the command.
    progress : callable
        Function that receives a line about each term.

    Raises
    ------
    DocumentError
        If a parameter that a term names does not act, or the model does not hold where a term moves the truth to.
    """
    limit = budget.requirement.limit
    rows, results = [], {}
    for i, term in enumerate(budget.terms):
        progress(f"{term.id} {term.name}")
        drivers = term.perturbation.drivers(evaluation)
        _check_drivers(budget, i, drivers)
        magnitude = term.magnitude.standard_deviation() if term.magnitude else None
        try:
            results[term.id] = term.perturbation.results(evaluation, magnitude) if term.is_evaluated else {}
        except ParameterError as error:
            problem = f"moves the truth beyond what the model holds: {error}"
            raise budget.source.error(("terms", i, "perturbation"), problem) from error
        rows.append(_row(evaluation, term, drivers, results[term.id]))
    left = nodes(budget)[0].reserve
    report = {
        "schema_version": REPORT_VERSION,
        "budget": {
            "id": budget.id,
            "title": budget.title,
            "requirement": {
                "id": budget.requirement.id,
                "text": budget.requirement.text,
                **limit.as_dict(),
                "status": budget.requirement.status,
                "answer": budget.requirement.answer,
            },
            "reference": {
                **_reference(budget),
                **facts,
            },
            "reserve": None if left is None else {"value": left, "unit": limit.unit},
        },
        "provenance": {**provenance, "relative_tolerance": evaluation.tolerance},
        "estimators": [_estimator(evaluation, estimator) for estimator in budget.estimators],
        "terms": rows,
        "rollup": {
            estimator.id: _total(budget, {name: item[estimator.id] for name, item in results.items() if item})
            for estimator in budget.estimators
        },
    }
    return _rounded(report)


def _check_drivers(budget: Budget, i: int, drivers: list[Driver]) -> None:
    for driver in drivers:
        if not driver.acts:
            at = ("terms", i, "perturbation", *driver.where)
            problem = "does not act: the derivative is zero"
            raise budget.source.error(at, problem, got=driver.key, at_key=at[-1] == driver.key)


def _estimator(evaluation: Evaluation, estimator: Estimator) -> dict[str, Any]:
    fit = evaluation.fits[estimator.id]
    return {
        "id": estimator.id,
        "title": estimator.title,
        "free_keys": list(estimator.free),
        "n_parameters": len(fit.labels),
        "sigma": {"value": evaluation.sigma(estimator), "unit": evaluation.unit},
        "note": estimator.note or None,
        "condition": fit.condition,
    }


def _row(
    evaluation: Evaluation, term: Term, drivers: list[Driver], results: Mapping[str, TermResult]
) -> dict[str, Any]:
    return {
        "id": term.id,
        "name": term.name,
        "parent": term.parent,
        "keys": [driver.key for driver in drivers],
        "acts": term.acts,
        "magnitude": term.magnitude.standard_deviation().as_dict() if term.magnitude else None,
        "evidence": dict(term.evidence),
        "class": term.term_class,
        "group": term.cause,
        "rule": term.rule,
        "allocation": term.allocation.as_dict() if term.allocation else None,
        "owner": term.owner,
        "status": term.status,
        "since": term.since,
        "verification": term.verification.text or term.verification.method or "to be determined",
        "checks": [
            {"name": check.name, "value": check.value, "unit": evaluation.unit, "text": check.text}
            for check in term.perturbation.independent_values(evaluation)
        ],
        "elasticities": {driver.key: driver.elasticity for driver in drivers if driver.elasticity is not None},
        "results": {name: _result(evaluation, term, result) for name, result in results.items()},
    }


def _result(evaluation: Evaluation, term: Term, result: TermResult) -> dict[str, Any]:
    def quantity(value: float | None, unit: str = evaluation.unit) -> dict[str, Any] | None:
        return None if value is None else {"value": value, "unit": unit}

    magnitude_unit = term.magnitude.unit if term.magnitude else ""
    return {
        "sensitivity": quantity(result.sensitivity, quotient(evaluation.unit, magnitude_unit)),
        "bias": quantity(result.bias),
        "sigma": quantity(result.sigma),
        "contribution": quantity(result.contribution),
        "margin": quantity(term.allocation.value - result.contribution) if term.allocation else None,
        "stealth": result.stealth,
        "significance": result.significance,
        "residual": result.residual,
        "linear_range": quantity(result.linear_range, magnitude_unit),
    }


def _total(budget: Budget, results: Mapping[str, TermResult]) -> dict[str, Any]:
    limit = budget.requirement.limit
    combination = combine(contributions_of(budget, results), budget.correlations)
    illustrative = any(
        term.evidence["tag"] == "illustrative"
        and term.is_added
        and term.id in results
        and results[term.id].contribution
        for term in budget.terms
    )
    return {
        "total": {"value": combination.total, "unit": limit.unit},
        "margin": {"value": limit.value - combination.total, "unit": limit.unit},
        "by_class": {name: {"value": part.total, "unit": limit.unit} for name, part in combination.classes.items()},
        "illustrative": illustrative or budget.requirement.status == "illustrative",
    }


def _reference(budget: Budget) -> dict[str, Any]:
    point = budget.point
    return {"text": point.text, "profile": point.profile, "overrides": list(point.overrides)}


def _rounded(value: Any) -> Any:
    """Return the same data with each number rounded to the digits of a report."""
    if isinstance(value, dict):
        return {name: _rounded(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
