"""Stars and their ghosts, and the wavelengths of the band."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dluxshera.optics import (
    Spectrum,
    band_wavelengths,
    band_weights,
    binary_photons,
    binary_positions,
    distort,
    field_star_photons,
    ghost_photons,
    ghost_positions,
)
from support import reference_optics as ref
from support.helpers import rounding


def number(x) -> jnp.ndarray:
    return jnp.asarray(x, float)


@pytest.mark.parametrize(("angle_deg", "towards"), [(0.0, (0, 1)), (90.0, (1, 0)), (180.0, (0, -1)), (270.0, (-1, 0))])
def test_position_angle_turns_from_y_towards_x(angle_deg, towards):
    a, b = np.asarray(binary_positions(number(4.0), number(np.deg2rad(angle_deg)), jnp.array([10.0, 20.0])))
    np.testing.assert_allclose(b - a, 4.0 * np.array(towards), atol=rounding(float, condition=20))
    np.testing.assert_allclose((a + b) / 2, [10.0, 20.0], rtol=rounding(float))


def test_positions_equal_the_reference():
    params = {
        "binary.separation_as": 9.765,
        "binary.position_angle_deg": 14.508,
        "binary.x_position_as": 0.3,
        "binary.y_position_as": -0.2,
    }
    ours = binary_positions(number(9.765), number(np.deg2rad(14.508)), jnp.array([0.3, -0.2]))
    truth = np.array(ref.star_directions(params)) / ref.ARCSECOND
    np.testing.assert_allclose(np.asarray(ours), truth, rtol=rounding(float, condition=10))


def test_contrast_is_the_ratio_of_a_to_b():
    a, b = np.asarray(binary_photons(number(11.0), number(3.461)))
    assert a / b == pytest.approx(3.461, rel=rounding(float, 4))
    assert a + b == pytest.approx(1e11, rel=rounding(float, 4, condition=np.log(1e11)))


def test_ghosts_stand_where_reflection_and_offset_put_them():
    stars = binary_positions(number(8.0), number(0.4), jnp.array([1.0, -2.0]))
    mirrored = np.asarray(ghost_positions(stars, jnp.array([0.5, 0.25]), -1.0))
    for star, ghost in zip(np.asarray(stars), mirrored, strict=True):
        np.testing.assert_allclose((star + ghost) / 2, [0.25, 0.125], atol=rounding(float, 2, 10))  # the point between
    np.testing.assert_allclose(mirrored[1] - mirrored[0], stars[0] - stars[1], rtol=rounding(float, 2, 4))
    followed = ghost_positions(stars, jnp.array([3.0, 0.0]), 1.0)
    np.testing.assert_allclose(followed - stars, [[3.0, 0.0]] * 2, rtol=0, atol=rounding(float, 2, 10))
    by_magnification = jax.jacfwd(lambda m: ghost_positions(stars, jnp.zeros(2), m))(0.3)
    np.testing.assert_array_equal(by_magnification, stars)


def test_ghosts_have_their_part_of_each_star_at_each_wavelength():
    photons = binary_photons(number(6.0), number(3.0))[:, None] * jnp.array([0.5, 0.3, 0.2])
    ghosts = np.asarray(ghost_photons(photons, 1e-4))
    assert ghosts.sum() == pytest.approx(100.0, rel=rounding(float, 8, 20))
    np.testing.assert_allclose(ghosts[0], 75.0 * np.array([0.5, 0.3, 0.2]), rtol=rounding(float, 8, 20))
    np.testing.assert_allclose(ghost_photons(photons[:, 0], 1e-4), ghosts[:, 0], rtol=rounding(float))


def test_field_stars_shine_by_their_logarithm():
    photons = field_star_photons(jnp.array([3.0, 5.5]))
    np.testing.assert_allclose(photons, [1000.0, 10**5.5], rtol=rounding(float, condition=13))
    assert jax.grad(lambda x: field_star_photons(x))(3.0) == pytest.approx(1000.0 * np.log(10), rel=1e-13)


def test_distortion_is_radial_and_cubic():
    stars = jnp.array([[3.0, 4.0], [0.0, 0.0], [-6.0, 8.0]])
    np.testing.assert_allclose(distort(stars, 1e-3), [[3.075, 4.1], [0.0, 0.0], [-6.6, 8.8]], rtol=rounding(float, 4))
    np.testing.assert_array_equal(distort(stars, 0.0), stars)
    # A pair on a line through the axis is stretched by 1 + c (a^2 + a b + b^2), a and b signed distances.
    a, b, cubic = 2.0, -5.0, 1e-4
    pair = np.asarray(distort(jnp.array([[0.6 * a, 0.8 * a], [0.6 * b, 0.8 * b]]), cubic))
    assert np.hypot(*(pair[0] - pair[1])) == pytest.approx((a - b) * (1 + cubic * (a * a + a * b + b * b)), rel=1e-14)
    slope = jax.jacfwd(lambda c: distort(stars, c))(0.2)
    np.testing.assert_allclose(slope, (distort(stars, 0.7) - distort(stars, 0.2)) / 0.5, atol=1e-12)


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_flat_band_integrates_polynomials_of_degree_2n_minus_1(n):
    centre, width = 550e-9, 110e-9
    wavelengths = np.asarray(band_wavelengths(number(centre), number(width), n))
    weights = np.asarray(band_weights(number(centre), number(width), n, Spectrum()))
    x = (wavelengths - centre) / (width / 2)
    assert np.all(np.abs(x) < 1.0)
    assert np.all(np.diff(wavelengths) > 0)
    for degree in range(2 * n):
        exact = 0.0 if degree % 2 else 1.0 / (degree + 1)
        assert np.sum(weights * x**degree) == pytest.approx(exact, abs=rounding(float, n, condition=10))
    assert abs(np.sum(weights * x ** (2 * n)) - 1.0 / (2 * n + 1)) > 1e-4  # and no further
