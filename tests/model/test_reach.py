"""The reach of a model: what its grids suffice for, what is refused beyond it, and that the remedy works."""

import re
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dluxshera as ds
from dluxshera.errors import ConfigError, ParameterError
from dluxshera.model import binder_of
from dluxshera.systems import SHERA_FOURPLANE_EXAMPLE_CONFIG, build_spec
from support.helpers import relative_l2
from support.rows import each_row
from support.scenes import CONFIGS, DETECTOR_SEPARATION, M1_ZERNIKES, M2_ZERNIKES, PLATE_SCALE, SEPARATION, X, Y

SMALL = {"image_npix": 16, "n_wavelengths": 2}
FLIGHT = CONFIGS["flight"].replace(**SMALL)
NEAR = {SEPARATION: 1.3}
ZERNIKES = 40.0 * np.eye(8)[3]
FIELD = "field.star_x_position_as"
GHOST = "field.ghost_x_position_as"

# What moves, from where, how far, and what the message says of the limit and of the value.
OFFSETS = {
    "separation": ("inference", (), {SEPARATION: 9.0}, SEPARATION, 4.5),
    "x": ("inference", (), {X: 3.0}, X, np.hypot(3.0 + 0.65 * np.sin(np.deg2rad(14.508)), 0.65 * 0.9681)),
    "y": ("forward", (), {Y: -4.0}, Y, None),
    "ghost": ("inference", ("ghosts",), {GHOST: 8.0}, None, None),
    "star of the field": ("inference", ("field_stars",), {FIELD: np.array([9.0, 0.0])}, None, None),
    "distortion": ("inference", ("distortion",), {"system.cubic_distortion_per_as2": 20.0}, None, None),
    "pointing": ("forward", ("alignment",), {"system.m2_x_tilt_rad": 1e-4}, None, None),
}
SCALES = {
    "plate scale": ("inference", {PLATE_SCALE: 0.13}, PLATE_SCALE),
    "wavelength": ("inference", {"band.wavelength_m": 500e-9}, "band.wavelength_m"),
    "bandwidth": ("inference", {"band.bandwidth_m": 150e-9}, "band.bandwidth_m"),
    "diameter": ("inference", {"system.m1_diameter_m": 0.24}, "system.m1_diameter_m"),
}
BLURS = {
    "M1": ("inference", {M1_ZERNIKES: 4 * ZERNIKES}, M1_ZERNIKES),
    "M2": ("inference", {M2_ZERNIKES: 4 * ZERNIKES}, M2_ZERNIKES),
    "defocus": ("forward", {DETECTOR_SEPARATION: 0.646}, None),
}


def model(spec: str = "inference", effects=(), updates=None, **changes):
    config = FLIGHT.replace(effects=effects, **changes)
    parameters = build_spec(config, spec)
    here = {**NEAR, **({"field.star_x_position_as": 0.0 * np.ones(2)} if "field_stars" in effects else {})}
    here = {key: value[: parameters[key].shape[0]] if np.ndim(value) else value for key, value in here.items()}
    store = ds.ParameterStore.from_spec_defaults(parameters).replace({**here, **(updates or {})})
    return binder_of(config, parameters, store)


def refusal(binder, updates) -> ParameterError:
    """The error of a store that is out of reach; under jit the image is NaN."""
    store = binder.store.replace(updates)
    with pytest.raises(ParameterError) as refused:
        binder.predict(store)
    arrays = [{key: jnp.asarray(values[key], float) for key in updates} for values in (updates, binder.store)]
    image = jax.jit(lambda moved: binder.predict(binder.store.replace(moved)))
    assert np.isnan(image(arrays[0])).all()
    assert np.isfinite(image(arrays[1])).all()
    return refused.value


def test_every_way_to_the_image_refuses():
    binder = model()
    far, free = binder.store.replace({SEPARATION: 9.0}), binder.spec.subset([SEPARATION])
    errors = []
    for output in (
        binder.predict,
        binder.energy,
        lambda store: binder.expand(store, free),
        lambda store: binder.predict_batch([binder.store, store]),
    ):
        with pytest.raises(ParameterError, match=SEPARATION) as refused:
            output(far)
        errors.append(str(refused.value))
    assert len(set(errors)) == 1


def is_image_of_its_own_model(binder, updates) -> None:
    """A model that a remedy made has the image of one that was built with the store."""
    store = binder.store.replace(updates)
    own = binder_of(binder.config.replace(source_offset_as=None, aberration_margin=None), binder.spec, store)
    assert relative_l2(binder.predict(store), own.predict(store)) < 1e-5


@each_row("name", OFFSETS)
def test_a_source_beyond_the_grid(name):
    spec, effects, updates, key, angle = OFFSETS[name]
    changes = {"n_field_stars": 1} if "field_stars" in effects else {}
    if changes:
        updates = {FIELD: updates[FIELD][:1]}
    binder = model(spec, effects, **changes)
    error = refusal(binder, updates)
    assert key is None or error.key == key
    limit = float(re.search(r"at most ([\d.]+) arcsec", str(error))[1])
    found = float(re.search(r"a source at ([\d.]+) arcsec", str(error))[1])
    assert limit < found
    assert angle is None or found == pytest.approx(angle, rel=1e-3)
    wider = float(re.search(r"source_offset_as=([\d.]+)", error.remedy)[1])
    is_image_of_its_own_model(model(spec, effects, source_offset_as=wider, **changes), updates)


@each_row("name", SCALES)
def test_a_scale_that_lifts_the_band(name):
    spec, updates, key = SCALES[name]
    binder = model(spec)
    error = refusal(binder, updates)
    assert error.key == key
    limit, found = (float(text) for text in re.findall(r"([\d.]+) cycles per pixel", str(error)))
    values = {**binder.store, **updates}
    shortest = values["band.wavelength_m"] - 0.5 * values["band.bandwidth_m"]
    frequency = np.deg2rad(values[PLATE_SCALE] / 3600.0) * values["system.m1_diameter_m"] / shortest
    assert limit < found == pytest.approx(frequency, rel=1e-4)
    assert error.remedy == "Build the model with this store"
    assert np.isfinite(model(spec, updates=updates).predict(binder.store.replace(updates))).all()


@each_row("name", BLURS)
def test_aberrations_that_the_margin_does_not_hold(name):
    spec, updates, key = BLURS[name]
    binder = model(spec)
    error = refusal(binder, updates)
    assert key is None or error.key == key
    margin = float(re.search(r"aberration_margin=([\d.]+)", error.remedy)[1])
    is_image_of_its_own_model(model(spec, aberration_margin=margin), updates)


def test_an_edge_across_the_beam():
    for config, spec, key, value in (
        (FLIGHT, "forward", "system.m2_diameter_m", 0.0175),
        (SHERA_FOURPLANE_EXAMPLE_CONFIG.replace(**SMALL), "inference", "system.m3_diameter_m", 0.003),
    ):
        binder = binder_of(config, build_spec(config, spec))
        error = refusal(binder, {key: value})
        assert error.key == key
        least = float(re.search(r"at least ([\d.]+) m", str(error))[1])
        assert value < least < float(binder.store[key])
        assert np.isfinite(binder.predict(binder.store.replace({key: 1.0001 * least}))).all()
        with pytest.raises(ParameterError, match=key):
            binder.predict(binder.store.replace({key: 0.999 * least}))
        with pytest.raises(ParameterError, match=key):
            binder_of(config, binder.spec, binder.store.replace({key: value}))


def test_models_of_neighbouring_stores_share_optics_and_the_compiled_image(traces):
    first = model()
    first.predict(first.store)
    del traces[:]
    for updates in ({SEPARATION: 1.31}, {X: 0.02}, {PLATE_SCALE: 0.99999 * first.store[PLATE_SCALE]}):
        other = model(updates=updates)
        assert other.optics is first.optics
        other.predict(other.store)
    assert "output" not in traces
    assert model(updates={SEPARATION: 6.0}).optics is not first.optics


@each_row("field", ["pupil_npix", "gap_npix"])
def test_a_grid_below_the_least_is_refused_with_the_least(field):
    with pytest.raises(ConfigError) as refused:
        model(**{field: 16})
    assert refused.value.key == field
    least = int(re.search(r"at least (\d+)", str(refused.value))[1])
    derived = model().optics.sampling.exit
    assert least == (derived.per_diameter if field == "pupil_npix" else derived.npix)
    assert model(**{field: least}).optics.sampling == model().optics.sampling
    with pytest.raises(ConfigError, match=f"{field}: expected at least {least}"):
        model(**{field: least - 2})


@each_row("changes", [
    {"pupil_npix": 80}, {"gap_npix": 160}, {"pixel_nodes": 2}, {"source_offset_as": 6.0}, {"aberration_margin": 12.0}
])  # fmt: skip
def test_more_of_anything_keeps_the_image(changes):
    updates = {M1_ZERNIKES: np.linspace(-2, 2, 8), M2_ZERNIKES: np.linspace(1, -2, 8)}
    derived, raised = model(updates=updates, image_npix=32), model(updates=updates, image_npix=32, **changes)
    assert raised.optics.sampling != derived.optics.sampling
    difference = relative_l2(raised.predict(raised.store), derived.predict(derived.store))
    assert 0.0 < difference < 1e-6


def test_stated_limits_are_kept():
    sampling = model(source_offset_as=6.0, pixel_nodes=3).optics.sampling
    assert sampling.largest_offset == pytest.approx(6.0 / model().store[PLATE_SCALE])
    assert sampling.pitch == pytest.approx(1.0 / 3.0)
    assert replace(sampling, n_wavelengths=0) == replace(
        model(source_offset_as=6.0, pixel_nodes=3, n_wavelengths=None).optics.sampling, n_wavelengths=0
    )
