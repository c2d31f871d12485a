"""Signs, angles and scales, each against a statement that needs no model."""

from dataclasses import replace

import numpy as np
import pytest

import dluxshera as ds
from dluxshera.systems import aperture
from support import reference_optics as ref
from support.helpers import centroid, relative_l2, rounding
from support.native_optics import NativeOptics, native_structure
from support.scenes import (
    CLEAR,
    CONFIGS,
    CONTRAST,
    DETECTOR_SEPARATION,
    LOG_FLUX,
    M1_ZERNIKES,
    M2_FOCAL_LENGTH,
    M2_ZERNIKES,
    PLATE_SCALE,
    POSITION_ANGLE,
    SEPARATION,
    SINGLE_STAR,
    Scene,
    X,
    Y,
    scene,
)

FLIGHT = CONFIGS["flight"]
DIAMETER, WAVELENGTH = ref.FLIGHT.m1_diameter, ref.FLIGHT.wavelength
NPIX, IMAGE_NPIX = 128, 48  # cells of the masks that are written here, pixels of the image
SIZES = {"image_npix": IMAGE_NPIX, "n_wavelengths": 1, "source_offset_as": 2.0}
FINE = 0.08  # arcsec per pixel: a sixth of the diffraction scale
CENTRE = (IMAGE_NPIX - 1) / 2.0
LOST = 3e-6  # error of an image, in units of its peak


def defocus(nanometres: float) -> np.ndarray:
    return nanometres * np.eye(8)[0]


@pytest.fixture(scope="module")
def clear() -> Scene:
    """One star through a clear circle, on fine pixels."""
    return scene(FLIGHT, "inference", {**SINGLE_STAR, PLATE_SCALE: FINE, LOG_FLUX: 0.0}, **SIZES, **CLEAR)


def test_clear_pupil_gives_an_airy_pattern(clear):
    """The integral of the closed form over each pixel, star off the centre."""
    star = np.array([0.113, -0.271])
    image = clear.image({X: star[0], Y: star[1]})
    nodes, weights = np.polynomial.legendre.leggauss(4)
    at = (ref.cell_centres(IMAGE_NPIX)[:, None] + 0.5 * nodes).ravel() * FINE
    radius = np.hypot(at - star[0], (at - star[1])[:, None]) * ref.ARCSECOND
    density = ref.airy_density(radius, DIAMETER, WAVELENGTH)
    blocks = density.reshape(IMAGE_NPIX, 4, IMAGE_NPIX, 4)
    truth = np.einsum("aibj,i,j->ab", blocks, 0.5 * weights, 0.5 * weights) * (FINE * ref.ARCSECOND) ** 2
    assert np.abs(image - truth).max() < LOST * truth.max()
    assert image.sum() == pytest.approx(truth.sum(), rel=LOST)


@pytest.mark.parametrize(("column", "row"), [(5, 0), (0, 5), (-7, 3)])
def test_a_star_lands_on_its_pixel(clear, column, row):
    """+x is a growing column, +y a growing row; a star between four pixels lights them alike."""
    image = clear.image({X: (0.5 + column) * FINE, Y: (0.5 + row) * FINE})
    at = np.unravel_index(np.argmax(image), image.shape)
    assert at == (CENTRE + 0.5 + row, CENTRE + 0.5 + column)
    around = image[at[0] - 3 : at[0] + 4, at[1] - 3 : at[1] + 4]
    for same in (around[::-1], around[:, ::-1], around.T):
        np.testing.assert_allclose(around, same, rtol=0, atol=LOST * around.max())


def test_a_pixel_further_is_the_same_image_a_pixel_further(clear):
    here, right, up = clear.image(), clear.image({X: FINE}), clear.image({Y: FINE})
    np.testing.assert_allclose(right[:, 1:], here[:, :-1], rtol=0, atol=LOST * here.max())
    np.testing.assert_allclose(up[1:], here[:-1], rtol=0, atol=LOST * here.max())


@pytest.mark.parametrize(("mode", "axis"), [(2, X), (3, Y)])
def test_opd_that_grows_towards_plus_x_moves_the_image_towards_plus_x(mode, axis):
    """Noll 2 and 3 are 2 x / R and 2 y / R: a coefficient c tilts by 4 c / D."""
    model = scene(FLIGHT, "inference", {**SINGLE_STAR, PLATE_SCALE: FINE}, **SIZES, **CLEAR, m1_noll=(2, 3), m2_noll=())
    coefficient = 120.0
    tilt_as = 4.0 * coefficient * 1e-9 / DIAMETER / ref.ARCSECOND
    tilted = model.image({M1_ZERNIKES: coefficient * (np.array([2, 3]) == mode)})
    moved = model.image({axis: tilt_as})
    assert tilt_as > 4 * FINE
    np.testing.assert_allclose(tilted, moved, rtol=0, atol=rounding(float, NPIX**2) * moved.max())
    x, y = centroid(tilted)
    assert (x if axis == X else y) > 3.0


@pytest.mark.parametrize(
    ("angle", "towards"), [(0.0, (0, 1)), (90.0, (1, 0)), (180.0, (0, -1)), (-90.0, (-1, 0)), (30.0, (0.5, 3**0.5 / 2))]
)
def test_position_angle_is_of_b_from_north_to_east(clear, angle, towards):
    """North is +y, East is +x: at 90 degrees B stands on a larger column than A."""
    wide = {SEPARATION: 24 * FINE, POSITION_ANGLE: angle}
    a, b = clear.image({**wide, CONTRAST: 1e9}), clear.image({**wide, CONTRAST: 1e-9})
    step = 12 * np.array(towards)
    for image, sign in ((a, -1), (b, 1)):
        at_y, at_x = np.unravel_index(np.argmax(image), image.shape)
        np.testing.assert_allclose([at_x - CENTRE, at_y - CENTRE], sign * step, atol=0.51)


def test_contrast_and_flux_of_each_star(clear):
    """F c / (1 + c) photons from A and F / (1 + c) from B: the image is that mixture of the two."""
    wide = {SEPARATION: 20 * FINE, POSITION_ANGLE: 40.0, LOG_FLUX: 6.0}
    only_a, only_b = clear.image({**wide, CONTRAST: 1e15}), clear.image({**wide, CONTRAST: 1e-15})
    mixed = clear.image({**wide, CONTRAST: 3.461})
    np.testing.assert_allclose(
        mixed, (3.461 * only_a + only_b) / 4.461, rtol=0, atol=rounding(float, NPIX**2) * mixed.max()
    )
    tenfold = clear.image({**wide, CONTRAST: 3.461, LOG_FLUX: 7.0})
    tight = rounding(float, condition=20 * np.log(10.0))  # of the peak, since a pixel is a sum over samples
    np.testing.assert_allclose(tenfold, 10.0 * mixed, rtol=0, atol=tight * tenfold.max())
    # 10^6 photons less what falls outside a window of 4 arcsec: 1 - J0^2 - J1^2 is 0.9 there.
    assert 0.8e6 < only_a.sum() < 1e6


def test_photons_follow_from_the_telescope():
    """Flux density, area, band, time and throughput, each on its own."""
    larger = {"system.m1_diameter_m": 1.1 * DIAMETER}
    model = scene(FLIGHT, "forward", {**SINGLE_STAR, **larger}, **SIZES)
    model = model._replace(store=model.store.replace({"system.m1_diameter_m": DIAMETER}))
    before = model.image()
    factors = {
        "binary.spectral_flux_density": 1.5,
        "imaging.exposure_time_s": 0.3,
        "imaging.throughput": 0.5,
        "band.bandwidth_m": 0.9,  # one wavelength: the band sets nothing but the photons
    }
    for key, factor in factors.items():
        after = model.image({key: factor * model.store[key]})
        np.testing.assert_allclose(after, factor * before, rtol=rounding(float, NPIX**2, condition=30), err_msg=key)
    photons = [float(model.binder.energy(model.store.replace(u))["pupil"]) for u in ({}, larger)]
    assert photons[1] / photons[0] == pytest.approx(1.1**2, rel=rounding(float, condition=30))


@pytest.fixture(scope="module")
def lopsided(tmp_path_factory) -> tuple[str, np.ndarray]:
    """A mask with a step in the quadrant -x, -y and in a bar at +x, without any symmetry."""
    pattern = np.zeros((NPIX, NPIX), dtype=np.float32)
    pattern[: NPIX // 2, : NPIX // 2] = 1.0
    pattern[70:80, 90:120] = 1.0
    path = tmp_path_factory.mktemp("mask") / "lopsided.npy"
    np.save(path, pattern)
    return str(path), pattern.astype(float)


@pytest.fixture
def fewer_cells(monkeypatch):
    """Both models draw the edges of the aperture on fewer cells, at a quarter of the cost."""
    forget_pupils()
    monkeypatch.setattr(aperture, "_LEAST_NATIVE", CELLS)
    yield
    forget_pupils()


def forget_pupils() -> None:
    ds.clear_threeplane_optics_cache()
    aperture._native_pupil.cache_clear()


def enlarged(pattern: np.ndarray) -> np.ndarray:
    """The same mask on native cells, on which the edges of the aperture are drawn."""
    repeats = CELLS // len(pattern)
    return np.kron(pattern, np.ones((repeats, repeats)))


def native_image(model: Scene, structure: ref.Structure) -> np.ndarray:
    """The image of the cells of a pupil, without mirrors behind it."""
    params = {key: value for key, value in model.params().items() if not key.startswith("system.m2")}
    return NativeOptics(params, structure, image_npix=IMAGE_NPIX).image(1)


ERROR = 5e-6  # of an image, against the native cells
CELLS = 1024  # across the pupil; the packaged mask has 2,048
# A pupil whose phase is 0 or pi and its mirror image through the centre have the same image, in focus only. So defocus.
DEFOCUSED = {**SINGLE_STAR, PLATE_SCALE: 0.12, LOG_FLUX: 0.0, M1_ZERNIKES: defocus(40.0)}
OTHER_WAYS = {
    "upside down": lambda a: a[::-1],
    "left to right": lambda a: a[:, ::-1],
    "transposed": lambda a: a.T,
    "turned by 180": lambda a: a[::-1, ::-1],
}


@pytest.mark.usefixtures("fewer_cells")
def test_mask_has_row_0_at_minus_y_and_column_0_at_minus_x(lopsided):
    path, pattern = lopsided
    model = scene(FLIGHT, "inference", DEFOCUSED, **SIZES, **{**CLEAR, "diffractive_pupil": path})
    image, circle = model.image(), native_structure(0.0, 0, 0.0, 0.0, enlarged(pattern))
    assert relative_l2(image, native_image(model, circle)) < ERROR
    for name, turn in OTHER_WAYS.items():
        turned = replace(circle, mask=turn(circle.mask))
        assert relative_l2(image, native_image(model, turned)) > 0.05, name


@pytest.mark.usefixtures("fewer_cells")
@pytest.mark.parametrize("rotation", [-90.0, 20.0])
def test_struts_point_where_their_angle_says(rotation):
    """Fat struts in no symmetric arrangement but that of three."""
    struts = {"n_struts": 3, "strut_width": 0.1, "strut_rotation_deg": rotation}
    model = scene(FLIGHT, "inference", DEFOCUSED, **SIZES, **{**CLEAR, **struts})
    flat = np.zeros((CELLS, CELLS))
    structure = native_structure(0.0, 3, 0.1, rotation, flat)
    image = model.image()
    assert relative_l2(image, native_image(model, structure)) < ERROR
    # Struts at 0, 120 and 240 degrees from +x are their own image upside down.
    for name in ("left to right", "transposed") if rotation == -90.0 else OTHER_WAYS:
        other = replace(structure, coverage=OTHER_WAYS[name](structure.coverage))
        assert relative_l2(image, native_image(model, other)) > 0.02, name


@pytest.mark.parametrize("shift", [2e-4, -5e-4])
def test_defocus_of_the_relay_is_the_z4_it_stands_for(shift):
    """A detector moved along the axis: the plate scale p / B, and Z4 of A D^2 / (16 sqrt(3) B)."""
    sizes = {**SIZES, "n_wavelengths": 3, "aberration_margin": 6.0}
    forward, inference = scene(FLIGHT, "forward", **sizes), scene(FLIGHT, "inference", **sizes)
    moved = {DETECTOR_SEPARATION: forward.store[DETECTOR_SEPARATION] * (1.0 + shift), SEPARATION: 3.0}
    (a, b), _ = ref.relay_to_detector(forward.params(moved))
    z4 = 1e9 * a * DIAMETER**2 / (16.0 * np.sqrt(3.0) * b)
    assert abs(z4) > 3.0
    same = {
        PLATE_SCALE: ref.FLIGHT.pixel_pitch / b / ref.ARCSECOND,
        M1_ZERNIKES: defocus(z4),
        SEPARATION: 3.0,
        LOG_FLUX: float(forward.binder.derived(forward.store)[LOG_FLUX]),
    }
    assert relative_l2(forward.image(moved), inference.image(same)) < LOST
    assert relative_l2(forward.image(moved), inference.image({**same, M1_ZERNIKES: defocus(-z4)})) > 1e-3
    derived = forward.binder.derived(forward.store.replace(moved))
    assert float(derived["system.defocus_nm"]) == pytest.approx(z4, rel=1e-9)


@pytest.mark.parametrize("sky", [(7.0, 0.0), (0.0, -7.0), (-4.0, 5.0)])
def test_a_lens_on_m2_is_a_change_of_its_focal_length(sky):
    """Z4 of M2 is a lens: its place, its scale and the walk of the beam on it, with its sign, are in one identity.

    An OPD c sqrt(3) (2 x^2 / R2^2 - 1) is that of a thin lens of power -4 sqrt(3) c / R2^2. At M2 it moves the image
    of a star at angle t by the walk of its beam, z t, times the slope there; in the pupil it would not.
    """
    radius, coefficient = ref.FLIGHT.m2_diameter / 2.0, 100.0
    star = {**SINGLE_STAR, X: sky[0], Y: sky[1]}
    wide = {**SIZES, "image_npix": 192, "source_offset_as": 8.0, "aberration_margin": 12.0}
    model = scene(FLIGHT, "forward", star, **wide, **CLEAR)
    power = 1.0 / ref.FLIGHT.m2_focal_length - 4.0 * np.sqrt(3.0) * coefficient * 1e-9 / radius**2
    figured = model.image({M2_ZERNIKES: defocus(coefficient)})
    refigured = model.image({M2_FOCAL_LENGTH: 1.0 / power})
    assert relative_l2(figured, refigured) < 1e-5
    # The same defocus in the pupil, where no beam walks, misses by the walk.
    (a, b), _ = ref.relay_to_detector(model.params({M2_FOCAL_LENGTH: 1.0 / power}))
    in_pupil = model.image({M1_ZERNIKES: defocus(1e9 * a * DIAMETER**2 / (16.0 * np.sqrt(3.0) * b))})
    assert relative_l2(in_pupil, refigured) > 2e-3
