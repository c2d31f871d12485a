"""Which function computes which derived parameter in each system: one registry a system, all in `SHERA_RESOLVER`."""

from __future__ import annotations

from dluxshera.params import DerivedResolver, Transform, TransformRegistry
from dluxshera.systems import effect_fields as e
from dluxshera.systems import fields as f
from dluxshera.systems import transforms as t

_PHOTONS = (
    Transform(f.OPEN_AREA, (f.M1_DIAMETER, f.OPEN_FRACTION), t.open_area),
    Transform(
        f.LOG_FLUX,
        (f.FLUX_DENSITY, f.THROUGHPUT, f.EXPOSURE_TIME, f.BANDWIDTH, f.M1_DIAMETER, f.OPEN_FRACTION),
        t.log_photons,
        optional=(e.TRANSMISSION,),
    ),
    Transform(f.LOG_FLUX_A, (f.LOG_FLUX, f.CONTRAST), t.log_photons_of_a),
    Transform(f.LOG_FLUX_B, (f.LOG_FLUX, f.CONTRAST), t.log_photons_of_b),
    Transform(f.EFFECTIVE_WAVELENGTH, (f.WAVELENGTH,), t.effective_wavelength),
    Transform(f.DIFFRACTION_LIMIT, (f.EFFECTIVE_WAVELENGTH, f.M1_DIAMETER), t.diffraction_limit),
    Transform(f.FRAME_PHOTONS, (f.LOG_FLUX, f.FRAME_TIME, f.EXPOSURE_TIME), t.photons_per_frame),
    Transform(f.PEAK_PHOTONS, (f.FRAME_PHOTONS, f.CONTRAST, f.PEAK_FRACTION), t.peak_photons_per_frame),
    Transform(f.FULL_WELL_MARGIN, (f.FULL_WELL, f.PEAK_PHOTONS), t.full_well_margin),
    *(
        Transform(key, (f.WAVELENGTH, f.BANDWIDTH), t.effective_wavelength_of_star, optional=(*star, e.TRANSMISSION))
        for key, star in (
            (e.EFFECTIVE_WAVELENGTH_A, (e.TEMPERATURE_A, e.SPECTRUM_A)),
            (e.EFFECTIVE_WAVELENGTH_B, (e.TEMPERATURE_B, e.SPECTRUM_B)),
        )
    ),
    Transform(e.DARK_SIGNAL, (e.DARK_CURRENT, f.EXPOSURE_TIME), t.dark_signal),
    Transform(e.TOTAL_READ_NOISE, (e.READ_NOISE, f.EXPOSURE_TIME, f.FRAME_TIME), t.total_read_noise),
)
_FOCAL_RATIO = Transform(f.FOCAL_RATIO, (f.FOCAL_LENGTH, f.M1_DIAMETER), t.focal_ratio)
_REFOCUSED = Transform(f.REFOCUSED_PLATE_SCALE, (f.PIXEL_PITCH, f.FOCAL_LENGTH), t.refocused_plate_scale)
_TO_M2 = (f.M1_FOCAL_LENGTH, f.M2_FOCAL_LENGTH, f.M1_M2_SEPARATION)
_TO_DETECTOR = (*_TO_M2, f.M2_DETECTOR_SEPARATION)
_TO_M3 = (*_TO_M2, f.M2_M3_SEPARATION, f.M3_POWER)
_PAST_M3 = (*_TO_M3, f.M3_DETECTOR_SEPARATION)

_LINES_OF_SIGHT = (
    (e.LINE_OF_SIGHT_X, (e.M2_X_DECENTRE, e.M2_X_TILT)),
    (e.LINE_OF_SIGHT_Y, (e.M2_Y_DECENTRE, e.M2_Y_TILT)),
)

_DEFOCUS = r"w_4 = \frac{A D^2}{16 \sqrt{3}\, B}, \quad "
_A3 = r"A_3 = 1 - \frac{s}{f_1} - \frac{s_2}{f_{12}}"
_B3 = r"B_3 = s + s_2 \left(1 - \frac{s}{f_2}\right)"

TWO_PLANE_TRANSFORMS = TransformRegistry(
    "shera_twoplane",
    [
        # Each of these two is derived in a spec where the other is primitive.
        Transform(f.FOCAL_LENGTH, (f.PIXEL_PITCH, f.PLATE_SCALE), t.focal_length_from_plate_scale, r"f = p / \theta_p"),
        Transform(f.PLATE_SCALE, (f.PIXEL_PITCH, f.FOCAL_LENGTH), t.refocused_plate_scale, r"\theta_p = p / f"),
        _FOCAL_RATIO,
        *_PHOTONS,
    ],
)
THREE_PLANE_TRANSFORMS = TransformRegistry(
    "shera_threeplane",
    [
        Transform(
            f.FOCAL_LENGTH,
            _TO_M2,
            t.effective_focal_length,
            r"\frac{1}{f} = \frac{1}{f_1} + \frac{1}{f_2} - \frac{s}{f_1 f_2}",
        ),
        _FOCAL_RATIO,
        Transform(
            f.PLATE_SCALE,
            (f.PIXEL_PITCH, *_TO_DETECTOR),
            t.image_plate_scale,
            r"\theta_p = p / B, \quad B = s + L \left(1 - \frac{s}{f_2}\right)",
        ),
        _REFOCUSED,
        Transform(
            f.DEFOCUS,
            (f.M1_DIAMETER, *_TO_DETECTOR),
            t.relay_defocus,
            _DEFOCUS + r"A = 1 - \frac{s}{f_1} - L \left(\frac{1}{f_1} + \frac{1}{f_2} - \frac{s}{f_1 f_2}\right)",
        ),
        *(Transform(key, (*place, *_TO_DETECTOR), t.line_of_sight_shift) for key, place in _LINES_OF_SIGHT),
        *_PHOTONS,
    ],
)
FOUR_PLANE_TRANSFORMS = TransformRegistry(
    "shera_fourplane",
    [
        Transform(
            f.FOCAL_LENGTH,
            _TO_M3,
            t.four_plane_focal_length,
            r"\frac{1}{f} = \frac{1}{f_{12}} + P_3 A_3, \quad "
            r"\frac{1}{f_{12}} = \frac{1}{f_1} + \frac{1}{f_2} - \frac{s}{f_1 f_2}, \quad " + _A3,
        ),
        _FOCAL_RATIO,
        Transform(
            f.PLATE_SCALE,
            (f.PIXEL_PITCH, *_PAST_M3),
            t.four_plane_image_plate_scale,
            r"\theta_p = p / B, \quad B = B_3 + L_3 \left(1 - \frac{s}{f_2} - P_3 B_3\right), \quad " + _B3,
        ),
        _REFOCUSED,
        Transform(
            f.DEFOCUS,
            (f.M1_DIAMETER, *_PAST_M3),
            t.four_plane_defocus,
            _DEFOCUS + r"A = A_3 - L_3 / f, \quad " + _A3,
        ),
        *(Transform(key, (*place, *_PAST_M3), t.four_plane_line_of_sight_shift) for key, place in _LINES_OF_SIGHT),
        *_PHOTONS,
    ],
)

SHERA_RESOLVER = DerivedResolver(
    [TWO_PLANE_TRANSFORMS, THREE_PLANE_TRANSFORMS, FOUR_PLANE_TRANSFORMS], default_system="shera_threeplane"
)
