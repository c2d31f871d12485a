"""The binary that a mission observes: separation and position angle of its stars, seen from the Earth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Float

from dluxshera.errors import BoundsError, UnknownKeyError
from dluxshera.mission.constants import AU_PER_YEAR
from dluxshera.mission.earth import earth_position
from dluxshera.mission.orbit import Orbit
from dluxshera.units import ARCSEC

MILLIARCSEC: Final = 1e-3 * ARCSEC
_STEP: Final = 1e-2  # in uncertainties; makes the rounding error of a derivative 3e-3 uas
ELEMENTS: Final = (  # fields of Orbit
    "period_yr",
    "semi_major_axis",
    "eccentricity",
    "inclination_deg",
    "node_deg",
    "periastron_deg",
    "periastron_yr",
)
MOTION: Final = ("parallax_mas", "pm_ra_mas_yr", "pm_dec_mas_yr", "radial_velocity_km_s")  # fields of Binary


class Apparent(NamedTuple):
    """Position of star B relative to star A, as an observer at the Earth sees it.

    Parameters
    ----------
    separation_as : ndarray of shape (n,)
        Separation, arcsec.
    position_angle_deg : ndarray of shape (n,)
        Position angle of B, degrees from north through east.
    """

    separation_as: Float[np.ndarray, " n"]
    position_angle_deg: Float[np.ndarray, " n"]


@dataclass(frozen=True)
class Binary:
    """A visual binary in space: the orbit of B around A, and the motion of the centre of mass.

    The stars are points in three dimensions, so perspective is included: a separation changes with the distance of
    the Earth from the binary (parallax), with that of the Sun (radial velocity) and with the direction from which the
    orbit is seen (proper motion), and the nearer star has the larger parallax. The travel time of light between the
    stars is not included.

    Parameters
    ----------
    orbit : Orbit
        Orbit of B relative to A; its semi-major axis in arcsec at the parallax `parallax_mas`.
    parallax_mas : float
        Parallax of the centre of mass at `epoch_yr`, mas.
    ra_deg, dec_deg : float
        Right ascension and declination (ICRS) of the centre of mass at `epoch_yr`, degrees.
    pm_ra_mas_yr, pm_dec_mas_yr : float
        Proper motion of the centre of mass, mas/yr; the first includes the cosine of the declination.
    radial_velocity_km_s : float
        Radial velocity of the centre of mass, km/s, positive if it recedes.
    mass_a_sun, mass_b_sun : float
        Masses, in solar masses.
    epoch_yr : float
        Julian year of position, parallax and motion.
    uncertainties : mapping of str to float, optional
        Standard uncertainty of elements of the orbit (`ELEMENTS`) and of the motion (`MOTION`), each in its own unit;
        a parameter that is not listed is exact.

    Raises
    ------
    BoundsError
        If parallax, a mass or an uncertainty is out of its range.
    UnknownKeyError
        If an uncertainty names no parameter.
    """

    orbit: Orbit
    parallax_mas: float
    ra_deg: float
    dec_deg: float
    pm_ra_mas_yr: float = 0.0
    pm_dec_mas_yr: float = 0.0
    radial_velocity_km_s: float = 0.0
    mass_a_sun: float = 1.0
    mass_b_sun: float = 1.0
    epoch_yr: float = 2016.0
    uncertainties: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("parallax_mas", "mass_a_sun", "mass_b_sun"):
            if not 0.0 < (value := getattr(self, name)) < np.inf:
                raise BoundsError(name, expected="a positive number", got=value, remedy="Check its sign and unit")
        for name, value in self.uncertainties.items():
            if name not in (*ELEMENTS, *MOTION):
                raise UnknownKeyError(name, (*ELEMENTS, *MOTION), expected="an element of the orbit or of its motion")
            if not 0.0 <= value < np.inf:
                raise BoundsError(f"uncertainties.{name}", expected="a number of at least 0", got=value)

    @property
    def distance_au(self) -> float:
        """Distance of the centre of mass at the epoch, au."""
        return float(1.0 / (self.parallax_mas * MILLIARCSEC))

    def mass_sun(self, host: str) -> float:
        """Return the mass of star ``"A"`` or ``"B"``, in solar masses."""
        masses = {"A": self.mass_a_sun, "B": self.mass_b_sun}
        if host not in masses:
            raise UnknownKeyError(host, masses, expected="a star of the binary, 'A' or 'B'")
        return masses[host]

    def apparent(self, times_yr: Float[np.ndarray, " n"]) -> Apparent:
        """Return separation and position angle at each time.

        The rounding error of the separation is 3e-5 uas for stars 10 arcsec apart.

        Parameters
        ----------
        times_yr : ndarray of shape (n,)
            Times, Julian years (TDB) from 1900 to 2100.
        """
        times = np.asarray(times_yr, float)
        east, north, away = _axes(self.ra_deg, self.dec_deg)
        scale = self.distance_au
        motion = (
            self.pm_ra_mas_yr * MILLIARCSEC * scale * east
            + self.pm_dec_mas_yr * MILLIARCSEC * scale * north
            + self.radial_velocity_km_s * AU_PER_YEAR * away
        )
        centre = scale * away + (times - self.epoch_yr)[:, None] * motion - earth_position(times)
        offsets = self.orbit.offsets(times)
        apart = (scale * ARCSEC) * (
            offsets.north[:, None] * north + offsets.east[:, None] * east + offsets.away[:, None] * away
        )
        share = self.mass_b_sun / (self.mass_a_sun + self.mass_b_sun)
        star_a = centre - share * apart
        across = np.linalg.norm(np.cross(star_a, apart), axis=1)  # of A and B, without subtracting long vectors
        along = np.sum(star_a * (star_a + apart), axis=1)
        angle = np.arctan2(_dot(apart, _east_at(star_a)), _dot(apart, _north_at(star_a)))
        return Apparent(np.arctan2(across, along) / ARCSEC, np.degrees(angle) % 360.0)

    def separation_uas(self, times_yr: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """Return the separation at each time, uas."""
        return 1e6 * self.apparent(times_yr).separation_as

    def shifted(self, name: str, amount: float) -> Binary:
        """Return the binary with one parameter of `ELEMENTS` or `MOTION` changed.

        Parameters
        ----------
        name : str
            Name of the parameter.
        amount : float
            Change, in the unit of the parameter. A change through a circular orbit swaps periastron and apastron.
        """
        if name in ELEMENTS:
            changes = {name: getattr(self.orbit, name) + amount}
            if name == "eccentricity" and changes[name] < 0.0:  # the same ellipse with periastron and apastron swapped
                changes = {
                    name: -changes[name],
                    "periastron_deg": self.orbit.periastron_deg + 180.0,
                    "periastron_yr": self.orbit.periastron_yr + self.orbit.period_yr / 2.0,
                }
            return replace(self, orbit=replace(self.orbit, **changes))
        if name in MOTION:
            return replace(self, **{name: getattr(self, name) + amount})
        raise UnknownKeyError(name, (*ELEMENTS, *MOTION), expected="an element of the orbit or of its motion")

    def nuisances(self, times_yr: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n k"]:
        """Return the change of the separation per standard uncertainty of each parameter, uas; one column for each.

        Parameters
        ----------
        times_yr : ndarray of shape (n,)
            Times, Julian years.
        """
        columns = [
            (
                self.shifted(name, _STEP * width).separation_uas(times_yr)
                - self.shifted(name, -_STEP * width).separation_uas(times_yr)
            )
            / (2.0 * _STEP)
            for name, width in self.uncertainties.items()
            if width > 0.0
        ]
        return np.stack(columns, axis=1) if columns else np.zeros((len(times_yr), 0))

    def drawn(self, rng: np.random.Generator) -> Binary:
        """Return a binary whose parameters are drawn from their uncertainties, which are normal and independent."""
        binary = self
        for name, width in self.uncertainties.items():
            binary = binary.shifted(name, width * rng.standard_normal())
        return binary


def _axes(ra_deg: float, dec_deg: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the unit vectors to the east, to the north and away from the observer at a direction."""
    away = np.array(
        [
            np.cos(np.radians(dec_deg)) * np.cos(np.radians(ra_deg)),
            np.cos(np.radians(dec_deg)) * np.sin(np.radians(ra_deg)),
            np.sin(np.radians(dec_deg)),
        ]
    )
    return _east_at(away[None])[0], _north_at(away[None])[0], away


def _east_at(places: np.ndarray) -> np.ndarray:
    east = np.stack([-places[:, 1], places[:, 0], np.zeros(len(places))], axis=1)
    return east / np.linalg.norm(east, axis=1, keepdims=True)


def _north_at(places: np.ndarray) -> np.ndarray:
    north = np.cross(places, _east_at(places))
    return north / np.linalg.norm(north, axis=1, keepdims=True)


def _dot(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.sum(one * other, axis=1)
