"""Light that is added to the image and that the estimator does not know: a ghost, or a uniform background."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self, final

import numpy as np

from dluxshera.documents import Where
from dluxshera.error_budget.direction import DIRECTION, Direction, direction_of
from dluxshera.error_budget.perturbation import ImagePerturbation
from dluxshera.error_budget.requirement import unit_of
from dluxshera.error_budget.results import Driver
from dluxshera.error_budget.schema_parts import KEY, record_schema
from dluxshera.error_budget.spec_check import ModelName, SpecCheck, units_of
from dluxshera.params import unit_factor

if TYPE_CHECKING:
    from dluxshera.error_budget.changes import ImageChange
    from dluxshera.error_budget.evaluation import Evaluation


@final
@dataclass(frozen=True)
class AddedLight(ImagePerturbation):
    """Light in proportion to a parameter of the forward model, such as the flux of a ghost.

    Parameters
    ----------
    key : str
        Parameter to which the light is proportional.
    at : mapping of str to float or tuple of float
        Values of other parameters, in their units, such as the place of the ghost; by default those of the model.
    """

    key: str
    at: Direction = field(default_factory=dict)

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema."""
        values = {**DIRECTION, "description": "Values of other parameters, in their units, such as a place."}
        return record_schema(
            "Light that is proportional to a parameter, and that the estimator does not know.",
            {"key": {**KEY, "description": "Parameter that the light is proportional to."}},
            {"at": values},
        )

    @classmethod
    def parse(cls, content: Mapping[str, Any]) -> Self:
        """Return the perturbation that a document describes."""
        return cls(content["key"], direction_of(content.get("at", {})))

    def check(self, specs: SpecCheck, at: Where) -> tuple[str, ...]:
        """Check the keys; the magnitude converts to the unit of the parameter."""
        item = specs.field((*at, "key"), self.key, "forward")
        if item.shape or item.scale != "linear":
            raise specs.error((*at, "key"), "not one number on a linear scale", got=self.key)
        specs.direction((*at, "at"), self.at, "forward")
        return units_of([item])

    def moved(self, model: ModelName) -> tuple[str, ...]:
        """Return the parameter."""
        return (self.key,) if model == "forward" else ()

    def drivers(self, evaluation: Evaluation) -> list[Driver]:
        """Return the parameter, and those that have a value in the document."""
        light = self._light(evaluation)
        acts = bool(np.any(light != 0.0))
        return [Driver(self.key, ("key",), acts), *(Driver(key, ("at", key), acts) for key in self.at)]

    def image_change(self, evaluation: Evaluation, magnitude_unit: str) -> ImageChange:
        """Return the light."""
        from dluxshera.error_budget.changes import ImageChange

        own = unit_of(evaluation.store_of("forward", [self.key]).spec[self.key])
        light = unit_factor(magnitude_unit, own) * self._light(evaluation)
        return ImageChange(light, lambda size: evaluation.image + size * light)

    def _light(self, evaluation: Evaluation) -> np.ndarray:
        """Return the light for one unit of the parameter: the difference that a whole bound or one makes."""
        model = evaluation.model_of([self.key, *self.at])
        values = {key: np.asarray(value) for key, value in self.at.items()}
        start = float(np.asarray(model.store[self.key]))
        step = min(1.0, model.store.spec[self.key].bounds.interval[1] - start) or -1.0
        dark = evaluation.truth(model, {**values, self.key: start})
        light: np.ndarray = (evaluation.truth(model, {**values, self.key: start + step}) - dark) / step
        return light
