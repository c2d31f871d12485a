"""The computed report of a budget: plain data, reproducible to a stated tolerance, without a date.

jax is imported only where a number has to be computed that the cache on disk does not have.
"""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dluxshera.documents import read_text
from dluxshera.error_budget.completeness import completeness, parameter_rows
from dluxshera.error_budget.computed import ComputedPoint, ComputedTerm
from dluxshera.error_budget.consistency import check_against_specs
from dluxshera.error_budget.document import read_budget
from dluxshera.error_budget.exclusion import check_exclusions
from dluxshera.error_budget.reference import ComposedReference, ReferenceModels
from dluxshera.error_budget.report_rows import amount, estimator_row, rounded, term_row
from dluxshera.error_budget.report_schema import REPORT_VERSION
from dluxshera.error_budget.report_totals import deficits, reserve_of, total_row
from dluxshera.error_budget.result_cache import ResultCache
from dluxshera.error_budget.spec_check import ModelName
from dluxshera.error_budget.terms import Budget
from dluxshera.error_budget.trace import trace_of

if TYPE_CHECKING:
    from dluxshera.error_budget.evaluation import Evaluation
    from dluxshera.error_budget.sensitivity import Model
    from dluxshera.params import ParamField, ParamSpec

COMMAND: Final = ("dluxshera", "budget", "report")
Progress = Callable[[str], None]


def _silent(text: str) -> None:
    pass


def _nothing() -> None:
    pass


def reference_budget() -> Path:
    """Return the packaged budget document."""
    return Path(str(files("dluxshera") / "error_budget" / "data" / "reference-budget.yaml"))


def validate_budget(path: Path | str | None = None) -> tuple[Budget, ComposedReference]:
    """Read a budget document and check it against its reference point, without a computation and without jax.

    Parameters
    ----------
    path : path, optional
        Budget document; by default the packaged reference budget.

    Returns
    -------
    budget : Budget
        The budget.
    reference : ComposedReference
        Its reference point.

    Raises
    ------
    DocumentError
        For a fault in the document or in the profile of its reference point, with file, line and column.
    """
    budget = read_budget(reference_budget() if path is None else Path(path))
    reference = ComposedReference.of(budget)
    check_against_specs(budget, reference.forward_spec, reference.inference)
    check_exclusions(budget.source, budget.exclusions, reference.parameters())
    return budget, reference


def evaluate(
    path: Path | str | None = None,
    *,
    progress: Progress = _silent,
    command: str | None = None,
    prepare: Callable[[], None] = _nothing,
) -> dict[str, Any]:
    """Compute the report of a budget document, in double precision.

    Numbers that the cache on disk has are not computed again: those of the reference point as long as it and the
    package are unchanged, and those of a term as long as its perturbation is, also at another magnitude within the
    linear range. A computation that was interrupted continues at the first term that is not in the cache.

    Parameters
    ----------
    path : path, optional
        Budget document; by default the packaged reference budget.
    progress : callable
        Function that receives a line about each stage of the computation.
    command : str, optional
        Command to record as the one that recomputes the report; by default ``dluxshera budget report`` with the path.
    prepare : callable
        Function that is called before jax is first used, to set it up; not called if every number is in the cache.

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
    budget, reference = validate_budget(file)
    arguments = () if path is None else ("--budget", file.as_posix())
    provenance = {
        **reference.provenance(),
        "budget_hash": f"sha256:{hashlib.sha256(read_text(file).encode()).hexdigest()}",
        "command": command or shlex.join((*COMMAND, *arguments)),
    }
    point, numbers = _numbers(budget, reference, progress, prepare)
    return assembled(budget, point, numbers, provenance, reference.parameters(), reference.model.spec)


def _numbers(
    budget: Budget, reference: ComposedReference, progress: Progress, prepare: Callable[[], None]
) -> tuple[ComputedPoint, list[ComputedTerm]]:
    """Return the numbers of the point and of all terms, from the cache or computed and stored in it."""
    cache = ResultCache(budget, reference)
    point, stored = cache.point(), [cache.term(term) for term in budget.terms]
    if point is not None and None not in stored:
        return point, [numbers for numbers in stored if numbers is not None]
    prepare()
    import jax

    from dluxshera.error_budget.computation import compute_point, compute_term

    with jax.enable_x64(True):
        models = ReferenceModels.of(budget, reference)
        forward, inference = models.models()
        # The derivatives of all terms even if some terms are stored, so that a resumed computation has the same bits.
        evaluation = evaluation_of(budget, forward, inference, progress=progress)
        if point is None:
            progress("derivatives by every parameter")
            point = compute_point(evaluation, models.facts(forward), models.state(evaluation))
            cache.keep_point(point)
        computed = []
        for i, (term, numbers) in enumerate(zip(budget.terms, stored, strict=True)):
            if numbers is None:
                progress(f"{term.id} {term.name}")
                numbers = compute_term(budget, i, evaluation)
                cache.keep_term(term, numbers)
            computed.append(numbers)
    return point, computed


def evaluation_of(budget: Budget, forward: Model, inference: Model, *, progress: Progress = _silent) -> Evaluation:
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
    from dluxshera.error_budget.evaluation import Evaluation

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
    progress: Progress = _silent,
    parameters: Mapping[str, ParamField] | None = None,
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
    parameters : mapping of str to ParamField, optional
        Parameters that need a term or an exclusion; by default the primitives of the forward model.

    Raises
    ------
    DocumentError
        If a parameter that a term names does not act, or the model does not hold where a term moves the truth to.
    """
    from dluxshera.error_budget.computation import compute_point, compute_term

    spec = evaluation.forward.store.spec
    numbers = []
    for i, term in enumerate(budget.terms):
        progress(f"{term.id} {term.name}")
        numbers.append(compute_term(budget, i, evaluation))
    point = compute_point(evaluation, dict(facts), {})
    fields = parameters if parameters is not None else {key: spec[key] for key in spec.primitives}
    return assembled(budget, point, numbers, provenance, fields, spec)


def assembled(
    budget: Budget,
    point: ComputedPoint,
    numbers: Sequence[ComputedTerm],
    provenance: Mapping[str, Any],
    parameters: Mapping[str, ParamField],
    spec: ParamSpec,
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
    spec : ParamSpec
        Forward spec of the reference point.
    """
    limit, baseline = budget.requirement.limit, budget.estimators[0].id
    requirement = {
        "id": budget.requirement.id,
        "text": budget.requirement.text,
        **limit.as_dict(),
        "status": budget.requirement.status,
        "answer": budget.requirement.answer,
    }
    rows = [term_row(budget, i, item, point) for i, item in enumerate(numbers)]
    rollup = {
        estimator.id: total_row(budget, [item.results[estimator.id] for item in numbers])
        for estimator in budget.estimators
    }
    fields = parameter_rows(parameters, spec, requirement["answer"], rows, budget.exclusions, point)
    report: dict[str, Any] = {
        "schema_version": REPORT_VERSION,
        "budget": {
            "id": budget.id,
            "title": budget.title,
            "requirement": requirement,
            "reference": {
                "text": budget.reference.text,
                "profile": budget.reference.profile,
                "overrides": list(budget.reference.overrides),
                **point.facts,
            },
            "reserve": amount(reserve_of(budget), limit.unit),
        },
        "provenance": {**provenance, "relative_tolerance": point.tolerance},
        "baseline": baseline,
        "completeness": completeness(fields, rows, requirement),
        "deficits": deficits(requirement, rows, rollup, baseline),
        "estimators": [
            estimator_row(estimator, point.estimators[estimator.id], point.unit) for estimator in budget.estimators
        ],
        "terms": rows,
        "rollup": rollup,
        "cases": [],
        "state": dict(point.state),
        "parameters": fields,
    }
    report = rounded(report)
    return {**report, "trace": trace_of(report)}
