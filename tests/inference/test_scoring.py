"""Fisher scoring against closed forms and SciPy, its ends, its continuation, and what is believed of a maximum."""

import re
from itertools import pairwise

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from scipy.optimize import least_squares, minimize

import dluxshera as ds
from dluxshera.errors import BoundsError, FitError, ShapeError
from dluxshera.inference import (
    BlindDirectionWarning,
    FisherInformation,
    FitResult,
    GaussianNoise,
    MisfitWarning,
    PoissonNoise,
    SolverState,
    draw_from_prior,
    gauss_newton,
    gradient_descent,
    make_joint_posterior,
    make_posterior,
)
from dluxshera.inference.fit import newton_step
from dluxshera.params import Bounds, Normal, ParameterStore, unpack_params
from support.stars import FAR, STAR, STORE, TRUTH, star_posterior
from support.toys import coefficients, linear_model, star_image

OF_THE_TELESCOPE = (
    "binary.separation_as",
    "binary.position_angle_deg",
    "binary.x_position_as",
    "binary.y_position_as",
    "binary.log_flux_total",
    "binary.contrast",
    "system.plate_scale_as_per_pix",
    "primary.zernike_coeffs_nm",
    "secondary.zernike_coeffs_nm",
)


@pytest.fixture(scope="module")
def star():
    return star_posterior(3)


@pytest.fixture(scope="module")
def fitted(star):
    return gauss_newton(star, FAR)


# Closed forms, and other people's optimisers.


@pytest.mark.parametrize("prior", [Normal(1.0, 2.0), None], ids=["normal prior", "flat prior"])
def test_a_linear_gaussian_problem_takes_one_step_to_the_closed_form(prior):
    model = linear_model(prior=prior)
    rng = np.random.default_rng(0)
    spread = rng.uniform(10.0, 40.0, model.base.size)
    data = model.image([1.5, -0.5, 2.5]) + rng.normal(0.0, spread)
    posterior = make_posterior(model.predict, model.spec, model.store, data, GaussianNoise(spread**2))
    weight = 0.0 if prior is None else prior.sigma**-2
    covariance = np.linalg.inv(model.jacobian / spread**2 @ model.jacobian.T + weight * np.eye(3))
    mean = covariance @ (model.jacobian / spread**2 @ (data - model.base) + weight * (prior.mean if prior else 0.0))
    solution = gauss_newton(posterior, mean + np.array([3.0, -2.0, 0.1]))
    assert len(solution.history) - 1 == 1
    sigma = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(solution.theta, mean, atol=1e-9 * sigma.min())
    np.testing.assert_allclose(solution.covariance, covariance, rtol=1e-9, atol=1e-12 * sigma.min() ** 2)


def test_the_maximum_is_scipys(star, fitted):
    """`minimize` sees values of the loss alone."""
    value = eqx.filter_jit(star.loss)
    found = minimize(lambda t: float(value(t)), TRUTH, method="Nelder-Mead", options=dict(xatol=1e-9, fatol=1e-11))
    assert found.success
    assert np.all(np.abs(fitted.theta - found.x) < 1e-3 * fitted.sigma)
    assert np.abs(fitted.pulls(FAR)).max() > 100.0
    assert np.all(np.abs(fitted.pulls(TRUTH)) < 4.0)


def test_the_maximum_is_that_of_least_squares_where_the_noise_is_normal():
    """Residuals over sigma, and those of the prior, given to `least_squares`, which differentiates by itself."""
    truth = np.asarray(star_image(unpack_params(TRUTH, STAR, STORE)))
    sigma = np.sqrt(truth)
    data = truth + np.random.default_rng(5).normal(0.0, sigma)
    posterior = make_posterior(star_image, STAR, STORE, data, GaussianNoise(sigma**2))
    image = eqx.filter_jit(lambda theta: star_image(unpack_params(theta, STAR, STORE)))

    def residuals(theta):
        prior = (theta - posterior.prior_mean) / posterior.prior_sigma
        return np.concatenate([np.ravel((np.asarray(image(theta)) - data) / sigma), prior])

    found = least_squares(residuals, TRUTH, xtol=1e-14, ftol=1e-14, gtol=1e-14, x_scale="jac")
    solution = gauss_newton(posterior, FAR)
    assert np.all(np.abs(solution.theta - found.x) < 1e-3 * solution.sigma)
    bound = np.linalg.inv(found.jac.T @ found.jac)
    np.testing.assert_allclose(solution.sigma, np.sqrt(np.diag(bound)), rtol=1e-5)


def test_the_telescope_gives_all_solvers_the_same_maximum():
    """23 parameters at full flux, a start from the prior: within 0.01 sigma of each other, in 10 steps at most, and the
    loss rises from there in every direction of the uncertainty."""
    config = ds.SHERA_FLIGHT_CONFIG.replace(image_npix=64, n_wavelengths=1)
    spec = ds.build_inference_spec_basic(config)
    binder = ds.SheraThreePlaneBinder(config, spec)
    free = spec.subset(OF_THE_TELESCOPE)
    rng = np.random.default_rng(0)
    truth = draw_from_prior(free, rng)
    data = PoissonNoise().sample(rng, binder.predict(unpack_params(truth, free, binder.store)))
    posterior = make_posterior(binder.predict, free, binder.store, data)
    start = draw_from_prior(free, rng)
    fast, slow = gauss_newton(posterior, start), gradient_descent(posterior, start)
    assert len(fast.labels) == 23
    assert len(fast.history) - 1 <= 10
    error = fast.theta - slow.theta
    correlation = fast.covariance / np.outer(fast.sigma, fast.sigma)
    assert error / fast.sigma @ np.linalg.solve(correlation, error / fast.sigma) < 0.01**2
    loss = eqx.filter_jit(posterior.loss)
    root = fast.sigma[:, None] * np.linalg.cholesky(correlation)
    for direction in np.hstack([root, -root]).T:  # of one sigma: the loss rises by about a half
        assert 0.3 < float(loss(jnp.asarray(fast.theta + direction))) - fast.loss < 0.7


def test_descent_ends_at_the_same_maximum(star, fitted):
    other = gradient_descent(star, FAR)
    assert np.all(np.abs(fitted.theta - other.theta) < 0.01 * fitted.sigma)
    np.testing.assert_allclose(fitted.covariance, other.covariance, rtol=1e-3, atol=1e-4 * fitted.sigma.min() ** 2)


def test_the_last_steps_gain_digits_as_newtons_do(star):
    """By SciPy's maximum: each of the last steps ends much nearer than it began, and only as the noise, by which Fisher
    and Hessian differ, allows."""
    solution = gauss_newton(star, FAR, tolerance=1e-6)
    assert len(solution.history) - 1 <= 14
    norms = [step.gradient_norm for step in solution.history[-4:]]
    assert all(after < 0.1 * before for before, after in pairwise(norms))
    assert all(step.damping == 1.0 for step in solution.history[-2:])


def test_a_stiff_problem_is_solved_in_scaled_coordinates():
    """Two directions 1e9 apart in information, in units 1e12 apart; the closed form by exact rational arithmetic."""
    from fractions import Fraction

    mixing, scale = Fraction(1, 10**4), (10**-6, 10**6)
    a, b, c = Fraction(1), 1 - mixing**2 / 2, Fraction(1)
    matrix = np.array([[float(a), float(b)], [float(b), float(c)]]) * np.outer(scale, scale)
    gradient = np.array([3.0 * scale[0], -1.0 * scale[1]])
    norm, step = newton_step(FisherInformation(matrix, ("a", "b")), gradient)
    determinant = a * c - b * b
    x, y = (3 * c + b) / determinant, (-3 * b - a) / determinant
    np.testing.assert_allclose(step, [-float(x) / scale[0], -float(y) / scale[1]], rtol=1e-6)
    np.testing.assert_allclose(norm**2, float(3 * x - y), rtol=1e-6)


# How a fit can end.


def ends(posterior, start, result, **options):
    solution = gauss_newton(posterior, start, throw=False, **options)
    assert solution.result is result
    assert not solution.converged
    options.pop("state", None)
    with pytest.raises(FitError, match=re.escape(str(result))) as refused:
        gauss_newton(posterior, start, **options)
    assert refused.value.result is result
    assert refused.value.steps == len(solution.history) - 1
    assert "throw=False" in refused.value.remedy
    return solution


@pytest.mark.parametrize("steps", [0, 1, 3])
def test_max_steps(star, steps):
    solution = ends(star, FAR, FitResult.MAX_STEPS, max_steps=steps)
    assert len(solution.history) - 1 == steps == solution.diagnostics["steps"]
    assert solution.history[-1].gradient_norm > 1e-3


def test_stalled_at_the_limit_of_rounding(star, fitted):
    solution = ends(star, FAR, FitResult.STALLED, tolerance=1e-300)
    assert np.all(np.abs(solution.theta - fitted.theta) < 1e-3 * fitted.sigma)


def test_a_model_that_is_not_valid_is_non_finite(star):
    invalid = make_posterior(lambda store: star_image(store) - 15.0, STAR, STORE, star.data)
    solution = ends(invalid, FAR, FitResult.NON_FINITE)
    assert np.isnan(solution.loss)
    assert np.all(np.isnan(solution.covariance))
    np.testing.assert_array_equal(solution.theta, FAR)


def test_stopped_by_the_callback(star):
    seen = []

    def stop(number, step):
        seen.append(step.loss)
        return number == 2

    solution = ends(star, FAR, FitResult.STOPPED, callback=stop)
    assert len(solution.history) - 1 == 2
    assert [step.loss for step in solution.history] == seen[:3]


def bounded(bounds, start_prior=None):
    """The sum of two known at 18, their difference at -2: a0 = 8, a1 = 10, correlated, unless a bound forbids it."""
    spec = coefficients(2, start_prior, bounds)
    rows = jnp.asarray([[1.0, -1.0, 0.5, 2.0], [1.0, -1.0, 0.5, -0.4]])
    data = 100.0 + np.array([8.0, 10.0]) @ np.asarray(rows)
    return make_posterior(
        lambda store: 100.0 + store["toy.a"] @ rows, spec, ParameterStore.from_spec_defaults(spec), data,
        GaussianNoise(0.01),
    ), np.asarray(rows), data  # fmt: skip


@pytest.mark.parametrize("side", ["maximum", "exclusive_maximum"])
def test_at_a_bound_the_rest_is_fitted_and_the_bound_named(side):
    posterior, rows, data = bounded(Bounds(**{side: 9.0}))
    solution = ends(posterior, np.array([1.0, 2.0]), FitResult.AT_BOUND)
    assert solution.at_bound == ("toy.a[a1]",)
    assert all(posterior.allows(step.theta) for step in solution.history)
    np.testing.assert_allclose(solution.theta[1], 9.0, atol=1e-3 * solution.sigma[1])
    rest = rows[0] @ (data - 100.0 - solution.theta[1] * rows[1]) / (rows[0] @ rows[0])  # with a1 held
    np.testing.assert_allclose(solution.theta[0], rest, atol=1e-3 * solution.sigma[0])
    with pytest.raises(FitError, match=r"the maximum beyond: toy\.a\[a1\] after"):
        gauss_newton(posterior, np.array([1.0, 2.0]))


def test_a_bound_that_only_the_way_meets_does_not_hold():
    posterior, _, _ = bounded(Bounds(minimum=0.0, maximum=10.5))
    solution = gauss_newton(posterior, np.array([10.49, 0.01]))
    np.testing.assert_allclose(solution.theta, [8.0, 10.0], atol=1e-6)


def test_a_blind_direction_is_an_error_that_names_it():
    spec = coefficients(2)
    posterior = make_posterior(lambda store: 100.0 + jnp.sum(store["toy.a"]) * jnp.asarray([1.0, -1.0, 0.5]), spec,
                               ParameterStore.from_spec_defaults(spec), [120, 80, 101])  # fmt: skip
    with (
        pytest.warns(BlindDirectionWarning, match=r"do not constrain toy\.a\[a0\] with toy\.a\[a1\]"),
        pytest.raises(FitError, match=r"singular: no information about toy\.a\[a0\] with toy\.a\[a1\]"),
    ):
        gauss_newton(posterior, np.array([1.0, 2.0]))


def test_a_start_of_the_wrong_length_or_out_of_bounds_is_refused(star):
    with pytest.raises(ShapeError, match="theta0: expected a vector of 4 numbers"):
        gauss_newton(star, np.zeros(3))
    with pytest.raises(BoundsError, match=r"star\.width: expected > 0, got -1.0"):
        gauss_newton(star, np.array([0.0, 0.0, 4.0, -1.0]), throw=False)


# What is believed of a maximum.


def test_a_local_maximum_is_told_by_its_misfit():
    """Two stars, 9 and 1: with a narrow start on the faint one the bright one is never found."""

    def predict(store):
        faint = star_image({"star.x": -5.0, "star.y": -5.0, "star.log_flux": 4.5, "star.width": 1.2})
        return star_image(store), faint

    image, faint = predict(unpack_params(np.array([5.0, 5.0, 5.5, 1.2]), STAR, STORE))
    data = PoissonNoise().sample(np.random.default_rng(0), image + faint - 10.0)
    posterior = make_posterior(star_image, STAR, STORE, data)
    with pytest.warns(MisfitWarning, match="a local maximum"):
        solution = gauss_newton(posterior, np.array([-5.0, -5.0, 4.5, 1.2]))
    assert solution.misfit.sigmas > 100
    assert solution.diagnostics["gradient_norm"] < 1e-3
    assert gauss_newton(posterior, solution.theta, misfit_sigmas=None).converged


def poisson_deviance(counts, expected):
    return 2 * (stats.poisson.logpmf(counts, np.maximum(counts, 1e-300)) - stats.poisson.logpmf(counts, expected))


def test_where_the_misfit_is_the_models_the_damping_fades():
    """Chi-squared stays at 1e4 times the pixels' number, and the prior has a say: steps that stayed as short as the
    misfit asks for would be many."""
    model = linear_model(prior=Normal(1.0, 2.0))
    data = model.image([9.0, 9.0, 9.0]) + np.random.default_rng(0).normal(0.0, 1e3, model.base.size)
    posterior = make_posterior(model.predict, model.spec, model.store, data, GaussianNoise(100.0))
    solution = gauss_newton(posterior, np.array([50.0, -30.0, 80.0]), misfit_sigmas=None)
    assert solution.diagnostics["misfit"] > 5e3
    assert len(solution.history) - 1 < 10


def test_two_exposures_are_fitted_together():
    """Flux and width are shared, the position is each exposure's own; against SciPy, from values of the loss alone."""
    shared, own = STAR.subset(["star.log_flux", "star.width"]), STAR.subset(["star.x", "star.y"])
    positions = ([2.3, -1.1], [1.0, 0.4])
    images = [star_image(unpack_params(np.array([*xy, 4.2, 1.8]), STAR, STORE)) for xy in positions]
    data = [PoissonNoise().sample(np.random.default_rng(seed), image) for seed, image in enumerate(images)]
    posterior = make_joint_posterior(star_image, shared, own, [STORE, STORE], data)
    solution = gauss_newton(posterior, np.array([3.6, 3.0, 0.0, 0.0, 0.0, 0.0]))
    value = eqx.filter_jit(posterior.loss)
    found = minimize(lambda t: float(value(t)), [4.2, 1.8, *positions[0], *positions[1]], method="Nelder-Mead",
                     options=dict(xatol=1e-8, fatol=1e-10, maxiter=4000, adaptive=True))  # fmt: skip
    assert found.success
    assert np.all(np.abs(solution.theta - found.x) < 2e-3 * solution.sigma)
    assert solution.store == posterior.stores_at(solution.theta)[0]


# Continuation, and traces.


def same(a, b):
    np.testing.assert_array_equal(a.theta, b.theta)
    np.testing.assert_array_equal(a.covariance, b.covariance)
    assert a.result is b.result
    assert len(a.history) == len(b.history)
    for one, other in zip(a.history, b.history, strict=True):
        np.testing.assert_array_equal(np.hstack(one), np.hstack(other))


def test_to_continue_gives_bit_by_bit_what_an_uninterrupted_fit_gives(star, fitted, tmp_path):
    states = []
    gauss_newton(star, FAR, checkpoint=states.append)
    assert [state.iteration for state in states] == list(range(len(fitted.history)))
    for state in (states[0], states[3], states[-1]):
        np.savez(tmp_path / "state.npz", **state._asdict())
        with np.load(tmp_path / "state.npz") as arrays:
            read = SolverState(**arrays)
        numbers = []
        same(gauss_newton(star, np.zeros(4), state=read, callback=lambda i, _, to=numbers: to.append(i)), fitted)
        assert numbers == list(range(state.iteration + 1, len(fitted.history)))


def test_a_fit_that_ran_out_of_steps_goes_on_from_its_state(star, fitted):
    short = gauss_newton(star, FAR, max_steps=2, throw=False)
    np.testing.assert_array_equal(short.state.theta, short.theta)
    same(gauss_newton(star, FAR, state=short.state), fitted)


def test_a_second_fit_compiles_nothing():
    traces = []

    def predict(store):
        traces.append(1)
        return star_image(store)

    first, second = star_posterior(0, predict), star_posterior(1, predict)
    traces.clear()
    gauss_newton(first, FAR)
    assert 1 <= len(traces) <= 4
    traces.clear()
    gauss_newton(second, FAR + 0.1)
    gauss_newton(second, FAR, max_steps=50, tolerance=1e-2)
    assert traces == []


def test_diagnostics_and_provenance_are_of_this_fit(star, fitted):
    assert fitted.diagnostics["steps"] == len(fitted.history) - 1
    assert fitted.diagnostics["gradient_norm"] == fitted.history[-1].gradient_norm < 1e-3
    image = np.asarray(star_image(fitted.store))
    data = np.asarray(star.data)
    deviance = np.sum(poisson_deviance(data, image))
    np.testing.assert_allclose(fitted.diagnostics["misfit"], deviance / 256, rtol=1e-8)
    assert fitted.diagnostics["expansions"] == len(fitted.history)  # one for each point, none for trials
    assert fitted.provenance["solver"] == "gauss_newton"
