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
    spectrum, transmission = np.random.default_rng(5).uniform(0.0, 1.0, (2, 7))
    grid = np.linspace(-0.5, 0.5, 7)

    def photons(t: float) -> float:
        curves = np.interp(t, grid, spectrum) * np.interp(t, grid, transmission)
        return curves * (
            1.0 if temperature is None else ref.black_body_photons(CENTRE + t * WIDTH, temperature) * CENTRE**4
        )

    total = quad(photons, -0.5, 0.5, points=grid, epsabs=0, epsrel=1e-12)[0]
    first = quad(lambda t: t * photons(t), -0.5, 0.5, points=grid, epsabs=1e-14 * total, epsrel=1e-12)[0]
    found = effective_wavelength_of_star(CENTRE, WIDTH, temperature, spectrum, transmission)
    assert found == pytest.approx(CENTRE + WIDTH * first / total, abs=1e-18)


def test_effective_wavelength_without_curves_is_the_centre_and_with_a_ramp_a_sixth_off():
    assert effective_wavelength_of_star(CENTRE, WIDTH) == pytest.approx(CENTRE, rel=rounding(float, 16))
    ramp = effective_wavelength_of_star(CENTRE, WIDTH, None, None, np.array([0.0, 1.0]))
    assert ramp == pytest.approx(CENTRE + WIDTH / 6.0, rel=rounding(float, 16))


def test_effective_wavelength_derivative_by_temperature():
    at, step = 5000.0, 1.0
    slope = jax.grad(lambda t: effective_wavelength_of_star(jnp.asarray(CENTRE), jnp.asarray(WIDTH), t))(at)
    high, low = (effective_wavelength_of_star(CENTRE, WIDTH, at + sign * step) for sign in (1.0, -1.0))
    assert slope == pytest.approx((high - low) / (2.0 * step), rel=1e-6)
    assert slope < 0.0
