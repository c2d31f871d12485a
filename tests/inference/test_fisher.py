"""Fisher information against closed forms, Hessians and finite differences, and its blind directions by name."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import linalg

import dluxshera as ds
from dluxshera.errors import FitError, UnknownKeyError
from dluxshera.inference import (
    BlindDirectionWarning,
    FisherInformation,
    GaussianNoise,
    PoissonNoise,
    PriorWarning,
    fisher_from_jacobian,
    fisher_information,
    gradient_descent,
    image_jacobian,
    make_posterior,
    whiten,
)
from dluxshera.params import pack_params, unpack_params
from support.helpers import central_difference, relative_l2
from support.scenes import CLEAR, M1_ZERNIKES, M2_ZERNIKES, scene
from support.stars import STAR, STORE
from support.toys import Linear, linear_model, star_image

STAR_STORE = STORE.replace({"star.x": 1.3, "star.y": -0.4})
NOISES = [PoissonNoise(), GaussianNoise(30.0), GaussianNoise(np.linspace(20.0, 60.0, 256).reshape(16, 16))]


@pytest.mark.parametrize("theta", [[0.0, 0.0, 0.0], [3.0, -1.0, 2.0]])
def test_a_linear_model_has_the_closed_form(theta):
    model = linear_model()
    store = model.store.replace({model.key: theta})
    image, jacobian = image_jacobian(model.predict, store, model.spec)
    np.testing.assert_allclose(image, model.image(theta), rtol=1e-13)
    np.testing.assert_allclose(jacobian, model.jacobian, rtol=1e-13)
    variance = np.linspace(1.0, 9.0, 40)
    for noise, weights in ((PoissonNoise(), 1.0 / model.image(theta)), (GaussianNoise(variance), 1.0 / variance)):
        found = fisher_information(model.predict, store, model.spec, noise)
        np.testing.assert_allclose(found.matrix, model.jacobian * weights @ model.jacobian.T, rtol=1e-12)
        np.testing.assert_array_equal(found.matrix, found.matrix.T)
        assert found.labels == model.spec.labels


@pytest.mark.parametrize("noise", NOISES, ids=["poisson", "gaussian", "gaussian image"])
def test_it_is_the_hessian_of_the_expected_log_likelihood(noise):
    """The log-likelihood of these noises is linear in the data, but for their own part, so that its expectation is that
    of the expected image."""
    theta = pack_params(STAR_STORE, STAR)
    expected = star_image(STAR_STORE)

    def log_likelihood(theta):
        return noise.log_likelihood(expected, star_image(unpack_params(theta, STAR, STAR_STORE)))

    found = fisher_information(star_image, STAR_STORE, STAR, noise).matrix
    size = np.sqrt(np.diag(found))
    hessian = -jax.jit(jax.hessian(log_likelihood))(theta)
    np.testing.assert_allclose(found / np.outer(size, size), hessian / np.outer(size, size), atol=1e-11)


def test_it_is_the_covariance_of_the_score():
    """Over 4000 images, seed 0, within 5 sigma of each element; the twin, another noise level, is not."""
    rng = np.random.default_rng(0)
    theta, expected = pack_params(STAR_STORE, STAR), star_image(STAR_STORE)
    noise = PoissonNoise()

    @jax.jit
    @jax.vmap
    def score(data):
        return jax.grad(lambda t: noise.log_likelihood(data, star_image(unpack_params(t, STAR, STAR_STORE))))(theta)

    scores = np.asarray(score(jnp.asarray(rng.poisson(np.asarray(expected), (4000, 16, 16)).astype(float))))
    found = fisher_information(star_image, STAR_STORE, STAR, noise).matrix
    white = np.linalg.solve(np.linalg.cholesky(found), scores.T)
    tolerance = 5.0 * np.sqrt((1.0 + np.eye(4)) / 4000)
    assert np.all(np.abs(white @ white.T / 4000 - np.eye(4)) < tolerance)
    assert np.any(np.abs(white @ white.T / 4000 / 1.15 - np.eye(4)) > tolerance)


@pytest.mark.parametrize("keys", [("star.x", "star.width"), ("star.width", "star.log_flux", "star.x", "star.y")])
def test_the_jacobian_is_that_of_finite_differences_row_by_label(keys):
    free = STAR.subset(keys)
    image, jacobian = image_jacobian(star_image, STAR_STORE, free)
    assert jacobian.shape == (len(keys), 16, 16)
    np.testing.assert_allclose(image, star_image(STAR_STORE), rtol=1e-13)
    for key, row in zip(free.labels, jacobian, strict=True):
        difference = central_difference(
            lambda h, key=key: star_image(STAR_STORE.replace({key: STAR_STORE[key] + h})), 1e-3
        )
        assert relative_l2(difference, row) < 1e-10, key


def test_equal_shapes_are_traced_once():
    traces = []

    def predict(store):
        traces.append(1)
        return star_image(store)

    free = STAR.subset(["star.x", "star.y"])
    for x in (0.0, 0.5, 1.0):
        image_jacobian(predict, STAR_STORE.replace({"star.x": x}), free)
    assert len(traces) == 1


def information(matrix, *labels: str) -> FisherInformation:
    matrix = np.asarray(matrix, dtype=float)
    return FisherInformation(matrix, labels or tuple("abcdefgh"[: len(matrix)]))


def from_rows(*rows, labels=()):
    rows = np.asarray(rows, dtype=float)
    return information(rows @ rows.T, *labels)


@given(st.integers(1, 5), st.integers(0, 10_000))
def test_marginal_and_conditional_bounds(n, seed):
    """Of parameters in units up to 16 orders of magnitude apart: the covariance is the inverse, each scale divided out,
    and knowing the others never hurts."""
    rng = np.random.default_rng(seed)
    known = from_rows(*rng.normal(size=(n, 4 * n)) * 10.0 ** rng.uniform(-8, 8, n)[:, None])
    scale = np.sqrt(np.diag(known.matrix))
    covariance = known.covariance()
    np.testing.assert_array_equal(covariance, covariance.T)
    np.testing.assert_allclose(
        (covariance * np.outer(scale, scale)) @ (known.matrix / np.outer(scale, scale)), np.eye(len(scale)), atol=1e-9
    )
    for i, label in enumerate(known.labels):
        np.testing.assert_allclose(known.sigma(label), np.sqrt(covariance[i, i]))
        np.testing.assert_allclose(known.conditional_sigma(label), 1.0 / scale[i])
        np.testing.assert_allclose(known.subset([label]).sigma(label), known.conditional_sigma(label))
        assert known.sigma(label) >= known.conditional_sigma(label) * (1.0 - 1e-12)


def test_bounds_written_out_once():
    """For [[a, c], [c, b]] the marginal variance of the first is b / (ab - c^2), the conditional 1 / a."""
    known = information([[4.0, 1.0], [1.0, 2.0]])
    np.testing.assert_allclose(known.sigma("a"), np.sqrt(2.0 / 7.0))
    np.testing.assert_allclose(known.conditional_sigma("a"), 0.5)
    np.testing.assert_allclose(known.covariance(), np.array([[2.0, -1.0], [-1.0, 4.0]]) / 7.0)


def test_subset_holds_the_others_fixed_in_the_order_given():
    known = information([[4.0, 1.0, 0.5], [1.0, 2.0, 0.1], [0.5, 0.1, 3.0]])
    part = known.subset(["c", "a"])
    assert part.labels == ("c", "a")
    np.testing.assert_array_equal(part.matrix, [[3.0, 0.5], [0.5, 4.0]])


def test_a_prior_adds_its_information_and_an_infinite_one_adds_none():
    known = information([[4.0, 1.0], [1.0, 2.0]])
    with_prior = known.with_prior(np.array([0.5, np.inf]))
    np.testing.assert_array_equal(with_prior.matrix, [[8.0, 1.0], [1.0, 2.0]])
    assert with_prior.labels == known.labels
    assert with_prior.sigma("b") < known.sigma("b")


@pytest.mark.parametrize("ask", ["sigma", "conditional_sigma", "subset", "marginal"])
def test_an_unknown_label_is_refused_with_near_matches(ask):
    known = information(np.eye(2), "m.coeffs_nm[Z4]", "m.coeffs_nm[Z5]")
    with pytest.raises(UnknownKeyError, match=r"a label of the Fisher matrix.*Did you mean m\.coeffs_nm\[Z4\]"):
        getattr(known, ask)(["m.coeff_nm[Z4]"] if ask in ("subset", "marginal") else "m.coeff_nm[Z4]")


@given(st.integers(2, 6), st.integers(1, 5), st.integers(0, 10_000))
def test_the_marginal_information_is_the_inverse_of_a_block_of_the_inverse(n, kept, seed):
    """In units up to 12 orders of magnitude apart; to fit the others never tells more than to know them."""
    rng = np.random.default_rng(seed)
    known = from_rows(*rng.normal(size=(n, 4 * n)) * 10.0 ** rng.uniform(-6, 6, n)[:, None])
    labels = rng.permutation(known.labels)[: min(kept, n)].tolist()
    marginal = known.marginal(labels)
    assert marginal.labels == tuple(labels)
    at = [known.labels.index(label) for label in labels]
    truth = np.linalg.inv(known.covariance()[np.ix_(at, at)])
    size = np.sqrt(np.diag(truth))
    np.testing.assert_allclose(marginal.matrix / np.outer(size, size), truth / np.outer(size, size), atol=1e-9)
    lost = known.subset(labels).matrix - marginal.matrix
    assert np.linalg.eigvalsh(lost / np.outer(size, size)).min() > -1e-9
    for label in labels:
        np.testing.assert_allclose(marginal.sigma(label), known.sigma(label), rtol=1e-8)


def test_a_nuisance_that_the_data_do_not_see_takes_nothing_away():
    """Of b and c, which do the same, the others lose what they would to one of them; d does nothing."""
    row_a, row_b = np.random.default_rng(4).normal(size=(2, 30))
    known = from_rows(row_a, row_b, -3 * row_b, 0 * row_a)
    one = from_rows(row_a, row_b)
    np.testing.assert_allclose(known.marginal("a").matrix, one.marginal("a").matrix, rtol=1e-12)
    assert known.marginal("a").matrix < known.subset("a").matrix
    np.testing.assert_array_equal(known.marginal("abcd").matrix, known.matrix)


def test_correlations_are_those_of_the_bound():
    """For [[a, c], [c, b]] the correlation is -c / sqrt(a b)."""
    known = information([[4.0, 1.0], [1.0, 2.0]])
    truth = -1.0 / np.sqrt(8.0)
    np.testing.assert_allclose(known.correlation(), [[1.0, truth], [truth, 1.0]])
    with pytest.raises(FitError, match="no information about b"):
        information([[1.0, 0.0], [0.0, 0.0]]).correlation()


def test_a_correlated_prior_adds_its_precision():
    known = information([[4.0, 1.0], [1.0, 2.0]])
    np.testing.assert_array_equal(known.with_precision(np.array([[1.0, 0.5], [0.5, 3.0]])).matrix, [[5, 1.5], [1.5, 5]])


@given(st.integers(1, 5), st.integers(0, 10_000))
def test_information_modes_are_the_generalised_eigenvectors(n, seed):
    """Against SciPy; each is a change by one sigma of the prior, and the data's part of it is the eigenvalue."""
    rng = np.random.default_rng(seed)
    units = 10.0 ** rng.uniform(-4, 4, n)
    known = from_rows(*rng.normal(size=(n, 3 * n)) * units[:, None])
    prior = from_rows(*rng.normal(size=(n, 3 * n)) * units[:, None] * rng.uniform(0.1, 10.0, n)[:, None]).matrix
    modes = known.information_modes(prior)
    truth = linalg.eigh(known.matrix / np.outer(units, units), prior / np.outer(units, units), eigvals_only=True)
    np.testing.assert_allclose(modes.values, truth[::-1], rtol=1e-8)
    np.testing.assert_allclose(modes.vectors.T @ prior @ modes.vectors, np.eye(n), atol=1e-9)
    of_data = modes.vectors.T @ known.matrix @ modes.vectors
    np.testing.assert_allclose(of_data, np.diag(modes.values), atol=1e-9 * modes.values[0])
    assert modes.labels == known.labels


def test_an_information_mode_that_the_data_do_not_see_is_exactly_zero():
    row = np.random.default_rng(4).normal(size=30)
    modes = from_rows(row, row, 0 * row).information_modes(np.diag([1.0, 4.0, 9.0]))
    np.testing.assert_array_equal(modes.values[1:], 0.0)
    np.testing.assert_allclose(modes.values[0], row @ row * (1.0 + 1.0 / 4.0))


def test_a_prior_that_leaves_a_direction_open_has_no_information_modes():
    known = from_rows(*np.random.default_rng(4).normal(size=(3, 30)))
    with pytest.raises(
        FitError, match=r"the prior does not constrain b\. Give a prior to each parameter, or take a subset"
    ):
        known.information_modes(np.diag([1.0, 0.0, 2.0]))


RNG = np.random.default_rng(4)
P, Q, R = RNG.normal(size=(3, 30))
SINGULAR = [
    pytest.param(from_rows(P, 0 * P, Q), [("b",)], id="no effect"),
    pytest.param(from_rows(P, Q, 3e5 * P), [("a", "c")], id="two alike"),
    pytest.param(from_rows(P, Q, R, P - 2 * Q), [("a", "b", "d")], id="one of three"),
    pytest.param(from_rows(P, 0 * P, Q, -1e-6 * Q), [("b",), ("c", "d")], id="both"),
    pytest.param(
        from_rows(P, 1e-7 * Q, R, labels=("z[1]", "z[2]", "other")), [("z[2]",)], id="next to none in its array"
    ),
]


@pytest.mark.parametrize(("known", "blind"), SINGULAR)
def test_a_direction_without_information_is_named(known, blind):
    assert known.singular_directions() == blind
    text = "; ".join(" with ".join(names) for names in blind)
    with pytest.raises(FitError, match=re.escape(f"no information about {text}. ")) as refused:
        known.covariance()
    assert "add a prior" in refused.value.remedy
    for label in known.labels:
        with pytest.raises(FitError, match="singular"):
            known.sigma(label)
    assert known.with_prior(np.ones(len(known.labels))).sigma(blind[0][0]) < 1.0 + 1e-9


def test_what_is_badly_known_is_not_singular():
    """A condition number of 1e8 is that of the defocus of two mirrors; different units alone mean nothing."""
    assert from_rows(P, P + 1e-4 * Q).singular_directions() == []
    assert from_rows(1e-9 * P, Q, 1e9 * R).singular_directions() == []
    assert from_rows(P, 1e-5 * Q, labels=("z[1]", "z[2]")).singular_directions() == []
    # Parameters that are correlated to 1 - 5e-12 are still told apart: the bound is that of the angle between them.
    close = FisherInformation(np.array([[1.0, 1.0 - 5e-12], [1.0 - 5e-12, 1.0]]), ("a", "b"))
    assert close.sigma("a") == pytest.approx((2 * 5e-12) ** -0.5, rel=1e-4)


def test_the_conditional_bound_of_what_is_not_seen_is_infinite():
    assert from_rows(P, 0 * P).conditional_sigma("b") == np.inf


def test_a_derivative_that_is_not_finite_is_named():
    jacobian = np.ones((3, 5))
    jacobian[1, 2] = np.nan
    with pytest.raises(FitError, match=r"not finite in b\. Check the model image"):
        fisher_from_jacobian(jnp.asarray(jacobian * np.arange(1, 4)[:, None]), jnp.ones(5), ("a", "b", "c"))


def test_a_model_that_no_poisson_process_has_is_refused():
    model = linear_model(2)
    dark = Linear(model.spec, model.store, model.jacobian, model.base - 2.5e3)
    with pytest.raises(FitError, match=r"not finite in toy\.a\[a0\], toy\.a\[a1\]"):
        fisher_information(dark.predict, dark.store, dark.spec, PoissonNoise())
    fisher_information(dark.predict, dark.store, dark.spec, GaussianNoise(1.0))


SMALL = {"image_npix": 64, "n_wavelengths": 1}
EVEN = tuple((f"{M1_ZERNIKES}[Z{j}]",) for j in (4, 5, 6, 11))


@pytest.fixture(scope="module")
def symmetric():
    """A real symmetric pupil: no mask, no struts, no obscuration, and stars close enough to lie on its image."""
    model = scene(ds.SHERA_FLIGHT_CONFIG, "inference", {"binary.separation_as": 3.0}, **SMALL, **CLEAR)
    free = model.binder.spec.subset(["binary.separation_as", "binary.x_position_as", M1_ZERNIKES])
    data = PoissonNoise().sample(np.random.default_rng(0), model.image({M1_ZERNIKES: np.linspace(-2.0, 3.0, 8)}))
    with pytest.warns(PriorWarning, match="binary.separation_as"):
        return model, free, make_posterior(model.binder.predict, free, model.store, data)


@pytest.mark.parametrize("m2", [True, False])
def test_a_symmetric_pupil_is_blind_to_even_modes_at_zero_aberration(symmetric, m2):
    """The derivative of its image by an even mode vanishes there, up to what M2 clips."""
    model, free, _ = symmetric
    if m2:
        free = model.binder.spec.subset([*free, M2_ZERNIKES])
    known = fisher_information(model.binder.predict, model.store, free, PoissonNoise())
    assert tuple(known.singular_directions())[:4] == EVEN
    with pytest.raises(FitError, match=r"no information about primary\.zernike_coeffs_nm\[Z4\]; .*zero aberration"):
        known.covariance()


@pytest.mark.parametrize("changes", [{}, {"diffractive_pupil": None}])
def test_the_flight_pupil_is_blind_to_nothing(changes):
    """Its mask, or its three struts alone, break the symmetry."""
    model = scene(ds.SHERA_FLIGHT_CONFIG, "inference", {"binary.separation_as": 3.0}, **SMALL, **changes)
    free = model.binder.spec.subset(["binary.separation_as", "binary.x_position_as", M1_ZERNIKES])
    assert fisher_information(model.binder.predict, model.store, free, PoissonNoise()).singular_directions() == []


def test_a_fit_that_starts_at_a_blind_point_warns_and_one_beside_it_does_not(symmetric):
    _, free, posterior = symmetric
    start = pack_params(posterior.store, free)
    with pytest.warns(BlindDirectionWarning, match=r"do not constrain primary.*Z4\]; .*Z5\].*Z6\].*Z11\].*start away"):
        gradient_descent(posterior, start, max_steps=0, throw=False)
    with pytest.warns(BlindDirectionWarning, match=re.escape("; ".join(name for (name,) in EVEN))):
        whiten(posterior, start)
    whiten(posterior, start.at[2:].set(0.1))  # a warning would be an error here
