"""Noise models against SciPy's distributions, and the check of image data."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from dluxshera.errors import DataError
from dluxshera.inference.likelihood import GaussianNoise, Noise, PoissonNoise, image_data
from helpers import rounding

POISSON = PoissonNoise()
counts = st.lists(st.integers(0, 1000), min_size=6, max_size=6)
expected = st.lists(st.floats(0.1, 1e4), min_size=6, max_size=6)
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
    np.testing.assert_allclose(jax.grad(POISSON.log_likelihood, 1)(d, m), d / m - 1.0, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(jax.grad(GaussianNoise(4.0).log_likelihood, 1)(d, m), (d - m) / 4.0, rtol=1e-9)


@pytest.mark.parametrize("bad", [0.0, -1e-300, -5.0, np.nan, -np.inf])
@pytest.mark.parametrize("photons", [0.0, 7.0])
def test_a_model_that_no_poisson_process_has_is_nan_and_never_the_best(bad, photons):
    data = jnp.asarray([5.0, photons, 9.0])
    model = data.at[1].set(bad)
    for evaluate in (POISSON.log_likelihood, jax.jit(POISSON.log_likelihood)):
        assert jnp.isnan(evaluate(data, model))
    assert jnp.isnan(POISSON.fisher_weights(model)[1])
    assert np.all(np.isfinite(np.asarray(POISSON.fisher_weights(model))[[0, 2]]))


def test_a_model_of_nan_is_nan_to_gaussian_noise():
    assert jnp.isnan(GaussianNoise(1.0).log_likelihood(*arrays([1.0, 2.0], [1.0, np.nan])))


def test_fisher_weights_are_the_information_about_the_expected_value():
    """The expectation of the squared score, summed over the distribution."""
    counts = np.arange(400.0)
    for mean in (0.7, 3.0, 55.0):
        information = np.sum(stats.poisson.pmf(counts, mean) * (counts / mean - 1.0) ** 2)
        np.testing.assert_allclose(POISSON.fisher_weights(jnp.asarray([mean])), [information], rtol=1e-9)
    np.testing.assert_array_equal(GaussianNoise(4.0).fisher_weights(jnp.ones((2, 3))), np.full((2, 3), 0.25))
    np.testing.assert_array_equal(GaussianNoise([4.0, 2.0]).fisher_weights(jnp.ones(2)), [0.25, 0.5])


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


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("noise", "variance"), [(POISSON, RAMP), (GaussianNoise(RAMP**2), RAMP**2), (GaussianNoise(2.0), 2.0 + 0 * RAMP)]
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
    for noise in (POISSON, GaussianNoise(2.0)):
        one, two = (noise.sample(np.random.default_rng(3), RAMP) for _ in range(2))
        np.testing.assert_array_equal(one, two)


def test_noise_is_abstract():
    with pytest.raises(TypeError, match="abstract"):
        Noise()


@pytest.mark.parametrize(
    ("variance", "text"),
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
    with pytest.raises(DataError, match=f"variance: expected .*{text}") as refused:
        GaussianNoise(variance)
    assert refused.value.key == "variance"


def test_a_variance_goes_through_jit():
    log_likelihood = jax.jit(lambda v: GaussianNoise(v).log_likelihood(jnp.ones(2), jnp.zeros(2)))
    assert log_likelihood(4.0) == -0.25


def test_a_variance_of_another_shape_than_the_image_is_refused():
    with pytest.raises(
        DataError, match=r"variance: expected one number or the shape of the data, \(2, 2\), got .*\(3,"
    ):
        image_data(np.ones((2, 2)), (2, 2), GaussianNoise([1.0, 1.0, 1.0]))
    for variance in (1.0, np.ones((2, 2))):
        image_data(np.ones((2, 2)), (2, 2), GaussianNoise(variance))


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


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (np.ones((2, 2)) * 1j, "real numbers"),
        (np.ones((2, 2), dtype=bool), "real numbers"),
        ([["1", "2"], ["3", "4"]], "real numbers"),
        (None, "real numbers"),
        (np.ones((2, 3)), r"an image of shape \(2, 2\), got an array of shape \(2, 3\).*Set image_npix"),
        (np.ones(4), r"an image of shape \(2, 2\), got an array of shape \(4,\)"),
        (1.0, r"an image of shape \(2, 2\), got "),
        ([[1.0, 2.0], [np.nan, 4.0]], r"finite numbers, got nan at index \(1, 0\).*Mend"),
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
