"""The scales of the image: focal length, plate scale, defocus and diffraction limit."""

from __future__ import annotations

from typing import Final

from dluxshera.systems import transforms
from dluxshera.systems.parameters import bounds
from dluxshera.systems.parameters.kinds import FOLLOWS_GEOMETRY, FORWARD_DERIVED, SpecKinds, in_systems
from dluxshera.systems.parameters.origins import DesignAttribute, ForwardSpec, NoDefault
from dluxshera.systems.parameters.record import Computation, Parameter
from dluxshera.systems.planes import FOUR_PLANE, THREE_PLANE, TWO_PLANE

_TO_M2 = ("system.m1_focal_length_m", "system.m2_focal_length_m", "system.m1_m2_separation_m")
_TO_M3 = (*_TO_M2, "system.m2_m3_separation_m", "system.m3_power_per_m")
M2_TO_DETECTOR: Final = (*_TO_M2, "system.m2_detector_separation_m")
M3_TO_DETECTOR: Final = (*_TO_M3, "system.m3_detector_separation_m")

_POWER_OF_MIRRORS = r"\frac{1}{f_1} + \frac{1}{f_2} - \frac{s}{f_1 f_2}"
_DEFOCUS = r"w_4 = \frac{A D^2}{16 \sqrt{3}\, B}, \quad "
_A3 = r"A_3 = 1 - \frac{s}{f_1} - \frac{s_2}{f_{12}}"
_B3 = r"B_3 = s + s_2 \left(1 - \frac{s}{f_2}\right)"

FOCAL_LENGTH: Final = Parameter(
    key="system.focal_length_m",
    title="Effective focal length",
    doc="Focal length of all surfaces together, once refocused.",
    symbol="f",
    units="m",
    bounds=bounds.FOCAL_LENGTH,
    kinds={
        TWO_PLANE: SpecKinds(forward="derived", physics_inference="primitive"),
        **in_systems(FOLLOWS_GEOMETRY, surfaces=1),
    },
    origin=ForwardSpec(),
    computed={
        TWO_PLANE: Computation(
            transforms.focal_length_from_plate_scale,
            ("system.pixel_pitch_m", "system.plate_scale_as_per_pix"),
            r"f = p / \theta_p",
        ),
        THREE_PLANE: Computation(transforms.effective_focal_length, _TO_M2, rf"\frac{{1}}{{f}} = {_POWER_OF_MIRRORS}"),
        FOUR_PLANE: Computation(
            transforms.four_plane_focal_length,
            _TO_M3,
            rf"\frac{{1}}{{f}} = \frac{{1}}{{f_{{12}}}} + P_3 A_3, \quad \frac{{1}}{{f_{{12}}}} = {_POWER_OF_MIRRORS},"
            rf" \quad {_A3}",
        ),
    },
    acts_on=(),
)
FOCAL_RATIO: Final = Parameter(
    key="system.focal_ratio",
    title="Focal ratio",
    doc="Effective focal length over M1 diameter.",
    symbol="N",
    units="",
    bounds=bounds.FOCAL_RATIO,
    kinds=in_systems(FOLLOWS_GEOMETRY),
    origin=NoDefault(),
    computed=in_systems(
        Computation(transforms.focal_ratio, ("system.focal_length_m", "system.m1_diameter_m"), "N = f / D")
    ),
    acts_on=(),
)
PLATE_SCALE: Final = Parameter(
    key="system.plate_scale_as_per_pix",
    title="Plate scale",
    doc="Angle on the sky that a pixel of the image spans, with the detector where it is.",
    symbol=r"\theta_p",
    units="arcsec/pixel",
    bounds=bounds.PLATE_SCALE,
    kinds={
        TWO_PLANE: SpecKinds(forward="primitive", inference="primitive", physics_inference="derived"),
        **in_systems(SpecKinds(forward="derived", inference="primitive", physics_inference="derived"), surfaces=1),
    },
    origin=DesignAttribute(),
    computed={
        TWO_PLANE: Computation(
            transforms.refocused_plate_scale,
            ("system.pixel_pitch_m", "system.focal_length_m"),
            r"\theta_p = p / f",
        ),
        THREE_PLANE: Computation(
            transforms.image_plate_scale,
            ("system.pixel_pitch_m", *M2_TO_DETECTOR),
            r"\theta_p = p / B, \quad B = s + L \left(1 - \frac{s}{f_2}\right)",
        ),
        FOUR_PLANE: Computation(
            transforms.four_plane_image_plate_scale,
            ("system.pixel_pitch_m", *M3_TO_DETECTOR),
            r"\theta_p = p / B, \quad B = B_3 + L_3 \left(1 - \frac{s}{f_2} - P_3 B_3\right), \quad " + _B3,
        ),
    },
    relative_prior_sigma=1e-4,
)
REFOCUSED_PLATE_SCALE: Final = Parameter(
    key="system.refocused_plate_scale_as_per_pix",
    title="Refocused plate scale",
    doc="Plate scale that the telescope would have once refocused. Its derivatives are not those of a detector"
    " that stays where it is: use the plate scale for stability.",
    symbol=r"\theta_p^{\mathrm{ref}}",
    units="arcsec/pixel",
    bounds=bounds.REFOCUSED,
    kinds=in_systems(FOLLOWS_GEOMETRY, surfaces=1),
    origin=NoDefault(),
    computed=in_systems(
        Computation(
            transforms.refocused_plate_scale,
            ("system.pixel_pitch_m", "system.focal_length_m"),
            r"\theta_p^{\mathrm{ref}} = p / f",
        ),
        surfaces=1,
    ),
    acts_on=(),
)
DEFOCUS: Final = Parameter(
    key="system.defocus_nm",
    title="Defocus of the relay",
    doc="Rms OPD over the full pupil of the defocus that the geometry leaves at the detector; positive where"
    " the OPD grows towards the edge. Zero in focus.",
    symbol="w_4",
    units="nm",
    bounds=bounds.DEFOCUS,
    kinds=in_systems(FOLLOWS_GEOMETRY, surfaces=1),
    origin=NoDefault(),
    computed={
        THREE_PLANE: Computation(
            transforms.relay_defocus,
            ("system.m1_diameter_m", *M2_TO_DETECTOR),
            rf"{_DEFOCUS}A = 1 - \frac{{s}}{{f_1}} - L \left({_POWER_OF_MIRRORS}\right)",
        ),
        FOUR_PLANE: Computation(
            transforms.four_plane_defocus,
            ("system.m1_diameter_m", *M3_TO_DETECTOR),
            rf"{_DEFOCUS}A = A_3 - L_3 / f, \quad {_A3}",
        ),
    },
)
DIFFRACTION_LIMIT: Final = Parameter(
    key="system.diffraction_limit_as",
    title="Diffraction limit",
    doc="Effective wavelength over the pupil's diameter: the angle that sets the size of a diffraction pattern.",
    symbol=r"\theta_d",
    units="arcsec",
    bounds=bounds.RESOLUTION,
    kinds=in_systems(FORWARD_DERIVED),
    origin=NoDefault(),
    computed=in_systems(
        Computation(
            transforms.diffraction_limit,
            ("band.effective_wavelength_m", "system.m1_diameter_m"),
            r"\theta_d = \lambda_\mathrm{eff} / D",
        )
    ),
    acts_on=(),
)
