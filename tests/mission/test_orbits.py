"""Kepler's equation and orbits against the equation itself, the motion of two bodies, and closed forms."""

from dataclasses import astuple

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import brentq
from scipy.spatial.transform import Rotation

from dluxshera.errors import BoundsError, NonFiniteError
from dluxshera.mission import Orbit, eccentric_anomaly
from support.rows import each_row

CAMPBELL = [
    Orbit(79.762, 17.493, 0.51947, 79.243, 205.073, 231.519, 1955.564),
    Orbit(1.0, 2.0),
    Orbit(11.9, 1.0, 0.0, 90.0, 30.0, 0.0, 2003.0),
    Orbit(500.0, 14.7, 0.95, 140.0, 75.0, 300.0, 1763.0),
    Orbit(0.1, 1e-6, 0.3, 180.0, 12.0, 34.0, 2030.0),
    Orbit(2.5, 3.0, 0.7, 33.0, 359.0, 181.0, 2031.0),
]


@each_row("eccentricity", [0.0, 1e-9, 0.1, 0.52, 0.9, 0.99, 0.9999, 1 - 1e-9])
def test_the_equation_is_solved_to_rounding(eccentricity):
    """The equation forward, from anomalies that cover several turns and come close to periastron."""
    near = np.geomspace(1e-12, np.pi, 60)
    truth = np.concatenate([-near, near, [0.0, 3.0 * np.pi, -5.0], 2.0 * np.pi + near[:50]])
    mean = truth - eccentricity * np.sin(truth)
    anomaly = eccentric_anomaly(mean, eccentricity)
    # The equation carries the rounding of M; near periastron dE/dM = 1 / (1 - e cos E).
    slope = 1.0 / (1.0 - eccentricity * np.cos(truth))
    assert np.all(np.abs(anomaly - truth) <= 8e-16 * (1.0 + np.abs(truth)) * np.maximum(slope, 4.0))


def test_the_equation_agrees_with_bisection():
    mean = np.linspace(-3.1, 3.1, 31)
    truth = [brentq(lambda x, m=m: x - 0.8 * np.sin(x) - m, -4.0, 4.0, xtol=1e-15) for m in mean]
    np.testing.assert_allclose(eccentric_anomaly(mean, 0.8), truth, atol=5e-15)


def integrated(orbit: Orbit, times: np.ndarray) -> np.ndarray:
    """Return north, east and away of two bodies under their attraction, from periastron on."""
    mu = (2.0 * np.pi / orbit.period_yr) ** 2 * orbit.semi_major_axis**3
    nearest = orbit.semi_major_axis * (1.0 - orbit.eccentricity)
    speed = np.sqrt(mu * (1.0 + orbit.eccentricity) / nearest)
    # Axes north, east, away: position angles turn from north to east, and the node recedes.
    turn = (
        Rotation.from_euler("z", orbit.node_deg, degrees=True)
        * Rotation.from_euler("x", orbit.inclination_deg, degrees=True)
        * Rotation.from_euler("z", orbit.periastron_deg, degrees=True)
    )
    start = np.concatenate([turn.apply([nearest, 0.0, 0.0]), turn.apply([0.0, speed, 0.0])])

    def attraction(_, state):
        return np.concatenate([state[3:], -mu * state[:3] / np.linalg.norm(state[:3]) ** 3])

    scale = np.repeat([orbit.semi_major_axis, orbit.semi_major_axis / orbit.period_yr], 3)
    solution = solve_ivp(attraction, (0.0, times[-1]), start, "DOP853", t_eval=times, rtol=1e-12, atol=1e-13 * scale)
    return solution.y[:3]


@each_row("orbit", CAMPBELL)
def test_offsets_are_those_of_two_bodies(orbit):
    times = np.linspace(0.0, 1.3, 40) * orbit.period_yr
    offsets = np.array(orbit.offsets(orbit.periastron_yr + times))
    atol = 3e-9 * orbit.semi_major_axis / (1.0 - orbit.eccentricity)
    np.testing.assert_allclose(offsets, integrated(orbit, times), atol=atol)


@each_row("orbit", CAMPBELL)
def test_elements_follow_from_the_constants_of_thiele_and_innes(orbit):
    constants = orbit.thiele_innes
    back = Orbit.from_thiele_innes(
        constants.a,
        constants.b,
        constants.f,
        constants.g,
        period_yr=orbit.period_yr,
        eccentricity=orbit.eccentricity,
        periastron_yr=orbit.periastron_yr,
    )
    assert 0.0 <= back.node_deg < 180.0
    times = orbit.periastron_yr + np.linspace(0.0, orbit.period_yr, 17)
    # The ascending node is not known from the sky, nor is the sign of the depth.
    np.testing.assert_allclose(back.offsets(times)[:2], orbit.offsets(times)[:2], atol=1e-7 * orbit.semi_major_axis)
    assert back.semi_major_axis == pytest.approx(orbit.semi_major_axis, rel=1e-12)


def test_a_face_on_circle_turns_from_north_through_east_and_a_node_recedes():
    circle = Orbit(4.0, 2.0)
    offsets = circle.offsets(np.array([2000.0, 2001.0, 2002.0]))
    np.testing.assert_allclose(offsets.north, [2.0, 0.0, -2.0], atol=1e-15)
    np.testing.assert_allclose(offsets.east, [0.0, 2.0, 0.0], atol=1e-15)
    edge = Orbit(4.0, 2.0, inclination_deg=90.0)
    np.testing.assert_allclose(edge.offsets(np.array([2000.0, 2001.0])).away, [0.0, 2.0], atol=1e-15)


@each_row("field, value, error", [
    ("period_yr", 0.0, BoundsError),
    ("period_yr", -3.0, BoundsError),
    ("semi_major_axis", -1.0, BoundsError),
    ("eccentricity", 1.0, BoundsError),
    ("eccentricity", -0.1, BoundsError),
    ("node_deg", float("nan"), NonFiniteError),
    ("periastron_yr", float("inf"), NonFiniteError),
])  # fmt: skip
def test_elements_out_of_range_are_named(field, value, error):
    names = ("period_yr", "semi_major_axis", "eccentricity", "inclination_deg", "node_deg", "periastron_deg")
    elements = dict(zip((*names, "periastron_yr"), astuple(CAMPBELL[0]), strict=True))
    with pytest.raises(error, match=f"^{field}: expected .*, got {value}"):
        Orbit(**(elements | {field: value}))


def test_an_unbound_orbit_is_rejected_by_the_equation_too():
    with pytest.raises(BoundsError, match="eccentricity: expected a number from 0"):
        eccentric_anomaly(np.zeros(1), 1.0)
