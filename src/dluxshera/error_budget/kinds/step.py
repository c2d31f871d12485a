"""Displacement of the truth along a direction of parameter space, unknown to the estimator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, final

from dluxshera.documents import Where
from dluxshera.error_budget.direction import DIRECTION, Direction, changes, direction_of
from dluxshera.error_budget.perturbation import ImagePerturbation
from dluxshera.error_budget.results import Driver
from dluxshera.error_budget.schema_parts import choice_schema, record_schema
from dluxshera.error_budget.spec_check import ModelName, SpecCheck, units_of

if TYPE_CHECKING:
    from dluxshera.error_budget.changes import ImageChange
    from dluxshera.error_budget.evaluation import Evaluation


@final
@dataclass(frozen=True)
class ParameterStep(ImagePerturbation):
    """Displacement of the truth along a direction of parameter space, unknown to the estimator.

    One cause that moves several parameters is a direction with a factor for each. The forward model has the parameters
    of optional effects too, at values at which they do nothing. A parameter at its bound is moved to one side.

    Parameters
    ----------
    model : {'forward', 'inference'}
        Model whose parameters the direction names.
    direction : mapping of str to float or tuple of float
        Factor of each parameter, multiplied by the magnitude.
    relative : bool
        True if the magnitude is a fraction of each parameter's value.
    """

    model: ModelName
    direction: Direction
    relative: bool = False

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema."""
        return record_schema(
            "Displacement of the truth, unknown to the estimator.",
            {
                "model": choice_schema("Model whose parameters the direction names.", ["forward", "inference"]),
                "direction": DIRECTION,
            },
            {
                "relative": {
                    "type": "boolean",
                    "description": "True if the magnitude is a fraction of each parameter's value.",
                }
            },
        )

    @classmethod
    def parse(cls, content: Mapping[str, Any]) -> Self:
        """Return the perturbation that a document describes."""
        return cls(content["model"], direction_of(content["direction"]), content.get("relative", False))

    def check(self, specs: SpecCheck, at: Where) -> tuple[str, ...]:
        """Check the direction; the magnitude converts to the unit of each parameter, or is a pure number."""
        fields = specs.direction((*at, "direction"), self.direction, self.model)
        return ("",) if self.relative else units_of(fields)

    def moved(self, model: ModelName) -> tuple[str, ...]:
        """Return the parameters of the direction."""
        return tuple(self.direction) if model == self.model else ()

    def drivers(self, evaluation: Evaluation) -> list[Driver]:
        """Return the parameters of the direction."""
        return [
            Driver(key, ("direction", key), evaluation.acts(self.model, key, factor))
            for key, factor in self.direction.items()
        ]

    def image_change(self, evaluation: Evaluation, magnitude_unit: str) -> ImageChange:
        """Return the directional derivative of the image, and the displaced image."""
        store = evaluation.store_of(self.model, self.direction)
        return evaluation.step(self.model, changes(self.direction, magnitude_unit, store, relative=self.relative))
