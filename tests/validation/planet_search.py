"""False alarms and completeness of the search for planets: simulated missions to alpha Cen, with orbit and drift.

The binary of each mission is drawn from the uncertainties of its orbit and motion, and its separations are computed
exactly; the search knows their derivatives. Planets of one mass have random orientations and phases.
"""

from __future__ import annotations

from functools import cache
from math import log, sqrt
from pathlib import Path
from typing import Any

import numpy as np

from dluxshera.error_budget.temporal_models import RandomWalk
from dluxshera.mission.packaged_binaries import PACKAGED_BINARIES
from dluxshera.mission.planning import Mission
from dluxshera.mission.reflex import Planet
from dluxshera.mission.visits import VisitError
from support.evidence import modules_behind

YEAR_S = 31557600.0
NULL, WITH_PLANET, CHUNK = 10_000, 1_000, 250
PERIODS_YR = (0.3, 1.0, 2.2)
FALSE_ALARM_RATE, COMPLETENESS = 0.01, 0.9


@cache
def mission() -> Mission:
    """Mission of 60 visits of 3 uas in five years, with a random walk of 2 uas in a year."""
    error = VisitError(3.0, drift=RandomWalk(rate=4.0 / YEAR_S))
    return Mission(
        PACKAGED_BINARIES["alpha_cen"].binary,
        error,
        visits=60,
        shortest_yr=0.1,
        false_alarm_rate=FALSE_ALARM_RATE,
        completeness=COMPLETENESS,
    )


def null_series(chunk: int, count: int = CHUNK) -> np.ndarray:
    """Largest power of series without a planet."""
    case = mission()
    return case.search.peak(case.series_uas(np.random.default_rng([1, chunk]), count)).power


def planet_series(chunk: int, period_yr: float, count: int = CHUNK) -> np.ndarray:
    """Largest power of series with a planet of the smallest mass that the mission claims to detect."""
    case = mission()
    rng = np.random.default_rng([2, chunk, round(1000 * period_yr)])
    mass = case.smallest_mass_earth(period_yr)
    series = case.series_uas(rng, count)
    for row in series:
        planet = Planet(
            mass,
            period_yr,
            inclination_deg=float(np.degrees(np.arccos(rng.uniform(-1.0, 1.0)))),
            node_deg=rng.uniform(0.0, 360.0),
            periastron_yr=2030.0 + period_yr * rng.uniform(),
        )
        row += planet.separation_change_uas(case.binary, case.times_yr)
    return case.search.peak(series).power


def summary(counts: list[int], total: int, rate: float) -> dict[str, Any]:
    """Counts of the chunks beside what the stated rate predicts."""
    return {"series": total, "stated_rate": rate, "detected": counts, "rate": sum(counts) / total}


def judge(result: dict[str, Any]) -> list[str]:
    """Return a line for each rate outside three standard deviations of its binomial distribution."""
    lines = []
    for name, part in {"without a planet": result["null"], **result["planets"]}.items():
        rate, n = part["stated_rate"], part["series"]
        band = 3.0 * sqrt(rate * (1.0 - rate) / n)
        if n != CHUNK * len(part["detected"]) or part["rate"] != sum(part["detected"]) / n:
            lines.append(f"{name}: the counts do not add up")
        if not abs(part["rate"] - rate) <= band:
            lines.append(f"{name}: {part['rate']:.4f}, stated {rate:g} within {band:.4f}")
    return lines


def gather() -> dict[str, Any]:
    """Run all missions."""
    threshold = mission().search.threshold(FALSE_ALARM_RATE)
    powers = [null_series(chunk) for chunk in range(NULL // CHUNK)]
    null = [int(np.sum(power > threshold)) for power in powers]
    single = [int(np.sum(power > -log(FALSE_ALARM_RATE))) for power in powers]
    planets = {
        f"{period:g} years": summary(
            [int(np.sum(planet_series(chunk, period) > threshold)) for chunk in range(WITH_PLANET // CHUNK)],
            WITH_PLANET,
            COMPLETENESS,
        )
        | {"mass_earth": mission().smallest_mass_earth(period)}
        for period in PERIODS_YR
    }
    return {
        "threshold": threshold,
        "null": summary(null, NULL, FALSE_ALARM_RATE),
        "planets": planets,
        "threshold_of_one_period": summary(single, NULL, FALSE_ALARM_RATE),
    }


def sources() -> list[Path]:
    """Files whose code the record is of."""
    file = Path(__file__)
    return sorted({*modules_behind(file), file})
