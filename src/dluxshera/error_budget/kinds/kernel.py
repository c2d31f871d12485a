"""Kernel that blurs the image: motion of the line of sight, or diffusion of charge between pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self, final

import numpy as np

from dluxshera.documents import Where
from dluxshera.error_budget.perturbation import ImagePerturbation
from dluxshera.error_budget.requirement import Quantity, unit_of
from dluxshera.error_budget.results import Driver
from dluxshera.error_budget.schema_parts import KEY, quantity_schema, record_schema
from dluxshera.error_budget.spec_check import ModelName, SpecCheck
from dluxshera.params import unit_factor

if TYPE_CHECKING:
    from dluxshera.error_budget.changes import ImageChange
    from dluxshera.error_budget.evaluation import Evaluation

PLATE_SCALE_KEY: Final = "system.plate_scale_as_per_pix"


@final
@dataclass(frozen=True)
class Kernel(ImagePerturbation):
    r"""Change of the width of a kernel that blurs the image of all light.

    The truth is the reference image plus what the blur changes as its width grows from :math:`\sigma_0`, which the
    estimator knows, to :math:`\sigma_0 + x`, with x the magnitude. Without a known width the change grows with the
    square of the magnitude.

    Parameters
    ----------
    width : str
        Parameter of the forward model that is the width of a kernel, such as ``imaging.jitter_as``: the standard
        deviation along each axis of a Gaussian, or the length of a smear.
    expected : Quantity, optional
        Width that the estimator knows; by default none.
    in_pixels : bool
        True if the magnitude is in pixels, of the plate scale at the reference point.
    """

    width: str
    expected: Quantity | None = None
    in_pixels: bool = False

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema."""
        return record_schema(
            "Change of the width of a kernel that blurs the image.",
            {"width": {**KEY, "description": "Parameter that is the width of a kernel, such as imaging.jitter_as."}},
            {
                "expected": quantity_schema("Width that the estimator knows; by default none.", exclusiveMinimum=0),
                "in_pixels": {"type": "boolean", "description": "True if the magnitude is in pixels."},
            },
        )

    @classmethod
    def parse(cls, content: Mapping[str, Any]) -> Self:
        """Return the perturbation that a document describes."""
        item = content.get("expected")
        quantity = Quantity(float(item["value"]), item["unit"]) if item else None
        return cls(content["width"], quantity, content.get("in_pixels", False))

    def check(self, specs: SpecCheck, at: Where) -> tuple[str, ...]:
        """Check the key; the magnitude converts to its unit, or to pixels."""
        unit = unit_of(specs.field((*at, "width"), self.width, "forward"))
        if self.expected:
            specs.units((*at, "expected", "unit"), self.expected.unit, [unit])
        return ("pixel",) if self.in_pixels else (unit,)

    def moved(self, model: ModelName) -> tuple[str, ...]:
        """Return the width."""
        return (self.width,) if model == "forward" else ()

    def drivers(self, evaluation: Evaluation) -> list[Driver]:
        """Return the width."""
        width, change = self._width(evaluation, ""), self._change(evaluation)
        return [Driver(self.width, ("width",), bool(np.any(change(width) != evaluation.image)))]

    def image_change(self, evaluation: Evaluation, magnitude_unit: str) -> ImageChange:
        """Return the blurred image."""
        from dluxshera.error_budget.changes import ImageChange

        change, per_unit = self._change(evaluation), self._width(evaluation, magnitude_unit)
        return ImageChange(None, lambda size: change(size * per_unit), power=1 if self.expected else 2)

    def _width(self, evaluation: Evaluation, unit: str) -> float:
        """Return a unit of the magnitude in the unit of the width; a pixel for no unit."""
        store = evaluation.store_of("forward", [self.width])
        own = unit_of(store.spec[self.width])
        if self.in_pixels or not unit:
            return float(evaluation.forward_values()[PLATE_SCALE_KEY]) * unit_factor("arcsec", own)
        return unit_factor(unit, own)

    def _change(self, evaluation: Evaluation) -> Any:
        model = evaluation.model_of([self.width])
        width = 0.0
        if self.expected:
            width = self.expected.value * unit_factor(self.expected.unit, unit_of(model.store.spec[self.width]))
        start = width + float(np.asarray(model.store[self.width]))
        before = evaluation.truth(model, {self.width: start})

        def truth(by: float) -> np.ndarray:
            return evaluation.image + (evaluation.truth(model, {self.width: start + by}) - before)

        return truth
