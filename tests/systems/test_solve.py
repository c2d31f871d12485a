"""Setting a derived value by way of a primitive: round trips, closed forms, and refusals that say why."""

import astropy.units as u
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import dluxshera as ds
from dluxshera.errors import InversionError, UnknownKeyError
from dluxshera.systems import CONFIGS, SHERA_RESOLVER
from dluxshera.systems.catalogue import SHERA_TWOPLANE_FLIGHT_CONFIG
from support import keys as f

FORWARD = {
    name: ds.ParameterStore.from_spec_defaults(ds.build_forward_model_spec_from_config(config))
    for name, config in CONFIGS.items()
}
FLIGHT = FORWARD["shera_flight"]
PHYSICS_2 = ds.ParameterStore.from_spec_defaults(ds.build_inference_spec_physics(SHERA_TWOPLANE_FLIGHT_CONFIG))
# Derived value, primitive, and the range of factors over which a root lies within bounds.
PAIRS = [
    (f.PLATE_SCALE, f.PIXEL_PITCH, 0.1, 10.0),
    (f.PLATE_SCALE, f.M2_DETECTOR_SEPARATION, 0.9, 1.1),
    (f.PLATE_SCALE, f.M2_FOCAL_LENGTH, 0.9, 1.1),
    (f.REFOCUSED_PLATE_SCALE, f.PIXEL_PITCH, 0.1, 10.0),
    (f.REFOCUSED_PLATE_SCALE, f.M1_M2_SEPARATION, 0.8, 1.2),
    (f.FOCAL_RATIO, f.M1_DIAMETER, 0.1, 10.0),
    (f.FOCAL_RATIO, f.M1_FOCAL_LENGTH, 0.5, 1.5),
    (f.FOCAL_LENGTH, f.M2_FOCAL_LENGTH, 0.5, 1.5),
    (f.LOG_FLUX, f.EXPOSURE_TIME, 0.8, 1.2),
    (f.LOG_FLUX, f.FLUX_DENSITY, 0.5, 1.5),
    (f.LOG_FLUX, f.THROUGHPUT, 0.8, 1.0),
    (f.LOG_FLUX_B, f.CONTRAST, 0.9, 1.01),
    (f.OPEN_AREA, f.M1_DIAMETER, 0.1, 10.0),
    (f.EFFECTIVE_WAVELENGTH, f.WAVELENGTH, 0.5, 2.0),
    (f.DIFFRACTION_LIMIT, f.WAVELENGTH, 0.5, 2.0),
    (f.FRAME_PHOTONS, f.FRAME_TIME, 0.01, 100.0),
    (f.PEAK_PHOTONS, f.CONTRAST, 0.8, 1.2),
    (f.FULL_WELL_MARGIN, f.FRAME_TIME, 0.1, 10.0),
    (f.FULL_WELL_MARGIN, f.FULL_WELL, 0.1, 10.0),
]


def derived(store, key):
    return float(SHERA_RESOLVER.resolve(store.spec, store, (key,))[key])


@pytest.mark.parametrize(("key", "primitive", "least", "most"), PAIRS)
@settings(max_examples=8, deadline=None)
@example(part=1 / 64)  # on the way back, a step of Newton's method crosses the pole of the focal length
@given(part=st.floats(0, 1))
def test_a_value_that_is_set_comes_out(key, primitive, least, most, part):
    wanted = derived(FLIGHT, key) * (least + part * (most - least))
    store = ds.set_derived(FLIGHT, key, wanted, solve_for=primitive)
    assert derived(store, key) == pytest.approx(wanted, rel=1e-11)
    same = [other for other in FLIGHT if np.array_equal(store[other], FLIGHT[other])]
    assert {*same, primitive} == set(FLIGHT)  # and nothing else changed
    back = ds.set_derived(store, key, derived(FLIGHT, key), solve_for=primitive)
    assert float(back[primitive]) == pytest.approx(float(FLIGHT[primitive]), rel=1e-9)


@settings(max_examples=15, deadline=None)
@given(st.floats(-50, 50))
def test_a_defocus_is_set_by_way_of_the_detector(wanted):
    store = ds.set_derived(FLIGHT, f.DEFOCUS, wanted, solve_for=f.M2_DETECTOR_SEPARATION)
    assert derived(store, f.DEFOCUS) == pytest.approx(wanted, abs=1e-9)  # of terms of 3e3 nm


def test_closed_forms():
    store = ds.set_derived(FLIGHT, f.PLATE_SCALE, 0.1, solve_for=f.PIXEL_PITCH)
    image_scale = float(FLIGHT[f.PIXEL_PITCH]) / derived(FLIGHT, f.PLATE_SCALE)
    assert float(store[f.PIXEL_PITCH]) == pytest.approx(0.1 * image_scale, rel=1e-14)
    store = ds.set_derived(PHYSICS_2, f.FOCAL_RATIO, 30.0, solve_for=f.FOCAL_LENGTH)
    assert float(store[f.FOCAL_LENGTH]) == pytest.approx(30.0 * 0.22, rel=1e-14)
    store = ds.set_derived(PHYSICS_2, f.PLATE_SCALE, 0.12320690002795907, solve_for=f.FOCAL_LENGTH)
    assert float(store[f.FOCAL_LENGTH]) == pytest.approx(7.701014379237933, rel=1e-14)
    store = ds.set_derived(FLIGHT, f.LOG_FLUX, derived(FLIGHT, f.LOG_FLUX) - 3, solve_for=f.EXPOSURE_TIME)
    assert float(store[f.EXPOSURE_TIME]) == pytest.approx(1.8, rel=1e-12)
    f1, s, focal_length = (float(FLIGHT[key]) for key in (f.M1_FOCAL_LENGTH, f.M1_M2_SEPARATION, f.M2_FOCAL_LENGTH))
    store = ds.set_derived(FLIGHT, f.FOCAL_LENGTH, 8.0, solve_for=f.M2_FOCAL_LENGTH)
    assert float(store[f.M2_FOCAL_LENGTH]) == pytest.approx((1 - s / f1) / (1 / 8.0 - 1 / f1), rel=1e-12)
    assert focal_length != float(store[f.M2_FOCAL_LENGTH])


def test_a_third_surface_gets_power():
    four = FORWARD["shera_fourplane_example"]
    store = ds.set_derived(four, f.FOCAL_LENGTH, 7.0, solve_for=f.M3_POWER)
    assert derived(store, f.FOCAL_LENGTH) == pytest.approx(7.0, rel=1e-12)
    assert float(store[f.M3_POWER]) > 0  # starts from zero, where a relative step would be none


def test_a_quantity_is_taken():
    store = ds.set_derived(FLIGHT, f.FOCAL_LENGTH, 8000 * u.mm, solve_for=f.M1_FOCAL_LENGTH)
    assert derived(store, f.FOCAL_LENGTH) == pytest.approx(8.0, rel=1e-12)
    store = ds.set_derived(FLIGHT, f.LOG_FLUX, 1e10 * u.photon, solve_for=f.EXPOSURE_TIME)
    assert derived(store, f.LOG_FLUX) == pytest.approx(10.0, rel=1e-12)


def test_the_value_that_it_has_changes_nothing():
    for key, primitive, _, _ in PAIRS:
        assert ds.set_derived(FLIGHT, key, derived(FLIGHT, key), solve_for=primitive) == FLIGHT


@pytest.mark.parametrize(
    ("key", "value", "primitive", "text"),
    [
        (f.CONTRAST, 3.0, f.WAVELENGTH, "binary.contrast is primitive: set it with replace"),
        (f.OPEN_FRACTION, 0.9, f.M1_DIAMETER, "open_area_fraction is structural"),
        (
            f.PLATE_SCALE,
            0.1,
            f.FOCAL_LENGTH,
            "system.focal_length_m is derived, not a primitive. It depends on",
        ),
        (f.LOG_FLUX, 9.0, f.OPEN_FRACTION, "open_area_fraction is structural, not a primitive"),
        (f.PLATE_SCALE, 0.1, f.M1_ZERNIKES, "primary.zernike_coeffs_nm is an array"),
        (f.PLATE_SCALE, 0.1, f.CONTRAST, "does not depend on binary.contrast. It depends on the primitives system"),
        (f.PLATE_SCALE, 0.1, f.M1_FOCAL_LENGTH, "it does not change with it there"),
        (f.PLATE_SCALE, -0.1, f.PIXEL_PITCH, "-0.1 is not >= 1e-06"),
        (f.PLATE_SCALE, np.nan, f.PIXEL_PITCH, "nan is not >= 1e-06"),
        (f.LOG_FLUX, 13.0, f.THROUGHPUT, "bounds"),
        (f.LOG_FLUX_A, 12.0, f.CONTRAST, "bounds"),
        (f.PEAK_PHOTONS, 1e5, f.CONTRAST, "bounds"),
        (f.FOCAL_LENGTH, -8.0, f.M1_M2_SEPARATION, "bounds"),
        (f.LOG_FLUX, 6.0, f.EXPOSURE_TIME, "imaging.frame_time_s: expected at most imaging.exposure_time_s"),
    ],
)
def test_what_cannot_be_had_is_refused_with_the_reason(key, value, primitive, text):
    with pytest.raises(InversionError) as refused:
        ds.set_derived(FLIGHT, key, value, solve_for=primitive)
    assert text in str(refused.value)
    assert str(refused.value).startswith(f"{key}: cannot be set by solving for {primitive}: ")
    assert (refused.value.key, refused.value.solve_for) == (key, primitive)


def test_an_override_in_the_way_is_refused():
    held = FLIGHT.with_derived_allowed().replace({f.PLATE_SCALE: 0.1})
    with pytest.raises(InversionError, match=r"overridden: strip_derived\(store\) first"):
        ds.set_derived(held, f.PLATE_SCALE, 0.12, solve_for=f.PIXEL_PITCH)
    held = FLIGHT.with_derived_allowed().replace({f.FOCAL_LENGTH: 8.0})
    with pytest.raises(InversionError, match="does not change"):  # the focal length stands, whatever M1 does
        ds.set_derived(held, f.REFOCUSED_PLATE_SCALE, 0.12, solve_for=f.M1_FOCAL_LENGTH)


def test_unknown_keys_are_refused_with_near_matches():
    with pytest.raises(UnknownKeyError, match=r"Did you mean system\.pixel_pitch_m"):
        ds.set_derived(FLIGHT, f.PLATE_SCALE, 0.1, solve_for="system.pixel_pich_m")
