"""The sum of the rows below a row, with the published value beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self, final

from dluxshera.error_budget.model_free import ModelFreePerturbation
from dluxshera.error_budget.requirement import Quantity
from dluxshera.error_budget.results import TermResult
from dluxshera.error_budget.schema_columns import unit_schema
from dluxshera.error_budget.schema_parts import record_schema


@final
@dataclass(frozen=True)
class ChildrenSum(ModelFreePerturbation):
    """The combination of the rows below, without an error of its own.

    Parameters
    ----------
    stated : Quantity, optional
        Value that the source of the budget states for the sum.
    tolerance : float
        Largest difference of the stated and the computed value, in the unit of the stated one.
    """

    has_magnitude = False

    stated: Quantity | None = None
    tolerance: float = 0.0

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema."""
        stated = record_schema(
            "Value that the source of the budget states.",
            {
                "value": {"type": "number", "minimum": 0, "description": "Number, in the unit beside it."},
                "unit": unit_schema(),
                "tolerance": {
                    "type": "number",
                    "minimum": 0,
                    "description": "Largest difference from the computed value, in the same unit.",
                },
            },
        )
        return record_schema("The combination of the rows below.", {}, {"stated": stated})

    @classmethod
    def parse(cls, content: Mapping[str, Any]) -> Self:
        """Return the perturbation that a document describes."""
        if "stated" not in content:
            return cls()
        stated = content["stated"]
        return cls(Quantity(float(stated["value"]), stated["unit"]), float(stated["tolerance"]))

    def rounding(self, unit: str) -> float:
        """Return the tolerance in a unit."""
        return 0.0 if self.stated is None else Quantity(self.tolerance, self.stated.unit).to(unit).value

    def result(self, magnitude: Quantity | None, unit: str) -> TermResult | None:
        """Return None: the rows below have the errors."""
        return None
