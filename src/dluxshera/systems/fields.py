"""Every parameter of the SHERA systems, described once; the specs say which of them are set and which computed.

Those of optional effects stand in `dluxshera.systems.effect_fields`.
`acts_on` says here what the image itself reads; in a spec, what an acting derived value is computed from acts as well.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from dluxshera.params import Bounds, ParamField
from dluxshera.systems import effect_fields

SEPARATION: Final = "binary.separation_as"
POSITION_ANGLE: Final = "binary.position_angle_deg"
X_POSITION: Final = "binary.x_position_as"
Y_POSITION: Final = "binary.y_position_as"
CONTRAST: Final = "binary.contrast"
FLUX_DENSITY: Final = "binary.spectral_flux_density"
LOG_FLUX: Final = "binary.log_flux_total"
LOG_FLUX_A: Final = "binary.log_flux_a"
LOG_FLUX_B: Final = "binary.log_flux_b"
M1_DIAMETER: Final = "system.m1_diameter_m"
M2_DIAMETER: Final = "system.m2_diameter_m"
M1_FOCAL_LENGTH: Final = "system.m1_focal_length_m"
M2_FOCAL_LENGTH: Final = "system.m2_focal_length_m"
M1_M2_SEPARATION: Final = "system.m1_m2_separation_m"
M2_DETECTOR_SEPARATION: Final = "system.m2_detector_separation_m"
M2_M3_SEPARATION: Final = "system.m2_m3_separation_m"
M3_DIAMETER: Final = "system.m3_diameter_m"
M3_POWER: Final = "system.m3_power_per_m"
M3_DETECTOR_SEPARATION: Final = "system.m3_detector_separation_m"
PIXEL_PITCH: Final = "system.pixel_pitch_m"
OPEN_FRACTION: Final = "system.open_area_fraction"
OPEN_AREA: Final = "system.open_area_m2"
FOCAL_LENGTH: Final = "system.focal_length_m"
FOCAL_RATIO: Final = "system.focal_ratio"
PLATE_SCALE: Final = "system.plate_scale_as_per_pix"
REFOCUSED_PLATE_SCALE: Final = "system.refocused_plate_scale_as_per_pix"
DEFOCUS: Final = "system.defocus_nm"
DIFFRACTION_LIMIT: Final = "system.diffraction_limit_as"
M1_ZERNIKES: Final = "primary.zernike_coeffs_nm"
M2_ZERNIKES: Final = "secondary.zernike_coeffs_nm"
M3_ZERNIKES: Final = "tertiary.zernike_coeffs_nm"
WAVELENGTH: Final = "band.wavelength_m"
BANDWIDTH: Final = "band.bandwidth_m"
EFFECTIVE_WAVELENGTH: Final = "band.effective_wavelength_m"
EXPOSURE_TIME: Final = "imaging.exposure_time_s"
FRAME_TIME: Final = "imaging.frame_time_s"
THROUGHPUT: Final = "imaging.throughput"
FULL_WELL: Final = "imaging.full_well"
PEAK_FRACTION: Final = "imaging.peak_fraction"
FRAME_PHOTONS: Final = "imaging.photons_per_frame"
PEAK_PHOTONS: Final = "imaging.peak_photons_per_frame"
FULL_WELL_MARGIN: Final = "imaging.full_well_margin"

GROUPS: Final = (
    ("binary", "Binary star", "Where the two stars stand and how bright they are."),
    ("system", "Telescope geometry", "Diameters, focal lengths and distances, and the image scale that follows."),
    ("primary", "Primary mirror", "Aberrations of M1, the pupil of the telescope."),
    ("secondary", "Secondary mirror", "Aberrations of M2, on M2's own circle."),
    ("tertiary", "Tertiary surface", "Aberrations of the surface behind M2, on its own circle."),
    ("band", "Band", "The filter."),
    ("imaging", "Imaging", "Exposure, throughput, motion, and how full the detector's pixels become."),
    ("field", "Light besides the binary", "Field stars, ghosts of the two stars, and a uniform background."),
    ("detector", "Detector", "Pixels that are off their places or respond unevenly, dark current and read noise."),
)

_POSITIVE = Bounds(exclusive_minimum=0)
_DESIGN = "SHERA public design"

FieldMaker = Callable[..., ParamField]

_SAID: Final[dict[str, dict[str, Any]]] = {
    SEPARATION: dict(
        title="Separation",
        doc="Angle between the two stars: the quantity that SHERA measures.",
        units="arcsec",
        bounds=_POSITIVE,
        symbol=r"\rho",
    ),
    POSITION_ANGLE: dict(
        title="Position angle",
        doc="Direction of star B seen from star A, from +y (North) towards +x (East).",
        units="deg",
        bounds=Bounds(minimum=-360, maximum=360),
        symbol=r"\phi",
    ),
    X_POSITION: dict(
        title="x position",
        doc="Midpoint of the pair from the centre of the image; +x is a growing column.",
        units="arcsec",
        symbol="x_0",
        source="design: centred",
    ),
    Y_POSITION: dict(
        title="y position",
        doc="Midpoint of the pair from the centre of the image; +y is a growing row.",
        units="arcsec",
        symbol="y_0",
        source="design: centred",
    ),
    CONTRAST: dict(
        title="Flux ratio",
        doc="Flux of star A over that of star B, in the band.",
        bounds=_POSITIVE,
        symbol="c",
    ),
    FLUX_DENSITY: dict(
        title="Spectral flux density",
        doc="Photons of both stars together at the pupil, per second, square metre of area and metre of bandwidth.",
        units="ph.s**-1.m**-3",
        bounds=_POSITIVE,
        symbol="f",
    ),
    LOG_FLUX: dict(
        title="Total flux",
        doc="Decimal logarithm of the photons detected from both stars in one exposure through the real aperture,"
        " before any light is lost beyond the pupil or outside the image.",
        units="ph",
        scale="log10",
        symbol=r"\log_{10} F",
        equation=r"F = f \, \eta \, t \, \Delta\lambda \, a \, \frac{\pi D^2}{4}",
    ),
    LOG_FLUX_A: dict(
        title="Flux of star A",
        doc="Decimal logarithm of the photons detected from star A in one exposure, as the total flux counts them.",
        units="ph",
        scale="log10",
        symbol=r"\log_{10} F_A",
        equation=r"F_A = F \, c / (1 + c)",
        acts_on=(),
    ),
    LOG_FLUX_B: dict(
        title="Flux of star B",
        doc="Decimal logarithm of the photons detected from star B in one exposure, as the total flux counts them.",
        units="ph",
        scale="log10",
        symbol=r"\log_{10} F_B",
        equation=r"F_B = F / (1 + c)",
        acts_on=(),
    ),
    M1_DIAMETER: dict(
        title="M1 diameter",
        doc="Diameter of the pupil; obscuration, struts and diffractive pupil scale with it.",
        units="m",
        bounds=_POSITIVE,
        symbol="D",
        source=_DESIGN,
    ),
    M2_DIAMETER: dict(
        title="M2 diameter",
        doc="Clear aperture of M2, and the circle over which its Zernike polynomials have unit rms. The obscuration"
        " that M2 causes in the pupil is part of the configuration.",
        units="m",
        bounds=_POSITIVE,
        symbol="D_2",
        source=_DESIGN,
    ),
    M1_FOCAL_LENGTH: dict(
        title="M1 focal length",
        doc="Focal length of the primary mirror; positive, for it converges.",
        units="m",
        bounds=_POSITIVE,
        symbol="f_1",
        source=_DESIGN,
    ),
    M2_FOCAL_LENGTH: dict(
        title="M2 focal length",
        doc="Focal length of the secondary mirror; negative, for it diverges.",
        units="m",
        bounds=Bounds(exclusive_maximum=0),
        symbol="f_2",
        source=_DESIGN,
    ),
    M1_M2_SEPARATION: dict(
        title="M1-M2 separation",
        doc="Distance from the primary to the secondary mirror.",
        units="m",
        bounds=_POSITIVE,
        symbol="s",
        source=_DESIGN,
    ),
    M2_DETECTOR_SEPARATION: dict(
        title="M2-detector separation",
        doc="Distance from the secondary mirror to the detector.",
        units="m",
        bounds=_POSITIVE,
        symbol="L",
        source="computed: the detector in focus",
    ),
    PIXEL_PITCH: dict(
        title="Pixel pitch",
        doc="Distance between the centres of neighbouring pixels.",
        units="m",
        bounds=_POSITIVE,
        symbol="p",
        acts_on=(),
        source=_DESIGN,
    ),
    M2_M3_SEPARATION: dict(
        title="M2-M3 separation",
        doc="Distance from the secondary mirror to the surface behind it.",
        units="m",
        bounds=_POSITIVE,
        symbol="s_2",
        source="illustrative",
    ),
    M3_DIAMETER: dict(
        title="M3 diameter",
        doc="Clear aperture of the surface behind M2, and the circle over which its Zernike polynomials have unit rms.",
        units="m",
        bounds=_POSITIVE,
        symbol="D_3",
        source="illustrative",
    ),
    M3_POWER: dict(
        title="M3 power",
        doc="One over the focal length of the surface behind M2; positive where it converges, zero for a flat filter or"
        " corrector.",
        units="m**-1",
        symbol="P_3",
        source="illustrative: no power",
    ),
    M3_DETECTOR_SEPARATION: dict(
        title="M3-detector separation",
        doc="Distance from the surface behind M2 to the detector.",
        units="m",
        bounds=_POSITIVE,
        symbol="L_3",
        source="computed: the detector in focus",
    ),
    OPEN_FRACTION: dict(
        title="Open area fraction",
        doc="Open area of the rasterised aperture (obscuration and struts taken off) over that of the full circle.",
        bounds=Bounds(exclusive_minimum=0, maximum=1.01),
        symbol="a",
        acts_on=(),
        source="computed from the aperture of the configuration",
    ),
    OPEN_AREA: dict(
        title="Open area",
        doc="Area of the pupil that light passes: the full circle less obscuration and struts, as rasterised.",
        units="m**2",
        bounds=_POSITIVE,
        symbol=r"A_\mathrm{open}",
        equation=r"A_\mathrm{open} = a \, \pi D^2 / 4",
        acts_on=(),
    ),
    FOCAL_LENGTH: dict(
        title="Effective focal length",
        doc="Of all surfaces together, once refocused.",
        units="m",
        symbol="f",
        acts_on=(),
    ),
    FOCAL_RATIO: dict(
        title="Focal ratio",
        doc="Effective focal length over M1 diameter.",
        symbol="N",
        equation="N = f / D",
        acts_on=(),
    ),
    PLATE_SCALE: dict(
        title="Plate scale",
        doc="Angle on the sky that a pixel of the image spans: what the image has, with the detector where it is.",
        units="arcsec/pixel",
        bounds=_POSITIVE,
        symbol=r"\theta_p",
    ),
    REFOCUSED_PLATE_SCALE: dict(
        title="Refocused plate scale",
        doc="Plate scale that the telescope would have once refocused. Its derivatives are not those of a detector"
        " that stays where it is: use the plate scale for stability.",
        units="arcsec/pixel",
        symbol=r"\theta_p^{\mathrm{ref}}",
        equation=r"\theta_p^{\mathrm{ref}} = p / f",
        acts_on=(),
    ),
    DEFOCUS: dict(
        title="Defocus of the relay",
        doc="Rms OPD over the full pupil of the defocus that the geometry leaves at the detector; positive where"
        " the OPD grows towards the edge. Zero in focus.",
        units="nm",
        symbol="w_4",
    ),
    DIFFRACTION_LIMIT: dict(
        title="Diffraction limit",
        doc="Effective wavelength over the pupil's diameter: the angle that sets the size of a diffraction pattern.",
        units="arcsec",
        bounds=_POSITIVE,
        symbol=r"\theta_d",
        equation=r"\theta_d = \lambda_\mathrm{eff} / D",
        acts_on=(),
    ),
    M1_ZERNIKES: dict(
        title="M1 Zernike coefficients",
        doc="OPD of each Zernike polynomial (Noll index, unit rms over the full circle of the M1 diameter).",
        units="nm",
        symbol="a_j",
        source="design: no aberration",
    ),
    M2_ZERNIKES: dict(
        title="M2 Zernike coefficients",
        doc="OPD of each Zernike polynomial (Noll index, unit rms over the circle of the M2 diameter, not over the"
        " beam's footprint).",
        units="nm",
        symbol="b_j",
        source="design: no aberration",
    ),
    M3_ZERNIKES: dict(
        title="M3 Zernike coefficients",
        doc="OPD of each Zernike polynomial (Noll index, unit rms over the circle of the M3 diameter, not over the"
        " beam's footprint).",
        units="nm",
        symbol="c_j",
        source="design: no aberration",
    ),
    WAVELENGTH: dict(
        title="Wavelength",
        doc="Centre of the band.",
        units="m",
        bounds=_POSITIVE,
        symbol=r"\lambda",
        source=_DESIGN,
    ),
    BANDWIDTH: dict(
        title="Bandwidth",
        doc="Full width of the band, a top hat.",
        units="m",
        bounds=_POSITIVE,
        symbol=r"\Delta\lambda",
        source=_DESIGN,
    ),
    EFFECTIVE_WAVELENGTH: dict(
        title="Effective wavelength",
        doc="Mean wavelength of the detected photons. The band is a top hat with as many photons in each nanometre, so"
        " it is the band's centre.",
        units="m",
        bounds=_POSITIVE,
        symbol=r"\lambda_\mathrm{eff}",
        equation=r"\lambda_\mathrm{eff} = \frac{1}{\Delta\lambda}"
        r" \int_{\lambda - \Delta\lambda/2}^{\lambda + \Delta\lambda/2} \lambda' \, d\lambda'",
        acts_on=(),
    ),
    EXPOSURE_TIME: dict(
        title="Exposure time",
        doc="Total time of the frames that an image adds up.",
        units="s",
        bounds=_POSITIVE,
        symbol="t",
        source="SHERA public design: one visit",
    ),
    FRAME_TIME: dict(
        title="Frame time",
        doc="Time of one frame. The expected image of an exposure does not depend on it.",
        units="s",
        bounds=_POSITIVE,
        symbol="t_f",
        acts_on=(),
        source=_DESIGN,
    ),
    THROUGHPUT: dict(
        title="Throughput",
        doc="Detected photons over photons on the open aperture; quantum efficiency included.",
        bounds=Bounds(exclusive_minimum=0, maximum=1),
        symbol=r"\eta",
        source="quantum efficiency of the HWK4123 on flight; illustrative for the testbed; mirrors and filter not"
        " counted",
    ),
    FULL_WELL: dict(
        title="Full well",
        doc="Detected photons that a pixel holds before it saturates, one electron each (VOUnit has no electron). The"
        " model's image does not saturate: see the full-well margin.",
        units="ph",
        bounds=_POSITIVE,
        symbol="W",
        acts_on=(),
        source="data sheet of the detector",
    ),
    PEAK_FRACTION: dict(
        title="Peak fraction",
        doc="Largest part of one star's photons that falls on one pixel, wherever the star stands on the pixel grid:"
        " of the design's aberration-free image at the centre of the band. It does not follow the parameters.",
        bounds=Bounds(exclusive_minimum=0, maximum=1),
        symbol=r"\kappa",
        acts_on=(),
        source="computed from the aperture, the diffractive pupil and the plate scale of the configuration",
    ),
    FRAME_PHOTONS: dict(
        title="Photons per frame",
        doc="Photons detected from both stars in one frame.",
        units="ph",
        bounds=_POSITIVE,
        symbol="n_f",
        equation=r"n_f = F \, t_f / t",
        acts_on=(),
    ),
    PEAK_PHOTONS: dict(
        title="Peak photons per frame",
        doc="Photons that the brighter star puts on its brightest pixel in one frame; what the other star adds there"
        " is not counted.",
        units="ph",
        bounds=_POSITIVE,
        symbol=r"n_\mathrm{peak}",
        equation=r"n_\mathrm{peak} = \kappa \, n_f \, \frac{\max(c, 1)}{1 + c}",
        acts_on=(),
    ),
    FULL_WELL_MARGIN: dict(
        title="Full-well margin",
        doc="How many times the brightest pixel of a frame fits into the full well; below 1 it saturates.",
        bounds=_POSITIVE,
        symbol="m_W",
        equation=r"m_W = W / n_\mathrm{peak}",
        acts_on=(),
    ),
}

FIELDS: Final[dict[str, FieldMaker]] = {
    key: partial(ParamField, key, **said) for key, said in (_SAID | effect_fields.SAID).items()
}

PRIOR_SIGMA: Final = {  # how far each default can be trusted before an observation, in the parameter's unit
    SEPARATION: 0.010,
    POSITION_ANGLE: 0.05,
    X_POSITION: 0.020,
    Y_POSITION: 0.020,
    CONTRAST: 0.1,
    LOG_FLUX: 0.02,
    M1_ZERNIKES: 5.0,
    M2_ZERNIKES: 5.0,
    effect_fields.TEMPERATURE_A: 50.0,
    effect_fields.TEMPERATURE_B: 50.0,
}
RELATIVE_PRIOR_SIGMA: Final = {PLATE_SCALE: 1e-4}
