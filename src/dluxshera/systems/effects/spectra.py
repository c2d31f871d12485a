"""A sampled spectrum for each star."""

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
from dluxshera.systems.parameters.origins import Constant
from dluxshera.systems.parameters.record import NOT_NEGATIVE, Elements, Parameter


def _spectrum(star: str) -> Parameter:
    return Parameter(
        key=f"binary.spectrum_{star.lower()}",
        title=f"Spectrum of star {star}",
        doc=f"Photons of star {star} for each unit of wavelength, at evenly spaced points from edge to edge of the"
        " band and linear between them, in any unit: only the shape acts. It multiplies that of a black body.",
        symbol=f"s_{star}",
        units="",
        bounds=NOT_NEGATIVE,
        kinds=in_systems(IN_EVERY_SPEC),
        origin=Constant(1.0, "illustrative: flat"),
        size=Elements("curve_samples"),
        effect="spectra",
    )


SPECTRUM_A: Final = _spectrum("A")
SPECTRUM_B: Final = _spectrum("B")


def _multiply_by_spectra(spectra: Spectra, values: Values) -> Spectra:
    import jax.numpy as jnp

    from dluxshera.optics import sampled_curve

    star_a, star_b = (sampled_curve(values[p.key], spectra.positions) for p in (SPECTRUM_A, SPECTRUM_B))
    curves = jnp.stack([star_a, star_b, jnp.ones_like(star_a)])
    return spectra._replace(photons=spectra.photons * curves)


EFFECT: Final = OptionalEffect(
    name="spectra",
    doc="A sampled spectrum for each star, from a table.",
    parameters=(SPECTRUM_A, SPECTRUM_B, EFFECTIVE_WAVELENGTH_A, EFFECTIVE_WAVELENGTH_B),
    hook=BandHook((SPECTRUM_A, SPECTRUM_B), _multiply_by_spectra),
    config_fields=("curve_samples",),
    replaces=OF_A_FLAT_BAND,
)
