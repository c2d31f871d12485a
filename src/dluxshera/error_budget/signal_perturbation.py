"""Perturbations by the signal of each pixel in one frame; a base for kinds."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from jaxtyping import Float

from dluxshera.documents import Where
from dluxshera.error_budget.perturbation import ImagePerturbation
from dluxshera.error_budget.results import Driver
from dluxshera.error_budget.signal import LEVEL_KEYS, levels
from dluxshera.error_budget.spec_check import ModelName, SpecCheck
from dluxshera.params import unit_factor

if TYPE_CHECKING:
    from dluxshera.error_budget.changes import ImageChange
    from dluxshera.error_budget.evaluation import Evaluation


@dataclass(frozen=True)
class SignalPerturbation(ImagePerturbation):
    """A perturbation whose effect on a pixel grows with its signal in one frame; abstract.

    The magnitude is a pure number: the relative effect on a pixel at full well.
    """

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

    @abstractmethod
    def change(self, affected: Float[np.ndarray, "y x"]) -> Float[np.ndarray, "y x"]:
        """Return the change of the image, from the affected electrons of each pixel."""

    def image_change(self, evaluation: Evaluation, magnitude_unit: str) -> ImageChange:
        """Return the change of the image, which is proportional to the magnitude."""
        from dluxshera.error_budget.changes import ImageChange

        slope = self.change(unit_factor(magnitude_unit, "") * levels(evaluation) * evaluation.image)

        def truth(size: float) -> np.ndarray:
            changed: np.ndarray = evaluation.image + size * slope
            return changed

        return ImageChange(slope, truth)
