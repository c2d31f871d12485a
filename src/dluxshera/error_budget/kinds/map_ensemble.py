"""Ensemble of random maps, of a surface, of the places of the pixels, or of their response."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import hypot
from typing import TYPE_CHECKING, Any, Final, Self, final

import numpy as np

from dluxshera.documents import Where
from dluxshera.error_budget.perturbation import Perturbation
from dluxshera.error_budget.requirement import Quantity, unit_of
from dluxshera.error_budget.results import Driver, TermResult
from dluxshera.error_budget.schema_parts import KEYS, record_schema
from dluxshera.error_budget.spec_check import ModelName, SpecCheck, units_of
from dluxshera.params import unit_factor

if TYPE_CHECKING:
    from dluxshera.error_budget.ensembles import MapEnsemble
    from dluxshera.error_budget.evaluation import Evaluation

SAMPLED_MAPS: Final = 2  # maps of each parameter from which the significance is taken
SEED: Final = 13


@final
@dataclass(frozen=True)
class RandomMaps(Perturbation):
    r"""Random maps that the estimator does not know. The term is the standard deviation of their biases.

    With the derivatives g of the answer's bias by the cells of a map, which one reverse pass of the model gives, the
    bias of a map w is :math:`g \cdot w`. Its variance over the ensemble follows in closed form; see `MapEnsemble`.

    Parameters
    ----------
    keys : tuple of str
        Maps of the forward model, each drawn independently.
    exponent : float
        Exponent of the power spectral density; 0 for white noise.
    removed : tuple of int
        Noll indices of the Zernike polynomials that are removed.
    circle : bool
        True if rms and removal are over the circle inside the map, as on a mirror, and False for the whole map.
    """

    keys: tuple[str, ...]
    exponent: float = 0.0
    removed: tuple[int, ...] = ()
    circle: bool = False

    has_magnitude = True

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema."""
        noll = {"type": "integer", "minimum": 1, "maximum": 1000}
        return record_schema(
            "Random maps; the magnitude is the rms of each over its aperture and over the ensemble.",
            {"keys": {**KEYS, "description": "Maps of the forward model, each drawn independently."}},
            {
                "exponent": {
                    "type": "number",
                    "minimum": 0,
                    "maximum": 10,
                    "description": "Exponent by which the power falls with the frequency; 0, the default, is white.",
                },
                "removed": {
                    "type": "array",
                    "items": noll,
                    "uniqueItems": True,
                    "description": "Noll indices of the Zernike polynomials that are removed; none by default.",
                },
                "circle": {
                    "type": "boolean",
                    "description": "True if rms and removal are over the circle inside the map, as on a mirror.",
                },
            },
        )

    @classmethod
    def parse(cls, content: Mapping[str, Any]) -> Self:
        """Return the perturbation that a document describes."""
        removed = tuple(map(int, content.get("removed", ())))
        exponent, circle = float(content.get("exponent", 0.0)), content.get("circle", False)
        return cls(tuple(content["keys"]), exponent, removed, circle)

    def check(self, specs: SpecCheck, at: Where) -> tuple[str, ...]:
        """Check that each key is a map; the magnitude converts to the unit of each."""
        fields = [specs.field((*at, "keys", i), key, "forward") for i, key in enumerate(self.keys)]
        for i, item in enumerate(fields):
            if len(item.shape) != 2:
                raise specs.error((*at, "keys", i), "not a map", got=item.key)
        return units_of(fields)

    def moved(self, model: ModelName) -> tuple[str, ...]:
        """Return the maps."""
        return self.keys if model == "forward" else ()

    def drivers(self, evaluation: Evaluation) -> list[Driver]:
        """Return the maps."""
        slopes = evaluation.derivatives(evaluation.estimators[0])
        return [Driver(key, ("keys", i), bool(np.any(slopes[key]))) for i, key in enumerate(self.keys)]

    def results(self, evaluation: Evaluation, magnitude: Quantity | None) -> dict[str, TermResult]:
        """Return the standard deviation of the bias, by estimator id."""
        assert magnitude is not None  # `has_magnitude` is checked when the document is read
        size, results = abs(magnitude.value), {}
        changes = self._sample(evaluation, magnitude.unit)
        for estimator in evaluation.estimators:
            slopes = evaluation.derivatives(estimator)
            deviations = [
                self.ensemble(evaluation, key).standard_deviation(slopes[key])
                * unit_factor(magnitude.unit, unit_of(evaluation.store_of("forward", [key]).spec[key]))
                for key in self.keys
            ]
            sensitivity = hypot(*deviations)
            fit = evaluation.fits[estimator.id]
            responses = [fit.response(change) for change in changes]
            significance = float(np.sqrt(np.mean([each.significance**2 for each in responses])))
            residual = float(np.sqrt(np.mean([each.residual**2 for each in responses])))
            stealth = sensitivity / evaluation.sigma(estimator) / residual if residual else None
            results[estimator.id] = TermResult(
                contribution=sensitivity * size,
                sigma=sensitivity * size,
                sensitivity=sensitivity,
                stealth=stealth,
                significance=significance * size,
                residual=residual * size,
                resolution=fit.reach * evaluation.sigma(estimator) * significance * size,
            )
        return results

    def ensemble(self, evaluation: Evaluation, key: str) -> MapEnsemble:
        """Return the ensemble of one of the maps."""
        from dluxshera.error_budget.ensembles import MapEnsemble

        npix = evaluation.store_of("forward", [key]).spec[key].shape[0]
        return MapEnsemble(npix, self.exponent, self.removed, self.circle)

    def _sample(self, evaluation: Evaluation, unit: str) -> list[np.ndarray]:
        """Return the changes of the image by a few maps of unit rms, in sigmas of each pixel."""
        rng, samples = np.random.default_rng(SEED), []
        for _ in range(SAMPLED_MAPS):
            slope = np.zeros_like(evaluation.image)
            for key in self.keys:
                model = evaluation.model_of([key])
                factor = unit_factor(unit, unit_of(model.store.spec[key]))
                slope = slope + evaluation.slope(model, key, factor * self.ensemble(evaluation, key).draw(rng))
            samples.append(slope.ravel() * np.sqrt(evaluation.weights))
        return samples
