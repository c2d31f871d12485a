"""The model from native cells against closed forms, against the other reference model, and against itself refined."""

import numpy as np
import pytest

from support import native_optics as native
from support import reference_optics as ref
from support.helpers import relative_l2, rounding
from support.native_spectra import (
    LINES_BANDS,
    Interpolation,
    absorption_lines,
    narrow_bands,
    sun_table,
    tabulated,
)

NPIX = 256
ANGLE = ref.FLIGHT.pixel_pitch / 7.701014379237933  # radians per pixel
SCENE = {
    **ref.FLIGHT.geometry(),
    "binary.separation_as": 2.3,
    "binary.position_angle_deg": 20.0,
    "binary.x_position_as": 0.31,
    "binary.y_position_as": -0.17,
    "binary.contrast": 3.461,
    "binary.spectral_flux_density": 1.7227e17,
    "imaging.exposure_time_s": 1800.0,
    "imaging.throughput": 0.85,
    "primary.zernike_coeffs_nm": ref.COEFFS_M1,
    "secondary.zernike_coeffs_nm": ref.COEFFS_M2,
}
SMOOTH = {"primary.zernike_coeffs_nm": np.zeros(8), "secondary.zernike_coeffs_nm": np.zeros(8)}
FOUR_PLANES = {
    **SCENE,
    "system.m2_m3_separation_m": 0.1,
    "system.m3_diameter_m": 0.025,
    "system.m3_power_per_m": 0.2,
    "system.m3_detector_separation_m": 0.5,
    "tertiary.zernike_coeffs_nm": np.zeros(8),
}
M1 = "primary.zernike_coeffs_nm"
FLIGHT = (0.025 / 0.22, 3, 2e-3 / 0.22, -90.0)


def without_mirrors(params):
    """The same light on a telescope in focus, without mirrors behind the pupil."""
    removed = ("system.m1_focal", "system.m2", "system.m1_m2", "secondary")
    kept = {key: value for key, value in params.items() if not key.startswith(removed)}
    return {**kept, "system.plate_scale_as_per_pix": ANGLE / ref.ARCSECOND}


def structure(npix=NPIX, levels=5, seed=0):
    """The flight aperture and random fractions of a step in squares of four cells."""
    squares = np.random.default_rng(seed).integers(0, levels, (npix // 4, npix // 4)) / (levels - 1.0)
    return native.native_structure(*FLIGHT, np.kron(squares, np.ones((4, 4))))


def enlarged(rasters, factor=2):
    """The same pupil on smaller cells."""
    return ref.Structure(*(np.kron(a, np.ones((factor, factor))) for a in (rasters.coverage, rasters.mask)))


def stars(params, rasters, wavelength=540e-9, image_npix=32, **settings):
    return native.NativeOptics(params, rasters, image_npix=image_npix, **settings).stars(wavelength)


def test_open_fractions_are_those_of_every_cell_sampled():
    """Only cells near an edge are sampled inside; the other model samples all, on a square lattice."""
    raster = native.native_structure(*FLIGHT, np.zeros((64, 64))).coverage
    np.testing.assert_allclose(raster, ref.pupil_coverage(64, *FLIGHT, samples=40), atol=0.5 / 40 + 1 / 610)


def test_open_fractions_have_the_area_of_the_aperture():
    obscuration, number, width, angle = FLIGHT
    raster = native.native_structure(obscuration, number, width, angle, np.zeros((1024, 1024))).coverage

    def segment(radius):  # of a disc, within half a strut's width of a diameter: one half of that band
        h = 0.5 * width
        return h * np.sqrt(radius**2 - h**2) + radius**2 * np.arcsin(h / radius)

    area = np.pi / 4.0 * (1.0 - obscuration**2) - number * (segment(0.5) - segment(obscuration / 2.0))
    # The edges cross some 7,000 cells, each wrong by 1e-4 at random, and three times that is allowed.
    assert raster.sum() / 1024**2 == pytest.approx(area, abs=3 * np.sqrt(7000) * 1e-4 / 1024**2)


def test_open_fractions_have_no_bias_along_an_edge():
    """Cells along the three struts, sampled densely one by one; the struts lie at 0, 120 and 240 degrees."""
    npix, dense = 2048, 401
    along = 0.1 + 0.3 * np.random.default_rng(5).random(24)
    radians = np.deg2rad(np.repeat([0.0, 120.0, 240.0], 8))
    ex, ey = np.cos(radians), np.sin(radians)
    x, y = along * ex - FLIGHT[2] / 2.0 * ey, along * ey + FLIGHT[2] / 2.0 * ex
    columns, rows = (np.floor((place + 0.5) * npix).astype(int) for place in (x, y))
    centres = ref.cell_centres(npix, 1.0 / npix)
    inside = ref.cell_centres(dense, 1.0 / npix / dense)

    def is_open(x, y):
        return ref.open_points(x, y, *FLIGHT)

    truth = [
        is_open(centres[column] + inside, centres[row] + inside[:, None]).mean()
        for row, column in zip(rows, columns, strict=True)
    ]
    rng = np.random.default_rng(0)
    fractions = native._open_inside(is_open, centres[columns], centres[rows], 1.0 / npix, rng)
    errors = fractions - truth
    assert np.ptp(truth) > 0.3
    assert np.abs(errors).max() < 2e-3  # that of dense samples of an edge along an axis is half of 1 / 401
    assert np.abs(errors.reshape(3, 8)[1:].mean(axis=1)).max() < 2e-4


def test_a_cell_transmits_the_mean_over_its_parts():
    mask = np.array([[0.0, 1.0], [0.25, 0.5]])
    optics = native.NativeOptics(
        without_mirrors({**SCENE, **SMOOTH}), ref.Structure(np.ones((2, 2)), mask), image_npix=2
    )
    half_a_wave = optics.transmission(ref.MASK_WAVELENGTH_M)
    np.testing.assert_allclose(half_a_wave, [[1.0, -1.0], [0.5, 0.0]], atol=1e-15)
    quarter = optics.transmission(2.0 * ref.MASK_WAVELENGTH_M)
    np.testing.assert_allclose(quarter, [[1.0, 1j], [0.75 + 0.25j, 0.5 + 0.5j]], atol=1e-15)


def test_a_clear_circle_gives_an_airy_pattern_in_pixels():
    params = without_mirrors({**SCENE, **SMOOTH, "binary.separation_as": 0.0})
    rasters = native.native_structure(0.0, 0, 0.0, 0.0, np.zeros((512, 512)))
    image = stars(params, rasters, 550e-9)[0]
    nodes, weights = np.polynomial.legendre.leggauss(6)
    angles = ANGLE * (ref.cell_centres(32)[:, None] + 0.5 * nodes).ravel()
    x, y = (angles - params[f"binary.{axis}_position_as"] * ref.ARCSECOND for axis in "xy")
    density = ref.airy_density(np.hypot(x, y[:, None]), 0.22, 550e-9).reshape(32, 6, 32, 6)
    truth = 0.25 * ANGLE**2 * np.einsum("aibj,i,j->ab", density, weights, weights)
    # The edge is blurred by a cell: by 1 / 512 of the diameter, in the second order.
    assert relative_l2(image, truth) < 1e-5


def test_cells_are_squares_and_a_star_tilts_within_them():
    """Four cells that transmit alike are one cell: exact only with the sinc about the place of the star."""
    rasters = structure(64)
    params = without_mirrors({**SCENE, **SMOOTH})
    np.testing.assert_allclose(stars(params, enlarged(rasters)), stars(params, rasters), rtol=0, atol=1e-15)


def test_the_slope_of_a_figure_acts_within_cells(monkeypatch):
    """A cell of constant phase differs from its quarters ten times more."""
    params, rasters = without_mirrors(SCENE), structure(128)
    open_cells = rasters.coverage * np.pad(np.ones((124, 124)), 2)  # the model leaves out what would lie off the grid
    rasters = ref.Structure(open_cells, rasters.mask)
    truth = stars(params, enlarged(rasters))
    error = relative_l2(stars(params, rasters), truth)
    monkeypatch.setattr(native, "tilted", lambda field, slopes, cell: field)
    assert error < 0.1 * relative_l2(stars(params, rasters), truth)


def test_a_star_off_axis_is_shifted():
    params = without_mirrors(SCENE)
    shift = 5 * ANGLE / ref.ARCSECOND
    on = {"binary.separation_as": 0.0, "binary.x_position_as": 0.0, "binary.y_position_as": 0.0}
    off = {**on, "binary.x_position_as": shift, "binary.y_position_as": -2.0 * shift}
    rasters = structure(64)
    centred, moved = (stars({**params, **place}, rasters)[0] for place in (on, off))
    np.testing.assert_allclose(moved[:-10, 5:], centred[10:, :-5], rtol=0, atol=1e-15)


def test_mirrors_lose_nothing():
    params = {**FOUR_PLANES, "tertiary.zernike_coeffs_nm": ref.COEFFS_M1}
    params |= {"system.m2_diameter_m": 0.5, "system.m3_diameter_m": 0.5}
    rasters = structure()
    powers = []
    flat = {f"{group}.zernike_coeffs_nm": np.zeros(8) for group in ("secondary", "tertiary")}
    for figure in (params, {**params, **flat}):
        optics = native.NativeOptics(figure, rasters, image_npix=2)
        pupil, mirrors = optics.transmission(5e-7), optics.surface_transmissions(5e-7)
        powers.append(np.sum(np.abs(optics.at_exit(5e-7, (2e-5, -1e-5), pupil, mirrors)) ** 2))
    assert powers[0] == pytest.approx(powers[1], rel=rounding(float, 1e5))


def test_mirrors_without_figure_do_nothing():
    """There and back again is nothing, so that the model leaves it out, but for light at the edge of M2."""
    plain, rasters = {**SCENE, **SMOOTH, "system.m2_diameter_m": 0.05}, structure()
    relayed = native.NativeOptics(plain, rasters, image_npix=32, grid_npix=512)
    assert not relayed.mirrors_act
    direct = relayed.stars(540e-9)
    assert relative_l2(direct, stars(without_mirrors(plain), rasters)) < 1e-11
    relayed.mirrors_act = True
    assert 0.0 < relative_l2(relayed.stars(540e-9), direct) < 1e-7
    assert native.NativeOptics({**plain, "system.m2_diameter_m": 0.0185}, rasters, image_npix=32).mirrors_act
    assert native.NativeOptics({**SCENE, M1: np.zeros(8)}, rasters, image_npix=32).mirrors_act


def test_a_grid_that_does_not_carry_the_image_is_refused():
    far = {**FOUR_PLANES, "system.m2_m3_separation_m": 0.5, "system.m3_detector_separation_m": 0.14}
    with pytest.raises(ValueError, match=r"carries 2e-05 rad, and the detector sees 3\.8e-05"):
        stars({**far, "system.m3_power_per_m": 0.0}, structure(), image_npix=128, grid_npix=288)


@pytest.mark.parametrize(
    ("mirrors", "flat", "bound"),
    [
        (False, True, 1e-12),
        (False, False, 1e-4),  # the slope of M1's figure within a cell, which the other model does not have
        (True, True, 1e-4),  # the figure of M2 spreads light, which then has the sinc of its new direction there
        (True, False, 1e-4),
    ],
)
def test_against_the_other_reference_model(mirrors, flat, bound):
    """Whole cells of whole steps: the other model, with points in the place of squares, times the square's sinc."""
    params = {**SCENE, M1: np.zeros(8)} if flat else SCENE
    rasters = structure(levels=2)
    rasters = ref.Structure((rasters.coverage > 0.5).astype(float), rasters.mask)
    wavelength, nodes = 540e-9, np.polynomial.legendre.leggauss(4)
    angles = ANGLE * (ref.cell_centres(32)[:, None] + 0.5 * nodes[0]).ravel()
    truth = []
    for direction in ref.star_directions(params):
        if mirrors:
            field, spacing = ref.detector_field(params, rasters, wavelength, direction)
        else:
            field, spacing = ref.pupil_field(params, rasters, wavelength, direction), 0.22 / NPIX
        density = ref.image_density(field, spacing, wavelength, angles, angles)
        x, y = (np.sinc((angles - angle) * spacing / wavelength) ** 2 for angle in direction)
        samples = (density * y[:, None] * x).reshape(32, 4, 32, 4)
        truth.append(0.25 * ANGLE**2 * np.einsum("aibj,i,j->ab", samples, nodes[1], nodes[1]))
    image = stars(params if mirrors else without_mirrors(params), rasters, wavelength)
    assert relative_l2(image, truth) < bound


def test_a_lens_on_a_mirror_is_a_change_of_its_power():
    """Holds the places, the scales and the defocus of the relay with three mirrors, and their signs."""
    params = {**FOUR_PLANES, **SMOOTH}
    rasters = native.native_structure(0.0, 0, 0.0, 0.0, np.zeros((NPIX, NPIX)))
    coefficient, settings = 100.0, {"image_npix": 96, "pixel_nodes": 2}
    image = stars(params, rasters, **settings)
    for mirror, group in (("m2", "secondary"), ("m3", "tertiary")):
        radius = params[f"system.{mirror}_diameter_m"] / 2.0
        lens = {f"{group}.zernike_coeffs_nm": coefficient * np.eye(8)[0]}
        power = -4.0 * np.sqrt(3.0) * coefficient * 1e-9 / radius**2
        if mirror == "m2":
            refigured = {"system.m2_focal_length_m": 1.0 / (1.0 / params["system.m2_focal_length_m"] + power)}
        else:
            refigured = {"system.m3_power_per_m": params["system.m3_power_per_m"] + power}
        changed = stars({**params, **refigured}, rasters, **settings)
        assert relative_l2(stars({**params, **lens}, rasters, **settings), changed) < 1e-5
        assert relative_l2(image, changed) > 1e-2


def test_three_nodes_and_a_larger_grid():
    rasters = structure()
    image = stars(SCENE, rasters, image_npix=64)
    assert relative_l2(stars(SCENE, rasters, image_npix=64, pixel_nodes=3), image) < 2e-6
    assert relative_l2(stars(SCENE, rasters, image_npix=64, grid_npix=512), image) < 2e-6


def test_the_band_and_the_photons():
    params = without_mirrors(SCENE)
    rasters = structure(64)
    optics = native.NativeOptics(params, rasters, image_npix=32)
    coarse, fine = optics.image(9), optics.image(14)
    assert relative_l2(coarse, fine) < 1e-9
    area = rasters.coverage.sum() * (0.22 / 64) ** 2
    assert optics.photons.sum() == pytest.approx(1.7227e17 * area * 41e-9 * 1800.0 * 0.85, rel=1e-12)
    assert optics.photons[0] / optics.photons[1] == pytest.approx(3.461, rel=1e-12)
    one, two = optics.stars(530e-9), optics.stars(560e-9)
    lines = optics.sum_of([530e-9, 560e-9], np.array([[0.25, 0.75], [1.0, 0.0]]))
    expected = optics.photons[0] * (0.25 * one[0] + 0.75 * two[0]) + optics.photons[1] * one[1]
    np.testing.assert_allclose(lines, expected, rtol=1e-12)


def test_narrow_bands_summed_on_images_between_nodes_are_those_summed_one_by_one():
    optics = native.NativeOptics(without_mirrors(SCENE), structure(64), image_npix=16)
    band = (optics.params["band.wavelength_m"], optics.params["band.bandwidth_m"])
    spectra = (absorption_lines(*band, number=20), tabulated(*sun_table()))
    centres, weights = narrow_bands(*band, spectra, 30)
    between = Interpolation.of(optics, 14)
    assert relative_l2(between.image(spectra, 30), optics.sum_of(centres, weights)) < 1e-10
    assert between.error([530.1e-9, 549.7e-9, 570.2e-9]) < 1e-10
    few = Interpolation.of(optics, 4)
    assert few.error([530.1e-9, 549.7e-9, 570.2e-9]) > 1e-5
    node = ref.wavelengths(optics.params, 14)[0][3]
    np.testing.assert_allclose(between.stars(node), optics.stars(node), rtol=0, atol=1e-15)
    assert relative_l2(between.flat(), optics.image(14)) < 1e-13


def test_the_narrow_bands_hold_what_the_spectrum_has():
    centre, width = 550e-9, 41e-9
    lines = absorption_lines(centre, width)
    _, weights = narrow_bands(centre, width, (lines, lambda w: 3.0 * w), LINES_BANDS)
    _, finer = narrow_bands(centre, width, (lines, lambda w: 3.0 * w), 5 * LINES_BANDS)
    # A Gaussian line ten bands wide is summed to rounding but where the band's edge cuts it.
    np.testing.assert_allclose(finer.reshape(2, -1, 5).sum(axis=2), weights, rtol=2e-2)
    np.testing.assert_allclose(finer[0].reshape(20, -1).sum(axis=1), weights[0].reshape(20, -1).sum(axis=1), rtol=1e-5)
    assert weights.sum(axis=1) == pytest.approx([1.0, 1.0], rel=1e-12)
    depth = 1.0 - lines(np.linspace(centre - width / 2, centre + width / 2, 40_001))
    assert 0.05 < depth.mean() < 0.5
    assert depth.max() > 0.9


def test_the_sun_in_photons():
    wavelengths, photons = sun_table()
    flight, testbed = ((abs(wavelengths - 550e-9) <= half).sum() for half in (20.5e-9, 55e-9))
    assert (flight, testbed) == (41, 110)
    # A black body of 5772 K, the effective temperature, at the angular radius of the Sun, to within the lines.
    solid_angle = np.pi * (6.957e8 / 1.495978707e11) ** 2
    nu_photons = 2.0 * 2.99792458e8 * ref.black_body_photons(wavelengths, 5772.0) * solid_angle
    assert np.mean(photons) == pytest.approx(np.mean(nu_photons) * 1e-4 * 1e-9, rel=0.1)
