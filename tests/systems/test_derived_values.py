"""Derived values of both designs, against the published table and the reference model."""

import jax
import numpy as np
import pytest

from dluxshera.systems.transforms import log_photons
from support import reference_optics as ref
from support.apertures import open_area_fraction
from support.helpers import rounding
from support.scenes import ABERRATED, CONFIGS, DESIGNS, LOG_FLUX, M1_ZERNIKES, PLATE_SCALE, SPECS, scene

SMALL = {"image_npix": 32}
# The published design: focal length (m), plate scale (as), M2 to detector (m), log10 photons of the clear circle
TABLE = {
    "flight": (7.701014379237933, 0.12320690002795907, 0.63997, 11.684201258550685),
    "testbed": (3.776365433962261, 0.35502952880262084, 0.40047, 11.336449744223412),
}
PHOTONS = (
    "binary.spectral_flux_density",
    "band.bandwidth_m",
    "imaging.exposure_time_s",
    "imaging.throughput",
)
# The relay's power is a small difference, about 1/140 of its terms.
TIGHT = rounding(float, 10, condition=150)


@pytest.fixture(scope="module", params=CONFIGS)
def flying(request):
    return request.param, scene(CONFIGS[request.param], **SMALL)


def test_table(flying):
    name, model = flying
    focal_length, plate_scale, distance, _ = TABLE[name]
    derived = model.binder.derived(model.store)
    assert float(derived["system.focal_length_m"]) == pytest.approx(focal_length, rel=1e-12)
    assert float(derived[PLATE_SCALE]) == pytest.approx(plate_scale, rel=1e-12)
    assert float(derived["system.refocused_plate_scale_as_per_pix"]) == pytest.approx(plate_scale, rel=1e-12)
    assert float(model.store["system.m2_detector_separation_m"]) == pytest.approx(distance, abs=5e-6)
    assert abs(float(derived["system.defocus_nm"])) < 1e-3  # focused: 1e-13 of a metre-sized difference


def test_photons_of_the_clear_circle(flying):
    name, _ = flying
    design = DESIGNS[name]
    value = log_photons(1.7227e17, 1.0, 1800.0, design.bandwidth, design.m1_diameter, 1.0)
    assert float(value) == pytest.approx(TABLE[name][3], rel=1e-12)


def test_defaults_are_the_published_design(flying):
    name, model = flying
    for key, value in DESIGNS[name].geometry().items():
        assert float(model.store[key]) == pytest.approx(value, rel=TIGHT), key


@pytest.mark.parametrize("seed", range(3))
def test_derived_values_away_from_the_design(flying, seed):
    name, model = flying
    rng = np.random.default_rng(seed)
    geometry = {key: value * (1.0 + 1e-3 * rng.normal()) for key, value in DESIGNS[name].geometry().items()}
    store = model.store.replace(geometry)
    derived = {key: float(value) for key, value in model.binder.derived(store).items()}
    (a, b), _ = ref.relay_to_detector(geometry)
    diameter = geometry["system.m1_diameter_m"]
    area = open_area_fraction(CONFIGS[name]) * np.pi / 4.0 * diameter**2
    photons = np.prod([float(store[key]) for key in PHOTONS]) * area
    expected = {
        "system.focal_length_m": ref.effective_focal_length(geometry),
        "system.focal_ratio": ref.effective_focal_length(geometry) / diameter,
        PLATE_SCALE: geometry["system.pixel_pitch_m"] / b / ref.ARCSECOND,
        "system.refocused_plate_scale_as_per_pix": geometry["system.pixel_pitch_m"]
        / ref.effective_focal_length(geometry)
        / ref.ARCSECOND,
        # A r^2 / (2 B) is the OPD; the rms over the circle of r^2 / R^2 is 1 / (2 sqrt 3).
        "system.defocus_nm": 1e9 * a / (2.0 * b) * (diameter / 2.0) ** 2 / np.sqrt(12.0),
        LOG_FLUX: np.log10(photons),
    }
    assert expected.keys() <= derived.keys()  # those of photons have theirs in test_photons.py
    for key, value in expected.items():
        # The open area of the native cells is exact to 1e-7.
        assert derived[key] == pytest.approx(value, rel=1e-8 if key == LOG_FLUX else TIGHT), key


@pytest.mark.parametrize("name", CONFIGS)
def test_inference_defaults_are_what_the_forward_spec_derives(name):
    forward, inference = (scene(CONFIGS[name], spec, **SMALL) for spec in SPECS)
    derived = forward.binder.derived(forward.store)
    for key in (PLATE_SCALE, LOG_FLUX):
        assert float(inference.store[key]) == pytest.approx(float(derived[key]), rel=TIGHT)
    # In focus the two specs are one model.
    aberrated = {key: value for key, value in ABERRATED.items() if key != M1_ZERNIKES}
    one, other = forward.image(aberrated), inference.image(aberrated)
    np.testing.assert_allclose(one, other, rtol=0, atol=rounding(float, 64**2, condition=150) * one.max())


def test_derived_values_trace(flying):
    _, model = flying
    eager = model.binder.derived(model.store)
    traced = jax.jit(model.binder.derived)(model.store)
    for key, value in eager.items():
        assert float(traced[key]) == pytest.approx(float(value), rel=TIGHT, abs=1e-3 * (key == "system.defocus_nm")), (
            key
        )
