"""Derived values of the effects as functions: against rays through augmented matrices, quadrature and a closed form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad

from dluxshera.systems.transforms import (
    effective_wavelength_of_star,
    four_plane_line_of_sight_shift,
    line_of_sight_shift,
    mean_transmission,
)
from support import reference_optics as ref
from support.helpers import rounding

F1, F2, S, L = (
    ref.FLIGHT.geometry()[f"system.{name}_m"]
    for name in ("m1_focal_length", "m2_focal_length", "m1_m2_separation", "m2_detector_separation")
)
CENTRE, WIDTH = 550e-9, 110e-9


def landing(angle: float, decentre: float, tilt: float, gap: float, power: float, rest: float) -> float:
    """Return where the ray of a star through the centre of the pupil meets the detector, surface by surface."""
    x, slope = 0.0, angle
    slope -= x / F1
    x += S * slope
    slope += 2.0 * tilt - (x - decentre) / F2
    x += gap * slope
    slope -= x * power
    return x + rest * slope


@pytest.mark.covers(
    "dluxshera.systems.transforms.line_of_sight_shift",
    "dluxshera.systems.transforms.four_plane_line_of_sight_shift",
)
@pytest.mark.parametrize(("decentre", "tilt"), [(2e-6, 0.0), (0.0, 1e-6), (-3e-6, 4e-6)])
def test_line_of_sight_is_where_traced_rays_land(decentre, tilt):
    three = line_of_sight_shift(decentre, tilt, F1, F2, S, L) * ref.ARCSECOND
    assert landing(three, 0.0, 0.0, L, 0.0, 0.0) == pytest.approx(landing(0.0, decentre, tilt, L, 0.0, 0.0), rel=1e-12)
    gap, power, rest = 0.3, 0.8, 0.4
    four = four_plane_line_of_sight_shift(decentre, tilt, F1, F2, S, gap, power, rest) * ref.ARCSECOND
    landed = landing(0.0, decentre, tilt, gap, power, rest)
    assert landing(four, 0.0, 0.0, gap, power, rest) == pytest.approx(landed, rel=1e-12)
    flat = four_plane_line_of_sight_shift(decentre, tilt, F1, F2, S, 0.2, 0.0, L - 0.2)
    assert flat * ref.ARCSECOND == pytest.approx(three, rel=1e-12)


@pytest.mark.covers("dluxshera.systems.transforms.effective_wavelength_of_star")
@pytest.mark.parametrize("temperature", [None, 3500.0, 9000.0])
def test_effective_wavelength_is_the_mean_of_the_photons(temperature):
    rng = np.random.default_rng(5)
    spectrum, transmission = rng.uniform(0.0, 1.0, 9), rng.uniform(0.0, 1.0, 4)
    rows, grid = np.sort(np.append(rng.uniform(-0.6, 0.6, 7), [-0.7, 0.7])), np.array([-0.9, -0.1, 0.3, 0.5])

    def photons(t: float) -> float:
        curves = np.interp(t, rows, spectrum) * np.interp(t, grid, transmission)
        return curves * (
            1.0 if temperature is None else ref.black_body_photons(CENTRE + t * WIDTH, temperature) * CENTRE**4
        )

    kinks = [*(row for row in rows if abs(row) < 0.5), *grid[1:3]]
    total = quad(photons, -0.5, 0.5, points=kinks, epsabs=0, epsrel=1e-12)[0]
    first = quad(lambda t: t * photons(t), -0.5, 0.5, points=kinks, epsabs=1e-14 * total, epsrel=1e-12)[0]
    tables = (spectrum, CENTRE + WIDTH * rows, transmission, CENTRE + WIDTH * grid)
    found = effective_wavelength_of_star(CENTRE, WIDTH, temperature, *tables)
    assert found == pytest.approx(CENTRE + WIDTH * first / total, abs=1e-18)
    plain = effective_wavelength_of_star(CENTRE, WIDTH, temperature, *(list(table) for table in tables))
    assert plain == found


@pytest.mark.covers("dluxshera.systems.transforms.mean_transmission")
def test_mean_transmission_is_the_area_below_the_table_over_the_width():
    rows, values = CENTRE + WIDTH * np.array([-0.75, -0.25, 0.0, 0.75]), np.array([0.0, 1.0, 0.5, 0.8])
    # at the edges 0.5 and 0.7: trapezoids of a quarter, a quarter and a half of the band
    area = 0.25 * (0.5 + 1.0) / 2 + 0.25 * (1.0 + 0.5) / 2 + 0.5 * (0.5 + 0.7) / 2
    assert mean_transmission(CENTRE, WIDTH, values, rows) == pytest.approx(area, rel=rounding(float, 4, 10))
    slope = jax.grad(lambda shift: mean_transmission(CENTRE, WIDTH, jnp.asarray(values), rows + shift))(0.0)
    assert slope == pytest.approx((0.5 - 0.7) / WIDTH, rel=1e-12)  # gains the left edge


def test_effective_wavelength_without_curves_is_the_centre_and_with_a_ramp_a_sixth_off():
    assert effective_wavelength_of_star(CENTRE, WIDTH) == pytest.approx(CENTRE, rel=rounding(float, 16))
    edges = CENTRE + WIDTH * np.array([-0.5, 0.5])
    ramp = effective_wavelength_of_star(CENTRE, WIDTH, None, None, None, np.array([0.0, 1.0]), edges)
    assert ramp == pytest.approx(CENTRE + WIDTH / 6.0, rel=rounding(float, 16))


def test_effective_wavelength_derivative_by_temperature():
    at, step = 5000.0, 1.0
    slope = jax.grad(lambda t: effective_wavelength_of_star(jnp.asarray(CENTRE), jnp.asarray(WIDTH), t))(at)
    high, low = (effective_wavelength_of_star(CENTRE, WIDTH, at + sign * step) for sign in (1.0, -1.0))
    assert slope == pytest.approx((high - low) / (2.0 * step), rel=1e-6)
    assert slope < 0.0
