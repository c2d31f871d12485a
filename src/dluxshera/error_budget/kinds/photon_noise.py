"""Photon noise of the answer, with the closed form for a clear circular pupil beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import pi, sqrt
from typing import TYPE_CHECKING, Any, Self, final

from dluxshera.documents import Where
from dluxshera.error_budget.perturbation import NoisePerturbation
from dluxshera.error_budget.requirement import Estimator
from dluxshera.error_budget.results import Driver, IndependentValue
from dluxshera.error_budget.schema_parts import KEY, KEYS, record_schema
from dluxshera.error_budget.spec_check import ModelName, SpecCheck
from dluxshera.params import unit_factor
from dluxshera.units import ARCSEC

if TYPE_CHECKING:
    from dluxshera.error_budget.evaluation import Evaluation

INPUTS = ("wavelength", "diameter", "log_photons", "contrast")
NEGLIGIBLE = 1e-12  # elasticity below which a parameter does not act


@final
@dataclass(frozen=True)
class PhotonNoise(NoisePerturbation):
    """Noise of the answer if all other parameters were known.

    Parameters
    ----------
    keys : tuple of str
        Parameters of the forward spec that the noise depends on.
    closed_form : mapping of str to str, optional
        Keys of ``wavelength``, ``diameter``, ``log_photons`` and ``contrast``, from which `clear_pupil_floor` is
        computed.
    """

    keys: tuple[str, ...]
    closed_form: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema."""
        floor = record_schema("Keys of the inputs to the floor of a clear circular pupil.", dict.fromkeys(INPUTS, KEY))
        return record_schema(
            "Noise of the answer if all other parameters were known.",
            {"keys": {**KEYS, "description": "Keys of the forward spec."}},
            {"closed_form": floor},
        )

    @classmethod
    def parse(cls, content: Mapping[str, Any]) -> Self:
        """Return the perturbation that a document describes."""
        return cls(tuple(content["keys"]), content.get("closed_form", {}))

    def check(self, specs: SpecCheck, at: Where) -> tuple[str, ...]:
        """Check that each key is a scalar primitive, and each input of the closed form a parameter."""
        for i, key in enumerate(self.keys):
            if specs.field((*at, "keys", i), key, "forward").shape:
                raise specs.error((*at, "keys", i), "not a scalar parameter", got=key)
        for name, key in self.closed_form.items():
            specs.field((*at, "closed_form", name), key, "forward", kinds=("primitive", "derived"))
        return ()

    def moved(self, model: ModelName) -> tuple[str, ...]:
        """Return nothing: elasticities have derivatives of their own."""
        return ()

    def drivers(self, evaluation: Evaluation) -> list[Driver]:
        """Return the keys with their elasticities."""
        elasticities = evaluation.noise_elasticities(self.keys)
        return [
            Driver(key, ("keys", i), abs(elasticities[key]) > NEGLIGIBLE, elasticities[key])
            for i, key in enumerate(self.keys)
        ]

    def sigma(self, evaluation: Evaluation, estimator: Estimator) -> float:
        """Return the conditional error of the answer."""
        return evaluation.conditional_sigma(estimator)

    def independent_values(self, evaluation: Evaluation) -> list[IndependentValue]:
        """Return the floor of a clear circular pupil, with the midpoint of the two stars known and fitted."""
        if not self.closed_form:
            return []
        values = evaluation.forward_values()
        inputs = {name: float(values[key]) for name, key in self.closed_form.items()}
        midpoint_fitted, midpoint_known = clear_pupil_floor(
            inputs["wavelength"], inputs["diameter"], 10 ** inputs["log_photons"], inputs["contrast"]
        )
        per_radian = unit_factor("arcsec", evaluation.unit) / ARCSEC
        text = "clear circular pupil, one wavelength, fine pixels that hold all light"
        return [
            IndependentValue(name, floor * per_radian, f"{formula}: {text}")
            for name, floor, formula in (
                ("photon floor, midpoint known", midpoint_known, "2 lambda / (pi D sqrt(N_A + N_B))"),
                ("photon floor, midpoint fitted", midpoint_fitted, "lambda / (pi D) sqrt(1/N_A + 1/N_B)"),
            )
        ]


def clear_pupil_floor(wavelength: float, diameter: float, photons: float, contrast: float) -> tuple[float, float]:
    r"""Return the photon-noise floor of a separation measured through a clear circular pupil, in radians.

    The position of one star of :math:`N` photons has an error of :math:`\lambda / (\pi D \sqrt{N})` along each axis if
    the pixels are fine and hold all light. With the midpoint fitted, the separation has the noise of both positions:
    :math:`\lambda / (\pi D) \sqrt{1/N_A + 1/N_B}`. With the midpoint known, each star moves by half the change, and
    the error is :math:`2 \lambda / (\pi D \sqrt{N_A + N_B})`.

    Parameters
    ----------
    wavelength, diameter : float
        Wavelength and pupil diameter, in one unit.
    photons, contrast : float
        Photons of both stars together, and flux ratio A / B.

    Returns
    -------
    fitted, known : float
        Error with the midpoint fitted, and with the midpoint known.
    """
    a, b = photons * contrast / (1 + contrast), photons / (1 + contrast)
    spot = wavelength / (pi * diameter)
    return spot * sqrt(1 / a + 1 / b), 2 * spot / sqrt(photons)
