"""Constants of astronomy, in SI units and Julian years."""

from __future__ import annotations

from math import pi
from typing import Final

ASTRONOMICAL_UNIT: Final = 149_597_870_700.0  # metres, exact: IAU 2012, resolution B2
JULIAN_YEAR: Final = 365.25 * 86_400.0  # seconds, exact
SUN_GM: Final = 1.327_124_4e20  # m^3/s^2, nominal: IAU 2015, resolution B3
EARTH_GM: Final = 3.986_004e14  # m^3/s^2, nominal: IAU 2015, resolution B3
EARTHS_PER_SUN: Final = SUN_GM / EARTH_GM  # 332,946: the ratio of the masses is known far better than G
AU_PER_YEAR: Final = 1e3 * JULIAN_YEAR / ASTRONOMICAL_UNIT  # in 1 km/s
# a^3 = M P^2 with a in au, M in solar masses and P in Julian years would have the factor 1 for a Gaussian year.
KEPLER: Final = SUN_GM * JULIAN_YEAR**2 / (4.0 * pi**2 * ASTRONOMICAL_UNIT**3)
