"""Priors and bounds that know each other: draws within bounds and constraints, circular angles, and far priors."""

import warnings
from dataclasses import replace

import jax
import numpy as np
import pytest
from scipy import stats

import dluxshera as ds
from dluxshera.errors import BoundsError, ParameterError
from dluxshera.inference import (
    NormalPrior,
    PriorWarning,
    draw_from_prior,
    gauss_newton,
    labelled,
    make_posterior,
    prior_of,
    simulate,
)
from dluxshera.params import (
    Below,
    Bounds,
    LogUniform,
    Normal,
    ParameterStore,
    ParamSpec,
    TruncatedNormal,
    Uniform,
    unpack_params,
)
from dluxshera.systems import ALPHA_CEN, TARGETS, build_spec
from support import keys as f
from support.rows import each_row
from support.toys import parameter

POSITIVE = Bounds(exclusive_minimum=0, maximum=1.0)
TURN = {"units": "deg", "bounds": Bounds(minimum=-360, maximum=360), "period": 360.0}


def spec_of(*fields, constraints=()):
    return ParamSpec("toy", "priors", tuple(fields), (), constraints)


def one(key="toy.a", **parts):
    return parameter(key, "T", "D.", **{"default": 0.5, "bounds": POSITIVE, **parts})


@each_row(
    "prior, truth",
    [
        (Normal(0.004, 0.010), stats.truncnorm(-0.4, 99.6, 0.004, 0.010)),
        (Normal(-0.01, 0.01), stats.truncnorm(1.0, 101.0, -0.01, 0.01)),
        (Normal(0.99, 0.05), stats.truncnorm(-19.8, 0.2, 0.99, 0.05)),
        (Uniform(-0.5, 0.5), stats.uniform(0.0, 0.5)),
        (LogUniform(0.1, 10.0), stats.loguniform(0.1, 1.0)),
        (TruncatedNormal(0.0, 0.3, -1.0, 2.0), stats.truncnorm(0.0, 1.0 / 0.3, 0.0, 0.3)),
    ],
)
def test_draws_are_those_of_the_prior_within_the_bounds(prior, truth):
    prior = prior_of(labelled(spec_of(one(prior=prior))))
    rng = np.random.default_rng(1)
    draws = np.array([prior.sample(rng)[0] for _ in range(500)])
    assert draws.min() > 0.0
    assert draws.max() <= 1.0
    assert stats.kstest(draws, truth.cdf).pvalue > 1e-3


def test_a_prior_within_the_bounds_draws_what_it_drew_before():
    """The stream of random numbers of a run does not change."""
    spec = spec_of(one(prior=Normal(0.5, 0.01)))
    assert draw_from_prior(spec, np.random.default_rng(5)) == np.random.default_rng(5).normal(0.5, 0.01, 1)


def test_draws_of_a_calibration_are_repeated_together():
    spec = spec_of(one("toy.a"), one("toy.b"))
    covariance = np.array([[0.04, -0.038], [-0.038, 0.04]])
    prior = prior_of(labelled(spec), NormalPrior(("toy.a", "toy.b"), [0.1, 0.3], covariance))
    rng = np.random.default_rng(2)
    draws = np.array([prior.sample(rng) for _ in range(500)])
    assert draws.min() > 0.0
    reference = np.random.default_rng(3).multivariate_normal([0.1, 0.3], covariance, 200_000)
    kept = reference[np.all((reference > 0) & (reference <= 1), axis=1)]
    for column in (0, 1):
        assert stats.ks_2samp(draws[:, column], kept[:, column]).pvalue > 1e-3
    assert np.corrcoef(draws.T)[0, 1] == pytest.approx(np.corrcoef(kept.T)[0, 1], abs=0.05)
    outside = prior_of(labelled(spec_of(one("toy.a"))), NormalPrior(("toy.a",), [-1.0], [[0.0001]]))
    with pytest.raises(ParameterError, match=r"toy\.a: expected a prior with draws > 0 and <= 1"):
        outside.sample(rng)


@each_row(
    "prior", [Normal(-1.0, 0.1), Uniform(2.0, 3.0), LogUniform(1.0001, 9.0), TruncatedNormal(0.0, 1.0, -2.0, 0.0)]
)
def test_a_prior_beyond_the_bounds_is_refused_with_its_field(prior):
    with pytest.raises(ParameterError, match=r"at least 0\.001 of its probability within the bounds"):
        one(prior=prior)


def test_draws_satisfy_the_constraints_of_the_spec():
    prior = Normal(0.5, 0.2)
    spec = spec_of(one("toy.a", prior=prior), one("toy.b", prior=prior),
                   constraints=(Below("toy.a", "toy.b", "A reason"),))  # fmt: skip
    rng = np.random.default_rng(4)
    draws = np.array([draw_from_prior(spec, rng) for _ in range(60)])
    assert np.all(draws[:, 0] < draws[:, 1])
    store = ParameterStore({"toy.a": 0.1, "toy.b": 0.4}, spec)
    for _ in range(20):  # where the other is fixed
        assert draw_from_prior(spec.subset(["toy.a"]), rng, store)[0] < 0.4
        truth = simulate(lambda store: 1e3 * store["toy.a"] * np.ones(4), spec.subset(["toy.a"]), store, rng)
        assert truth.store["toy.a"] < 0.4
    never = replace(spec, constraints=(Below("toy.a", "toy.b", "A reason", factor=1e-9),))
    with pytest.raises(BoundsError, match="A reason"):
        draw_from_prior(never, rng)


@each_row("mean", [359.98, -359.99, 0.0, 180.0, 14.508])
def test_an_angle_has_the_same_density_whole_turns_apart(mean):
    spec = spec_of(one("toy.phi", default=mean, prior=Normal(mean, 0.05), **TURN))
    prior = prior_of(labelled(spec))
    assert prior.bounds == (np.array([-np.inf]), np.array([np.inf]))
    truth = stats.norm(0.0, 0.05)
    for away in (-0.12, 0.0, 0.04):
        for turns in (-2, -1, 0, 1, 3):
            theta = np.array([mean + away + 360.0 * turns])
            density = float(prior.log_density(theta) - prior.log_density(np.array([mean])))
            assert density == pytest.approx(truth.logpdf(away) - truth.logpdf(0.0), abs=1e-8)
            assert float(prior.residual(theta) @ prior.residual(theta)) == pytest.approx(-2 * density, abs=1e-8)
            slope = jax.grad(prior.log_density)(theta)
            assert slope == pytest.approx(-away / 0.05**2, abs=1e-6)
            assert prior.allows(theta)


def test_draws_of_an_angle_go_beyond_the_seam_and_the_store_brings_them_back():
    spec = spec_of(one("toy.phi", default=359.98, prior=Normal(359.98, 0.05), **TURN))
    rng, store = np.random.default_rng(6), ParameterStore({"toy.phi": 359.98}, spec)
    draws = np.array([draw_from_prior(spec, rng)[0] for _ in range(200)])
    beyond = draws[draws > 360]
    assert 0.2 < beyond.size / draws.size < 0.5
    for angle in beyond:
        assert unpack_params(np.array([angle]), spec, store)["toy.phi"] == pytest.approx(angle - 360, abs=1e-9)
    for angle, kept in ((-360.5, -0.5), (1080.0, 360.0), (360.0, 360.0), (-1e4, -280.0), (725.0, 5.0)):
        assert unpack_params(np.array([angle]), spec, store)["toy.phi"] == pytest.approx(kept)
    with pytest.raises(BoundsError, match="<= 360"):
        store.replace({"toy.phi": 360.021})  # a value that is set keeps to the bounds


@pytest.fixture(scope="module")
def pair():
    """The flight telescope with the pair across the seam of position angles, in a small image."""
    config = ds.SHERA_FLIGHT_CONFIG.replace(image_npix=32, n_wavelengths=1, diffractive_pupil=None, m2_noll=())
    target = replace(ALPHA_CEN, separation_as=2.0, position_angle_deg=359.98)
    spec = build_spec(config, "inference", target)
    return ds.SheraThreePlaneBinder(config, spec), spec.subset([f.SEPARATION, f.POSITION_ANGLE, f.LOG_FLUX])


@each_row("start", [359.9, 0.05, 360.1, -0.2, 719.95])
def test_a_fit_crosses_the_seam(pair, start):
    binder, free = pair
    truth = binder.store.replace({f.POSITION_ANGLE: 0.013})
    posterior = make_posterior(binder, free, truth, np.asarray(binder.predict(truth)))
    theta = np.array([2.001, start, float(truth[f.LOG_FLUX])])
    solution = gauss_newton(posterior, theta)
    assert solution.converged
    assert float(solution.store[f.POSITION_ANGLE]) % 360.0 == pytest.approx(0.013, abs=1e-5)
    flux = float(truth[f.LOG_FLUX])
    pulls = solution.pulls(np.array([2.0, 0.013, flux]))
    assert np.abs(pulls).max() < 0.05  # the prior's mean is 0.66 of its sigma away
    np.testing.assert_allclose(solution.pulls(np.array([2.0, 360.013, flux])), pulls, rtol=0, atol=1e-6)


def test_every_draw_of_the_default_prior_across_the_seam_has_an_image(pair):
    binder, free = pair
    for seed in range(8):
        result = simulate(binder, free, binder.store, np.random.default_rng(seed))
        assert np.isfinite(result.data).all()


OTHER = TARGETS["61 Cyg"]


@each_row(
    "updates, label, sigmas",
    [
        ({f.POSITION_ANGLE: 264.508}, f.POSITION_ANGLE, "2,200"), ({f.SEPARATION: 6.0}, f.SEPARATION, "377"),
        ({f.CONTRAST: 1.04}, f.CONTRAST, "24"), ({f.LOG_FLUX: 9.0}, f.LOG_FLUX, None),
        ({f.M1_ZERNIKES: [0, 0, 0, 80.0, 0, 0, 0, 0]}, "primary.zernike_coeffs_nm[Z7]", "16"),
        ({f.PLATE_SCALE: 0.1232 * 1.01}, f.PLATE_SCALE, None),
    ],
)  # fmt: skip
def test_a_prior_of_another_target_warns(updates, label, sigmas):
    spec = build_spec(ds.SHERA_FLIGHT_CONFIG, "inference")
    keys = [key for key in spec.primitives if spec[key].prior]
    store = ParameterStore.from_spec_defaults(spec).replace(updates)
    with pytest.warns(PriorWarning, match="sigma from the mean of its prior") as warned:
        make_posterior(lambda store: 10.0 * np.ones(2), spec.subset(keys), store, np.ones(2))
    (text,) = {str(item.message) for item in warned}
    assert text.startswith(f"{label}: the store has ")
    assert sigmas is None or f" {sigmas} sigma" in text


def test_a_prior_near_the_store_does_not_warn():
    spec = spec_of(one("toy.phi", default=359.99, prior=Normal(359.99, 0.05), **TURN), one(prior=Normal(0.5, 0.01)))
    store = ParameterStore({"toy.phi": 0.05, "toy.a": 0.59}, spec)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make_posterior(lambda store: 10.0 * np.ones(2), spec, store, np.ones(2))
        calibration = NormalPrior(("toy.a",), [0.9], [[0.0001]])  # of a calibration, in place of the field's
        far = store.replace({"toy.a": 0.1})
        make_posterior(lambda store: 10.0 * np.ones(2), spec, far, np.ones(2), prior=calibration)
