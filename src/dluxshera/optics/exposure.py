"""One noisy exposure of a detector: electrons, their variance, and which pixels are full."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from dluxshera.optics.noise import draw_exposure, frame_saturation, noise_variance


class Exposure(NamedTuple):
    """One exposure, the sum of its frames.

    Parameters
    ----------
    electrons : Array, shape (npix, npix)
        What was read, summed over the frames; read noise can make it negative.
    variance : Array, shape (npix, npix)
        Of the electrons about what was expected: photon noise and the read noise of all frames.
    saturated : Array, shape (npix, npix)
        Where the electrons expected in one frame exceed the full well. Nothing is clipped: mask these.
    """

    electrons: Float[Array, "npix npix"]
    variance: Float[Array, "npix npix"]
    saturated: Bool[Array, "npix npix"]

    @property
    def saturated_fraction(self) -> float:
        """The part of the pixels that are saturated."""
        return float(jnp.mean(self.saturated))


def draw(
    key: Array,
    expected: Float[Array, "npix npix"],
    exposure_time: Any,
    frame_time: Any,
    full_well: Any,
    read_noise: Any,
) -> Exposure:
    """Draw an exposure.

    Parameters
    ----------
    key : Array
        A key of `jax.random`.
    expected : Array, shape (npix, npix)
        Electrons expected in the whole exposure.
    exposure_time, frame_time : float
        Seconds.
    full_well, read_noise : float
        Electrons: what a pixel holds, and the standard deviation of one reading.
    """
    frames = exposure_time / frame_time
    saturated, _ = frame_saturation(expected, exposure_time, frame_time, full_well)
    return Exposure(
        draw_exposure(key, expected, read_noise, frames), noise_variance(expected, read_noise, frames), saturated
    )
