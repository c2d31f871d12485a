"""Smallest planets and numbers of visits against closed forms and simulated missions."""

from dataclasses import replace

import numpy as np
import pytest

from dluxshera.errors import BoundsError, ExpectationError, UnknownKeyError
from dluxshera.mission import PACKAGED_BINARIES, Mission, Planet, VisitError, smallest_planets, visits_for_ratio
from support.helpers import run_fresh
from support.rows import each_row

MISSION = Mission(PACKAGED_BINARIES["alpha_cen"].binary, VisitError(3.0), visits=60, shortest_yr=0.1)
EXACT = replace(MISSION, binary=replace(MISSION.binary, uncertainties={}))


@each_row("amplitude, error, ratio, visits", [
    (2.5, 3.0, 6.0, 104),   # 103.68
    (2.0, 1.0, 6.0, 18),    # 18 exactly
    (1.0, 1.0, 1.0, 2),
    (3.0, 3.0, 5.0, 50),
    (100.0, 1.0, 1.0, 1),
])  # fmt: skip
def test_visits_without_nuisances(amplitude, error, ratio, visits):
    assert visits_for_ratio(amplitude, error, ratio) == visits
    assert amplitude * np.sqrt(visits / 2) / error >= ratio * (1 - 1e-12)
    assert amplitude * np.sqrt((visits - 1) / 2) / error < ratio


def test_the_noncentrality_is_the_square_of_that_ratio():
    """104 even visits of a short period: lambda = A^2 n / (2 sigma^2) of the part along the binary."""
    mission = replace(EXACT, visits=104, seed=None)
    times = mission.times_yr
    signal = 2.5 * np.sin(2.0 * np.pi * times / 0.37)
    assert np.sqrt(mission.search.noncentrality(signal[None])[0]) == pytest.approx(6.0, rel=0.02)


def test_the_stated_share_of_planets_is_detected():
    """Random orientations and phases, seed 3. The twin has planets of 0.7 of the mass."""
    mission = replace(MISSION, false_alarm_rate=0.05, completeness=0.8)
    mass = mission.smallest_mass_earth(0.8, "B")
    rng = np.random.default_rng(3)
    threshold = mission.search.threshold(mission.false_alarm_rate)

    def detected(scale):
        planets = [
            Planet(
                scale * mass,
                0.8,
                "B",
                inclination_deg=np.degrees(np.arccos(rng.uniform(-1, 1))),
                node_deg=rng.uniform(0, 360),
                periastron_yr=rng.uniform(2030, 2031),
            )
            for _ in range(300)
        ]
        signals = np.stack([p.separation_change_uas(mission.binary, mission.times_yr) for p in planets])
        series = signals + mission.error.draws(rng, mission.times_yr, 300)
        return np.sum(mission.search.peak(series).power > threshold)

    band = 3.0 * np.sqrt(300 * 0.8 * 0.2)
    assert abs(detected(1.0) - 240) < band
    assert abs(detected(0.7) - 240) > band


def test_masses_scale_as_kepler_and_the_error_say():
    """Away from the year and the length of the mission: m as sigma, and as P^(-2/3) and 1 / parallax."""
    one = EXACT.smallest_mass_earth(0.4)
    assert replace(EXACT, error=VisitError(6.0)).smallest_mass_earth(0.4) == pytest.approx(2.0 * one, rel=1e-3)
    assert EXACT.smallest_mass_earth(0.8) == pytest.approx(one * 2 ** (-2 / 3), rel=0.08)
    near = replace(EXACT, binary=replace(EXACT.binary, parallax_mas=2 * EXACT.binary.parallax_mas))
    assert near.smallest_mass_earth(0.4) == pytest.approx(one / 2.0, rel=0.02)
    heavy = EXACT.smallest_mass_earth(0.4, "A") / EXACT.smallest_mass_earth(0.4, "B")
    assert heavy == pytest.approx((1.0788 / 0.9092) ** (2 / 3), rel=1e-4)


def test_more_visits_see_smaller_planets_down_to_the_floor():
    error = VisitError(3.0, floor_uas=0.4)
    numbers = (25, 50, 100, 200)
    several = [replace(EXACT, visits=n, error=error).smallest_signature_uas(0.8) for n in numbers]
    white = [replace(EXACT, visits=n).smallest_signature_uas(0.8) for n in numbers]
    assert np.all(np.diff(several) < 0.0)
    # the variance of an amplitude is 2 sigma^2 / n + floor^2
    ratio = np.array(several) / np.array(white)
    np.testing.assert_allclose(ratio, np.sqrt(1.0 + 0.16 * np.array(numbers) / 18.0), rtol=1e-6)


def test_the_number_of_visits_is_the_smallest():
    planet = Planet(4.0, 0.9)
    mission = replace(MISSION, completeness=0.8)
    visits = mission.visits_needed(planet)
    signature = planet.signature_uas(mission.binary)
    assert replace(mission, visits=visits).detection_rate(signature, 0.9) >= 0.8
    assert replace(mission, visits=visits - 1).detection_rate(signature, 0.9) < 0.8


def test_the_fit_of_the_binary_takes_up_long_periods_and_an_unknown_parallax_the_year():
    uncertainties = MISSION.binary.uncertainties
    free = replace(MISSION, binary=replace(MISSION.binary, uncertainties={**uncertainties, "parallax_mas": 1e3}))

    def cost(mission, period):
        return mission.smallest_signature_uas(period) / EXACT.smallest_signature_uas(period)

    assert cost(MISSION, 0.4) < 1.05
    assert cost(MISSION, 1.0) < 1.05  # the parallax is known to 5e-4
    assert cost(free, 1.0) > 1.3
    assert cost(free, 1.6) < 1.15
    assert cost(MISSION, 4.5) > 5.0


def test_the_table_has_a_row_for_each_target_host_and_period():
    errors = {name: VisitError(3.0) for name in PACKAGED_BINARIES}
    rows = smallest_planets(errors, [0.5, 2.0], visits=20, shortest_yr=0.2)
    assert [(row["target"], row["period_yr"], row["host"]) for row in rows] == [
        (name, period, host) for name in PACKAGED_BINARIES for period in (0.5, 2.0) for host in "AB"
    ]
    assert all(row["mass_earth"] > 0.0 for row in rows)
    smallest = {name: min(row["mass_earth"] for row in rows if row["target"] == name) for name in PACKAGED_BINARIES}
    assert min(smallest, key=smallest.get) == "alpha_cen"


def test_the_room_needs_no_jax():
    run_fresh("""
        import sys
        from dluxshera.mission import PACKAGED_BINARIES, Mission, VisitError
        Mission(PACKAGED_BINARIES["xi_boo"].binary, VisitError(3.0), visits=12).smallest_mass_earth(1.0)
        import dluxshera.error_budget.inverse, dluxshera.error_budget.temporal_models
        assert not {"jax", "jaxlib", "dLux", "equinox", "astropy", "matplotlib"} & set(sys.modules)
    """)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: replace(MISSION, completeness=1.0), BoundsError, "completeness: expected a share above"),
        (lambda: replace(MISSION, completeness=0.005), BoundsError, "above the false-alarm rate"),
        (lambda: MISSION.smallest_mass_earth(0.05), BoundsError, "period_yr: expected a period that is searched"),
        (lambda: MISSION.smallest_mass_earth(7.0), BoundsError, "longest_yr of the mission"),
        (
            lambda: replace(MISSION, visits=2, error=VisitError(1e-4)).smallest_mass_earth(1.0),
            ExpectationError,
            "visits: expected visits that can tell",
        ),
        (lambda: MISSION.smallest_mass_earth(0.5, "C"), UnknownKeyError, "'A' or 'B'"),
        (lambda: smallest_planets({"sirius": VisitError(1.0)}, [1.0]), UnknownKeyError, "a packaged target"),
        (lambda: visits_for_ratio(0.0, 3.0, 6.0), BoundsError, "amplitude_uas"),
        (lambda: visits_for_ratio(1.0, 3.0, -6.0), BoundsError, "ratio"),
        (
            lambda: replace(MISSION, error=VisitError(3.0, floor_uas=1.0)).visits_needed(Planet(0.5, 0.7), most=32),
            ExpectationError,
            "planet: expected a planet that 32 visits detect .* Check the calibration floor",
        ),
    ],
)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
