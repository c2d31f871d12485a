"""Binaries in space against other software, closed forms and the packaged profiles; reflex motion of planets."""

from dataclasses import replace

import numpy as np
import pytest
from astropy import constants, units
from astropy.coordinates import SkyCoord, get_body_barycentric
from astropy.time import Time
from ruamel.yaml import YAML

from dluxshera.errors import BoundsError, UnknownKeyError
from dluxshera.mission import (
    PACKAGED_BINARIES,
    Binary,
    Orbit,
    Planet,
    astrometric_signature_uas,
    earth_position,
    packaged_binary,
    planet_mass_earth,
    semi_major_axis_au,
)
from support.paths import PACKAGE
from support.rows import each_row

PROFILES_OF_TARGETS = {path.stem: path for path in (PACKAGE / "profiles/data/target").glob("*.yaml")}
TIMES = 2030.0 + np.linspace(0.0, 5.0, 23)
ALPHA_CEN = PACKAGED_BINARIES["alpha_cen"].binary


def seen_from_the_earth(binary: Binary, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return separation, arcsec, and position angle, degrees, with astropy's coordinates."""
    time = Time(times, format="jyear", scale="tdb")
    earth = get_body_barycentric("earth", time).xyz.to_value(units.au).T
    distance = (1000.0 / binary.parallax_mas) * units.pc.to(units.au)
    centre = SkyCoord(
        ra=binary.ra_deg * units.deg,
        dec=binary.dec_deg * units.deg,
        distance=distance * units.au,
        pm_ra_cosdec=binary.pm_ra_mas_yr * units.mas / units.yr,
        pm_dec=binary.pm_dec_mas_yr * units.mas / units.yr,
        radial_velocity=binary.radial_velocity_km_s * units.km / units.s,
    )
    velocity = centre.velocity.d_xyz.to_value(units.au / units.yr)
    start = centre.cartesian.xyz.to_value(units.au)
    places = start + (times - binary.epoch_yr)[:, None] * velocity - earth
    matrix = np.array(
        [  # offsets to the east and the north and away, on the axes of the ICRS
            SkyCoord(ra=(binary.ra_deg + 90.0) * units.deg, dec=0.0 * units.deg).cartesian.xyz.value,
            centre.directional_offset_by(0.0 * units.deg, 90.0 * units.deg).cartesian.xyz.value,
            start / distance,
        ]
    )
    offsets = binary.orbit.offsets(times)
    apart = np.stack([offsets.east, offsets.north, offsets.away], 1) * distance * units.arcsec.to(units.rad) @ matrix
    share = binary.mass_b_sun / (binary.mass_a_sun + binary.mass_b_sun)
    a, b = (
        SkyCoord(*(place.T * units.au), representation_type="cartesian")
        for place in (places - share * apart, places + (1.0 - share) * apart)
    )
    for star in (a, b):
        star.representation_type = "unitspherical"
    return a.separation(b).arcsec, a.position_angle(b).deg


@each_row("name", sorted(PACKAGED_BINARIES))
def test_places_are_those_of_another_package(name):
    binary = PACKAGED_BINARIES[name].binary
    separation, angle = seen_from_the_earth(binary, TIMES)
    apparent = binary.apparent(TIMES)
    assert 1e6 * np.max(np.abs(apparent.separation_as - separation)) < 1e-3
    np.testing.assert_allclose(apparent.position_angle_deg, angle, atol=1e-9)


def test_the_nearer_star_has_the_larger_parallax_and_a_nearer_earth_sees_a_wider_pair():
    """First order in the parallax: the scale by the radial position of the Earth, and the difference of parallaxes."""
    orbit = Orbit(1e9, 10.0, 0.0, 60.0, 0.0, 40.0, 2030.0)
    still = Binary(orbit, parallax_mas=750.0, ra_deg=80.0, dec_deg=20.0)
    far = replace(still, parallax_mas=1e-3)  # the parallax is 1e-3 uas of the separation
    change = still.separation_uas(TIMES) - far.separation_uas(TIMES)
    earth = earth_position(TIMES)
    ra, dec = np.radians([80.0, 20.0])
    away = np.array([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])
    east = np.array([-np.sin(ra), np.cos(ra), 0.0])
    north = np.cross(away, east)
    offsets = orbit.offsets(TIMES)
    radians = 750e-3 * np.pi / 648000
    along = (offsets.north[:, None] * north + offsets.east[:, None] * east) / np.hypot(offsets.north, offsets.east)[
        :, None
    ]
    first = 1e6 * radians * np.hypot(offsets.north, offsets.east) * (earth @ away)
    # B is deeper by z: its parallactic displacement, -E/d, is smaller by z/d
    depth = 1e6 * radians * offsets.away * np.sum(earth * along, axis=1)
    residual = change - (first + depth)
    assert np.ptp(change) > 30.0
    # of second order: the mean depth of both stars, and the curvature of the sphere
    assert np.max(np.abs(residual - residual.mean())) < 5e-3 * np.ptp(change)


PROFILES = {  # how well the published orbit predicts the measured place: arcsec and degrees
    "alpha_cen": (0.002, 0.05),
    "70_oph": (0.01, 0.4),
    "xi_boo": (0.15, 1.5),
    "61_cyg": (0.05, 0.6),
    "36_oph": (0.05, 0.05),
    "p_eri": (0.4, 0.6),
    "hr_2667_8": (0.002, 0.005),
}


@each_row("name", sorted(PACKAGED_BINARIES))
def test_orbits_predict_the_places_of_the_profiles(name):
    """The profiles hold measured or predicted places at 2027, from sources of their own."""
    profile = YAML(typ="safe").load(PROFILES_OF_TARGETS[name])["parameters"]
    apparent = PACKAGED_BINARIES[name].binary.apparent(np.array([2027.0]))
    separation, angle = PROFILES[name]
    assert abs(apparent.separation_as[0] - profile["binary.separation_as"]["value"]) < separation
    difference = apparent.position_angle_deg[0] - profile["binary.position_angle_deg"]["value"]
    assert abs((difference + 180.0) % 360.0 - 180.0) < angle


def test_there_is_a_target_for_each_packaged_profile_of_one():
    assert set(PACKAGED_BINARIES) == set(PROFILES_OF_TARGETS)
    for target in PACKAGED_BINARIES.values():
        assert target.source
        # Kepler's third law holds between elements, parallax and masses
        a = target.binary.orbit.semi_major_axis / (1e-3 * target.binary.parallax_mas)
        mass = a**3 / target.binary.orbit.period_yr**2
        assert mass == pytest.approx(target.binary.mass_a_sun + target.binary.mass_b_sun, rel=0.35), target.id


def test_masses_and_axes_agree_with_the_constants_of_astropy():
    period = (1.3 * units.year).to(units.s)
    axis = (constants.GM_sun * 1.7 * period**2 / (4 * np.pi**2)) ** (1 / 3)
    assert semi_major_axis_au(1.3, 1.7) == pytest.approx(axis.to_value(units.au), rel=1e-9)
    one = astrometric_signature_uas(1.0, 1.0, star_mass_sun=1.0, parallax_mas=100.0)
    ratio = (constants.GM_earth / constants.GM_sun).value
    assert one == pytest.approx(1e5 * ratio, rel=1e-4)  # the axis of the Earth is 1 au within 2e-5
    jupiter = astrometric_signature_uas(317.83, 11.862, star_mass_sun=1.0, parallax_mas=100.0)
    assert jupiter == pytest.approx(5.2 * 1e5 / 1047.57, rel=2e-3)


@each_row("mass, period", [(1e-3, 0.1), (1.0, 1.0), (317.8, 11.9), (3e4, 5.0), (1e6, 20.0)])
def test_the_mass_of_a_signature_is_the_inverse(mass, period):
    star = {"star_mass_sun": 0.9, "parallax_mas": 750.0}
    signature = astrometric_signature_uas(mass, period, **star)
    assert planet_mass_earth(signature, period, **star) == pytest.approx(mass, rel=1e-12)


@each_row("host", ["A", "B"])
def test_the_reflex_is_that_of_two_bodies_around_their_centre(host):
    """Displace the host in space, opposite to the planet, and measure the separation again."""
    planet = Planet(3e3, 1.7, host, 0.4, 50.0, 20.0, 70.0, 2031.0)
    star = ALPHA_CEN.mass_sun(host)
    mass = planet.mass_earth / 332946.05
    axis = (((star + mass) * planet.period_yr**2) ** (1 / 3)) * 1e-3 * ALPHA_CEN.parallax_mas  # arcsec
    relative = Orbit(planet.period_yr, axis, 0.4, 50.0, 20.0, 70.0, 2031.0).offsets(TIMES)
    host_share = -mass / (star + mass)
    pair = ALPHA_CEN.apparent(TIMES)
    sign = 1.0 if host == "B" else -1.0
    angle = np.radians(pair.position_angle_deg)
    north = pair.separation_as * np.cos(angle) + sign * host_share * relative.north
    east = pair.separation_as * np.sin(angle) + sign * host_share * relative.east
    truth = 1e6 * (np.hypot(north, east) - pair.separation_as)
    change = planet.separation_change_uas(ALPHA_CEN, TIMES)
    assert np.ptp(truth) > 1000.0
    np.testing.assert_allclose(change, truth, atol=3e-4 * np.ptp(truth))


def test_nuisances_are_the_differences_of_binaries():
    columns = ALPHA_CEN.nuisances(TIMES)
    names = list(ALPHA_CEN.uncertainties)
    assert columns.shape == (len(TIMES), len(names))
    before = ALPHA_CEN.separation_uas(TIMES)
    for name, column in zip(names, columns.T, strict=True):
        width = ALPHA_CEN.uncertainties[name]
        moved = ALPHA_CEN.shifted(name, 0.5 * width).separation_uas(TIMES) - before
        np.testing.assert_allclose(2.0 * moved, column, atol=2e-3 * np.abs(column).max() + 0.02, err_msg=name)
    assert replace(ALPHA_CEN, uncertainties={"period_yr": 0.0}).nuisances(TIMES).shape == (len(TIMES), 0)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: replace(ALPHA_CEN, parallax_mas=0.0),
            BoundsError,
            "parallax_mas: expected a positive number, got 0.0",
        ),
        (lambda: replace(ALPHA_CEN, mass_b_sun=-1.0), BoundsError, "mass_b_sun: expected a positive"),
        (lambda: replace(ALPHA_CEN, uncertainties={"perod_yr": 1.0}), UnknownKeyError, "Did you mean period_yr"),
        (lambda: replace(ALPHA_CEN, uncertainties={"period_yr": -1.0}), BoundsError, "uncertainties.period_yr"),
        (lambda: ALPHA_CEN.apparent(np.array([2030.0, 2130.0])), BoundsError, "times_yr: .* got 2130.0 at index 1"),
        (lambda: ALPHA_CEN.apparent(np.array([62502.0])), BoundsError, "Julian years from 1900 to 2100"),
        (lambda: ALPHA_CEN.mass_sun("C"), UnknownKeyError, "a star of the binary"),
        (lambda: ALPHA_CEN.shifted("mass", 1.0), UnknownKeyError, "an element of the orbit"),
        (lambda: packaged_binary("alpha_cne"), UnknownKeyError, "Did you mean alpha_cen"),
        (lambda: astrometric_signature_uas(-1.0, 1.0, star_mass_sun=1.0, parallax_mas=1.0), BoundsError, "mass_earth"),
        (lambda: planet_mass_earth(0.0, 1.0, star_mass_sun=1.0, parallax_mas=1.0), BoundsError, "signature_uas"),
    ],
)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
