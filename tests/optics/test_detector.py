"""The detector's effects before noise, against closed forms, quadrature and finite differences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import erf

from dluxshera.errors import ConfigError, ShapeError
from dluxshera.optics import (
    REACH,
    blur,
    crop,
    displaced_pixels,
    exposure_margin,
)
from dluxshera.systems.catalogue import DETECTORS
from support.rows import each_row

# Each as one program: operation by operation, every size of an image compiles dozens of them.
blur, displaced_pixels = jax.jit(blur, static_argnums=3), jax.jit(displaced_pixels)
STILL = jnp.zeros(2)


def cosines(size, dx=0.0, dy=0.0):
    """Return a sum of cosines, periodic in the array, as (f_x, f_y, amplitude, values) terms."""
    x, y = np.arange(size)[None, :] + dx, np.arange(size)[:, None] + dy
    terms = [(3, 0, 1.0, 0.3), (-2, 5, 0.7, 1.1), (4, 4, 0.4, -0.8), (0, 0, 2.0, 0.0)]
    return [(u / size, v / size, a * np.cos(2 * np.pi * (u * x + v * y) / size + phase)) for u, v, a, phase in terms]


def gaussian_pixels(size, sigma_x, sigma_y, x=0.0, y=0.0):
    """Return the integrals over pixels of a Gaussian of unit light, centred at (x, y) from the array's centre."""

    def axis(sigma, centre):
        edges = (np.arange(size + 1) - size / 2 - centre) / (np.sqrt(2) * sigma)
        return np.diff(erf(edges)) / 2

    return np.outer(axis(sigma_y, y), axis(sigma_x, x))


def variances(image):
    """Return the second central moments (xx, yy, xy) of an image."""
    place = np.arange(len(image)) - (len(image) - 1) / 2
    x, y = np.meshgrid(place, place)
    light = image / image.sum()
    x, y = x - (light * x).sum(), y - (light * y).sum()
    return np.array([(light * x * x).sum(), (light * y * y).sum(), (light * x * y).sum()])


def test_blur_of_cosines_in_closed_form():
    jitter, smear = 0.7, np.array([1.3, -2.1])
    truth = sum(
        np.exp(-2 * (np.pi * jitter) ** 2 * (u**2 + v**2)) * np.sinc(u * smear[0] + v * smear[1]) * wave
        for u, v, wave in cosines(24)
    )
    image = jnp.asarray(sum(wave for *_, wave in cosines(24)))
    np.testing.assert_allclose(blur(image, jitter, jnp.asarray(smear), 4), truth[4:-4, 4:-4], atol=1e-13)
    assert np.abs(blur(image, jitter, jnp.asarray(smear[::-1]), 4) - truth[4:-4, 4:-4]).max() > 1e-2


def test_smear_is_the_mean_over_the_drift():
    image = jnp.asarray(gaussian_pixels(41, 1.7, 1.7))
    nodes, weights = np.polynomial.legendre.leggauss(24)
    truth = sum(w / 2 * gaussian_pixels(41, 1.7, 1.7, 1.5 * t, 0.5 * t) for t, w in zip(nodes, weights, strict=True))
    np.testing.assert_allclose(blur(image, 0.0, jnp.array([3.0, 1.0]), 5), truth[5:-5, 5:-5], atol=1e-8)


def test_jitter_widens_a_gaussian_and_keeps_its_light():
    image = jnp.asarray(gaussian_pixels(48, 1.6, 2.0))
    moved = np.asarray(blur(image, 1.2, STILL, 0))
    np.testing.assert_allclose(moved, gaussian_pixels(48, np.hypot(1.6, 1.2), np.hypot(2.0, 1.2)), atol=1e-7)
    assert moved.sum() == pytest.approx(1.0, abs=1e-13)


def test_second_moments_grow_by_those_of_the_motion():
    image = gaussian_pixels(64, 1.8, 2.1)
    x, y = 2.5, -1.5
    grown = variances(np.asarray(blur(jnp.asarray(image), 0.9, jnp.array([x, y]), 0))) - variances(image)
    np.testing.assert_allclose(grown, [0.81 + x * x / 12, 0.81 + y * y / 12, x * y / 12], atol=1e-6)


def test_blur_is_even_and_flat_without_motion():
    image = jnp.asarray(gaussian_pixels(20, 1.5, 1.5))
    np.testing.assert_allclose(blur(image, 0.0, STILL, 2), crop(image, 2), atol=1e-16)
    slope_jitter, slope_smear = jax.jacfwd(lambda j, s: blur(image, j, s, 2), argnums=(0, 1))(0.0, STILL)
    assert not np.any(slope_jitter)
    assert not np.any(slope_smear)
    np.testing.assert_array_equal(
        blur(image, -0.5, jnp.array([-1.0, -2.0]), 2), blur(image, 0.5, jnp.array([1.0, 2.0]), 2)
    )


def test_blur_derivative_against_finite_differences():
    image = jnp.asarray(gaussian_pixels(20, 1.5, 1.5, 0.3, -0.4))

    def peak(motion):
        return blur(image, motion[0], motion[1:], 2)[8, 7]

    at, h = jnp.array([0.6, 1.0, -0.7]), 1e-5
    numeric = [(peak(at.at[i].add(h)) - peak(at.at[i].add(-h))) / (2 * h) for i in range(3)]
    np.testing.assert_allclose(jax.grad(peak)(at), numeric, rtol=1e-7)


def test_blur_derivative_where_the_terms_of_an_oblique_smear_cancel():
    """0.3 f_x - 0.1 f_y is then 1e-17 and not 0, in three places."""
    image, h = jnp.asarray(gaussian_pixels(20, 1.5, 1.5, 0.3, -0.4)), 1e-4

    @jax.jit
    def peak(smear_x, smear_y):
        return blur(image, 0.2, jnp.array([smear_x, smear_y]), 2)[8, 7]

    slope = jax.jit(jax.grad(peak))
    for smear_x in (0.3, 0.7, 1.3):
        smear_y = -smear_x / 3.0
        numeric = (peak(smear_x + h, smear_y) - peak(smear_x - h, smear_y)) / (2 * h)
        assert slope(smear_x, smear_y) == pytest.approx(float(numeric), rel=1e-6)


def test_light_of_the_opposite_border_stays_within_its_bound():
    size, jitter, margin = 40, 1.5, 8
    image = jnp.zeros((size, size)).at[0, :].set(1.0)  # all of it outside the window
    smear = jnp.array([0.0, 2.0])
    bound = 2 * float(jax.scipy.special.erfc((margin - 1.0) / (np.sqrt(2) * jitter)))
    assert np.abs(blur(image, jitter, smear, margin)).max() < bound


@each_row("jitter, smear", [(0.1, 0.0), (0.45, 0.0), (0.8, 0.0), (0.0, 1.0), (0.0, 1.7), (0.4, 2.5)])
@pytest.mark.parametrize("margin", [4, 8, 12])
def test_ringing_from_a_step_at_the_border_stays_within_its_bound(jitter, smear, margin):
    ramp = jnp.broadcast_to(jnp.linspace(0.0, 1.0, 64), (64, 64))  # a step of 1 where opposite borders meet
    ringing = np.abs(blur(ramp, jitter, jnp.array([smear, 0.3]), margin) - crop(ramp, margin)).max()
    assert ringing < 0.06 / margin**2


def test_crop_refuses_a_margin_that_leaves_nothing():
    for margin in (-1, 3):
        with pytest.raises(ConfigError, match="margin: expected 0 to 2 pixels"):
            crop(jnp.zeros((6, 6)), margin)


@pytest.mark.parametrize(("period", "error"), [(8.4, 0.0008), (4.2, 0.039), (7.0, 0.0023), (3.5, 0.099)])
def test_interpolation_error_of_one_wave(period, error):
    size, npix = 30, 24
    offset = np.random.default_rng(3).uniform(-1, 0.999, (npix, npix))
    x = np.arange(size) - 3.0
    given = displaced_pixels(
        jnp.asarray(np.tile(np.cos(2 * np.pi * x / period), (size, 1))), jnp.asarray(offset), jnp.zeros((npix, npix))
    )
    truth = np.cos(2 * np.pi * (np.arange(npix) + offset) / period)
    worst = np.abs(given - truth).max()
    assert 0.5 * error < worst < 1.03 * error  # the stated figure is rounded


def test_displaced_pixels_of_a_gaussian_integrated_over_them():
    npix = 16
    dx, dy = np.random.default_rng(5).uniform(-0.5, 0.5, (2, npix, npix))
    given = displaced_pixels(jnp.asarray(gaussian_pixels(npix + 6, 2.5, 3.0)), jnp.asarray(dx), jnp.asarray(dy))
    x = np.arange(npix)[None, :] - (npix - 1) / 2 + dx
    y = np.arange(npix)[:, None] - (npix - 1) / 2 + dy

    def integral(centre, sigma):
        return (erf((centre + 0.5) / (np.sqrt(2) * sigma)) - erf((centre - 0.5) / (np.sqrt(2) * sigma))) / 2

    truth = integral(x, 2.5) * integral(y, 3.0)
    np.testing.assert_allclose(given, truth, atol=5e-4 * truth.max())
    mirrored = displaced_pixels(jnp.asarray(gaussian_pixels(npix + 6, 2.5, 3.0)), jnp.asarray(-dx), jnp.asarray(dy))
    assert np.abs(mirrored - truth).max() > 0.05 * truth.max()


def test_constant_whole_displacement_is_a_shift():
    image = np.random.default_rng(8).normal(size=(18, 18))
    for x, y in ((0, 0), (1, -2), (-2, 1)):
        flat = jnp.ones((8, 8))
        given = displaced_pixels(jnp.asarray(image), x * flat, y * flat)
        np.testing.assert_allclose(given, image[5 + y : 13 + y, 5 + x : 13 + x], atol=1e-15)


def test_polynomials_of_fifth_degree_are_exact():
    x, y = np.arange(16)[None, :] - 7.5, np.arange(16)[:, None] - 7.5
    dx, dy = np.random.default_rng(2).uniform(-1, 1, (2, 10, 10))

    def surface(x, y):
        return (x / 8) ** 5 - 2 * (x / 8) ** 2 * (y / 8) ** 5 + y / 8

    inner = (slice(3, 13), slice(3, 13))
    truth = surface(np.broadcast_to(x, (16, 16))[inner] + dx, np.broadcast_to(y, (16, 16))[inner] + dy)
    given = displaced_pixels(jnp.asarray(surface(x, y)), jnp.asarray(dx), jnp.asarray(dy))
    np.testing.assert_allclose(given, truth, atol=1e-13)


def test_displacement_derivative_against_finite_differences():
    image = jnp.asarray(gaussian_pixels(14, 2.0, 2.0))
    offsets = jnp.asarray(np.random.default_rng(6).uniform(0.1, 0.4, (2, 8, 8)))
    weight, step = jnp.asarray(np.random.default_rng(7).normal(size=(2, 8, 8)))

    def total(t):
        moved = offsets + t * step * 0.01
        return (weight * displaced_pixels(image, moved[0], moved[1])).sum()

    h = 1e-4
    np.testing.assert_allclose(jax.grad(total)(0.0), (total(h) - total(-h)) / (2 * h), rtol=1e-7)


def test_displacements_beyond_the_margin_give_nan_there_only():
    offset = jnp.zeros((8, 8)).at[0, 0].set(1.0).at[7, 7].set(-1.01).at[3, 3].set(-1.0)
    given = displaced_pixels(jnp.ones((14, 14)), offset, jnp.zeros((8, 8)))
    assert np.argwhere(np.isnan(given)).tolist() == [[0, 0], [7, 7]]


@pytest.mark.parametrize("size", [8 + 2 * REACH - 2, 8 + 2 * REACH + 1])
def test_displaced_pixels_refuse_an_image_without_its_margin(size):
    with pytest.raises(ShapeError, match="8 pixels across and an equal margin of at least 3"):
        displaced_pixels(jnp.zeros((size, size)), jnp.zeros((8, 8)), jnp.zeros((8, 8)))


def test_float32_jit_and_vmap():
    image = gaussian_pixels(22, 1.8, 1.8)
    offset = np.full((10, 10), 0.25)

    def counts(image, jitter, offset):
        return displaced_pixels(blur(image, jitter, jnp.array([0.5, 0.2], image.dtype), 3), offset, offset)

    exact = counts(jnp.asarray(image), 0.4, jnp.asarray(offset))
    many = jax.jit(jax.vmap(counts, (None, 0, None)))
    single = many(jnp.asarray(image, jnp.float32), jnp.full(2, 0.4, jnp.float32), jnp.asarray(offset, jnp.float32))
    assert single.dtype == jnp.float32
    np.testing.assert_allclose(single, np.stack([exact, exact]), atol=1e-6 * float(exact.max()))


def test_named_detectors_are_those_of_the_design():
    assert {
        name: (d.pixel_pitch_m, d.read_noise, d.dark_current, d.full_well, d.quantum_efficiency)
        for name, d in DETECTORS.items()
    } == {"HWK4123": (4.6e-6, 0.5, 2.0, 7e3, 0.85), "GSENSE2020BSI": (6.5e-6, 1.6, 0.07, 55e3, None)}


@pytest.mark.parametrize(
    ("jitter", "smear"), [(0.0, (0.0, 0.0)), (0.3, (0.0, 0.0)), (2.0, (0.0, 5.0)), (0.0, (9.0, 1.0))]
)
@each_row("leak", [2e-3, 1e-4])
def test_margin_keeps_the_opposite_border_and_the_ringing_out(jitter, smear, leak):
    margin, size = exposure_margin(jitter, smear, leak=leak), 16
    assert (margin > 0) == bool(jitter or any(smear))
    rows = jnp.arange(size + 2 * margin) < 1.0  # light along one border, which is a step to the opposite one
    image = jnp.broadcast_to(rows[:, None].astype(float), (len(rows), len(rows)))
    for wide in (image, image.T, jnp.broadcast_to(jnp.linspace(0.0, 1.0, len(rows)), image.shape)):
        # A ramp is its own average; a border whose light stays outside the window leaves nothing in it.
        still = crop(wide, margin)
        if margin:
            assert np.abs(blur(wide, jitter, jnp.array(smear), margin) - still).max() < leak


@pytest.mark.parametrize("smear", [(0.3, 0.3), (1.0, 1.0), (2.5, -1.5), (1.0, 0.0)])
@each_row("margin", [4, 8, 16])
def test_ringing_of_an_oblique_smear_from_a_step_that_varies_along_the_border(smear, margin):
    size, frequency = 64, 0.25  # cycles per pixel along the border, and a ramp across it
    x, y = np.arange(size)[None, :] / (size - 1) - 0.5, np.arange(size)[:, None]

    def wave(part):
        return (x + smear[0] * part / (size - 1)) * np.cos(2 * np.pi * frequency * (y + smear[1] * part))

    nodes, weights = np.polynomial.legendre.leggauss(30)
    truth = sum(w / 2 * wave(t / 2) for t, w in zip(nodes, weights, strict=True))[margin:-margin, margin:-margin]
    ringing = np.abs(blur(jnp.asarray(wave(0.0)), 0.0, jnp.array(smear), margin) - truth).max()
    bound = 0.06 / margin**2 + 0.06 * min(1.0, abs(smear[0] * smear[1])) / margin
    assert ringing < bound
    assert ringing > 0.1 * bound


def test_margin_grows_with_the_motion_and_refuses_nonsense():
    assert exposure_margin() == 0
    assert [exposure_margin(displacement=d) for d in (0.5, 1.0, 2.5)] == [3, 4, 5]
    assert exposure_margin(0.3, displacement=0.5) == exposure_margin(0.3) + 3
    assert exposure_margin(2.0) > exposure_margin(0.3)
    assert (
        exposure_margin(smear=(1.0, 1.0))
        > 50
        > exposure_margin(smear=(0.05, 0.05))
        == exposure_margin(smear=(0.05, 0.0))
        == 8
    )
    assert exposure_margin(smear=(0.0, -20.0)) == exposure_margin(smear=(20.0, 0.0)) > 10
    for wrong in ({"jitter": -1.0}, {"displacement": float("nan")}, {"smear": (0.0, float("inf"))}, {"leak": 0.0}):
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            exposure_margin(**wrong)


def test_displacements_up_to_the_promise_fit_their_margin():
    for largest in (0.5, 1.0, 2.5):
        margin = exposure_margin(displacement=largest)
        given = displaced_pixels(jnp.ones((8 + 2 * margin,) * 2), jnp.full((8, 8), largest), jnp.full((8, 8), -largest))
        np.testing.assert_allclose(given, 1.0, rtol=1e-13)
