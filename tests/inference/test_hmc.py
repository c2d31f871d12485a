"""NUTS on posteriors of known moments, on a reduced model of the telescope, and what it says when it fails."""

import sys
from collections import Counter

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import dluxshera as ds
from dluxshera.errors import FitError, ParameterError, UnknownKeyError
from dluxshera.inference import (
    GaussianNoise,
    PoissonNoise,
    SamplerState,
    SamplingResult,
    draw_from_prior,
    gauss_newton,
    make_posterior,
    sample_posterior,
)
from dluxshera.inference.hmc import CHUNK
from dluxshera.params import Bounds, Normal, ParameterStore
from support.toys import coefficients, linear_model

SPREAD = np.random.default_rng(0).uniform(10.0, 40.0, 40)


def moments_agree(samples, mean, covariance):
    """What speaks against samples having a mean and a covariance: 5 sigma of their own Monte Carlo error.

    In coordinates that the covariance whitens. The variance of a variance is 2 / n for normal draws, that of a
    covariance 1 / n; n is the smallest number of independent draws that any element's centre or tails are worth, or of
    those made, for draws of NUTS may be worth more than independent ones.
    """
    n = min(samples.ess_bulk.min(), samples.ess_tail.min(), samples.draws[..., 0].size)
    root = np.linalg.cholesky(covariance)
    z = np.linalg.solve(root, (samples.flat - mean).T)
    failures = []
    if np.any(np.abs(z.mean(axis=1)) > 5.0 / np.sqrt(n)):
        failures.append("mean")
    if np.any(np.abs(np.cov(z) - np.eye(len(mean))) > 5.0 * np.sqrt((1 + np.eye(len(mean))) / n)):
        failures.append("covariance")
    return failures


@pytest.fixture(scope="module")
def linear():
    """A posterior that is exactly normal, with strong correlations and units far apart, and its closed form."""
    model = linear_model(prior=Normal(1.0, 2.0))
    model.jacobian[1] = 0.95 * model.jacobian[0] + 0.3 * model.jacobian[1] / 10.0
    data = model.image([1.5, -0.5, 2.5]) + np.random.default_rng(1).normal(0.0, SPREAD)
    posterior = make_posterior(model.predict, model.spec, model.store, data, GaussianNoise(SPREAD**2))
    covariance = np.linalg.inv(model.jacobian / SPREAD**2 @ model.jacobian.T + np.eye(3) / 4.0)
    mean = covariance @ (model.jacobian / SPREAD**2 @ (data - model.base) + 1.0 / 4.0)
    return posterior, mean, covariance


@pytest.fixture(scope="module")
def drawn(linear):
    posterior, _, _ = linear
    states = []
    samples = sample_posterior(posterior, gauss_newton(posterior, np.zeros(3)), draws=1000, warmup=200, seed=3,
                               checkpoint=states.append)  # fmt: skip
    return samples, states


def test_a_normal_posterior_has_its_mean_and_covariance(linear, drawn):
    """And the twins: with a mean half a sigma off, or a covariance 30 % too large, it has not."""
    _, mean, covariance = linear
    samples, _ = drawn
    assert samples.trusted, samples.diagnostics()
    assert moments_agree(samples, mean, covariance) == []
    sigma = np.sqrt(np.diag(covariance))
    assert "mean" in moments_agree(samples, mean + 0.5 * sigma, covariance)
    assert moments_agree(samples, mean, 1.3 * covariance) == ["covariance"]
    flipped = covariance * np.where(np.eye(3, dtype=bool), 1.0, -1.0)
    assert "covariance" in moments_agree(samples, mean, flipped @ np.linalg.inv(covariance) @ flipped)


def test_each_draw_has_its_own_log_density(linear, drawn):
    posterior, _, _ = linear
    samples, _ = drawn
    loss = eqx.filter_jit(posterior.loss)
    for chain, draw in ((0, 0), (2, 500), (3, 999)):
        expected = -float(loss(jnp.asarray(samples.draws[chain, draw])))
        np.testing.assert_allclose(samples.log_density[chain, draw], expected, rtol=1e-9)


def test_the_step_is_of_order_one_and_accepted_as_asked(linear, drawn):
    """A unit normal in three dimensions takes a step of about one and a few gradients for each draw."""
    samples, _ = drawn
    assert 0.3 < samples.step_size < 2.0
    assert 0.65 < samples.acceptance.mean() < 0.97
    assert samples.leapfrogs.mean() < 16
    assert np.std(samples.draws[:, 0, 0]) > 0  # chains of their own
    posterior, _, _ = linear
    careful = sample_posterior(posterior, gauss_newton(posterior, np.zeros(3)), draws=250, target_acceptance=0.97)
    assert 0.94 < careful.acceptance.mean() < 0.995
    assert careful.step_size < 0.8 * samples.step_size


def test_to_continue_gives_bit_by_bit_what_an_uninterrupted_run_gives(linear, drawn, tmp_path):
    posterior, _, _ = linear
    samples, states = drawn
    assert [int(state.iteration) for state in states] == list(range(CHUNK, 1201, CHUNK))
    solution = gauss_newton(posterior, np.ones(3))  # another start: the state has the coordinates
    options = dict(warmup=200, seed=3, draws=1000)
    for state in (states[1], states[-3]):  # in the warm-up, and after it
        np.savez(tmp_path / "state.npz", **state._asdict())
        with np.load(tmp_path / "state.npz") as arrays:
            again = sample_posterior(posterior, solution, state=SamplerState(**arrays), **options)
        np.testing.assert_array_equal(again.draws, samples.draws)
        np.testing.assert_array_equal(again.log_density, samples.log_density)
        assert again.step_size == samples.step_size


def test_more_draws_are_the_same_and_some_more(linear, drawn):
    posterior, _, _ = linear
    samples, _ = drawn
    solution = gauss_newton(posterior, np.zeros(3))
    few = sample_posterior(posterior, solution, draws=70, warmup=200, seed=3)
    np.testing.assert_array_equal(few.draws, samples.draws[:, :70])
    assert not few.trusted
    more = sample_posterior(posterior, solution, draws=140, warmup=200, seed=3, state=few.state)
    np.testing.assert_array_equal(more.draws, samples.draws[:, :140])
    other = sample_posterior(posterior, solution, draws=70, warmup=200, seed=4)
    assert not np.any(other.draws == few.draws)


def test_a_second_run_compiles_nothing(traces):
    """No transitions and no density, though the data, the start and the number of draws are others."""
    model = linear_model(n=2, prior=Normal(1.0, 2.0))

    def predict(store):  # which no other test has
        return model.predict(store)

    def run(seed):
        data = model.image([1.0, 2.0]) + np.random.default_rng(seed).normal(0.0, SPREAD)
        posterior = make_posterior(predict, model.spec, model.store, data, GaussianNoise(SPREAD**2))
        solution = gauss_newton(posterior, np.zeros(2))
        traces.clear()
        sample_posterior(posterior, solution, draws=CHUNK * (1 + seed) + 10, warmup=60, chains=2, seed=seed)
        return Counter(traces)

    first, second = run(1), run(2)
    compiled = ("_transitions", "_value_and_gradient")
    assert [first[name] for name in compiled] == [1, 1]
    assert [second[name] for name in compiled] == [0, 0]


# Where the density is not a normal one.


def test_draws_keep_to_a_bound_and_follow_the_density_up_to_it():
    """A normal posterior cut off 1 sigma below its maximum, against the moments of a truncated normal."""
    model = linear_model(n=1)
    row = np.linspace(0.5, 1.5, 40)
    spec = coefficients(1, bounds=Bounds(minimum=0.0))
    sigma = 1 / np.sqrt(row @ row)
    posterior = make_posterior(lambda s: s[model.key] @ row[None], spec, ParameterStore.from_spec_defaults(spec),
                               sigma * row, GaussianNoise(1.0))  # fmt: skip
    samples = sample_posterior(posterior, gauss_newton(posterior, np.array([0.5])), draws=1500, warmup=300, seed=1,
                               target_acceptance=0.97)  # fmt: skip
    assert samples.trusted, samples.diagnostics()
    assert samples.draws.min() > 0.0
    truth = stats.truncnorm(-1.0, np.inf, loc=sigma, scale=sigma)
    error = 5.0 * truth.std() / np.sqrt(min(samples.ess_bulk[0], samples.draws.size))
    assert abs(samples.mean[0] - truth.mean()) < error
    assert abs(samples.mean[0] - sigma) > error  # the twin: as if there were no bound
    assert stats.kstest(samples.flat[::20, 0], truth.cdf).pvalue > 1e-3


def test_a_funnel_is_not_trusted():
    """Of Neal's kind: two parameters are as wide as a third says. In the neck the density bends faster than any step
    follows, and what is missed there must not pass."""
    spec = coefficients(3)

    def predict(store):
        width, *pair = store["toy.a"]
        return jnp.stack([width / 3.0, *(each * jnp.exp(-width) for each in pair)])

    posterior = make_posterior(predict, spec, ParameterStore.from_spec_defaults(spec), np.zeros(3), GaussianNoise(1.0))
    solution = gauss_newton(posterior, np.array([0.3, 0.1, 0.1]))
    samples = sample_posterior(posterior, solution, draws=150, warmup=100, seed=0)
    assert samples.result is SamplingResult.DIVERGENT
    assert samples.diagnostics()["divergences"] == samples.divergent.sum() > 0


def test_an_invalid_model_is_a_divergence_and_no_draw(linear):
    """The model is not a number beyond 1 sigma: the draws stay within, and are not trusted."""
    posterior, mean, covariance = linear
    edge = mean[2] + np.sqrt(covariance[2, 2])

    def predict(store):
        a = store["toy.a"]
        return jnp.where(a[2] < edge, 1.0, jnp.nan) * posterior.predict(store)

    cut = make_posterior(predict, posterior.free, posterior.store, posterior.data, posterior.noise)
    samples = sample_posterior(cut, gauss_newton(cut, np.zeros(3)), draws=100, warmup=100, seed=0)
    assert samples.draws[..., 2].max() < edge
    assert np.all(np.isfinite(samples.log_density))
    assert samples.result is SamplingResult.DIVERGENT


# The telescope, reduced.

FREE = (
    "binary.separation_as",
    "binary.position_angle_deg",
    "binary.x_position_as",
    "binary.y_position_as",
    "binary.log_flux_total",
)


@pytest.mark.usefixtures("optimised_programs")
def test_on_a_reduced_telescope_the_draws_agree_with_the_laplace_approximation():
    """With many photons the posterior is normal to a part in 1e4. The twin: a fit of other data does not agree."""
    config = ds.SHERA_FLIGHT_CONFIG.replace(image_npix=32, n_wavelengths=1)
    spec = ds.build_inference_spec_basic(config)
    binder = ds.SheraThreePlaneBinder(config, spec)
    free = spec.subset(FREE)
    rng = np.random.default_rng(7)
    truth = draw_from_prior(free, rng)
    image = np.asarray(binder.predict(ds.unpack_params(truth, free, binder.store)))
    posterior = make_posterior(binder.predict, free, binder.store, PoissonNoise().sample(rng, image))
    solution = gauss_newton(posterior, draw_from_prior(free, rng))
    samples = sample_posterior(posterior, solution, draws=400, warmup=100, chains=4, seed=2)
    assert samples.trusted, samples.diagnostics()
    assert moments_agree(samples, solution.theta, solution.covariance) == []
    other = make_posterior(binder.predict, free, binder.store, PoissonNoise().sample(rng, image))
    refit = gauss_newton(other, solution.theta)
    assert "mean" in moments_agree(samples, refit.theta, refit.covariance)


# What the samples say of themselves.


def test_diagnostics_say_plainly_whether_to_trust(drawn):
    from dataclasses import replace

    samples, _ = drawn
    assert samples.diagnostics()["result"] == "TRUSTED"
    one = samples.divergent.copy()
    one[1, 7] = True
    split = replace(samples, r_hat=np.array([1.0, 1.02, 1.001]))
    cases = (
        (replace(samples, divergent=one), SamplingResult.DIVERGENT),
        (split, SamplingResult.NOT_MIXED),
        (replace(samples, r_hat=np.full(3, np.nan)), SamplingResult.NOT_MIXED),
        (replace(samples, ess_tail=np.array([399.0, 1e3, 1e3])), SamplingResult.TOO_FEW),
        (replace(samples, ess_bulk=np.array([1e3, np.nan, 1e3])), SamplingResult.TOO_FEW),
    )
    for case, result in cases:
        assert case.result is result
        assert not case.trusted
        assert case.diagnostics()["result"] == result.name
        assert case.diagnostics()["message"] == str(result)
    assert split.diagnostics()["r_hat_of"] == "toy.a[a1]"


def test_r_hat_and_ess_are_arvizs(drawn):
    samples, _ = drawn
    data = samples.to_arviz()
    import arviz

    for ours, theirs in ((samples.r_hat, arviz.rhat(data)), (samples.ess_bulk, arviz.ess(data)),
                         (samples.ess_tail, arviz.ess(data, method="tail"))):  # fmt: skip
        np.testing.assert_allclose(ours, theirs["toy.a"].values, rtol=0.02)


def test_arviz_gets_every_draw_by_name(drawn):
    samples, _ = drawn
    data = samples.to_arviz()
    assert data.posterior["toy.a"].dims == ("chain", "draw", "toy.a component")
    np.testing.assert_array_equal(data.posterior["toy.a"].sel({"toy.a component": "a1"}), samples.of("toy.a[a1]"))
    np.testing.assert_array_equal(data.sample_stats["diverging"], samples.divergent)
    np.testing.assert_array_equal(data.sample_stats["lp"], samples.log_density)
    with pytest.raises(UnknownKeyError, match="a label of the samples"):
        samples.of("toy.b")


@pytest.mark.parametrize(
    ("module", "package"), [("blackjax.optimizers.dual_averaging", "blackjax"), ("arviz", "ArviZ")]
)
def test_what_is_not_installed_is_named(linear, drawn, monkeypatch, module, package):
    posterior, _, _ = linear
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(FitError, match=rf"{package} is not installed.*pip install dluxshera\[sampling\]"):
        drawn[0].to_arviz() if package == "ArviZ" else sample_posterior(posterior, gauss_newton(posterior, np.zeros(3)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"draws": 3}, "draws: expected at least 4"),
        ({"warmup": 0}, "warmup: expected at least 1"),
        ({"chains": 0}, "chains: expected at least 1"),
        ({"seed": 4}, "state: expected a state with seed = 4, got 3"),
        ({"chains": 5}, "state: expected a state with chains = 5, got 4"),
        ({"draws": 100}, "draws: expected at least 1000, the draws of the state"),
    ],
)
def test_what_makes_no_sense_is_refused(linear, drawn, options, message):
    posterior, _, _ = linear
    state = drawn[0].state
    run = dict(draws=1000, warmup=200, chains=4, seed=3, state=state) | options
    with pytest.raises(ParameterError, match=message):
        sample_posterior(posterior, gauss_newton(posterior, np.zeros(3)), **run)


def test_a_fit_that_did_not_converge_is_no_start(linear):
    posterior, _, _ = linear
    solution = gauss_newton(posterior, np.full(3, 50.0), max_steps=0, throw=False)
    with pytest.raises(ParameterError, match="solution: expected a fit that converged, got 'MAX_STEPS'"):
        sample_posterior(posterior, solution)


def test_the_bar_counts_divergences(linear, capsys):
    posterior, _, _ = linear
    sample_posterior(posterior, gauss_newton(posterior, np.zeros(3)), draws=60, warmup=20, progress=True)
    assert "0 divergences" in capsys.readouterr().err
