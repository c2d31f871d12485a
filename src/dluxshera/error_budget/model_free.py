"""Rows that need no model: given numbers, and sums of other rows. No jax."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING

from dluxshera.documents import Where
from dluxshera.error_budget.perturbation import Perturbation
from dluxshera.error_budget.requirement import Quantity
from dluxshera.error_budget.results import Driver, TermResult
from dluxshera.error_budget.spec_check import ModelName, SpecCheck

if TYPE_CHECKING:
    from dluxshera.error_budget.evaluation import Evaluation
    from dluxshera.error_budget.terms import Budget


class ModelFreePerturbation(Perturbation):
    """A row whose error is computed without a model, so that it is the same for each estimator; abstract."""

    @abstractmethod
    def result(self, magnitude: Quantity | None, unit: str) -> TermResult | None:
        """Return the effect of the row on the answer; None for a row without an error of its own.

        Parameters
        ----------
        magnitude : Quantity, optional
            Standard deviation.
        unit : str
            Unit of the budget, a VOUnit string.
        """

    def check(self, specs: SpecCheck, at: Where) -> tuple[str, ...]:
        """Return nothing: the document names no keys, and the unit is checked when the document is read."""
        return ()

    def moved(self, model: ModelName) -> tuple[str, ...]:
        """Return nothing: the row needs no derivative."""
        return ()

    def drivers(self, evaluation: Evaluation) -> list[Driver]:
        """Return nothing: no parameter drives the row."""
        return []

    def results(self, evaluation: Evaluation, magnitude: Quantity | None) -> dict[str, TermResult]:
        """Return the effect of the row, by estimator id; nothing for a row without an error of its own."""
        result = self.result(magnitude, evaluation.unit)
        return {} if result is None else {estimator.id: result for estimator in evaluation.estimators}


def given_results(budget: Budget) -> Mapping[str, TermResult]:
    """Return the effects of the rows of a budget without a model, by row identifier.

    Parameters
    ----------
    budget : Budget
        Budget; its rows that need a model are left out.
    """
    results = {}
    for term in budget.terms:
        if isinstance(term.perturbation, ModelFreePerturbation) and term.is_evaluated:
            magnitude = term.magnitude.standard_deviation() if term.magnitude else None
            if (result := term.perturbation.result(magnitude, budget.requirement.limit.unit)) is not None:
                results[term.id] = result
    return results
