r"""Misalignments, as far as paraxial optics gives them: what a surface off its place does to the line of sight.

A thin surface of power :math:`\phi` (one over its focal length) centred at :math:`d` turns a ray at :math:`x` by
:math:`-\phi (x - d)`: next to the centred surface it adds the angle :math:`\phi d`, the same for every ray. A mirror
tilted by :math:`t` adds :math:`2 t`. An angle that every ray gets is a shift of the whole image, and no other change.

The path is unfolded: +x is the same direction before and behind each surface. Despace needs nothing here, since gaps
are lengths of the ray matrix itself. Plain arithmetic, as in `relay`: one axis or an array (x, y), floats or traced.
"""

from __future__ import annotations

from typing import Any

from dluxshera.optics.relay import RayMatrix

Number = Any  # a float, an array, or a traced value


def line_of_sight(decentre: Number, tilt: Number, power: Number, onward: RayMatrix, whole: RayMatrix) -> Number:
    r"""Return how far the image moves on the sky when a surface is decentred and tilted.

    The added angle lands at the detector at :math:`B_{onward} (\phi d + 2 t)`, which is that over :math:`B_{whole}` on
    the sky.

    Parameters
    ----------
    decentre : float or array
        Of the surface from the axis, metres; positive towards +x (+y).
    tilt : float or array
        Of the mirror, radians; positive where it turns the light behind it towards +x (+y).
    power : float
        Of the surface, 1/metres: one over its focal length, negative for SHERA's M2.
    onward : RayMatrix
        From just behind the surface to the detector: for M2 of a three-plane system ``RayMatrix().gap(distance)``.
    whole : RayMatrix
        From the pupil to the detector.

    Returns
    -------
    float or array
        Radians, to be added to the position of every star: positive moves the image towards +x (+y). In the three-plane
        systems both B are positive, so a positive tilt moves the image towards +x (+y), and a positive decentre of M2,
        whose power is negative, towards -x (-y).
    """
    return (power * decentre + 2.0 * tilt) * (onward.b / whole.b)
