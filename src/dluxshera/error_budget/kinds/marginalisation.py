"""Noise that the answer gains because other parameters are fitted with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, Any, Self, final

from dluxshera.documents import Where
from dluxshera.error_budget.perturbation import NoisePerturbation
from dluxshera.error_budget.requirement import Estimator
from dluxshera.error_budget.results import Driver
from dluxshera.error_budget.schema_parts import record_schema
from dluxshera.error_budget.spec_check import ModelName, SpecCheck

if TYPE_CHECKING:
    from dluxshera.error_budget.evaluation import Evaluation


@final
@dataclass(frozen=True)
class Marginalisation(NoisePerturbation):
    """Noise that the answer gains, in quadrature, because other parameters are fitted with it."""

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema."""
        return record_schema("Noise that the answer gains because other parameters are fitted with it.", {})

    @classmethod
    def parse(cls, content: Mapping[str, Any]) -> Self:
        """Return the perturbation that a document describes."""
        return cls()

    def check(self, specs: SpecCheck, at: Where) -> tuple[str, ...]:
        """Return nothing: the document names no keys."""
        return ()

    def moved(self, model: ModelName) -> tuple[str, ...]:
        """Return nothing: the fitted parameters are differentiated in any case."""
        return ()

    def drivers(self, evaluation: Evaluation) -> list[Driver]:
        """Return the fitted parameters of all estimators, without the answer."""
        free = dict.fromkeys(key for estimator in evaluation.estimators for key in estimator.free)
        return [Driver(key) for key in free if key != evaluation.answer]

    def sigma(self, evaluation: Evaluation, estimator: Estimator) -> float:
        """Return the difference, in quadrature, of the marginal and the conditional error of the answer."""
        sigma = evaluation.sigma_of(evaluation.starlight(estimator))
        return sqrt(max(sigma**2 - evaluation.conditional_sigma(estimator) ** 2, 0.0))
