"""Noise of the sky's light, of the dark current and of reading."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, Any, Final, Self, final

import numpy as np

from dluxshera.documents import Where
from dluxshera.error_budget.perturbation import NoisePerturbation
from dluxshera.error_budget.requirement import Estimator
from dluxshera.error_budget.results import Driver
from dluxshera.error_budget.schema_parts import choice_schema, record_schema
from dluxshera.error_budget.signal import EXPOSURE_TIME_KEY, FRAME_TIME_KEY
from dluxshera.error_budget.spec_check import ModelName, SpecCheck

if TYPE_CHECKING:
    from dluxshera.error_budget.evaluation import Evaluation

READ_NOISE_KEY: Final = "detector.read_noise"
DARK_CURRENT_KEY: Final = "detector.dark_current"
BACKGROUND_KEY: Final = "field.background"
KEYS: Final[Mapping[str, str]] = {"read": READ_NOISE_KEY, "dark": DARK_CURRENT_KEY, "sky": BACKGROUND_KEY}


@final
@dataclass(frozen=True)
class DetectorNoise(NoisePerturbation):
    """Noise that the answer gains, in quadrature, over that of the stars' photons.

    The values are those of the reference point. Where it has no electronics, they are those of the detector's design.

    Parameters
    ----------
    sources : tuple of {'read', 'dark', 'sky'}
        Sources of noise.
    """

    sources: tuple[str, ...]

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema."""
        return record_schema(
            "Noise of reading, dark current and sky, in quadrature over that of the stars' photons.",
            {
                "sources": {
                    "type": "array",
                    "items": choice_schema("Source of noise.", list(KEYS)),
                    "minItems": 1,
                    "uniqueItems": True,
                    "description": "Sources of noise.",
                }
            },
        )

    @classmethod
    def parse(cls, content: Mapping[str, Any]) -> Self:
        """Return the perturbation that a document describes."""
        return cls(tuple(content["sources"]))

    def check(self, specs: SpecCheck, at: Where) -> tuple[str, ...]:
        """Check that the forward model has the sources."""
        for i, source in enumerate(self.sources):
            specs.field((*at, "sources", i), KEYS[source], "forward")
        return ()

    def moved(self, model: ModelName) -> tuple[str, ...]:
        """Return nothing: the noise needs no derivatives."""
        return ()

    def drivers(self, evaluation: Evaluation) -> list[Driver]:
        """Return the parameters of the sources."""
        return [Driver(KEYS[source], ("sources", i)) for i, source in enumerate(self.sources)]

    def sigma(self, evaluation: Evaluation, estimator: Estimator) -> float:
        """Return the increase of the answer's error, in quadrature."""
        without = evaluation.starlight(estimator)
        photons = evaluation.image.ravel() - evaluation.detection.added
        variance = sum(self._variance(evaluation, source) for source in self.sources)
        noisy = evaluation.fit(estimator, 1.0 / (photons + variance))
        gained = evaluation.sigma_of(noisy) ** 2 - evaluation.sigma_of(without) ** 2
        return sqrt(max(gained, 0.0))

    def _variance(self, evaluation: Evaluation, source: str) -> float:
        """Return the variance of a pixel in one exposure by a source, photons squared."""
        key, values = KEYS[source], evaluation.forward.store
        value = values[key] if key in values else evaluation.store_of("forward", [key]).spec[key].default_value
        exposure = float(np.asarray(values[EXPOSURE_TIME_KEY]))
        number = float(np.asarray(value))
        if source == "read":
            return number**2 * exposure / float(np.asarray(values[FRAME_TIME_KEY]))
        return number * exposure if source == "dark" else number
