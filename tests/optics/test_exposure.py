"""Noise, saturation and digitisation, against the moments and the rules that define them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dluxshera.errors import ConfigError
from dluxshera.optics import (
    counts_to_electrons,
    digitise,
    draw_electrons,
    draw_exposure,
    frame_saturation,
    noise_variance,
)
from dluxshera.optics.exposure import EXACT_BELOW

DRAWS = 400_000


def deviations(mean, read_noise, n_frames, told_read_noise):
    """Return how many standard errors the first three moments of many draws lie from those expected."""
    draws = draw_electrons(jax.random.key(11), jnp.full(DRAWS, mean), read_noise, n_frames)
    d = np.asarray(draws) - mean
    variance = mean + n_frames * told_read_noise**2
    moments = np.array([d.mean(), (d**2).mean(), (d**3).mean()])
    errors = np.array([d.std(), (d**2).std(), (d**3).std()]) / np.sqrt(DRAWS)
    return (moments - [0.0, variance, mean]) / errors  # the third central moment of a Poisson number is its mean


@pytest.mark.parametrize("mean", [0.3, 8.0, 300.0, 9.9e3, 1.01e4, 1e6, 3e10, 1e14])
def test_moments(mean):
    assert np.abs(deviations(mean, 0.5, 16, 0.5)).max() < 4


def test_moments_tell_a_wrong_read_noise():
    assert np.abs(deviations(8.0, 0.55, 16, 0.5))[1] > 10


def test_without_read_noise_counts_are_whole_and_of_poisson_frequency():
    draws = np.asarray(draw_electrons(jax.random.key(2), jnp.full(DRAWS, 2.0), 0.0, 1))
    seen = np.bincount(draws.astype(int), minlength=4)[:4] / DRAWS
    chance = np.exp(-2.0) * np.array([1.0, 2.0, 2.0, 4.0 / 3.0])
    assert np.array_equal(draws, np.round(draws))
    assert np.all(np.abs(seen - chance) < 4 * np.sqrt(chance * (1 - chance) / DRAWS))


def test_keys_give_independent_draws_and_a_key_the_same():
    expected = jnp.full(DRAWS, 50.0)
    one, same, other = (np.asarray(draw_electrons(jax.random.key(k), expected, 1.0, 4)) for k in (1, 1, 2))
    assert np.array_equal(one, same)
    assert abs(np.corrcoef(one, other)[0, 1]) < 4 / np.sqrt(DRAWS)


def test_no_draw_where_there_is_no_mean():
    drawn = draw_electrons(jax.random.key(0), jnp.array([-1.0, jnp.nan, 0.0, 2 * EXACT_BELOW]), 0.0, 1)
    assert np.isnan(drawn).tolist() == [True, True, False, False]
    assert drawn[2] == 0


@pytest.mark.parametrize("mean", [20.0, 9e3, 1e8])
def test_float32_under_jit_and_vmap(mean):
    keys = jax.random.split(jax.random.key(4), 4)
    draw = jax.jit(jax.vmap(lambda key: draw_electrons(key, jnp.full(100_000, mean, jnp.float32), 0.5, 4)))
    draws = draw(keys)
    assert draws.dtype == jnp.float32
    d, variance = np.asarray(draws, float).ravel() - mean, mean + 1.0
    assert abs(d.mean()) < 4 * np.sqrt(variance / d.size)
    assert abs((d**2).mean() - variance) < 4 * (d**2).std() / np.sqrt(d.size)


def test_noise_variance_and_its_slope():
    assert noise_variance(jnp.array([100.0]), 0.5, 36_000)[0] == pytest.approx(9100.0)
    assert jax.grad(lambda e: noise_variance(e, 0.5, 7))(3.0 * jnp.ones(())) == 1.0


def test_saturation_flags_the_pixels_above_the_well_and_no_others():
    frame = jnp.array([[6999.0, 7000.0], [7001.0, 0.0]])
    mask, fraction = frame_saturation(8 * frame, 4.0, 0.5, 7e3)  # powers of two, so that 7000 is exact
    assert mask.tolist() == [[False, False], [True, False]]
    assert fraction == 0.25


def test_an_exposure_has_the_draw_variance_and_saturation_of_its_parts():
    key, expected = jax.random.key(5), jnp.array([[1e5, 20.0], [3.0, 1e7]])
    exposure = draw_exposure(key, expected, 10.0, 0.5, 7e3, 1.5)
    np.testing.assert_array_equal(exposure.electrons, draw_electrons(key, expected, 1.5, 20.0))
    np.testing.assert_allclose(exposure.variance, expected + 20.0 * 1.5**2)
    assert exposure.saturated.tolist() == [[False, False], [False, True]]  # 5e3 and 5e5 electrons in a frame
    assert exposure.saturated_fraction == 0.25


def test_digitise_comes_back_to_half_a_step_and_flags_what_it_clips():
    gain, bits, offset = 1.7, 10, 100
    electrons = jnp.linspace(-400.0, 2000.0, 997)
    numbers, clipped = digitise(electrons, gain, bits, offset)
    exact = np.round(np.asarray(electrons) / gain + offset)
    np.testing.assert_array_equal(clipped, (exact < 0) | (exact > 1023))
    assert clipped[0]
    assert clipped[-1]
    assert np.abs(counts_to_electrons(numbers, gain, offset) - electrons)[~clipped].max() <= gain / 2 + 1e-12
    assert (int(numbers[0]), int(numbers[-1])) == (0, 1023)


def test_digitise_flags_what_is_no_number():
    numbers, clipped = digitise(jnp.array([jnp.nan, jnp.inf, -jnp.inf, 3.0]), 1.0, 24, 0)
    assert numbers.tolist() == [0, 2**24 - 1, 0, 3]
    assert clipped.tolist() == [True, True, True, False]


@pytest.mark.parametrize("bits", [0, 25])
def test_digitise_refuses_bits_it_cannot_hold(bits):
    with pytest.raises(ConfigError, match="bits: expected 1 to 24"):
        digitise(jnp.zeros(2), 1.0, bits, 0)
