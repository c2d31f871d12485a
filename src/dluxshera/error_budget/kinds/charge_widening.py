"""Charge that widens bright pixels: part of it is collected by their neighbours."""

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
class ChargeWidening(ImagePerturbation):
    r"""Diffusion of charge from a pixel to its four neighbours, in proportion to its signal in one frame.

    Of the :math:`n` electrons of a pixel whose full well is W, the part :math:`x n / W` goes to the neighbours, a
    quarter to each, with x the magnitude: the part at full well. As much crosses the border of the image inwards as
    outwards.
    """

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema."""
        return record_schema(
            "Diffusion of charge to the neighbours, by the signal in a frame; the magnitude is the part that"
            " leaves a full pixel.",
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
        """Return the net charge that each pixel gains from its neighbours."""
        from dluxshera.error_budget.changes import ImageChange

        leaving = unit_factor(magnitude_unit, "") * levels(evaluation) * evaluation.image
        around = np.pad(leaving, 1, mode="edge")
        gained = 0.25 * (around[2:, 1:-1] + around[:-2, 1:-1] + around[1:-1, 2:] + around[1:-1, :-2])
        slope = gained - leaving

        def truth(size: float) -> np.ndarray:
            changed: np.ndarray = evaluation.image + size * slope
            return changed

        return ImageChange(slope, truth)
