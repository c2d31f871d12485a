"""The spectrum of a black body for each star."""

from __future__ import annotations

from typing import Final

from dluxshera.systems.effects.effective_wavelengths import (
    EFFECTIVE_WAVELENGTH_A,
    EFFECTIVE_WAVELENGTH_B,
    OF_A_FLAT_BAND,
)
from dluxshera.systems.effects.hooks import BandHook, Spectra, Values
from dluxshera.systems.effects.optional_effect import OptionalEffect
from dluxshera.systems.parameters import bounds
from dluxshera.systems.parameters.kinds import IN_EVERY_SPEC, in_systems
from dluxshera.systems.parameters.origins import TargetAttribute
from dluxshera.systems.parameters.record import Parameter


def _temperature(star: str) -> Parameter:
    return Parameter(
        key=f"binary.temperature_{star.lower()}_k",
        title=f"Temperature of star {star}",
        doc=f"Temperature of the black body that gives star {star} its spectrum across the band.",
        symbol=f"T_{star}",
        units="K",
        bounds=bounds.TEMPERATURE,
        kinds=in_systems(IN_EVERY_SPEC),
        origin=TargetAttribute("{name}: illustrative, for {spectral_types}"),
        prior_sigma=50.0,
        effect="black_bodies",
    )


TEMPERATURE_A: Final = _temperature("A")
TEMPERATURE_B: Final = _temperature("B")


def _with_temperatures(spectra: Spectra, values: Values) -> Spectra:
    return spectra._replace(
        star_a=spectra.star_a._replace(temperature=values[TEMPERATURE_A.key]),
        star_b=spectra.star_b._replace(temperature=values[TEMPERATURE_B.key]),
    )


EFFECT: Final = OptionalEffect(
    name="black_bodies",
    doc="A black body for each star, instead of a flat spectrum.",
    parameters=(TEMPERATURE_A, TEMPERATURE_B, EFFECTIVE_WAVELENGTH_A, EFFECTIVE_WAVELENGTH_B),
    hook=BandHook((TEMPERATURE_A, TEMPERATURE_B), _with_temperatures),
    replaces=OF_A_FLAT_BAND,
    idle=None,
)
