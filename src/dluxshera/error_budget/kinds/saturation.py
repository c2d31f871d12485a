"""Pixels that exceed the full well in a frame, and the noise that the answer gains without them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, Any, Self, final

import numpy as np

from dluxshera.documents import Where
from dluxshera.error_budget.perturbation import NoisePerturbation
from dluxshera.error_budget.requirement import Estimator
from dluxshera.error_budget.results import Driver
from dluxshera.error_budget.schema_parts import record_schema
from dluxshera.error_budget.signal import LEVEL_KEYS, levels
from dluxshera.error_budget.spec_check import ModelName, SpecCheck

if TYPE_CHECKING:
    from dluxshera.error_budget.evaluation import Evaluation


@final
@dataclass(frozen=True)
class Saturation(NoisePerturbation):
    """Noise that the answer gains, in quadrature, if pixels that exceed the full well in a frame are left out."""

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema."""
        return record_schema(
            "Noise that the answer gains if the pixels that exceed the full well in a frame are left out.", {}
        )

    @classmethod
    def parse(cls, content: Mapping[str, Any]) -> Self:
        """Return the perturbation that a document describes."""
        return cls()

    def check(self, specs: SpecCheck, at: Where) -> tuple[str, ...]:
        """Check that the forward model has frames and a full well."""
        for key in LEVEL_KEYS:
            specs.field(at, key, "forward")
        return ()

    def moved(self, model: ModelName) -> tuple[str, ...]:
        """Return nothing: the expected image does not depend on the frames."""
        return ()

    def drivers(self, evaluation: Evaluation) -> list[Driver]:
        """Return the parameters that the levels depend on."""
        return [Driver(key) for key in LEVEL_KEYS]

    def sigma(self, evaluation: Evaluation, estimator: Estimator) -> float:
        """Return the increase of the answer's error, in quadrature."""
        kept = np.where(levels(evaluation).ravel() > 1.0, 0.0, evaluation.weights)
        masked = evaluation.sigma_of(evaluation.fit(estimator, kept))
        return sqrt(max(masked**2 - evaluation.sigma(estimator) ** 2, 0.0))
