"""Our optics against POPPY and prysm: the Zernike convention, the Fresnel step, the images, the mistakes they catch."""

from pathlib import Path

import astropy.units as u
import jax.numpy as jnp
import numpy as np
import poppy
import pytest
from poppy.matrixDFT import matrix_dft
from prysm.polynomials import noll_to_nm, zernike_nm
from prysm.propagation import angular_spectrum, focus_fixed_sampling

from dluxshera.optics import (
    Grid,
    PupilState,
    RelayOptics,
    Sampling,
    SurfaceState,
    ZernikeBasis,
    cell_centres,
    centred_points,
    matrix_of_samples,
)
from support import reference_optics as ref
from support.helpers import relative_l2, rounding

NPIX, GAP_NPIX, IMAGE_NPIX, MIDPOINTS = 128, 256, 64, 2
DIAMETER, WAVELENGTH = ref.FLIGHT.m1_diameter, ref.FLIGHT.wavelength
GEOMETRY = ref.FLIGHT.geometry()
(A_M2, B_M2), _ = ref.relay_to_m2(GEOMETRY)
A, Z = float(A_M2), float(B_M2 / A_M2)
CELL = DIAMETER / NPIX
PLATE_SCALE, _ = ref.detector_scale(GEOMETRY)
ANGLE = (1.5e-6, -0.8e-6)
COEFFS_M1 = 1e-9 * np.array([5.0, -3.0, 4.0, 2.0, -6.0, 3.0, 1.0, -2.0])
COEFFS_M2 = 1e-9 * np.array([-4.0, 3.0, 2.0, -5.0, 1.0, 6.0, -2.0, 3.0])
DEFOCUS = 20e-9
# The grid carries all frequencies of its cells, so that both sides have the same points: nothing is resampled.
GRID = Grid(GAP_NPIX, NPIX, NPIX / 2.0)
FREQUENCY = PLATE_SCALE * DIAMETER / WAVELENGTH

# Both sides do the same sums in float64, over phases of up to a few hundred radians whose rounding they share.
SAME_SUM = rounding(float, GAP_NPIX**2, condition=10)
NOLL = tuple(range(1, 37))


def relay(surfaces: int, *, integrate: bool = False) -> RelayOptics:
    """The flight pupil; pixels are means of midpoints, or integrals."""
    structure = ref.Structure.of(ref.FLIGHT, NPIX)
    pitch = 1.6 if integrate else 1.0 / MIDPOINTS
    samples = 2 * round(0.5 * IMAGE_NPIX / pitch + 8) if integrate else IMAGE_NPIX * MIDPOINTS
    if integrate:
        at, centres = centred_points(samples, pitch), centred_points(IMAGE_NPIX, 1.0)
        pixels = matrix_of_samples(at, centres, FREQUENCY, width=1.0, cut=1e-6)
    else:
        pixels = np.kron(np.eye(IMAGE_NPIX), np.full((1, MIDPOINTS), 1.0 / MIDPOINTS))
    clear, stepped = (
        ref.pad(structure.coverage * part, GAP_NPIX) / np.linalg.norm(structure.coverage)
        for part in (1.0 - structure.mask, structure.mask)
    )
    return RelayOptics(
        clear=jnp.asarray(clear),
        stepped=jnp.asarray(stepped),
        step=jnp.asarray(ref.MASK_WAVELENGTH_M / 2.0),
        bases=(ZernikeBasis(ref.NOLL_INDICES, 2.0 * GRID.coordinates()),) * (surfaces + 1),
        reductions=(None,) * (surfaces + 1),
        pixels=jnp.asarray(pixels),
        sampling=Sampling(
            grids=(GRID,) * (surfaces + 2),
            image_npix=IMAGE_NPIX,
            pitch=pitch,
            image_samples=samples,
            n_wavelengths=1,
            largest_offset=10.0,
            largest_frequency=1.0,
            largest_blur=10.0,
        ),
    )


def pupil_state(defocus: float = 0.0) -> PupilState:
    return PupilState(diameter=DIAMETER, coefficients=jnp.asarray(COEFFS_M1), defocus=defocus)


M2 = SurfaceState(beam_scale=A, distance=Z, diameter=ref.FLIGHT.m2_diameter, coefficients=jnp.asarray(COEFFS_M2))


def our_planes(surfaces=(), defocus=0.0) -> dict[str, np.ndarray]:
    found = relay(len(surfaces)).wavefronts(WAVELENGTH, jnp.asarray(ANGLE), pupil_state(defocus), surfaces)
    return {name: np.asarray(wavefront.phasor) for name, wavefront in found.items()}


def our_image(surfaces=(), defocus=0.0, *, integrate: bool = False) -> np.ndarray:
    optics = relay(len(surfaces), integrate=integrate)
    return np.asarray(
        optics.image(
            jnp.array([WAVELENGTH]),
            jnp.ones((1, 1)),
            jnp.array([ANGLE]),
            pupil_state(defocus),
            surfaces,
            PLATE_SCALE,
        )
    )


def of_prysm(j: int, rho: np.ndarray, theta: np.ndarray) -> np.ndarray:
    return zernike_nm(*noll_to_nm(j), rho, theta, norm=True)


def of_poppy(j: int, rho: np.ndarray, theta: np.ndarray) -> np.ndarray:
    return poppy.zernike.zernike1(j, rho=rho, theta=theta, outside=0.0)


def prysm_opd(coefficients, npix: int, half_width: float) -> np.ndarray:
    x = cell_centres(npix) * half_width
    rho, theta = np.hypot(x, x[:, None]), np.arctan2(x[:, None], x)
    return sum(c * of_prysm(j, rho, theta) for j, c in zip(ref.NOLL_INDICES, coefficients, strict=True))


def prysm_pupil(angle=ANGLE) -> np.ndarray:
    """The flight pupil padded to the gap's grid: prysm's polynomials, a star as a tilt."""
    structure = ref.Structure.of(ref.FLIGHT, NPIX)
    x = cell_centres(NPIX) * DIAMETER / 2.0
    opd = structure.mask * ref.MASK_WAVELENGTH_M / 2.0 + prysm_opd(COEFFS_M1, NPIX, 1.0)
    opd = opd + angle[0] * x + angle[1] * x[:, None]
    field = structure.coverage * np.exp(2j * np.pi * opd / WAVELENGTH)
    return ref.pad(field / np.linalg.norm(field), GAP_NPIX)


def prysm_step(field: np.ndarray, distance: float) -> np.ndarray:
    return angular_spectrum(field, WAVELENGTH * 1e6, CELL * 1e3, distance * 1e3, Q=1)


def poppy_step(field: np.ndarray, distance: float) -> np.ndarray:
    wave = poppy.FresnelWavefront(0.5 * DIAMETER * u.m, wavelength=WAVELENGTH * u.m, npix=NPIX, oversample=2)
    wave.wavefront = field.copy()
    wave.propagate_fresnel(distance * u.m)
    return np.asarray(wave.wavefront)


def prysm_image(field: np.ndarray) -> np.ndarray:
    """Intensity at the midpoints of parts of each pixel; a focal length of 1 m makes metres of angles."""
    image = np.zeros((IMAGE_NPIX, IMAGE_NPIX))
    pixel = PLATE_SCALE * 1e6
    places = (np.arange(MIDPOINTS) + 0.5) / MIDPOINTS
    for y in places:
        for x in places:
            shift = (-pixel * x, -pixel * y)  # its pixel n / 2 is at zero, ours half a pixel on
            amplitude = focus_fixed_sampling(field, CELL * 1e3, 1e3, WAVELENGTH * 1e6, pixel, IMAGE_NPIX, shift=shift)
            image += np.abs(amplitude) ** 2 / MIDPOINTS**2
    return image


def poppy_image(field: np.ndarray, subpixels: int) -> np.ndarray:
    """Midpoints of each pixel. POPPY's forward transform has the other sign, which turns its image by 180 degrees."""
    samples = IMAGE_NPIX * subpixels
    width = IMAGE_NPIX * PLATE_SCALE * GAP_NPIX * CELL / WAVELENGTH
    amplitude = matrix_dft(field, width, samples, centering="SYMMETRIC")[::-1, ::-1]
    return ref.block_mean(np.abs(amplitude) ** 2, subpixels) * subpixels**2


def through_m2(field: np.ndarray, step, distance: float = Z) -> np.ndarray:
    """M2's figure between two steps, and the defocus."""
    figure = prysm_opd(COEFFS_M2, GAP_NPIX, A * GAP_NPIX * CELL / ref.FLIGHT.m2_diameter)
    on_m2 = step(field, distance) * np.exp(2j * np.pi * figure / WAVELENGTH)
    defocus = DEFOCUS * of_prysm(4, *polar(cell_centres(GAP_NPIX) * (GAP_NPIX / NPIX)))
    return step(on_m2, -distance) * np.exp(2j * np.pi * defocus / WAVELENGTH)


def polar(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.hypot(x, x[:, None]), np.arctan2(x[:, None], x)


def apart(field: np.ndarray, truth: np.ndarray) -> float:
    """Relative L2 up to a constant phase, which no image shows."""
    overlap = np.vdot(field, truth)
    return relative_l2(field * overlap / abs(overlap), truth)


def poppy_integral() -> np.ndarray:
    coarse, fine = (poppy_image(prysm_pupil(), n) for n in (5, 9))
    return (81 * fine - 25 * coarse) / 56


STEPS = {"prysm": prysm_step, "poppy": poppy_step}
POLYNOMIALS = rounding(float, 10, condition=1000)
# n midpoints multiply a wave of phase 2 p across the pixel by 1 + (p/n)^2 / 6 + 7 (p/n)^4 / 360 + ... on each axis. The
# image's finest wave has one period in wavelength / diameter.
PIXELS = (2 * 7 / 360 + 1 / 36) * (np.pi * PLATE_SCALE * DIAMETER / WAVELENGTH) ** 4 / (5 * 9) ** 2


@pytest.mark.parametrize("theirs", [of_prysm, of_poppy])
def test_zernike_polynomials(theirs):
    x = np.linspace(-1.0, 1.0, 41)
    rho, theta = polar(x)
    inside = rho < 1.0
    basis = ZernikeBasis(NOLL, x)
    ours = {j: np.asarray(basis.opd(jnp.eye(len(NOLL))[i]))[inside] for i, j in enumerate(NOLL)}
    for j in NOLL[1:]:
        other = theirs(j, rho, theta)[inside]
        # Order 7: terms of up to 210 r^k sum to less than 1, times a norm of 4.
        np.testing.assert_allclose(ours[j], other, rtol=0, atol=POLYNOMIALS)
    swapped = theirs(7, rho, theta)[inside]
    turned = theirs(7, rho, -theta)[inside]
    assert relative_l2(ours[8], swapped) > 1
    assert relative_l2(ours[7], turned) > 1


@pytest.mark.parametrize("package", STEPS)
def test_fresnel_step(package):
    step, ours = STEPS[package], our_planes((M2,))
    start = ours["pupil"]
    field = prysm_pupil()
    assert apart(start, field) < SAME_SUM
    # All three drop what the square root of the exact transfer function has beyond the paraxial term.
    assert apart(ours["surface_1_in"], step(field, Z)) < SAME_SUM
    assert apart(ours["surface_1_in"], step(field, 1.001 * Z)) > 100 * SAME_SUM
    assert apart(ours["surface_1_in"], step(field, -Z)) > 1e-2


def test_image_without_m2():
    ours = our_image()
    assert relative_l2(ours, prysm_image(prysm_pupil())) < SAME_SUM
    assert relative_l2(ours, poppy_image(prysm_pupil(), MIDPOINTS)) < SAME_SUM
    assert relative_l2(ours[::-1, ::-1], prysm_image(prysm_pupil())) > 1e-2
    assert relative_l2(ours.T, prysm_image(prysm_pupil())) > 1e-2


def test_pixel_integral_without_m2():
    """Midpoints err by even powers of their spacing: two numbers of them remove the leading one."""
    integral = poppy_integral()
    assert relative_l2(our_image(integrate=True), integral) < PIXELS
    assert relative_l2(our_image(), integral) > PIXELS
    assert relative_l2(our_image(integrate=True)[::-1, ::-1], integral) > 1e-2


@pytest.mark.parametrize("package", STEPS)
def test_image_behind_an_aberrated_m2(package):
    ours = our_image((M2,), DEFOCUS)
    field = prysm_pupil()
    assert relative_l2(ours, prysm_image(through_m2(field, STEPS[package]))) < SAME_SUM
    assert relative_l2(ours, prysm_image(through_m2(field, STEPS[package], 1.001 * Z))) > 100 * SAME_SUM


def furthest_polynomial(theirs) -> float:
    x = np.linspace(-1.0, 1.0, 41)
    rho, theta = polar(x)
    basis = ZernikeBasis(NOLL, x)
    ours = [np.asarray(basis.opd(row)) for row in jnp.eye(len(NOLL))]
    return max(np.abs(ours[i] - theirs(j, rho, theta))[rho < 1.0].max() for i, j in enumerate(NOLL) if i)


def test_the_page_shows_what_is_found():
    """Differences by rounding vary with the processor, by less than ten times; that of the pixels does not."""
    page = (Path(__file__).parents[2] / "docs" / "validation" / "cross-checks.md").read_text(encoding="utf-8")
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line.startswith("|")
    ]
    shown = [(float(row[2]), float(row[3])) for row in cells if len(row) == 5 and row[2][:1].isdigit()]
    field, ours, behind = prysm_pupil(), our_image(), our_image((M2,), DEFOCUS)
    at_m2 = our_planes((M2,))["surface_1_in"]
    found = [
        (furthest_polynomial(of_prysm), POLYNOMIALS),
        (furthest_polynomial(of_poppy), POLYNOMIALS),
        (apart(at_m2, prysm_step(field, Z)), SAME_SUM),
        (apart(at_m2, poppy_step(field, Z)), SAME_SUM),
        (relative_l2(ours, prysm_image(field)), SAME_SUM),
        (relative_l2(our_image(integrate=True), poppy_integral()), PIXELS),
        (relative_l2(behind, prysm_image(through_m2(field, prysm_step))), SAME_SUM),
        (relative_l2(behind, prysm_image(through_m2(field, poppy_step))), SAME_SUM),
    ]
    assert len(shown) == len(found)
    for (difference, threshold), (now, limit) in zip(shown, found, strict=True):
        assert threshold == pytest.approx(limit, rel=0.06)
        assert now == pytest.approx(difference, rel=0.02) if limit == PIXELS else now < 10 * difference
