"""Bounds of every parameter and constraints of the specs: what no design meets is refused, what one meets is not."""

from dataclasses import replace
from math import isfinite

import numpy as np
import pytest

import dluxshera as ds
from dluxshera.errors import ConfigError, DocumentError, ParameterError
from dluxshera.params import Bounds, ParameterStore, ParamSpec
from dluxshera.profiles import load_model
from dluxshera.systems import CONFIGS, PARAMETERS, SPEC_NAMES, build_spec, effects_of
from support import keys as f
from support.rows import each_row, every_row

FLIGHT = ds.SHERA_FLIGHT_CONFIG.replace(image_npix=32, effects=effects_of(1), m1_map_npix=8, surface_map_npix=8)
FORWARD = build_spec(FLIGHT, "forward")
STORE = ParameterStore.from_spec_defaults(FORWARD)
PHYSICS = ParameterStore.from_spec_defaults(build_spec(ds.SHERA_FLIGHT_CONFIG, "physics_inference"))


def without_limits(spec: ParamSpec) -> list[str]:
    """Return the keys whose bounds are not finite on both sides."""
    return [key for key, item in spec.items() if not all(map(isfinite, item.bounds.interval))]


def test_every_parameter_of_every_spec_has_two_finite_bounds():
    with every_row() as row:
        for name, config in CONFIGS.items():
            small = config.replace(image_npix=2, m1_map_npix=3, effects=effects_of(config.surfaces))
            for spec in SPEC_NAMES:
                with row(name, spec):
                    assert without_limits(build_spec(small, spec)) == []
    assert without_limits(FORWARD) == []


def test_a_dropped_bound_is_found():
    key = f.BACKGROUND
    fields = tuple(replace(item, bounds=Bounds()) if item.key == key else item for item in FORWARD.fields)
    assert without_limits(replace(FORWARD, fields=fields)) == [key]


def test_bounds_have_a_reason():
    """Those of a fraction of itself explain themselves."""
    obvious = {f.TRANSMISSION, f.GHOST_RATIO, f.OPEN_FRACTION, f.PEAK_FRACTION}
    assert {key for key, item in PARAMETERS.items() if not item.bounds.reason} == obvious


@each_row(
    "key, value",
    [
        (f.X_POSITION, 1e308), (f.X_POSITION, -1e6), (f.Y_POSITION, 1e200), (f.SEPARATION, 1e5), (f.CONTRAST, 1e300),
        (f.CONTRAST, 5e-324), (f.FLUX_DENSITY, 1e300), (f.EXPOSURE_TIME, 1e300), (f.THROUGHPUT, 5e-324),
        (f.M1_DIAMETER, 1e308), (f.M1_DIAMETER, 2.2e-5), (f.M2_FOCAL_LENGTH, -1e300), (f.WAVELENGTH, 550.0),
        (f.WAVELENGTH, 5e-324), (f.BANDWIDTH, 5e-324), (f.M1_ZERNIKES, 1e300), (f.JITTER, 1e300), (f.SMEAR_X, -1e300),
        (f.STAR_LOG_FLUX, 308.0), (f.STAR_X, 1e308), (f.GHOST_X, 1e308), (f.GHOST_MAGNIFICATION, 1e308),
        (f.DISTORTION, 1e300), (f.BACKGROUND, 1e308), (f.DARK_CURRENT, 1e308), (f.TEMPERATURE_A, 1e-300),
        (f.TEMPERATURE_B, 1e300), (f.SPECTRUM_A, 1e300), (f.M2_X_DECENTRE, 1e300), (f.M2_Y_TILT, 1e300),
        (f.M1_CALIBRATED_MAP, 1e300), (f.PIXEL_RESPONSE, 1e300), (f.SPECTRUM_A_WAVELENGTHS, 1e300),
    ],
)  # fmt: skip
def test_what_no_image_survives_is_refused_with_the_bounds(key, value):
    with pytest.raises(ParameterError) as refused:
        STORE.replace({key: np.full(FORWARD[key].shape, value)})
    assert refused.value.key == key
    assert str(FORWARD[key].bounds) in str(refused.value)
    assert f"Bounds: {FORWARD[key].bounds.reason}." in str(refused.value)


@each_row(
    "key, value",
    [
        (f.M1_DIAMETER, 39.3), (f.M1_DIAMETER, 0.0125),  # ELT; a lens of a star tracker
        (f.M1_FOCAL_LENGTH, 743.4), (f.M2_DETECTOR_SEPARATION, 380.0), (f.PIXEL_PITCH, 1e-6), (f.PIXEL_PITCH, 7.5e-4),
        (f.WAVELENGTH, 13.5e-9), (f.WAVELENGTH, 3.5e-4), (f.BANDWIDTH, 1e-14), (f.BANDWIDTH, 5e-7),  # EUV; Herschel
        (f.FLUX_DENSITY, 5e27), (f.FLUX_DENSITY, 1e5),  # the Sun; a star of magnitude 30
        (f.CONTRAST, 1e10), (f.SEPARATION, 0.001), (f.SEPARATION, 3600.0), (f.X_POSITION, 1800.0),  # an exo-Earth
        (f.EXPOSURE_TIME, 3.15e7), (f.THROUGHPUT, 1e-6), (f.FULL_WELL, 1e6), (f.M1_ZERNIKES, 5000.0),
        (f.TEMPERATURE_A, 250.0), (f.TEMPERATURE_A, 1e6), (f.READ_NOISE, 50.0), (f.DARK_CURRENT, 1e4),
        (f.BACKGROUND, 1e9), (f.STAR_LOG_FLUX, -300.0), (f.SPECTRUM_A, 1e-18), (f.JITTER, 1.0),
    ],
)  # fmt: skip
def test_what_a_design_could_have_is_accepted(key, value):
    """Of a spec without constraints, since other values of that design would differ as well."""
    alone = ParameterStore(dict(STORE), replace(FORWARD, constraints=()))
    assert np.all(alone.replace({key: np.full(FORWARD[key].shape, value)})[key] == value)


TWO_ROWS = np.array([4e-7, 7e-7])
FLAT = {f.TRANSMISSION_WAVELENGTHS: TWO_ROWS, f.SPECTRUM_A_WAVELENGTHS: TWO_ROWS, f.SPECTRUM_B_WAVELENGTHS: TWO_ROWS}


@each_row(
    "updates, key, text",
    [
        ({f.BANDWIDTH: 2e-6, **{k: np.array([1e-8, 1e-4]) for k in FLAT}}, f.BANDWIDTH, "below 2 band.wavelength_m"),
        ({f.WAVELENGTH: 2e-8}, f.BANDWIDTH, "below 2 band.wavelength_m"),
        ({f.FRAME_TIME: 3600.0}, f.FRAME_TIME, "at most imaging.exposure_time_s = 1800"),
        ({f.EXPOSURE_TIME: 0.01}, f.FRAME_TIME, "at most imaging.exposure_time_s = 0.01"),
        ({f.M1_M2_SEPARATION: 0.7}, f.M1_M2_SEPARATION, "below system.m1_focal_length_m"),
        ({f.M1_FOCAL_LENGTH: 0.5}, f.M1_M2_SEPARATION, "below system.m1_focal_length_m"),
        ({f.TRANSMISSION: [0.0, 0.0]}, f.TRANSMISSION, "a mean of at least 1e-12 across the band"),
        ({f.SPECTRUM_A: [0.0, 0.0]}, f.SPECTRUM_A, "a mean of at least 1e-30 across the band"),
        ({f.SPECTRUM_B: [0.0, 1e-31]}, f.SPECTRUM_B, "a mean of at least 1e-30 across the band"),
        ({f.TRANSMISSION_WAVELENGTHS: [7e-7, 4e-7]}, f.TRANSMISSION_WAVELENGTHS, "ascending order"),
        ({f.TRANSMISSION_WAVELENGTHS: [4e-7, 5.5e-7]}, f.TRANSMISSION_WAVELENGTHS, "a table of the whole band"),
        ({f.WAVELENGTH: 5.4e-8}, f.SPECTRUM_A_WAVELENGTHS, "a table of the whole band"),
    ],
)  # fmt: skip
def test_values_that_pass_alone_and_contradict_together_are_refused(updates, key, text):
    with pytest.raises(ParameterError) as refused:
        STORE.replace(updates)
    assert refused.value.key == key
    assert text in str(refused.value)


def test_a_filter_that_is_zero_in_the_band_alone_is_refused():
    config = ds.SHERA_FLIGHT_CONFIG.replace(image_npix=2, effects=["filter"], transmission_rows=4)
    store = ParameterStore.from_spec_defaults(build_spec(config, "inference"))
    rows = {f.TRANSMISSION_WAVELENGTHS: [4e-7, 5e-7, 6e-7, 7e-7]}
    with pytest.raises(ParameterError, match=r"band\.transmission: expected a mean of at least 1e-12"):
        store.replace({**rows, f.TRANSMISSION: [1.0, 0.0, 0.0, 1.0]})
    assert store.replace({**rows, f.TRANSMISSION: [0.0, 0.0, 1e-3, 0.0]})


@each_row(
    "override, place",
    [
        ("band.bandwidth_m=2e-6", "band.bandwidth_m"), ("imaging.frame_time_s=3600", "imaging.frame_time_s"),
        ("imaging.exposure_time_s=0.01 s", "imaging.frame_time_s"),
        ("system.m1_m2_separation_m=0.7", "system.m1_m2_separation_m"),
        ("binary.x_position_as=1e308", "binary.x_position_as"), ("system.m1_diameter_m=1e308", "system.m1_diameter_m"),
        ("system.m1_diameter_m=22 um", "system.m1_diameter_m"), ("band.wavelength_m=550", "band.wavelength_m"),
    ],
)  # fmt: skip
def test_a_profile_is_refused_likewise(override, place):
    with pytest.raises(DocumentError) as refused:
        load_model("observation/flight_alpha_cen", overrides=[override])
    assert place in str(refused.value)


@each_row(
    "changes, text",
    [
        ({"bandwidth_m": 2e-6}, "design.bandwidth_m: expected below 2 band.wavelength_m"),
        ({"frame_time_s": 3600.0}, "design.frame_time_s: expected at most imaging.exposure_time_s"),
        ({"m1_m2_separation_m": 0.7}, "design.m1_m2_separation_m: expected below system.m1_focal_length_m"),
        # No image: the power of both mirrors is zero, or of the other sign.
        ({"m1_focal_length_m": 3.0, "m2_focal_length_m": -2.0, "m1_m2_separation_m": 1.0}, "give a plate scale"),
        ({"m2_focal_length_m": -0.001}, "give a plate scale"),
        ({"pixel_pitch_m": 1.0}, "design.pixel_pitch_m"), ({"wavelength_m": 550.0}, "design.wavelength_m"),
    ],
)  # fmt: skip
def test_a_design_is_refused_likewise(changes, text):
    with pytest.raises(ConfigError) as refused:
        replace(ds.SHERA_FLIGHT_CONFIG.design, **changes)
    assert text in str(refused.value)


@each_row(
    "changes",
    [
        {"strut_rotation_deg": 1e308}, {"mask_design_wavelength_m": 1e308}, {"mask_design_wavelength_m": 5e-324},
        {"source_offset_as": 1e308}, {"aberration_margin": 1e308},
    ],
)  # fmt: skip
def test_fields_of_a_configuration_are_bounded(changes):
    (name,) = changes
    with pytest.raises(ConfigError) as refused:
        ds.SHERA_FLIGHT_CONFIG.replace(**changes)
    assert refused.value.key == name


def test_the_specs_state_their_constraints_in_the_schema_text():
    forward = build_spec(ds.SHERA_FLIGHT_CONFIG, "forward")
    assert [each.keys[0] for each in forward.constraints] == [f.M1_M2_SEPARATION, f.BANDWIDTH, f.FRAME_TIME]
    assert [each.keys[0] for each in PHYSICS.spec.constraints] == [f.M1_M2_SEPARATION, f.BANDWIDTH]
