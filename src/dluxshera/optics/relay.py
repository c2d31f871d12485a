r"""Paraxial ray matrices: every SHERA telescope is a list of surfaces and gaps behind its pupil.

A ray at height :math:`x` and angle :math:`\theta` in the pupil arrives at :math:`x' = A x + B \theta`,
:math:`\theta' = C x + D \theta`. The elements are plain arithmetic, so the same functions serve floats, arrays and
traced values, and need no jax; `abcdLux` has the matrices as jax arrays, and the tests compare the two.
"""

from __future__ import annotations

from typing import Any, NamedTuple

Number = Any  # a float, an array, or a traced value


class RayMatrix(NamedTuple):
    """The matrix [[a, b], [c, d]] from the pupil to a plane; b in metres (per radian), c in 1/metres."""

    a: Number = 1.0
    b: Number = 0.0
    c: Number = 0.0
    d: Number = 1.0

    def surface(self, focal_length: Number) -> RayMatrix:
        """Append a thin surface: a focal length in metres, positive where it converges."""
        return RayMatrix(self.a, self.b, self.c - self.a / focal_length, self.d - self.b / focal_length)

    def powered_surface(self, power: Number) -> RayMatrix:
        """Append a thin surface by its power, one over the focal length, 1/metres; zero bends nothing."""
        return RayMatrix(self.a, self.b, self.c - self.a * power, self.d - self.b * power)

    def gap(self, distance: Number) -> RayMatrix:
        """Append free space: a distance in metres."""
        return RayMatrix(self.a + distance * self.c, self.b + distance * self.d, self.c, self.d)

    @property
    def effective_focal_length(self) -> Number:
        """-1 / c: the image scale of the same surfaces once they are refocused, in metres per radian."""
        return -1.0 / self.c

    @property
    def collimated_distance(self) -> Number:
        """b / a: the free-space distance that stands for this plane in the pupil's collimated space, in metres."""
        return self.b / self.a


def two_mirror_telescope(f1: Number, f2: Number, separation: Number) -> RayMatrix:
    """Return the matrix from the primary mirror (the pupil) to just behind the secondary."""
    return RayMatrix().surface(f1).gap(separation).surface(f2)
