"""Maps of optical path difference, against closed forms, the Zernike basis and the statistics they are drawn by."""

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dluxshera.errors import ConfigError
from dluxshera.optics import (
    ZernikeBasis,
    area_mean,
    cell_centres,
    full_circle,
    power_law_map,
    remove_low_orders,
    resample,
)
from support.helpers import central_difference, rounding


def sampled(f, coordinates):
    return f(coordinates, coordinates[:, None])


def quadratic(x, y):
    return 1.0 + x - 2.0 * y + 3.0 * x**2 - y**2 + x * y


def wave(x, y):
    return np.sin(2.0 * x + 0.3) * np.cos(1.5 * y - 0.2)


def test_cell_centres_give_the_map_back():
    opd = np.random.default_rng(0).normal(size=(12, 12))
    np.testing.assert_allclose(resample(opd, cell_centres(12)), opd, rtol=0, atol=rounding(float, 12, 10))


def test_quadratics_are_exact_up_to_the_edge():
    targets = np.linspace(-1.0, 1.0, 41)
    found = resample(sampled(quadratic, cell_centres(11)), targets)
    np.testing.assert_allclose(found, sampled(quadratic, targets), rtol=0, atol=rounding(float, 11, 20))


def test_third_order_convergence_on_a_smooth_map():
    targets = np.linspace(-1.0, 1.0, 301)
    errors = [
        np.abs(resample(sampled(wave, cell_centres(m)), targets) - sampled(wave, targets)).max() for m in (32, 64, 128)
    ]
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert np.all(orders > 2.8), orders


def test_orientation():
    opd = np.zeros((8, 8))
    opd[1, 6] = 1.0  # towards -y and +x
    x = np.array([-0.625, 0.625])
    truth = np.array([[0.0, 1.0], [0.0, 0.0]])
    np.testing.assert_allclose(resample(opd, x), truth, rtol=0, atol=rounding(float, 8, 10))


def test_continues_along_its_slope_beyond_the_edge():
    """A plane goes on, a parabola along its tangent at the edge, and value and slope do not jump."""
    x = np.array([-1.4, -1.0, 0.3, 1.0, 1.25])
    plane = sampled(lambda x, y: 2.0 + 3.0 * x - y, cell_centres(9))
    np.testing.assert_allclose(resample(plane, x), sampled(lambda x, y: 2.0 + 3.0 * x - y, x), atol=1e-13)
    parabola = np.broadcast_to(cell_centres(9) ** 2, (9, 9))
    tangent = [1.0 + 2.0 * 0.4, 1.0, 0.09, 1.0, 1.0 + 2.0 * 0.25]
    np.testing.assert_allclose(resample(parabola, x)[0], tangent, atol=1e-13)
    rough, h = np.random.default_rng(4).normal(size=(12, 12)), 1e-6
    before, edge, after = resample(rough, np.array([1.0 - h, 1.0, 1.0 + h]))[1]
    assert edge - before == pytest.approx(after - edge, rel=1e-4)
    assert abs(after - edge) > 0.1 * h


def test_derivative_by_the_magnification_under_jit():
    opd = sampled(wave, cell_centres(16))
    grid = np.linspace(-1.1, 1.1, 37)
    slope = jax.jit(jax.jacfwd(lambda k: resample(jnp.asarray(opd), k * jnp.asarray(grid))))(0.83)
    truth = central_difference(lambda d: np.asarray(resample(opd, (0.83 + d) * grid)), 1e-5)
    np.testing.assert_allclose(slope, truth, rtol=0, atol=1e-9)
    assert np.abs(truth).max() > 0.1


@pytest.mark.parametrize("xp", [np, jnp])
def test_single_precision_stays(xp):
    found = resample(xp.ones((6, 6), dtype="float32"), xp.linspace(-0.9, 0.9, 5, dtype="float32"))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, 1.0, rtol=0, atol=rounding(np.float32, 6, 20))


def test_too_few_cells():
    with pytest.raises(ConfigError, match="3 x 3"):
        resample(np.ones((2, 2)), np.zeros(1))


def test_a_map_of_polynomials_equals_the_basis_at_a_magnification():
    noll, coefficients = tuple(range(4, 12)), jnp.linspace(-1.0, 1.0, 8)
    grid, magnification = np.linspace(-1.0, 1.0, 50), 0.73
    truth = np.asarray(ZernikeBasis(noll, grid).opd(coefficients, magnification))
    errors = []
    for m in (64, 128):
        opd = np.asarray(ZernikeBasis(noll, cell_centres(m)).opd(coefficients))
        errors.append(np.abs(resample(opd, magnification * grid) - truth).max())
    assert errors[0] / errors[1] > 2.0**2.8
    assert errors[1] < 1e-4


@pytest.mark.parametrize("npix", [1, 4, 5, 12, 17])
def test_area_mean_is_that_of_finer_cells(npix):
    opd = np.random.default_rng(1).normal(size=(12, 12))
    fine = np.kron(opd, np.ones((npix, npix)))  # 12 npix cells: whole blocks of both sizes
    truth = fine.reshape(npix, 12, npix, 12).mean(axis=(1, 3))
    found = area_mean(opd, npix)
    np.testing.assert_allclose(found, truth, rtol=0, atol=rounding(float, 144, 4))
    assert abs(found.mean() - opd.mean()) < rounding(float, 144)


def slopes(seeds, exponent):
    """Return the exponent fitted to each map's windowed periodogram, from 10 to 60 cycles across the map."""
    n = 128
    window = np.hanning(n + 1)[:-1]
    cycles = np.fft.fftfreq(n, 1 / n)
    f = np.hypot(cycles, cycles[:, None])
    edges = np.geomspace(10, 60, 9)
    rings = [(f >= a) & (f < b) for a, b in pairwise(edges)]
    log_f = [np.log(f[ring]).mean() for ring in rings]
    found = []
    for seed in seeds:
        opd = power_law_map(seed, n, 1.0, exponent=exponent)
        power = np.abs(np.fft.fft2(opd * window * window[:, None])) ** 2
        # The mean log of exponentially distributed power is off by the same constant in every ring.
        found.append(-np.polyfit(log_f, [np.log(power[ring]).mean() for ring in rings], 1)[0])
    return np.mean(found), np.std(found, ddof=1) / np.sqrt(len(found))


@pytest.mark.parametrize("exponent", [2.5, 1.5])
def test_power_spectrum_has_the_exponent_and_no_other(exponent):
    slope, error = slopes(range(24), exponent)
    assert abs(slope - exponent) < error
    assert abs(slope - (exponent + 0.2)) > 5 * error


@pytest.mark.parametrize("weights", [None, np.outer(np.linspace(0, 1, 40), np.linspace(1, 2, 40))])
def test_random_map_has_its_rms_and_no_piston_tip_or_tilt(weights):
    opd = power_law_map(3, 40, 20e-9, aperture=weights)
    w = full_circle(40) if weights is None else weights
    x = cell_centres(40)
    assert np.sqrt(np.sum(w * opd**2) / np.sum(w)) == pytest.approx(20e-9, rel=rounding(float, 1600))
    for term in (np.ones((40, 40)), x + 0 * x[:, None], x[:, None] + 0 * x):
        assert abs(np.sum(w * opd * term)) / np.sum(w) < 20e-9 * rounding(float, 1600)
    np.testing.assert_array_equal(opd, power_law_map(3, 40, 20e-9, aperture=weights))
    assert not np.allclose(opd, power_law_map(4, 40, 20e-9, aperture=weights))


def test_named_terms_are_removed_and_the_others_stay():
    basis = ZernikeBasis((1, 2, 3, 4), cell_centres(32))
    kept = np.asarray(ZernikeBasis((2,), cell_centres(32)).opd(jnp.ones(1)))  # odd: orthogonal to 1 and 4 on any disc
    opd = kept + np.asarray(basis.opd(jnp.array([3.0, 0.0, 0.0, 2.0])))
    np.testing.assert_allclose(remove_low_orders(opd, noll=(1, 4)), kept, rtol=0, atol=rounding(float, 1024, 10))


@pytest.mark.parametrize("aperture", [np.zeros((8, 8)), -np.ones((8, 8)), np.full((8, 8), np.nan)])
def test_unusable_apertures(aperture):
    with pytest.raises(ConfigError, match="aperture"):
        remove_low_orders(np.ones((8, 8)), aperture)


def test_terms_that_the_aperture_does_not_tell_apart():
    with pytest.raises(ConfigError, match="linearly independent"):
        remove_low_orders(np.ones((8, 8)), noll=(1, 1))


@pytest.mark.parametrize("wrong", [{"seed": -1}, {"npix": 3}, {"rms": -1.0}, {"rms": np.inf}, {"exponent": np.nan}])
def test_random_map_refuses(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        power_law_map(**{"seed": 0, "npix": 8, "rms": 1.0, **wrong})
