"""Consistency of a budget document in itself; every fault is found in one pass. No jax."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial

from dluxshera.documents import Where, raise_all
from dluxshera.error_budget.correlation import ROUNDING, correlation_matrix, negative_direction, pairs_of
from dluxshera.error_budget.draft import Draft
from dluxshera.error_budget.kinds.children import ChildrenSum
from dluxshera.error_budget.kinds.given import GivenValue
from dluxshera.error_budget.model_free import ModelFreePerturbation
from dluxshera.error_budget.partial_rows import hidden
from dluxshera.error_budget.requirement import unit_of
from dluxshera.error_budget.schema_columns import TO_BE_DETERMINED
from dluxshera.error_budget.spec_check import SpecCheck, unit_fault
from dluxshera.error_budget.terms import REFERENCE_CASE, Budget, Term
from dluxshera.errors import DocumentError, near_matches
from dluxshera.params import ParamSpec


def draft_faults(draft: Draft) -> Iterator[DocumentError]:
    """Return the faults of a budget document that its schema cannot find.

    Parts that do not satisfy the schema are left out; their faults are reported already.

    Parameters
    ----------
    draft : Draft
        Valid parts of the document.
    """
    yield from _repeated_ids(draft)
    yield from _model(draft)
    yield from _requirement(draft)
    yield from _parents(draft)
    causes = Counter(draft.texts("terms", "cause"))
    for i, term in sorted((draft.terms | draft.parts).items()):
        at, content = ("terms", i), draft.document.data["terms"][i]
        row = [*_row(draft, at, term, content), *_cause(draft, at, term, causes)]
        yield from (error for error in row if not hidden(error.where, draft.paths))
    yield from _correlations(draft)
    yield from _cases(draft)


def _repeated_ids(draft: Draft) -> Iterator[DocumentError]:
    root = draft.document.data.get("requirement")
    first = [root.get("id")] if isinstance(root, dict) else []
    for table, reserved in (("estimators", []), ("terms", first), ("cases", [REFERENCE_CASE])):
        seen = {name for name in reserved if isinstance(name, str)}
        items = draft.document.data.get(table)
        for i, row in enumerate(items if isinstance(items, list) else ()):
            name = row.get("id") if isinstance(row, dict) else None
            if isinstance(name, str):
                if name in seen:
                    yield draft.document.error((table, i, "id"), "duplicate id", got=name)
                seen.add(name)


def _model(draft: Draft) -> Iterator[DocumentError]:
    error, data = draft.document.error, draft.document.data
    for name, other in (("reference", "estimators"), ("estimators", "reference")):
        if name in data and other not in data:
            yield error((name,), f"{other} is missing: a budget has both, or neither if it has no model", at_key=True)
    for name in ("remove", "change"):
        if name in data and "extends" not in data:
            yield error((name,), "needs `extends`, the budget that has the rows", at_key=True)
    ids = draft.ids("estimators")
    if "baseline" in data and isinstance(data["baseline"], str) and data["baseline"] not in ids:
        allowed = ", ".join(ids) or "none, because the budget has no model"
        yield error(("baseline",), "no such estimator", allowed=allowed, got=data["baseline"], candidates=ids)
    for i, estimator in draft.estimators.items():
        if draft.requirement and draft.requirement.answer not in estimator.free:
            problem = "the answer is not among the fitted parameters"
            yield error(("estimators", i, "free"), problem, allowed=draft.requirement.answer)


def _requirement(draft: Draft) -> Iterator[DocumentError]:
    if draft.requirement:
        yield from unit_fault(draft.document, ("requirement", "unit"), draft.requirement.limit.unit)


def _parents(draft: Draft) -> Iterator[DocumentError]:
    content = draft.document.data.get("requirement")
    root = content.get("id") if isinstance(content, dict) else None
    ids = dict.fromkeys([*([root] if isinstance(root, str) else []), *draft.ids("terms")])
    rows = {i: term for i, term in sorted((draft.terms | draft.parts).items()) if term.id != root}
    for i, term in rows.items():
        if term.parent not in ids:
            yield draft.document.error(
                ("terms", i, "parent"), "no such term", allowed=", ".join(ids), got=term.parent, candidates=ids
            )
    parents = {term.id: term.parent for term in rows.values()}
    visited: set[str] = set()
    for i, term in rows.items():
        path: dict[str, None] = {}
        name = term.id
        while name in parents and name not in visited:
            visited.add(name)
            path[name] = None
            name = parents[name]
        if name in path:
            circle = " -> ".join([*path, name])
            yield draft.document.error(("terms", i, "parent"), f"the parents form a circle, {circle}")


def _row(draft: Draft, at: Where, term: Term, fields: Mapping[str, object]) -> Iterator[DocumentError]:
    """Return the faults of a row, or of those of its fields that a case states."""
    error = draft.document.error
    if "allocation" in fields and term.allocation:
        yield from _unit(draft, (*at, "allocation", "unit"), term.allocation.unit)
        if term.rule in ("informative", "separate"):
            problem = f"a row with the rule {term.rule} has no allocation"
            yield error((*at, "allocation"), problem, got=term.allocation.value)
    if "perturbation" in fields:
        yield from _kind(draft, at, term)
    if "magnitude" in fields or "perturbation" in fields:
        yield from _magnitude(draft, at, term)


def _kind(draft: Draft, at: Where, term: Term) -> Iterator[DocumentError]:
    error, perturbation = draft.document.error, term.perturbation
    if not draft.has_model and not isinstance(perturbation, ModelFreePerturbation):
        problem = "this kind needs a model: add reference and estimators to the budget, or give the number"
        yield error((*at, "perturbation", "kind"), problem, allowed="given, children")
    if isinstance(perturbation, ChildrenSum):
        if term.id not in draft.texts("terms", "parent"):
            yield error((*at, "perturbation"), "no row is below this one", allowed=f"a row with parent: {term.id}")
        if perturbation.stated:
            yield from _unit(draft, (*at, "perturbation", "stated", "unit"), perturbation.stated.unit)


def _magnitude(draft: Draft, at: Where, term: Term) -> Iterator[DocumentError]:
    error, magnitude, place = draft.document.error, term.magnitude, (*at, "magnitude")
    if magnitude is None:
        if term.perturbation.has_magnitude and not term.to_be_determined:
            allowed = f"a magnitude, or the evidence tag or the status '{TO_BE_DETERMINED}'"
            yield error(place, "does not match the kind of perturbation", allowed=allowed)
        return
    if not term.perturbation.has_magnitude:
        allowed = "null, because the reference point or other rows fix it"
        yield error(place, "does not match the kind of perturbation", allowed=allowed)
    is_given = isinstance(term.perturbation, GivenValue)
    if magnitude.value == 0 and not is_given:
        problem = f"has no effect; remove the row, or mark it '{TO_BE_DETERMINED}'"
        yield error((*place, "value"), problem, allowed="a number that is not zero", got=magnitude.value)
    if magnitude.value < 0 and term.rule != "linear" and term.cause is None:
        problem = "the size of an error of unknown sign has no sign"
        yield error((*place, "value"), problem, allowed="> 0, or the rule linear, or a cause", got=magnitude.value)
    if (magnitude.statement == "multiple") != (magnitude.coverage is not None):
        problem = "the number of standard deviations belongs to `as: multiple`, which requires it"
        got = magnitude.statement if magnitude.coverage is None else magnitude.coverage
        yield error((*place, "as" if magnitude.coverage is None else "coverage"), problem, got=got)
    if is_given:
        yield from _unit(draft, (*place, "unit"), magnitude.unit)
    else:
        yield from unit_fault(draft.document, (*place, "unit"), magnitude.unit)


def _unit(draft: Draft, at: Where, unit: str) -> Iterator[DocumentError]:
    """Return the fault of a unit that does not convert to the requirement's; a fault of that one is not repeated."""
    target = draft.requirement.limit.unit if draft.requirement else None
    if target is not None and any(unit_fault(draft.document, ("requirement", "unit"), target)):
        target = None
    yield from unit_fault(draft.document, at, unit, target)


def _cause(draft: Draft, at: Where, term: Term, causes: Counter[str]) -> Iterator[DocumentError]:
    if term.cause is not None and causes[term.cause] == 1:
        others = [name for name in causes if name != term.cause]
        allowed = f"a cause of two rows or more, {', '.join(others)}" if others else "a cause of two rows or more"
        near = near_matches(term.cause, others) or [name for name in others if name.lower() == term.cause.lower()]
        yield draft.document.error(
            (*at, "cause"), "no other row has this cause", allowed=allowed, got=term.cause, candidates=near
        )


def _correlations(draft: Draft) -> Iterator[DocumentError]:
    error = draft.document.error
    terms = {term.id: term for term in draft.terms.values()}
    ids, seen = draft.ids("terms"), set()
    faulty = False
    for k, item in draft.correlations.items():
        at = ("correlations", k, "between")
        missing = [(n, name) for n, name in enumerate((item.first, item.second)) if name not in ids]
        for n, name in missing:
            yield error((*at, n), "no such term", allowed=", ".join(ids), got=name, candidates=ids)
        problem = ""
        pair = frozenset((item.first, item.second))
        if len(pair) == 1:
            problem = "a row has no correlation with itself"
        elif pair in seen:
            problem = "the pair is repeated"
        elif not missing and pair <= terms.keys():
            first, second = terms[item.first], terms[item.second]
            if first.cause is not None and first.cause == second.cause:
                problem = f"the two rows have one cause, {first.cause}, which correlates them fully: remove this item"
            elif other := next((term for term in (first, second) if term.rule != "rss"), None):
                problem = f"{other.id} has the rule {other.rule}, and only errors that add in quadrature are correlated"
        seen.add(pair)
        if problem:
            yield error(at, problem, got=f"{item.first}, {item.second}")
        faulty = faulty or bool(missing or problem)
    if not faulty:
        yield from _matrix(draft)


def _matrix(draft: Draft) -> Iterator[DocumentError]:
    """Return the fault of coefficients that are no correlation matrix, at the one that contradicts the others most."""
    stated = {name for item in draft.correlations.values() if item.r for name in (item.first, item.second)}
    shared = {term.cause for term in draft.terms.values() if term.id in stated and term.cause is not None}
    terms = [term for term in draft.terms.values() if term.rule == "rss"]
    added = [term for term in terms if term.id in stated or term.cause in shared]
    ids, causes = [term.id for term in added], [term.cause for term in added]
    matrix = correlation_matrix(len(ids), pairs_of(ids, causes, draft.correlations.values()))
    if not (direction := negative_direction(matrix)):
        return
    weights = dict(zip(ids, direction, strict=True))
    sizes = {
        k: item.r * weights[item.first] * weights[item.second]
        for k, item in draft.correlations.items()
        if item.r and item.first in weights and item.second in weights
    }
    rows = ", ".join(name for name, weight in weights.items() if abs(weight) > ROUNDING)
    problem = (
        f"the coefficients between {rows}, common causes included, are no correlation matrix, because it has a negative"
        " eigenvalue: make this one smaller, or state those of the other pairs"
    )
    k = min(sizes, key=lambda name: sizes[name])
    yield draft.document.error(("correlations", k, "r"), problem, got=draft.correlations[k].r)


def _cases(draft: Draft) -> Iterator[DocumentError]:
    error = draft.document.error
    estimators, terms = draft.ids("estimators"), draft.ids("terms")
    for i, case in draft.cases.items():
        at, content = ("cases", i), draft.document.data["cases"][i]
        if case.estimator is not None and case.estimator not in estimators:
            allowed = ", ".join(estimators) or "none, because the budget has no model"
            yield error(
                (*at, "estimator"), "no such estimator", allowed=allowed, got=case.estimator, candidates=estimators
            )
        if case.reference and not draft.has_model:
            yield error((*at, "reference"), "the budget has no model", allowed="a budget with reference and estimators")
        if case.limit:
            yield from _unit(draft, (*at, "requirement", "unit"), case.limit.unit)
        for name, fields in content.get("terms", {}).items():
            place = (*at, "terms", name)
            if name not in terms:
                yield error(place, "no such term", allowed=", ".join(terms), got=name, candidates=terms, at_key=True)
            elif name in case.terms:
                yield from _row(draft, place, case.terms[name], fields)


def check_against_specs(budget: Budget, forward: ParamSpec, inference: ParamSpec) -> None:
    """Check that every key of a budget is one of the models', and that every unit converts.

    Parameters
    ----------
    budget : Budget
        Budget to check.
    forward : ParamSpec
        Spec of the forward model.
    inference : ParamSpec
        Spec of the inference model.

    Raises
    ------
    DocumentError
        For the first fault, with file, line and column; the others are its notes.
    """
    raise_all(spec_faults(budget, forward, inference))


def spec_faults(budget: Budget, forward: ParamSpec, inference: ParamSpec) -> list[DocumentError]:
    """Return the faults of the keys and units of a budget by the specs of its models, one for each part.

    Parameters
    ----------
    budget : Budget
        Budget to check.
    forward : ParamSpec
        Spec of the forward model.
    inference : ParamSpec
        Spec of the inference model.
    """
    specs, errors = SpecCheck(budget.source, forward, inference), []

    def attempt(check: Callable[[], object]) -> None:
        try:
            check()
        except DocumentError as error:
            errors.append(error)

    def requirement() -> None:
        answer = specs.field(("requirement", "answer"), budget.requirement.answer, "inference")
        specs.units(("requirement", "unit"), budget.requirement.limit.unit, [unit_of(answer)])

    def row(at: Where, term: Term) -> None:
        units = term.perturbation.check(specs, (*at, "perturbation"))
        if term.magnitude:
            specs.units((*at, "magnitude", "unit"), term.magnitude.unit, units)

    attempt(requirement)
    for i, estimator in enumerate(budget.estimators):
        for k, key in enumerate(estimator.free):
            attempt(partial(specs.field, ("estimators", i, "free", k), key, "inference"))
    for i, term in enumerate(budget.terms):
        attempt(partial(row, ("terms", i), term))
    return errors
