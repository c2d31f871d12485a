"""Error of the model's numerics, from the record of its refinement."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Self, final

from dluxshera.documents import Where
from dluxshera.error_budget.perturbation import NoisePerturbation
from dluxshera.error_budget.requirement import Estimator, Quantity
from dluxshera.error_budget.results import Driver, TermResult
from dluxshera.error_budget.schema_parts import record_schema
from dluxshera.error_budget.spec_check import ModelName, SpecCheck
from dluxshera.errors import ParameterError
from dluxshera.params import unit_factor

if TYPE_CHECKING:
    from dluxshera.error_budget.evaluation import Evaluation


def numerics_record() -> dict[str, Any]:
    """Return the packaged extract of the record of numerical convergence."""
    path = files("dluxshera") / "error_budget" / "data" / "numerics.json"
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return record


@final
@dataclass(frozen=True)
class Numerics(NoisePerturbation):
    """Bound of the error of the answer by grids, samples and wavelengths of the model.

    It is the sum of the sizes of the changes by refining each numerical choice, or the difference from images of the
    native cells of the diffractive pupil, where that is larger. The record has it for estimators of 23, 15 and 14
    parameters of the flight design; another estimator takes the largest.
    """

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema."""
        return record_schema("Bound of the error by the numerics of the model, from the record of its refinement.", {})

    @classmethod
    def parse(cls, content: Mapping[str, Any]) -> Self:
        """Return the perturbation that a document describes."""
        return cls()

    def check(self, specs: SpecCheck, at: Where) -> tuple[str, ...]:
        """Return nothing: the document names no keys."""
        return ()

    def moved(self, model: ModelName) -> tuple[str, ...]:
        """Return nothing."""
        return ()

    def drivers(self, evaluation: Evaluation) -> list[Driver]:
        """Return nothing: no parameter drives the term."""
        return []

    def results(self, evaluation: Evaluation, magnitude: Quantity | None) -> dict[str, TermResult]:
        """Return the bound of the bias, by estimator id; its sign is unknown, and it is no noise."""
        return {each.id: TermResult(contribution=self.sigma(evaluation, each)) for each in evaluation.estimators}

    def sigma(self, evaluation: Evaluation, estimator: Estimator) -> float:
        """Return the bound, in the budget's unit.

        Raises
        ------
        ParameterError
            If the record is not of the budget's answer.
        """
        record = numerics_record()
        if evaluation.answer != record["answer"]:
            raise ParameterError(
                "numerics",
                expected=f"a budget of {record['answer']}, which the record is of",
                got=evaluation.answer,
                remedy="State the error by another kind of perturbation",
            )
        bounds = record["bound_uas"]
        number = str(len(evaluation.fits[estimator.id].labels))
        return float(bounds.get(number, max(bounds.values()))) * unit_factor("uarcsec", evaluation.unit)
