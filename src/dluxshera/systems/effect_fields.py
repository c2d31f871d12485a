"""The parameters of the optional effects, described once, as those of every model are in `dluxshera.systems.fields`."""

from __future__ import annotations

from typing import Any, Final

from dluxshera.params import Bounds

TEMPERATURE_A: Final = "binary.temperature_a_k"
TEMPERATURE_B: Final = "binary.temperature_b_k"
SPECTRUM_A: Final = "binary.spectrum_a"
SPECTRUM_B: Final = "binary.spectrum_b"
TRANSMISSION: Final = "band.transmission"
EFFECTIVE_WAVELENGTH_A: Final = "band.effective_wavelength_a_m"
EFFECTIVE_WAVELENGTH_B: Final = "band.effective_wavelength_b_m"
M2_X_DECENTRE: Final = "system.m2_x_decentre_m"
M2_Y_DECENTRE: Final = "system.m2_y_decentre_m"
M2_X_TILT: Final = "system.m2_x_tilt_rad"
M2_Y_TILT: Final = "system.m2_y_tilt_rad"
LINE_OF_SIGHT_X: Final = "system.line_of_sight_x_as"
LINE_OF_SIGHT_Y: Final = "system.line_of_sight_y_as"
DISTORTION: Final = "system.cubic_distortion_per_as2"
M1_CALIBRATED_MAP: Final = "primary.calibrated_map_nm"
M1_UNCALIBRATED_MAP: Final = "primary.uncalibrated_map_nm"
M2_CALIBRATED_MAP: Final = "secondary.calibrated_map_nm"
M2_UNCALIBRATED_MAP: Final = "secondary.uncalibrated_map_nm"
M3_CALIBRATED_MAP: Final = "tertiary.calibrated_map_nm"
M3_UNCALIBRATED_MAP: Final = "tertiary.uncalibrated_map_nm"
STAR_X: Final = "field.star_x_position_as"
STAR_Y: Final = "field.star_y_position_as"
STAR_LOG_FLUX: Final = "field.star_log_flux"
GHOST_RATIO: Final = "field.ghost_flux_ratio"
GHOST_X: Final = "field.ghost_x_position_as"
GHOST_Y: Final = "field.ghost_y_position_as"
GHOST_MAGNIFICATION: Final = "field.ghost_magnification"
BACKGROUND: Final = "field.background"
JITTER: Final = "imaging.jitter_as"
SMEAR_X: Final = "imaging.smear_x_as"
SMEAR_Y: Final = "imaging.smear_y_as"
PIXEL_X_OFFSET: Final = "detector.pixel_x_offset_pix"
PIXEL_Y_OFFSET: Final = "detector.pixel_y_offset_pix"
PIXEL_RESPONSE: Final = "detector.pixel_response"
DARK_CURRENT: Final = "detector.dark_current"
READ_NOISE: Final = "detector.read_noise"
DARK_SIGNAL: Final = "detector.dark_signal"
TOTAL_READ_NOISE: Final = "detector.total_read_noise"

_POSITIVE = Bounds(exclusive_minimum=0)
_ILLUSTRATIVE: Final = "illustrative"
_NONE: Final = "design: none"
_OF_DETECTOR: Final = "data sheet of the detector"


def _map_of(mirror: str, circle: str, calibrated: bool) -> dict[str, Any]:
    which = "that a calibration has measured" if calibrated else "that no calibration knows: what a study adds"
    return dict(
        title=f"{mirror} {'calibrated' if calibrated else 'uncalibrated'} map",
        doc=f"OPD of each cell of {mirror}'s surface error {which}; {circle}. Row 0 lies at -y, column 0 at -x. It adds"
        " to the Zernike polynomials and to the other map.",
        units="nm",
        symbol=r"w_\mathrm{cal}" if calibrated else r"w_\mathrm{unc}",
        source=_NONE,
    )


_PUPIL_CELLS: Final = "on the cells of the pupil"
_M2_CELLS: Final = "over the square around the circle of the M2 diameter, interpolated by cubic convolution"
_M3_CELLS: Final = "over the square around the circle of the M3 diameter, interpolated by cubic convolution"


def _each(star: str, symbol: str) -> dict[str, dict[str, Any]]:
    """Return what is said in the same words of star A and of star B: temperature, spectrum, effective wavelength."""
    return dict(
        temperature=dict(
            title=f"Temperature of star {star}",
            doc=f"Of the black body that gives star {star} its spectrum across the band.",
            units="K",
            bounds=_POSITIVE,
            symbol=f"T_{symbol}",
        ),
        spectrum=dict(
            title=f"Spectrum of star {star}",
            doc=f"Photons of star {star} for each unit of wavelength, at evenly spaced points from edge to edge of the"
            " band and linear between them; in any unit, for only its shape acts. It multiplies that of a black body.",
            bounds=Bounds(minimum=0),
            symbol=f"s_{symbol}",
            source=_ILLUSTRATIVE + ": flat",
        ),
        wavelength=dict(
            title=f"Effective wavelength of star {star}",
            doc=f"Mean wavelength of the photons detected from star {star}, through filter and spectrum.",
            units="m",
            bounds=_POSITIVE,
            symbol=rf"\lambda_{{\mathrm{{eff}},{symbol}}}",
            equation=rf"\lambda_{{\mathrm{{eff}},{symbol}}} = \frac{{\int \lambda \, \tau \, n_{symbol} \, d\lambda}}"
            rf"{{\int \tau \, n_{symbol} \, d\lambda}}",
            acts_on=(),
        ),
    )


def _position_of(what: str, axis: str, symbol: str, source: str) -> dict[str, Any]:
    sense = "a growing column" if axis == "x" else "a growing row"
    return dict(
        title=f"{what[0].upper()}{what[1:]}, {axis}",
        doc=f"Where {what} stands, from the centre of the image; +{axis} is {sense}.",
        units="arcsec",
        symbol=symbol,
        source=source,
    )


def _m2_motion(what: str, axis: str, units: str, symbol: str, sense: str) -> dict[str, Any]:
    return dict(
        title=f"M2 {what}, {axis}",
        doc=f"{sense} Paraxially it shifts the line of sight and does nothing else.",
        units=units,
        symbol=symbol,
        source=_NONE,
    )


_DECENTRE: Final = "Distance of M2's axis from that of M1, positive towards +{}."
_TILT: Final = "Angle by which M2 is turned, positive where it turns the light behind it towards +{}."


def _line_of_sight(axis: str) -> dict[str, Any]:
    return dict(
        title=f"Line of sight, {axis}",
        doc=f"How far the whole image is shifted along {axis} by decentre and tilt of M2.",
        units="arcsec",
        symbol=rf"{axis}_\mathrm{{los}}",
        equation=rf"{axis}_\mathrm{{los}} = \frac{{B_2}}{{B}} \left(\frac{{d_{axis}}}{{f_2}} + 2 t_{axis}\right)",
    )


_STAR_A, _STAR_B = _each("A", "A"), _each("B", "B")
SAID: Final[dict[str, dict[str, Any]]] = {
    TEMPERATURE_A: _STAR_A["temperature"],
    TEMPERATURE_B: _STAR_B["temperature"],
    SPECTRUM_A: _STAR_A["spectrum"],
    SPECTRUM_B: _STAR_B["spectrum"],
    TRANSMISSION: dict(
        title="Transmission",
        doc="Of the filter, at evenly spaced points from edge to edge of the band and linear between them.",
        bounds=Bounds(minimum=0, maximum=1),
        symbol=r"\tau",
        source=_ILLUSTRATIVE + ": a top hat",
    ),
    EFFECTIVE_WAVELENGTH_A: _STAR_A["wavelength"],
    EFFECTIVE_WAVELENGTH_B: _STAR_B["wavelength"],
    M2_X_DECENTRE: _m2_motion("decentre", "x", "m", "d_x", _DECENTRE.format("x")),
    M2_Y_DECENTRE: _m2_motion("decentre", "y", "m", "d_y", _DECENTRE.format("y")),
    M2_X_TILT: _m2_motion("tilt", "x", "rad", "t_x", _TILT.format("x")),
    M2_Y_TILT: _m2_motion("tilt", "y", "rad", "t_y", _TILT.format("y")),
    LINE_OF_SIGHT_X: _line_of_sight("x"),
    LINE_OF_SIGHT_Y: _line_of_sight("y"),
    DISTORTION: dict(
        title="Cubic distortion",
        doc="A star at the angle x from the axis is imaged at x (1 + k |x|^2); positive stretches the field outwards.",
        units="arcsec**-2",
        symbol="k_3",
        source=_NONE,
    ),
    M1_CALIBRATED_MAP: _map_of("M1", _PUPIL_CELLS, True),
    M1_UNCALIBRATED_MAP: _map_of("M1", _PUPIL_CELLS, False),
    M2_CALIBRATED_MAP: _map_of("M2", _M2_CELLS, True),
    M2_UNCALIBRATED_MAP: _map_of("M2", _M2_CELLS, False),
    M3_CALIBRATED_MAP: _map_of("M3", _M3_CELLS, True),
    M3_UNCALIBRATED_MAP: _map_of("M3", _M3_CELLS, False),
    STAR_X: _position_of("each field star", "x", "x_i", _ILLUSTRATIVE),
    STAR_Y: _position_of("each field star", "y", "y_i", _ILLUSTRATIVE),
    STAR_LOG_FLUX: dict(
        title="Flux of each field star",
        doc="Decimal logarithm of the photons detected from each field star in one exposure, as the total flux counts"
        " them. Its spectrum is flat.",
        units="ph",
        scale="log10",
        symbol=r"\log_{10} F_i",
        source=_ILLUSTRATIVE,
    ),
    GHOST_RATIO: dict(
        title="Ghost flux ratio",
        doc="Light in the ghost of a star over that of the star itself, which keeps its own.",
        bounds=Bounds(minimum=0, maximum=1),
        symbol="g",
        source=_ILLUSTRATIVE,
    ),
    GHOST_X: _position_of("the ghost of a star on the axis", "x", "x_g", _ILLUSTRATIVE),
    GHOST_Y: _position_of("the ghost of a star on the axis", "y", "y_g", _ILLUSTRATIVE),
    GHOST_MAGNIFICATION: dict(
        title="Ghost magnification",
        doc="How far a ghost moves when its star does: -1 where it is reflected through the axis, 1 where it keeps its"
        " distance from the star.",
        symbol="m_g",
        source=_ILLUSTRATIVE,
    ),
    BACKGROUND: dict(
        title="Background",
        doc="Uniform light of sky and straylight: photons detected per pixel in one exposure at nominal response.",
        units="ph",
        bounds=Bounds(minimum=0),
        symbol="b",
        source=_NONE,
    ),
    JITTER: dict(
        title="Jitter",
        doc="Standard deviation, along each axis, of a Gaussian motion of the line of sight during the exposure.",
        units="arcsec",
        bounds=Bounds(minimum=0),
        symbol=r"\sigma_j",
        source=_ILLUSTRATIVE,
    ),
    SMEAR_X: dict(
        title="Smear, x",
        doc="Full length along x of a uniform drift of the line of sight during the exposure.",
        units="arcsec",
        symbol="l_x",
        source=_ILLUSTRATIVE,
    ),
    SMEAR_Y: dict(
        title="Smear, y",
        doc="Full length along y of a uniform drift of the line of sight during the exposure.",
        units="arcsec",
        symbol="l_y",
        source=_ILLUSTRATIVE,
    ),
    PIXEL_X_OFFSET: dict(
        title="Pixel offsets, x",
        doc="Displacement of each pixel from its place, along x: a pixel collects what falls where it is.",
        units="pixel",
        bounds=Bounds(minimum=-1, exclusive_maximum=1),
        symbol=r"\delta_x",
        source=_NONE,
    ),
    PIXEL_Y_OFFSET: dict(
        title="Pixel offsets, y",
        doc="Displacement of each pixel from its place, along y: a pixel collects what falls where it is.",
        units="pixel",
        bounds=Bounds(minimum=-1, exclusive_maximum=1),
        symbol=r"\delta_y",
        source=_NONE,
    ),
    PIXEL_RESPONSE: dict(
        title="Pixel response",
        doc="Response of each pixel to light, over the nominal one.",
        bounds=Bounds(minimum=0),
        symbol="r",
        source="design: uniform",
    ),
    DARK_CURRENT: dict(
        title="Dark current",
        doc="Electrons per pixel and second without light, counted as detected photons (VOUnit has no electron).",
        units="ph.s**-1",
        bounds=Bounds(minimum=0),
        symbol="i_d",
        source=_OF_DETECTOR,
    ),
    READ_NOISE: dict(
        title="Read noise",
        doc="Standard deviation of a pixel's reading in one frame, in electrons, counted as detected photons. It does"
        " not change the expected image.",
        units="ph",
        bounds=Bounds(minimum=0),
        symbol=r"\sigma_r",
        acts_on=(),
        source=_OF_DETECTOR,
    ),
    DARK_SIGNAL: dict(
        title="Dark signal",
        doc="Electrons per pixel that the dark current adds in one exposure, counted as detected photons.",
        units="ph",
        bounds=Bounds(minimum=0),
        symbol="n_d",
        equation=r"n_d = i_d \, t",
    ),
    TOTAL_READ_NOISE: dict(
        title="Read noise of the exposure",
        doc="Standard deviation of a pixel's sum over the frames of an exposure, from reading alone.",
        units="ph",
        bounds=Bounds(minimum=0),
        symbol=r"\sigma_R",
        equation=r"\sigma_R = \sigma_r \sqrt{t / t_f}",
        acts_on=(),
    ),
}
