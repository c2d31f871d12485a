"""Priors that are not normal, in a posterior: they act, exclude without NaN, and whiten by their normal part alone."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dluxshera.inference import GaussianNoise, labelled, make_posterior, prior_of
from dluxshera.params import Bounds, LogUniform, Normal, ParameterStore, ParamField, ParamSpec, TruncatedNormal, Uniform
from support.rows import each_row

X, Y = np.linspace(-1, 1, 20), np.linspace(2, 3, 20)


def posterior(prior_a, prior_b=None):
    def field(key, prior, default):
        return ParamField(key, "T", "D.", default=default, prior=prior, source="illustrative")

    spec = ParamSpec("toy", "linear", (field("toy.a", prior_a, 1.0), field("toy.b", prior_b, 2.0)))
    store = ParameterStore.from_spec_defaults(spec)

    def predict(values):
        # Not a number where b is not positive, as a model may be beyond its parameter's range.
        return values["toy.a"] * jnp.asarray(X) + jnp.log(values["toy.b"]) * jnp.asarray(Y)

    return make_posterior(predict, spec, store, predict(store), GaussianNoise(np.full(20, 0.1)))


THETA = jnp.array([1.3, 2.5])


@pytest.mark.parametrize("prior", [TruncatedNormal(0.5, 2.0, -1.0, 4.0), Uniform(0.0, 3.0), LogUniform(0.1, 10.0)])
def test_differences_of_the_log_prior_are_those_of_the_density(prior):
    shaped = posterior(prior, Normal(2.0, 0.3))
    for theta in (jnp.array([0.4, 2.1]), jnp.array([2.9, 1.7])):
        expected = sum(
            float(p.log_density(a) - p.log_density(b))
            for p, a, b in zip((prior, Normal(2.0, 0.3)), theta, THETA, strict=True)
        )
        got = float(shaped.log_prior(theta) - shaped.log_prior(THETA))
        assert got == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("prior", [TruncatedNormal(2.0, 1.0, 0.5, 4.0), Uniform(0.5, 4.0), LogUniform(0.5, 4.0)])
@each_row("b", [0.3, 5.0, 0.0, -1.0])
def test_outside_a_support_the_loss_is_infinite_and_never_nan(prior, b):
    shaped = posterior(None, prior)
    theta = jnp.array([1.0, b])
    assert float(shaped.log_prior(theta)) == -np.inf
    for loss in (shaped.loss, eqx.filter_jit(shaped.loss)):
        assert float(loss(theta)) == np.inf
    assert np.isfinite(float(shaped.loss(THETA)))
    assert np.all(np.isfinite(jax.grad(shaped.loss)(THETA)))
    np.testing.assert_array_less(0.0, jax.vmap(shaped.loss)(jnp.stack([theta, theta])))


def test_whitening_takes_the_normal_parts_alone():
    shaped = posterior(TruncatedNormal(0.5, 2.0, -1.0, 4.0), Uniform(0.5, 4.0))
    np.testing.assert_allclose(shaped.prior_sigma, [2.0, np.inf], rtol=1e-15)
    np.testing.assert_array_equal(shaped.prior_mean, [0.5, 0.0])


def test_normal_priors_are_what_they_were():
    plain = posterior(Normal(0.5, 2.0), Normal(2.0, 0.3))
    assert all(isinstance(prior, Normal) for *_, prior in plain.prior.priors)
    z = (np.asarray(THETA) - [0.5, 2.0]) / [2.0, 0.3]
    assert float(plain.log_prior(THETA)) == -0.5 * float(jnp.sum(jnp.asarray(z) ** 2))
    assert float(plain.loss(THETA)) == float(-plain.log_likelihood(THETA) - plain.log_prior(THETA))
    assert np.isnan(float(plain.loss(jnp.array([1.0, -1.0]))))  # an invalid model stays visible


def test_draws_come_from_every_kind():
    shaped = posterior(LogUniform(0.1, 10.0), Uniform(0.5, 4.0))
    drawn = np.stack([shaped.draw_from_prior(np.random.default_rng(seed)) for seed in range(50)])
    assert drawn.min(axis=0) == pytest.approx([0.1, 0.5], rel=1.0)
    assert np.all((drawn >= [0.1, 0.5]) & (drawn <= [10.0, 4.0]))


PRIORS = [TruncatedNormal(0.5, 2.0, -1.0, 4.0), Uniform(0.0, 3.0), LogUniform(0.1, 10.0)]


@pytest.mark.parametrize("prior", PRIORS)
def test_expansion_and_residual_have_them_too(prior):
    shaped = posterior(prior, Normal(2.0, 0.3))
    gradient = jax.grad(shaped.loss)(THETA)
    loss, slope, _ = shaped.expand(THETA)
    np.testing.assert_allclose(slope, gradient, rtol=1e-12)
    np.testing.assert_allclose(loss, shaped.loss(THETA), rtol=1e-14)
    of_residual = jax.grad(lambda theta: 0.5 * jnp.sum(shaped.residual(theta) ** 2))(THETA)
    np.testing.assert_allclose(of_residual, gradient, rtol=1e-12)
    beyond = THETA.at[0].set(20.0)
    assert shaped.expand(beyond).loss == np.inf
    assert jnp.sum(shaped.residual(beyond) ** 2) == np.inf


@pytest.mark.parametrize("prior", PRIORS)
def test_bounds_are_narrowed_by_the_supports(prior):
    lower, upper = posterior(prior, Normal(2.0, 0.3)).bounds
    np.testing.assert_array_equal(lower, [prior.low, -np.inf])
    np.testing.assert_array_equal(upper, [prior.high, np.inf])


def test_integer_limits_are_narrowed_by_a_support_between_them():
    """Limits of a field may be integers; an integer array of them would truncate the support of a prior."""
    limits = Bounds(minimum=0, maximum=4)
    field = ParamField("toy.a", "T", "D.", default=1.0, bounds=limits, prior=Uniform(0.25, 3.75), source="illustrative")
    spec = ParamSpec("toy", "linear", (field,))
    bounds = prior_of(labelled(spec)).bounds
    assert [limit.dtype for limit in bounds] == [float, float]
    np.testing.assert_array_equal(bounds, [[0.25], [3.75]])
