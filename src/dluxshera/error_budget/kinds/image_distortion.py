"""Distortion of the image that moves all light, the patterns of the stars included."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self, final

import numpy as np

from dluxshera.documents import Where
from dluxshera.error_budget.perturbation import ImagePerturbation
from dluxshera.error_budget.results import Driver
from dluxshera.error_budget.schema_parts import record_schema
from dluxshera.error_budget.spec_check import ModelName, SpecCheck
from dluxshera.params import unit_factor

if TYPE_CHECKING:
    from dluxshera.error_budget.changes import ImageChange
    from dluxshera.error_budget.evaluation import Evaluation

X_OFFSET_KEY: Final = "detector.pixel_x_offset_pix"
Y_OFFSET_KEY: Final = "detector.pixel_y_offset_pix"
OFFSETS: Final = (X_OFFSET_KEY, Y_OFFSET_KEY)


@final
@dataclass(frozen=True)
class ImageDistortion(ImagePerturbation):
    r"""Distortion that moves all light outwards from the centre of the image, by a power of the distance.

    Light at the distance r moves by :math:`x (r / R)^n` pixels, with x the magnitude: the same as pixels that are
    displaced inwards by as much. The effect ``distortion`` of the model moves the places of the stars alone.

    Parameters
    ----------
    radius_pix : float
        Distance R from the centre at which the magnitude holds, pixels.
    power : int
        Power n of the distance; odd powers are those of a distortion that is smooth at the centre.
    """

    radius_pix: float
    power: int = 3

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema."""
        return record_schema(
            "Distortion that moves all light outwards from the centre of the image, by a power of the distance.",
            {
                "radius_pix": {
                    "type": "number",
                    "exclusiveMinimum": 0,
                    "description": "Distance from the centre at which the magnitude holds, pixels.",
                }
            },
            {"power": {"enum": [1, 3, 5, 7], "description": "Power of the distance, by default 3."}},
        )

    @classmethod
    def parse(cls, content: Mapping[str, Any]) -> Self:
        """Return the perturbation that a document describes."""
        return cls(float(content["radius_pix"]), int(content.get("power", 3)))

    def check(self, specs: SpecCheck, at: Where) -> tuple[str, ...]:
        """Check that the forward model has displaced pixels; the magnitude is in pixels."""
        for key in OFFSETS:
            specs.field(at, key, "forward")
        return ("pixel",)

    def moved(self, model: ModelName) -> tuple[str, ...]:
        """Return the offsets of the pixels."""
        return OFFSETS if model == "forward" else ()

    def drivers(self, evaluation: Evaluation) -> list[Driver]:
        """Return the offsets of the pixels."""
        return [
            Driver(key, (), evaluation.acts("forward", key, shape))
            for key, shape in self._direction(evaluation).items()
        ]

    def image_change(self, evaluation: Evaluation, magnitude_unit: str) -> ImageChange:
        """Return the derivative by the distortion, and the distorted image."""
        factor = unit_factor(magnitude_unit, "pixel")
        return evaluation.step("forward", {key: factor * shape for key, shape in self._direction(evaluation).items()})

    def _direction(self, evaluation: Evaluation) -> dict[str, np.ndarray]:
        npix = evaluation.image.shape[0]
        place = np.arange(npix) - (npix - 1) / 2.0
        x, y = np.meshgrid(place, place)
        growth = (np.hypot(x, y) / self.radius_pix) ** (self.power - 1) / self.radius_pix
        return dict(zip(OFFSETS, (-growth * x, -growth * y), strict=True))
