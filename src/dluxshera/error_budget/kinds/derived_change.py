"""A step of the forward model that is assumed to act only through one derived value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, final

import numpy as np

from dluxshera.documents import Where
from dluxshera.error_budget.direction import DIRECTION, Direction, changes, direction_of
from dluxshera.error_budget.perturbation import ImagePerturbation
from dluxshera.error_budget.results import Driver
from dluxshera.error_budget.schema_parts import KEY, record_schema
from dluxshera.error_budget.spec_check import ModelName, SpecCheck, units_of

if TYPE_CHECKING:
    from dluxshera.error_budget.changes import ImageChange
    from dluxshera.error_budget.evaluation import Evaluation


@final
@dataclass(frozen=True)
class DerivedChange(ImagePerturbation):
    """A step of the forward model that is assumed to act only through the relative change of one derived value.

    Parameters
    ----------
    derived : str
        Derived key of the forward spec.
    applied_to : str
        Key of the inference spec: the parameter that changes by the same fraction.
    direction : mapping of str to float or tuple of float
        Step in parameters of the forward spec: factor of each, multiplied by the magnitude.
    """

    derived: str
    applied_to: str
    direction: Direction

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema."""
        return record_schema(
            "A step that is assumed to act only through the relative change of one derived value.",
            {"derived": KEY, "applied_to": KEY, "direction": DIRECTION},
        )

    @classmethod
    def parse(cls, content: Mapping[str, Any]) -> Self:
        """Return the perturbation that a document describes."""
        return cls(content["derived"], content["applied_to"], direction_of(content["direction"]))

    def check(self, specs: SpecCheck, at: Where) -> tuple[str, ...]:
        """Check the keys and the direction; the magnitude converts to the unit of each parameter."""
        specs.field((*at, "derived"), self.derived, "forward", kinds=("derived",))
        specs.field((*at, "applied_to"), self.applied_to, "inference")
        return units_of(specs.direction((*at, "direction"), self.direction, "forward"))

    def moved(self, model: ModelName) -> tuple[str, ...]:
        """Return the parameter that the change is applied to."""
        return (self.applied_to,) if model == "inference" else ()

    def drivers(self, evaluation: Evaluation) -> list[Driver]:
        """Return the parameters of the direction."""
        return [
            Driver(key, ("direction", key), evaluation.relative_change(self.derived, {key: 1.0}) != 0)
            for key in self.direction
        ]

    def image_change(self, evaluation: Evaluation, magnitude_unit: str) -> ImageChange:
        """Return the change of the image that the fraction makes in the parameter it is applied to."""
        step = changes(self.direction, magnitude_unit, evaluation.forward.store)
        fraction = evaluation.relative_change(self.derived, step)
        value = np.asarray(evaluation.inference.store[self.applied_to])
        return evaluation.step("inference", {self.applied_to: fraction * value})
