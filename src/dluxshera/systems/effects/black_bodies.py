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
from dluxshera.systems.parameters.kinds import IN_EVERY_SPEC, in_systems
from dluxshera.systems.parameters.origins import TargetAttribute
from dluxshera.systems.parameters.record import POSITIVE, Parameter


def _temperature(star: str) -> Parameter:
    return Parameter(
        key=f"binary.temperature_{star.lower()}_k",
        title=f"Temperature of star {star}",
        doc=f"Temperature of the black body that gives star {star} its spectrum across the band.",
        symbol=f"T_{star}",
        units="K",
        bounds=POSITIVE,
        kinds=in_systems(IN_EVERY_SPEC),
        origin=TargetAttribute("{name}: illustrative, for {spectral_types}"),
        prior_sigma=50.0,
        effect="black_bodies",
    )


TEMPERATURE_A: Final = _temperature("A")
TEMPERATURE_B: Final = _temperature("B")


def _multiply_by_black_bodies(spectra: Spectra, values: Values) -> Spectra:
    import jax.numpy as jnp

    from dluxshera.optics import photon_black_body

    star_a, star_b = (photon_black_body(spectra.wavelengths, values[p.key]) for p in (TEMPERATURE_A, TEMPERATURE_B))
    bodies = jnp.stack([star_a, star_b, jnp.ones_like(star_a)])
    return spectra._replace(photons=bodies * spectra.photons)


EFFECT: Final = OptionalEffect(
    name="black_bodies",
    doc="A black body for each star, instead of a flat spectrum.",
    parameters=(TEMPERATURE_A, TEMPERATURE_B, EFFECTIVE_WAVELENGTH_A, EFFECTIVE_WAVELENGTH_B),
    hook=BandHook((TEMPERATURE_A, TEMPERATURE_B), _multiply_by_black_bodies),
    replaces=OF_A_FLAT_BAND,
)
