"""The limits up to which the grids of a `Sampling` suffice for an image."""

from __future__ import annotations

from math import sqrt

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from dluxshera.optics.relay import Numeric
from dluxshera.optics.sampling import Grid, Sampling
from dluxshera.optics.states import PupilState, Scalar, SurfaceState
from dluxshera.optics.zernike import ZernikeBasis


def within_limits(
    sampling: Sampling,
    bases: tuple[ZernikeBasis, ...],
    wavelengths: Float[Array, " w"],
    angles: Float[Array, "stars 2"],
    pupil: PupilState,
    surfaces: tuple[SurfaceState, ...],
    plate_scale: Scalar,
) -> Bool[Array, ""]:
    """Return whether the grids suffice for an image.

    Parameters
    ----------
    sampling : Sampling
        Grids and limits.
    bases : tuple of ZernikeBasis
        Zernike polynomials of the pupil and of each surface behind it.
    wavelengths, angles, pupil, surfaces, plate_scale
        Arguments of `RelayOptics.image`.
    """
    shortest = jnp.min(wavelengths)
    shift = jnp.zeros(2) if pupil.line_of_sight is None else pupil.line_of_sight
    valid = plate_scale * pupil.diameter <= sampling.largest_frequency * shortest
    distances = jnp.sum(jnp.square(angles + shift), axis=1)
    valid &= jnp.all(distances <= jnp.square(sampling.largest_offset * plate_scale))
    blurs = [bases[0].slopes * pupil.coefficients, jnp.reshape(sqrt(3) * 8 * pupil.defocus, (1,))]
    for surface, basis in zip(surfaces, bases[1:], strict=True):
        beam = jnp.abs(surface.beam_scale) * pupil.diameter
        blurs.append(basis.slopes * surface.coefficients * (beam / surface.diameter))
        needed = beam * needed_clearance(sampling.exit, jnp.max(wavelengths), surface.distance, pupil.diameter)
        valid &= surface.diameter >= needed
    blur = jnp.sqrt(jnp.sum(jnp.square(jnp.concatenate(blurs))))
    return valid & (blur <= sampling.largest_blur * shortest)


def needed_clearance(grid: Grid, wavelength: Numeric, distance: Numeric, diameter: Numeric) -> Numeric:
    """Return the least diameter of a surface's aperture that stops no light of the band, over the beam's diameter.

    Light spreads from the edge of the beam by the angle of the band's highest frequency. The aperture has to stay two
    cells away from it, because its edge cannot be drawn on the cells of the band.

    Parameters
    ----------
    grid : Grid
        Grid at the exit.
    wavelength : float
        Longest wavelength, metres.
    distance : float
        z of the surface, metres.
    diameter : float
        Diameter of the pupil, metres.
    """
    return 1.0 + 2.0 * (grid.band * wavelength * abs(distance) / diameter**2 + 2.0 / grid.per_diameter)
