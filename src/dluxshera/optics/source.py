"""Point sources: their positions on the sky and the photons that each contributes.

A binary, its ghosts and field stars end up in one list: positions of shape (stars, 2) and photons of shape (stars,) or
(stars, w), with one row for each source. Positions are angles (x, y), all in the same unit: +x is East and +y North.
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
        Angle between the stars, in the unit of the midpoint.
    position_angle : Array
        Position angle of B relative to A, radians from +y (North) towards +x (East).
    midpoint : Array, shape (2,)
        Point halfway between the stars.

    Returns
    -------
    Array, shape (2, 2)
        Position of A in the first row and of B in the second.
    """
    half = 0.5 * separation * jnp.stack([jnp.sin(position_angle), jnp.cos(position_angle)])
    return jnp.stack([midpoint - half, midpoint + half])


def binary_photons(log_flux_total: Float[Array, ""], contrast: Float[Array, ""]) -> Float[Array, " 2"]:
    """Return the photons of stars A and B.

    Parameters
    ----------
    log_flux_total : Array
        Decimal logarithm of the photons of both stars together.
    contrast : Array
        Flux ratio of A to B.
    """
    return 10.0**log_flux_total * jnp.stack([contrast, jnp.ones_like(contrast)]) / (1.0 + contrast)


def field_star_photons(log_flux: Float[Array, "*stars"]) -> Float[Array, "*stars"]:
    """Return the photons of stars from the decimal logarithms `log_flux` of the photons."""
    return 10.0**log_flux


def ghost_positions(
    positions: Float[Array, "stars 2"], offset: Float[Array, " 2"], magnification: Scalar
) -> Float[Array, "stars 2"]:
    """Return the positions of the ghosts of stars: ``offset + magnification * position``.

    Parameters
    ----------
    positions : Array, shape (stars, 2)
        Positions of the stars.
    offset : Array, shape (2,)
        Position of the ghost of a star on the axis.
    magnification : float
        Scale of the ghost's position: -1 for a ghost that is reflected through the axis, 1 for a ghost at a constant
        distance from its star.
    """
    return offset + magnification * positions


def ghost_photons(photons: Float[Array, "stars *w"], ratio: Scalar) -> Float[Array, "stars *w"]:
    """Return the photons of ghosts, at each wavelength the fraction `ratio` of the star's, which does not lose them.

    Parameters
    ----------
    photons : Array, shape (stars, ...)
        Photons of each star.
    ratio : float
        Photons of a ghost over those of its star.
    """
    return ratio * photons


def distort(positions: Float[Array, "stars 2"], cubic: Scalar) -> Float[Array, "stars 2"]:
    """Return the positions of images in a field with cubic distortion: x becomes ``x (1 + cubic |x|^2)``.

    The pattern around each position keeps its shape, which holds for a field much wider than a pattern.

    Parameters
    ----------
    positions : Array, shape (stars, 2)
        Positions without distortion, from the axis of symmetry of the distortion.
    cubic : float
        Coefficient of the distortion, in one over the square of the positions' unit; positive stretches the field.
    """
    return positions * (1.0 + cubic * jnp.sum(positions**2, axis=-1, keepdims=True))
