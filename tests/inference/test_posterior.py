"""The posterior of toy models against SciPy's distributions, and what it refuses."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import dluxshera as ds
from dluxshera.errors import (
    BoundsError,
    DataError,
    DerivedKeyError,
    FitError,
    ParameterError,
    ShapeError,
)
from dluxshera.inference import (
    GaussianNoise,
    NormalPrior,
    PhotonReadNoise,
    PoissonNoise,
    Posterior,
    draw_from_prior,
    fisher_information,
    make_posterior,
)
from dluxshera.params import Normal, ParameterStore, pack_params
from support.helpers import central_difference
from support.stars import NEAR as THETA
from support.stars import STAR, STORE
from support.toys import (
    COEFFS,
    CONTRAST,
    FLUX,
    OPEN,
    PITCH,
    SCALE,
    linear_model,
    resolver,
    star_image,
    telescope,
)

DATA = np.random.default_rng(2).poisson(star_image(STORE.replace({"star.x": 0.7})))
NOISES = {
    "poisson": PoissonNoise(),
    "gaussian": GaussianNoise(np.linspace(20.0, 60.0, 256).reshape(16, 16)),
    "photon and read": PhotonReadNoise(4.0),
}
MASK = np.random.default_rng(7).random((16, 16)) > 0.3


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


@pytest.fixture(scope="module", params=[(name, masked) for name in NOISES for masked in (False, True)], ids=str)
def any_noise(request) -> Posterior:
    name, masked = request.param
    return make_posterior(star_image, STAR, STORE, DATA, NOISES[name], mask=MASK if masked else None)


def test_the_gradient_of_the_loss_is_that_of_finite_differences(any_noise):
    loss = eqx.filter_jit(any_noise.loss)
    gradient = any_noise.expand(THETA).gradient
    for i, unit in enumerate(np.eye(4)):
        difference = central_difference(lambda h, unit=unit: np.asarray(loss(THETA + h * unit)), 1e-3)
        np.testing.assert_allclose(gradient[i], difference, rtol=1e-8)


def test_an_expansion_is_value_gradient_and_information_of_one_pass(any_noise):
    """By forward mode, what reverse mode gives to the rounding of the sum over pixels. Half the squared norm of the
    residual is the same function."""
    expected = jax.jit(jax.value_and_grad(any_noise.loss))
    half = jax.jit(jax.value_and_grad(lambda theta: 0.5 * jnp.sum(any_noise.residual(theta) ** 2)))
    for theta in (THETA, np.array([3.0, -2.0, 3.6, 3.5]), np.array([0.0, 0.0, 1.0, 0.2])):
        loss, gradient, information = any_noise.expand(theta)
        np.testing.assert_array_equal(information, any_noise.information(theta).matrix)
        for value, slope in (expected(jnp.asarray(theta)), half(jnp.asarray(theta))):
            np.testing.assert_allclose(loss, value, rtol=1e-13)
            np.testing.assert_allclose(gradient, slope, atol=1e-13 * np.abs(slope).max())
    assert any_noise.residual(THETA).shape == (256 + 4,)


@pytest.mark.parametrize("noise", NOISES)
def test_what_is_masked_might_as_well_not_be_there(noise):
    """The data are spoilt under the mask; the truth is the same likelihood of the other pixels alone, in a row."""
    index = np.flatnonzero(MASK)
    spoilt = np.where(MASK, DATA, np.resize([np.nan, -3.0, np.inf], (16, 16)))
    kind = NOISES[noise]
    cut = GaussianNoise(kind.variance[MASK]) if noise == "gaussian" else kind
    masked = make_posterior(star_image, STAR, STORE, spoilt, kind, mask=MASK)
    rest = make_posterior(lambda store: jnp.ravel(star_image(store))[index], STAR, STORE, DATA[MASK], cut)
    whole = make_posterior(star_image, STAR, STORE, DATA, kind)
    assert masked.n_data == rest.n_data == index.size < whole.n_data == 256
    for found, truth, other in zip(masked.expand(THETA), rest.expand(THETA), whole.expand(THETA), strict=True):
        np.testing.assert_allclose(found, truth, rtol=1e-12, atol=1e-12 * np.abs(truth).max())
        assert np.abs(other - truth).max() > 0.01 * np.abs(truth).max()
    np.testing.assert_allclose(masked.loss(THETA), rest.loss(THETA), rtol=1e-13)
    pixels = masked.pixel_residual(THETA).reshape(16, 16)
    np.testing.assert_array_equal(pixels[~MASK], 0.0)
    np.testing.assert_allclose(pixels[MASK], rest.pixel_residual(THETA), rtol=1e-12)


def test_a_pixel_where_the_model_has_no_value_can_be_masked():
    """And its derivative, which is not finite, with it."""

    def broken(store):
        return star_image(store).at[3, 4].set(jnp.sqrt(-store["star.width"]))

    mask = np.ones((16, 16), dtype=bool)
    mask[3, 4] = False
    masked = make_posterior(broken, STAR, STORE, DATA, mask=mask)
    truth = make_posterior(star_image, STAR, STORE, DATA, mask=mask)
    for found, expected in zip(masked.expand(THETA), truth.expand(THETA), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    unmasked = make_posterior(broken, STAR, STORE, DATA)
    assert np.isnan(unmasked.loss(THETA))
    assert np.isnan(unmasked.expand(THETA).loss)
    assert np.all(np.isnan(unmasked.expand(THETA).gradient[3]))
    with pytest.raises(FitError, match=r"the Fisher matrix is not finite in star\.x.*Check the model image for NaN"):
        unmasked.information(THETA)


def test_a_mask_that_leaves_nothing_is_refused():
    with pytest.raises(DataError, match="mask: expected at least one pixel to use"):
        make_posterior(star_image, STAR, STORE, DATA, mask=np.zeros((16, 16), dtype=bool))


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
    config = ds.SHERA_FLIGHT_CONFIG.replace(image_npix=32, n_wavelengths=1)
    binder = ds.SheraThreePlaneBinder(config, ds.build_forward_model_spec_from_config(config))
    free = ds.build_inference_spec_basic(config).subset(["system.plate_scale_as_per_pix"])
    posterior = make_posterior(binder.predict, free, binder.store, np.ones((32, 32)))
    with pytest.raises(DerivedKeyError, match=r"plate_scale_as_per_pix: expected no value, because it is derived"):
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
    with pytest.raises(
        ParameterError, match=r"star\.width: expected a prior to draw from.*Hold the parameter fixed, or set a prior"
    ):
        posterior.draw_from_prior(np.random.default_rng(0))
    with pytest.raises(ParameterError, match=CONTRAST):
        draw_from_prior(telescope().subset([FLUX, CONTRAST]), np.random.default_rng(0))


# Priors from elsewhere than the fields.

CALIBRATION = NormalPrior(("star.width", "star.x"), [2.1, 0.4], [[0.04, 0.05], [0.05, 0.25]])


def test_a_calibration_stands_in_for_the_priors_of_its_labels():
    """Against SciPy's multivariate normal distribution; the other fields keep theirs."""
    posterior = make_posterior(star_image, STAR, STORE, DATA, prior=CALIBRATION)
    joint = stats.multivariate_normal([2.1, 0.4], [[0.04, 0.05], [0.05, 0.25]])

    def log_density(theta):
        return joint.logpdf([theta[3], theta[0]]) + stats.norm.logpdf(theta[1:3], [0.0, 4.0], [3.0, 0.3]).sum()

    other = np.array([0.1, 0.3, 3.9, 2.4])
    difference = log_density(other) - log_density(THETA)
    np.testing.assert_allclose(posterior.log_prior(other) - posterior.log_prior(THETA), difference)
    np.testing.assert_allclose(np.linalg.inv(posterior.prior_precision)[np.ix_([3, 0], [3, 0])], CALIBRATION.covariance)
    np.testing.assert_array_equal(posterior.prior_mean, [0.4, 0.0, 4.0, 2.1])
    np.testing.assert_allclose(posterior.prior_sigma, [0.5, 3.0, 0.3, 0.2])
    residual = posterior.residual(THETA)[256:]
    np.testing.assert_allclose(-0.5 * np.sum(residual**2), posterior.log_prior(THETA))
    gradient = jax.grad(posterior.loss)(jnp.asarray(THETA))
    np.testing.assert_allclose(posterior.expand(THETA).gradient, gradient, rtol=1e-12)


def test_a_calibration_of_some_elements_of_an_array_leaves_the_others():
    free = telescope().subset([FLUX, COEFFS])
    store = ParameterStore.from_spec_defaults(telescope())
    prior = NormalPrior((f"{COEFFS}[Z5]",), [7.0], [[4.0]])
    posterior = make_posterior(
        lambda s: jnp.full(4, 5.0) + s[FLUX] + s[COEFFS].sum(), free, store, np.ones(4), prior=prior
    )
    np.testing.assert_allclose(posterior.prior_mean, [3.0, 0.0, 7.0, 0.0])
    np.testing.assert_allclose(posterior.prior_sigma, [0.1, 5.0, 2.0, 5.0])
    draws = np.stack([posterior.draw_from_prior(np.random.default_rng(seed)) for seed in range(200)])
    np.testing.assert_allclose(draws.mean(axis=0), [3.0, 0.0, 7.0, 0.0], atol=5 * 5.0 / np.sqrt(200))
    assert abs(draws[:, 2].mean() - 7.0) < 5 * 2.0 / np.sqrt(200)


def test_draws_of_a_calibration_are_correlated():
    """2000 draws, seed 1, are white in its metric within 5 sigma; the twin, each measured by its own sigma, is not."""
    posterior = make_posterior(star_image, STAR, STORE, DATA, prior=CALIBRATION)
    rng = np.random.default_rng(1)
    draws = np.stack([posterior.draw_from_prior(rng) for _ in range(2000)])
    errors = (draws - posterior.prior_mean).T
    white = np.linalg.cholesky(posterior.prior_precision).T @ errors
    for of, calibrated in ((white, True), (errors / posterior.prior_sigma[:, None], False)):
        scatter = of @ of.T / 2000
        assert bool(np.all(np.abs(scatter - np.eye(4)) < 5 * np.sqrt((1 + np.eye(4)) / 2000))) is calibrated


def test_a_posterior_is_the_prior_of_the_next():
    """Two linear exposures one after the other, the first's solution handed on, give what both give together."""
    model = linear_model(3, prior=Normal(1.0, 2.0))
    rng = np.random.default_rng(4)
    images = [model.image([1.5, -0.5, 2.5]) + rng.normal(0.0, 20.0, 40) for _ in range(2)]
    first = make_posterior(model.predict, model.spec, model.store, images[0], GaussianNoise(400.0))
    total = first.information(np.zeros(3)).with_precision(first.prior_precision)
    mean = -np.linalg.solve(total.matrix, first.expand(np.zeros(3)).gradient)
    handed = NormalPrior(first.labels, mean, total.covariance())
    second = make_posterior(model.predict, model.spec, model.store, images[1], GaussianNoise(400.0), prior=handed)
    both = make_posterior(model.predict, model.spec, model.store, sum(images) / 2, GaussianNoise(200.0))
    for theta in rng.normal(size=(3, 3)):
        np.testing.assert_allclose(second.expand(theta).gradient, both.expand(theta).gradient, rtol=1e-8)


@pytest.mark.parametrize(
    ("labels", "mean", "covariance", "text"),
    [
        (("a", "a"), [0, 0], np.eye(2), "labels: expected names, each once"),
        ((), [], np.zeros((0, 0)), "labels: expected names"),
        (("a", "b"), [0.0], np.eye(2), r"mean: expected an array of shape \(2,\), for 2 labels"),
        (("a", "b"), [0, 0], np.eye(3), r"covariance: expected an array of shape \(2, 2\)"),
        (("a", "b"), [0, np.nan], np.eye(2), "mean: expected finite numbers, got nan at index 1"),
        (("a", "b"), [0, 0], [[1.0, 2.0], [2.0, 1.0]], "covariance: expected a symmetric and positive definite"),
        (("a", "b"), [0, 0], [[1.0, 0.5], [0.4, 1.0]], "covariance: expected a symmetric"),
        (("a", "b"), [0, 0], [[1.0, 0.0], [0.0, 0.0]], "covariance: .*positive definite.*fix it instead"),
    ],
)
def test_a_calibration_that_is_no_distribution_is_refused(labels, mean, covariance, text):
    with pytest.raises(ParameterError, match=text):
        NormalPrior(labels, mean, covariance)


def test_a_calibration_of_another_label_is_refused():
    with pytest.raises(ParameterError, match=r"star\.widht: expected a label of theta.*Did you mean star\.width"):
        make_posterior(star_image, STAR, STORE, DATA, prior=NormalPrior(("star.widht",), [2.0], [[1.0]]))


def test_the_priors_of_a_profile_are_those_of_its_spec():
    """What a profile says of a parameter is the mean of its prior, and reaches the posterior by way of the spec."""
    small = ["image_npix=8", "n_wavelengths=1", "diffractive_pupil=null"]
    keys = ["binary.separation_as", "primary.zernike_coeffs_nm"]
    for said, mean in (([], 9.765), (["binary.separation_as=7"], 7.0)):
        model = ds.load_model("observation/flight_alpha_cen", spec="inference", overrides=[*small, *said])
        binder = ds.SheraThreePlaneBinder(*model)
        posterior = make_posterior(binder.predict, model.spec.subset(keys), model.store, np.ones((8, 8)))
        np.testing.assert_allclose(posterior.prior_mean, [mean] + [0.0] * 8)
        np.testing.assert_allclose(posterior.prior_sigma, [0.01] + [5.0] * 8)


def test_bounds_are_those_of_the_fields(posterior):
    lower, upper = posterior.bounds
    np.testing.assert_array_equal(lower, [-20.0, -20.0, -np.inf, 0.0])
    np.testing.assert_array_equal(upper, [20.0, 20.0, np.inf, np.inf])


def test_an_expansion_of_new_data_behind_a_new_mask_needs_no_new_trace():
    traces = []

    def predict(store):
        traces.append(1)
        return star_image(store)

    first = make_posterior(predict, STAR, STORE, DATA, mask=MASK)
    first.expand(THETA)
    second = make_posterior(predict, STAR, STORE.replace({"star.x": 2.0}), DATA + 1, mask=~MASK)
    before = len(traces)
    assert second.expand(THETA + 0.1).loss != first.expand(THETA).loss
    assert len(traces) == before
