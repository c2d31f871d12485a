"""The reference model itself, against closed forms: it judges the package, so it is judged first."""

from math import pi

import numpy as np
import pytest
from scipy.special import j0, j1

from support import reference_optics as ref
from support.helpers import relative_l2, rounding

# The published design: focal length (m), plate scale (as), z (m), 1 / A at M2, log10 photons of the clear circle
TABLE = {
    "flight": (7.701014379237933, 0.12320690002795907, 6.668063, 12.033391, 11.684201258550685),
    "testbed": (3.776365433962261, 0.35502952880262084, 3.017576, 9.429926, 11.336449744223412),
}


@pytest.mark.parametrize("name", ref.DESIGNS)
def test_relay_has_the_published_values(name):
    design = ref.DESIGNS[name]
    geometry = design.geometry()
    focal_length, plate_scale, z, magnification, log_photons = TABLE[name]
    (a, b), _ = ref.relay_to_detector(geometry)
    (a2, b2), _ = ref.relay_to_m2(geometry)
    # f1 / (f1 - s) is about 12 and the power of the pair about 1/140 of M1's: the sum loses that much.
    tight = rounding(float, 10, condition=150)
    assert b == pytest.approx(focal_length, rel=tight)
    assert ref.effective_focal_length(geometry) == pytest.approx(focal_length, rel=tight)
    assert abs(a) < tight
    assert design.pixel_pitch / b / ref.ARCSECOND == pytest.approx(plate_scale, rel=tight)
    assert (b2 / a2, 1.0 / a2) == (pytest.approx(z, abs=5e-7), pytest.approx(magnification, abs=5e-7))
    photons = 1.7227e17 * pi / 4.0 * design.m1_diameter**2 * design.bandwidth * 1800.0
    assert np.log10(photons) == pytest.approx(log_photons, rel=rounding(float, 10))


def test_zernikes_are_orthonormal_and_in_nolls_order():
    # Polar Gauss nodes integrate products of polynomials up to order 8 exactly.
    nodes, weights = np.polynomial.legendre.leggauss(12)
    radius, angle = np.sqrt(0.5 * (nodes + 1.0)), 2.0 * pi * np.arange(24) / 24
    x, y = np.outer(radius, np.cos(angle)), np.outer(radius, np.sin(angle))
    weight = np.repeat(0.5 * weights[:, None] / 24, 24, axis=1)
    basis = np.array([ref.zernike(j, x, y) for j in range(1, 16)])
    gram = np.einsum("aij,bij,ij->ab", basis, basis, weight)
    np.testing.assert_allclose(gram, np.eye(15), atol=rounding(float, 300, condition=10))
    explicit = {
        2: 2 * x,
        3: 2 * y,
        4: np.sqrt(3) * (2 * (x**2 + y**2) - 1),
        5: np.sqrt(6) * 2 * x * y,
        6: np.sqrt(6) * (x**2 - y**2),
        7: np.sqrt(8) * (3 * (x**2 + y**2) - 2) * y,
        8: np.sqrt(8) * (3 * (x**2 + y**2) - 2) * x,
        11: np.sqrt(5) * (6 * (x**2 + y**2) ** 2 - 6 * (x**2 + y**2) + 1),
    }
    for index, value in explicit.items():
        np.testing.assert_allclose(basis[index - 1], value, atol=rounding(float, 10, condition=10))


def test_fresnel_carries_a_gaussian_beam():
    spacing, wavelength, waist, distance = 0.22 / 256, 550e-9, 0.01, 300.0
    x = ref.cell_centres(512, spacing)
    start = ref.gaussian_beam(x, x[:, None], waist, wavelength, 0.0)
    end = ref.gaussian_beam(x, x[:, None], waist, wavelength, distance)
    assert np.abs(end - start).max() > 0.3  # the beam does change
    # The beam is below 1e-17 of its peak at the edge of the grid and at the Nyquist frequency.
    np.testing.assert_allclose(ref.fresnel(start, spacing, wavelength, distance), end, atol=rounding(float, 512))


def test_clear_circle_gives_an_airy_pattern():
    diameter, wavelength = 0.22, 550e-9
    angles = np.linspace(-3.0, 3.0, 41) * wavelength / diameter
    truth = ref.airy_density(np.hypot(angles, angles[:, None]), diameter, wavelength)
    errors = []
    for npix in (128, 256, 512):
        disc = ref.pupil_coverage(npix)
        field = disc / np.sqrt(np.sum(disc**2))
        density = ref.image_density(field, diameter / npix, wavelength, angles, angles)
        errors.append(np.abs(density - truth).max() / truth.max())
    # An edge cell of coverage c has the power c^2, not c: with c uniform on (0, 1) and an edge of about 4 N cells the
    # power is short by (4 N / 6) / (pi N^2 / 4) = 0.85 / N, and so is the peak's excess.
    assert errors[1] < 1.2 * 0.85 / 256
    assert errors[0] / errors[2] == pytest.approx(4.0, rel=0.15)


def test_circle_holds_the_energy_that_airy_says():
    diameter, wavelength, npix = 0.22, 550e-9, 256
    disc = ref.pupil_coverage(npix)
    field = disc / np.sqrt(np.sum(disc**2))
    plate_scale = 0.05 * wavelength / diameter
    image = ref.pixel_integral(field, diameter / npix, wavelength, 220, plate_scale, 1)
    for radius in (15.0, 50.0, 100.0):  # pixels: 0.75, 2.5 and 5 wavelengths over the diameter
        v = pi * radius * plate_scale * diameter / wavelength
        truth = 1.0 - j0(v) ** 2 - j1(v) ** 2
        inside = ref.disc_coverage(220, 1.0, 2.0 * radius, samples=9)
        # The peak errs by 0.85 / N (see above), and so does the energy of the core.
        assert np.sum(image * inside) == pytest.approx(truth, abs=1.2 * 0.85 / npix)


def test_far_field_conserves_energy():
    rng = np.random.default_rng(7)
    field = rng.normal(size=(24, 24)) + 1j * rng.normal(size=(24, 24))
    spacing, wavelength = 1e-3, 500e-9
    period = wavelength / spacing  # the density of a sampled field repeats itself after this angle
    angles = ref.cell_centres(48, period / 48)
    total = ref.image_density(field, spacing, wavelength, angles, angles).sum() * (period / 48) ** 2
    assert total == pytest.approx(np.sum(np.abs(field) ** 2), rel=rounding(float, 48**2))


def test_subpixels_converge_at_the_rate_of_the_midpoint_rule():
    disc = ref.pupil_coverage(64, 0.1, 3, 0.02, -90.0)
    field = disc / np.sqrt(np.sum(disc**2))
    images = {
        k: ref.pixel_integral(field, 0.22 / 64, 550e-9, 32, 0.12 * ref.ARCSECOND, k)
        for k in (3, 9, (5, 9), (9, 15), (15, 25))
    }
    error = {k: relative_l2(image, images[15, 25]) for k, image in images.items()}
    assert error[3] / error[9] == pytest.approx(9.0, rel=0.05)
    assert error[5, 9] < 1e-6
    assert error[9, 15] < 1e-7


@pytest.mark.parametrize("name", ref.DESIGNS)
def test_energy_through_the_mirrors(name):
    design = ref.DESIGNS[name]
    structure = ref.Structure.of(design, 128)
    params = {
        **design.geometry(),
        "primary.zernike_coeffs_nm": np.full(8, 5.0),
        "secondary.zernike_coeffs_nm": np.full(8, 5.0),
    }
    field = ref.pupil_field(params, structure, design.wavelength, (2e-5, -1e-5))
    on_m2, *_ = ref.at_m2(field, params, design.wavelength)
    after = ref.through_m2(field, params, design.wavelength)
    tight = rounding(float, 256**2)
    assert np.sum(np.abs(field) ** 2) == pytest.approx(1.0, rel=tight)
    assert np.sum(np.abs(on_m2) ** 2) == pytest.approx(1.0, rel=tight)
    assert 1.0 - 1e-6 < np.sum(np.abs(after) ** 2) <= 1.0 + tight  # M2 is 12 or 9 times the beam's walk larger
    clear = {**params, "secondary.zernike_coeffs_nm": np.zeros(8)}
    same = ref.through_m2(field, clear, design.wavelength)
    assert relative_l2(ref.crop(same, 128), field) < 1e-3  # only the far tails of the mask's diffraction miss M2


def test_a_lens_on_m2_is_a_change_of_its_focal_length():
    """One identity holds the place of M2, the beam's scale and walk there, the relay's A and B, and all their signs."""
    zero, star = (
        np.zeros(8),
        {"binary.x_position_as": 3.0, "binary.y_position_as": -1.0, "binary.position_angle_deg": 0.0},
    )
    params = {
        **ref.FLIGHT.geometry(),
        **star,
        "binary.separation_as": 0.5,
        "binary.contrast": 3.0,
        "binary.log_flux_total": 0.0,
        "primary.zernike_coeffs_nm": zero,
        "secondary.zernike_coeffs_nm": zero,
    }
    structure = ref.Structure(ref.pupil_coverage(64), np.zeros((64, 64)))
    coefficient, radius = 100.0, ref.FLIGHT.m2_diameter / 2.0
    lens = {"secondary.zernike_coeffs_nm": coefficient * np.eye(8)[0]}
    power = 1.0 / ref.FLIGHT.m2_focal_length - 4.0 * np.sqrt(3.0) * coefficient * 1e-9 / radius**2
    refigured = {"system.m2_focal_length_m": 1.0 / power}
    settings = {"image_npix": 96, "n_wavelengths": 1, "subpixels": 3}
    image = ref.reference_image({**params, **refigured}, structure, **settings)
    assert relative_l2(ref.reference_image({**params, **lens}, structure, **settings), image) < 1e-7
    assert relative_l2(ref.reference_image(params, structure, **settings), image) > 1e-2
    # At the detector's end, not at M2: the beam does not walk on the pupil.
    (a, b), _ = ref.relay_to_detector({**params, **refigured})
    z4 = 1e9 * a * ref.FLIGHT.m1_diameter**2 / (16.0 * np.sqrt(3.0) * b)
    in_pupil = {"primary.zernike_coeffs_nm": z4 * np.eye(8)[0]}
    assert relative_l2(ref.reference_image({**params, **in_pupil}, structure, **settings), image) > 1e-3
