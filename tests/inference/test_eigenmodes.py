"""Eigenmodes: algebra of the maps on random and on singular matrices, and fits that descend in their amplitudes."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import linalg

from dluxshera.errors import FitError, ParameterError, ShapeError
from dluxshera.inference import (
    BlindDirectionWarning,
    EigenPosterior,
    EigenThetaMap,
    FisherInformation,
    GaussianNoise,
    eigen_posterior,
    gradient_descent,
    make_posterior,
)
from dluxshera.params import Normal, ParameterStore
from support.stars import FAR, STAR, STORE, TRUTH, star_posterior
from support.toys import coefficients, linear_model, star_image

from_information = EigenThetaMap.from_information


def problem(n: int, seed: int, blind: int = 0) -> tuple[FisherInformation, np.ndarray, np.ndarray]:
    """An information matrix in units up to 12 orders of magnitude apart, of which `blind` directions have none; a
    centre, and those units."""
    rng = np.random.default_rng(seed)
    units = 10.0 ** rng.uniform(-6, 6, n)
    rows = rng.normal(size=(n, n - blind)) @ rng.normal(size=(n - blind, 4 * n)) * units[:, None]
    return FisherInformation(rows @ rows.T, tuple("abcdefgh"[:n])), rng.normal(size=n) / units, units


sizes = st.integers(2, 6)
seeds = st.integers(0, 10_000)


@given(sizes, seeds, st.booleans(), st.booleans())
def test_there_and_back(n, seed, whitened, with_prior):
    information, centre, units = problem(n, seed)
    rng = np.random.default_rng(seed)
    prior = np.diag(units**2 * rng.uniform(0.1, 10.0, n)) if with_prior else None
    modes = from_information(information, centre, prior_precision=prior, whitened=whitened)
    z = rng.normal(size=n)
    np.testing.assert_allclose(modes.z(modes.theta(z)), z, rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(modes.theta(np.zeros(n)), centre)
    theta = centre + rng.normal(size=n) / units
    np.testing.assert_allclose((modes.theta(modes.z(theta)) - theta) * units, 0.0, atol=1e-9)


@given(sizes, seeds)
def test_whitened_modes_have_unit_information_and_the_others_are_orthonormal_in_the_metric(n, seed):
    information, centre, _ = problem(n, seed)
    white = np.asarray(from_information(information, centre).basis)
    np.testing.assert_allclose(white.T @ information.matrix @ white, np.eye(n), atol=1e-8)
    plain = from_information(information, centre, whitened=False)
    metric = np.diag(np.diag(information.matrix))
    np.testing.assert_allclose(plain.basis.T @ metric @ plain.basis, np.eye(n), atol=1e-9)
    of_each = plain.basis.T @ information.matrix @ plain.basis
    np.testing.assert_allclose(of_each, np.diag(plain.eigenvalues), atol=1e-9)
    assert np.all(np.diff(plain.eigenvalues) <= 0.0)
    np.testing.assert_allclose(plain.eigenvalues.sum(), n)  # the trace of a correlation matrix


@given(sizes, seeds)
def test_with_a_prior_an_eigenvalue_compares_data_and_prior(n, seed):
    """One more than the generalised eigenvalue that SciPy finds; the metric is the prior, correlations included."""
    information, centre, units = problem(n, seed)
    rows = np.random.default_rng(seed + 1).normal(size=(n, 4 * n)) * units[:, None]
    prior = rows @ rows.T
    modes = from_information(information, centre, prior_precision=prior, whitened=False)
    truth = linalg.eigh(information.matrix / np.outer(units, units), prior / np.outer(units, units), eigvals_only=True)
    np.testing.assert_allclose(modes.eigenvalues, 1.0 + truth[::-1], rtol=1e-8)
    np.testing.assert_allclose(modes.basis.T @ prior @ modes.basis, np.eye(n), atol=1e-9)
    white = from_information(information, centre, prior_precision=prior).basis
    np.testing.assert_allclose(white.T @ (information.matrix + prior) @ white, np.eye(n), atol=1e-8)


@given(sizes, seeds, st.booleans())
def test_the_covariance_is_that_of_direct_algebra(n, seed, whitened):
    """The inverse of the information by default, and B C B^T for any other of the amplitudes."""
    information, centre, _ = problem(n, seed)
    modes = from_information(information, centre, whitened=whitened)
    scale = np.sqrt(np.diag(information.matrix))
    correlation = information.matrix / np.outer(scale, scale)
    found = modes.covariance() * np.outer(scale, scale)
    np.testing.assert_allclose(found @ correlation, np.eye(n), atol=1e-7 * np.linalg.cond(correlation) / 1e4 + 1e-8)
    root = np.random.default_rng(seed).normal(size=(n, n))
    direct = np.asarray(modes.basis) @ (root @ root.T) @ np.asarray(modes.basis).T
    np.testing.assert_allclose(modes.covariance(root @ root.T), direct, rtol=1e-12, atol=1e-12 * np.abs(direct).max())


@given(sizes, seeds, st.integers(1, 6))
def test_the_best_known_modes_are_kept(n, seed, count):
    information, centre, _ = problem(n, seed)
    whole = from_information(information, centre, whitened=False)
    by_count = from_information(information, centre, whitened=False, count=count)
    k = min(n, count)
    np.testing.assert_array_equal(by_count.eigenvalues, whole.eigenvalues[:k])
    np.testing.assert_array_equal(by_count.basis, whole.basis[:, :k])
    assert len(by_count.dropped) == n - k
    assert by_count.labels == tuple(f"mode {i + 1}" for i in range(k))
    by_value = from_information(information, centre, whitened=False, min_eigenvalue=whole.eigenvalues[k - 1])
    np.testing.assert_array_equal(by_value.eigenvalues, by_count.eigenvalues)
    z = np.arange(1.0, k + 1)
    np.testing.assert_allclose(by_count.z(by_count.theta(z)), z, rtol=1e-7)
    assert np.linalg.matrix_rank(by_count.covariance() * np.outer(whole.scale**-1, whole.scale**-1), tol=1e-6) <= k


@given(st.integers(3, 6), seeds, st.integers(1, 2), st.booleans())
def test_directions_without_information_give_neither_nan_nor_infinity(n, seed, blind, negative):
    """Their eigenvalues come out of either sign at the level of rounding; here also with a negative one put in."""
    information, centre, units = problem(n, seed, blind)
    if negative:
        size = np.diag(information.matrix).min()
        information = FisherInformation(information.matrix - 1e-15 * size * np.eye(n), information.labels)
    white = from_information(information, centre)
    assert len(white.eigenvalues) == n - blind
    assert len(white.dropped) == blind
    assert np.all(white.eigenvalues > 0.0)
    plain = from_information(information, centre, whitened=False)
    np.testing.assert_array_equal(plain.eigenvalues[n - blind :], 0.0)
    for modes in (white, plain):
        z = np.ones(len(modes.eigenvalues))
        for value in (modes.theta(z), modes.z(centre + 1.0 / units), modes.basis, modes.projection):
            assert np.all(np.isfinite(value))
        np.testing.assert_allclose(modes.z(modes.theta(z)), z, rtol=1e-6)
    assert np.all(np.isfinite(white.covariance()))
    with pytest.raises(FitError, match=r"no information about .*whitened=True"):
        plain.covariance()
    assert np.all(np.isfinite(plain.covariance(np.eye(n))))


def test_a_parameter_that_does_nothing_and_two_that_do_the_same_are_dropped_by_name():
    p, q = np.random.default_rng(0).normal(size=(2, 30))
    rows = np.array([p, 1e3 * q, 0 * p, -7.0 * p])
    information = FisherInformation(rows @ rows.T, ("focus", "tip", "nothing", "scale"))
    modes = from_information(information, np.zeros(4))
    assert {tuple(sorted(names)) for names in modes.dropped} == {("nothing",), ("focus", "scale")}
    assert len(modes.names) == 2
    with_prior = from_information(information, np.zeros(4), prior_precision=np.eye(4))
    assert with_prior.dropped == ()
    np.testing.assert_allclose(with_prior.eigenvalues[2:], 1.0)
    assert set(with_prior.names[0]) == {"tip"}


def test_what_does_not_fit_together_is_refused():
    information = FisherInformation(np.diag([4.0, 1.0]), ("a", "b"))
    with pytest.raises(ShapeError, match="centre: expected a vector of 2 numbers"):
        from_information(information, np.zeros(3))
    with pytest.raises(ShapeError, match=r"prior_precision: expected a matrix of shape \(2, 2\)"):
        from_information(information, np.zeros(2), prior_precision=np.eye(3))
    with pytest.raises(ParameterError, match="count: expected at least one mode, got 0"):
        from_information(information, np.zeros(2), count=0)
    with pytest.raises(ParameterError, match=r"min_eigenvalue: .*got 2\.0.*The largest is 1"):
        from_information(information, np.zeros(2), min_eigenvalue=2.0)
    with pytest.raises(ParameterError, match="The largest is 0"):
        from_information(FisherInformation(np.zeros((2, 2)), ("a", "b")), np.zeros(2))
    with pytest.raises(ShapeError, match="z: expected a vector of 2 amplitudes"):
        from_information(information, np.zeros(2)).theta(np.zeros(3))


# Posteriors of amplitudes.


@pytest.fixture(scope="module")
def star():
    return star_posterior(3)


@pytest.mark.parametrize("whitened", [True, False])
def test_a_posterior_of_amplitudes_is_that_of_theta_by_the_chain_rule(star, whitened):
    reduced = eigen_posterior(star, FAR, whitened=whitened)
    z = np.asarray(reduced.modes.z(TRUTH))
    np.testing.assert_allclose(reduced.modes.theta(z), TRUTH, rtol=1e-12)
    np.testing.assert_allclose(reduced.loss(z), star.loss(TRUTH), rtol=1e-9)
    loss, gradient, information = reduced.expand(z)
    np.testing.assert_allclose(loss, reduced.loss(z), rtol=1e-12)
    reverse = jax.jit(jax.grad(reduced.loss))(jnp.asarray(z))
    np.testing.assert_allclose(gradient, reverse, atol=1e-11 * np.abs(reverse).max())
    basis = np.asarray(reduced.modes.basis)
    matrix = basis.T @ star.information(TRUTH).matrix @ basis
    np.testing.assert_allclose(information, matrix, rtol=1e-6, atol=1e-9 * matrix.max())
    np.testing.assert_allclose(0.5 * np.sum(reduced.residual(z) ** 2), reduced.loss(z), rtol=1e-12)
    np.testing.assert_allclose(reduced.log_prior(z), star.log_prior(TRUTH), rtol=1e-9)
    assert reduced.store_at(z).spec == STORE.spec
    assert reduced.n_data == 256
    assert reduced.labels == ("mode 1", "mode 2", "mode 3", "mode 4")
    assert reduced.allows(z)
    assert not reduced.allows(np.asarray(reduced.modes.z(np.array([0.0, 0.0, 4.0, -1.0]))))
    assert np.all(np.isinf(np.stack(reduced.bounds)))


def linear_problem():
    model = linear_model(3, prior=Normal(1.0, 2.0))
    data = model.image([1.5, -0.5, 2.5]) + np.random.default_rng(0).normal(0.0, 20.0, 40)
    return make_posterior(model.predict, model.spec, model.store, data, GaussianNoise(400.0))


def test_the_prior_of_the_amplitudes_is_the_prior_of_theta():
    """Its normal part, up to a constant, wherever the centre is; and its draws have its covariance."""
    posterior = linear_problem()
    start = np.array([3.0, -2.0, 1.0])
    reduced = eigen_posterior(posterior, start)
    np.testing.assert_array_equal(reduced.modes.centre, [1.0, 1.0, 1.0])  # the prior's mean, not the start
    np.testing.assert_allclose(reduced.prior_mean, 0.0, atol=1e-12)
    elsewhere = EigenPosterior(posterior, replace(reduced.modes, centre=start))
    for of in (reduced, elsewhere):
        z = np.random.default_rng(1).normal(size=(2, 3))
        normal = [-0.5 * (one - of.prior_mean) @ of.prior_precision @ (one - of.prior_mean) for one in z]
        np.testing.assert_allclose(normal[0] - normal[1], of.log_prior(z[0]) - of.log_prior(z[1]), rtol=1e-9)
    draws = np.stack([reduced.draw_from_prior(np.random.default_rng(seed)) for seed in range(400)])
    white = np.linalg.cholesky(np.asarray(reduced.prior_precision)).T @ draws.T
    assert np.all(np.abs(white @ white.T / 400 - np.eye(3)) < 5 * np.sqrt((1 + np.eye(3)) / 400))


@pytest.mark.parametrize("options", [{}, {"whitened": False}], ids=["whitened", "orthonormal"])
def test_a_fit_of_amplitudes_moves_and_finds_the_same_maximum(star, options):
    """With the defaults, from far away, where the modes are others than at the maximum: within 0.01 sigma."""
    in_theta = gradient_descent(star, FAR)
    reduced = eigen_posterior(star, FAR, **options)
    fit = gradient_descent(reduced, reduced.modes.z(FAR))
    theta = np.asarray(reduced.modes.theta(fit.theta))
    assert fit.converged
    assert np.abs(in_theta.pulls(FAR)).max() > 100.0
    assert np.abs(in_theta.pulls(theta)).max() < 0.01
    covariance = reduced.modes.covariance(fit.covariance)
    size = in_theta.sigma
    np.testing.assert_allclose(covariance / np.outer(size, size), in_theta.covariance / np.outer(size, size), atol=2e-3)


@pytest.mark.parametrize("seed", range(4))
def test_a_fit_of_amplitudes_converges_from_a_draw_of_the_prior(seed):
    """To the closed form of the linear problem."""
    posterior = linear_problem()
    reduced = eigen_posterior(posterior, posterior.draw_from_prior(np.random.default_rng(seed)))
    fit = gradient_descent(reduced, reduced.draw_from_prior(np.random.default_rng(seed + 50)))
    precision = posterior.information(np.zeros(3)).matrix + posterior.prior_precision
    truth = -np.linalg.solve(precision, posterior.expand(np.zeros(3)).gradient)
    sigma = np.sqrt(np.diag(np.linalg.inv(precision)))
    assert fit.converged
    assert np.all(np.abs(np.asarray(reduced.modes.theta(fit.theta)) - truth) < 2e-3 * sigma)
    assert np.abs(reduced.modes.theta(reduced.modes.z(truth)) - truth).max() < 1e-9


def test_a_dropped_mode_stays_at_the_mean_of_the_prior():
    """The data hardly see one combination: what a fit without it loses is little, and known in closed form."""
    spec = coefficients(2, Normal(1.0, 2.0))
    rows = np.random.default_rng(2).normal(size=(2, 40))
    rows = jnp.asarray([rows[0], rows[0] + 1e-4 * rows[1]])
    posterior = make_posterior(
        lambda store: 100.0 + store["toy.a"] @ rows,
        spec,
        ParameterStore.from_spec_defaults(spec),
        100.0 + np.array([2.0, 1.5]) @ np.asarray(rows),
        GaussianNoise(1.0),
    )
    reduced = eigen_posterior(posterior, np.array([5.0, -4.0]), min_eigenvalue=2.0)
    assert reduced.labels == ("mode 1",)
    assert reduced.modes.dropped == (("toy.a[a0]", "toy.a[a1]"),)
    fit = gradient_descent(reduced, reduced.modes.z(np.array([5.0, -4.0])))
    theta = np.asarray(reduced.modes.theta(fit.theta))
    np.testing.assert_allclose(theta[0] - theta[1], 0.0, atol=1e-3)  # the prior's, of the start nothing is left
    np.testing.assert_allclose(theta.sum(), 3.5, atol=0.2)
    whole = gradient_descent(posterior, np.array([5.0, -4.0]))
    assert np.abs(whole.pulls(theta)).max() < 0.01


def test_at_a_blind_point_a_warning_names_the_mode():
    spec = coefficients(2, Normal(0.0, 10.0))
    posterior = make_posterior(
        lambda store: 100.0 + (store["toy.a"][0] + store["toy.a"][1]) * jnp.asarray([1.0, -1.0, 0.5]),
        spec,
        ParameterStore.from_spec_defaults(spec),
        np.array([120.0, 80.0, 101.0]),
    )
    with pytest.warns(BlindDirectionWarning, match=r"do not constrain toy\.a\[a0\] with toy\.a\[a1\]: start away"):
        reduced = eigen_posterior(posterior, np.array([1.0, 2.0]))
    np.testing.assert_allclose(reduced.modes.eigenvalues[1], 1.0)
    assert reduced.modes.dropped == ()


def test_a_second_fit_of_amplitudes_compiles_nothing(star):
    traces = []

    def predict(store):
        traces.append(1)
        return star_image(store)

    def expansion(shift):
        posterior = make_posterior(predict, STAR, STORE, star.data + shift)
        reduced = eigen_posterior(posterior, TRUTH + 0.1 * shift)
        return reduced.expand(reduced.modes.z(TRUTH))

    first = expansion(0)
    before = len(traces)
    assert expansion(1).loss != first.loss
    assert len(traces) == before
