r"""Reflex motion of a star with a planet.

The star moves around the centre of mass on the orbit of the planet, scaled by the masses. Its semi-major axis on the
sky is the astrometric signature:

.. math:: \alpha = \frac{m}{M + m} \, a \, \varpi, \quad a^3 = \frac{G (M + m)}{4 \pi^2} P^2
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from dluxshera.errors import BoundsError
from dluxshera.mission.binary import Binary
from dluxshera.mission.constants import EARTHS_PER_SUN, KEPLER
from dluxshera.mission.orbit import Orbit


def semi_major_axis_au(period_yr: float, mass_sun: float) -> float:
    """Return the semi-major axis of a relative orbit, au, by Kepler's third law.

    Parameters
    ----------
    period_yr : float
        Period, Julian years.
    mass_sun : float
        Sum of the two masses, in solar masses.

    Examples
    --------
    >>> round(semi_major_axis_au(11.862, 1.00095), 2)  # Jupiter
    5.2
    """
    return float((KEPLER * mass_sun * period_yr**2) ** (1.0 / 3.0))


def astrometric_signature_uas(
    mass_earth: float, period_yr: float, *, star_mass_sun: float, parallax_mas: float
) -> float:
    """Return the semi-major axis of a star's orbit around its centre of mass with a planet, uas.

    Parameters
    ----------
    mass_earth : float
        Mass of the planet, in masses of the Earth.
    period_yr : float
        Period, Julian years.
    star_mass_sun : float
        Mass of the star, in solar masses.
    parallax_mas : float
        Parallax of the star, mas.

    Raises
    ------
    BoundsError
        If a value is not positive.

    Examples
    --------
    >>> round(astrometric_signature_uas(1.0, 1.0, star_mass_sun=1.0, parallax_mas=100.0), 3)  # the Earth from 10 pc
    0.3
    """
    for name, value in {
        "mass_earth": mass_earth,
        "period_yr": period_yr,
        "star_mass_sun": star_mass_sun,
        "parallax_mas": parallax_mas,
    }.items():
        if not 0.0 < value < np.inf:
            raise BoundsError(name, expected="a positive number", got=value, remedy="Check its sign and unit")
    mass = mass_earth / EARTHS_PER_SUN
    total = star_mass_sun + mass
    return 1e3 * parallax_mas * semi_major_axis_au(period_yr, total) * mass / total


def planet_mass_earth(signature_uas: float, period_yr: float, *, star_mass_sun: float, parallax_mas: float) -> float:
    """Return the mass of the planet that gives an astrometric signature, in masses of the Earth.

    Parameters
    ----------
    signature_uas : float
        Semi-major axis of the star's orbit, uas.
    period_yr, star_mass_sun, parallax_mas : float
        Period, mass of the star and parallax, see `astrometric_signature_uas`.

    Raises
    ------
    BoundsError
        If a value is not positive.

    Examples
    --------
    >>> round(planet_mass_earth(0.3, 1.0, star_mass_sun=1.0, parallax_mas=100.0), 2)
    1.0
    """
    star = {"star_mass_sun": star_mass_sun, "parallax_mas": parallax_mas}
    if not 0.0 < signature_uas < np.inf:
        raise BoundsError("signature_uas", expected="a positive number", got=signature_uas)
    # alpha (1 + m/M)^(2/3) is linear in m; the iteration contracts by 2/3 m/(M + m).
    small = astrometric_signature_uas(1e-6, period_yr, **star) * 1e6
    mass = signature_uas / small
    for _ in range(200):
        mass, before = mass * signature_uas / astrometric_signature_uas(mass, period_yr, **star), mass
        if abs(mass - before) <= 1e-15 * mass:
            break
    return mass


@dataclass(frozen=True)
class Planet:
    """A planet of one star of a binary.

    Parameters
    ----------
    mass_earth : float
        Mass, in masses of the Earth.
    period_yr : float
        Period, Julian years.
    host : {'A', 'B'}
        Star that it orbits.
    eccentricity, inclination_deg, node_deg, periastron_deg, periastron_yr : float
        Other elements of the planet's orbit around the star, see `Orbit`.
    """

    mass_earth: float
    period_yr: float
    host: str = "A"
    eccentricity: float = 0.0
    inclination_deg: float = 0.0
    node_deg: float = 0.0
    periastron_deg: float = 0.0
    periastron_yr: float = 2000.0

    def signature_uas(self, binary: Binary) -> float:
        """Return the semi-major axis of the host's orbit around its centre of mass with the planet, uas."""
        return astrometric_signature_uas(
            self.mass_earth,
            self.period_yr,
            star_mass_sun=binary.mass_sun(self.host),
            parallax_mas=binary.parallax_mas,
        )

    def separation_change_uas(self, binary: Binary, times_yr: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """Return the change of the separation of the binary by the reflex motion of the host, uas.

        The separation grows by the part of the host's displacement that points away from the other star; the part
        across changes the position angle.

        Parameters
        ----------
        binary : Binary
            Binary of the host.
        times_yr : ndarray of shape (n,)
            Times, Julian years.
        """
        reflex = Orbit(
            self.period_yr,
            self.signature_uas(binary),
            self.eccentricity,
            self.inclination_deg,
            self.node_deg,
            self.periastron_deg + 180.0,  # opposite to the planet
            self.periastron_yr,
        ).offsets(times_yr)
        angle = np.radians(binary.apparent(times_yr).position_angle_deg)
        sign = 1.0 if self.host == "B" else -1.0
        return sign * (reflex.north * np.cos(angle) + reflex.east * np.sin(angle))
