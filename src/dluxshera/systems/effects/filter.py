"""The transmission curve of the filter, from a table."""

from __future__ import annotations

from typing import Final

from dluxshera.optics import Curve
from dluxshera.systems import transforms
from dluxshera.systems.effects.curve_rows import table_wavelengths
from dluxshera.systems.effects.effective_wavelengths import (
    EFFECTIVE_WAVELENGTH_A,
    EFFECTIVE_WAVELENGTH_B,
    OF_A_FLAT_BAND,
)
from dluxshera.systems.effects.hooks import BandHook, Spectra, Values
from dluxshera.systems.effects.optional_effect import OptionalEffect
from dluxshera.systems.parameters import bounds
from dluxshera.systems.parameters.kinds import FORWARD_DERIVED, IN_EVERY_SPEC, in_systems
from dluxshera.systems.parameters.origins import Constant, NoDefault
from dluxshera.systems.parameters.record import Computation, Elements, Parameter

TRANSMISSION: Final = Parameter(
    key="band.transmission",
    title="Transmission",
    doc="Transmission of the filter, a table that is linear between its rows. It belongs to the instrument and is fixed"
    " in wavelength: centre and width of the band choose the part of it that counts.",
    symbol=r"\tau",
    units="",
    bounds=bounds.FRACTION,
    kinds=in_systems(IN_EVERY_SPEC),
    origin=Constant(1.0, "illustrative: a top hat"),
    size=Elements("transmission_rows"),
    effect="filter",
)

TRANSMISSION_WAVELENGTHS: Final = table_wavelengths(TRANSMISSION, bounds.LEAST_EFFICIENCY)
MEAN_TRANSMISSION: Final = Parameter(
    key="band.mean_transmission",
    title="Mean transmission",
    doc="Mean of the filter's transmission across the band, by which it lowers the flux.",
    symbol=r"\bar\tau",
    units="",
    bounds=bounds.EFFICIENCY,
    kinds=in_systems(FORWARD_DERIVED),
    origin=NoDefault(),
    computed=in_systems(
        Computation(
            transforms.mean_transmission,
            ("band.wavelength_m", "band.bandwidth_m", TRANSMISSION.key, TRANSMISSION_WAVELENGTHS.key),
            r"\bar\tau = \frac{1}{\Delta\lambda}"
            r" \int_{\lambda - \Delta\lambda/2}^{\lambda + \Delta\lambda/2} \tau \, d\lambda'",
        )
    ),
    acts_on=(),
    effect="filter",
)


def _multiply_by_transmission(spectra: Spectra, values: Values) -> Spectra:
    curve = Curve(values[TRANSMISSION_WAVELENGTHS.key], values[TRANSMISSION.key])
    return Spectra(*(spectrum.times(curve) for spectrum in spectra))


EFFECT: Final = OptionalEffect(
    name="filter",
    doc="A filter curve, from a table, instead of a top hat.",
    parameters=(
        TRANSMISSION,
        TRANSMISSION_WAVELENGTHS,
        MEAN_TRANSMISSION,
        EFFECTIVE_WAVELENGTH_A,
        EFFECTIVE_WAVELENGTH_B,
    ),
    hook=BandHook((TRANSMISSION, TRANSMISSION_WAVELENGTHS), _multiply_by_transmission, (TRANSMISSION_WAVELENGTHS,)),
    config_fields=("transmission_rows",),
    replaces=OF_A_FLAT_BAND,
)
