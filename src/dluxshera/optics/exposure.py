"""Exposures of a detector: from expected to drawn electrons, with their variance, saturation and data numbers.

An exposure is the sum of its frames.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int

from dluxshera.errors import ConfigError

EXACT_BELOW: Final = 1e4  # mean, electrons; far above, JAX's rejection sampler loses digits, in float32 first
MOST_BITS: Final = 24  # float32 represents every integer of this many bits


class Exposure(NamedTuple):
    """One exposure.

    Parameters
    ----------
    electrons : Array, shape (npix, npix)
        Electrons read, summed over the frames. Read noise can make them negative.
    variance : Array, shape (npix, npix)
        Variance of the electrons about their expectation: photon noise, and read noise of all frames. Electrons
        squared.
    saturated : Array, shape (npix, npix)
        Pixels whose expected electrons in one frame exceed the full well. Nothing is clipped; exclude these pixels
        from a fit.
    """

    electrons: Float[Array, "npix npix"]
    variance: Float[Array, "npix npix"]
    saturated: Bool[Array, "npix npix"]

    @property
    def saturated_fraction(self) -> float:
        """Fraction of the pixels that are saturated."""
        return float(jnp.mean(self.saturated))


def draw_exposure(
    key: Array,
    expected: Float[Array, "npix npix"],
    exposure_time: Any,
    frame_time: Any,
    full_well: Any,
    read_noise: Any,
) -> Exposure:
    """Draw an exposure with photon and read noise.

    Parameters
    ----------
    key : Array
        Random key of `jax.random`.
    expected : Array, shape (npix, npix)
        Electrons expected in the whole exposure, dark current included.
    exposure_time, frame_time : float
        Duration of the exposure and of a frame, seconds.
    full_well : float
        Capacity of a pixel, electrons.
    read_noise : float
        Standard deviation of one reading, electrons.
    """
    frames = exposure_time / frame_time
    saturated, _ = frame_saturation(expected, exposure_time, frame_time, full_well)
    return Exposure(
        draw_electrons(key, expected, read_noise, frames), noise_variance(expected, read_noise, frames), saturated
    )


def draw_electrons(
    key: Array, expected: Float[Array, "*shape"], read_noise: ArrayLike, n_frames: ArrayLike
) -> Float[Array, "*shape"]:
    """Draw electrons: Poisson of mean `expected`, plus normal read noise of variance ``n_frames * read_noise**2``.

    Means below `EXACT_BELOW` are drawn by `jax.random.poisson`. It returns integers, by default of 32 bits, which
    overflow beyond 2e9, and compares terms of the size mean * log(mean), which float32 rounds by about one at 1e6.
    Larger means are drawn as the integer nearest to mean + s z + (z^2 - 1) / 6 with z normal and s^2 = mean - 5/36,
    which has the mean and variance of Poisson's distribution, and its third moment to 1e-5 of itself. In float32 the
    result is an integer up to 1.7e7, and the noise is resolved up to 1e12.

    Parameters
    ----------
    key : Array
        Random key of `jax.random`; the same key gives the same electrons.
    expected : Array
        Mean electrons per pixel, dark current included. The result is NaN where it is negative or NaN.
    read_noise : float or Array
        Standard deviation of one reading, electrons.
    n_frames : int or float
        Number of frames in the exposure.
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
    """Return the variance of electrons, in electrons squared: ``expected + n_frames * read_noise**2``.

    Parameters
    ----------
    expected : Array
        Mean electrons per pixel, dark current included.
    read_noise : float or Array
        Standard deviation of one reading, electrons.
    n_frames : int or float
        Number of frames in the exposure.
    """
    return expected + n_frames * jnp.square(read_noise)


def frame_saturation(
    expected: Float[Array, "*shape"], exposure_time: ArrayLike, frame_time: ArrayLike, full_well: ArrayLike
) -> tuple[Bool[Array, "*shape"], Float[Array, ""]]:
    """Return a mask of the pixels whose expected electrons in one frame exceed the full well, and their fraction.

    Parameters
    ----------
    expected : Array
        Electrons expected in the whole exposure.
    exposure_time, frame_time : float
        Duration of the exposure and of a frame, seconds.
    full_well : float or Array
        Capacity of a pixel, electrons.
    """
    mask = expected * (jnp.asarray(frame_time) / exposure_time) > full_well
    return mask, jnp.mean(mask, dtype=expected.dtype)


def digitise(
    electrons: Float[Array, "*shape"], gain: ArrayLike, bits: int, offset: ArrayLike
) -> tuple[Int[Array, "*shape"], Bool[Array, "*shape"]]:
    """Return the data numbers of electrons, and a mask of those that were clipped to the range 0 to 2^bits - 1.

    Parameters
    ----------
    electrons : Array
        Electrons in a frame. NaN becomes 0 and counts as clipped.
    gain : float
        Electrons per data number.
    bits : int
        Resolution of the converter, 1 to `MOST_BITS`.
    offset : float
        Data number of zero electrons.

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


def counts_to_electrons(counts: Int[Array, "*shape"], gain: ArrayLike, offset: ArrayLike) -> Float[Array, "*shape"]:
    """Return the electrons of data numbers: the inverse of `digitise`, to half of `gain` where nothing was clipped.

    Parameters
    ----------
    counts : Array of int
        Data numbers.
    gain : float
        Electrons per data number.
    offset : float
        Data number of zero electrons.
    """
    return jnp.asarray((counts - jnp.asarray(offset)) * gain, float)
