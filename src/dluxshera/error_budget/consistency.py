"""Consistency of a budget: in itself, and with the specs of its models. No jax."""

from __future__ import annotations

from dluxshera.documents import Where
from dluxshera.error_budget.requirement import unit_of
from dluxshera.error_budget.spec_check import SpecCheck
from dluxshera.error_budget.terms import Budget, Term
from dluxshera.params import ParamSpec


def check_budget(budget: Budget) -> None:
    """Check a budget in itself: identifiers, parents, allocations, and the magnitude that each kind asks for.

    Raises
    ------
    DocumentError
        For the first fault, with file, line and column.
    """
    error, requirement = budget.source.error, budget.requirement
    _check_unique("estimators", budget, [estimator.id for estimator in budget.estimators])
    _check_unique("terms", budget, [requirement.id, *(term.id for term in budget.terms)], offset=1)
    for i, estimator in enumerate(budget.estimators):
        if requirement.answer not in estimator.free:
            problem = "the answer is not among the fitted parameters"
            raise error(("estimators", i, "free"), problem, allowed=requirement.answer)
    for i, term in enumerate(budget.terms):
        _check_parent(budget, ("terms", i), term)
        _check_row(budget, ("terms", i), term)


def _check_unique(table: str, budget: Budget, ids: list[str], offset: int = 0) -> None:
    for i, name in enumerate(ids):
        if name in ids[:i]:
            raise budget.source.error((table, i - offset, "id"), "duplicate id", got=name)


def _check_parent(budget: Budget, at: Where, term: Term) -> None:
    parents = {item.id: item.parent for item in budget.terms}
    ids = [budget.requirement.id, *parents]
    if term.parent not in ids:
        raise budget.source.error(
            (*at, "parent"), "no such term", allowed=", ".join(ids), got=term.parent, candidates=ids
        )
    path = [term.id]
    while path[-1] in parents:
        path.append(parents[path[-1]])
        if path[-1] in path[:-1]:
            raise budget.source.error((*at, "parent"), f"the parents form a circle, {' -> '.join(path)}")


def _check_row(budget: Budget, at: Where, term: Term) -> None:
    error, limit = budget.source.error, budget.requirement.limit
    if term.allocation and term.allocation.unit != limit.unit:
        problem = "not the unit of the requirement"
        raise error((*at, "allocation", "unit"), problem, allowed=limit.unit, got=term.allocation.unit)
    if (term.rule == "group") != (term.group is not None):
        raise error((*at, "rule"), "the rule 'group' requires a group, and a group requires it", got=term.rule)
    if term.rule == "informative" and term.allocation:
        raise error((*at, "allocation"), "an informative row has no allocation", got=term.allocation.value)
    if (term.magnitude is not None) != term.perturbation.has_magnitude:
        allowed = "null, because the reference point fixes it" if term.magnitude else "a magnitude"
        raise error((*at, "magnitude"), "does not match the kind of perturbation", allowed=allowed)


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
        For the first fault, with file, line and column.
    """
    specs = SpecCheck(budget.source, forward, inference)
    answer = specs.field(("requirement", "answer"), budget.requirement.answer, "inference")
    specs.units(("requirement", "unit"), budget.requirement.limit.unit, [unit_of(answer)])
    for i, estimator in enumerate(budget.estimators):
        for k, key in enumerate(estimator.free):
            specs.field(("estimators", i, "free", k), key, "inference")
    for i, term in enumerate(budget.terms):
        units = term.perturbation.check(specs, ("terms", i, "perturbation"))
        if term.magnitude:
            specs.units(("terms", i, "magnitude", "unit"), term.magnitude.unit, units)
