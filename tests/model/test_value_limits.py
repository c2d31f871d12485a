"""Values at which a model has no finite image, or none that fits into memory: refused by name before any work."""

import random
import re
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dluxshera as ds
from dluxshera.errors import ConfigError, NonFiniteError, ParameterError
from dluxshera.model import binder_of
from dluxshera.model.size import LARGEST_MEMORY
from dluxshera.params import Bounds, ParameterStore
from dluxshera.systems import SHERA_FOURPLANE_EXAMPLE_CONFIG, build_spec, memory_of
from support import keys as f
from support import value_attack as attack
from support.rows import each_row, every_row

SMALL = {"image_npix": 32, "n_wavelengths": 1, "diffractive_pupil": None}
FLIGHT = ds.SHERA_FLIGHT_CONFIG.replace(**SMALL)
FORWARD = build_spec(FLIGHT, "forward")
STORE = ParameterStore.from_spec_defaults(FORWARD)


def overflowing(binder):
    """Return a store whose image overflows; only `jax.tree` can put such a number there."""
    return jax.tree_util.tree_map_with_path(
        lambda path, value: jnp.asarray(400.0) if path[-1].key == f.LOG_FLUX else value, binder.store
    )


@pytest.fixture(scope="module")
def effective():
    return binder_of(FLIGHT, build_spec(FLIGHT, "inference"))


@each_row("method", ["predict", "predict_batch", "energy", "expand"])
def test_an_image_that_is_not_finite_raises(effective, method):
    store = overflowing(effective)
    arguments = {"predict_batch": ([effective.store, store],), "expand": (store, effective.spec.subset([f.CONTRAST]))}
    with pytest.raises(NonFiniteError, match=r"binary\.log_flux_total = 400\. differs most"):
        getattr(effective, method)(*arguments.get(method, (store,)))
    assert not np.isfinite(jax.jit(effective.predict)(store)).any()  # traced, it is NaN


def test_a_spectrum_and_a_filter_without_common_light_raise():
    config = FLIGHT.replace(effects=["spectra", "filter"])
    spec = build_spec(config, "inference")
    half = {f.TRANSMISSION: [1.0, 0.0], f.SPECTRUM_A: [0.0, 1.0], f.SPECTRUM_B: [0.0, 1.0]}
    rows = {
        f.TRANSMISSION_WAVELENGTHS: [1e-7, 5.5e-7], f.SPECTRUM_A_WAVELENGTHS: [5.5e-7, 1e-6],
        f.SPECTRUM_B_WAVELENGTHS: [5.5e-7, 1e-6],
    }  # fmt: skip
    with pytest.raises(ParameterError, match="a table of the whole band"):
        ParameterStore.from_spec_defaults(spec).replace({**half, **rows})
    config = FLIGHT.replace(effects=["spectra", "filter"], transmission_rows=4, spectrum_a_rows=4)
    spec = build_spec(config, "inference")
    wide = [1e-7, 5.4999e-7, 5.5001e-7, 1e-6]
    store = ParameterStore.from_spec_defaults(spec).replace({
        f.TRANSMISSION_WAVELENGTHS: wide, f.SPECTRUM_A_WAVELENGTHS: wide,
        f.TRANSMISSION: [1.0, 1.0, 0.0, 0.0], f.SPECTRUM_A: [0.0, 0.0, 1e-20, 1.0],
    })  # fmt: skip
    assert np.isfinite(binder_of(config, spec, store).predict(store)).all()  # they meet within 0.2 pm
    apart = store.replace({f.SPECTRUM_A: [0.0, 0.0, 0.0, 1.0]})
    with pytest.raises(NonFiniteError, match="finite photons"):
        binder_of(config, spec, apart).predict(apart)


@each_row(
    "updates, key",
    [
        ({f.M2_DETECTOR_SEPARATION: 1e-4}, f.M2_DETECTOR_SEPARATION), ({f.SEPARATION: 30000.0}, f.SEPARATION),
        ({f.X_POSITION: -20000.0}, f.X_POSITION), ({f.M1_ZERNIKES: np.full(8, 1e6)}, f.M1_ZERNIKES),
        ({f.M2_ZERNIKES: np.full(8, 1e6)}, f.M2_ZERNIKES), ({f.WAVELENGTH: 2.1e-8}, f.WAVELENGTH),
        ({f.PIXEL_PITCH: 0.01}, f.PIXEL_PITCH), ({f.M1_M2_SEPARATION: 0.6043}, f.M1_M2_SEPARATION),
    ],
)  # fmt: skip
def test_grids_beyond_the_memory_are_refused_with_the_parameter_that_asks_for_them(updates, key):
    with pytest.raises(ParameterError) as refused:
        binder_of(FLIGHT, FORWARD, STORE.replace(updates))
    assert refused.value.key == key
    assert re.search(r"at most 16 GiB, got .*GiB'\. It would have [\d,]+ cells", str(refused.value))


@each_row(
    "changes",
    [
        {"image_npix": 8192, "n_wavelengths": None}, {"gap_npix": 32768}, {"source_offset_as": 36000.0},
        {"aberration_margin": 1e4}, {"pixel_nodes": 32, "image_npix": 2048}, {"n_wavelengths": 999, "pupil_npix": 2048},
    ],
)  # fmt: skip
def test_fields_of_the_configuration_that_ask_for_too_much_are_named(changes):
    config = FLIGHT.replace(**changes)
    with pytest.raises(ConfigError, match="GiB") as refused:
        binder_of(config, build_spec(config, "inference"))
    assert refused.value.key in changes
    assert refused.value.remedy.rstrip(".").endswith((f"Lower {refused.value.key}", "leave it out to derive it"))


def test_the_estimate_of_memory_holds_the_factors_on_the_field(effective):
    """Each wavelength has a complex factor on every cell for the pupil and for M2, and temporary ones beside them."""
    sampling = effective.optics.sampling
    for n_wavelengths in (1, 50):
        factors = 2 * n_wavelengths * sampling.exit.npix**2 * 16
        assert (
            factors
            < memory_of(replace(sampling, n_wavelengths=n_wavelengths)) - memory_of(replace(sampling, n_wavelengths=0))
            < 5 * factors
        )
    assert memory_of(sampling) < 1e-3 * LARGEST_MEMORY


@each_row(
    "config, updates, key, text",
    [
        (FLIGHT, {f.M2_FOCAL_LENGTH: -0.01}, f.PLATE_SCALE, "It follows from system.pixel_pitch_m"),
        (FLIGHT, {f.M2_FOCAL_LENGTH: -0.0001, f.M2_DETECTOR_SEPARATION: 0.9}, f.PLATE_SCALE, "expected >= 1e-06"),
        (SHERA_FOURPLANE_EXAMPLE_CONFIG.replace(**SMALL), {f.M3_POWER: 1e4}, f.PLATE_SCALE, "system.m3_power_per_m"),
    ],
)  # fmt: skip
def test_lengths_without_an_image_are_refused_with_the_derived_value(config, updates, key, text):
    spec = build_spec(config, "forward")
    store = ParameterStore.from_spec_defaults(spec)
    if f.M2_FOCAL_LENGTH in updates and f.M2_DETECTOR_SEPARATION not in updates:
        updates = {**updates, f.M2_DETECTOR_SEPARATION: 1e4, f.PIXEL_PITCH: 1e-7}
    with pytest.raises(ParameterError) as refused:
        binder_of(config, spec, store.replace(updates))
    assert refused.value.key == key or "GiB" in str(refused.value)
    assert text in str(refused.value) or "GiB" in str(refused.value)


def test_a_surface_in_a_focus_is_refused():
    config = SHERA_FOURPLANE_EXAMPLE_CONFIG.replace(**SMALL)
    spec = build_spec(config, "forward")
    store = ParameterStore.from_spec_defaults(spec)
    s, f1, f2 = (float(store[key]) for key in (f.M1_M2_SEPARATION, f.M1_FOCAL_LENGTH, f.M2_FOCAL_LENGTH))
    focus = (1.0 - s / f1) / (1.0 / f1 + 1.0 / f2 - s / (f1 * f2))  # behind M2, where M3 has no beam
    with pytest.raises(ParameterError):
        binder_of(config, spec, store.replace({f.M2_M3_SEPARATION: focus}))


def test_motion_beyond_the_margin_is_refused_and_traced_it_is_nan():
    config = FLIGHT.replace(effects=["motion"], motion_margin=4)
    binder = binder_of(config, build_spec(config, "inference"))
    scale = float(binder.store[f.PLATE_SCALE])
    for key, value in ((f.JITTER, 1.1 * scale), (f.SMEAR_X, -8.5 * scale), (f.SMEAR_Y, 9.0 * scale)):
        store = binder.store.replace({key: value})
        with pytest.raises(ParameterError, match=r"Set motion_margin=5 ") as refused:
            binder.predict(store)
        assert refused.value.key == key
        with pytest.raises(ParameterError, match=key):
            binder_of(config, binder.spec, store)
        assert np.isnan(jax.jit(binder.predict)(store)).all()
    assert np.isfinite(binder.predict(binder.store.replace({f.JITTER: 0.9 * scale}))).all()


def test_energy_is_nan_where_traced_values_are_beyond_the_grids(effective):
    far = effective.store.replace({f.X_POSITION: 30.0})
    with pytest.raises(ParameterError, match="sources at most"):
        effective.energy(far)
    assert all(np.isnan(number) for number in jax.jit(effective.energy)(far).values())


@each_row(
    "changes, updates",
    [
        ({"image_npix": 128}, {}), ({"image_npix": 16}, {f.X_POSITION: 3.0}),
        ({"effects": ["ghosts"]}, {f.GHOST_RATIO: 1.0, f.GHOST_X: 4.0}),
        ({"effects": ["field_stars"]}, {f.STAR_LOG_FLUX: [13.0], f.STAR_X: [9.0], f.STAR_Y: [9.0]}),
        ({"effects": ["field_stars", "distortion"]}, {f.STAR_LOG_FLUX: [12.0], f.DISTORTION: 1e-3}),
        ({"effects": ["motion"]}, {f.JITTER: 0.1}),
    ],
)  # fmt: skip
def test_no_plane_has_more_light_than_the_one_before(changes, updates):
    config = FLIGHT.replace(**changes)
    spec = build_spec(config, "inference")
    binder = binder_of(config, spec, ParameterStore.from_spec_defaults(spec).replace(updates))
    energy = {name: float(value) for name, value in binder.energy(binder.store).items()}
    planes = [energy[name] for name in energy if name != "beyond_grid"]
    assert np.all(np.diff(planes) <= 1e-6 * planes[0])
    assert energy["beyond_grid"] >= -1e-9 * planes[0]


def test_the_attack_finds_no_fault_in_a_sample():
    """`make validate` tries every key of every spec, and 2,000 pairs."""
    rng = random.Random(3)
    target = attack.Target("shera_flight", "inference", False)
    with every_row() as row, attack.small_memory():
        for key, value, inside in attack.singles(target):
            if not inside or rng.random() < 0.3:
                with row(key, value):
                    assert attack.outcome(target, {key: value}) in (("refused", "finite") if inside else ("refused",))


def test_the_attack_finds_a_dropped_check(monkeypatch):
    """Without bounds nothing that overflows is stopped but by the image; without that check it comes out."""
    target = attack.Target("shera_flight", "inference", False)
    binder = attack.base(target)
    fields = tuple(replace(item, bounds=Bounds()) if item.key == f.LOG_FLUX else item for item in binder.spec.fields)
    planted = binder_of(binder.config, replace(binder.spec, fields=fields))
    monkeypatch.setattr(attack, "base", lambda _: planted)
    assert attack.outcome(target, {f.LOG_FLUX: 308.5}) == "refused"
    monkeypatch.setattr("dluxshera.model.evaluator.check_finite", lambda *_: None)
    assert attack.outcome(target, {f.LOG_FLUX: 308.5}) == "an image that is not finite"
