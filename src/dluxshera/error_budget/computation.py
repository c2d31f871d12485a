"""Computation of the numbers of a budget at its reference point, as plain data."""

from __future__ import annotations

from typing import Any

from dluxshera.error_budget.computed import ComputedEstimator, ComputedPoint, ComputedTerm
from dluxshera.error_budget.evaluation import Evaluation
from dluxshera.error_budget.gradients import answer_gradients
from dluxshera.error_budget.requirement import Estimator
from dluxshera.error_budget.terms import Budget
from dluxshera.errors import ParameterError


def compute_point(evaluation: Evaluation, facts: dict[str, Any], state: dict[str, Any]) -> ComputedPoint:
    """Return the formal errors of all estimators, and the derivatives of the answer by every parameter.

    Parameters
    ----------
    evaluation : Evaluation
        Linearised fits of the budget's estimators.
    facts, state : dict
        Facts about the reference point, and the state of detector and optics there.
    """
    return ComputedPoint(
        evaluation.unit,
        evaluation.tolerance,
        {estimator.id: _estimator(evaluation, estimator) for estimator in evaluation.estimators},
        {
            name: {key: (float(item.value), item.acts) for key, item in items.items()}
            for name, items in answer_gradients(evaluation).items()
        },
        facts,
        state,
    )


def _estimator(evaluation: Evaluation, estimator: Estimator) -> ComputedEstimator:
    fit, spec = evaluation.fits[estimator.id], evaluation.inference.store.spec
    fitted, waterfall = [evaluation.answer], []
    for key in estimator.free:
        if key != evaluation.answer:
            fitted += spec[key].labels
            waterfall.append((key, fit.partial_sigma(evaluation.answer, fitted) * evaluation.per_answer))
    return ComputedEstimator(
        evaluation.sigma(estimator),
        fit.partial_sigma(evaluation.answer, [evaluation.answer]) * evaluation.per_answer,
        len(fit.labels),
        fit.condition,
        tuple(waterfall),
    )


def compute_term(budget: Budget, i: int, evaluation: Evaluation) -> ComputedTerm:
    """Return the effect of one term on the answer of every estimator.

    Parameters
    ----------
    budget : Budget
        Budget with the term.
    i : int
        Index of the term.
    evaluation : Evaluation
        Linearised fits of the budget's estimators.

    Raises
    ------
    DocumentError
        If a parameter that the term names does not act, or the model does not hold where it moves the truth to.
    """
    term = budget.terms[i]
    drivers = term.perturbation.drivers(evaluation)
    for driver in drivers:
        if not driver.acts:
            at = ("terms", i, "perturbation", *driver.where)
            problem = "does not act: the derivative is zero"
            raise budget.source.error(at, problem, got=driver.key, at_key=at[-1] == driver.key)
    magnitude = term.magnitude.standard_deviation() if term.magnitude else None
    try:
        results = term.perturbation.results(evaluation, magnitude) if term.is_evaluated else {}
        checks = term.perturbation.independent_values(evaluation)
    except ParameterError as error:
        problem = f"moves the truth beyond what the model holds: {error}"
        raise budget.source.error(("terms", i, "perturbation"), problem) from error
    return ComputedTerm(tuple(drivers), results, tuple(checks), None if magnitude is None else magnitude.value)
