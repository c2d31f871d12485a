"""The binder as an image model: columns against differences and closed forms, sharing, and the methods of a binder."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dluxshera as ds
from dluxshera.errors import MissingKeyError, ParameterError
from dluxshera.inference import PoissonNoise, fisher_information, gauss_newton, make_posterior
from dluxshera.params import AbstractImageModel, AutomaticImageModel, image_model
from support.columns import column_errors
from support.helpers import relative_l2, rounding
from support.scenes import (
    CONTRAST,
    DETECTOR_SEPARATION,
    LOG_FLUX,
    M1_ZERNIKES,
    M2_FOCAL_LENGTH,
    M2_ZERNIKES,
    PLATE_SCALE,
    POSITION_ANGLE,
    SEPARATION,
    SPECS,
    X,
    scene,
)

SMALL = {"pupil_npix": 64, "image_npix": 24, "n_wavelengths": 2}
NEARBY = {SEPARATION: 1.3, POSITION_ANGLE: 33.0, CONTRAST: 2.2}
OPTICS = (SEPARATION, X, CONTRAST, M1_ZERNIKES, M2_ZERNIKES)
KEYS = {
    "inference": (*OPTICS, PLATE_SCALE, LOG_FLUX, POSITION_ANGLE),
    "forward": (M2_FOCAL_LENGTH, *OPTICS, DETECTOR_SEPARATION, "imaging.frame_time_s", "binary.flux_density"),
}


def made(spec: str, **changes):
    zernikes = {key: np.linspace(-9.0, 12.0, 8) for key in (M1_ZERNIKES, M2_ZERNIKES)}
    return scene(ds.SHERA_FLIGHT_CONFIG, spec, NEARBY | zernikes, **SMALL, **changes)


@pytest.mark.parametrize("spec", KEYS)
def test_columns_are_those_of_differences(spec):
    """In the order of theta, through derived values, and zero for what does not act."""
    model = made(spec)
    keys = [key for key in KEYS[spec] if key in model.binder.spec.primitives]
    free = model.binder.spec.subset(keys)
    image, columns = model.binder.expand(model.store, free)
    assert relative_l2(image, model.image()) < rounding(float, 24**2, condition=10)
    assert columns.shape == (len(free.labels), 24, 24)
    errors = column_errors(model.binder, model.store, free)
    assert max(errors.values()) < 1e-6, errors
    still = dict(zip(free.labels, np.abs(columns).max(axis=(1, 2)) == 0.0, strict=True))
    assert [label for label in free.labels if still[label]] == [k for k in keys if k == "imaging.frame_time_s"]


def test_columns_of_the_fluxes_have_a_closed_form():
    """The image is linear in the photons: d/d log10 F = ln(10) image."""
    model = made("inference")
    image, columns = model.binder.expand(model.store, model.binder.spec.subset([LOG_FLUX]))
    np.testing.assert_allclose(columns[0], np.log(10.0) * image, rtol=1e-12)


def test_parameters_without_effect_have_columns_of_zero():
    model = made("forward")
    image, columns = model.binder.expand(model.store, model.binder.spec.subset(["imaging.frame_time_s"]))
    np.testing.assert_array_equal(columns, np.zeros((1, 24, 24)))
    np.testing.assert_array_equal(image, model.image())


def test_an_override_of_a_derived_value_is_free_in_place_of_its_inputs():
    model = made("forward")
    scale = model.binder.derived(model.store)[PLATE_SCALE]
    store = model.store.with_derived_allowed().replace({PLATE_SCALE: 1.001 * np.asarray(scale)})
    spec = model.binder.spec
    errors = column_errors(model.binder, store, spec.subset([PLATE_SCALE, SEPARATION]))
    assert max(errors.values()) < 1e-6
    with pytest.raises(MissingKeyError, match="plate_scale_as_per_pix"):
        model.binder.expand(model.store, spec.subset([PLATE_SCALE]))


def test_a_binder_is_an_image_model_and_so_is_its_predict():
    model = made("inference")
    binder, free = model.binder, model.binder.spec.subset([SEPARATION, PLATE_SCALE])
    assert isinstance(binder, AbstractImageModel)
    for given in (binder, binder.predict, binder.image):
        assert image_model(given) is binder
    assert isinstance(image_model(binder.energy), AutomaticImageModel)
    assert isinstance(image_model(lambda store: binder.predict(store)), AutomaticImageModel)
    theirs = fisher_information(lambda store: binder.predict(store), model.store, free, PoissonNoise()).matrix
    ours = fisher_information(binder.predict, model.store, free, PoissonNoise()).matrix
    np.testing.assert_allclose(ours, theirs, rtol=1e-10)


def test_a_store_of_another_spec_is_refused():
    model, other = made("inference"), made("forward")
    with pytest.raises(ParameterError):
        model.binder.expand(other.store, model.binder.spec.subset([SEPARATION]))


def test_columns_go_through_transformations():
    model = made("forward")
    binder, free = model.binder, model.binder.spec.subset([M2_FOCAL_LENGTH, SEPARATION])
    alone = binder.expand(model.store, free)
    for found, expected in zip(jax.jit(binder.expand, static_argnums=1)(model.store, free), alone, strict=True):
        assert relative_l2(found, expected) < 1e-9
    far = jnp.array([1.3, 1.4])
    batch = jax.vmap(lambda s: binder.expand(model.store.replace({SEPARATION: s}), free)[1])(far)
    assert relative_l2(batch[0], alone[1]) < 1e-9


def test_models_of_one_structure_share_the_compiled_columns(traces):
    """Models of another name and other values do; one of another structure, or of a wider field of stars, does not."""
    config = ds.SHERA_FLIGHT_CONFIG.replace(**SMALL, strut_width=0.0119)  # a structure that no other test has
    for spec in SPECS:
        first = scene(config, spec, NEARBY)
        free = first.binder.spec.subset([SEPARATION, M1_ZERNIKES])
        first.binder.expand(first.store, free)
        del traces[:]
        other = scene(config.replace(name="another"), spec, {SEPARATION: 1.2})
        assert other.binder.optics.sampling == first.binder.optics.sampling
        other.binder.expand(other.store, other.binder.spec.subset([SEPARATION, M1_ZERNIKES]))
        assert "expand" not in traces
        for twin in (scene(config.replace(n_wavelengths=1), spec, NEARBY), scene(config, spec, {SEPARATION: 1.7})):
            del traces[:]
            twin.binder.expand(twin.store, free)
            assert "expand" in traces


@pytest.mark.filterwarnings("ignore::dluxshera.inference.PriorWarning")  # the prior is that of alpha Cen
def test_a_fit_compiles_one_image_and_one_set_of_columns(traces):
    """And a fit of other data, from another start, with another prior, compiles no model at all."""
    config = ds.SHERA_FLIGHT_CONFIG.replace(**SMALL, strut_width=0.0118)
    model = scene(config, "inference", NEARBY)
    free = model.binder.spec.subset([SEPARATION, X, M1_ZERNIKES])
    rng = np.random.default_rng(1)

    def fit(binder, store):
        data = PoissonNoise().sample(rng, binder.predict(store.replace({X: 0.01 * rng.normal()})))
        return gauss_newton(make_posterior(binder, free, store, data), free_start(store), throw=False, max_steps=4)

    def free_start(store):
        return np.asarray(ds.pack_params(store, free)) + 0.1

    fit(model.binder, model.store)
    assert traces.count("expand") == 1
    assert 1 <= traces.count("output") <= 2  # of the image, and of the shape with traced values
    del traces[:]
    again = scene(config.replace(name="another"), "inference", NEARBY)
    fit(again.binder, again.store)
    assert "expand" not in traces
    assert "output" not in traces
