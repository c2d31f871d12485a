"""Variation of parameters within the exposure: the truth is the mean image over their distribution."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, Any, Final, Self, final

import numpy as np

from dluxshera.documents import Where
from dluxshera.error_budget.direction import DIRECTION, Direction, changes, direction_of
from dluxshera.error_budget.perturbation import ImagePerturbation
from dluxshera.error_budget.results import Driver
from dluxshera.error_budget.schema_parts import choice_schema, record_schema
from dluxshera.error_budget.spec_check import ModelName, SpecCheck, units_of

if TYPE_CHECKING:
    from dluxshera.error_budget.changes import ImageChange
    from dluxshera.error_budget.evaluation import Evaluation

# Nodes in standard deviations and weights: Gaussian rules of three nodes, exact for polynomials of degree five.
QUADRATURES: Final[Mapping[str, tuple[tuple[float, float], ...]]] = {
    "normal": ((-sqrt(3), 1 / 6), (0.0, 2 / 3), (sqrt(3), 1 / 6)),
    "uniform": ((-sqrt(9 / 5), 5 / 18), (0.0, 4 / 9), (sqrt(9 / 5), 5 / 18)),
    "arcsine": ((-sqrt(3 / 2), 1 / 3), (0.0, 1 / 3), (sqrt(3 / 2), 1 / 3)),
}


@final
@dataclass(frozen=True)
class Variation(ImagePerturbation):
    r"""Variation of parameters of the forward model about their values within the exposure.

    The truth is the mean image :math:`\langle\mu(p + x d)\rangle` over the distribution of x, whose standard deviation
    is the magnitude. Its first order is zero: the change grows with the square of the magnitude.

    Parameters
    ----------
    direction : mapping of str to float or tuple of float
        Factor of each parameter, multiplied by the magnitude.
    distribution : {'normal', 'uniform', 'arcsine'}
        Distribution of the values; arcsine is that of a sinusoidal vibration.
    """

    direction: Direction
    distribution: str = "normal"

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema."""
        return record_schema(
            "Variation of parameters of the forward model within the exposure; the magnitude is its rms.",
            {"direction": DIRECTION},
            {"distribution": choice_schema("Distribution of the values, by default normal.", list(QUADRATURES))},
        )

    @classmethod
    def parse(cls, content: Mapping[str, Any]) -> Self:
        """Return the perturbation that a document describes."""
        return cls(direction_of(content["direction"]), content.get("distribution", "normal"))

    def check(self, specs: SpecCheck, at: Where) -> tuple[str, ...]:
        """Check the direction; the magnitude converts to the unit of each parameter."""
        return units_of(specs.direction((*at, "direction"), self.direction, "forward"))

    def moved(self, model: ModelName) -> tuple[str, ...]:
        """Return the parameters of the direction."""
        return tuple(self.direction) if model == "forward" else ()

    def drivers(self, evaluation: Evaluation) -> list[Driver]:
        """Return the parameters of the direction."""
        return [
            Driver(key, ("direction", key), evaluation.acts("forward", key, factor))
            for key, factor in self.direction.items()
        ]

    def image_change(self, evaluation: Evaluation, magnitude_unit: str) -> ImageChange:
        """Return the mean image over the distribution."""
        from dluxshera.error_budget.changes import ImageChange

        step = evaluation.step(
            "forward", changes(self.direction, magnitude_unit, evaluation.store_of("forward", self.direction))
        )

        def mean(size: float) -> np.ndarray:
            images = [
                weight * (np.asarray(step.truth(node * size)) if node else evaluation.image)
                for node, weight in QUADRATURES[self.distribution]
            ]
            return np.sum(images, axis=0)

        return ImageChange(None, mean, power=2)
