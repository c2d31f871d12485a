"""A number from elsewhere: the error itself, with its unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self, final

from dluxshera.error_budget.model_free import ModelFreePerturbation
from dluxshera.error_budget.requirement import Quantity
from dluxshera.error_budget.results import TermResult
from dluxshera.error_budget.schema_parts import record_schema


@final
@dataclass(frozen=True)
class GivenValue(ModelFreePerturbation):
    """An error that was determined elsewhere: the magnitude of the row, in a unit that converts to the requirement's.

    Its sign matters only for a row with a cause, and for a bias of known sign. It may be zero.
    """

    has_magnitude = True

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema."""
        return record_schema("An error that was determined elsewhere: the magnitude of the row.", {})

    @classmethod
    def parse(cls, content: Mapping[str, Any]) -> Self:
        """Return the perturbation that a document describes."""
        return cls()

    def result(self, magnitude: Quantity | None, unit: str) -> TermResult:
        """Return the magnitude in the budget's unit."""
        assert magnitude is not None  # `has_magnitude` is checked when the document is read
        sensitivity = Quantity(1.0, magnitude.unit).to(unit).value
        error = sensitivity * magnitude.value
        return TermResult(contribution=abs(error), sensitivity=sensitivity, bias=error)
