r"""Paraxial ray matrices of a telescope: a list of surfaces and gaps behind its pupil.

A ray at height :math:`x` and angle :math:`\theta` in the pupil arrives at :math:`x' = A x + B \theta`,
:math:`\theta' = C x + D \theta`. The elements are plain arithmetic, so the same functions serve floats, arrays and
traced values without jax. `abcdLux` has the matrices as jax arrays; the tests compare the two.
"""

from __future__ import annotations

from typing import Any, NamedTuple

Numeric = Any  # a float, an array, or a traced value


class RayMatrix(NamedTuple):
    """The matrix [[a, b], [c, d]] from the pupil to a plane.

    Parameters
    ----------
    a : float or array
        Beam height at the plane over that in the pupil; zero at the focus.
    b : float or array
        Height at the plane per angle in the pupil, metres per radian: at the detector, the image scale.
    c : float or array
        Angle at the plane per height in the pupil, 1/metres.
    d : float or array
        Angle at the plane over that in the pupil.
    """

    a: Numeric = 1.0
    b: Numeric = 0.0
    c: Numeric = 0.0
    d: Numeric = 1.0

    def surface(self, focal_length: Numeric) -> RayMatrix:
        """Append a thin surface of a focal length in metres, positive for a converging surface."""
        return RayMatrix(self.a, self.b, self.c - self.a / focal_length, self.d - self.b / focal_length)

    def powered_surface(self, power: Numeric) -> RayMatrix:
        """Append a thin surface of a power (one over its focal length) in 1/metres; zero leaves rays unchanged."""
        return RayMatrix(self.a, self.b, self.c - self.a * power, self.d - self.b * power)

    def gap(self, distance: Numeric) -> RayMatrix:
        """Append free space of a length in metres."""
        return RayMatrix(self.a + distance * self.c, self.b + distance * self.d, self.c, self.d)

    @property
    def effective_focal_length(self) -> Numeric:
        """-1 / c: the image scale of the same surfaces after refocusing, metres per radian."""
        return -1.0 / self.c

    @property
    def collimated_distance(self) -> Numeric:
        """b / a: the distance of free space that is equivalent to this plane in the collimated pupil space, metres."""
        return self.b / self.a


def two_mirror_telescope(f1: Numeric, f2: Numeric, separation: Numeric) -> RayMatrix:
    """Return the matrix from the primary mirror, which is the pupil, to just behind the secondary mirror.

    Parameters
    ----------
    f1, f2 : float or array
        Focal lengths of the primary and the secondary mirror, metres, positive for a converging mirror.
    separation : float or array
        Distance between the mirrors, metres.
    """
    return RayMatrix().surface(f1).gap(separation).surface(f2)


def line_of_sight(decentre: Numeric, tilt: Numeric, power: Numeric, onward: RayMatrix, whole: RayMatrix) -> Numeric:
    r"""Return the shift of the image on the sky that a decentred and tilted surface causes.

    A thin surface of power :math:`\phi` that is centred at :math:`d` changes the angle of a ray at :math:`x` by
    :math:`-\phi (x - d)`, which is the effect of the centred surface plus the angle :math:`\phi d`, the same for every
    ray. A mirror that is tilted by :math:`t` adds :math:`2 t`. An angle that is common to all rays shifts the whole
    image by :math:`B_{onward} (\phi d + 2 t)` at the detector, and by :math:`1 / B_{whole}` times that on the sky; to
    first order, it has no other effect.

    The path is unfolded: +x is the same direction before and behind each surface. Despace is a change of a gap of the
    ray matrices. The arguments are for one axis, or arrays (x, y).

    Parameters
    ----------
    decentre : float or array
        Distance of the surface's centre from the axis, metres, positive towards +x (+y).
    tilt : float or array
        Tilt of a mirror, radians, positive where it turns the reflected light towards +x (+y).
    power : float
        Power of the surface, 1/metres: one over its focal length, negative for SHERA's M2.
    onward : RayMatrix
        Matrix from just behind the surface to the detector: for M2 of a three-plane system,
        ``RayMatrix().gap(distance)``.
    whole : RayMatrix
        Matrix from the pupil to the detector.

    Returns
    -------
    float or array
        Angle to add to the position of every star, radians: positive moves the image towards +x (+y). In the
        three-plane systems both B are positive. A positive tilt then moves the image towards +x (+y), and a positive
        decentre of M2, whose power is negative, towards -x (-y).
    """
    return (power * decentre + 2.0 * tilt) * (onward.b / whole.b)
