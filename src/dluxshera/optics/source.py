"""The source: where the two stars of a binary stand, and how many photons each sends."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float


def binary_positions(
    separation: Float[Array, ""], position_angle: Float[Array, ""], midpoint: Float[Array, " 2"]
) -> Float[Array, "2 2"]:
    """Return the positions (x, y) of stars A and B.

    Parameters
    ----------
    separation : Array
        Angle between them, in the unit of the midpoint.
    position_angle : Array
        Radians: of B relative to A, from +y (North) towards +x (East).
    midpoint : Array, shape (2,)
        The point halfway between them.
    """
    half = 0.5 * separation * jnp.stack([jnp.sin(position_angle), jnp.cos(position_angle)])
    return jnp.stack([midpoint - half, midpoint + half])


def binary_photons(log_flux_total: Float[Array, ""], contrast: Float[Array, ""]) -> Float[Array, " 2"]:
    """Return the photons of stars A and B: 10**log_flux_total in all, in the ratio `contrast` of A to B."""
    return 10.0**log_flux_total * jnp.stack([contrast, jnp.ones_like(contrast)]) / (1.0 + contrast)
