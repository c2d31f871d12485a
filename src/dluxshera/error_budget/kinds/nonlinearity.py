"""Response of the pixels that depends on their signal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, final

import numpy as np

from dluxshera.documents import Where
from dluxshera.error_budget.perturbation import ImagePerturbation
from dluxshera.error_budget.results import Driver
from dluxshera.error_budget.schema_parts import record_schema
from dluxshera.error_budget.signal import LEVEL_KEYS, levels
from dluxshera.error_budget.spec_check import ModelName, SpecCheck
from dluxshera.params import unit_factor

if TYPE_CHECKING:
    from dluxshera.error_budget.changes import ImageChange
    from dluxshera.error_budget.evaluation import Evaluation


@final
@dataclass(frozen=True)
class Nonlinearity(ImagePerturbation):
    r"""Response that changes in proportion to the signal of a pixel in one frame.

    With :math:`n` electrons in a frame of a pixel whose full well is W, the reading is :math:`n (1 + x n / W)`, with x
    the magnitude: the relative change of the response at full well.
    """

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema."""
        return record_schema(
            "Response that changes in proportion to the signal in a frame; the magnitude is the change at full well.",
            {},
        )

    @classmethod
    def parse(cls, content: Mapping[str, Any]) -> Self:
        """Return the perturbation that a document describes."""
        return cls()

    def check(self, specs: SpecCheck, at: Where) -> tuple[str, ...]:
        """Check that the forward model has frames and a full well; the magnitude is a pure number."""
        for key in LEVEL_KEYS:
            specs.field(at, key, "forward")
        return ("",)

    def moved(self, model: ModelName) -> tuple[str, ...]:
        """Return nothing: the expected image does not depend on the frames."""
        return ()

    def drivers(self, evaluation: Evaluation) -> list[Driver]:
        """Return the parameters that the levels depend on."""
        return [Driver(key) for key in LEVEL_KEYS]

    def image_change(self, evaluation: Evaluation, magnitude_unit: str) -> ImageChange:
        """Return the change of the readings, in proportion to the square of the signal."""
        from dluxshera.error_budget.changes import ImageChange

        slope = unit_factor(magnitude_unit, "") * levels(evaluation) * evaluation.image

        def truth(size: float) -> np.ndarray:
            changed: np.ndarray = evaluation.image + size * slope
            return changed

        return ImageChange(slope, truth)
