"""Several exposures: the joint posterior against the explicit sum, separate posteriors, and closed forms."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from dluxshera.errors import DataError, ParameterError, ShapeError, UnknownKeyError
from dluxshera.inference import (
    GaussianNoise,
    JointPosterior,
    NormalPrior,
    PhotonReadNoise,
    PoissonNoise,
    eigen_posterior,
    gauss_newton,
    make_joint_posterior,
    make_posterior,
)
from support.stars import STAR, STORE
from support.toys import OPEN, star_image, telescope

SHARED, OWN = STAR.subset(["star.log_flux", "star.width"]), STAR.subset(["star.x", "star.y"])
PLACES = [(0.7, 0.2), (-1.0, 0.4), (2.0, -0.3)]
TRUTH = np.array([4.2, 1.9, *np.ravel(PLACES)])
THETA = np.array([4.1, 2.1, 0.6, 0.2, -0.8, 0.1, 1.8, -0.4])
NOISES = [PoissonNoise(), GaussianNoise(np.linspace(20.0, 60.0, 256).reshape(16, 16)), PhotonReadNoise(2.0)]
MASKS = [None, np.random.default_rng(1).random((16, 16)) > 0.2, None]


def of(theta, k):
    """The parameters of exposure k: log flux, width, x, y."""
    return np.array([*theta[:2], *theta[2 + 2 * k : 4 + 2 * k]])


@cache
def exposures():
    rng = np.random.default_rng(3)
    names = ("star.log_flux", "star.width", "star.x", "star.y")
    images = [star_image(STORE.replace(dict(zip(names, of(TRUTH, k), strict=True)))) for k in range(3)]
    return [noise.sample(rng, image) for noise, image in zip(NOISES, images, strict=True)]


@cache
def joint(**options) -> JointPosterior:
    return make_joint_posterior(star_image, SHARED, OWN, [STORE] * 3, exposures(), NOISES, masks=MASKS, **options)


def maximum(posterior, theta):
    """Theta at the maximum, by eight Gauss-Newton steps, and the covariance there."""
    for _ in range(8):
        _, gradient, information = posterior.expand(theta)
        theta = theta - np.linalg.solve(information + posterior.prior_precision, gradient)
    return theta, posterior.information(theta).with_precision(posterior.prior_precision).covariance()


def alone(k, keys=("star.log_flux", "star.width", "star.x", "star.y"), store=STORE):
    """The posterior of one exposure."""
    return make_posterior(star_image, STAR.subset(keys), store, exposures()[k], NOISES[k], mask=MASKS[k])


def test_theta_has_what_is_shared_and_then_the_values_of_each_exposure():
    posterior = joint()
    assert posterior.labels == (
        "star.log_flux", "star.width", "star.x@0", "star.y@0", "star.x@1", "star.y@1", "star.x@2", "star.y@2",
    )  # fmt: skip
    stores = posterior.stores_at(THETA)
    for k, store in enumerate(stores):
        values = [float(store[key]) for key in ("star.log_flux", "star.width", "star.x", "star.y")]
        np.testing.assert_array_equal(values, of(THETA, k))
    assert posterior.n_data == 256 + MASKS[1].sum() + 256
    np.testing.assert_array_equal(posterior.bounds[0], [-np.inf, 0.0] + [-20.0] * 6)
    assert posterior.allows(THETA)
    assert not posterior.allows(np.where(np.arange(8) == 5, 20.1, THETA))
    assert not posterior.allows(np.where(np.arange(8) == 1, 0.0, THETA))


def test_the_loss_is_the_sum_and_a_shared_prior_counts_once():
    """The likelihoods of the exposures alone, and SciPy's density of eight priors, the shared one once."""
    posterior = joint()

    def prior(theta):
        of_own = stats.norm.logpdf(theta[2:], 0.0, 3.0).sum()
        return stats.norm.logpdf(theta[0], 4.0, 0.3) + of_own

    def explicit(theta):
        return -prior(theta) - sum(float(alone(k).log_likelihood(of(theta, k))) for k in range(3))

    for theta in (THETA, TRUTH):
        np.testing.assert_allclose(
            posterior.loss(theta) - posterior.loss(THETA), explicit(theta) - explicit(THETA), rtol=1e-11
        )
        np.testing.assert_allclose(0.5 * np.sum(posterior.residual(theta) ** 2), posterior.loss(theta), rtol=1e-12)


def test_an_expansion_is_assembled_in_blocks():
    """Gradient by reverse mode of the sum; information by adding what the exposures alone have, element by element."""
    posterior = joint()
    loss, gradient, information = posterior.expand(THETA)
    expected, reverse = jax.jit(jax.value_and_grad(posterior.loss))(jnp.asarray(THETA))
    np.testing.assert_allclose(loss, expected, rtol=1e-13)
    np.testing.assert_allclose(gradient, reverse, atol=1e-13 * np.abs(reverse).max())
    truth = np.zeros((8, 8))
    for k in range(3):
        one = alone(k).information(of(THETA, k))
        places = [0, 1, 2 + 2 * k, 3 + 2 * k]
        for i, row in enumerate(places):
            for j, column in enumerate(places):
                truth[row, column] += one.matrix[i, j]
    np.testing.assert_allclose(information, truth, rtol=1e-12, atol=1e-12 * truth.max())
    np.testing.assert_array_equal(posterior.information(THETA).matrix, information)
    assert posterior.information(THETA).labels == posterior.labels


def test_where_nothing_is_shared_each_exposure_is_on_its_own():
    store = STORE.replace({"star.log_flux": TRUTH[0], "star.width": TRUTH[1]})
    posterior = make_joint_posterior(
        star_image, STAR.subset([]), STAR.subset(["star.x", "star.y"]), [store] * 3, exposures(), NOISES, masks=MASKS
    )
    theta, covariance = maximum(posterior, THETA[2:])
    for k in range(3):
        own = slice(2 * k, 2 * k + 2)
        of_one, covariance_of_one = maximum(alone(k, ("star.x", "star.y"), store), THETA[2:][own])
        np.testing.assert_allclose(theta[own], of_one, atol=1e-9)
        np.testing.assert_allclose(covariance[own, own], covariance_of_one, rtol=1e-9, atol=1e-15)
    assert np.all(covariance[:2, 2:] == 0.0)
    np.testing.assert_allclose(posterior.expand(theta).gradient, 0.0, atol=1e-6)


def test_what_is_shared_is_known_better_by_all_than_by_one():
    """The information of independent exposures adds up: the Schur complements of their own nuisances do."""
    posterior = joint()
    both = posterior.information(THETA).marginal(SHARED.labels).matrix
    apart = [alone(k).information(of(THETA, k)).marginal(SHARED.labels).matrix for k in range(3)]
    np.testing.assert_allclose(both, sum(apart), rtol=1e-9)


def test_a_calibration_may_tie_the_exposures_together():
    """A pointing that hardly drifts: SciPy's density of the difference."""
    covariance = np.array([[4.0, 3.99], [3.99, 4.0]])
    prior = NormalPrior(("star.x@0", "star.x@1"), [0.5, 0.5], covariance)
    posterior = joint(prior=prior)
    here = stats.multivariate_normal([0.5, 0.5], covariance)
    moved = THETA + np.array([0, 0, 0.05, 0, 0.03, 0, 0, 0])
    difference = here.logpdf(moved[[2, 4]]) - here.logpdf(THETA[[2, 4]])
    np.testing.assert_allclose(posterior.log_prior(moved) - posterior.log_prior(THETA), difference)
    with pytest.raises(UnknownKeyError, match=r"star\.x: expected a label of theta, got 'star\.x'.*star\.x@0"):
        joint(prior=NormalPrior(("star.x",), [0.5], [[1.0]]))


def test_draws_have_the_order_of_theta():
    posterior = make_joint_posterior(
        star_image, STAR.subset(["star.log_flux"]), OWN, [STORE] * 3, exposures(), NOISES, masks=MASKS
    )
    draws = np.stack([posterior.draw_from_prior(np.random.default_rng(seed)) for seed in range(200)])
    np.testing.assert_allclose(draws.mean(axis=0), [4.0] + [0.0] * 6, atol=5 * 3.0 / np.sqrt(200))
    np.testing.assert_allclose(draws.std(axis=0), [0.3] + [3.0] * 6, rtol=5 / np.sqrt(400))
    assert np.abs(np.corrcoef(draws.T) - np.eye(7)).max() < 5 / np.sqrt(200)
    with pytest.raises(ParameterError, match=r"star\.width: expected a prior to draw from"):
        joint().draw_from_prior(np.random.default_rng(0))


def test_a_joint_fit_finds_the_truth():
    """Within the chi-squared of its own covariance; the twin, exposures 0 and 1 exchanged, does not."""
    theta, covariance = maximum(joint(), THETA)
    for truth, found in ((TRUTH, True), (TRUTH[[0, 1, 4, 5, 2, 3, 6, 7]], False)):
        assert bool(stats.chi2.sf((theta - truth) @ np.linalg.solve(covariance, theta - truth), 8) > 1e-3) is found


def test_a_solver_fits_exposures_together_in_theta_and_in_eigenmodes():
    """To the maximum of plain Gauss-Newton steps, within 0.01 sigma."""
    theta, covariance = maximum(joint(), THETA)
    reduced = eigen_posterior(joint(), THETA)
    fit, of_modes = gauss_newton(joint(), THETA), gauss_newton(reduced, reduced.modes.z(THETA))
    for found in (fit.theta, np.asarray(reduced.modes.theta(of_modes.theta))):
        assert np.all(np.abs(found - theta) < 0.01 * np.sqrt(np.diag(covariance)))


def test_each_exposure_costs_no_trace_of_its_own():
    """Nor do other data: the model is traced once for loss and derivatives of any number of exposures."""
    traces = []

    def predict(store):
        traces.append(1)
        return star_image(store)

    def posterior(shift):
        images = [exposures()[0] + shift] * 3
        return make_joint_posterior(predict, SHARED, OWN, [STORE] * 3, images, PoissonNoise())

    first, second = posterior(0), posterior(1)
    traces.clear()
    first.expand(THETA)
    assert len(traces) == 1
    assert second.expand(THETA + 0.01).loss != first.expand(THETA).loss
    assert len(traces) == 1


def test_a_model_that_is_not_valid_in_one_exposure_is_nan():
    posterior = make_joint_posterior(
        lambda store: star_image(store) - 2.0 * store["star.x"], SHARED, OWN, [STORE] * 2, exposures()[:1] * 2
    )
    for bad, broken in (((0.6, -0.8), False), ((6.0, -0.8), True), ((0.6, 6.0), True)):
        theta = np.array([4.1, 2.1, bad[0], 0.2, bad[1], 0.1])
        assert np.isnan(posterior.loss(theta)) == broken
        assert np.isnan(posterior.expand(theta).loss) == broken


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"data": []}, DataError, "data: expected one for each of some exposures, got '0'"),
        ({"stores": [STORE] * 2}, DataError, "stores: expected one for each of 3 exposures, got '2'"),
        ({"noise": NOISES[:2]}, DataError, "noise: expected one for each of 3 exposures"),
        ({"masks": MASKS[:1]}, DataError, "masks: expected one for each of 3 exposures"),
        ({"own": STAR.subset(["star.x", "star.width"])}, ParameterError, r"star\.width: expected each key once"),
        ({"shared": telescope().subset([OPEN])}, ParameterError, "expected a primitive"),
        ({"own": STAR.subset([]), "shared": STAR.subset([])}, ParameterError, "at least one free parameter"),
    ],
)
def test_what_does_not_fit_together_is_refused(changes, error, text):
    given = {
        "shared": SHARED, "own": OWN, "stores": [STORE] * 3, "data": exposures(), "noise": NOISES, "masks": MASKS,
    } | changes  # fmt: skip
    with pytest.raises(error, match=text):
        make_joint_posterior(star_image, **given)


def test_a_theta_of_another_length_and_a_single_store_are_refused():
    for ask in ("loss", "expand", "residual", "stores_at"):
        with pytest.raises(ShapeError, match="theta: expected a vector of 8 numbers"):
            getattr(joint(), ask)(THETA[:-1])
    with pytest.raises(ParameterError, match=r"theta: expected a single exposure, got '3 exposures'.*stores_at"):
        joint().store_at(THETA)
