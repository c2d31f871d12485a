"""Each transform against an independent truth: traced rays, quadrature, astropy, sums over frames.

The reference pages link these tests by their markers.
"""

from math import fsum, log10, pi

import astropy.constants as const
import astropy.units as u
import numpy as np
import pytest
from scipy.integrate import quad

from dluxshera.systems import transforms as t
from support.helpers import rounding
from support.reference_optics import FLIGHT, gap, mirror

ARCSEC = pi / 648000
# The power of the relay is a difference of terms 150 times larger.
RELAY = rounding(float, 10, condition=150)
EXACT = rounding(float, 10)


def near(value: float, rng: np.random.Generator, spread: float = 1e-3) -> float:
    return value * (1.0 + spread * rng.normal())


class Telescope:
    """A telescope near the flight design, out of focus: two mirrors, and a third surface with power."""

    def __init__(self, seed: int):
        rng = np.random.default_rng(seed)
        design = FLIGHT.geometry()
        self.f1 = near(design["system.m1_focal_length_m"], rng)
        self.f2 = near(design["system.m2_focal_length_m"], rng)
        self.s = near(design["system.m1_m2_separation_m"], rng)
        self.to_detector = near(design["system.m2_detector_separation_m"], rng)
        self.diameter = near(design["system.m1_diameter_m"], rng, 0.1)
        self.pitch = near(design["system.pixel_pitch_m"], rng, 0.1)
        self.to_m3, self.m3_power, self.past_m3 = rng.uniform([0.2, -0.8, 0.2], [0.4, 0.8, 0.5])

    @property
    def two_mirrors(self) -> tuple[float, float, float]:
        return self.f1, self.f2, self.s

    @property
    def three_surfaces(self) -> tuple[float, float, float, float, float]:
        return (*self.two_mirrors, self.to_m3, self.m3_power)

    def behind_m2(self) -> np.ndarray:
        return mirror(self.f2) @ gap(self.s) @ mirror(self.f1)

    def behind_m3(self) -> np.ndarray:
        return mirror(1.0 / self.m3_power) @ gap(self.to_m3) @ self.behind_m2()

    def at_detector(self) -> np.ndarray:
        return gap(self.to_detector) @ self.behind_m2()

    def at_detector_past_m3(self) -> np.ndarray:
        return gap(self.past_m3) @ self.behind_m3()


@pytest.fixture(params=range(3))
def telescope(request) -> Telescope:
    return Telescope(request.param)


def focal_length_of(relay: np.ndarray) -> float:
    """Height of a ray from infinity over the slope at which the relay bends it towards the axis."""
    height = 0.1
    _, slope = relay @ [height, 0.0]
    return -height / slope


def rms_of_defocus(relay: np.ndarray, diameter: float) -> float:
    """Standard deviation over the pupil, nanometres, of the OPD whose slope is that of the rays' aberration.

    A ray from the height r lands at A r, which a wavefront of slope A r / B at the pupil would have it do.
    """
    (a, b), _ = relay
    radius = diameter / 2.0

    def mean(function) -> float:
        return quad(lambda r: function(r) * 2.0 * r / radius**2, 0.0, radius, epsrel=1e-13)[0]

    def opd(r: float) -> float:
        return quad(lambda height: a * height / b, 0.0, r, epsrel=1e-13)[0]

    average = mean(opd)
    return np.sign(a / b) * np.sqrt(mean(lambda r: (opd(r) - average) ** 2)) * 1e9


@pytest.mark.covers("dluxshera.systems.transforms.effective_focal_length")
def test_effective_focal_length_is_that_of_a_ray_from_infinity(telescope):
    expected = focal_length_of(telescope.behind_m2())
    assert t.effective_focal_length(*telescope.two_mirrors) == pytest.approx(expected, rel=RELAY)


@pytest.mark.covers("dluxshera.systems.transforms.four_plane_focal_length")
def test_four_plane_focal_length_is_that_of_a_ray_from_infinity(telescope):
    expected = focal_length_of(telescope.behind_m3())
    assert t.four_plane_focal_length(*telescope.three_surfaces) == pytest.approx(expected, rel=RELAY)


@pytest.mark.covers("dluxshera.systems.transforms.image_plate_scale")
def test_a_star_one_plate_scale_off_axis_lands_one_pixel_off(telescope):
    """The chief ray, through the centre of the pupil, also out of focus."""
    scale = t.image_plate_scale(telescope.pitch, *telescope.two_mirrors, telescope.to_detector)
    landing, _ = telescope.at_detector() @ [0.0, scale * ARCSEC]
    assert landing == pytest.approx(telescope.pitch, rel=RELAY)


@pytest.mark.covers("dluxshera.systems.transforms.four_plane_image_plate_scale")
def test_past_m3_a_star_one_plate_scale_off_axis_lands_one_pixel_off(telescope):
    scale = t.four_plane_image_plate_scale(telescope.pitch, *telescope.three_surfaces, telescope.past_m3)
    landing, _ = telescope.at_detector_past_m3() @ [0.0, scale * ARCSEC]
    assert landing == pytest.approx(telescope.pitch, rel=RELAY)


@pytest.mark.covers("dluxshera.systems.transforms.relay_defocus")
def test_defocus_is_the_rms_of_the_wavefront_that_the_rays_show(telescope):
    defocus = t.relay_defocus(telescope.diameter, *telescope.two_mirrors, telescope.to_detector)
    assert abs(defocus) > 1.0
    assert defocus == pytest.approx(rms_of_defocus(telescope.at_detector(), telescope.diameter), rel=1e-9)


@pytest.mark.covers("dluxshera.systems.transforms.four_plane_defocus")
def test_four_plane_defocus_is_the_rms_of_the_wavefront_that_the_rays_show(telescope):
    defocus = t.four_plane_defocus(telescope.diameter, *telescope.three_surfaces, telescope.past_m3)
    assert abs(defocus) > 1.0
    assert defocus == pytest.approx(rms_of_defocus(telescope.at_detector_past_m3(), telescope.diameter), rel=1e-9)


@pytest.mark.covers("dluxshera.systems.transforms.refocused_plate_scale")
def test_refocused_plate_scale_is_that_of_the_paraxial_focus(telescope):
    """The detector is moved to where the ray from infinity crosses the axis."""
    height, slope = telescope.behind_m2() @ [1.0, 0.0]
    in_focus = gap(-height / slope) @ telescope.behind_m2()
    scale = t.refocused_plate_scale(telescope.pitch, focal_length_of(telescope.behind_m2()))
    landing, _ = in_focus @ [0.0, scale * ARCSEC]
    assert landing == pytest.approx(telescope.pitch, rel=RELAY)


@pytest.mark.covers("dluxshera.systems.transforms.focal_length_from_plate_scale")
def test_focal_length_of_a_plate_scale_is_that_of_a_lens_with_a_pixel_in_that_angle():
    pitch, scale = 4.6 * u.um, 0.123 * u.arcsec
    focal_length = t.focal_length_from_plate_scale(pitch.to_value(u.m), scale.to_value(u.arcsec))
    landing, _ = gap(focal_length) @ mirror(focal_length) @ [0.0, scale.to_value(u.rad)]
    assert landing == pytest.approx(pitch.to_value(u.m), rel=EXACT)


@pytest.mark.covers("dluxshera.systems.transforms.focal_ratio")
def test_focal_ratio_is_that_of_the_marginal_ray():
    """The cone of an f/35 beam is one focal length long and one diameter wide."""
    diameter, focal_length = 0.22, 7.7
    _, slope = mirror(focal_length) @ [diameter / 2.0, 0.0]
    assert t.focal_ratio(focal_length, diameter) == pytest.approx(-0.5 / slope, rel=EXACT)
    assert t.focal_ratio(focal_length, diameter) == pytest.approx(35.0, rel=EXACT)


@pytest.mark.covers("dluxshera.systems.transforms.open_area")
@pytest.mark.parametrize("diameter", [0.09, 0.22, 3.0])
def test_open_area_of_an_annulus_by_chords(diameter):
    obscuration = 0.3

    def disc(width: float) -> float:
        return quad(lambda x: 2.0 * np.sqrt(0.25 * width**2 - x**2), -width / 2, width / 2, epsrel=1e-12)[0]

    expected = disc(diameter) - disc(obscuration * diameter)
    assert t.open_area(diameter, 1.0 - obscuration**2) == pytest.approx(expected, rel=1e-9)


@pytest.mark.covers("dluxshera.systems.transforms.effective_wavelength")
@pytest.mark.parametrize("width", [1e-9, 41e-9, 110e-9])
def test_effective_wavelength_of_a_top_hat_is_the_mean_across_it(width):
    mean = quad(lambda wavelength: wavelength / width, 550e-9 - width / 2, 550e-9 + width / 2)[0]
    assert t.effective_wavelength(550e-9) == pytest.approx(mean, rel=EXACT)


@pytest.mark.covers("dluxshera.systems.transforms.diffraction_limit")
def test_diffraction_limit_in_arcseconds_by_astropy():
    wavelength, diameter = 550 * u.nm, 22 * u.cm
    expected = (wavelength / diameter).to_value(u.arcsec, u.dimensionless_angles())
    limit = t.diffraction_limit(wavelength.to_value(u.m), diameter.to_value(u.m))
    assert limit == pytest.approx(expected, rel=EXACT)
    assert limit == pytest.approx(0.5157, abs=5e-5)


@pytest.mark.covers("dluxshera.systems.transforms.log_photons")
def test_photons_of_an_exposure_with_astropys_units():
    density = 1.7227e8 * u.photon / u.s / u.m**2 / u.nm
    throughput, exposure, bandwidth, diameter, open_fraction = 0.6, 30 * u.min, 41 * u.nm, 220 * u.mm, 0.972
    photons = density * throughput * exposure * bandwidth * open_fraction * pi * diameter**2 / 4
    inputs = (
        density.to_value(u.photon / u.s / u.m**3),
        throughput,
        exposure.to_value(u.s),
        bandwidth.to_value(u.m),
        diameter.to_value(u.m),
        open_fraction,
    )
    assert float(t.log_photons(*inputs)) == pytest.approx(log10(photons.to_value(u.photon)), rel=EXACT)
    filtered = log10(photons.to_value(u.photon) * 0.47)
    assert float(t.log_photons(*inputs, 0.47)) == pytest.approx(filtered, rel=EXACT)


@pytest.mark.covers("dluxshera.systems.transforms.log_photons")
@pytest.mark.parametrize("exponent", [-330, -321, -300, -20, 20, 290, 330])
def test_photons_keep_their_digits_where_floating_point_has_none(exponent):
    """Beyond its range, and below it where a number has few digits left; a clear circle of one square metre."""
    density, exposure = (10.0 ** (exponent / 2) for _ in range(2))
    logarithm = t.log_photons(density, 0.5, exposure, 1.0, 2.0 / np.sqrt(pi), 1.0)
    assert float(logarithm) == pytest.approx(exponent + log10(0.5), rel=EXACT)


@pytest.mark.covers("dluxshera.systems.transforms.log_photons_of_a", "dluxshera.systems.transforms.log_photons_of_b")
@pytest.mark.parametrize("contrast", [1e-3, 0.4, 1.0, 2.7, 1e4])
def test_the_photons_of_the_two_stars_add_up_and_have_the_flux_ratio(contrast):
    of_a, of_b = (10.0 ** float(of(6.0, contrast)) for of in (t.log_photons_of_a, t.log_photons_of_b))
    assert of_a + of_b == pytest.approx(1e6, rel=rounding(float, 10, condition=6 * np.log(10)))
    assert of_a / of_b == pytest.approx(contrast, rel=rounding(float, 10, condition=12 * np.log(10)))


@pytest.mark.covers("dluxshera.systems.transforms.photons_per_frame")
def test_the_frames_of_an_exposure_have_its_photons():
    exposure, frames = 1800.0, 36000
    of_a_frame = t.photons_per_frame(9.0, exposure / frames, exposure)
    assert fsum([of_a_frame] * frames) == pytest.approx(1e9, rel=EXACT)


@pytest.mark.covers("dluxshera.systems.transforms.peak_photons_per_frame")
@pytest.mark.parametrize("contrast", [0.2, 0.9, 1.0, 1.5, 30.0])
def test_the_peak_is_that_of_whichever_star_is_brighter(contrast):
    photons, fraction = 1e5, 0.03
    stars = [photons * 10.0 ** float(of(0.0, contrast)) for of in (t.log_photons_of_a, t.log_photons_of_b)]
    peak = t.peak_photons_per_frame(photons, contrast, fraction)
    assert peak == pytest.approx(fraction * max(stars), rel=EXACT)
    assert peak == pytest.approx(t.peak_photons_per_frame(photons, 1.0 / contrast, fraction), rel=EXACT)


@pytest.mark.covers("dluxshera.systems.transforms.full_well_margin")
def test_so_many_peaks_fill_the_well():
    full_well, peak = 90_000.0, 1_250.0
    margin = t.full_well_margin(full_well, peak)
    assert fsum([peak] * 72) == full_well
    assert margin == 72.0


@pytest.mark.covers("dluxshera.systems.transforms.effective_wavelength_of_star")
@pytest.mark.parametrize(("kelvin", "width"), [(3000.0, 110e-9), (5790.0, 41e-9), (20000.0, 110e-9), (2500.0, 500e-9)])
def test_effective_wavelength_of_a_black_body_by_astropys_constants(kelvin, width):
    centre = 550e-9
    exponent = (const.h * const.c / const.k_B / (kelvin * u.K)).to_value(u.m)

    def photons(wavelength: float) -> float:
        return centre**4 / wavelength**4 / np.expm1(exponent / wavelength)

    limits = centre - width / 2, centre + width / 2
    total = quad(photons, *limits, epsabs=0, epsrel=1e-13)[0]
    mean = quad(lambda wavelength: wavelength * photons(wavelength), *limits, epsabs=0, epsrel=1e-13)[0] / total
    assert t.effective_wavelength_of_star(centre, width, kelvin) == pytest.approx(mean, rel=1e-12)


@pytest.mark.covers("dluxshera.systems.transforms.dark_signal")
def test_the_dark_signal_of_an_exposure_is_that_of_its_seconds():
    current, seconds = 0.025, 1800
    second_by_second = fsum([current] * seconds)
    assert t.dark_signal(current, float(seconds)) == pytest.approx(second_by_second, rel=EXACT)


@pytest.mark.covers("dluxshera.systems.transforms.total_read_noise")
def test_the_read_noises_of_the_frames_add_in_quadrature():
    noise, frames, frame_time = 1.4, 36000, 0.05
    quadrature = np.sqrt(fsum([noise**2] * frames))
    total = t.total_read_noise(noise, frames * frame_time, frame_time)
    assert total == pytest.approx(quadrature, rel=EXACT)
