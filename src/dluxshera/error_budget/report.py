"""The computed report of a budget: plain data, reproducible to a stated tolerance, without a date.

jax is imported only where a number has to be computed that the cache on disk does not have.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dluxshera._version import __version__
from dluxshera.error_budget.computed import ComputedPoint, ComputedTerm
from dluxshera.error_budget.consistency import check_against_specs
from dluxshera.error_budget.document import read_budget
from dluxshera.error_budget.exclusion import check_exclusions
from dluxshera.error_budget.model_free import given_results
from dluxshera.error_budget.packaged import reference_budget
from dluxshera.error_budget.reference import ComposedReference, ReferenceModels
from dluxshera.error_budget.report_assembly import assembled, case_row
from dluxshera.error_budget.report_rows import TOTAL
from dluxshera.error_budget.result_cache import BudgetCache
from dluxshera.error_budget.spec_check import ModelName
from dluxshera.error_budget.terms import REFERENCE_CASE, Budget

if TYPE_CHECKING:
    from dluxshera.error_budget.evaluation import Evaluation
    from dluxshera.error_budget.sensitivity import Model
    from dluxshera.params import ParamField

COMMAND: Final = ("dluxshera", "budget", "report")
Progress = Callable[[str], None]


def _silent(text: str) -> None:
    pass


def _nothing() -> None:
    pass


def checked_reference(budget: Budget) -> ComposedReference | None:
    """Return the reference point of a budget, checked against the budget, without a computation and without jax.

    Parameters
    ----------
    budget : Budget
        Budget, or one of its cases.

    Returns
    -------
    ComposedReference or None
        Reference point; None for a budget without a model.

    Raises
    ------
    DocumentError
        If the profile of the reference point has a fault, a key is none of the model's, or a unit does not convert.
    """
    if budget.reference is None:
        return None
    reference = ComposedReference.of(budget)
    check_against_specs(budget, reference.forward_spec, reference.inference)
    check_exclusions(budget.source, budget.exclusions, reference.parameters())
    return reference


def checked_references(budget: Budget) -> dict[str, ComposedReference | None]:
    """Return the checked reference points of a budget and of its cases, by the id of the case; see `checked_reference`.

    Parameters
    ----------
    budget : Budget
        Budget with its cases.

    Returns
    -------
    dict of str to ComposedReference or None
        That of the document itself under ``reference``.

    Raises
    ------
    DocumentError
        For a fault, as `checked_reference` does.
    """
    names = (REFERENCE_CASE, *(case.id for case in budget.cases))
    return {name: checked_reference(budget.case(name)) for name in names}


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
    source = reference_budget() if path is None else path
    budget = read_budget(source)
    arguments = () if path is None else ("--budget", Path(source).as_posix())
    provenance: dict[str, Any] = {
        "package_version": __version__,
        **dict.fromkeys(("spec_hash", "config_hash", "design_hash")),
        "profiles": [],
        "created_with": {},
        "budget_hash": budget.digest(),
        "command": command or shlex.join((*COMMAND, *arguments)),
    }
    references = checked_references(budget)
    reference = references[REFERENCE_CASE]
    if reference is None:
        return _without_model(budget, provenance)
    provenance |= reference.provenance()
    point, numbers = _numbers(budget, reference, progress, prepare)
    cases = []
    for case in budget.cases:
        progress(f"case {case.id}")
        of_case, composed = budget.case(case.id), references[case.id] or reference
        cases.append(case_row(of_case, case.title, _numbers(of_case, composed, progress, prepare)[1]))
    return assembled(budget, point, numbers, provenance, reference.parameters(), reference.model.spec, cases)


def _without_model(budget: Budget, provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Return the report of a budget of given numbers and sums of them."""
    results = given_results(budget)
    numbers = [ComputedTerm((), {TOTAL: results[term.id]} if term.id in results else {}, ()) for term in budget.terms]
    point = ComputedPoint(budget.requirement.limit.unit, 0.0, {}, {})
    return assembled(budget, point, numbers, provenance, {}, None)


def _numbers(
    budget: Budget, reference: ComposedReference, progress: Progress, prepare: Callable[[], None]
) -> tuple[ComputedPoint, list[ComputedTerm]]:
    """Return the numbers of the point and of all terms, from the cache or computed and stored in it."""
    cache = BudgetCache(budget, reference)
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
    from dluxshera.error_budget.reference_state import state_of

    spec = evaluation.forward.store.spec
    numbers = []
    for i, term in enumerate(budget.terms):
        progress(f"{term.id} {term.name}")
        numbers.append(compute_term(budget, i, evaluation))
    point = compute_point(evaluation, dict(facts), state_of(evaluation))
    fields = parameters if parameters is not None else {key: spec[key] for key in spec.primitives}
    return assembled(budget, point, numbers, provenance, fields, spec)
