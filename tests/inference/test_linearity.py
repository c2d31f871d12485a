"""The linear range of the bias formula, on toys whose shifts have a closed form."""

import jax.numpy as jnp
import numpy as np
import pytest

from dluxshera.errors import ParameterError, UnknownKeyError
from dluxshera.inference import (
    GaussianNoise,
    LinearRange,
    gradient_descent,
    linear_bias,
    linear_range,
    make_posterior,
)
from dluxshera.params import Normal, ParameterStore, unpack_params
from support.stars import NEAR as TRUTH
from support.stars import STAR, STORE
from support.toys import coefficients, linear_model, star_image


def fit(posterior, start):
    return gradient_descent(posterior, start, tolerance=1e-6, misfit_sigmas=None)


def test_the_formula_is_that_of_the_normal_equations():
    """With a prior, and twice the variance in half of the pixels."""
    model = linear_model(prior=Normal(0.0, 0.3))
    variance = np.where(np.arange(40) < 20, 2e3, 4e3)
    change = np.random.default_rng(3).normal(size=40)
    clean, changed = (
        make_posterior(model.predict, model.spec, model.store, model.base + d, GaussianNoise(variance))
        for d in (0.0, change)
    )
    information = model.jacobian / variance @ model.jacobian.T + np.eye(3) / 0.3**2
    expected = np.linalg.solve(information, model.jacobian / variance @ change)
    np.testing.assert_allclose(linear_bias(clean, changed, np.zeros(3)), expected, rtol=1e-9)


def test_a_linear_model_has_no_end_of_its_linear_range():
    model = linear_model()
    change = 1e3 * np.random.default_rng(3).normal(size=40)

    def posterior_of(magnitude):
        data = model.base + magnitude * change
        return make_posterior(model.predict, model.spec, model.store, data, GaussianNoise(2e3))

    found = linear_range(posterior_of, np.zeros(3), [1e-3, 1.0, 1e3], fit)
    assert found.departures.max() < 1e-6
    assert found.reach() == 1e3
    np.testing.assert_allclose(found.refitted[2], 1e6 * found.refitted[0], rtol=1e-5)


def test_the_range_ends_where_the_model_bends():
    """The image a + a^2 in every pixel, with an error of size m: the fit finds the root of a + a^2 = m.

    It departs from the slope by 1 - (sqrt(1 + 4 m) - 1) / (2 m), which is 0.1 at m = 0.1235.
    """
    spec = coefficients(1)
    store = ParameterStore.from_spec_defaults(spec)

    def predict(store):
        a = store[spec.fields[0].key][0]
        return (a + a**2) * jnp.ones(4)

    def posterior_of(magnitude):
        return make_posterior(predict, spec, store, np.full(4, magnitude), GaussianNoise(1e-6))

    sizes = np.array([0.03, 0.06, 0.12, 0.13, 0.24])
    found = linear_range(posterior_of, np.zeros(1), sizes, fit)
    roots = 0.5 * (np.sqrt(1.0 + 4.0 * sizes) - 1.0)
    np.testing.assert_allclose(found.refitted[:, 0], roots, rtol=1e-6)
    np.testing.assert_allclose(found.predicted[:, 0], sizes, rtol=1e-9)
    np.testing.assert_allclose(found.departures, 1.0 - roots / sizes, rtol=1e-6)
    assert found.reach() == found.reach(label="toy.a[a0]") == 0.12
    assert found.reach(tolerance=0.01) == 0.0


def test_a_star_that_drags_a_ghost():
    """Poisson noise, priors that are off, and parameters of which the image is no linear function."""

    def posterior_of(magnitude):
        image = star_image(unpack_params(TRUTH, STAR, STORE))
        return make_posterior(star_image, STAR, STORE, image + magnitude * jnp.roll(image, 2, axis=1))

    found = linear_range(posterior_of, TRUTH, [1e-3, 1e-2], fit)
    np.testing.assert_allclose(found.refitted, found.predicted, rtol=0.05, atol=1e-6)
    np.testing.assert_allclose(found.departures[1], 10.0 * found.departures[0], rtol=0.1)
    assert found.departures[1] < 0.05
    with pytest.raises(UnknownKeyError, match=r"star\.w"):
        found.reach(label="star.w")


def test_an_error_whose_image_bends_is_no_longer_linear():
    """The model is linear, and the image grows as m + m^2: the shift departs from the slope by m."""
    model = linear_model()
    change = np.random.default_rng(3).normal(size=40)

    def posterior_of(magnitude):
        data = model.base + (magnitude + magnitude**2) * change
        return make_posterior(model.predict, model.spec, model.store, data, GaussianNoise(1e-6))

    found = linear_range(posterior_of, np.zeros(3), [0.01, 0.09, 0.11], fit)
    np.testing.assert_allclose(found.departures, [0.01, 0.09, 0.11], rtol=1e-4)
    assert found.reach() == 0.09


@pytest.mark.parametrize("wrong", [[], [0.0, 1.0], [2.0, 1.0]])
def test_magnitudes_have_to_grow(wrong):
    with pytest.raises(ParameterError, match="magnitudes: expected positive numbers in increasing order"):
        linear_range(lambda m: None, np.zeros(1), wrong, fit)


def test_the_range_ends_at_the_first_departure_though_a_later_one_is_small():
    """A bias that crosses its formula again at a larger error."""
    predicted = np.array([[1.0], [2.0], [4.0]])
    departures = np.array([0.05, 0.4, 0.05])
    crossing = LinearRange(np.array([1.0, 2.0, 4.0]), predicted, predicted * 0.95, departures, ("a",))
    assert crossing.reach() == 1.0
    assert crossing.reach(label="a") == 4.0
