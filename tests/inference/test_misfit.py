"""The misfit: moments of the deviance against sums and integrals, and verdicts on fits that do not fit."""

import re
import warnings
from functools import cache

import numpy as np
import pytest
from scipy import stats

import dluxshera as ds
from dluxshera.errors import ParameterError
from dluxshera.inference import (
    DevianceMoments,
    FisherInformation,
    FitResult,
    GaussianNoise,
    Misfit,
    MisfitWarning,
    PhotonReadNoise,
    PoissonNoise,
    draw_from_prior,
    free_parameters,
    gauss_newton,
    gradient_descent,
    make_joint_posterior,
    make_posterior,
)
from dluxshera.params import Normal, unpack_params
from support.rows import each_row
from support.stars import FAR, STAR, STORE, TRUTH, star_posterior
from support.toys import linear_model, star_image

IMAGE = np.asarray(star_image(unpack_params(TRUTH, STAR, STORE)))


@cache
def scaled(factor):
    """The star's image with the sky of counts in another unit; the flux of the star is fitted."""
    return lambda store: star_image(store) + 10.0 * (factor - 1.0)


PHOTONS = np.concatenate([np.logspace(-6, 4, 60), [39.999, 40.0, 40.001]])


def poisson_deviance(counts, expected):
    return 2 * (stats.poisson.logpmf(counts, np.maximum(counts, 1e-300)) - stats.poisson.logpmf(counts, expected))


# Moments of the deviance.


@each_row("expected", PHOTONS)
def test_the_moments_of_poisson_counts_are_sums_over_all_counts(expected):
    counts = np.arange(int(expected + 20 * np.sqrt(expected) + 60))
    probability, deviance = stats.poisson.pmf(counts, expected), poisson_deviance(counts, expected)
    mean = probability @ deviance
    found = PoissonNoise().deviance_moments(np.array([expected]))
    np.testing.assert_allclose(found.mean, mean, rtol=1e-7)
    np.testing.assert_allclose(found.variance, probability @ (deviance - mean) ** 2, rtol=1e-5)


def test_the_mean_is_that_of_kaastra():
    """J. S. Kaastra, A&A 605, A51 (2017), equations 8 and 12, which are accurate to some 1e-3."""
    faint, bright = np.linspace(0.01, 0.5, 20), np.geomspace(10.0, 1e6, 20)
    mean = PoissonNoise().deviance_moments(faint).mean
    np.testing.assert_allclose(mean, -0.25 * faint**3 + 1.38 * faint**2 - 2 * faint * np.log(faint), atol=2e-3)
    np.testing.assert_allclose(PoissonNoise().deviance_moments(bright).mean, 1 + 0.1649 / bright + 0.226 / bright**2,
                               atol=5e-4)  # fmt: skip


def test_many_photons_are_chi_squared_and_none_are_no_deviance():
    found = PoissonNoise().deviance_moments(np.array([[1e11, 0.0], [-1.0, np.nan]]))
    np.testing.assert_allclose(found.mean, [[1.0, 0.0], [np.nan, np.nan]], rtol=1e-10)
    np.testing.assert_allclose(found.variance, [[2.0, 0.0], [np.nan, np.nan]], rtol=1e-10)


def test_normal_noise_is_chi_squared_at_any_level():
    found = GaussianNoise(7.0).deviance_moments(np.array([1e-9, -3.0, 1e9, np.nan]))
    np.testing.assert_array_equal(found.mean, [1, 1, 1, np.nan])
    np.testing.assert_array_equal(found.variance, [2, 2, 2, np.nan])


@each_row("expected, read", [(0.3, 1e-8), (1.7, 0.01), (0.0, 2.0), (5.0, 3.0), (40.0, 1.0), (1e3, 25.0), (1e9, 4.0)])
def test_the_moments_of_photon_and_read_noise_are_integrals(expected, read):
    """By a fine sum over the normal distribution, with the best variance b in closed form."""
    x = np.linspace(-9, 9, 400_001)
    probability = stats.norm.pdf(x) * (x[1] - x[0])
    v = expected + read
    data = expected + np.sqrt(v) * x
    # The best variance b: that of no photons, or where the derivative of the log-probability is zero.
    shifted = data + read
    b = np.maximum(2 * shifted**2 / (1 + np.sqrt(1 + 4 * shifted**2)), read)
    ratio = (v - b) / b
    deviance = (data - expected) ** 2 / v + np.log1p(ratio) - (shifted - b) ** 2 / b
    mean = probability @ deviance
    found = PhotonReadNoise(read).deviance_moments(np.array([expected]))
    np.testing.assert_allclose(found.mean, mean, atol=3e-5)
    np.testing.assert_allclose(found.variance, probability @ (deviance - mean) ** 2, atol=1e-4)


@each_row("counts", [0.02, 0.3, 1.3, 3.0, 30.0, 1e4])
def test_at_any_level_noise_alone_deviates_by_one_sigma(counts):
    """4,000 images of 40 pixels. The twin, chi-squared, is off by 4 sigma of the mean or more for few photons."""
    data = np.random.default_rng(1).poisson(counts, (4000, 40))
    deviance = poisson_deviance(data, counts).sum(axis=1)
    mean, variance = (40 * part[0] for part in PoissonNoise().deviance_moments(np.array([counts])))
    sigmas = (deviance - mean) / np.sqrt(variance)
    assert abs(sigmas.mean()) < 4 / np.sqrt(4000)
    assert abs(sigmas.std() - 1) < 0.06
    if counts <= 3:
        assert abs((deviance.mean() - 40) / np.sqrt(80 / 4000)) > 4


@pytest.mark.parametrize("sigma", [0.2, 2.0, None])
def test_a_fit_takes_its_share_of_the_deviance(sigma):
    """3,000 truths from the prior, 8 pixels, the closed form of the fit; of the shares, 0, between, and 1 occur."""
    model = linear_model(pixels=8, prior=Normal(0.0, sigma) if sigma else None)
    rng, noise = np.random.default_rng(4), 2.0
    weight = np.eye(3) * (0.0 if sigma is None else sigma**-2)
    information = model.jacobian @ model.jacobian.T / noise**2
    truth = rng.normal(0.0, sigma or 1.0, (3000, 3))
    data = truth @ model.jacobian + rng.normal(0.0, noise, (3000, 8))
    estimate = data @ model.jacobian.T / noise**2 @ np.linalg.inv(information + weight)
    value = np.sum((data - estimate @ model.jacobian) ** 2, axis=1) / noise**2 / 8
    labels = model.spec.labels
    found = Misfit.of(1.0, 8, DevianceMoments(8.0, 16.0), FisherInformation(information, labels), weight)
    sigmas = (value - found.expected) / found.sigma
    assert abs(sigmas.mean()) < 4 / np.sqrt(3000)
    assert abs(sigmas.std() - 1) < 0.06
    assert abs((value.mean() - 1) / (0.5 / np.sqrt(3000))) > 4  # the twin, without the share of the fit
    if sigma == 0.2:
        assert 8 * (1 - found.expected) not in (pytest.approx(1, abs=0.1), pytest.approx(2, abs=0.1))


def test_data_that_a_fit_explains_whatever_they_are_have_no_deviation():
    information = FisherInformation(np.eye(3), ("a", "b", "c"))
    found = Misfit.of(0.0, 3, DevianceMoments(3.0, 6.0), information, np.zeros((3, 3)))
    assert np.isnan(found.sigmas)
    assert not found.exceeds(5.0)
    assert str(found) == "0 per pixel"


# Verdicts on fits.


def rng(seed=0):
    return np.random.default_rng(seed)


def poisson(image, seed=0):
    return PoissonNoise().sample(rng(seed), image)


# Name -> data, noise model, the side of the misfit, and the unit of the model's sky.
WRONG = {
    "counts halved": (0.5 * poisson(IMAGE), PoissonNoise(), -1, 0.5),
    "counts of an analogue unit, gain 3": (poisson(IMAGE) / 3, PoissonNoise(), -1, 1 / 3),
    "counts doubled": (2.0 * poisson(IMAGE), PoissonNoise(), 1, 2.0),
    "counts halved, and the sky is not": (0.5 * poisson(IMAGE), PoissonNoise(), 1),
    "mean of four frames": (np.mean([poisson(IMAGE, i) for i in range(4)], axis=0), PoissonNoise(), -1),
    "no noise": (IMAGE, PoissonNoise(), -1),
    "noise twice as large as stated": (IMAGE + rng().normal(0, 60, IMAGE.shape), GaussianNoise(900.0), 1),
    "noise half as large as stated": (IMAGE + rng().normal(0, 15, IMAGE.shape), GaussianNoise(900.0), -1),
    "read noise left out": (np.abs(poisson(IMAGE) + rng().normal(0, 5, IMAGE.shape)), PoissonNoise(), 1),
    "background half of the sky": (poisson(IMAGE + 5.0), PoissonNoise(), 1),
    "a second star": (poisson(IMAGE + np.roll(IMAGE, 5, axis=0) - 10.0), PoissonNoise(), 1),
    "a hot pixel": (np.where(np.arange(256).reshape(16, 16) == 17, 500.0, poisson(IMAGE)), PoissonNoise(), 1),
    "photon noise of data with read noise": (
        poisson(IMAGE) + rng().normal(0, 1, IMAGE.shape), PhotonReadNoise(400.0), -1),
}  # fmt: skip


@each_row("name", WRONG)
def test_a_misfit_warns_and_estimate_and_sigma_are_returned(name):
    data, noise, side, *unit = WRONG[name]
    posterior = make_posterior(scaled(*unit) if unit else star_image, STAR, STORE, data, noise)
    with pytest.warns(MisfitWarning, match=r"the misfit is .* per pixel, .* sigma from noise alone") as caught:
        solution = gauss_newton(posterior, TRUTH)
    assert solution.result is FitResult.CONVERGED
    assert np.all(np.isfinite(solution.sigma))
    assert side * solution.misfit.sigmas > 5
    assert ("gain" in str(caught[0].message)) is (side < 0)
    assert ("local maximum" in str(caught[0].message)) is (side > 0)
    accepted = gauss_newton(posterior, TRUTH, misfit_sigmas=None)  # a warning would be an error
    np.testing.assert_array_equal(accepted.theta, solution.theta)
    np.testing.assert_array_equal(accepted.covariance, solution.covariance)
    assert accepted.misfit == solution.misfit


def test_halved_counts_have_half_the_deviance():
    posterior = make_posterior(scaled(0.5), STAR, STORE, 0.5 * poisson(IMAGE))
    misfit = gauss_newton(posterior, TRUTH, misfit_sigmas=None).misfit
    assert 0.4 < misfit.value < 0.6
    assert misfit.value == pytest.approx(misfit.expected + misfit.sigmas * misfit.sigma)


@pytest.mark.parametrize("solver", [gauss_newton, gradient_descent])
def test_a_limit_holds_on_both_sides_for_every_solver(solver):
    posterior = make_posterior(scaled(0.5), STAR, STORE, 0.5 * poisson(IMAGE))
    misfit = solver(posterior, TRUTH, misfit_sigmas=None).misfit
    assert solver(posterior, TRUTH, misfit_sigmas=1.01 * abs(misfit.sigmas)).converged
    with pytest.warns(MisfitWarning):
        assert solver(posterior, TRUTH, misfit_sigmas=0.99 * abs(misfit.sigmas)).converged


@each_row("limit", [0.0, -5.0, np.nan])
def test_a_limit_is_positive(limit):
    for solver in (gauss_newton, gradient_descent):
        with pytest.raises(ParameterError, match=r"misfit_sigmas: expected a positive number of sigma, or None, got"):
            solver(star_posterior(0), TRUTH, misfit_sigmas=limit)


def test_correct_fits_deviate_by_one_sigma():
    """30 images with 10 photons in most pixels, fitted."""
    sigmas = [gauss_newton(star_posterior(seed), TRUTH).misfit.sigmas for seed in range(30)]
    assert abs(np.mean(sigmas)) < 4 / np.sqrt(30)
    assert abs(np.std(sigmas) - 1) < 4 / np.sqrt(60)


def test_masked_pixels_are_not_counted():
    mask = np.arange(256).reshape(16, 16) % 3 > 0
    data = np.where(mask, poisson(IMAGE), 1e4)
    solution = gauss_newton(make_posterior(star_image, STAR, STORE, data, mask=mask), TRUTH)
    counted = PoissonNoise().deviance_moments(np.asarray(star_image(solution.store))[mask])
    assert solution.misfit.sigma == pytest.approx(np.sqrt(counted.variance.sum() - 8) / mask.sum(), rel=0.01)
    assert solution.misfit.expected == pytest.approx((counted.mean.sum() - 4) / mask.sum(), rel=1e-3)


def test_the_deviance_of_several_exposures_is_one():
    shared, own = STAR.subset(["star.log_flux", "star.width"]), STAR.subset(["star.x", "star.y"])
    images = [poisson(IMAGE, seed) for seed in range(3)]
    start = np.concatenate([TRUTH[2:], np.tile(TRUTH[:2], 3)])
    joint = make_joint_posterior(star_image, shared, own, [STORE] * 3, images)
    solution = gauss_newton(joint, start)
    single = gauss_newton(make_posterior(star_image, STAR, STORE, images[0]), TRUTH)
    assert solution.misfit.sigma == pytest.approx(single.misfit.sigma / np.sqrt(3), rel=0.01)
    images[1] = 0.5 * images[1]  # one of three
    with pytest.warns(MisfitWarning):
        gauss_newton(make_joint_posterior(star_image, shared, own, [STORE] * 3, images), start)


def test_a_fit_that_ended_early_has_its_misfit_and_no_warning():
    stopped = gauss_newton(star_posterior(0), FAR, max_steps=1, throw=False)
    assert stopped.result is FitResult.MAX_STEPS
    assert stopped.misfit.sigmas > 100
    invalid = make_posterior(lambda store: star_image(store) - 15.0, STAR, STORE, star_posterior(0).data)
    solution = gauss_newton(invalid, FAR, throw=False)
    assert np.isnan(solution.misfit).all()
    assert not solution.misfit.exceeds(5.0)


def test_the_limit_at_the_sizes_of_images_is_that_of_chi_squared():
    """Five sigma without parameters: 1.110, 1.055 and 1.028 at 64, 128 and 256 pixels."""
    for npix, limit in ((64, 1.110), (128, 1.055), (256, 1.028)):
        moments = PoissonNoise().deviance_moments(np.full((npix, npix), 1e6))
        whole = DevianceMoments(moments.mean.sum(), moments.variance.sum())
        nothing = FisherInformation(np.zeros((1, 1)), ("a",))
        found = Misfit.of(1.0, npix**2, whole, nothing, np.eye(1))
        assert found.expected + 5 * found.sigma == pytest.approx(limit, abs=1e-3)


def test_two_planes_are_not_taken_for_three_at_64_pixels():
    """Misfits of 1.32 and 1.52, and separations that are off by more than ten sigma."""
    size = ["image_npix=64", "n_wavelengths=1"]
    scale = "system.plate_scale_as_per_pix=0.12320690"
    three = ds.SheraThreePlaneBinder(*ds.load_model("observation/flight_alpha_cen", spec="inference", overrides=size))
    two = ds.SheraTwoPlaneBinder(
        *ds.load_model("observation/twoplane_flight_alpha_cen", spec="inference", overrides=[*size, scale])
    )
    draw, free = free_parameters(three.spec), free_parameters(two.spec)
    for seed in (2, 3):
        source = rng(seed)
        truth = draw_from_prior(draw, source)
        data = poisson(three.predict(unpack_params(truth, draw, three.store)))
        posterior = make_posterior(two, free, two.store, data)
        with pytest.warns(MisfitWarning, match="an effect that the model leaves out"):
            solution = gauss_newton(posterior, truth[: len(free.labels)])
        assert solution.misfit.value < 1.53
        assert abs(solution.theta[0] - truth[0]) > 10 * solution.sigma[0]  # it would have been believed


def test_the_message_has_the_numbers_and_the_remedy():
    posterior = make_posterior(star_image, STAR, STORE, 0.5 * poisson(IMAGE))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        solution = gauss_newton(posterior, TRUTH)
    text = str(caught[0].message)
    value, sigmas = re.match(r"the misfit is (\S+) per pixel, (\S+) sigma", text).groups()
    assert float(value) == pytest.approx(solution.misfit.value, rel=1e-3)
    assert float(sigmas) == pytest.approx(solution.misfit.sigmas, abs=0.05)
    assert "misfit_sigmas" in text
