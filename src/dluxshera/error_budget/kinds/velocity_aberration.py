"""Aberration of the stars' directions by the velocity of the telescope, in closed form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self, final

import numpy as np

from dluxshera.documents import Where
from dluxshera.error_budget.perturbation import ImagePerturbation
from dluxshera.error_budget.requirement import unit_of
from dluxshera.error_budget.results import Driver, IndependentValue
from dluxshera.error_budget.schema_parts import record_schema
from dluxshera.error_budget.spec_check import ModelName, SpecCheck
from dluxshera.params import unit_factor

if TYPE_CHECKING:
    from dluxshera.error_budget.changes import ImageChange
    from dluxshera.error_budget.evaluation import Evaluation

LIGHT_SPEED: Final = 299792458.0  # m/s, exact in the SI
SEPARATION_KEY: Final = "binary.separation_as"
X_POSITION_KEY: Final = "binary.x_position_as"
Y_POSITION_KEY: Final = "binary.y_position_as"
PLACES: Final = (SEPARATION_KEY, X_POSITION_KEY, Y_POSITION_KEY)


@final
@dataclass(frozen=True)
class VelocityAberration(ImagePerturbation):
    r"""Velocity towards the target, which brings its stars closer together, and which the estimator does not know.

    A star at the small angle :math:`\theta` from the direction of the velocity v is seen at
    :math:`\theta (1 - v / c)`, to first order in v / c. So the whole field shrinks by v / c, the separation with it,
    and the patterns of the stars do not. The velocity across the line of sight moves the whole field.
    """

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema."""
        return record_schema(
            "Velocity towards the target, unknown to the estimator; it moves the stars closer together.", {}
        )

    @classmethod
    def parse(cls, content: Mapping[str, Any]) -> Self:
        """Return the perturbation that a document describes."""
        return cls()

    def check(self, specs: SpecCheck, at: Where) -> tuple[str, ...]:
        """Check that the fitted model has the places of the stars; the magnitude is a velocity."""
        for key in PLACES:
            specs.field(at, key, "inference")
        return ("m.s**-1",)

    def moved(self, model: ModelName) -> tuple[str, ...]:
        """Return the places of the stars."""
        return PLACES if model == "inference" else ()

    def drivers(self, evaluation: Evaluation) -> list[Driver]:
        """Return the separation, which the velocity changes for each estimator."""
        return [Driver(PLACES[0])]

    def image_change(self, evaluation: Evaluation, magnitude_unit: str) -> ImageChange:
        """Return the change of the image by the smaller field."""
        shrinking = -unit_factor(magnitude_unit, "m.s**-1") / LIGHT_SPEED
        store = evaluation.inference.store
        return evaluation.step("inference", {key: shrinking * np.asarray(store[key]) for key in PLACES})

    def independent_values(self, evaluation: Evaluation) -> list[IndependentValue]:
        """Return the closed form for one metre per second."""
        if evaluation.answer != PLACES[0]:
            return []
        store = evaluation.inference.store
        separation = float(np.asarray(store[PLACES[0]])) * unit_factor(unit_of(store.spec[PLACES[0]]), evaluation.unit)
        value = -separation / LIGHT_SPEED
        return [IndependentValue("bias by 1 m/s", value, "- separation v / c: aberration along the line of sight")]
