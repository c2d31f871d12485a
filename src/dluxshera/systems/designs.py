"""Named point designs and targets: SHERA's flight telescope and testbed, and the binaries that it observes."""

from __future__ import annotations

from dataclasses import dataclass

from dluxshera.systems.config import SheraThreePlaneConfig, ThreePlaneDesign


@dataclass(frozen=True)
class Target:
    """A binary star, as catalogues have it before the observation.

    Parameters
    ----------
    name : str
    separation_as, position_angle_deg : float
        For the epoch in `source`.
    contrast : float
        Flux ratio A / B in the band.
    spectral_flux_density : float
        Of both stars together at the pupil, photons per second, square metre of area and metre of bandwidth.
    source : str
        Where the values come from.
    """

    name: str
    separation_as: float
    position_angle_deg: float
    contrast: float
    spectral_flux_density: float
    source: str


ALPHA_CEN = Target(
    name="alpha Cen",
    separation_as=9.765,
    position_angle_deg=14.508,
    contrast=3.461,
    spectral_flux_density=1.7227e17,
    source="Epoch 2027 orbit; flux density from the TOLIMAN spreadsheet (the V magnitudes would give 1.29e17);"
    " flux ratio from V 0.002 and 1.350 (other sources 3.37, 3.22)",
)

SHERA_FLIGHT_CONFIG = SheraThreePlaneConfig(
    name="shera_flight",
    design=ThreePlaneDesign(
        m1_diameter_m=0.220,
        m2_diameter_m=0.025,
        m1_focal_length_m=0.604353,
        m2_focal_length_m=-0.0545,
        m1_m2_separation_m=0.554130,
        pixel_pitch_m=4.6e-6,
        wavelength_m=550e-9,
        bandwidth_m=41e-9,
        throughput=0.85,
    ),
    obscuration=0.025 / 0.220,
    n_struts=3,
    strut_width=0.002 / 0.220,
    strut_rotation_deg=-90.0,
)

SHERA_TESTBED_CONFIG = SheraThreePlaneConfig(
    name="shera_testbed",
    design=ThreePlaneDesign(
        m1_diameter_m=0.090,
        m2_diameter_m=0.025,
        m1_focal_length_m=0.357960,
        m2_focal_length_m=-0.041935,
        m1_m2_separation_m=0.320000,
        pixel_pitch_m=6.5e-6,
        wavelength_m=550e-9,
        bandwidth_m=110e-9,
        throughput=0.85,
    ),
    obscuration=0.025 / 0.090,
    n_struts=4,
    strut_width=0.002 / 0.090,
    strut_rotation_deg=45.0,
    pixel_nodes=3,  # its pixels are wider than the flight's, in units of wavelength / diameter
)
