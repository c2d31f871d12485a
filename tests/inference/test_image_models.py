"""Estimators take an image's derivatives from the image model: a model of its own columns, right and wrong.

Derivatives of `ClosedFormStar`'s image by JAX are zero, so that an estimator that differentiates it by itself fails.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dluxshera.error_budget import Directions, ImageChange, Model, SecondOrder, noise_elasticities
from dluxshera.error_budget.linear_fit import LinearFit
from dluxshera.inference import (
    FitResult,
    GaussianNoise,
    PhotonReadNoise,
    PoissonNoise,
    eigen_posterior,
    fisher_information,
    gauss_newton,
    image_jacobian,
    linear_bias,
    make_joint_posterior,
    make_posterior,
    simulate,
)
from dluxshera.params import pack_params
from support.helpers import central_difference
from support.stars import FAR, NEAR, STAR, STORE, TRUTH, ClosedFormStar, star_posterior
from support.toys import star_image

NOISES = [PoissonNoise(), GaussianNoise(np.linspace(20.0, 60.0, 256).reshape(16, 16)), PhotonReadNoise(4.0)]
OWN, WRONG = ClosedFormStar(), ClosedFormStar({"star.x": 2.0})
DATA = np.asarray(star_posterior(3).data)


def in_units(matrix, truth) -> np.ndarray:
    size = np.sqrt(np.diag(truth))
    return np.asarray(matrix) / np.outer(size, size)


@pytest.mark.parametrize("noise", NOISES, ids=["poisson", "gaussian", "photon and read"])
def test_the_fisher_matrix_is_of_the_models_own_columns(noise):
    truth = fisher_information(star_image, STORE, STAR, noise).matrix
    found = fisher_information(OWN, STORE, STAR, noise).matrix
    np.testing.assert_allclose(in_units(found, truth), in_units(truth, truth), atol=1e-13)
    np.testing.assert_array_equal(found, found.T)
    wrong = fisher_information(WRONG.image, STORE, STAR, noise).matrix  # of the method, too
    np.testing.assert_allclose(wrong, found * np.outer([2, 1, 1, 1], [2, 1, 1, 1]), rtol=1e-13, atol=1e-20)


def test_the_product_is_that_of_its_definition():
    image, columns = image_jacobian(OWN, STORE, STAR)
    rows, weights = np.asarray(columns).reshape(4, -1), 1.0 / np.asarray(image).ravel()
    expected = np.einsum("ik,k,jk->ij", rows, weights, rows)
    found = fisher_information(OWN, STORE, STAR, PoissonNoise()).matrix
    np.testing.assert_allclose(in_units(found, expected), in_units(expected, expected), atol=1e-13)


@pytest.mark.parametrize("masked", [False, True])
def test_an_expansion_is_of_the_models_own_columns(masked):
    mask = np.random.default_rng(7).random((16, 16)) > 0.3 if masked else None
    truth, found, wrong = (
        make_posterior(model, STAR, STORE, DATA, mask=mask).expand(NEAR) for model in (star_image, OWN, WRONG)
    )
    np.testing.assert_allclose(found.loss, truth.loss, rtol=1e-13)
    np.testing.assert_allclose(found.gradient, truth.gradient, rtol=1e-11)
    np.testing.assert_allclose(found.information, truth.information, rtol=1e-11, atol=1e-9)
    assert abs(wrong.information[0, 0] / truth.information[0, 0] - 4.0) < 1e-12


def test_a_fit_steps_by_the_models_own_columns():
    """To the same maximum, in the same steps. A column that is twice too long leads elsewhere."""
    truth = gauss_newton(make_posterior(star_image, STAR, STORE, DATA), FAR)
    found = gauss_newton(make_posterior(OWN, STAR, STORE, DATA), FAR)
    np.testing.assert_allclose(found.theta, truth.theta, rtol=1e-10)
    np.testing.assert_allclose(found.covariance, truth.covariance, rtol=1e-9, atol=1e-15)
    assert len(found.history) == len(truth.history)
    wrong = gauss_newton(make_posterior(WRONG, STAR, STORE, DATA), FAR, throw=False)
    assert wrong.result is FitResult.STALLED


def test_other_estimators_use_them_too():
    posteriors = [make_posterior(model, STAR, STORE, DATA) for model in (star_image, OWN)]
    changed = [make_posterior(model, STAR, STORE, DATA + 0.1 * np.roll(DATA, 1)) for model in (star_image, OWN)]
    np.testing.assert_allclose(*(linear_bias(*pair, NEAR) for pair in zip(posteriors, changed, strict=True)), rtol=1e-9)
    eigenvalues = [eigen_posterior(posterior, NEAR).modes.eigenvalues for posterior in posteriors]
    np.testing.assert_allclose(*eigenvalues, rtol=1e-10)
    own, shared = STAR.subset(["star.x"]), STAR.subset(["star.y", "star.width"])
    joint = [make_joint_posterior(model, shared, own, [STORE] * 2, [DATA, DATA + 1]) for model in (star_image, OWN)]
    theta = np.array([0.3, 2.1, 0.5, 0.6])
    for truth, found in zip(*(each.expand(theta) for each in joint), strict=True):
        np.testing.assert_allclose(found, truth, rtol=1e-11, atol=1e-9)


def test_the_error_budget_uses_them_too():
    plain, own = (Model(STORE, predict, lambda store: {}) for predict in (star_image, OWN.image))
    noise, directions = PoissonNoise(), [Directions(model, STAR) for model in (plain, own)]
    np.testing.assert_allclose(directions[1].jacobian, directions[0].jacobian, rtol=1e-11, atol=1e-11)
    keys = ["star.log_flux", "star.width"]
    elasticities = [noise_elasticities(model, "star.x", keys, noise) for model in (plain, own)]
    assert elasticities[1] == pytest.approx(elasticities[0], rel=1e-10)

    def log_sigma(by: float) -> np.ndarray:
        store = STORE.replace({"star.width": 2.0 * (1.0 + by)})
        return np.asarray(-0.5 * np.log(fisher_information(OWN, store, STAR.subset(["star.x"]), noise).matrix[0, 0]))

    assert elasticities[1]["star.width"] == pytest.approx(central_difference(log_sigma, 1e-3), rel=1e-8)
    jacobian = directions[0].jacobian.reshape(4, -1)
    fit = LinearFit.from_jacobian(jacobian, 1.0 / np.ravel(star_image(STORE)), STAR.labels)

    def truth(size):
        return star_image(STORE) * (1.0 + size * np.linspace(0.0, 1.0, 16)[:, None])

    slope = np.asarray(truth(1.0) - truth(0.0))
    response = fit.response(np.ravel(slope) / np.sqrt(np.ravel(star_image(STORE))))
    second = [
        SecondOrder(fit, each, noise, "star.x").bias(ImageChange(slope, truth), response.bias, response.significance)
        for each in directions
    ]
    assert second[1] == pytest.approx(second[0], rel=1e-5)


# Compiled once.


def test_one_image_serves_simulation_prediction_and_loss():
    """The budget of traces: one of the shape, one of the image, one of the columns."""
    traces = []

    def predict(store):
        traces.append(1)
        return star_image(store)

    data = simulate(predict, STAR.subset(list(STAR)[:3]), STORE, np.random.default_rng(0)).data
    assert len(traces) == 1
    posterior = make_posterior(predict, STAR, STORE, data)
    posterior.loss(NEAR)
    posterior.log_likelihood(TRUTH)
    posterior.predict(posterior.store_at(TRUTH))
    before = len(traces)
    assert before <= 2
    gauss_newton(posterior, FAR)
    assert len(traces) == before + 1


def test_a_posterior_goes_through_transformations_with_the_models_columns():
    posterior = make_posterior(OWN, STAR, STORE, DATA)
    at = jnp.asarray(NEAR)
    alone = posterior.expand(NEAR)
    for found, expected in zip(jax.jit(lambda theta: posterior.expand(theta))(at), alone, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-9)
    both = jax.vmap(posterior.expand)(jnp.stack([at, at + 0.1]))
    np.testing.assert_allclose(both.gradient[0], alone.gradient, rtol=1e-11)
    np.testing.assert_array_equal(pack_params(posterior.store_at(NEAR), STAR), NEAR)
