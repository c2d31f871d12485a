"""The source: where point sources stand, and how many photons each sends.

A binary, its ghosts and stars of the field are one list in the end: positions of shape (stars, 2) and photons of shape
(stars,) or (stars, w), one row for each. Positions are angles (x, y), in one unit throughout.
"""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

Scalar = Float[Array, ""] | float


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


def field_star_photons(log_flux: Float[Array, "*stars"]) -> Float[Array, "*stars"]:
    """Return the photons of stars that are given by the decimal logarithm of their photons, one by one."""
    return 10.0**log_flux


def ghost_positions(
    positions: Float[Array, "stars 2"], offset: Float[Array, " 2"], magnification: Scalar
) -> Float[Array, "stars 2"]:
    """Return where the ghosts of stars stand: the ghost of a star at x is at ``offset + magnification * x``.

    Parameters
    ----------
    positions : Array, shape (stars, 2)
        Of the stars.
    offset : Array, shape (2,)
        Where the ghost of a star on the axis stands.
    magnification : float
        -1 for a ghost that is reflected through the axis, 1 for one that keeps its distance from its star.
    """
    return offset + magnification * positions


def ghost_photons(photons: Float[Array, "stars *w"], ratio: Scalar) -> Float[Array, "stars *w"]:
    """Return the photons of ghosts: of each star, at each wavelength, the part `ratio`. The star keeps its own."""
    return ratio * photons


def distorted(positions: Float[Array, "stars 2"], cubic: Scalar) -> Float[Array, "stars 2"]:
    """Return where the image of each star lies in a field with cubic distortion: x becomes ``x (1 + cubic |x|^2)``.

    Parameters
    ----------
    positions : Array, shape (stars, 2)
        From the axis, about which the distortion is symmetric.
    cubic : float
        Per square of the positions' unit; positive stretches the field outwards. The patterns around the positions
        keep their shape, which for a field much wider than a pattern is what distortion does.
    """
    return positions * (1.0 + cubic * jnp.sum(positions**2, axis=-1, keepdims=True))
