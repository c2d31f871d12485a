"""Named detectors, targets and point designs: SHERA's flight telescope and testbed, and the binaries that it observes.

The packaged profiles are generated from these values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from dluxshera.systems.config import (
    SheraConfig,
    SheraFourPlaneConfig,
    SheraThreePlaneConfig,
    SheraTwoPlaneConfig,
)
from dluxshera.systems.design import FourPlaneDesign, ThreePlaneDesign, TwoPlaneDesign


@dataclass(frozen=True)
class Detector:
    """Detector as its data sheet and the SHERA design describe it.

    Parameters
    ----------
    name : str
        Name of the product.
    pixel_pitch_m : float
        Distance between the centres of neighbouring pixels.
    read_noise : float
        Standard deviation per pixel and frame, electrons.
    dark_current : float
        Electrons per pixel and second.
    full_well : float
        Electrons per pixel.
    quantum_efficiency : float or None
        Electrons per photon in the band; None where the sources state none.
    gain : float
        Electrons per data number.
    source : str
        Source of the values, and which of them are illustrative.
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

ZERO_POINT: Final = 1.005e17  # photons per second, square metre and metre of bandwidth from a star of V = 0


@dataclass(frozen=True)
class Target:
    """Binary star, as catalogues describe it before the observation.

    Parameters
    ----------
    name : str
        Usual name of the star.
    separation_as, position_angle_deg : float
        Separation, arcsec, and position angle, degrees, at the epoch in `source`.
    contrast : float
        Flux ratio A / B in the band.
    spectral_flux_density : float
        Photons of both stars together at the pupil per second, square metre of area and metre of bandwidth.
    source : str
        Source of the values.
    v_a, v_b : float
        V magnitudes of stars A and B.
    spectral_types : str
        Spectral types of A and B, with a slash between them.
    temperature_a_k, temperature_b_k : float
        Effective temperatures of A and B.
    image_npix : int
        Pixels across an image that holds both patterns at the flight plate scale.
    """

    name: str
    separation_as: float
    position_angle_deg: float
    contrast: float
    spectral_flux_density: float
    source: str
    v_a: float
    v_b: float
    spectral_types: str
    temperature_a_k: float
    temperature_b_k: float
    image_npix: int = 256


# Effective temperatures of dwarfs by spectral type, in round numbers of the usual main-sequence tables: illustrative.
DWARFS: Final = {
    "G1.5V": 5815.0,
    "G2V": 5770.0,
    "G8V": 5480.0,
    "K0V": 5270.0,
    "K0.5V": 5220.0,
    "K1V": 5170.0,
    "K2V": 5100.0,
    "K4V": 4600.0,
    "K5V": 4440.0,
    "K7V": 4050.0,
}


def target_from_magnitudes(
    name: str, separation_as: float, position_angle_deg: float, v_a: float, v_b: float, spectral_types: str, **more: Any
) -> Target:
    """Return a target whose flux density and flux ratio follow from the V magnitudes and the zero point.

    Parameters
    ----------
    name : str
        Usual name of the star.
    separation_as, position_angle_deg : float
        Separation, arcsec, and position angle, degrees, in 2027.
    v_a, v_b : float
        V magnitudes of stars A and B.
    spectral_types : str
        Spectral types of A and B among those of `DWARFS`, with a slash between them.
    **more
        Other attributes of `Target`, such as `image_npix`.
    """
    type_a, type_b = spectral_types.split("/")
    return Target(
        name=name,
        separation_as=separation_as,
        position_angle_deg=position_angle_deg,
        contrast=10 ** (0.4 * (v_b - v_a)),
        spectral_flux_density=ZERO_POINT * (10 ** (-0.4 * v_a) + 10 ** (-0.4 * v_b)),
        source=f"Epoch 2027; flux density from V {v_a:.3f} and {v_b:.3f} with {ZERO_POINT:g} ph/s/m^2/m at V = 0; flux"
        " ratio from the same magnitudes",
        v_a=v_a,
        v_b=v_b,
        spectral_types=spectral_types,
        temperature_a_k=DWARFS[type_a],
        temperature_b_k=DWARFS[type_b],
        **more,
    )


ALPHA_CEN = Target(
    name="alpha Cen",
    separation_as=9.765,
    position_angle_deg=14.508,
    contrast=3.461,
    spectral_flux_density=1.7227e17,
    source="Epoch 2027 orbit; flux density from the TOLIMAN spreadsheet (the V magnitudes would give 1.29e17);"
    " flux ratio from V 0.002 and 1.350 (other sources 3.37, 3.22)",
    v_a=0.002,
    v_b=1.350,
    spectral_types="G2V/K1V",
    temperature_a_k=DWARFS["G2V"],
    temperature_b_k=DWARFS["K1V"],
)

TARGETS: Final[dict[str, Target]] = {
    target.name: target
    for target in (
        ALPHA_CEN,
        target_from_magnitudes("61 Cyg", 32.185, 154.399, 5.211, 6.043, "K5V/K7V", image_npix=448),
        target_from_magnitudes("70 Oph", 6.714, 115.704, 4.220, 6.061, "K0V/K4V"),
        target_from_magnitudes("36 Oph", 5.236, 137.129, 5.070, 5.110, "K1V/K1V"),
        target_from_magnitudes("xi Boo", 4.690, 286.461, 4.540, 6.979, "G8V/K5V"),
        target_from_magnitudes("p Eri", 11.444, 184.024, 5.764, 5.876, "K2V/K2V", image_npix=288),
        target_from_magnitudes("HR 2667/8", 21.916, 123.243, 5.560, 6.830, "G1.5V/K0.5V", image_npix=360),
    )
}


def _of_detector(detector: Detector) -> dict[str, float]:
    return dict(full_well=detector.full_well, dark_current=detector.dark_current, read_noise=detector.read_noise)


_FLIGHT: Final[dict[str, Any]] = dict(
    m1_diameter_m=0.220,
    pixel_pitch_m=4.6e-6,
    wavelength_m=550e-9,
    bandwidth_m=41e-9,
    throughput=0.85,
    **_of_detector(HWK4123),
)
_FLIGHT_MIRRORS: Final[dict[str, Any]] = dict(
    m2_diameter_m=0.025, m1_focal_length_m=0.604353, m2_focal_length_m=-0.0545, m1_m2_separation_m=0.554130
)
_FLIGHT_DETECTOR: Final = (
    ("full_well", "HWK4123: 7 ke-"),
    ("dark_current", "HWK4123: 2 e-/s"),
    ("read_noise", "HWK4123: 0.5 e-"),
)
_FLIGHT_STRUCTURE: Final[dict[str, Any]] = dict(
    obscuration=0.025 / 0.220, n_struts=3, strut_width=0.002 / 0.220, strut_rotation_deg=-90.0
)
_TESTBED: Final[dict[str, Any]] = dict(
    m1_diameter_m=0.090,
    pixel_pitch_m=6.5e-6,
    wavelength_m=550e-9,
    bandwidth_m=110e-9,
    throughput=0.85,
    **_of_detector(GSENSE2020BSI),
)
_TESTBED_DETECTOR: Final = (
    ("full_well", "GSENSE2020BSI: 55 ke-"),
    ("dark_current", "GSENSE2020BSI: 0.07 e-/s"),
    ("read_noise", "GSENSE2020BSI: 1.6 e-"),
)
_TESTBED_STRUCTURE: Final[dict[str, Any]] = dict(
    obscuration=0.025 / 0.090,
    n_struts=4,
    strut_width=0.002 / 0.090,
    strut_rotation_deg=45.0,
)
_TWO_PLANE_SCALE: Final = ("plate_scale_as_per_pix", "SHERA public design, two-plane model")

SHERA_FLIGHT_CONFIG = SheraThreePlaneConfig(
    name="shera_flight",
    design=ThreePlaneDesign(**_FLIGHT, **_FLIGHT_MIRRORS, sources=_FLIGHT_DETECTOR),
    **_FLIGHT_STRUCTURE,
)
SHERA_TESTBED_CONFIG = SheraThreePlaneConfig(
    name="shera_testbed",
    design=ThreePlaneDesign(
        **_TESTBED,
        m2_diameter_m=0.025,
        m1_focal_length_m=0.357960,
        m2_focal_length_m=-0.041935,
        m1_m2_separation_m=0.320000,
        sources=_TESTBED_DETECTOR,
    ),
    **_TESTBED_STRUCTURE,
)
SHERA_TWOPLANE_FLIGHT_CONFIG = SheraTwoPlaneConfig(
    name="shera_twoplane_flight",
    design=TwoPlaneDesign(**_FLIGHT, plate_scale_as_per_pix=0.123, sources=(*_FLIGHT_DETECTOR, _TWO_PLANE_SCALE)),
    **_FLIGHT_STRUCTURE,
)
SHERA_TWOPLANE_TESTBED_CONFIG = SheraTwoPlaneConfig(
    name="shera_twoplane_testbed",
    design=TwoPlaneDesign(**_TESTBED, plate_scale_as_per_pix=0.3547, sources=(*_TESTBED_DETECTOR, _TWO_PLANE_SCALE)),
    **_TESTBED_STRUCTURE,
)
SHERA_FOURPLANE_EXAMPLE_CONFIG = SheraFourPlaneConfig(
    name="shera_fourplane_example",  # the flight telescope with a flat filter in the converging beam
    design=FourPlaneDesign(
        **_FLIGHT,
        **_FLIGHT_MIRRORS,
        m3_diameter_m=0.025,
        m3_power_per_m=0.0,
        m2_m3_separation_m=0.5,
        sources=_FLIGHT_DETECTOR,
    ),
    **_FLIGHT_STRUCTURE,
)

CONFIGS: Final[dict[str, SheraConfig]] = {
    config.name: config
    for config in (
        SHERA_FLIGHT_CONFIG,
        SHERA_TESTBED_CONFIG,
        SHERA_TWOPLANE_FLIGHT_CONFIG,
        SHERA_TWOPLANE_TESTBED_CONFIG,
        SHERA_FOURPLANE_EXAMPLE_CONFIG,
    )
}
