"""A spectrum for each star, from a table."""

from __future__ import annotations

from typing import Final

from dluxshera.optics import Curve
from dluxshera.systems.effects.curve_rows import table_wavelengths
from dluxshera.systems.effects.effective_wavelengths import (
    EFFECTIVE_WAVELENGTH_A,
    EFFECTIVE_WAVELENGTH_B,
    OF_A_FLAT_BAND,
)
from dluxshera.systems.effects.hooks import BandHook, Spectra, Values
from dluxshera.systems.effects.optional_effect import OptionalEffect
from dluxshera.systems.parameters import bounds
from dluxshera.systems.parameters.kinds import IN_EVERY_SPEC, in_systems
from dluxshera.systems.parameters.origins import Constant
from dluxshera.systems.parameters.record import Elements, Parameter

LEAST_MEAN: Final = 1e-30  # of a spectrum in any unit, across the band; single precision holds numbers from 1e-38


def _spectrum(star: str) -> Parameter:
    return Parameter(
        key=f"binary.spectrum_{star.lower()}",
        title=f"Spectrum of star {star}",
        doc=f"Photons of star {star} for each unit of wavelength, a table that is linear between its rows, in any unit:"
        " only the shape acts. It is fixed in wavelength when the band moves. It multiplies that of a black body.",
        symbol=f"s_{star}",
        units="",
        bounds=bounds.SPECTRUM,
        kinds=in_systems(IN_EVERY_SPEC),
        origin=Constant(1.0, "illustrative: flat"),
        size=Elements(f"spectrum_{star.lower()}_rows"),
        effect="spectra",
    )


SPECTRUM_A: Final = _spectrum("A")
SPECTRUM_B: Final = _spectrum("B")
SPECTRUM_A_WAVELENGTHS: Final = table_wavelengths(SPECTRUM_A, LEAST_MEAN)
SPECTRUM_B_WAVELENGTHS: Final = table_wavelengths(SPECTRUM_B, LEAST_MEAN)


def _multiply_by_spectra(spectra: Spectra, values: Values) -> Spectra:
    of_a = Curve(values[SPECTRUM_A_WAVELENGTHS.key], values[SPECTRUM_A.key])
    of_b = Curve(values[SPECTRUM_B_WAVELENGTHS.key], values[SPECTRUM_B.key])
    return spectra._replace(star_a=spectra.star_a.times(of_a), star_b=spectra.star_b.times(of_b))


_TABLES: Final = (SPECTRUM_A_WAVELENGTHS, SPECTRUM_B_WAVELENGTHS)


EFFECT: Final = OptionalEffect(
    name="spectra",
    doc="A spectrum for each star, from a table.",
    parameters=(
        SPECTRUM_A,
        SPECTRUM_A_WAVELENGTHS,
        SPECTRUM_B,
        SPECTRUM_B_WAVELENGTHS,
        EFFECTIVE_WAVELENGTH_A,
        EFFECTIVE_WAVELENGTH_B,
    ),
    hook=BandHook((SPECTRUM_A, SPECTRUM_B, *_TABLES), _multiply_by_spectra, _TABLES),
    config_fields=("spectrum_a_rows", "spectrum_b_rows"),
    replaces=OF_A_FLAT_BAND,
)
