"""Spectra, filters and the weights they give, against astropy's Planck law, dense quadrature and closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from astropy import units as u
from astropy.modeling.physical_models import BlackBody
from scipy.integrate import quad
from scipy.optimize import brentq

from dluxshera.errors import DataError
from dluxshera.optics import (
    Curve,
    Spectrum,
    band_wavelengths,
    band_weights,
    check_table,
    cut_curve,
    mean_value,
    mean_wavelength,
    photon_black_body,
)
from dluxshera.optics.spectrum import PHOTON_PEAK
from support.helpers import central_difference, relative_l2, rounding
from support.reference_optics import black_body_photons

CENTRE, WIDTH = 550e-9, 110e-9
BLUE, RED = CENTRE - WIDTH / 2, CENTRE + WIDTH / 2
EXACT = 1e-12
RNG = np.random.default_rng(3)
# A spectrum of uneven rows, some of them beyond the band, and a filter with rows of its own.
STAR = Curve(np.sort(RNG.uniform(BLUE - 20e-9, RED + 20e-9, 200)), RNG.uniform(0.1, 1.0, 200))
FILTER = Curve(np.linspace(BLUE - 1e-9, RED + 4e-9, 31), RNG.uniform(0.0, 1.0, 31))
SPECTRA = {
    "a black body": Spectrum((), 5260.0),
    "a spectrum": Spectrum((STAR,)),
    "a spectrum through a filter": Spectrum((STAR, FILTER)),
    "a black body through a filter": Spectrum((FILTER,), 3000.0),
    "a black body, lines and a filter": Spectrum((FILTER, STAR), 5790.0),
}


def points_of(spectrum: Spectrum, number: int = 24) -> tuple[np.ndarray, np.ndarray]:
    """Return places in the band, -1 to 1, and the part of the photons at each: Gauss points between all rows."""
    rows = np.concatenate([curve.wavelengths for curve in spectrum.curves] + [np.linspace(BLUE, RED, 20)])
    borders = np.unique(np.clip(rows, BLUE, RED))
    nodes, weights = np.polynomial.legendre.leggauss(number)
    middle, half = (borders[1:] + borders[:-1]) / 2, np.diff(borders) / 2
    wavelengths, photons = (middle + half * nodes[:, None]).ravel(), (half * weights[:, None]).ravel()
    for curve in spectrum.curves:
        photons = photons * np.interp(wavelengths, *curve)
    if spectrum.temperature is not None:
        photons = photons * black_body_photons(wavelengths, spectrum.temperature)
    return (wavelengths - CENTRE) / (WIDTH / 2), photons / photons.sum()


def lagrange(nodes: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return the Lagrange polynomials of the nodes at x, as products."""
    rows = []
    for k, node in enumerate(nodes):
        others = np.delete(nodes, k)
        rows.append(np.prod((x[:, None] - others) / (node - others), axis=1))
    return np.array(rows)


def traced(spectrum: Spectrum) -> Spectrum:
    return jax.tree.map(jnp.asarray, spectrum)


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


@pytest.mark.parametrize("n", [1, 2, 9, 40])
@pytest.mark.parametrize("name", SPECTRA)
def test_moments_below_degree_n_are_those_of_the_photons(name, n):
    spectrum = SPECTRA[name]
    places, photons = points_of(spectrum)
    nodes = (np.asarray(band_wavelengths(CENTRE, WIDTH, n)) - CENTRE) / (WIDTH / 2)
    plain = band_weights(CENTRE, WIDTH, n, spectrum)
    compiled = jax.jit(band_weights, static_argnums=2)(CENTRE, WIDTH, n, traced(spectrum))
    for weights in (plain, np.asarray(compiled)):
        assert weights.shape == (n,)
        moments = [weights @ nodes**m for m in range(n)]
        np.testing.assert_allclose(moments, [photons @ places**m for m in range(n)], rtol=0, atol=EXACT)
        np.testing.assert_allclose(weights, lagrange(nodes, places) @ photons, rtol=0, atol=EXACT)
    if n > 1:
        assert mean_wavelength(CENTRE, WIDTH, spectrum) == pytest.approx(CENTRE + WIDTH / 2 * moments[1], rel=EXACT)


def lines(number: int, widths: tuple[float, float], seed: int) -> Curve:
    """Return a flat spectrum with triangular absorption lines, each of three rows; where two meet, the deeper acts."""
    rng = np.random.default_rng(seed)
    centres, half = rng.uniform(BLUE, RED, number), rng.uniform(*widths, number) / 2
    rows = np.unique(np.concatenate([[BLUE - 1e-9, RED + 1e-9], centres - half, centres, centres + half]))
    depth = rng.uniform(0.3, 0.9, number) * np.clip(1 - np.abs(rows[:, None] - centres) / half, 0, None)
    return Curve(rows, 1.0 - depth.max(axis=1))


def test_a_spectrum_of_300_narrow_lines_is_not_aliased():
    """A smooth function of wavelength has the mean of 20,000 narrow bands; sampled at the nodes the lines miss it."""
    curve = lines(300, (0.02e-9, 0.2e-9), seed=7)
    edges = np.linspace(BLUE, RED, 20_001)
    fine = np.unique(np.concatenate([edges, np.clip(curve.wavelengths, BLUE, RED)]))
    height = np.interp(fine, *curve)
    below = np.concatenate([[0.0], np.cumsum(np.diff(fine) * (height[1:] + height[:-1]))])
    in_band = np.diff(np.interp(edges, fine, below))
    middle = (edges[1:] + edges[:-1]) / 2

    def image(wavelengths):  # as the pattern at 30 lambda / D varies across the band
        return np.cos(2 * np.pi * 30 * CENTRE / wavelengths)

    truth = image(middle) @ in_band / in_band.sum()
    n = 40
    nodes = band_wavelengths(CENTRE, WIDTH, n)
    projected = band_weights(CENTRE, WIDTH, n, Spectrum((curve,)))
    sampled = band_weights(CENTRE, WIDTH, n, Spectrum()) * np.interp(nodes, *curve)
    assert image(nodes) @ projected == pytest.approx(truth, abs=1e-6)
    assert abs(image(nodes) @ sampled / sampled.sum() - truth) > 1e-3


def test_a_single_line_weighs_the_nodes_by_their_polynomials_some_below_zero():
    place, half = 0.3, 1e-7
    rows = CENTRE + WIDTH / 2 * np.array([-2.0, place - half, place, place + half, 2.0])
    weights = band_weights(CENTRE, WIDTH, 5, Spectrum((Curve(rows, np.array([0.0, 0.0, 1.0, 0.0, 0.0])),)))
    nodes = np.polynomial.legendre.leggauss(5)[0]
    np.testing.assert_allclose(weights, lagrange(nodes, np.array([place]))[:, 0], atol=1e-8)
    assert weights.min() < -0.05


def test_two_rows_have_a_closed_form():
    """Of a + b t: its product with a Lagrange polynomial is integrated exactly by the nodes themselves."""
    reach, first, last, n = 3.0, 0.2, 1.7, 4
    curve = Curve(CENTRE + reach * WIDTH / 2 * np.array([-1.0, 1.0]), np.array([first, last]))
    nodes, flat = np.polynomial.legendre.leggauss(n)
    a, b = (first + last) / 2, (last - first) / (2 * reach)
    weights = band_weights(CENTRE, WIDTH, n, Spectrum((curve,)))
    np.testing.assert_allclose(weights, flat / 2 * (1 + b / a * nodes), rtol=rounding(float, n, 10))
    assert mean_value(CENTRE, WIDTH, curve) == pytest.approx(a, rel=rounding(float, 2))
    assert mean_wavelength(CENTRE, WIDTH, Spectrum((curve,))) == pytest.approx(CENTRE + WIDTH * b / a / 6, rel=1e-15)


def test_a_row_on_the_line_between_its_neighbours_changes_nothing():
    whole = band_weights(CENTRE, WIDTH, 9, Spectrum((STAR, FILTER), 4000.0))
    more = np.sort(np.concatenate([STAR.wavelengths, RNG.uniform(BLUE, RED, 57)]))
    split = Curve(more, np.interp(more, *STAR))
    np.testing.assert_allclose(band_weights(CENTRE, WIDTH, 9, Spectrum((split, FILTER), 4000.0)), whole, atol=1e-14)
    np.testing.assert_allclose(band_weights(CENTRE, WIDTH, 9, Spectrum((FILTER, STAR), 4000.0)), whole, atol=1e-14)


def test_tables_with_the_same_rows():
    squared = Spectrum((STAR, STAR))
    places, photons = points_of(squared)
    nodes = np.polynomial.legendre.leggauss(6)[0]
    np.testing.assert_allclose(
        band_weights(CENTRE, WIDTH, 6, squared), lagrange(nodes, places) @ photons, rtol=0, atol=EXACT
    )


def test_flat_curves_are_the_top_hat_and_units_do_not_act():
    flat = np.polynomial.legendre.leggauss(7)[1] / 2
    np.testing.assert_array_equal(band_weights(CENTRE, WIDTH, 7, Spectrum()), flat)
    level = Curve(STAR.wavelengths, np.full(200, 0.7))
    np.testing.assert_allclose(band_weights(CENTRE, WIDTH, 7, Spectrum((level,))), flat, atol=rounding(float, 200))
    once, tripled = (
        band_weights(CENTRE, WIDTH, 7, Spectrum((Curve(STAR.wavelengths, scale * STAR.values),))) for scale in (1, 3)
    )
    np.testing.assert_allclose(tripled, once, atol=rounding(float, 10))
    assert relative_l2(once, flat) > 1e-2


@pytest.mark.parametrize(("temperature", "width"), [(2500.0, 500e-9), (5790.0, 41e-9), (20_000.0, 110e-9)])
def test_mean_wavelength_of_a_black_body_equals_a_numerical_integral(temperature, width):
    edges = (CENTRE - width / 2, CENTRE + width / 2)
    total = quad(lambda w: black_body_photons(w, temperature), *edges, epsabs=0, epsrel=1e-13)[0]
    first = quad(lambda w: w * black_body_photons(w, temperature), *edges, epsabs=0, epsrel=1e-13)[0]
    assert mean_wavelength(CENTRE, width, Spectrum((), temperature)) == pytest.approx(first / total, rel=EXACT)


def test_a_band_that_moves_sees_other_parts_of_a_table_that_does_not():
    """A ramp of which a bluer band sees the lower part: the table is fixed in wavelength."""
    ramp = Curve(np.array([400e-9, 700e-9]), np.array([0.0, 1.0]))
    for centre in (480e-9, 550e-9, 610e-9):
        assert mean_value(centre, WIDTH, ramp) == pytest.approx((centre - 400e-9) / 300e-9, rel=1e-14)
        moved = Curve(ramp.wavelengths + (centre - CENTRE), ramp.values)  # with the band
        assert mean_value(centre, WIDTH, moved) == pytest.approx(0.5, rel=1e-13)


@pytest.mark.parametrize("name", ["a spectrum", "a black body, lines and a filter"])
def test_derivatives_equal_finite_differences(name):
    n, rng = 6, np.random.default_rng(5)
    spectrum = SPECTRA[name]
    point = (jnp.asarray(CENTRE), jnp.asarray(WIDTH), traced(spectrum))
    scales = jax.tree.map(lambda x: 1e-11 if np.max(x) < 1e-3 else 1e-3 * np.max(x), point)

    def weights(point):
        return band_weights(point[0], point[1], n, point[2])

    forward = jax.jit(lambda at, along: jax.jvp(weights, (at,), (along,))[1])
    cotangent = jnp.asarray(rng.normal(size=n))
    backward = jax.jit(lambda at: jax.vjp(weights, at)[1](cotangent)[0])(point)
    for i, leaf in enumerate(jax.tree.leaves(point)):
        direction = rng.normal(size=leaf.shape) * jax.tree.leaves(scales)[i]
        along = jax.tree.unflatten(
            jax.tree.structure(point),
            [jnp.asarray(direction) if j == i else jnp.zeros_like(x) for j, x in enumerate(jax.tree.leaves(point))],
        )

        def moved(step, along=along):
            centre, width, changed = jax.tree.map(lambda value, slope: np.asarray(value + step * slope), point, along)
            return band_weights(centre, width, n, changed)

        derivative = forward(point, along)
        assert relative_l2(derivative, central_difference(moved, 0.02)) < 1e-6, i
        products = jax.tree.map(lambda a, b: jnp.sum(a * b), backward, along)
        assert float(sum(jax.tree.leaves(products))) == pytest.approx(float(derivative @ cotangent), rel=1e-9), i


def test_the_program_does_not_grow_with_the_number_of_wavelengths():
    def size(n):
        return len(str(jax.make_jaxpr(lambda s: band_weights(CENTRE, WIDTH, n, s))(traced(SPECTRA["a spectrum"]))))

    assert size(40) < 1.05 * size(9)


def test_no_light_no_weights():
    dark = Curve(STAR.wavelengths, np.zeros(200))
    with np.errstate(invalid="ignore"):
        assert np.isnan(band_weights(CENTRE, WIDTH, 3, Spectrum((dark,)))).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_weights_have_the_precision_of_their_inputs(dtype):
    spectrum = jax.tree.map(lambda x: jnp.asarray(x, dtype), SPECTRA["a black body through a filter"])
    weights = band_weights(jnp.asarray(CENTRE, dtype), jnp.asarray(WIDTH, dtype), 5, spectrum)
    assert weights.dtype == dtype
    truth = band_weights(CENTRE, WIDTH, 5, SPECTRA["a black body through a filter"])
    np.testing.assert_allclose(weights, truth, atol=rounding(dtype, 31, CENTRE / WIDTH))


UNCOVERED = [
    (500.0, 700.0, "Missing: 495 to 500 nm;"),
    (400.0, 600.0, "Missing: 600 to 605 nm;"),
    (520.0, 560.0, "Missing: 495 to 520 nm and 560 to 605 nm;"),
    (620.0, 700.0, "Missing: 495 to 605 nm;"),
]


@pytest.mark.parametrize(("first", "last", "missing"), UNCOVERED)
def test_a_table_that_does_not_cover_the_band_says_what_is_missing(first, last, missing):
    rows = np.linspace(first, last, 9) * 1e-9
    with pytest.raises(DataError, match=f"495 to 605 nm, got .*{first:g} to {last:g} nm.*{missing}"):
        check_table(rows, CENTRE, WIDTH)
    with pytest.raises(DataError, match=missing):
        cut_curve(rows, np.ones(9), CENTRE, WIDTH)
    weights = jax.jit(lambda rows: band_weights(CENTRE, WIDTH, 3, Spectrum((Curve(rows, jnp.ones(9)),))))(rows)
    assert np.isnan(weights).all()


def test_a_table_may_end_at_the_edges_of_the_band_but_for_rounding():
    rows = np.array([BLUE, RED]) * (1 + np.array([1.0, -1.0]) * 1e-15)
    check_table(rows, CENTRE, WIDTH)
    np.testing.assert_allclose(band_weights(CENTRE, WIDTH, 2, Spectrum((Curve(rows, np.ones(2)),))), 0.5, rtol=1e-14)


def test_tables_that_are_no_curve():
    good = np.linspace(400e-9, 700e-9, 4)
    for rows, values, complaint in (
        (good, np.ones(3), "a value for each"),
        (good[::-1], np.ones(4), "ascend"),
        (good[[0, 1, 1, 3]], np.ones(4), "remove repeated wavelengths"),
        (np.where(good > 6.5e-7, np.nan, good), np.ones(4), "finite"),
        (np.zeros(0), np.zeros(0), "a value for each"),
        (np.full((2, 2), 5e-7), np.ones((2, 2)), "a value for each"),
    ):
        with pytest.raises(DataError, match=complaint):
            cut_curve(rows, values, CENTRE, WIDTH)
    for rows in (good[::-1], good[[0, 1, 1, 3]]):  # as a traced table, without a check
        weights = band_weights(CENTRE, WIDTH, 2, traced(Spectrum((Curve(rows, np.ones(4)),))))
        assert np.isnan(weights).all()


def test_a_cut_keeps_the_rows_that_the_band_needs():
    rows = np.arange(480.0, 621.0, 10.0) * 1e-9
    values = np.arange(rows.size) * 0.1
    kept = cut_curve(rows, values, CENTRE, WIDTH)  # 495 to 605
    np.testing.assert_array_equal(kept.wavelengths, rows[1:-1])
    np.testing.assert_array_equal(kept.values, values[1:-1])
    for spectrum in (Spectrum((kept,)), Spectrum((kept, FILTER), 5000.0)):
        whole = spectrum._replace(curves=(Curve(rows, values), *spectrum.curves[1:]))
        weights = [band_weights(CENTRE, WIDTH, 7, item) for item in (spectrum, whole)]
        np.testing.assert_allclose(*weights, rtol=rounding(float, 20, 10))
    wider = cut_curve(rows, values, CENTRE, WIDTH, room=6e-9)
    np.testing.assert_array_equal(wider.wavelengths, rows)
    check_table(wider.wavelengths, CENTRE + 6e-9, WIDTH)
    assert len(cut_curve(rows, values, CENTRE, WIDTH, room=1.0).wavelengths) == rows.size
