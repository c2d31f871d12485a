"""Propagation and images, against integrals over native cells, closed forms and conservation."""

from itertools import pairwise
from math import sqrt

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dluxshera.optics import (
    Grid,
    RelayOptics,
    Sampling,
    ZernikeBasis,
    cell_centres,
    needed_clearance,
    symmetric_fourier_transform,
    travel,
)
from support import reference_optics as ref
from support.helpers import relative_l2, rounding
from support.small_optics import (
    BAND,
    DIAMETER,
    M2_DISTANCE,
    M2_SCALE,
    PLATE_SCALE,
    TWO_PLANES,
    clear_pupil,
    light,
    m2,
    native_image,
    random_pupil,
    replace,
    small_optics,
    with_surfaces,
)

GOAL = 1e-6  # of an image
C1, C2 = 1e-9 * ref.COEFFS_M1, 1e-9 * ref.COEFFS_M2
WAVELENGTH = ref.FLIGHT.wavelength


@pytest.fixture(scope="module")
def pupil():
    return random_pupil()


@pytest.fixture(scope="module")
def blocks():
    """A mask of larger features, as TOLIMAN's has."""
    return random_pupil(blocks=8)


@pytest.fixture(scope="module")
def two_planes(pupil) -> RelayOptics:
    return small_optics(pupil)


@pytest.fixture(scope="module")
def three_planes(blocks) -> RelayOptics:
    return small_optics(blocks, with_surfaces(1))


@pytest.mark.parametrize(("n", "m"), [(8, 6), (32, 50)])
def test_transform_by_halves_is_the_direct_sum(n, m):
    rng = np.random.default_rng(n)
    fields = rng.normal(size=(2, n, n)) + 1j * rng.normal(size=(2, n, n))
    x, u = cell_centres(n), np.sort(rng.uniform(0.1, 3.0, m // 2))
    frequencies = np.concatenate([-u[::-1], u])
    kernel = np.exp(-2j * np.pi * np.outer(frequencies, x))
    direct = np.einsum("ay,syx,bx->sab", kernel, fields, kernel)
    ours = symmetric_fourier_transform(jnp.asarray(fields), jnp.asarray(x[n // 2 :]), jnp.asarray(u))
    assert relative_l2(ours, direct) < rounding(float, n**2)


@pytest.mark.parametrize("npix", [64, 50])
def test_grey_and_binary_masks(npix):
    for grey in (True, False):
        pupil, scene = random_pupil(npix, npix, grey=grey), light()
        assert relative_l2(scene.image(small_optics(pupil)), native_image(pupil, scene)) < GOAL


def test_clear_pupil():
    """It has little light outside the band, so the fit leaves less."""
    pupil, scene = clear_pupil(), light(coefficients=C1)
    assert relative_l2(scene.image(small_optics(pupil)), native_image(pupil, scene)) < 0.03 * GOAL


def test_aberrations_defocus_and_line_of_sight(pupil, two_planes):
    shift = PLATE_SCALE * jnp.array([0.8, -1.3])
    for changes in (
        {"coefficients": C1},
        {"defocus": 6e-9},
        {"line_of_sight": shift},
        {"coefficients": C1, "defocus": -4e-9, "line_of_sight": shift},
    ):
        scene = light(**changes)
        truth = native_image(pupil, scene)
        assert relative_l2(scene.image(two_planes), truth) < GOAL
        assert relative_l2(scene.image(two_planes), native_image(pupil, light())) > 1e-2


@pytest.mark.parametrize("where", [(0.0, 0.0), (7.9, 0.0), (0.0, -7.9), (-5.5, 5.5)])
def test_stars_off_the_axis_and_one_wavelength(pupil, two_planes, where):
    scene = light(pixels=(where,), photons=((1.0,),), wavelengths=BAND[:1])
    assert relative_l2(scene.image(two_planes), native_image(pupil, scene)) < GOAL


def test_aberrated_m2(blocks, three_planes):
    scene = light(coefficients=C1, surfaces=(m2(C2),), defocus=3e-9)
    truth = native_image(blocks, scene)
    assert relative_l2(scene.image(three_planes), truth) < GOAL
    # A distance that is 10 % wrong, the other sign of the distance, or of the beam's scale.
    for change in ({"distance": 1.1 * M2_DISTANCE}, {"distance": -M2_DISTANCE}, {"beam_scale": -M2_SCALE}):
        wrong = scene._replace(surfaces=(m2(C2, **change),))
        assert relative_l2(wrong.image(three_planes), truth) > 3 * GOAL


def test_two_surfaces_behind_the_pupil(blocks):
    surfaces = (m2(C2), m2(-0.5 * C1, beam_scale=-0.5 * M2_SCALE, distance=-3.0))
    scene = light(coefficients=C1, surfaces=surfaces)
    optics = small_optics(blocks, with_surfaces(2))
    assert relative_l2(scene.image(optics), native_image(blocks, scene)) < GOAL


def test_surface_in_the_pupil_adds_its_figure(blocks, three_planes):
    """Without distance, with the pupil's size, M2 is M1."""
    surface = m2(C2, beam_scale=1.0, distance=0.0, diameter=DIAMETER * 1.4)
    on_m2, on_m1 = light(surfaces=(surface,)), light(coefficients=C2)
    noll = (ref.NOLL_INDICES, ref.NOLL_INDICES)
    smaller = ZernikeBasis(noll[0], 2.0 / 1.4 * three_planes.sampling.exit.coordinates())
    as_m1 = small_optics(blocks, replace(three_planes.sampling, grids=three_planes.sampling.grids[:2]))
    as_m1 = RelayOptics(
        **{**{name: getattr(as_m1, name) for name in RelayOptics.__dataclass_fields__}, "bases": (smaller,)}
    )
    assert relative_l2(on_m2.image(three_planes), on_m1.image(as_m1)) < rounding(float, 54**2, 100)


def fields(optics, scene, star: int = 0) -> dict[str, np.ndarray]:
    found = phasors(optics, scene.wavelengths[0], jnp.asarray(scene.angles[star]), scene.pupil, scene.surfaces)
    return {name: np.asarray(phasor) for name, phasor in found.items()}


@jax.jit
def phasors(optics, *scene):
    return {name: wavefront.phasor for name, wavefront in optics.wavefronts(*scene).items()}


powers_of = jax.jit(RelayOptics.powers)


def test_wavefronts_have_the_planes_and_their_sizes(three_planes):
    scene = light(surfaces=(m2(C2),))
    found = three_planes.wavefronts(BAND[0], jnp.asarray(scene.angles[0]), scene.pupil, scene.surfaces)
    assert tuple(found) == three_planes.plane_names == ("pupil", "surface_1_in", "surface_1_out", "exit")
    grid = three_planes.sampling.exit
    for wavefront in found.values():
        assert float(wavefront.diameter) == pytest.approx(DIAMETER * grid.npix / grid.per_diameter)
        assert float(wavefront.wavelength) == BAND[0]


def test_powers_are_those_of_the_wavefronts_and_no_light_is_gained(three_planes):
    scene = light(coefficients=C1, surfaces=(m2(C2),))
    arrays = (jnp.asarray(item) for item in scene[:3])
    powers = powers_of(three_planes, *arrays, scene.pupil, scene.surfaces)
    assert set(powers) == set(three_planes.plane_names)
    powers = {name: float(powers[name]) for name in three_planes.plane_names}
    by_field = dict.fromkeys(powers, 0.0)
    for number in range(scene.wavelengths.size):
        for star in range(2):
            planes = fields(three_planes, scene._replace(wavelengths=scene.wavelengths[number:]), star)
            for name, field in planes.items():
                by_field[name] += scene.photons[star, number] * np.sum(np.abs(field) ** 2)
    for name, power in powers.items():
        assert power == pytest.approx(by_field[name], rel=1e-12)
    # Phases alone act behind the pupil: all planes have the same light, which is less than passes the aperture.
    tight = rounding(float, 54**2)
    for before, after in pairwise(powers.values()):
        assert after == pytest.approx(before, rel=tight)
    assert 0.3 * scene.photons.sum() < powers["pupil"] < scene.photons.sum()


def test_clear_pupil_holds_nearly_all_light_and_the_image_no_more():
    optics, scene = small_optics(clear_pupil()), light(photons=((2.0,), (1.0,)), wavelengths=BAND[1:2])
    arrays = (jnp.asarray(item) for item in scene[:3])
    carried = float(powers_of(optics, *arrays, scene.pupil, ())["exit"])
    assert 0.97 * 3.0 < carried < 3.0 + 1e-3
    assert 0.85 * 3.0 < scene.image(optics).sum() < 3.0


def test_there_and_back_is_nowhere():
    """A surface without figure changes nothing."""
    optics = small_optics(clear_pupil(), with_surfaces(1))
    planes = fields(optics, light(surfaces=(m2(),)))
    assert relative_l2(planes["exit"], planes["pupil"]) < rounding(float, 54**2)
    assert relative_l2(planes["surface_1_in"], planes["pupil"]) > 3e-3  # and it did travel


def test_gap_carries_a_gaussian_beam():
    n, spacing, waist = 128, DIAMETER / 128, 0.015
    x = ref.cell_centres(n, spacing)
    start, moved = (ref.gaussian_beam(x, x[:, None], waist, WAVELENGTH, z) for z in (0.0, M2_DISTANCE))
    cycles = np.fft.fftfreq(n, spacing)
    transfer = np.exp(-1j * np.pi * WAVELENGTH * M2_DISTANCE * cycles**2)
    assert relative_l2(start, moved) > 3e-3
    assert relative_l2(travel(jnp.asarray(start[None]), jnp.asarray(transfer))[0], moved) < rounding(float, n**2, 10)


@pytest.mark.parametrize("angle", [(5e-5, 0.0), (0.0, 5e-5), (-3e-5, 4e-5)])
def test_beam_walks_on_m2_by_distance_times_angle(angle):
    grid = Grid(128, 64, 31.0)
    x = grid.coordinates()
    amplitude = np.exp(-((x**2 + x[:, None] ** 2) / 0.2**2))
    optics = small_optics(clear_pupil(), replace(TWO_PLANES, grids=(grid,) * 3))
    optics = RelayOptics(**{
        **{name: getattr(optics, name) for name in RelayOptics.__dataclass_fields__},
        "clear": jnp.asarray(amplitude / np.linalg.norm(amplitude)),
        "stepped": jnp.zeros((128, 128)),
    })  # fmt: skip
    scene = light(surfaces=(m2(),))
    straight, tilted = (
        np.abs(fields(optics, scene._replace(angles=np.array([at])))["surface_1_in"]) ** 2 for at in ((0.0, 0.0), angle)
    )
    walk = [float((beam.sum(axis=axis) * DIAMETER * x).sum()) for beam in (straight, tilted) for axis in (0, 1)]
    np.testing.assert_allclose(np.subtract(walk[2:], walk[:2]), M2_DISTANCE * np.array(angle), rtol=0, atol=1e-10)


def test_star_and_opd_share_their_sense(two_planes):
    """A star at +x and an OPD that grows towards +x are the same field, and +x is a growing column."""
    pixels = np.array([1.5, -0.7])
    x = two_planes.sampling.exit.coordinates() * DIAMETER
    angle = PLATE_SCALE * pixels
    tilted, flat = (fields(two_planes, light(pixels=(at,), photons=((1.0,),)))["pupil"] for at in (pixels, (0.0, 0.0)))
    opd = angle[0] * x + angle[1] * x[:, None]
    np.testing.assert_allclose(
        tilted, flat * np.exp(2j * np.pi * opd / BAND[0]), atol=rounding(float, 10, 10) * np.abs(flat).max()
    )
    # Noll 2 and 3 have a slope of 2 per radius: they move the image as the star does.
    optics = small_optics(clear_pupil(), noll=((2, 3),))
    by_zernike = light(pixels=((0.0, 0.0),), photons=((1.0, 1.0, 1.0),), coefficients=0.25 * DIAMETER * angle)
    by_place = light(pixels=(pixels,), photons=((1.0, 1.0, 1.0),), coefficients=np.zeros(2))
    assert relative_l2(by_zernike.image(optics), by_place.image(optics)) < 1e-12


def test_defocus_is_the_fourth_polynomial(pupil):
    optics = small_optics(pupil, noll=((4,),))
    by_zernike, by_defocus = light(coefficients=np.array([5e-9])), light(coefficients=np.zeros(1), defocus=5e-9)
    assert relative_l2(by_zernike.image(optics), by_defocus.image(optics)) < 1e-12


# Planted faults.


def test_fit_without_regularisation_is_seen(pupil):
    """Its amplitudes cancel each other in the sums and have thousands of times the light."""
    matrix = unregularised(len(pupil.open), TWO_PLANES.exit)
    assert np.abs(matrix).max() > 100.0
    good, scene = small_optics(pupil), light()
    scale = TWO_PLANES.exit.per_diameter / len(pupil.open) / np.sqrt(pupil.open.sum())
    clear, stepped = (
        jnp.asarray(scale * matrix @ (pupil.open * part) @ matrix.T) for part in (1.0 - pupil.mask, pupil.mask)
    )
    fields = {name: getattr(good, name) for name in RelayOptics.__dataclass_fields__}
    unstable = RelayOptics(**{**fields, "clear": clear, "stepped": stepped})
    powers = [
        float(powers_of(optics, *(jnp.asarray(item) for item in scene[:3]), scene.pupil, ())["pupil"])
        for optics in (good, unstable)
    ]
    assert powers[0] < scene.photons.sum()
    assert powers[1] > 1000 * scene.photons.sum()


def unregularised(n: int, grid: Grid) -> np.ndarray:
    """The matrix of the sums by plain least squares."""
    x = ref.cell_centres(n, 1.0 / n)
    f = np.linspace(-grid.band, grid.band, 400)
    wanted = np.sinc(f / n)[:, None] * np.exp(-2j * np.pi * f[:, None] * x)
    kernel = np.exp(-2j * np.pi * f[:, None] * grid.coordinates())
    return np.linalg.lstsq(
        np.concatenate([kernel.real, kernel.imag]), np.concatenate([wanted.real, wanted.imag]), rcond=0.0
    )[0]


def test_band_without_the_offset_of_the_sources_is_seen(pupil):
    scene = light(pixels=((7.9, 0.0),), photons=((1.0, 1.0, 1.0),))
    truth = native_image(pupil, scene)
    without, enough = (replace(TWO_PLANES, grids=(Grid(npix, per, band),) * 2) for npix, per, band in (
        (32, 24, 16 * 0.25), (36, 28, (16 + 8) * 0.25 + 1.0)
    ))  # fmt: skip
    assert relative_l2(scene.image(small_optics(pupil, without)), truth) > 100 * GOAL
    assert relative_l2(scene.image(small_optics(pupil, enough)), truth) < 3 * GOAL


def test_phase_of_the_mask_averaged_over_cells_is_seen():
    """On half a cell, the step is no step of half the height: the mask must not be interpolated as a phase."""
    pupil, scene = random_pupil(grey=True, blocks=8), light(wavelengths=BAND[:1], photons=((1.0,), (0.5,)))
    truth = native_image(pupil, scene)
    assert relative_l2(scene.image(small_optics(pupil)), truth) < GOAL
    # exp(i k w p) has the mean of the steps on real parts that no two rasters of fractions have.
    as_phase = 0.5 * (1.0 - np.cos(np.pi * pupil.mask))
    assert relative_l2(scene.image(small_optics(pupil._replace(mask=as_phase))), truth) > 1e-2


# Limits.


def within(sampling: Sampling) -> dict[str, object]:
    """A scene just within each limit of a sampling, and one just beyond."""
    offset, blur = sampling.largest_offset, sampling.largest_blur * BAND[0]
    steepest = 8.0 * sqrt(3.0)  # of Noll 4, per diameter: 2 sqrt(3) x 2 x 2
    shift = jnp.array([0.0, -2.0 * PLATE_SCALE])
    flat = m2()
    beam = M2_SCALE * DIAMETER
    least = beam * needed_clearance(sampling.exit, BAND[-1], M2_DISTANCE, DIAMETER)
    widest = sampling.largest_frequency * BAND[0] / DIAMETER

    def of(**changes):
        return light(**{"surfaces": (flat,), **changes})

    return {
        "source": lambda f: of(pixels=((0.0, f * offset), (0.0, 0.0))),
        "source and pointing": lambda f: of(pixels=((0.0, -(f * offset - 2.0)), (0.0, 0.0)), line_of_sight=shift),
        "scale": lambda f: of()._replace(plate_scale=f * widest),
        "wavelength": lambda f: of(wavelengths=(PLATE_SCALE * DIAMETER / sampling.largest_frequency / f, *BAND[1:])),
        "aberration": lambda f: of(coefficients=np.eye(8)[0] * f * blur / steepest),
        "aberration of M2": lambda f: of(
            surfaces=(m2(np.eye(8)[0] * f * blur / steepest * ref.FLIGHT.m2_diameter / beam),)
        ),
        "two aberrations": lambda f: of(coefficients=np.eye(8)[0] * f * 0.8 * blur / steepest,
                                        defocus=f * 0.6 * blur / steepest),
        "stop": lambda f: of(surfaces=(m2(diameter=least / f),)),
    }  # fmt: skip


@pytest.mark.parametrize("name", within(with_surfaces(1)))
def test_image_beyond_a_limit_is_nan_and_within_it_finite(three_planes, name):
    make = within(three_planes.sampling)[name]
    compiled = jax.jit(lambda *scene: three_planes.image(*scene))
    for factor, finite in ((0.999, True), (1.001, False)):
        scene = make(factor)
        found = compiled(*(jnp.asarray(item) for item in scene[:3]), *scene[3:])
        assert np.isfinite(found).all() if finite else np.isnan(found).all(), (name, factor)


def test_clearance_is_the_spread_of_the_band_and_two_cells():
    grid = Grid(48, 40, 13.0)
    spread = 13.0 / DIAMETER * 6e-7 * 5.0 / DIAMETER  # angle times distance, in diameters
    assert needed_clearance(grid, 6e-7, -5.0, DIAMETER) == pytest.approx(1.0 + 2.0 * (spread + 2.0 / 40))


# Maps. Their values stand on fine cells, so that both sides have the same surface between the cells.


def map_of(cycles: float, rms: float = 10e-9) -> np.ndarray:
    """Waves of random directions, of up to `cycles` per diameter along an axis; their amplitude falls as f^-1.25."""
    rng, x = np.random.default_rng(2), 0.5 * cell_centres(128)
    total = np.zeros((128, 128))
    for _ in range(60):
        fx, fy = rng.uniform(-cycles, cycles, 2)
        total += np.hypot(fx, fy) ** -1.25 * np.cos(2 * np.pi * (fx * x + fy * x[:, None]) + rng.uniform(0, 2 * np.pi))
    return rms * total / total.std()


def with_map(cycles: float, exact_to: float, plane: int = 0, surfaces: int = 0) -> Sampling:
    """A sampling whose field in front of a plane's map is exact to `exact_to` times the map's cycles more."""
    sampling = with_surfaces(surfaces)
    exit = sampling.exit
    band = exit.band + exact_to * cycles
    per_diameter = 2 * int(np.ceil(band + 7.0))
    npix = 2 * int(np.ceil(0.5 * exit.npix / exit.per_diameter * per_diameter))
    fine = Grid(npix, per_diameter, band)
    return replace(sampling, grids=(fine,) * (plane + 1) + (exit,) * (surfaces + 1 - plane))


MASKS = {"clear": clear_pupil(), "blocks": random_pupil(blocks=8)}
# More than half of the light of the blocks lies outside the band, and a little of it comes from beyond P + 2 B.
LEFT = {"clear": GOAL, "blocks": 2 * GOAL}


@pytest.mark.parametrize("mask", MASKS)
def test_map_on_the_pupil(mask):
    cycles, pupil = 6.0, MASKS[mask]
    scene = light(coefficients=C1, opd_map=jnp.asarray(map_of(cycles)))
    truth = native_image(pupil, scene)
    assert relative_l2(light(coefficients=C1).image(small_optics(pupil)), truth) > 1e-2
    optics = small_optics(pupil, with_map(cycles, 2.0))
    assert relative_l2(scene.image(optics), truth) < LEFT[mask]
    # The light is that without a map, up to what the map throws out of the window: amplitudes grow with the cells.
    assert scene.image(optics).sum() == pytest.approx(light(coefficients=C1).image(small_optics(pupil)).sum(), rel=0.1)


def test_map_on_m2(blocks):
    cycles, beam = 6.0, M2_SCALE * DIAMETER / ref.FLIGHT.m2_diameter
    scene = light(surfaces=(m2(C2, opd_map=jnp.asarray(map_of(cycles))),))
    optics = small_optics(blocks, with_map(cycles * beam, 2.0, 1, 1))
    truth = native_image(blocks, scene)
    assert relative_l2(scene.image(optics), truth) < LEFT["blocks"]
    flat = light(surfaces=(m2(C2, opd_map=jnp.zeros((128, 128))),))
    assert relative_l2(flat.image(optics), truth) > 1e-3


def test_field_in_front_of_a_map_that_is_not_exact_far_enough_is_seen(blocks):
    cycles = 10.0
    scene = light(opd_map=jnp.asarray(map_of(cycles)), wavelengths=BAND[:1], photons=((1.0,), (0.5,)))
    truth = native_image(blocks, scene)
    errors = {
        exact_to: relative_l2(scene.image(small_optics(blocks, with_map(cycles, exact_to))), truth)
        for exact_to in (2.0, 1.0, 0.0)
    }
    assert errors[2.0] < 3 * GOAL
    assert errors[1.0] > 3 * errors[2.0]
    assert errors[0.0] > 2 * errors[1.0]
