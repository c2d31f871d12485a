"""Smallest planets and numbers of visits: a mission to one binary at stated false-alarm rate and completeness."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from math import ceil
from typing import Any, Final

import numpy as np
from jaxtyping import Float
from scipy import optimize

from dluxshera.errors import BoundsError, ExpectationError
from dluxshera.mission.binary import Binary
from dluxshera.mission.detection import PeriodSearch
from dluxshera.mission.packaged_binaries import packaged_binary
from dluxshera.mission.reflex import Planet, planet_mass_earth
from dluxshera.mission.visits import VisitError, visit_times

MOST_VISITS: Final = 1024
DAY: Final = 1.0 / 365.25  # years


def visits_for_ratio(amplitude_uas: float, error_uas: float, ratio: float) -> int:
    r"""Return the number of visits that measure an amplitude at a signal-to-noise ratio, without nuisances.

    The smallest n with :math:`A \sqrt{n/2} / \sigma \ge` `ratio`.

    Parameters
    ----------
    amplitude_uas : float
        Amplitude A of the sinusoid, uas.
    error_uas : float
        Standard deviation of one visit, uas.
    ratio : float
        Signal-to-noise ratio.

    Raises
    ------
    BoundsError
        If a value is not positive.

    Examples
    --------
    >>> visits_for_ratio(2.5, 3.0, 6.0)
    104
    """
    for name, value in {"amplitude_uas": amplitude_uas, "error_uas": error_uas, "ratio": ratio}.items():
        if not 0.0 < value < np.inf:
            raise BoundsError(name, expected="a positive number", got=value)
    return ceil(2.0 * (ratio * error_uas / amplitude_uas) ** 2 * (1.0 - 1e-12))


@dataclass(frozen=True)
class Mission:
    """Visits to one binary over years, searched for a planet of either star.

    Planets have circular orbits of random orientation and phase; the completeness is the share of them that is
    detected.

    Parameters
    ----------
    binary : Binary
        Binary, with the uncertainties of its orbit and motion, which are fitted beside the planet.
    error : VisitError
        Error of each visit.
    visits : int
        Number of visits.
    years : float
        Length of the mission, years.
    start_yr : float
        Start of the mission, Julian years.
    shortest_yr, longest_yr : float
        Range of the periods searched, Julian years.
    false_alarm_rate : float
        Probability of a detection without a planet, over all periods searched.
    completeness : float
        Share of planets to detect.
    seed : int or None
        Seed of the times of the visits within their intervals; None puts them in the middle, see `visit_times`.

    Raises
    ------
    BoundsError
        If a number is out of its range.
    """

    binary: Binary
    error: VisitError
    visits: int = 100
    years: float = 5.0
    start_yr: float = 2030.0
    shortest_yr: float = 30.0 * DAY
    longest_yr: float = 5.0
    false_alarm_rate: float = 0.01
    completeness: float = 0.9
    seed: int | None = 0

    def __post_init__(self) -> None:
        if not self.false_alarm_rate < self.completeness < 1.0:
            raise BoundsError(
                "completeness", expected="a share above the false-alarm rate and below 1", got=self.completeness
            )

    @cached_property
    def times_yr(self) -> Float[np.ndarray, " n"]:
        """Times of the visits, Julian years."""
        rng = None if self.seed is None else np.random.default_rng(self.seed)
        return visit_times(self.visits, start_yr=self.start_yr, years=self.years, rng=rng)

    @cached_property
    def search(self) -> PeriodSearch:
        """Search for a period in the series of this mission."""
        return PeriodSearch(
            self.times_yr,
            self.error.covariance(self.times_yr),
            self.binary.nuisances(self.times_yr),
            shortest_yr=self.shortest_yr,
            longest_yr=self.longest_yr,
        )

    def series_uas(
        self, rng: np.random.Generator, count: int = 1, planet: Planet | None = None
    ) -> Float[np.ndarray, "count n"]:
        """Return simulated series: separations less those of the assumed binary, uas, one row for each mission.

        The true binary is drawn from its uncertainties for each mission, and its separations are computed exactly. If
        they are large, the series are not linear in them, and have to be fitted first; see `fit_binary`.

        Parameters
        ----------
        rng : numpy.random.Generator
            Source of random numbers.
        count : int
            Number of missions.
        planet : Planet, optional
            Planet of one of the stars; by default none.
        """
        assumed = self.binary.separation_uas(self.times_yr)
        series = self.error.draws(rng, self.times_yr, count)
        for row in series:
            row += self.binary.drawn(rng).separation_uas(self.times_yr) - assumed
        if planet is not None:
            series += planet.separation_change_uas(self.binary, self.times_yr)
        return series

    def detection_rate(self, signature_uas: float, period_yr: float) -> float:
        """Return the share of planets of one astrometric signature and period that are detected.

        Parameters
        ----------
        signature_uas : float
            Semi-major axis of the orbit of the host around its centre of mass with the planet, uas.
        period_yr : float
            Period, Julian years.
        """
        return self._rate(self._unit_noncentralities(period_yr), signature_uas)

    def smallest_signature_uas(self, period_yr: float) -> float:
        """Return the astrometric signature at which the stated share of planets of one period is detected, uas.

        Parameters
        ----------
        period_yr : float
            Period, Julian years.

        Raises
        ------
        BoundsError
            If the period is outside the range that is searched.
        ExpectationError
            If the fit of the binary explains all that the visits can measure.
        """
        unit = self._unit_noncentralities(period_yr)
        if not (median := float(np.median(unit))) > 0.0:
            raise ExpectationError(
                "visits",
                expected="visits that can tell a planet from the motion of the binary",
                got=self.visits,
                remedy="Plan more visits: the fit of the binary explains all that these can measure",
            )
        scale = 1.0 / np.sqrt(median)

        def surplus(logarithm: float) -> float:
            return self._rate(unit, scale * np.exp(logarithm)) - self.completeness

        return float(scale * np.exp(optimize.brentq(surplus, -5.0, 25.0, xtol=1e-10)))

    def smallest_mass_earth(self, period_yr: float, host: str = "A") -> float:
        """Return the mass at which the stated share of planets of one period is detected, in masses of the Earth.

        Parameters
        ----------
        period_yr : float
            Period, Julian years.
        host : {'A', 'B'}
            Star that the planet orbits.
        """
        return planet_mass_earth(
            self.smallest_signature_uas(period_yr),
            period_yr,
            star_mass_sun=self.binary.mass_sun(host),
            parallax_mas=self.binary.parallax_mas,
        )

    def visits_needed(self, planet: Planet, most: int = MOST_VISITS) -> int:
        """Return the smallest number of visits that detects the stated share of planets like one.

        Mass, period and host of the planet count; its orientation and phase do not. The length of the mission stays.

        Parameters
        ----------
        planet : Planet
            Planet to detect.
        most : int
            Largest number of visits to try.

        Raises
        ------
        ExpectationError
            If that many visits do not suffice, as for a planet below the calibration floor or at a period that the
            fit of the binary takes up.
        """
        signature = planet.signature_uas(self.binary)

        def enough(visits: int) -> bool:
            rate = replace(self, visits=visits).detection_rate(signature, planet.period_yr)
            return rate >= self.completeness

        low, high = 2, 8
        while not enough(high):
            if high >= most:
                raise ExpectationError(
                    "planet",
                    expected=f"a planet that {most} visits detect with a completeness of {self.completeness:g}",
                    got=f"a signature of {signature:.3g} uas at {planet.period_yr:.4g} years",
                    remedy="Check the calibration floor, the drift, and the length of the mission against the period",
                )
            low, high = high, min(2 * high, most)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if enough(middle) else (middle, high)
        return high

    def _rate(self, unit: np.ndarray, signature_uas: float) -> float:
        return float(np.mean(self.search.detection_probability(signature_uas**2 * unit, self.false_alarm_rate)))

    def _unit_noncentralities(self, period_yr: float) -> np.ndarray:
        """Return twice the power of a planet of unit signature, for orientations and phases of equal weight."""
        if not self.shortest_yr <= period_yr <= self.longest_yr:
            expected = f"a period that is searched, from {self.shortest_yr:.4g} to {self.longest_yr:.4g} years"
            remedy = "Change shortest_yr or longest_yr of the mission"
            raise BoundsError("period_yr", expected=expected, got=period_yr, remedy=remedy)
        phase = 2.0 * np.pi * (self.times_yr - self.search.centre_yr) / period_yr
        angle = np.radians(self.binary.apparent(self.times_yr).position_angle_deg)
        signals = np.stack([c * s for c in (np.cos(angle), np.sin(angle)) for s in (np.cos(phase), np.sin(phase))])
        form = self.search.quadratic_form(signals, period_yr)
        return np.einsum("ti,ij,tj->t", ORIENTATIONS, form, ORIENTATIONS)


def _orientations(count: int = 12) -> np.ndarray:
    """Return the constants A, F, B and G of circular orbits of unit axis, one row for each orientation and phase."""
    cosine, node, argument = np.meshgrid(
        (np.arange(count) + 0.5) * 2.0 / count - 1.0,
        2.0 * np.pi * (np.arange(count) + 0.5) / count,
        2.0 * np.pi * (np.arange(count) + 0.25) / count,
    )
    return np.stack(
        [
            np.cos(argument) * np.cos(node) - np.sin(argument) * np.sin(node) * cosine,
            -np.sin(argument) * np.cos(node) - np.cos(argument) * np.sin(node) * cosine,
            np.cos(argument) * np.sin(node) + np.sin(argument) * np.cos(node) * cosine,
            -np.sin(argument) * np.sin(node) + np.cos(argument) * np.cos(node) * cosine,
        ],
        axis=-1,
    ).reshape(-1, 4)


ORIENTATIONS: Final = _orientations()


def smallest_planets(
    errors: Mapping[str, VisitError], periods_yr: Iterable[float], **options: Any
) -> list[dict[str, Any]]:
    """Return the table of the smallest planets of packaged targets: one row for each target, host and period.

    Parameters
    ----------
    errors : mapping of str to VisitError
        Error of a visit by the name of the target, see `PACKAGED_BINARIES`.
    periods_yr : iterable of float
        Periods, Julian years.
    **options
        Other fields of `Mission`.

    Returns
    -------
    list of dict
        Rows with ``target``, ``host``, ``period_yr``, ``signature_uas``, ``mass_earth``, ``visits``,
        ``false_alarm_rate`` and ``completeness``.
    """
    rows = []
    periods = list(periods_yr)
    for name, error in errors.items():
        mission = Mission(packaged_binary(name).binary, error, **options)
        for period in periods:
            signature = mission.smallest_signature_uas(period)
            rows += [
                {
                    "target": name,
                    "host": host,
                    "period_yr": period,
                    "signature_uas": signature,
                    "mass_earth": planet_mass_earth(
                        signature,
                        period,
                        star_mass_sun=mission.binary.mass_sun(host),
                        parallax_mas=mission.binary.parallax_mas,
                    ),
                    "visits": mission.visits,
                    "false_alarm_rate": mission.false_alarm_rate,
                    "completeness": mission.completeness,
                }
                for host in ("A", "B")
            ]
    return rows
