"""Spectrum of one star, or of both, that differs from what the estimator takes it to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self, final

import numpy as np

from dluxshera.documents import Where
from dluxshera.error_budget.perturbation import ImagePerturbation
from dluxshera.error_budget.requirement import Quantity
from dluxshera.error_budget.results import Driver
from dluxshera.error_budget.schema_parts import quantity_schema, record_schema
from dluxshera.error_budget.spec_check import ModelName, SpecCheck
from dluxshera.params import unit_factor

if TYPE_CHECKING:
    from dluxshera.error_budget.changes import ImageChange
    from dluxshera.error_budget.evaluation import Evaluation

CENTRE: Final = "band.wavelength_m"
RADIATION_CONSTANT: Final = 6.62607015e-34 * 299792458.0 / 1.380649e-23  # h c / k, m K; all three are exact in the SI


def _keys(star: str) -> tuple[str, str, str]:
    """Return the keys of a star's table, of its rows' wavelengths, and of its effective wavelength."""
    star = star.lower()
    return f"binary.spectrum_{star}", f"binary.spectrum_{star}_wavelengths_m", f"band.effective_wavelength_{star}_m"


@final
@dataclass(frozen=True)
class SpectrumChange(ImagePerturbation):
    r"""Change of the shape of the spectrum of one star, or of the same change in both.

    Without a temperature the spectrum is tilted across the band, and the magnitude is the shift of the star's effective
    wavelength. With one, the change is that of a black body of this temperature, and the magnitude is the change of
    the temperature: the spectrum is multiplied by :math:`1 + x\, \partial \ln B_\lambda / \partial T`.

    Parameters
    ----------
    stars : tuple of {'A', 'B'}
        Stars.
    temperature : Quantity, optional
        Temperature of the black body.
    """

    stars: tuple[str, ...]
    temperature: Quantity | None = None

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema."""
        return record_schema(
            "Change of the shape of the spectrum of one star or of both; the magnitude is the shift of the effective"
            " wavelength, or the change of a temperature.",
            {
                "stars": {
                    "type": "array",
                    "items": {"enum": ["A", "B"]},
                    "minItems": 1,
                    "uniqueItems": True,
                    "description": "Stars, A and B.",
                }
            },
            {"temperature": quantity_schema("Temperature of the black body.", exclusiveMinimum=0)},
        )

    @classmethod
    def parse(cls, content: Mapping[str, Any]) -> Self:
        """Return the perturbation that a document describes."""
        temperature = content.get("temperature")
        quantity = Quantity(float(temperature["value"]), temperature["unit"]) if temperature else None
        return cls(tuple(content["stars"]), quantity)

    def check(self, specs: SpecCheck, at: Where) -> tuple[str, ...]:
        """Check that the forward model has the spectra; the magnitude is a wavelength, or a temperature."""
        for star in self.stars:
            specs.field((*at, "stars"), _keys(star)[0], "forward")
        if self.temperature is None:
            return ("m",)
        specs.units((*at, "temperature", "unit"), self.temperature.unit, ["K"])
        return ("K",)

    def moved(self, model: ModelName) -> tuple[str, ...]:
        """Return the tables of the spectra."""
        return tuple(_keys(star)[0] for star in self.stars) if model == "forward" else ()

    def drivers(self, evaluation: Evaluation) -> list[Driver]:
        """Return the tables of the spectra."""
        from dluxshera.error_budget.changes import NEGLIGIBLE

        model = evaluation.model_of(_keys(self.stars[0])[:1])
        drivers = []
        for star in self.stars:
            table, rows, _ = _keys(star)
            offsets = np.asarray(model.store[rows]) - float(np.asarray(model.store[CENTRE]))
            slope = evaluation.slope(model, table, np.asarray(model.store[table]) * offsets)
            size = np.linalg.norm(slope) / np.max(np.abs(offsets))
            drivers.append(Driver(table, ("stars",), bool(size > NEGLIGIBLE * np.linalg.norm(evaluation.image))))
        return drivers

    def image_change(self, evaluation: Evaluation, magnitude_unit: str) -> ImageChange:
        """Return the derivative of the image by the change of the tables, and the changed image."""
        from dluxshera.error_budget.sensitivity import derived_slope

        model = evaluation.model_of([_keys(star)[0] for star in self.stars])
        direction = {}
        for star in self.stars:
            table, rows, effective = _keys(star)
            values = np.asarray(model.store[table], float)
            wavelengths = np.asarray(model.store[rows], float)
            if self.temperature is not None:
                kelvin = self.temperature.value * unit_factor(self.temperature.unit, "K")
                change = values * _black_body_slope(wavelengths, kelvin) * unit_factor(magnitude_unit, "K")
            else:
                tilt = values * (wavelengths - float(np.asarray(model.store[CENTRE])))
                _, shift = derived_slope(model, effective, {table: tilt})
                change = tilt / shift * unit_factor(magnitude_unit, "m")
            direction[table] = change
        return evaluation.step("forward", direction)


def _black_body_slope(wavelengths: np.ndarray, temperature: float) -> np.ndarray:
    r"""Return the logarithmic derivative of a black body's photons by its temperature, per kelvin.

    The photons are :math:`\lambda^{-4} / (e^x - 1)` with :math:`x = h c / (\lambda k T)`.
    """
    x = RADIATION_CONSTANT / (wavelengths * temperature)
    slope: np.ndarray = x / -np.expm1(-x) / temperature
    return slope
