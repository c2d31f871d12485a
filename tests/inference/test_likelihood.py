"""Noise models against SciPy's distributions, and the check of image data."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats

from dluxshera.errors import DataError
from dluxshera.inference import (
    GaussianNoise,
    Noise,
    PhotonReadNoise,
    PoissonNoise,
    image_data,
    pixel_mask,
)
from support.helpers import rounding
from support.rows import each_row

POISSON = PoissonNoise()
NOISES = [POISSON, GaussianNoise(3.0), PhotonReadNoise(0.7), PhotonReadNoise(30.0)]
NAMES = ["poisson", "gaussian", "low read noise", "high read noise"]
every_noise = pytest.mark.parametrize("noise", NOISES, ids=NAMES)
counts = st.lists(st.integers(0, 1000), min_size=6, max_size=6)
expected = st.lists(st.floats(0.1, 1e4), min_size=6, max_size=6)
GRADIENTS = [jax.jit(jax.grad(n.log_likelihood, 1)) for n in (POISSON, GaussianNoise(4.0), PhotonReadNoise(2.0))]
RAMP = np.linspace(0.3, 30.0, 50)


def arrays(*values):
    return [jnp.asarray(value, dtype=float) for value in values]


def close(value, truth, terms):
    """Equal up to the rounding of a sum whose largest term is that of `terms`."""
    return abs(float(value) - truth) <= rounding(float, len(terms), 2.0) * (1.0 + np.abs(terms).max())


@given(counts, expected, expected)
def test_poisson_differences_are_those_of_the_distribution(data, one, two):
    terms = stats.poisson.logpmf(data, one) - stats.poisson.logpmf(data, two)
    d, first, second = arrays(data, one, two)
    size = np.square(data) / np.minimum(one, two)  # log1p(m / d - 1) is known to the rounding of 1 over m / d
    assert close(POISSON.log_likelihood(d, first) - POISSON.log_likelihood(d, second), terms.sum(), [*size, *one, *two])


@given(counts, expected, st.lists(st.floats(1e-2, 1e4), min_size=6, max_size=6))
def test_gaussian_differences_are_those_of_the_distribution(data, model, variance):
    d, m = arrays(data, model)
    terms = stats.norm.logpdf(data, model, np.sqrt(variance)) - stats.norm.logpdf(data, data, np.sqrt(variance))
    assert close(GaussianNoise(variance).log_likelihood(d, m), terms.sum(), terms)
    one = stats.norm.logpdf(data, model, np.sqrt(variance[0])) - stats.norm.logpdf(data, data, np.sqrt(variance[0]))
    assert close(GaussianNoise(variance[0]).log_likelihood(d, m), one.sum(), one)


def photon_read(read_variance):
    """SciPy's density of a pixel with photon and read noise."""
    return lambda data, model: stats.norm.logpdf(data, model, np.sqrt(model + read_variance))


DENSITIES = [
    stats.poisson.logpmf,
    lambda data, model: stats.norm.logpdf(data, model, np.sqrt(3.0)),
    photon_read(0.7),
    photon_read(30.0),
]


@given(counts, expected, expected, st.floats(1e-2, 1e3))
def test_photon_and_read_noise_differences_are_those_of_the_distribution(data, one, two, read_variance):
    """Normal with a variance that the model sets: the logarithm of the variance is in the difference."""
    density = photon_read(read_variance)
    terms = density(data, np.array(one)) - density(data, np.array(two))
    d, first, second = arrays(data, one, two)
    noise = PhotonReadNoise(read_variance)
    size = np.square(np.subtract(data, one)) + np.square(np.subtract(data, two))
    found = noise.log_likelihood(d, first) - noise.log_likelihood(d, second)
    assert close(found, terms.sum(), [*terms, *size / (np.minimum(one, two) + read_variance), *one, *two])


@pytest.mark.parametrize(("noise", "density"), list(zip(NOISES, DENSITIES, strict=True)), ids=NAMES)
@each_row("count", [0.0, 1.0, 12.0, 500.0])
def test_the_deviance_is_twice_what_a_pixel_lacks_of_its_best_model(noise, density, count):
    """The best of SciPy's density over models without negative photons, found by a search."""
    best = optimize.minimize_scalar(
        lambda m: -density(count, m), bounds=(1e-12, 2 * count + 5.0), method="bounded", options={"xatol": 1e-10}
    )
    models = np.array([0.2, 3.0, 12.5, 900.0])
    d, m = arrays(np.full(4, count), models)
    np.testing.assert_allclose(noise.deviance(d, m), 2 * (-best.fun - density(count, models)), rtol=1e-6, atol=1e-6)


@every_noise
def test_the_residual_is_the_signed_root_of_the_deviance(noise):
    d, m = (jnp.asarray(x).ravel() for x in np.meshgrid([0.0, 1.0, 9.0, 400.0, 1e6], np.logspace(-2, 6, 33)))
    residual = eqx.filter_jit(noise.residual)(d, m)
    np.testing.assert_allclose(residual**2, noise.deviance(d, m), rtol=1e-12)
    far = (m > 1.1 * d + 1.0) | (m < 0.9 * d - 1.0)
    np.testing.assert_array_equal(jnp.sign(residual)[far], jnp.sign(d - m)[far])
    _, slope = jax.jit(lambda d, m: jax.jvp(lambda m: noise.residual(d, m), (m,), (jnp.ones_like(m),)))(d, m)
    assert np.all(np.isfinite(slope))
    assert np.all(slope <= 0.0)


def test_a_residual_is_smooth_where_the_model_is_perfect():
    """There its slope is minus the root of the Fisher weight, and both series meet both differences."""
    counts = jnp.asarray([1.0, 64.0])
    _, slope = jax.jvp(lambda m: POISSON.residual(counts, m), (counts,), (jnp.ones(2),))
    np.testing.assert_allclose(slope, -(counts**-0.5), rtol=1e-14)
    for noise in NOISES:
        near = jnp.linspace(-0.02, 0.02, 4001)
        values = eqx.filter_jit(noise.residual)(jnp.full(4001, 100.0), 100.0 * (1.0 + near))
        steps = np.diff(values)
        assert np.abs(np.diff(steps)).max() < 1e-4 * np.abs(steps).max()


def test_many_photons_and_read_noise_lose_no_precision():
    """For mu - d = e far below d, twice the loss above that of the best model is (e - e0)^2 / v, e0 = -1/2 to first
    order; a difference of large logarithms would be wrong by a part in ten thousand."""
    noise, photons = PhotonReadNoise(2.0), 1e9
    offsets = np.array([0.5, 300.0])
    found = noise.deviance(*arrays(np.full(2, photons), photons + offsets))
    np.testing.assert_allclose(found, (offsets + 0.5) ** 2 / photons, rtol=3e-6)


def test_a_perfect_model_has_log_likelihood_zero_and_no_other_more():
    data = jnp.asarray([[3.0, 700.0], [1e9, 1.0]])
    for noise in (POISSON, GaussianNoise(2.5)):
        assert noise.log_likelihood(data, data) == 0.0
        assert noise.log_likelihood(data, data * 1.001) < 0.0
        assert noise.log_likelihood(data, data * 0.999) < 0.0


def test_many_photons_lose_no_precision():
    """d log(1 + x) - d x is -d x^2 / 2 + d x^3 / 3 for small x; a sum of its large parts would be wrong by a part in
    a hundred here."""
    photons, excess = 1e9, 1e-6
    found = POISSON.log_likelihood(*arrays([photons], [photons * (1.0 + excess)]))
    excess = float(photons * (1.0 + excess) - photons) / photons  # as rounded
    np.testing.assert_allclose(found, photons * (-(excess**2) / 2 + excess**3 / 3), rtol=1e-8)


@given(counts, expected)
def test_the_gradient_is_that_of_the_distribution_and_finite_where_no_photon_came(data, model):
    d, m = arrays([0, *data], [0.5, *model])
    v = m + 2.0
    truths = (d / m - 1.0, (d - m) / 4.0, (d - m) / v + 0.5 * (d - m) ** 2 / v**2 - 0.5 / v)
    for gradient, truth in zip(GRADIENTS, truths, strict=True):
        np.testing.assert_allclose(gradient(d, m), truth, rtol=1e-9, atol=1e-9)


@each_row("bad", [0.0, -1e-300, -5.0, np.nan, -np.inf])
@pytest.mark.parametrize("photons", [0.0, 7.0])
def test_a_model_that_no_poisson_process_has_is_nan_and_never_the_best(bad, photons):
    data = jnp.asarray([5.0, photons, 9.0])
    model = data.at[1].set(bad)
    for evaluate in (POISSON.log_likelihood, jax.jit(POISSON.log_likelihood)):
        assert jnp.isnan(evaluate(data, model))
    assert jnp.isnan(POISSON.fisher_weights(model)[1])
    assert np.all(np.isfinite(np.asarray(POISSON.fisher_weights(model))[[0, 2]]))


@every_noise
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_model_that_is_not_finite_is_nan_to_every_noise(noise, bad):
    """Infinite photons would be infinitely improbable, which a search would take for a place to step back from; but no
    model has them, so that it has to show."""
    data, model = arrays([1.0, 2.0, 0.0], [1.0, bad, 1.0])
    assert jnp.isnan(noise.log_likelihood(data, model))
    assert jnp.isnan(noise.residual(data, model)[1])
    assert np.all(np.isnan(jax.grad(noise.log_likelihood, 1)(data, model)) == [False, True, False])


def test_fewer_than_no_photons_are_nan_to_read_noise():
    noise = PhotonReadNoise(4.0)
    for dark, valid in ((0.0, True), (-1e-9, False), (-3.0, False)):
        data, model = arrays([1.0, 2.0], [dark, 2.0])
        assert np.isfinite(noise.log_likelihood(data, model)) == valid
        assert np.isfinite(noise.fisher_weights(model)[0]) == valid


def test_fisher_weights_are_the_information_about_the_expected_value():
    """The expectation of the squared score, summed over the distribution."""
    counts = np.arange(400.0)
    for mean in (0.7, 3.0, 55.0):
        information = np.sum(stats.poisson.pmf(counts, mean) * (counts / mean - 1.0) ** 2)
        np.testing.assert_allclose(POISSON.fisher_weights(jnp.asarray([mean])), [information], rtol=1e-9)
    np.testing.assert_array_equal(GaussianNoise(4.0).fisher_weights(jnp.ones((2, 3))), np.full((2, 3), 0.25))
    np.testing.assert_array_equal(GaussianNoise([4.0, 2.0]).fisher_weights(jnp.ones(2)), [0.25, 0.5])


def test_fisher_weights_of_read_noise_are_expectations_over_the_distribution():
    """The score is quadratic in the data, and its derivative too: five Gauss-Hermite nodes integrate both exactly."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(5)
    weights = weights / weights.sum()
    for mean, read_variance in ((0.3, 0.2), (2.0, 9.0), (1e4, 1.0)):
        noise = PhotonReadNoise(read_variance)
        data = jnp.asarray(mean + np.sqrt(mean + read_variance) * nodes)
        gradient = jax.grad(lambda m, n=noise, d=data: n.log_likelihood(d, m))
        at_mean, along = jnp.full(5, mean), jnp.ones(5)
        score, curvature = jax.jit(lambda m, t, g=gradient: jax.jvp(g, (m,), (t,)))(at_mean, along)
        found = noise.fisher_weights(jnp.asarray([mean]))[0]
        np.testing.assert_allclose(weights @ score, 0.0, atol=1e-10 * np.sqrt(found))
        np.testing.assert_allclose(found, weights @ score**2, rtol=1e-9)
        np.testing.assert_allclose(found, -weights @ curvature, rtol=1e-9)


def test_fisher_weights_are_the_scatter_of_the_score():
    """Over 40,000 draws of its own `sample`, seed 0, within 4 standard errors; the twin without the part that the
    variance tells is not."""
    noise, mean = PhotonReadNoise(0.5), 0.5
    draws = noise.sample(np.random.default_rng(0), np.full(40_000, mean))
    score = np.asarray(jax.grad(lambda m: noise.log_likelihood(jnp.asarray(draws), m))(jnp.full(40_000, mean)))
    error = (score**2).std() / np.sqrt(score.size)
    weight = float(noise.fisher_weights(jnp.asarray([mean]))[0])
    assert abs(np.mean(score**2) - weight) < 4 * error
    assert abs(np.mean(score**2) - 1.0) > 4 * error


# Samples: per pixel, the sum over draws has a known distribution. Threshold: a p-value of 1e-3 for each of the seeds 0
# to 3; the twin, the same draws held against variances 20 % off, fails it for each.
DRAWS, P_VALUE = 2000, 1e-3


def misfit(draws: np.ndarray, mean: np.ndarray, variance: np.ndarray) -> float:
    """Smaller of two p-values: of the draws' mean, and of their scatter about it."""
    n = len(draws)
    of_mean = stats.chi2.sf(np.sum((draws.mean(axis=0) - mean) ** 2 / (variance / n)), mean.size)
    scatter = np.sum((draws - mean) ** 2 / variance)
    kurtosis = np.mean(((draws - mean) ** 4).mean(axis=0) / variance**2)
    of_scatter = 2 * stats.norm.sf(abs(scatter - n * mean.size) / np.sqrt(n * mean.size * (kurtosis - 1.0)))
    return min(of_mean, of_scatter)


@each_row("seed", range(4))
@pytest.mark.parametrize(
    ("noise", "variance"),
    [
        (POISSON, RAMP),
        (GaussianNoise(RAMP**2), RAMP**2),
        (GaussianNoise(2.0), 2.0 + 0 * RAMP),
        (PhotonReadNoise(RAMP[::-1]), RAMP + RAMP[::-1]),
    ],
)
def test_samples_have_the_moments_of_the_noise(seed, noise, variance):
    rng = np.random.default_rng(seed)
    draws = np.stack([noise.sample(rng, jnp.asarray(RAMP)) for _ in range(DRAWS)])
    assert draws.dtype == np.float64
    assert misfit(draws, RAMP, variance) > P_VALUE
    assert misfit(draws, RAMP, 1.2 * variance) < P_VALUE


def test_poisson_samples_follow_the_distribution():
    """Pearson's chi-squared over the counts 0 to 12 and the rest; the twin is a mean 5 % off."""
    for seed in range(4):
        draws = PoissonNoise().sample(np.random.default_rng(seed), np.full(20_000, 4.0))
        observed = np.bincount(np.minimum(draws, 13).astype(int), minlength=14)

        def p_value(mean, observed=observed):
            of = stats.poisson(mean)
            return stats.chisquare(observed, 20_000 * np.append(of.pmf(np.arange(13)), of.sf(12))).pvalue

        assert p_value(4.0) > P_VALUE > p_value(4.2)


def test_the_same_seed_gives_the_same_sample():
    for noise in (POISSON, GaussianNoise(2.0), PhotonReadNoise(2.0)):
        one, two = (noise.sample(np.random.default_rng(3), RAMP) for _ in range(2))
        np.testing.assert_array_equal(one, two)


def test_noise_is_abstract():
    with pytest.raises(TypeError, match="abstract"):
        Noise()


@each_row(
    "variance, text",
    [
        (0.0, "positive and finite, got 0.0"),
        (-1, "positive and finite, got -1.0"),
        (np.nan, "positive and finite, got nan"),
        (np.inf, "positive and finite, got inf"),
        ([[1.0, 2.0], [3.0, 0.0]], r"got 0.0 at index \(1, 1\) of an array of shape \(2, 2\)"),
        ("2", "real numbers"),
        (1j, "real numbers"),
        (True, "real numbers"),
    ],
)
def test_a_variance_that_is_none_is_refused(variance, text):
    for noise, name in ((GaussianNoise, "variance"), (PhotonReadNoise, "read_variance")):
        with pytest.raises(DataError, match=f"^{name}: expected .*{text}") as refused:
            noise(variance)
        assert refused.value.key == name


def test_a_variance_goes_through_jit():
    log_likelihood = jax.jit(lambda v: GaussianNoise(v).log_likelihood(jnp.ones(2), jnp.zeros(2)))
    assert log_likelihood(4.0) == -0.25


def test_a_variance_of_another_shape_than_the_image_is_refused():
    with pytest.raises(
        DataError, match=r"variance: expected one number or the shape of the data, \(2, 2\), got .*\(3,"
    ):
        image_data(np.ones((2, 2)), (2, 2), GaussianNoise([1.0, 1.0, 1.0]))
    with pytest.raises(DataError, match=r"read_variance: expected one number or the shape of the data"):
        image_data(np.ones((2, 2)), (2, 2), PhotonReadNoise([1.0, 1.0, 1.0]))
    for variance in (1.0, np.ones((2, 2))):
        image_data(np.ones((2, 2)), (2, 2), GaussianNoise(variance))
        image_data(np.ones((2, 2)), (2, 2), PhotonReadNoise(variance))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.int64, np.float32, np.float64, list])
def test_data_become_floats_and_truncate_nothing(dtype):
    """Unsigned integers would wrap around under the subtraction of a model, and any integer would drop a fraction."""
    plain = [[0, 1], [200, 7]]
    data = image_data(plain if dtype is list else np.array(plain, dtype=dtype), (2, 2), POISSON)
    assert isinstance(data, jax.Array)
    assert data.dtype == np.float64
    np.testing.assert_array_equal(data - 0.25, np.array(plain) - 0.25)
    np.testing.assert_array_equal(data.at[0, 0].set(0.5)[0, 0], 0.5)


def test_changing_the_array_later_does_not_change_the_data():
    mine = np.ones((2, 2))
    data = image_data(mine, (2, 2), POISSON)
    mine[:] = 9.0
    np.testing.assert_array_equal(data, 1.0)


@each_row(
    "data, text",
    [
        (np.ones((2, 2)) * 1j, "real numbers"),
        (np.ones((2, 2), dtype=bool), "real numbers"),
        ([["1", "2"], ["3", "4"]], "real numbers"),
        (None, "real numbers"),
        (
            np.ones((2, 3)),
            r"an image of shape \(2, 2\), got an array of shape \(2, 3\).*crop the data .*to data\[0:2, 0:2\]",
        ),
        (
            np.ones((4, 4)),
            r"an image of shape \(2, 2\).*Set image_npix to the size of the data, 4 \(--set image_npix=4",
        ),
        (np.ones(4), r"an image of shape \(2, 2\), got an array of shape \(4,\)"),
        (1.0, r"an image of shape \(2, 2\), got "),
        ([[1.0, 2.0], [np.nan, 4.0]], r"finite numbers, got nan at index \(1, 0\).*Correct or mask"),
        ([[1.0, np.inf], [3.0, 4.0]], r"finite numbers, got inf at index \(0, 1\)"),
        ([[1.0, 2.0], [3.0, -4]], r"photon counts, none below 0, got -4.0 at index \(1, 1\).*Use GaussianNoise"),
    ],
)
def test_data_that_no_image_has_are_refused(data, text):
    with pytest.raises(DataError, match=f"data: expected {text}") as refused:
        image_data(data, (2, 2), POISSON)
    assert refused.value.key == "data"


def test_gaussian_noise_takes_negative_data_and_poisson_noise_none_and_zeros():
    np.testing.assert_array_equal(image_data([-1, 2], (2,), GaussianNoise(1.0)), [-1.0, 2.0])
    np.testing.assert_array_equal(image_data([0, 0], (2,), POISSON), [0.0, 0.0])


def test_a_pixel_that_does_not_count_may_hold_anything():
    mask = np.array([[True, False], [False, True]])
    data = image_data([[3.0, np.nan], [-7.0, 4.0]], (2, 2), POISSON, pixel_mask(mask, (2, 2)))
    np.testing.assert_array_equal(data, [[3.0, 1.0], [1.0, 4.0]])
    with pytest.raises(DataError, match=r"finite numbers, got nan at index \(0, 1\)"):
        image_data([[3.0, np.nan], [-7.0, 4.0]], (2, 2), POISSON, ~mask)


@pytest.mark.parametrize(
    ("mask", "text"),
    [
        (np.ones((2, 2)), r"booleans of shape \(2, 2\), True for a pixel to use, got 'float64 \(2, 2\)'"),
        (np.ones((2, 3), dtype=bool), r"booleans of shape \(2, 2\), .*got 'bool \(2, 3\)'"),
        ([[0, 1], [1, 1]], "booleans"),
        (np.zeros((2, 2), dtype=bool), "at least one pixel to use.*~mask"),
    ],
)
def test_a_mask_that_is_none_is_refused(mask, text):
    with pytest.raises(DataError, match=f"mask: expected {text}"):
        pixel_mask(mask, (2, 2))
