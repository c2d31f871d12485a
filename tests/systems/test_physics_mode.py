"""The physics-mode spec in the three-plane model: its geometry acts as in the forward spec."""

import jax
import numpy as np
import pytest

import dluxshera as ds
from dluxshera.errors import ConfigError
from dluxshera.systems import CONFIGS, SHERA_RESOLVER
from support import keys as f

CONFIG = ds.SHERA_FLIGHT_CONFIG.replace(image_npix=24, n_wavelengths=2)
NEAR = {f.SEPARATION: 1.3, f.X_POSITION: 0.31, f.M1_ZERNIKES: np.arange(8.0)}


@pytest.fixture(scope="module")
def binders():
    specs = ds.build_forward_model_spec_from_config(CONFIG), ds.build_inference_spec_physics(CONFIG)
    return [ds.SheraThreePlaneBinder(CONFIG, spec) for spec in specs]


def test_it_is_the_forward_model_with_the_flux_as_a_knob(binders):
    forward, physics = binders
    for moved in ({}, {f.M2_FOCAL_LENGTH: -0.0545 * (1 + 5e-5)}, {f.PIXEL_PITCH: 4.5e-6}):
        store = forward.store.replace(NEAR | moved)
        flux = SHERA_RESOLVER.resolve(store.spec, store, (f.LOG_FLUX,))
        image = forward.predict(store)
        other = physics.predict(physics.store.replace(NEAR | moved | flux))
        np.testing.assert_allclose(other, image, rtol=0, atol=1e-12 * float(image.max()))


def test_every_free_length_has_a_derivative_that_its_field_announces(binders):
    _, physics = binders
    # M2's diameter is that of the circle of its Zernike polynomials.
    moved = {f.M2_FOCAL_LENGTH: -0.0545 * (1 + 5e-5), f.M2_ZERNIKES: np.arange(8.0)}
    store = physics.store.replace(NEAR | moved)
    slopes = jax.jacfwd(lambda values: physics.predict(store.replace(values)))(dict(store))
    image = np.linalg.norm(physics.predict(store))
    for key in store:
        assert store.spec[key].acts_on == ("image",)
        scale = np.max(np.abs(store[key])) or 1.0
        assert np.linalg.norm(slopes[key]) * scale > 1e-6 * image, key


def test_a_configuration_of_another_system_is_refused_by_this_binder():
    for name in ("shera_twoplane_flight", "shera_fourplane_example"):
        config = CONFIGS[name]
        with pytest.raises((TypeError, ConfigError)):  # of the wrong type, which the tests check first
            ds.SheraThreePlaneBinder(config, ds.build_forward_model_spec_from_config(config))
