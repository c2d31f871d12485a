"""The posterior of toy models against SciPy's distributions, and what it refuses."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import dluxshera as ds
from dluxshera.errors import BoundsError, DataError, DerivedKeyError, ParameterError, ShapeError
from dluxshera.inference.fisher import fisher_information
from dluxshera.inference.likelihood import GaussianNoise, PoissonNoise
from dluxshera.inference.posterior import Posterior, draw_from_prior, make_posterior
from dluxshera.params.packing import pack_params
from dluxshera.params.priors import Normal
from dluxshera.params.store import ParameterStore
from helpers import central_difference
from toys import COEFFS, CONTRAST, FLUX, OPEN, PITCH, SCALE, linear_model, resolver, star_image, star_spec, telescope

STAR = star_spec()
STORE = ParameterStore.from_spec_defaults(STAR)
DATA = np.random.default_rng(2).poisson(star_image(STORE.replace({"star.x": 0.7})))
THETA = np.array([0.5, -0.2, 4.1, 2.2])


@pytest.fixture
def posterior() -> Posterior:
    return make_posterior(star_image, STAR, STORE, DATA)


def test_it_is_the_prior_times_the_likelihood(posterior):
    """Of two points, with SciPy's distributions; the width has no prior."""

    def log_density(theta):
        image = np.asarray(star_image(posterior.store_at(theta)))
        prior = stats.norm.logpdf(theta[:3], [0.0, 0.0, 4.0], [3.0, 3.0, 0.3]).sum()
        return stats.poisson.logpmf(DATA, image).sum() + prior

    other = np.array([1.5, 0.1, 3.8, 1.7])
    difference = log_density(THETA) - log_density(other)
    np.testing.assert_allclose(posterior.loss(other) - posterior.loss(THETA), difference, rtol=1e-10)
    for theta in (THETA, other):
        np.testing.assert_allclose(posterior.loss(theta), -posterior.log_likelihood(theta) - posterior.log_prior(theta))


def test_the_prior_is_that_of_the_fields_and_a_field_without_one_adds_nothing(posterior):
    mean, sigma = np.array([0.0, 0.0, 4.0]), np.array([3.0, 3.0, 0.3])
    assert posterior.log_prior(np.array([0.0, 0.0, 4.0, 7.0])) == 0.0
    np.testing.assert_allclose(posterior.log_prior(THETA), -0.5 * np.sum(((THETA[:3] - mean) / sigma) ** 2))
    assert posterior.log_prior(THETA) == posterior.log_prior(THETA * [1, 1, 1, 100])
    np.testing.assert_array_equal(jax.grad(posterior.log_prior)(jnp.asarray(THETA))[3], 0.0)


def test_an_array_has_its_prior_for_each_element():
    free = telescope().subset([COEFFS, PITCH, FLUX])
    store = ParameterStore.from_spec_defaults(telescope())
    posterior = make_posterior(lambda s: jnp.full(4, 5.0) + s[FLUX] + s[COEFFS].sum(), free, store, np.ones(4))
    np.testing.assert_array_equal(posterior.prior_mean, [0.0, 0.0, 0.0, 0.0, 3.0])
    np.testing.assert_allclose(posterior.prior_sigma, [5.0, 5.0, 5.0, np.inf, 0.1], rtol=1e-15)
    assert posterior.labels == free.labels


def test_theta_goes_into_the_store_and_the_rest_stays():
    held = STORE.replace({"star.width": 3.3})
    posterior = make_posterior(star_image, STAR.subset(["star.log_flux", "star.x"]), held, DATA)
    assert posterior.store_at(np.array([4.5, 1.25])) == held.replace({"star.log_flux": 4.5, "star.x": 1.25})
    with pytest.raises(ShapeError, match="theta: expected a vector of 2 numbers"):
        posterior.loss(THETA)
    with pytest.raises(BoundsError, match=r"star\.x: expected >= -20 and <= 20, got 21.0"):
        posterior.store_at(np.array([4.5, 21.0]))


@pytest.mark.parametrize(
    ("theta", "allowed"),
    [
        ([0, 0, 4, 2], True),
        ([20, -20, -400, 1e-9], True),
        ([20.1, 0, 4, 2], False),
        ([0, 0, 4, 0], False),
        ([0, np.nan, 4, 2], False),
    ],
)
def test_what_the_bounds_allow(posterior, theta, allowed):
    assert posterior.allows(np.array(theta, dtype=float)) is allowed


def test_the_gradient_of_the_loss_is_that_of_finite_differences(posterior):
    gradient = jax.jit(jax.grad(posterior.loss))(jnp.asarray(THETA))
    for i, unit in enumerate(np.eye(4)):
        difference = central_difference(lambda h, unit=unit: np.asarray(posterior.loss(THETA + h * unit)), 1e-3)
        np.testing.assert_allclose(gradient[i], difference, rtol=1e-8)


def test_the_information_is_that_of_the_data_without_the_prior(posterior):
    expected = fisher_information(star_image, posterior.store_at(THETA), STAR, PoissonNoise())
    size = np.sqrt(np.diag(expected.matrix))
    found = posterior.information(THETA).matrix
    np.testing.assert_allclose(found / np.outer(size, size), expected.matrix / np.outer(size, size), atol=1e-14)
    np.testing.assert_array_equal(found, found.T)
    assert posterior.information(THETA).labels == STAR.labels


def test_a_model_that_is_not_valid_has_loss_nan():
    model = linear_model(2, prior=Normal(0.0, 1.0))
    posterior = make_posterior(model.predict, model.spec, model.store, np.ones(40))
    assert np.isfinite(posterior.loss(np.zeros(2)))
    assert np.isnan(posterior.loss(np.array([0.0, 1e6])))
    assert not posterior.loss(np.array([0.0, 1e6])) < np.inf  # so that no comparison takes it for the lower


def test_the_noise_is_photon_noise_unless_another_is_given():
    assert isinstance(make_posterior(star_image, STAR, STORE, DATA).noise, PoissonNoise)
    negative = DATA - 100
    with pytest.raises(DataError, match="none below 0"):
        make_posterior(star_image, STAR, STORE, negative)
    posterior = make_posterior(star_image, STAR, STORE, negative, GaussianNoise(20.0))
    chi2 = np.sum((negative - np.asarray(star_image(STORE))) ** 2 / 20.0)
    np.testing.assert_allclose(posterior.log_likelihood(pack_params(STORE, STAR)), -0.5 * chi2)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (DATA[:-1], r"an image of shape \(16, 16\), got an array of shape \(15, 16\)"),
        (DATA * 1j, "real numbers"),
        (DATA * np.nan, r"finite numbers, got nan at index \(0, 0\)"),
    ],
)
def test_data_that_the_model_cannot_explain_are_refused(data, text):
    with pytest.raises(DataError, match=f"data: expected {text}"):
        make_posterior(star_image, STAR, STORE, data)


def test_integer_data_truncate_nothing(posterior):
    assert DATA.dtype.kind == "i"
    assert posterior.data.dtype == np.float64
    assert posterior.loss(THETA) == make_posterior(star_image, STAR, STORE, DATA.astype(float)).loss(THETA)


def test_only_primitives_can_be_free():
    spec, store = telescope(), ParameterStore.from_spec_defaults(telescope())

    def predict(store):
        return jnp.full(3, resolver().resolve(store.spec, store)[SCALE])

    with pytest.raises(ParameterError, match="free: expected at least one free parameter"):
        make_posterior(predict, spec.subset([]), store, np.ones(3))
    with pytest.raises(ParameterError, match=r"lens\.scale: expected a primitive.*got 'derived'\. Use a spec in which"):
        make_posterior(predict, spec.subset([PITCH, SCALE]), store, np.ones(3))
    with pytest.raises(ParameterError, match=r"lens\.open_fraction: expected a primitive.*got 'structural'"):
        make_posterior(predict, spec.subset([OPEN]), store, np.ones(3))


def test_a_free_parameter_of_another_spec_does_not_act_unseen():
    """The plate scale is free in the inference spec and derived in the forward spec, whose store is given."""
    config = ds.SHERA_FLIGHT_CONFIG.replace(pupil_npix=64, image_npix=32, n_wavelengths=1)
    binder = ds.SheraThreePlaneBinder(config, ds.build_forward_model_spec_from_config(config))
    free = ds.build_inference_spec_basic(config).subset(["system.plate_scale_as_per_pix"])
    posterior = make_posterior(binder.predict, free, binder.store, np.ones((32, 32)))
    with pytest.raises(DerivedKeyError, match=r"system\.plate_scale_as_per_pix: expected no value, for it is derived"):
        posterior.loss(np.array([0.123]))


def test_new_data_need_no_new_trace():
    traces = []

    def predict(store):
        traces.append(1)
        return star_image(store)

    @eqx.filter_jit
    def loss(posterior, theta):
        return posterior.loss(theta)

    first = make_posterior(predict, STAR, STORE, DATA)
    loss(first, THETA)
    second = make_posterior(predict, STAR, STORE.replace({"star.x": 2.0}), DATA + 1)
    before = len(traces)
    assert loss(second, THETA) != loss(first, THETA)
    assert len(traces) == before


def test_a_draw_from_the_prior_has_the_order_of_theta():
    """Each element within 6 of its own sigma of its own mean; here these intervals do not meet."""
    spec = telescope()
    for keys in ([FLUX, COEFFS], [COEFFS, FLUX]):
        free = spec.subset(keys)
        draws = np.stack([draw_from_prior(free, np.random.default_rng(seed)) for seed in range(64)])
        assert draws.shape == (64, 4)
        at = keys.index(FLUX) * 3
        flux = draws[:, at]
        assert np.all(np.abs(flux - 3.0) < 0.6)
        coefficients = np.delete(draws, at, axis=1)
        assert 4.0 < coefficients.std() < 6.0
        assert np.all(np.abs(np.corrcoef(coefficients.T) - np.eye(3)) < 0.5)  # each element has its own draw


def test_the_same_seed_gives_the_same_draw_and_the_next_another(posterior):
    free = STAR.subset(["star.x", "star.log_flux"])
    rng = np.random.default_rng(5)
    first, second = draw_from_prior(free, rng), draw_from_prior(free, rng)
    assert not np.any(first == second)
    np.testing.assert_array_equal(first, draw_from_prior(free, np.random.default_rng(5)))
    only = make_posterior(star_image, free, STORE, DATA)
    np.testing.assert_array_equal(only.draw_from_prior(np.random.default_rng(5)), first)


def test_a_parameter_without_a_prior_cannot_be_drawn(posterior):
    with pytest.raises(ParameterError, match=r"star\.width: expected a prior to draw from.*Fix it, or give it one"):
        posterior.draw_from_prior(np.random.default_rng(0))
    with pytest.raises(ParameterError, match=CONTRAST):
        draw_from_prior(telescope().subset([FLUX, CONTRAST]), np.random.default_rng(0))
