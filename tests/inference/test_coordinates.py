"""Coordinates: there and back, their determinant against the Jacobian, densities that keep their integral."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from dluxshera.errors import BoundsError
from dluxshera.inference import (
    Composed,
    NormalPrior,
    Unbounded,
    Whitening,
    make_posterior,
    prior_coordinates,
    unbounded_coordinates,
    whiten,
)
from support.stars import NEAR as THETA
from support.stars import STAR, STORE
from support.toys import star_image

DATA = np.random.default_rng(2).poisson(star_image(STORE.replace({"star.x": 0.7})))

LOWER = np.array([-np.inf, 2.0, -np.inf, -1.0])
UPPER = np.array([np.inf, np.inf, 5.0, 3.0])
FREE = Unbounded(LOWER, UPPER)
TRIANGLE = np.array([[2.0, 0, 0, 0], [0.3, 0.5, 0, 0], [-1.0, 0.2, 0.1, 0], [0.4, -0.3, 0.2, 1.5]])
COORDINATES = {
    "whitening": Whitening(jnp.asarray(THETA), jnp.asarray(TRIANGLE)),
    "unbounded": FREE,
    "composed": Composed(FREE, Whitening(jnp.zeros(4), jnp.asarray(TRIANGLE))),
}
FUNCTIONS = {
    name: jax.jit(lambda z, c=c: (c.theta(z), c.z(c.theta(z)), c.log_det(z), jax.jacfwd(c.theta)(z)))
    for name, c in COORDINATES.items()
}
amplitudes = st.lists(st.floats(-6, 6), min_size=4, max_size=4)


@pytest.mark.parametrize("name", COORDINATES)
@given(amplitudes)
def test_there_and_back_and_the_determinant_of_the_jacobian(name, z):
    theta, back, log_det, jacobian = FUNCTIONS[name](jnp.asarray(z))
    # e^-12 from a limit is known to the rounding of the limit: 1e-16 e^12 of z
    np.testing.assert_allclose(back, z, atol=1e-9 if name != "composed" else 1e-6)
    sign, truth = np.linalg.slogdet(np.asarray(jacobian))
    assert sign == 1.0
    np.testing.assert_allclose(log_det, truth, atol=1e-8)
    if name == "unbounded":
        assert np.all((np.asarray(theta) > LOWER) & (np.asarray(theta) < UPPER))


def test_unbounded_coordinates_written_out():
    z = jnp.asarray([0.3, -1.0, 2.0, 0.7])
    truth = [0.3, 2.0 + np.exp(-1.0), 5.0 - np.exp(-2.0), -1.0 + 4.0 * stats.logistic.cdf(0.7)]
    np.testing.assert_allclose(FREE.theta(z), truth, rtol=1e-15)


def test_at_a_limit_the_coordinate_is_infinite_and_beyond_it_there_is_none():
    np.testing.assert_array_equal(FREE.z(np.array([7.0, 2.0, 5.0, -1.0])), [7.0, -np.inf, np.inf, -np.inf])
    beyond = np.isnan(FREE.z(np.array([7.0, 1.9, 5.1, 3.1])))
    np.testing.assert_array_equal(beyond, [False, True, True, True])


def test_far_out_nothing_overflows_into_a_derivative():
    """An exponential that another element's branch would use is not evaluated into infinity times zero."""
    z = jnp.asarray([900.0, -900.0, 900.0, 900.0])
    for function in (FREE.theta, lambda z: FREE.log_det(z)[None]):
        assert np.all(np.isfinite(jax.jacrev(function)(z)))
    assert FREE.theta(z)[3] == 3.0


@pytest.mark.parametrize(
    ("lower", "upper", "density"),
    [
        (-1.0, 3.0, stats.uniform(-1.0, 4.0)),
        (2.0, np.inf, stats.expon(2.0, 0.7)),
        (-np.inf, 5.0, stats.norm(4.0, 0.5)),
        (-np.inf, np.inf, stats.norm(4.0, 0.5)),
    ],
    ids=["interval", "half line", "half line below", "line"],
)
def test_a_density_keeps_its_integral(lower, upper, density):
    """In z it is the density in theta times the determinant; the twin without it is not, but for the line."""
    one = Unbounded(np.array([lower]), np.array([upper]))
    z = np.linspace(-40.0, 40.0, 20_001)
    theta, log_det = jax.vmap(lambda z: (one.theta(z[None])[0], one.log_det(z[None])))(jnp.asarray(z))
    in_theta = density.pdf(np.asarray(theta))
    inside = density.cdf(upper) - density.cdf(lower)
    assert integrate.simpson(in_theta * np.exp(log_det), x=z) == pytest.approx(inside, abs=1e-6)
    if np.isfinite(lower) or np.isfinite(upper):
        assert abs(integrate.simpson(in_theta, x=z) - inside) > 0.1


@pytest.fixture(scope="module")
def posterior():
    return make_posterior(star_image, STAR, STORE, DATA)


def test_prior_coordinates_make_the_normal_part_of_the_prior_a_unit_normal(posterior):
    frame = prior_coordinates(posterior)
    np.testing.assert_allclose(frame.theta(jnp.asarray([1.0, -1.0, 2.0, 0.3])), [3.0, -3.0, 4.6, 0.3])
    covariance = np.array([[4.0, 0.9], [0.9, 0.25]])
    joint = make_posterior(
        star_image, STAR, STORE, DATA, prior=NormalPrior(("star.width", "star.x"), [2.0, 1.0], covariance)
    )
    frame = prior_coordinates(joint)
    for z in np.random.default_rng(0).normal(size=(4, 4)):
        log_prior = joint.log_prior(frame.theta(jnp.asarray(z)))
        np.testing.assert_allclose(log_prior, -0.5 * np.sum(z**2))
    of_both = (frame.transform @ frame.transform.T)[np.ix_([3, 0], [3, 0])]
    np.testing.assert_allclose(of_both, covariance)


def test_whitened_coordinates_take_correlated_priors_and_damp_them(posterior):
    prior = NormalPrior(("star.x", "star.y"), [0.0, 0.0], np.array([[1e-3, 9e-4], [9e-4, 1e-3]]))
    known = make_posterior(star_image, STAR, STORE, DATA, prior=prior)
    matrix = known.information(THETA).matrix
    for damping in (1.0, 50.0):
        frame = whiten(known, THETA, damping=damping)
        total = matrix + damping * known.prior_precision
        np.testing.assert_allclose(frame.transform.T @ total @ frame.transform, np.eye(4), atol=1e-9)
    assert known.prior_precision[0, 1] != 0.0


def test_unbounded_coordinates_of_a_posterior_are_a_unit_normal_about_the_maximum(posterior):
    """The first-order image of a unit normal in z has the covariance that was given; nothing leaves the bounds."""
    covariance = posterior.information(THETA).with_precision(posterior.prior_precision).covariance()
    frame = unbounded_coordinates(posterior, THETA, covariance)
    np.testing.assert_allclose(frame.theta(jnp.zeros(4)), THETA, rtol=1e-14)
    slope = np.asarray(jax.jacfwd(frame.theta)(jnp.zeros(4)))
    size = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(slope @ slope.T / np.outer(size, size), covariance / np.outer(size, size), atol=1e-12)
    lower, upper = posterior.bounds
    for z in 300.0 * np.random.default_rng(0).normal(size=(20, 4)):
        theta = np.asarray(frame.theta(jnp.asarray(z)))
        assert np.all((theta >= lower) & (theta <= upper))


@pytest.mark.parametrize("bad", [0.0, -1.0])
def test_a_centre_that_is_not_inside_is_refused(posterior, bad):
    theta = np.array([0.0, 0.0, 4.0, bad])
    with pytest.raises(BoundsError, match=rf"star\.width: expected a value between 0\.0 and inf, got {bad}"):
        unbounded_coordinates(posterior, theta, np.eye(4))
