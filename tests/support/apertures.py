"""Open area of an aperture in closed form."""

from __future__ import annotations

from math import asin, pi, sqrt

from dluxshera.systems import SheraConfig


def open_area_fraction(config: SheraConfig) -> float:
    """Open area over that of the pupil's circle: less the obscuration, less the struts between both circles.

    A strut is the strip of points within its half width of a radius; no two of them may meet outside the obscuration.
    """

    def within(radius: float, half_width: float) -> float:  # area of the strip in a quarter of a circle
        return 0.5 * (half_width * sqrt(radius**2 - half_width**2) + radius**2 * asin(half_width / radius))

    width = config.strut_width  # over the diameter, so that it is the half width over the radius
    strut = 2.0 * (within(1.0, width) - within(config.obscuration, width))
    return 1.0 - config.obscuration**2 - config.n_struts * strut / pi
