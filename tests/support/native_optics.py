"""An independent model of the SHERA image from the 2048 x 2048 cells of the diffractive pupil, in plain NumPy.

It is the truth against which the numerics of the package are judged. It shares no code with the package and none of its
approximations: no coarse grid, no resampling, no expansion.

- A native cell transmits ``a ((1 - p) + p exp(i k w))``: ``a`` is its open fraction, ``p`` the fraction that carries
  the half-wave step ``w`` of the mask. It is a square: its Fourier integral is the transmission times two sincs. The
  direction of a star tilts the phase within the cell, and so does the slope of M1's figure, to first order.
- Without mirrors behind the pupil, or where they have no figure and no edge within reach of the light, the image is the
  Fourier integral over the native cells, with the defocus of the relay. Otherwise the field goes to each mirror by
  angular spectrum at native cells, meets its edge and its figure there, goes back to the pupil, and the Fourier
  integral follows.
- A pixel is integrated by Gauss-Legendre nodes, and so is the band.
- The light through the open area, the sum of the open fractions, has unit power.

Ray matrices, Zernike polynomials and conventions are those of `support.reference_optics`.
"""

from __future__ import annotations

import importlib.resources
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from functools import cached_property
from math import pi
from typing import Any, NamedTuple, Self

import numpy as np
import scipy.fft

from support import reference_optics as ref

Params = Mapping[str, Any]
Progress = Callable[[Sequence[Any], str], Iterable[Any]]  # such as ``rich.progress.track``

NATIVE_NPIX = 2048
MIN_GRID_NPIX, MAX_GRID_NPIX = 2250, 4096
PIXEL_NODES = 4
HALVINGS = 8  # of a cell that an edge crosses
WORKERS = 2  # threads of a Fourier transform


def native_mask() -> np.ndarray:
    """TOLIMAN's diffractive pupil: the fraction of each native cell that carries the step."""
    with importlib.resources.files("dLuxToliman").joinpath("diffractive_pupil.npy").open("rb") as file:
        return np.load(file, allow_pickle=False).astype(float)


def open_fraction(
    is_open: Callable[[np.ndarray, np.ndarray], np.ndarray], npix: int, spacing: float, seed: int = 0
) -> np.ndarray:
    """Open fraction of square cells about zero, to some 1e-4 of a cell, at random and without bias.

    A cell that an edge crosses, or that touches one, is halved along both sides again and again. Squares with four open
    corners are open, those with four closed corners closed, and the smallest are judged by one point at random: an edge
    along a row of cells is then not wrong in all of them alike.

    Parameters
    ----------
    is_open
        From coordinates x and y, which broadcast, to whether each point is open.
    npix, spacing
        Number of cells along one side, and the width of a cell.
    seed
        Seed of the points.
    """
    rng = np.random.default_rng(seed)
    corners = (np.arange(npix + 1) - npix / 2.0) * spacing
    at_corners = is_open(corners, corners[:, None])
    open_corners = sum(at_corners[i : npix + i, j : npix + j].astype(int) for i in (0, 1) for j in (0, 1))
    crossed = np.pad((open_corners > 0) & (open_corners < 4), 1)
    near = np.zeros((npix, npix), bool)
    for i in range(3):
        for j in range(3):
            near |= crossed[i : npix + i, j : npix + j]
    x = ref.cell_centres(npix, spacing)
    fraction = is_open(x, x[:, None]).astype(float)
    rows, columns = np.nonzero(near)
    for part in range(0, rows.size, 4_000):
        row, column = rows[part : part + 4_000], columns[part : part + 4_000]
        fraction[row, column] = _open_inside(is_open, x[column], x[row], spacing, rng)
    return fraction


def _open_inside(
    is_open: Callable[[np.ndarray, np.ndarray], np.ndarray],
    x: np.ndarray,
    y: np.ndarray,
    width: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Open fraction of squares about the points (x, y)."""
    fraction, of_square = np.zeros(x.size), np.arange(x.size)
    signs = np.array([[-0.5, 0.5, -0.5, 0.5], [-0.5, -0.5, 0.5, 0.5]])
    for level in range(1, HALVINGS + 1):
        width *= 0.5
        x, y = ((centre[:, None] + width * sign).ravel() for centre, sign in zip((x, y), signs, strict=True))
        of_square = np.repeat(of_square, 4)
        if level < 3:  # thin struts may pass between the corners of a larger square
            continue
        open_corners = sum(is_open(x + width * sx, y + width * sy).astype(int) for sx, sy in signs.T)
        fraction += np.bincount(of_square[open_corners == 4], minlength=fraction.size) / 4.0**level
        crossed = (open_corners > 0) & (open_corners < 4)
        x, y, of_square = x[crossed], y[crossed], of_square[crossed]
    at_random = is_open(x + width * rng.uniform(-0.5, 0.5, x.size), y + width * rng.uniform(-0.5, 0.5, x.size))
    return fraction + np.bincount(of_square[at_random], minlength=fraction.size) / 4.0**HALVINGS


def native_structure(
    obscuration: float,
    n_struts: int,
    strut_width: float,
    strut_rotation_deg: float,
    mask: np.ndarray | None = None,
) -> ref.Structure:
    """Rasters of a pupil whose lengths are in units of its diameter, with TOLIMAN's mask or another.

    Parameters
    ----------
    obscuration, n_struts, strut_width, strut_rotation_deg
        Aperture, see `reference_optics.pupil_coverage`.
    mask
        Fraction of each cell that carries the step; its shape sets the number of cells.
    """
    mask = native_mask() if mask is None else mask
    npix = mask.shape[0]

    def is_open(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return ref.open_points(x, y, obscuration, n_struts, strut_width, strut_rotation_deg)

    return ref.Structure(open_fraction(is_open, npix, 1.0 / npix), mask)


class Surface(NamedTuple):
    """A mirror behind the pupil, seen from the collimated space of the pupil; lengths in metres."""

    scale: float  # height of the beam on the mirror over that in the pupil
    distance: float
    diameter: float
    coefficients_nm: np.ndarray


def relay(params: Params) -> tuple[tuple[Surface, ...], float, float]:
    """Mirrors behind the pupil, radians per pixel, and the defocus A / B at the detector.

    A dictionary that names the plate scale describes a focused telescope of that scale; one that names no M2 has no
    mirror behind the pupil.
    """
    surfaces = []
    matrix = np.eye(2)
    if "system.m2_diameter_m" in params:
        matrix = ref.relay_to_m2(params)
        surfaces.append(_surface(matrix, params, "m2", "secondary"))
        matrix = ref.mirror(params["system.m2_focal_length_m"]) @ matrix
    if "system.m3_diameter_m" in params:
        matrix = ref.gap(params["system.m2_m3_separation_m"]) @ matrix
        surfaces.append(_surface(matrix, params, "m3", "tertiary"))
        matrix = np.array([[1.0, 0.0], [-params["system.m3_power_per_m"], 1.0]]) @ matrix
    if "system.plate_scale_as_per_pix" in params:
        return tuple(surfaces), params["system.plate_scale_as_per_pix"] * ref.ARCSECOND, 0.0
    last = "m3" if len(surfaces) == 2 else "m2"
    (a, b), _ = ref.gap(params[f"system.{last}_detector_separation_m"]) @ matrix
    return tuple(surfaces), float(params["system.pixel_pitch_m"] / b), float(a / b)


def _surface(matrix: np.ndarray, params: Params, mirror: str, group: str) -> Surface:
    (a, b), _ = matrix
    coefficients = np.asarray(params[f"{group}.zernike_coeffs_nm"], float)
    return Surface(float(a), float(b / a), float(params[f"system.{mirror}_diameter_m"]), coefficients)


def zernike_opd(coefficients_nm: Sequence[float], x: np.ndarray) -> np.ndarray | None:
    """Sum of Zernike polynomials in metres at the crossings of coordinates in radii; None if there is none."""
    terms = [
        1e-9 * coefficient * ref.zernike(index, x, x[:, None])
        for index, coefficient in zip(ref.NOLL_INDICES, coefficients_nm, strict=True)
        if coefficient != 0.0
    ]
    return sum(terms[1:], terms[0]) if terms else None


class NativeOptics:
    """The image of a binary star from native cells.

    Parameters
    ----------
    params
        Numbers by parameter key, as `reference_optics.reference_image` takes them. For a third mirror also
        ``system.m3_diameter_m``, ``system.m3_power_per_m``, ``system.m2_m3_separation_m``,
        ``system.m3_detector_separation_m`` and ``tertiary.zernike_coeffs_nm``.
    structure
        Rasters of the pupil, see `native_structure`.
    image_npix
        Pixels along one side.
    pixel_nodes
        Gauss-Legendre nodes along one side of a pixel.
    grid_npix
        Cells along one side of the grid between the mirrors. By default, no light that the native cells carry walks
        across the edge of the grid. A third mirror lies 340 m away; its grid ends at `MAX_GRID_NPIX` and carries
        all light to twice the angle that the detector sees, see `carried`. With 5 nm on all three mirrors, 3,200 cells
        differ by 1.3e-6 of the image, 3,600 by less than 8e-7.
    """

    def __init__(
        self,
        params: Params,
        structure: ref.Structure,
        *,
        image_npix: int,
        pixel_nodes: int = PIXEL_NODES,
        grid_npix: int | None = None,
    ) -> None:
        self.params = params
        self.structure = structure
        self.npix = structure.coverage.shape[0]
        self.cell = params["system.m1_diameter_m"] / self.npix
        self.surfaces, self.plate_scale, self.a_over_b = relay(params)
        self.grid_npix = self._grid(grid_npix) if self.surfaces else self.npix
        self.image_npix = image_npix
        self._set_nodes(pixel_nodes)

    def _set_nodes(self, pixel_nodes: int) -> None:
        position, weight = np.polynomial.legendre.leggauss(pixel_nodes)
        self.node_weights = 0.5 * weight
        pixels = ref.cell_centres(self.image_npix)
        self.angles = self.plate_scale * (pixels[:, None] + 0.5 * position).ravel()

    def with_pixel_nodes(self, pixel_nodes: int) -> Self:
        """The same optics with other nodes in a pixel; they share the figures that one of them has computed."""
        other = copy(self)
        other._set_nodes(pixel_nodes)
        return other

    def _grid(self, grid_npix: int | None) -> int:
        """Size of the grid, of small prime factors, which continues the cells of the pupil."""
        if grid_npix is None:
            longest = self.params["band.wavelength_m"] + 0.5 * self.params["band.bandwidth_m"]
            walk = max(surface.distance for surface in self.surfaces) * longest / (2.0 * self.cell**2)
            ratio = self.npix / NATIVE_NPIX
            grid_npix = int(np.clip(self.npix + 2.0 * walk, MIN_GRID_NPIX * ratio, MAX_GRID_NPIX * ratio))
        while (grid_npix - self.npix) % 2 or scipy.fft.next_fast_len(grid_npix, real=True) != grid_npix:
            grid_npix += 1
        return grid_npix

    def reach(self, wavelength: float) -> float:
        """Largest angle of light on the grid: it is sampled there and does not walk across its edge, radians."""
        margin = 0.5 * (self.grid_npix - self.npix) * self.cell
        return min(0.5 * wavelength / self.cell, *(margin / surface.distance for surface in self.surfaces))

    def carried(self, wavelength: float, cycles: np.ndarray) -> np.ndarray:
        """Part of the field at spatial frequencies (cycles per metre) that goes to the mirrors.

        All of it to half of `reach`, and none beyond it. A sudden end would ring through the whole grid, and light
        that crosses its edge would meet a step in the figure of a mirror there.
        """
        reach = self.reach(wavelength)
        if self.angles[-1] > 0.5 * reach:
            raise ValueError(f"the grid carries {0.5 * reach:.2g} rad, and the detector sees {self.angles[-1]:.2g} rad")
        return np.cos(0.5 * pi * np.clip(2.0 * wavelength * np.abs(cycles) / reach - 1.0, 0.0, 1.0)) ** 2

    @cached_property
    def mirrors_act(self) -> bool:
        """Whether a mirror behind the pupil has a figure, or an edge that light on the grid meets.

        So it is also out of focus: the defocus has a slope within a cell, which the grid's filter of squares precedes.
        """
        reach = self.reach(self.params["band.wavelength_m"] + 0.5 * self.params["band.bandwidth_m"])
        beam = 0.5 * self.npix * self.cell
        waves = 0.5 * self.a_over_b * beam**2 / self.params["band.wavelength_m"]
        return abs(waves) > 1e-9 or any(
            np.any(surface.coefficients_nm != 0.0)
            or beam + surface.distance * reach > surface.diameter / (2.0 * abs(surface.scale))
            for surface in self.surfaces
        )

    @cached_property
    def m1_figure(self) -> tuple[np.ndarray, np.ndarray] | None:
        """M1's figure on the native cells: its mean OPD in metres, and its slopes along y and x."""
        beyond = 2
        x = ref.cell_centres(self.npix + 2 * beyond, 2.0 / self.npix)
        opd = zernike_opd(self.params["primary.zernike_coeffs_nm"], x)
        if opd is None:
            return None
        slopes = np.stack(np.gradient(opd))
        curvature = np.gradient(slopes[0], axis=0) + np.gradient(slopes[1], axis=1)
        inside = slice(beyond, -beyond)
        return (opd + curvature / 24.0)[inside, inside], slopes[:, inside, inside] / self.cell

    @cached_property
    def surface_rasters(self) -> list[tuple[np.ndarray, np.ndarray | None]]:
        """Open fraction and OPD of each mirror behind the pupil."""
        x = ref.cell_centres(self.grid_npix, self.cell)
        rasters = []
        for surface in self.surfaces:
            radius = surface.diameter / (2.0 * abs(surface.scale))

            def is_open(x: np.ndarray, y: np.ndarray, radius: float = radius) -> np.ndarray:
                return np.hypot(x, y) <= radius

            stop = open_fraction(is_open, self.grid_npix, self.cell)
            rasters.append((stop, zernike_opd(surface.coefficients_nm, np.sign(surface.scale) * x / radius)))
        return rasters

    def transmission(self, wavelength: float) -> np.ndarray:
        """Complex transmission of the native cells with M1's figure."""
        k = 2.0 * pi / wavelength
        coverage, mask = self.structure.coverage, self.structure.mask
        step = np.exp(0.5j * k * ref.MASK_WAVELENGTH_M)
        field = coverage * (1.0 - mask) + coverage * mask * step
        if self.m1_figure is None:
            return field
        opd, slopes = self.m1_figure
        return tilted(field * np.exp(1j * k * opd), slopes / wavelength, self.cell)

    def surface_transmissions(self, wavelength: float) -> list[np.ndarray]:
        """Transmission of each mirror behind the pupil."""
        return [
            stop if opd is None else stop * np.exp(2j * pi / wavelength * opd) for stop, opd in self.surface_rasters
        ]

    def at_exit(
        self, wavelength: float, direction: tuple[float, float], pupil: np.ndarray, mirrors: Sequence[np.ndarray]
    ) -> np.ndarray:
        """Field of a star in the space of the pupil behind all mirrors, before the relay's defocus.

        The squares of the pupil are in it as a filter, with `carried`: it is the field of a pupil whose cells are
        squares, without the spatial frequencies that the grid does not carry.
        """
        x = ref.cell_centres(self.npix, self.cell)
        along_x, along_y = (np.exp(2j * pi / wavelength * angle * x) for angle in direction)
        field = ref.pad(pupil * along_y[:, None] * along_x, self.grid_npix)
        cycles = scipy.fft.fftfreq(self.grid_npix, self.cell)
        carried = self.carried(wavelength, cycles)
        filter_x, filter_y = (carried * np.sinc(self.cell * (cycles - angle / wavelength)) for angle in direction)
        place = 0.0
        for surface, mirror in zip(self.surfaces, mirrors, strict=True):
            transfer = np.exp(-1j * pi * wavelength * (surface.distance - place) * cycles**2)
            field = filtered(field, filter_y * transfer, filter_x * transfer)
            field *= mirror
            filter_x = filter_y = np.ones(self.grid_npix)
            place = surface.distance
        transfer = np.exp(1j * pi * wavelength * place * cycles**2)
        return filtered(field, transfer, transfer)

    def stars(self, wavelength: float) -> np.ndarray:
        """Fraction of the photons of A and of B that falls on each pixel, shape (2, image_npix, image_npix)."""
        pupil = self.transmission(wavelength)
        mirrors = self.surface_transmissions(wavelength) if self.surfaces and self.mirrors_act else []
        images = []
        for direction in ref.star_directions(self.params):
            if mirrors:
                field = self.at_exit(wavelength, direction, pupil, mirrors)
                kernel_x = kernel_y = self._kernel(wavelength, self.angles, self.grid_npix)
            else:
                field = pupil
                kernel_x, kernel_y = (
                    self._kernel(wavelength, self.angles - angle, self.npix)
                    * np.sinc(self.cell * (self.angles - angle) / wavelength)[:, None]
                    for angle in direction
                )
            amplitude = (kernel_y @ field) @ kernel_x.T
            images.append(self._pixels(wavelength, amplitude.real**2 + amplitude.imag**2))
        return np.stack(images)

    def _pixels(self, wavelength: float, power: np.ndarray) -> np.ndarray:
        nodes = self.node_weights.size
        samples = power.reshape(self.image_npix, nodes, self.image_npix, nodes)
        scale = (self.plate_scale * self.cell / wavelength) ** 2 / self.structure.coverage.sum()
        return scale * np.einsum("aibj,i,j->ab", samples, self.node_weights, self.node_weights)

    def _kernel(self, wavelength: float, angles: np.ndarray, npix: int) -> np.ndarray:
        x = ref.cell_centres(npix, self.cell)
        defocus = pi * self.a_over_b / wavelength * x**2
        return np.exp(1j * (defocus - 2.0 * pi / wavelength * angles[:, None] * x))

    @property
    def photons(self) -> np.ndarray:
        """Photons of A and of B through the aperture in one exposure."""
        log_flux = self.params.get("binary.log_flux_total")
        total = 10.0 ** float(ref.log_flux_total(self.params, self.structure) if log_flux is None else log_flux)
        contrast = float(self.params["binary.contrast"])
        return np.array([total * contrast, total]) / (1.0 + contrast)

    def image(self, n_wavelengths: int, progress: Progress | None = None) -> np.ndarray:
        """Photons in each pixel for flat spectra across the band."""
        return self.sum_of(*ref.wavelengths(self.params, n_wavelengths), progress=progress)

    def sum_of(
        self, wavelengths: Sequence[float], weights: np.ndarray, *, progress: Progress | None = None
    ) -> np.ndarray:
        """Photons in each pixel for spectra of lines.

        Parameters
        ----------
        wavelengths
            Wavelengths, metres.
        weights
            Part of a star's photons at each wavelength, shape (w,) for both stars, or (2, w).
        progress
            Shows how far the sum is.
        """
        weights = np.broadcast_to(weights, (2, len(wavelengths)))
        image = np.zeros((self.image_npix, self.image_npix))
        pairs = list(zip(wavelengths, weights.T, strict=True))
        for wavelength, of_stars in progress(pairs, "Wavelengths") if progress else pairs:
            image += np.tensordot(self.photons * of_stars, self.stars(float(wavelength)), axes=1)
        return image


def tilted(field: np.ndarray, slopes: np.ndarray, cell: float) -> np.ndarray:
    """A field of square cells in which the phase is constant, turned into one with a slope in each cell.

    A slope of g cycles per metre turns a cell's sinc(h u), of width h, into sinc(h (u - g)), which is
    sinc(h u) (1 + pi^2 h^2 u g / 3) where both are small. A factor u is a derivative, here a central difference.

    Parameters
    ----------
    field
        Field of the cells, shape (n, n), zero at the edge of the grid.
    slopes
        Slopes along y and x, cycles per metre, shape (2, n, n).
    cell
        Width of a cell, metres.
    """
    result = field.copy()
    for axis, slope in enumerate(slopes):
        change = np.moveaxis(-1j * pi * cell / 12.0 * field * slope, axis, 0)
        along = np.moveaxis(result, axis, 0)
        along[:-1] += change[1:]
        along[1:] -= change[:-1]
    return result


def filtered(field: np.ndarray, along_y: np.ndarray, along_x: np.ndarray) -> np.ndarray:
    """A field whose spectrum is multiplied by a function of each frequency, in the order of the FFT."""
    spectrum = scipy.fft.fft2(field, workers=WORKERS, overwrite_x=True)
    spectrum *= along_y[:, None]
    spectrum *= along_x
    return scipy.fft.ifft2(spectrum, workers=WORKERS, overwrite_x=True)


def native_optics_of(
    config: Any, store: Mapping[str, Any], make: Callable[..., NativeOptics] = NativeOptics, **settings: Any
) -> NativeOptics:
    """Native optics of a configuration of the package and the values of a forward spec; `make` is their class."""
    if (
        config.diffractive_pupil not in (None, "dLuxToliman")
        or config.mask_design_wavelength_m != ref.MASK_WAVELENGTH_M
    ):
        raise ValueError("the native model has TOLIMAN's mask, or none")
    mask = np.zeros((NATIVE_NPIX, NATIVE_NPIX)) if config.diffractive_pupil is None else native_mask()
    struts = (config.n_struts, config.strut_width, config.strut_rotation_deg)
    params = {key: np.asarray(value, float) for key, value in store.items()}
    structure = native_structure(config.obscuration, *struts, mask)
    return make(params, structure, **{"image_npix": config.image_npix, **settings})
