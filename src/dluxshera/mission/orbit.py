"""Orbits of two bodies on the sky: Campbell's elements and the constants of Thiele and Innes."""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import atan2, cos, degrees, hypot, isfinite, radians, sin, sqrt
from typing import NamedTuple, Self

import numpy as np
from jaxtyping import Float

from dluxshera.errors import BoundsError, NonFiniteError
from dluxshera.mission.kepler import eccentric_anomaly


class ThieleInnes(NamedTuple):
    r"""Constants of Thiele and Innes, in the unit of the semi-major axis.

    The offsets are linear in them, with :math:`X = \cos E - e` and :math:`Y = \sqrt{1 - e^2} \sin E`:

    .. math:: \Delta_N = A X + F Y, \quad \Delta_E = B X + G Y, \quad \Delta_r = C X + H Y

    Parameters
    ----------
    a, f : float
        Constants of the offset to the north.
    b, g : float
        Constants of the offset to the east.
    c, h : float
        Constants of the offset along the line of sight, away from the observer.
    """

    a: float
    b: float
    f: float
    g: float
    c: float
    h: float


class Offsets(NamedTuple):
    """Offsets of one body from another, in the unit of the semi-major axis.

    Parameters
    ----------
    north, east, away : ndarray of shape (n,)
        Offsets to the north, to the east, and along the line of sight away from the observer.
    """

    north: Float[np.ndarray, " n"]
    east: Float[np.ndarray, " n"]
    away: Float[np.ndarray, " n"]


@dataclass(frozen=True)
class Orbit:
    """An elliptical orbit of one body relative to another, by Campbell's elements.

    Angles follow the convention of visual binaries: position angles are counted from north through east, and the body
    recedes from the observer at the ascending node.

    Parameters
    ----------
    period_yr : float
        Period, Julian years.
    semi_major_axis : float
        Semi-major axis, in the unit in which offsets are needed; arcseconds for a binary.
    eccentricity : float
        Eccentricity, from 0 up to but not including 1.
    inclination_deg : float
        Inclination, degrees; 0 is face-on and counterclockwise on the sky, from north through east.
    node_deg : float
        Position angle of the ascending node, degrees.
    periastron_deg : float
        Argument of periastron of the orbiting body, degrees.
    periastron_yr : float
        Time of a passage of periastron, Julian years such as 2027.5.

    Raises
    ------
    NonFiniteError
        If an element is NaN or infinite.
    BoundsError
        If period, axis or eccentricity is out of its range.
    """

    period_yr: float
    semi_major_axis: float
    eccentricity: float = 0.0
    inclination_deg: float = 0.0
    node_deg: float = 0.0
    periastron_deg: float = 0.0
    periastron_yr: float = 2000.0

    def __post_init__(self) -> None:
        for item in fields(self):
            if not isfinite(value := getattr(self, item.name)):
                raise NonFiniteError(item.name, got=value, expected="a finite number")
        for name in ("period_yr", "semi_major_axis"):
            if not (value := getattr(self, name)) > 0.0:
                raise BoundsError(name, expected="a positive number", got=value, remedy="Check its sign and unit")
        if not 0.0 <= self.eccentricity < 1.0:
            expected = "a number from 0 up to but not including 1"
            remedy = "Only closed orbits are supported"
            raise BoundsError("eccentricity", expected=expected, got=self.eccentricity, remedy=remedy)

    @property
    def thiele_innes(self) -> ThieleInnes:
        """Constants of Thiele and Innes."""
        node, argument = radians(self.node_deg), radians(self.periastron_deg)
        inclination = radians(self.inclination_deg)
        first, second = (cos(argument), sin(argument)), (-sin(argument), cos(argument))
        (a, b, c), (f, g, h) = (
            (
                along * cos(node) - across * sin(node) * cos(inclination),
                along * sin(node) + across * cos(node) * cos(inclination),
                across * sin(inclination),
            )
            for along, across in (first, second)
        )
        return ThieleInnes(*(self.semi_major_axis * value for value in (a, b, f, g, c, h)))

    @classmethod
    def from_thiele_innes(
        cls,
        a: float,
        b: float,
        f: float,
        g: float,
        *,
        period_yr: float,
        eccentricity: float = 0.0,
        periastron_yr: float = 2000.0,
    ) -> Self:
        """Return the orbit of four constants of Thiele and Innes; its node lies between 0 and 180 degrees.

        Positions on the sky do not tell which of the two nodes is the ascending one.

        Parameters
        ----------
        a, b, f, g : float
            Constants, in the unit of the semi-major axis.
        period_yr, eccentricity, periastron_yr : float
            Other elements of the orbit.
        """
        total, product = (a * a + b * b + f * f + g * g) / 2.0, a * g - b * f
        square = total + sqrt(max((total - product) * (total + product), 0.0))
        if not square > 0.0:
            raise BoundsError("a, b, f, g", expected="constants that are not all zero", got=[a, b, f, g])
        plus, minus = atan2(b - f, a + g), atan2(-b - f, a - g)
        if hypot(b - f, a + g) < 1e-12 * sqrt(square):  # face-on: only a sum or difference of the angles is defined
            plus = minus
        if hypot(b + f, a - g) < 1e-12 * sqrt(square):
            minus = plus
        argument, node = degrees((plus + minus) / 2.0), degrees((plus - minus) / 2.0)
        turn = 0.0 if node % 360.0 < 180.0 else 180.0
        return cls(
            period_yr=period_yr,
            semi_major_axis=sqrt(square),
            eccentricity=eccentricity,
            inclination_deg=degrees(np.arccos(np.clip(product / square, -1.0, 1.0))),
            node_deg=(node + turn) % 360.0,
            periastron_deg=(argument + turn) % 360.0,
            periastron_yr=periastron_yr,
        )

    def offsets(self, times_yr: Float[np.ndarray, " n"]) -> Offsets:
        """Return the offsets of the body at each time.

        Parameters
        ----------
        times_yr : ndarray of shape (n,)
            Times, Julian years.
        """
        mean = 2.0 * np.pi * (np.asarray(times_yr, float) - self.periastron_yr) / self.period_yr
        anomaly = eccentric_anomaly(mean, self.eccentricity)
        x = np.cos(anomaly) - self.eccentricity
        y = np.sqrt(1.0 - self.eccentricity**2) * np.sin(anomaly)
        constants = self.thiele_innes
        return Offsets(
            constants.a * x + constants.f * y, constants.b * x + constants.g * y, constants.c * x + constants.h * y
        )
