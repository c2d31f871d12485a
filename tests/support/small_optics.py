"""Relay optics of a small pupil, and the image of the same pupil as an integral over its native cells, in plain NumPy.

The integral shares no code with the optics and none of their approximations. In each native cell it has 4 x 4
Gauss-Legendre nodes, so the figure of a mirror and the direction of a star act within a cell too, and in each pixel of
the image 4 x 4 nodes. Between the mirrors the field is a Fourier series in a box around the pupil, whose coefficients
are integrals over the cells: the frequencies of light far outside the image are left out, and none is aliased.

Lengths in the pupil are in units of its diameter, all others in metres.
"""

from __future__ import annotations

from math import pi, sqrt
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dluxshera.optics import (
    Grid,
    PupilState,
    RelayOptics,
    Sampling,
    SurfaceState,
    ZernikeBasis,
    centred_points,
    matrix_of_samples,
    matrix_of_sums,
    resample,
)
from support import reference_optics as ref

DIAMETER = ref.FLIGHT.m1_diameter
STEP = 275e-9
GEOMETRY = ref.FLIGHT.geometry()
(_A, _B), _ = ref.relay_to_m2(GEOMETRY)
M2_SCALE, M2_DISTANCE = float(_A), float(_B / _A)
PLATE_SCALE, _ = ref.detector_scale(GEOMETRY)
BAND = (532e-9, 551e-9, 567e-9)
# For 32 pixels and sources up to 8 pixels from the axis: (16 + 8) x 0.25 cycles per diameter, and 7 for aberrations.
# A random mask spreads as much light to the border of the image as to its middle, and the intensity is sampled further
# beyond the border than in the designs.
TWO_PLANES = Sampling(
    grids=(Grid(48, 40, 13.0),) * 2,
    image_npix=32,
    pitch=1.5,
    image_samples=36,
    n_wavelengths=3,
    largest_offset=8.0,
    largest_frequency=0.25,
    largest_blur=1.5,
)
EMPTY = np.zeros(0)


class Pupil(NamedTuple):
    """Open fraction of each native cell, and the fraction of it that carries the mask's step."""

    open: np.ndarray
    mask: np.ndarray


def random_pupil(seed: int = 5, npix: int = 64, *, grey: bool = True, blocks: int = 1) -> Pupil:
    """A disc with grey edges behind a random mask of square features, `blocks` cells wide.

    `grey` gives fractions between 0 and 1 to some of them.
    """
    rng, n = np.random.default_rng(seed), npix // blocks
    mask = rng.integers(0, 5, (n, n)) / 4.0 if grey else rng.integers(0, 2, (n, n)).astype(float)
    mask = np.kron(mask, np.ones((blocks, blocks)))
    return Pupil(ref.pupil_coverage(npix, 0.2, 3, 0.02, 17.0), mask)


def clear_pupil(npix: int = 64) -> Pupil:
    """A disc with grey edges and no mask."""
    return Pupil(ref.pupil_coverage(npix), np.zeros((npix, npix)))


def with_surfaces(count: int, sampling: Sampling = TWO_PLANES) -> Sampling:
    """The sampling with `count` surfaces behind the pupil, and room on its grids for light that walks there."""
    wide = sampling.exit._replace(npix=54)
    return replace(sampling, grids=(wide,) * (count + 2)) if count else sampling


def replace(sampling: Sampling, **changes) -> Sampling:
    """The sampling with changes."""
    return Sampling(**{**{name: getattr(sampling, name) for name in Sampling.__dataclass_fields__}, **changes})


def small_optics(
    pupil: Pupil,
    sampling: Sampling = TWO_PLANES,
    noll: tuple[tuple[int, ...], ...] | None = None,
    *,
    cut: float = 1e-5,
) -> RelayOptics:
    """Optics of a pupil on the grids of a sampling; `noll` has the Zernike polynomials of each plane."""
    first, *leaving = sampling.grids
    noll = (ref.NOLL_INDICES,) * len(leaving) if noll is None else noll
    n = len(pupil.open)
    matrix = matrix_of_sums(centred_points(n, 1.0 / n), first.coordinates(), first.band, width=1.0 / n, cut=cut)
    clear, stepped = (
        matrix @ (pupil.open * part) @ matrix.T * (first.per_diameter / n) / np.sqrt(pupil.open.sum())
        for part in (1.0 - pupil.mask, pupil.mask)
    )
    return RelayOptics(
        clear=jnp.asarray(clear),
        stepped=jnp.asarray(stepped),
        step=jnp.asarray(STEP),
        bases=tuple(ZernikeBasis(n, 2.0 * grid.coordinates()) for n, grid in zip(noll, leaving, strict=True)),
        reductions=tuple(
            None
            if before == after
            else jnp.asarray(matrix_of_sums(before.coordinates(), after.coordinates(), after.band))
            * (after.per_diameter / before.per_diameter) ** 0.5  # the squared modulus of an amplitude is a power
            for before, after in zip(sampling.grids[:-1], leaving, strict=True)
        ),
        pixels=jnp.asarray(
            matrix_of_samples(
                centred_points(sampling.image_samples, sampling.pitch),
                centred_points(sampling.image_npix, 1.0),
                sampling.largest_frequency,
                width=1.0,
                cut=1e-6,
            )
        ),
        sampling=sampling,
    )


def m2(coefficients=None, **changes) -> SurfaceState:
    """The flight design's M2."""
    coefficients = np.zeros(8) if coefficients is None else coefficients
    return SurfaceState(M2_SCALE, M2_DISTANCE, ref.FLIGHT.m2_diameter, jnp.asarray(coefficients))._replace(**changes)


class Light(NamedTuple):
    """The arguments of `RelayOptics.image`."""

    wavelengths: np.ndarray
    photons: np.ndarray
    angles: np.ndarray
    pupil: PupilState
    surfaces: tuple[SurfaceState, ...] = ()
    plate_scale: float = PLATE_SCALE

    def image(self, optics: RelayOptics) -> np.ndarray:
        """The image of the optics, by a program that all optics of one sampling share."""
        return np.asarray(_image(optics, *(jnp.asarray(item) for item in self[:3]), *self[3:]))


_image = jax.jit(RelayOptics.image)


def light(
    *,
    pixels=((3.1, -2.4), (-5.2, 4.7)),
    photons=((3.0, 5.0, 1.0), (0.5, 0.2, 0.7)),
    wavelengths=BAND,
    coefficients=None,
    surfaces: tuple[SurfaceState, ...] = (),
    **pupil,
) -> Light:
    """Two stars, at places in pixels, with their photons at each wavelength."""
    coefficients = np.zeros(8) if coefficients is None else coefficients
    state = PupilState(DIAMETER, jnp.asarray(coefficients), **pupil)
    angles = PLATE_SCALE * np.asarray(pixels, float)
    return Light(np.asarray(wavelengths), np.asarray(photons, float), angles, state, surfaces)


def native_image(
    pupil: Pupil,
    light: Light,
    image_npix: int = 32,
    *,
    noll: tuple[tuple[int, ...], ...] | None = None,
    box: float = 1.5,
    highest: float = 128.0,
) -> np.ndarray:
    """The image as an integral over native cells.

    Parameters
    ----------
    pupil, light
        Pupil and light.
    image_npix
        Pixels along one side.
    noll
        Zernike polynomials of each plane.
    box, highest
        Width of the box between the mirrors, and the highest frequency in it, cycles per diameter.
    """
    nodes, weights = np.polynomial.legendre.leggauss(4)
    n = len(pupil.open)
    x = ((np.arange(n) - (n - 1) / 2.0)[:, None] + 0.5 * nodes).ravel() / n
    dx = np.tile(0.5 * weights / n, n)
    pixels = ((np.arange(image_npix) - (image_npix - 1) / 2.0)[:, None] + 0.5 * nodes).ravel()
    state = light.pupil
    noll = (ref.NOLL_INDICES,) * (1 + len(light.surfaces)) if noll is None else noll
    shift = np.zeros(2) if state.line_of_sight is None else np.asarray(state.line_of_sight)
    image = np.zeros((image_npix, image_npix))
    for wavelength, photons in zip(light.wavelengths, light.photons.T, strict=True):
        k = 2.0 * pi / wavelength
        transmission = pupil.open * (1.0 - pupil.mask + pupil.mask * np.exp(1j * k * STEP))
        behind = np.kron(transmission, np.ones((4, 4))) * phasor(k, state.coefficients, state.opd_map, 2.0 * x, noll[0])
        for number, angle in zip(photons, light.angles, strict=True):
            field = behind * np.exp(1j * k * DIAMETER * (angle[0] * x + angle[1] * x[:, None]))
            at, area = x, dx
            if light.surfaces:
                at, area, field = through(light.surfaces, field, x, dx, wavelength, noll[1:], box, highest)
            defocus = state.defocus * sqrt(3.0) * (2.0 * 4.0 * (at**2 + at[:, None] ** 2) - 1.0)
            tilt = DIAMETER * (shift[0] * at + shift[1] * at[:, None])
            kernel = np.exp(-1j * k * DIAMETER * light.plate_scale * pixels[:, None] * at) * area
            spectrum = kernel @ (field * np.exp(1j * k * (defocus + tilt))) @ kernel.T
            samples = (np.abs(spectrum) ** 2).reshape(image_npix, 4, image_npix, 4)
            per_pixel = (light.plate_scale * DIAMETER / wavelength) ** 2 / (pupil.open.sum() / n**2)
            image += number * per_pixel * np.einsum("aibj,i,j->ab", samples, 0.5 * weights, 0.5 * weights)
    return image


def phasor(k: float, coefficients, opd_map, x: np.ndarray, noll: tuple[int, ...]) -> np.ndarray:
    """The factor of a mirror on the field at the crossings of coordinates in units of its radius."""
    opd = sum(
        (float(c) * ref.zernike(j, x, x[:, None]) for c, j in zip(coefficients, noll, strict=True)),
        np.zeros((x.size, x.size)),
    )
    if opd_map is not None:
        opd = opd + resample(np.asarray(opd_map), x)
    return np.exp(1j * k * opd)


def through(
    surfaces: tuple[SurfaceState, ...],
    field: np.ndarray,
    x: np.ndarray,
    dx: np.ndarray,
    wavelength: float,
    noll: tuple[tuple[int, ...], ...],
    box: float,
    highest: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The field behind the surfaces, in the pupil: its coordinates, their spacings, and its values."""
    n = 2 * round(box * highest)
    cycles = (np.arange(n) - n // 2 + 0.5) / box
    at = (np.arange(n) - (n - 1) / 2.0) * box / n
    area = np.full(n, box / n)
    to_series = np.exp(-2j * pi * cycles[:, None] * at) * area
    from_series = np.exp(2j * pi * at[:, None] * cycles) / box
    from_cells = np.exp(-2j * pi * cycles[:, None] * x) * dx
    # A sudden end would ring through the whole box, whose edges the figure of a mirror meets with a step.
    carried = np.cos(0.5 * pi * np.clip(2.0 * np.abs(cycles) / highest - 1.0, 0.0, 1.0)) ** 2
    from_cells *= carried[:, None]
    series = from_cells @ field @ from_cells.T
    place = 0.0
    for surface, indices in zip(surfaces, noll, strict=True):
        series = moved(series, cycles, wavelength, surface.distance - place)
        on_surface = 2.0 * at * surface.beam_scale * DIAMETER / surface.diameter
        figure = phasor(2.0 * pi / wavelength, surface.coefficients, surface.opd_map, on_surface, indices)
        series = to_series @ (figure * (from_series @ series @ from_series.T)) @ to_series.T
        place = surface.distance
    series = moved(series, cycles, wavelength, -place)
    return at, area, from_series @ series @ from_series.T


def moved(series: np.ndarray, cycles: np.ndarray, wavelength: float, distance: float) -> np.ndarray:
    """A Fourier series after free space."""
    transfer = np.exp(-1j * pi * wavelength * distance * (cycles / DIAMETER) ** 2)
    return series * transfer[:, None] * transfer
