"""Named detectors: those of SHERA's flight telescope and testbed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Detector:
    """What a detector's makers and users say of it.

    Parameters
    ----------
    name : str
    pixel_pitch_m : float
    read_noise : float
        Standard deviation per pixel and frame, electrons.
    dark_current : float
        Electrons per pixel and second.
    full_well : float
        Electrons per pixel.
    quantum_efficiency : float or None
        Electrons per photon in the band; None where the sources say none.
    gain : float
        Electrons per data number.
    source : str
        Where the values come from, and which are illustrative.
    """

    name: str
    pixel_pitch_m: float
    read_noise: float
    dark_current: float
    full_well: float
    quantum_efficiency: float | None
    gain: float
    source: str


HWK4123: Final = Detector(
    name="HWK4123",
    pixel_pitch_m=4.6e-6,
    read_noise=0.5,
    dark_current=2.0,
    full_well=7e3,
    quantum_efficiency=0.85,
    gain=7e3 / 2**12,
    source="SHERA flight design; the gain is illustrative: the full well over 12 bits",
)
GSENSE2020BSI: Final = Detector(
    name="GSENSE2020BSI",
    pixel_pitch_m=6.5e-6,
    read_noise=1.6,
    dark_current=0.07,
    full_well=55e3,
    quantum_efficiency=None,
    gain=55e3 / 2**12,
    source="SHERA testbed design; the gain is illustrative: the full well over 12 bits",
)

DETECTORS: Final[dict[str, Detector]] = {detector.name: detector for detector in (HWK4123, GSENSE2020BSI)}
