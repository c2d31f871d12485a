"""The continuous parameters of the pupil and of the surfaces behind it, as the propagation takes them."""

from __future__ import annotations

from typing import NamedTuple

from jaxtyping import Array, Float

Scalar = Float[Array, ""] | float


class SurfaceState(NamedTuple):
    """The continuous parameters of an intermediate surface. Lengths are in metres.

    Parameters
    ----------
    beam_scale : float or Array
        A of the ray matrix: beam height on the surface over that in the pupil.
    distance : float or Array
        z = B / A of the ray matrix: distance in the collimated space of the pupil.
    diameter : float or Array
        Diameter of the clear aperture, which is also the circle of the Zernike polynomials.
    coefficients : Array, shape (modes,)
        Zernike coefficients of the OPD.
    opd_map : Array, shape (m, m), optional
        OPD over the square around the circle of the Zernike polynomials.
    """

    beam_scale: Scalar
    distance: Scalar
    diameter: Scalar
    coefficients: Float[Array, " modes"]
    opd_map: Float[Array, "m m"] | None = None


class PupilState(NamedTuple):
    """The continuous parameters of the pupil and of the image behind the relay. Lengths are in metres.

    Parameters
    ----------
    diameter : float or Array
        Diameter of the pupil, which is also the circle of the Zernike polynomials.
    coefficients : Array, shape (modes,)
        Zernike coefficients of the OPD.
    opd_map : Array, shape (m, m), optional
        OPD over the square around the pupil's circle.
    defocus : float or Array
        Defocus that the relay leaves at the detector, as rms OPD over the pupil.
    line_of_sight : Array, shape (2,), optional
        Shift (x, y) of the whole image, radians.
    """

    diameter: Scalar
    coefficients: Float[Array, " modes"]
    opd_map: Float[Array, "m m"] | None = None
    defocus: Scalar = 0.0
    line_of_sight: Float[Array, " 2"] | None = None
