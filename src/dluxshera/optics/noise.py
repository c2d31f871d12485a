"""Noise, saturation and digitisation of exposures in electrons; an exposure is the sum of `n_frames` frames."""

from typing import Final

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int

from dluxshera.errors import ConfigError

EXACT_BELOW: Final = 1e4  # mean, electrons; JAX's rejection sampler loses digits far above, in float32 first
MOST_BITS: Final = 24  # every whole number of so many bits is a float32


def draw_exposure(
    key: Array, expected: Float[Array, "*shape"], read_noise: ArrayLike, n_frames: ArrayLike
) -> Float[Array, "*shape"]:
    """Return one exposure: Poisson of mean `expected`, and read noise of variance ``n_frames * read_noise**2``.

    Means below `EXACT_BELOW` are drawn by `jax.random.poisson`. That one returns integers, which its default of 32 bits
    cannot hold beyond 2e9, and compares terms of the size mean * log(mean), which in float32 are off by about one at
    1e6. So larger means are drawn as the whole number next to mean + s z + (z^2 - 1) / 6 with z normal and
    s^2 = mean - 5/36, which has Poisson's mean and variance, and its third moment to 1e-5 of itself. The numbers
    are whole as far as the floats are: in float32 to 1.7e7, and the noise itself is resolved up to 1e12.

    Parameters
    ----------
    key : Array
        A key of `jax.random`; the same key gives the same exposure.
    expected : Array
        Mean electrons per pixel, dark current included; NaN is returned where it is negative or NaN.
    read_noise : float or Array
        Standard deviation per frame, electrons.
    n_frames : int or float
        Frames in the exposure.
    """
    few_key, many_key, read_key = jax.random.split(key, 3)
    many = expected >= EXACT_BELOW
    few = jax.random.poisson(few_key, jnp.where(many | ~(expected >= 0), 0.0, expected)).astype(expected.dtype)
    mean = jnp.where(many, expected, EXACT_BELOW)
    z = jax.random.normal(many_key, expected.shape, expected.dtype)
    shot = jnp.where(many, jnp.round(mean + jnp.sqrt(mean - 5 / 36) * z + (z**2 - 1) / 6), few)
    read = read_noise * jnp.sqrt(n_frames) * jax.random.normal(read_key, expected.shape, expected.dtype)
    return jnp.where(expected >= 0, shot + read, jnp.nan).astype(expected.dtype)


def noise_variance(expected: Float[Array, "*shape"], read_noise: ArrayLike, n_frames: ArrayLike) -> Array:
    """Return the variance of `draw_exposure`, electrons squared: ``expected + n_frames * read_noise**2``."""
    return expected + n_frames * jnp.square(read_noise)


def saturated(expected_per_frame: Float[Array, "*shape"], full_well: ArrayLike) -> Bool[Array, "*shape"]:
    """Return where the electrons expected in a frame exceed the full well; nothing is clipped."""
    return expected_per_frame > full_well


def frame_saturation(
    expected: Float[Array, "*shape"], exposure_time: ArrayLike, frame_time: ArrayLike, full_well: ArrayLike
) -> tuple[Bool[Array, "*shape"], Float[Array, ""]]:
    """Return where single frames of an exposure saturate, and the fraction of the pixels that do.

    Parameters
    ----------
    expected : Array
        Electrons expected in the whole exposure.
    exposure_time, frame_time : float
        Of the exposure and of each of its frames, seconds.
    full_well : float or Array
        Electrons that a pixel holds.
    """
    mask = saturated(expected * (jnp.asarray(frame_time) / exposure_time), full_well)
    return mask, jnp.mean(mask, dtype=expected.dtype)


def digitise(
    electrons: Float[Array, "*shape"], gain: ArrayLike, bits: int, offset: ArrayLike
) -> tuple[Int[Array, "*shape"], Bool[Array, "*shape"]]:
    """Return the data numbers of `electrons`, and where they were clipped to the range 0 to 2^bits - 1.

    Parameters
    ----------
    electrons : Array
        Electrons in a frame; NaN becomes 0 and counts as clipped.
    gain : float
        Electrons per data number.
    bits : int
        Of the converter, 1 to `MOST_BITS`.
    offset : float
        Data number of no electrons.

    Raises
    ------
    ConfigError
        If `bits` is out of its range.
    """
    if not 1 <= bits <= MOST_BITS:
        raise ConfigError("bits", expected=f"1 to {MOST_BITS}", got=bits)
    most = 2**bits - 1
    numbers = jnp.round(electrons / gain + offset)
    clipped = ~((numbers >= 0) & (numbers <= most))
    return jnp.nan_to_num(jnp.clip(numbers, 0, most)).astype(jnp.int32), clipped


def from_counts(counts: Int[Array, "*shape"], gain: ArrayLike, offset: ArrayLike) -> Float[Array, "*shape"]:
    """Return the electrons of data numbers; those of `digitise` come back to half of `gain` unless clipped."""
    return jnp.asarray((counts - jnp.asarray(offset)) * gain, float)
