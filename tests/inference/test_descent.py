"""Fits of toy models with a known answer, each way in which a fit can end, other optimisers, and traces."""

import re
from dataclasses import replace
from functools import cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy.optimize import minimize

from dluxshera.errors import BoundsError, FitError, ParameterError, ShapeError
from dluxshera.inference import (
    BlindDirectionWarning,
    FitResult,
    GaussianNoise,
    PoissonNoise,
    draw_from_prior,
    gauss_newton,
    gradient_descent,
    make_posterior,
    whiten,
)
from dluxshera.params import Bounds, Normal, ParameterStore, ParamField, ParamSpec, pack_params
from support.stars import FAR, STAR, STORE, TRUTH, star_posterior
from support.toys import coefficients, linear_model, star_image

PRIOR = Normal(1.0, 2.0)
TOLERANCE = 1e-3


linear = cache(lambda prior: linear_model(prior=prior))  # one object, so that it compiles once


def linear_posterior(seed=0, prior=PRIOR, sigma=20.0, claimed=None):
    """A linear model with Gaussian noise of each pixel's own sigma, and the closed form of its posterior.

    `claimed` is the sigma that the fit believes in, in units of the real one.
    """
    model = linear(prior)
    rng = np.random.default_rng(seed)
    spread = sigma * rng.uniform(0.5, 2.0, model.base.size)
    data = model.image([1.5, -0.5, 2.5]) + rng.normal(0.0, spread)
    believed = spread * (claimed or 1.0)
    posterior = make_posterior(model.predict, model.spec, model.store, data, GaussianNoise(believed**2))
    weight = 0.0 if prior is None else prior.sigma**-2
    covariance = np.linalg.inv(model.jacobian / believed**2 @ model.jacobian.T + weight * np.eye(3))
    pull = model.jacobian / believed**2 @ (data - model.base) + weight * (prior.mean if prior else 0.0)
    return posterior, covariance @ pull, covariance


@pytest.mark.parametrize("prior", [PRIOR, None], ids=["normal prior", "flat prior"])
@pytest.mark.parametrize("start", [[0.0, 0.0, 0.0], [12.0, -10.0, 80.0]])
def test_a_linear_gaussian_problem_has_the_closed_form_posterior(prior, start):
    posterior, mean, covariance = linear_posterior(prior=prior)
    solution = gradient_descent(posterior, np.array(start))
    assert solution.converged
    assert solution.labels == posterior.labels
    sigma = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(solution.theta, mean, atol=TOLERANCE * sigma.min())
    np.testing.assert_allclose(solution.covariance / np.outer(sigma, sigma), covariance / np.outer(sigma, sigma),
                               atol=1e-10)  # fmt: skip
    np.testing.assert_allclose(solution.sigma, sigma)
    assert solution.store == posterior.store.replace({"toy.a": solution.theta})
    np.testing.assert_allclose(solution.loss, posterior.loss(mean), rtol=1e-9)


def test_a_linear_problem_takes_one_full_step():
    posterior, mean, _ = linear_posterior(prior=None)
    assert len(gradient_descent(posterior, mean + 1e3).history) - 1 == 1


@pytest.fixture(scope="module")
def star():
    return star_posterior(3)


@pytest.fixture(scope="module")
def maximum(star):
    """By SciPy, from the truth, from values of the loss alone."""
    value = eqx.filter_jit(star.loss)
    found = minimize(lambda t: float(value(t)), TRUTH, method="Nelder-Mead", options=dict(xatol=1e-9, fatol=1e-11))
    assert found.success
    return found.x


def test_a_nonlinear_problem_converges_from_far_to_the_maximum(star, maximum):
    """The start is hundreds of sigma off in position, a factor of ten in flux and of two in width."""
    solution = gradient_descent(star, FAR)
    assert solution.converged
    assert np.all(np.abs(solution.theta - maximum) < 2 * TOLERANCE * solution.sigma)
    assert np.all(np.abs(solution.pulls(TRUTH)) < 4.0)
    assert np.abs(solution.pulls(FAR)).max() > 100.0
    np.testing.assert_allclose(solution.loss, star.loss(maximum), atol=1e-5)


def test_the_history_runs_downhill_from_the_start_to_theta(star):
    solution = gradient_descent(star, FAR)
    np.testing.assert_array_equal(solution.history[0].theta, FAR)
    np.testing.assert_allclose(solution.history[-1].theta, solution.theta, rtol=1e-14)
    assert all(after.loss < before.loss for before, after in zip(solution.history, solution.history[1:], strict=False))
    assert solution.history[0].gradient_norm > 100.0
    assert solution.history[-1].gradient_norm < TOLERANCE
    for step in (solution.history[0], solution.history[-1]):
        np.testing.assert_allclose(step.loss, star.loss(step.theta), rtol=1e-12)


def test_the_last_gradient_is_measured_in_the_frame_of_where_it_is(star):
    solution = gradient_descent(star, FAR, tolerance=0.1, steps_per_whitening=10)
    frame = whiten(star, solution.theta)
    gradient = eqx.filter_grad(lambda z: star.loss(frame.theta(z)))(jnp.zeros(4))
    np.testing.assert_allclose(solution.history[-1].gradient_norm, np.linalg.norm(gradient), rtol=1e-6)


def test_a_smaller_tolerance_comes_nearer(star):
    ends = [gradient_descent(star, FAR, tolerance=t).history[-1].gradient_norm for t in (1e-1, 1e-3, 1e-6)]
    assert ends[0] < 1e-1
    assert ends[1] < 1e-3
    assert ends[2] < 1e-6


def test_the_covariance_is_the_bound_at_the_solution(star):
    solution = gradient_descent(star, FAR)
    bound = star.information(solution.theta).with_prior(star.prior_sigma).covariance()
    np.testing.assert_allclose(solution.covariance, bound, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("optimiser", "options"),
    [
        (optax.sgd(0.5), {}),
        (optax.sgd(0.5, momentum=0.5), {"steps_per_whitening": 20}),
        (optax.adam(0.3), {"steps_per_whitening": 100, "max_steps": 1000}),
        (optax.lbfgs(), {"steps_per_whitening": 10}),
    ],
    ids=["half steps", "momentum", "adam", "lbfgs"],
)
def test_another_optimiser_finds_the_same_maximum(star, maximum, optimiser, options):
    solution = gradient_descent(star, FAR, optimiser=optimiser, **options)
    assert solution.converged
    assert np.all(np.abs(solution.theta - maximum) < 2 * TOLERANCE * solution.sigma)


def test_the_callback_sees_each_step_as_it_is_made(star):
    seen = []
    solution = gradient_descent(star, FAR, callback=lambda number, step: seen.append((number, step)))
    assert [number for number, _ in seen] == list(range(len(solution.history)))
    for (_, step), kept in zip(seen, solution.history, strict=True):
        assert step.loss == kept.loss
        np.testing.assert_array_equal(step.theta, kept.theta)


def test_a_fit_of_noise_that_is_believed_too_small_converges_too():
    """Chi-squared stays at 100 times the pixels' number, so that steps stay short where the data know little."""
    posterior, mean, covariance = linear_posterior(claimed=0.1)
    solution = gradient_descent(posterior, np.array([100.0, -30.0, 8.0]), misfit_sigmas=None)
    assert solution.converged
    assert 2 * solution.loss / posterior.data.size > 50.0
    np.testing.assert_allclose(solution.theta, mean, atol=2 * TOLERANCE * np.sqrt(covariance.diagonal().min()))
    np.testing.assert_allclose(solution.sigma, np.sqrt(covariance.diagonal()))  # what is believed, not shortened steps


def test_at_the_maximum_of_a_bad_fit_the_covariance_is_not_that_of_short_steps():
    posterior, mean, covariance = linear_posterior(claimed=0.1)
    solution = gradient_descent(posterior, mean, misfit_sigmas=None)
    assert solution.converged
    assert len(solution.history) == 1
    np.testing.assert_allclose(solution.sigma, np.sqrt(covariance.diagonal()))


def test_a_step_from_a_bad_start_trusts_the_prior_as_much_as_the_noise():
    """Both by the same factor too little: the closed form of the step in the metric of the damped prior."""
    posterior, mean, covariance = linear_posterior()
    start = np.array([12.0, -10.0, 80.0])
    residual = posterior.data - posterior.predict(posterior.store_at(start))
    factor = np.mean(residual**2 / posterior.noise.variance)
    assert factor > 10.0
    precision = np.linalg.inv(covariance)
    damped = precision + (factor - 1.0) * np.eye(3) / PRIOR.sigma**2
    first = start - np.linalg.solve(damped, precision @ (start - mean))
    np.testing.assert_allclose(gradient_descent(posterior, start).history[1].theta, first, rtol=1e-9)


def test_a_prior_that_is_far_off_shortens_no_steps():
    """Steps are short while the model does not explain the data, and not while one parameter displeases its prior: here
    the data know it 1000 times better, and are as good as silent about the other."""
    prior = Normal(0.0, 1.0)
    strong = ParamField("toy.strong", "Strong", "Known.", default=0.0, prior=prior, source="illustrative")
    free = ParamSpec("toy", "pair", (strong, replace(strong, key="toy.weak")))
    rows = np.random.default_rng(0).normal(size=(2, 40)) * [[1e3], [0.1]]
    posterior = make_posterior(
        lambda store: store["toy.strong"] * rows[0] + store["toy.weak"] * rows[1],
        free,
        ParameterStore.from_spec_defaults(free),
        1000.0 * rows[0] + np.random.default_rng(1).normal(size=40),
        GaussianNoise(1.0),
    )
    solution = gradient_descent(posterior, np.array([1000.0, 5.0]))
    assert -2 * posterior.log_prior(solution.theta) > 1e5
    assert len(solution.history) - 1 <= 4


def test_pulls_of_many_fits_are_unit_normal():
    """Seeds 0 to 63, 192 pulls, whose sum of squares, whitened, is chi-squared with 192 degrees: 4 sigma. The twin,
    noise that is believed 20 % smaller than it is, is not."""
    for claimed, calibrated in ((1.0, True), (0.8, False)):
        total = 0.0
        for seed in range(64):
            posterior, _, _ = linear_posterior(seed, prior=None, claimed=claimed)
            solution = gradient_descent(posterior, np.zeros(3), misfit_sigmas=None)
            error = solution.theta - [1.5, -0.5, 2.5]
            total += error @ np.linalg.solve(solution.covariance, error)
        assert bool(abs(total - 192) < 4 * np.sqrt(2 * 192)) is calibrated


# How a fit can end.


def ends(posterior, start, result: FitResult, steps: int | None = None, **options):
    """The same end with and without `throw`."""
    solution = gradient_descent(posterior, start, throw=False, **options)
    assert solution.result is result
    assert not solution.converged
    assert solution.history[-1].loss == solution.loss or np.isnan(solution.loss)
    if steps is not None:
        assert len(solution.history) - 1 == steps
    with pytest.raises(FitError, match=f"{re.escape(str(result))} after {len(solution.history) - 1} steps") as refused:
        gradient_descent(posterior, start, **options)
    assert refused.value.result is result
    assert refused.value.steps == len(solution.history) - 1
    assert "throw=False" in refused.value.remedy
    return solution


@pytest.mark.parametrize("max_steps", [0, 1, 2, 3])
def test_max_steps(star, max_steps):
    solution = ends(star, FAR, FitResult.MAX_STEPS, max_steps, max_steps=max_steps)
    assert solution.history[-1].gradient_norm > TOLERANCE


def test_stalled_at_the_limit_of_rounding(star, maximum):
    """A tolerance that no arithmetic reaches."""
    solution = ends(star, FAR, FitResult.STALLED, tolerance=1e-300)
    np.testing.assert_allclose(solution.theta, maximum, atol=1e-6)


def test_stalled_on_a_gradient_that_points_uphill(star):
    @jax.custom_jvp
    def backwards(x):
        return x

    backwards.defjvp(lambda primals, tangents: (primals[0], -tangents[0]))
    wrong = make_posterior(lambda store: backwards(star_image(store)), STAR, STORE, star.data)
    solution = ends(wrong, FAR, FitResult.STALLED, 0)
    np.testing.assert_array_equal(solution.theta, FAR)


def dark(prior=PRIOR):
    """A linear model whose image has a negative pixel at zero, and not at one."""
    spec = coefficients(1, prior)

    def predict(store):
        return jnp.asarray([100.0, 50.0]) + store["toy.a"][0] * jnp.asarray([1.0, 200.0]) - jnp.asarray([0.0, 100.0])

    return make_posterior(predict, spec, ParameterStore.from_spec_defaults(spec), [101, 160])


def test_a_start_where_the_model_is_not_valid_is_non_finite():
    solution = ends(dark(), np.zeros(1), FitResult.NON_FINITE, 0)
    assert np.isnan(solution.loss)
    assert np.all(np.isnan(solution.covariance))
    np.testing.assert_array_equal(solution.theta, [0.0])
    assert len(solution.history) == 1


def test_a_step_to_where_the_model_is_not_valid_is_shortened():
    """An optimiser that goes three times too far, and so to a negative pixel."""
    posterior, start = dark(prior=None), np.array([40.0])
    frame = whiten(posterior, start)
    full = frame.theta(-3.0 * eqx.filter_grad(lambda z: posterior.loss(frame.theta(z)))(jnp.zeros(1)))
    assert np.isnan(posterior.loss(full))
    solution = gradient_descent(posterior, start, optimiser=optax.sgd(3.0))
    assert solution.converged
    assert np.all(np.isfinite([step.loss for step in solution.history]))
    np.testing.assert_allclose(solution.theta, [1.05], atol=0.02)


def test_a_derivative_that_is_infinite_is_an_error_that_names_the_parameter():
    spec = coefficients(2, PRIOR)
    posterior = make_posterior(
        lambda store: 5.0 + jnp.stack([jnp.sqrt(store["toy.a"][0]), store["toy.a"][1]]),
        spec,
        ParameterStore.from_spec_defaults(spec),
        [5, 6],
    )
    for solver in (gradient_descent, gauss_newton):
        with pytest.raises(FitError, match=r"not finite in toy\.a\[a0\].*Check the model image"):
            solver(posterior, np.array([0.0, 1.0]))
        assert solver(posterior, np.array([0.0, 1.0]), throw=False).result is FitResult.NON_FINITE


def twins(prior, bounds=None):
    """Two parameters that do the same to the image."""
    spec = coefficients(2, prior, bounds)
    data = np.array([120.0, 80.0, 101.0])
    row = jnp.asarray([1.0, -1.0, 0.5])
    return make_posterior(
        lambda store: 100.0 + (store["toy.a"][0] + store["toy.a"][1]) * row,
        spec,
        ParameterStore.from_spec_defaults(spec),
        data,
    )


def test_without_a_prior_a_blind_direction_is_an_error_that_names_it():
    with (
        pytest.warns(BlindDirectionWarning, match=r"do not constrain toy\.a\[a0\] with toy\.a\[a1\]: start away"),
        pytest.raises(FitError, match=r"singular: no information about toy\.a\[a0\] with toy\.a\[a1\]"),
    ):
        gradient_descent(twins(None), np.array([1.0, 2.0]), throw=False)


def test_with_a_prior_a_blind_direction_is_a_warning_and_the_prior_decides():
    with pytest.warns(BlindDirectionWarning, match=r"toy\.a\[a0\] with toy\.a\[a1\]"):
        solution = gradient_descent(twins(Normal(0.0, 10.0)), np.array([1.0, 2.0]))
    assert solution.converged
    np.testing.assert_allclose(*solution.theta, rtol=1e-3)  # alike to data and prior
    difference = np.array([1.0, -1.0])
    np.testing.assert_allclose(difference @ solution.covariance @ difference, 200.0)  # the prior's


def test_a_start_of_the_wrong_length_or_out_of_bounds_is_refused(star):
    for start in (np.zeros(3), np.zeros(5), np.zeros((4, 1)).ravel()[:1]):
        with pytest.raises(ShapeError, match="theta0: expected a vector of 4 numbers"):
            gradient_descent(star, start)
    with pytest.raises(BoundsError, match=r"star\.width: expected > 0, got -1.0"):
        gradient_descent(star, np.array([0.0, 0.0, 4.0, -1.0]), throw=False)


def test_a_maximum_beyond_a_bound_never_leaves_it():
    """The data ask for a sum of 18 or so, the bound allows less than 10: the fit does not say that it converged."""
    posterior = twins(Normal(0.0, 10.0), Bounds(exclusive_maximum=5.0))
    with pytest.warns(BlindDirectionWarning):
        solution = gradient_descent(posterior, np.array([1.0, 2.0]), throw=False)
    assert solution.result is FitResult.AT_BOUND
    assert set(solution.at_bound) <= set(posterior.labels)
    assert np.all(solution.theta < 5.0)
    np.testing.assert_allclose(solution.theta.max(), 5.0, atol=0.01)
    assert all(posterior.allows(step.theta) for step in solution.history)


def test_a_step_that_would_leave_the_bounds_is_shortened(star):
    """A faint wide star: the first full step asks for a negative width."""
    start = np.array([1.0, -1.0, 3.0, 8.0])
    frame = whiten(star, start, damping=1.0)
    full = frame.theta(-jax.grad(lambda z: star.loss(frame.theta(z)))(jnp.zeros(4)))
    assert not star.allows(full)
    assert gradient_descent(star, start).converged


# Whitened coordinates.


def test_whitened_coordinates_make_the_information_the_identity(star):
    frame = whiten(star, FAR)
    np.testing.assert_array_equal(frame.theta(jnp.zeros(4)), FAR)
    information = star.information(FAR).with_prior(star.prior_sigma).matrix
    np.testing.assert_allclose(frame.transform.T @ information @ frame.transform, np.eye(4), atol=1e-9)
    z = np.array([1.0, -2.0, 0.5, 3.0])
    np.testing.assert_allclose(frame.theta(jnp.asarray(z)), FAR + np.asarray(frame.transform) @ z)


def test_damping_multiplies_the_information_of_the_prior(star):
    frame = whiten(star, FAR, damping=100.0)
    information = star.information(FAR).with_prior(star.prior_sigma / 10.0).matrix
    np.testing.assert_allclose(frame.transform.T @ information @ frame.transform, np.eye(4), atol=1e-9)


# Traces.


def test_a_second_fit_compiles_nothing():
    """The budget: so many traces of the model for the first fit, none for fits of other data from other starts."""
    traces = []

    def predict(store):
        traces.append(1)
        return star_image(store)

    def posterior(seed):
        data = PoissonNoise().sample(np.random.default_rng(seed), star_image(STORE))
        return make_posterior(predict, STAR, STORE, data)

    first, second = posterior(0), posterior(1)
    traces.clear()
    start = np.array([0.5, 0.5, 3.9, 2.2])
    gradient_descent(first, start)
    assert 1 <= len(traces) <= 4
    traces.clear()
    a = gradient_descent(second, start + 0.1)
    b = gradient_descent(second, start, max_steps=100, tolerance=1e-4)
    assert traces == []
    np.testing.assert_allclose(a.theta, b.theta, atol=0.01 * a.sigma.min())


def test_a_start_in_integers_or_a_jax_array_is_one_of_floats(star):
    start = jnp.asarray([1.0, 1.0, 4.0, 2.0])
    solution = gradient_descent(star, start)
    assert solution.theta.dtype == np.float64
    assert isinstance(solution.theta, np.ndarray)
    assert np.all(np.abs(solution.theta % 1.0) > 1e-6)


def test_the_prior_is_used_and_never_the_truth():
    """With data that say little, the solution is the prior's mean, wherever the fit starts."""
    model = linear_model(prior=PRIOR)
    data = model.image([9.0, 9.0, 9.0])
    posterior = make_posterior(model.predict, model.spec, model.store, data, GaussianNoise(1e14))
    start = draw_from_prior(model.spec, np.random.default_rng(0))
    solution = gradient_descent(posterior, start)
    np.testing.assert_allclose(solution.theta, 1.0, atol=0.01)
    np.testing.assert_allclose(solution.sigma, 2.0, rtol=1e-3)
    assert pack_params(solution.store, model.spec).shape == (3,)


# Other coordinates, schedules, continuation.


@pytest.mark.parametrize(
    ("scaling", "optimiser"),
    [
        ("prior", optax.lbfgs()),
        ("none", optax.lbfgs()),
        ("prior", optax.adam(optax.exponential_decay(0.1, 50, 0.5))),
    ],
    ids=["prior, lbfgs", "none, lbfgs", "prior, adam with a schedule"],
)
def test_other_coordinates_lead_to_the_same_maximum(star, maximum, scaling, optimiser):
    start = TRUTH + np.array([0.3, -0.3, 0.05, 0.2])
    solution = gradient_descent(
        star, start, scaling=scaling, optimiser=optimiser, steps_per_whitening=20, max_steps=1000
    )
    assert solution.converged
    assert np.all(np.abs(solution.theta - maximum) < 2 * TOLERANCE * solution.sigma)
    assert scaling in solution.provenance["solver"]


def test_the_first_step_is_along_the_gradient_in_the_coordinates_asked_for(star):
    """Plain gradient descent: in theta, along the gradient; scaled by a prior, along it times its variance."""
    gradient = np.asarray(jax.grad(star.loss)(jnp.asarray(FAR)))
    sigma = np.where(np.isfinite(star.prior_sigma), star.prior_sigma, 1.0)
    for scaling, metric in (("none", np.ones(4)), ("prior", sigma**2)):
        solution = gradient_descent(star, FAR, scaling=scaling, optimiser=optax.sgd(1e-6), max_steps=1, throw=False)
        step = solution.history[1].theta - FAR
        np.testing.assert_allclose(step / step[0], -metric * gradient / (-metric * gradient)[0], rtol=1e-6)


def test_a_scaling_that_is_not_there_is_refused(star):
    with pytest.raises(ParameterError, match="scaling: expected 'fisher', 'prior' or 'none', got 'hessian'"):
        gradient_descent(star, FAR, scaling="hessian")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"optimiser": optax.sgd(0.5, momentum=0.5), "steps_per_whitening": 5},
        {"scaling": "prior", "optimiser": optax.adam(optax.cosine_decay_schedule(0.1, 60)), "steps_per_whitening": 7},
    ],
    ids=["default", "momentum", "prior, adam with a schedule"],
)
def test_to_continue_gives_bit_by_bit_what_an_uninterrupted_fit_gives(star, options):
    """From a checkpoint, and from where a fit ran out of steps between two of them."""
    options = options | {"max_steps": 41, "throw": False}
    states = []
    whole = gradient_descent(star, FAR, checkpoint=states.append, **options)
    short = gradient_descent(star, FAR, **options | {"max_steps": 4})
    assert short.state.iteration <= 4
    assert len(states) >= 3
    for state in (states[1], states[-1], short.state):
        again = gradient_descent(star, np.zeros(4), state=state, **options)
        np.testing.assert_array_equal(again.theta, whole.theta)
        np.testing.assert_array_equal(again.covariance, whole.covariance)
        assert again.result is whole.result
        assert len(again.history) == len(whole.history)
        for one, other in zip(again.history, whole.history, strict=True):
            np.testing.assert_array_equal(np.hstack(one), np.hstack(other))


def test_the_callback_can_stop_the_fit(star):
    solution = gradient_descent(star, FAR, callback=lambda number, _: number == 1, throw=False)
    assert solution.result is FitResult.STOPPED
    assert len(solution.history) - 1 == 1
    with pytest.raises(FitError, match="stopped by the callback after 1 steps"):
        gradient_descent(star, FAR, callback=lambda number, _: number == 1)
