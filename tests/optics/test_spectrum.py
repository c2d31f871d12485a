"""Spectra, filters and the weights they give, against astropy's Planck law, scipy's quadrature and closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from astropy import units as u
from astropy.modeling.physical_models import BlackBody
from scipy.integrate import quad
from scipy.optimize import brentq

from dluxshera.errors import ConfigError, DataError
from dluxshera.optics import (
    band_weights,
    curve_mean,
    curve_samples,
    mean_wavelength,
    photon_black_body,
    sampled_curve,
    top_hat_band,
)
from dluxshera.optics.curves import PHOTON_PEAK
from support.helpers import central_difference, rounding
from support.reference_optics import black_body_photons

CENTRE, WIDTH = 550e-9, 110e-9
TEMPERATURES = jnp.array([[5790.0], [5260.0], [3000.0]])
ONE = jnp.ones(1)


def band(n=9):
    return top_hat_band(jnp.asarray(CENTRE), jnp.asarray(WIDTH), n)


def filter_curve(wavelength):
    return 0.9 - 0.3 * ((wavelength - 530e-9) / 80e-9) ** 2


def test_black_body_is_that_of_astropy_in_photons():
    wavelengths = np.geomspace(2e-7, 2e-5, 200)
    for temperature in (2500.0, 5790.0, 40_000.0):
        energy = BlackBody(temperature * u.K, scale=1.0 * u.W / (u.m**2 * u.m * u.sr))(wavelengths * u.m)
        photons = energy.value * wavelengths  # over h c
        ours = np.asarray(photon_black_body(jnp.asarray(wavelengths), jnp.asarray(temperature)))
        # astropy has the constants of CODATA 2018, which are exact
        np.testing.assert_allclose(ours / ours[70], photons / photons[70], rtol=rounding(float, 10, 100))


def test_black_body_peaks_at_one_where_the_photons_do():
    assert brentq(lambda x: 4 * -np.expm1(-x) - x, 3.0, 5.0, xtol=1e-15) == pytest.approx(PHOTON_PEAK, rel=1e-14)
    at = 3.6697e-3 / 5000.0  # m K, photons per wavelength
    near = np.asarray(photon_black_body(jnp.asarray(at * np.array([0.99, 1.0, 1.01])), jnp.asarray(5000.0)))
    assert near[1] == pytest.approx(1.0, abs=1e-8)
    assert near[1] > max(near[0], near[2])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_black_body_stays_finite_from_cold_to_hot(dtype):
    values = photon_black_body(jnp.asarray(550e-9, dtype), jnp.asarray([300.0, 5e3, 1e9], dtype))
    assert values.dtype == dtype
    assert np.all(np.isfinite(values))
    assert np.all(values > 0)
    hot = photon_black_body(jnp.asarray([500e-9, 600e-9]), jnp.asarray(1e12))
    assert hot[0] / hot[1] == pytest.approx(1.2**3, rel=1e-7)  # Rayleigh and Jeans, in photons: the third power


def test_black_body_derivatives_equal_finite_differences():
    for f, at in (
        (lambda t: photon_black_body(jnp.asarray(520e-9), t), 5000.0),
        (lambda w: photon_black_body(w, jnp.asarray(5000.0)), 520e-9),
    ):
        numeric = central_difference(lambda step, f=f, at=at: np.asarray(f(jnp.asarray(at * (1 + step)))), 1e-3) / at
        assert jax.grad(f)(at) == pytest.approx(float(numeric), rel=1e-9)


def test_equal_temperatures_shine_alike_and_flat_curves_are_the_top_hat():
    wavelengths, quadrature = band(3)
    same = band_weights(wavelengths, quadrature, ONE, photon_black_body(wavelengths, jnp.full((2, 1), 5000.0)))
    np.testing.assert_array_equal(same[0], same[1])
    assert abs(same[0, 0] - quadrature[0]) > 1e-3
    flat = band_weights(wavelengths, quadrature, jnp.full(3, 0.7), jnp.full((2, 1), 4.0))
    np.testing.assert_allclose(flat, np.broadcast_to(quadrature, (2, 3)), rtol=rounding(float))


def test_weights_and_mean_wavelengths_equal_numerical_integrals():
    wavelengths, quadrature = band(9)
    spectra = photon_black_body(wavelengths, TEMPERATURES)
    weights = band_weights(wavelengths, quadrature, filter_curve(wavelengths), spectra)
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, rtol=rounding(float, 9))
    means = mean_wavelength(wavelengths, weights)
    assert means.shape == (3,)
    edges = (CENTRE - WIDTH / 2, CENTRE + WIDTH / 2)
    for temperature, row, mean in zip(TEMPERATURES[:, 0], weights, means, strict=True):

        def photons(wavelength, temperature=float(temperature)):
            return filter_curve(wavelength) * black_body_photons(wavelength, temperature)

        total = quad(photons, *edges, epsabs=0, epsrel=1e-13)[0]
        first = quad(lambda w: w * photons(w), *edges, epsabs=0, epsrel=1e-13)[0]
        wave = quad(lambda w: np.cos(2e7 * w) * photons(w), *edges, epsabs=0, epsrel=1e-11)[0]
        assert mean == pytest.approx(first / total, rel=1e-11)
        assert jnp.sum(row * jnp.cos(2e7 * wavelengths)) == pytest.approx(wave / total, rel=1e-9)
    assert means[0] < means[1] < means[2]  # hotter is bluer


def test_weights_derivative_by_temperature():
    wavelengths, quadrature = band(5)

    def mean(temperature):
        spectra = photon_black_body(wavelengths, jnp.reshape(temperature, (1, 1)))
        return mean_wavelength(wavelengths, band_weights(wavelengths, quadrature, ONE, spectra))[0]

    numeric = central_difference(lambda step: np.asarray(mean(jnp.asarray(5260.0 + step))), 5.0)
    assert jax.grad(mean)(5260.0) == pytest.approx(float(numeric), rel=1e-7)
    assert numeric < 0


def test_star_of_which_nothing_passes_is_not_given_weights():
    wavelengths, quadrature = band(3)
    weights = band_weights(wavelengths, quadrature, ONE, jnp.array([[1.0], [0.0]]))
    assert np.isnan(weights).all(axis=1).tolist() == [False, True]


def test_sampled_curve_is_the_linear_interpolation_of_numpy():
    rng = np.random.default_rng(3)
    samples, position = rng.uniform(size=(2, 7)), rng.uniform(-0.5, 0.5, 40)
    grid = np.linspace(-0.5, 0.5, 7)
    truth = [np.interp(position, grid, row) for row in samples]
    np.testing.assert_allclose(sampled_curve(jnp.asarray(samples), position), truth, rtol=rounding(float, 7, 10))
    np.testing.assert_allclose(sampled_curve(jnp.asarray(samples[0]), grid), samples[0], atol=rounding(float, 7, 10))
    beyond = sampled_curve(jnp.asarray(samples[0]), np.array([-0.7, 0.7]))
    np.testing.assert_array_equal(beyond, samples[0, [0, -1]])
    np.testing.assert_array_equal(sampled_curve(jnp.array([0.4]), position), 0.4)


def test_sampled_curve_derivatives():
    samples, position = jnp.array([0.2, 0.9, 0.4]), jnp.array([-0.3, 0.1])
    by_samples = jax.jacfwd(sampled_curve)(samples, position)
    np.testing.assert_allclose(by_samples, [[0.6, 0.4, 0.0], [0.0, 0.8, 0.2]], atol=rounding(float, 4))
    slope = jax.jacfwd(sampled_curve, argnums=1)(samples, position)
    np.testing.assert_allclose(slope, np.diag([1.4, -1.0]), atol=rounding(float, 4, 2))


def test_a_smooth_curve_is_met_to_the_stated_order():
    wavelengths, _ = band(40)
    position = (wavelengths - CENTRE) / WIDTH
    rows = np.linspace(450e-9, 650e-9, 20_001)
    for n in (9, 17):
        samples = curve_samples(rows, filter_curve(rows), CENTRE, WIDTH, n)
        error = np.abs(sampled_curve(jnp.asarray(samples), position) - filter_curve(np.asarray(wavelengths))).max()
        bound = 0.6 / 80e-9**2 / 8 * (WIDTH / (n - 1)) ** 2
        assert 0.9 * bound < error < 1.001 * bound


def test_curve_samples_are_the_table_at_the_points():
    rows = np.array([400e-9, 510e-9, 700e-9])
    values = np.array([0.0, 1.1, 3.0])  # 1.0 and then 1.0 for each 100 nm
    ours = curve_samples(rows, values, CENTRE, WIDTH, 5)
    points = np.array([495.0, 522.5, 550.0, 577.5, 605.0])
    np.testing.assert_allclose(ours, (points - 400) / 100, rtol=rounding(float, 4, 10))
    edges = np.array([CENTRE - WIDTH / 2, CENTRE + WIDTH / 2]) * (1 + np.array([1.0, -1.0]) * 1e-15)
    assert curve_samples(edges, np.ones(2), CENTRE, WIDTH, 2).tolist() == [1.0, 1.0]


@pytest.mark.parametrize(("first", "last", "missing"), [
    (500.0, 700.0, "Missing: 495 to 500 nm;"),
    (400.0, 600.0, "Missing: 600 to 605 nm;"),
    (520.0, 560.0, "Missing: 495 to 520 nm and 560 to 605 nm;"),
    (620.0, 700.0, "Missing: 495 to 605 nm;"),
])  # fmt: skip
def test_a_table_that_does_not_cover_the_band_says_what_is_missing(first, last, missing):
    rows = np.linspace(first, last, 9) * 1e-9
    with pytest.raises(DataError, match=f"495 to 605 nm, got .*{first:g} to {last:g} nm.*{missing}"):
        curve_samples(rows, np.ones(9), CENTRE, WIDTH, 5)


def test_tables_that_are_no_curve():
    good = np.linspace(400e-9, 700e-9, 4)
    for rows, values, n, kind, complaint in (
        (good, np.ones(3), 5, DataError, "a value for each wavelength"),
        (good[::-1], np.ones(4), 5, DataError, "ascend"),
        (good[[0, 1, 1, 3]], np.ones(4), 5, DataError, "remove repeated wavelengths"),
        (np.where(good > 6.5e-7, np.nan, good), np.ones(4), 5, DataError, "finite"),
        (np.zeros(0), np.zeros(0), 5, DataError, "a value for each"),
        (good, np.ones(4), 1, ConfigError, "at least 2 samples"),
    ):
        with pytest.raises(kind, match=complaint):
            curve_samples(rows, values, CENTRE, WIDTH, n)


def test_the_mean_of_a_sampled_curve_is_its_integral():
    samples = jnp.asarray(np.random.default_rng(3).uniform(0.2, 1.0, (2, 7)))
    for curve, mean in zip(samples, curve_mean(samples), strict=True):
        knots = np.linspace(-0.5, 0.5, 7)
        integral, _ = quad(
            lambda u, curve=curve, knots=knots: float(np.interp(u, knots, curve)), -0.5, 0.5, points=knots[1:-1]
        )
        assert float(mean) == pytest.approx(integral, rel=1e-12)
