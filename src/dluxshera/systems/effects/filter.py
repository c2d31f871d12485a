"""A sampled transmission curve of the filter."""

from __future__ import annotations

from typing import Final

from dluxshera.params import Bounds
from dluxshera.systems.effects.effective_wavelengths import (
    EFFECTIVE_WAVELENGTH_A,
    EFFECTIVE_WAVELENGTH_B,
    OF_A_FLAT_BAND,
)
from dluxshera.systems.effects.hooks import BandHook, Spectra, Values
from dluxshera.systems.effects.optional_effect import OptionalEffect
from dluxshera.systems.parameters.kinds import IN_EVERY_SPEC, in_systems
from dluxshera.systems.parameters.origins import Constant
from dluxshera.systems.parameters.record import Elements, Parameter

TRANSMISSION: Final = Parameter(
    key="band.transmission",
    title="Transmission",
    doc="Transmission of the filter at evenly spaced points from edge to edge of the band, linear between them.",
    symbol=r"\tau",
    units="",
    bounds=Bounds(minimum=0, maximum=1),
    kinds=in_systems(IN_EVERY_SPEC),
    origin=Constant(1.0, "illustrative: a top hat"),
    size=Elements("curve_samples"),
    effect="filter",
)


def _multiply_by_transmission(spectra: Spectra, values: Values) -> Spectra:
    from dluxshera.optics import sampled_curve

    curve = sampled_curve(values[TRANSMISSION.key], spectra.positions)
    return spectra._replace(transmission=spectra.transmission * curve)


EFFECT: Final = OptionalEffect(
    name="filter",
    doc="A sampled filter curve, from a table, instead of a top hat.",
    parameters=(TRANSMISSION, EFFECTIVE_WAVELENGTH_A, EFFECTIVE_WAVELENGTH_B),
    hook=BandHook((TRANSMISSION,), _multiply_by_transmission),
    config_fields=("curve_samples",),
    replaces=OF_A_FLAT_BAND,
)
