"""The binary star: positions and fluxes of the two stars."""

from __future__ import annotations

from typing import Final

from dluxshera.systems import transforms
from dluxshera.systems.parameters import bounds
from dluxshera.systems.parameters.kinds import FORWARD_DERIVED, FORWARD_PRIMITIVE, IN_EVERY_SPEC, SpecKinds, in_systems
from dluxshera.systems.parameters.origins import Constant, ForwardSpec, NoDefault, TargetAttribute
from dluxshera.systems.parameters.record import Computation, Parameter

SEPARATION: Final = Parameter(
    key="binary.separation_as",
    title="Separation",
    doc="Angle between the two stars: the quantity that SHERA measures.",
    symbol=r"\rho",
    units="arcsec",
    bounds=bounds.SEPARATION,
    kinds=in_systems(IN_EVERY_SPEC),
    origin=TargetAttribute(),
    prior_sigma=0.010,
)
POSITION_ANGLE: Final = Parameter(
    key="binary.position_angle_deg",
    title="Position angle",
    doc="Direction of star B seen from star A, from +y (North) towards +x (East).",
    symbol=r"\phi",
    units="deg",
    bounds=bounds.POSITION_ANGLE,
    period=360.0,
    kinds=in_systems(IN_EVERY_SPEC),
    origin=TargetAttribute(),
    prior_sigma=0.05,
)
X_POSITION: Final = Parameter(
    key="binary.x_position_as",
    title="x position",
    doc="Midpoint of the pair from the centre of the image; +x is a growing column.",
    symbol="x_0",
    units="arcsec",
    bounds=bounds.POSITION,
    kinds=in_systems(IN_EVERY_SPEC),
    origin=Constant(0.0, "design: centred"),
    prior_sigma=0.020,
)
Y_POSITION: Final = Parameter(
    key="binary.y_position_as",
    title="y position",
    doc="Midpoint of the pair from the centre of the image; +y is a growing row.",
    symbol="y_0",
    units="arcsec",
    bounds=bounds.POSITION,
    kinds=in_systems(IN_EVERY_SPEC),
    origin=Constant(0.0, "design: centred"),
    prior_sigma=0.020,
)
LOG_FLUX: Final = Parameter(
    key="binary.log_flux_total",
    title="Total flux",
    doc="Decimal logarithm of the photons detected from both stars in one exposure through the real aperture,"
    " before any light is lost beyond the pupil or outside the image.",
    symbol=r"\log_{10} F",
    units="ph",
    scale="log10",
    bounds=bounds.LOG_PHOTONS,
    kinds=in_systems(SpecKinds(forward="derived", inference="primitive", physics_inference="primitive")),
    origin=ForwardSpec(),
    computed=in_systems(
        Computation(
            transforms.log_photons,
            (
                "binary.spectral_flux_density",
                "imaging.throughput",
                "imaging.exposure_time_s",
                "band.bandwidth_m",
                "system.m1_diameter_m",
                "system.open_area_fraction",
            ),
            r"F = f \, \eta \, t \, \Delta\lambda \, a \, \frac{\pi D^2}{4}",
            optional=("band.mean_transmission",),
        )
    ),
    prior_sigma=0.02,
)
CONTRAST: Final = Parameter(
    key="binary.contrast",
    title="Flux ratio",
    doc="Flux of star A over that of star B, in the band.",
    symbol="c",
    units="",
    bounds=bounds.RATIO,
    kinds=in_systems(IN_EVERY_SPEC),
    origin=TargetAttribute(),
    prior_sigma=0.1,
)
FLUX_DENSITY: Final = Parameter(
    key="binary.spectral_flux_density",
    title="Spectral flux density",
    doc="Photons of both stars together at the pupil, per second, square metre of area and metre of bandwidth.",
    symbol="f",
    units="ph.s**-1.m**-3",
    bounds=bounds.FLUX_DENSITY,
    kinds=in_systems(FORWARD_PRIMITIVE),
    origin=TargetAttribute(),
)
LOG_FLUX_A: Final = Parameter(
    key="binary.log_flux_a",
    title="Flux of star A",
    doc="Decimal logarithm of the photons detected from star A in one exposure, as the total flux counts them.",
    symbol=r"\log_{10} F_A",
    units="ph",
    scale="log10",
    bounds=bounds.LOG_PHOTONS,
    kinds=in_systems(FORWARD_DERIVED),
    origin=NoDefault(),
    computed=in_systems(
        Computation(
            transforms.log_photons_of_a,
            ("binary.log_flux_total", "binary.contrast"),
            r"F_A = F \, c / (1 + c)",
        )
    ),
    acts_on=(),
)
LOG_FLUX_B: Final = Parameter(
    key="binary.log_flux_b",
    title="Flux of star B",
    doc="Decimal logarithm of the photons detected from star B in one exposure, as the total flux counts them.",
    symbol=r"\log_{10} F_B",
    units="ph",
    scale="log10",
    bounds=bounds.LOG_PHOTONS,
    kinds=in_systems(FORWARD_DERIVED),
    origin=NoDefault(),
    computed=in_systems(
        Computation(
            transforms.log_photons_of_b,
            ("binary.log_flux_total", "binary.contrast"),
            r"F_B = F / (1 + c)",
        )
    ),
    acts_on=(),
)
