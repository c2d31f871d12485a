"""An independent model of the SHERA three-plane image, in plain NumPy and double precision.

It shares no code with the package, and no choice of algorithm where there is one: products of 2 x 2 matrices for the
relay, Fresnel propagation on a grid at least twice as wide as the pupil, one complex matrix Fourier transform per star
and wavelength, and midpoint sampling of every pixel, extrapolated to zero spacing. It is slow and is meant to be read.

Conventions: ``axis 0`` is y and grows with the row, ``axis 1`` is x and grows with the column; a phase is
``+2 pi OPD / wavelength``; a plane wave from the angle ``t`` has the OPD ``t x`` and lands at ``+t``.

References
----------
S. A. Collins, "Lens-system diffraction integral written in terms of matrix optics", JOSA 60 (1970) 1168.
R. J. Noll, "Zernike polynomials and atmospheric turbulence", JOSA 66 (1976) 207.
"""

from __future__ import annotations

import importlib.resources
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import factorial, pi, sqrt

import numpy as np

ARCSECOND = pi / (180.0 * 3600.0)
MASK_WAVELENGTH_M = 550e-9
NOLL_INDICES = tuple(range(4, 12))


@dataclass(frozen=True)
class Design:
    """The public numbers of one instrument: lengths in metres, angles in degrees.

    The edges of the aperture scale with the pupil: they are ratios to ``m1_diameter`` of the design.
    """

    m1_diameter: float
    m2_diameter: float
    m1_focal_length: float
    m2_focal_length: float
    separation: float
    pixel_pitch: float
    wavelength: float
    bandwidth: float
    n_struts: int
    strut_width: float
    strut_rotation_deg: float

    @property
    def m2_detector_separation(self) -> float:
        """Distance from M2 to the detector, in focus: ``f2 d / (f2 - d)`` turned around, with ``d = f1 - s``."""
        object_distance = self.m1_focal_length - self.separation
        return 1.0 / (1.0 / self.m2_focal_length + 1.0 / object_distance)

    def geometry(self) -> dict[str, float]:
        """The lengths of the design by parameter key."""
        return {
            "system.m1_diameter_m": self.m1_diameter,
            "system.m2_diameter_m": self.m2_diameter,
            "system.m1_focal_length_m": self.m1_focal_length,
            "system.m2_focal_length_m": self.m2_focal_length,
            "system.m1_m2_separation_m": self.separation,
            "system.m2_detector_separation_m": self.m2_detector_separation,
            "system.pixel_pitch_m": self.pixel_pitch,
            "band.wavelength_m": self.wavelength,
            "band.bandwidth_m": self.bandwidth,
        }


FLIGHT = Design(0.220, 0.025, 0.604353, -0.0545, 0.554130, 4.6e-6, 550e-9, 41e-9, 3, 2e-3, -90.0)
TESTBED = Design(0.090, 0.025, 0.357960, -0.041935, 0.320000, 6.5e-6, 550e-9, 110e-9, 4, 2e-3, 45.0)
DESIGNS = {"flight": FLIGHT, "testbed": TESTBED}
# Aberrations of M1 and M2 without symmetry, nanometres.
COEFFS_M1 = np.array([5.0, -3.0, 4.0, 2.0, -6.0, 3.0, 1.0, -2.0])
COEFFS_M2 = np.array([-4.0, 3.0, 2.0, -5.0, 1.0, 6.0, -2.0, 3.0])


def gap(length: float) -> np.ndarray:
    """Ray matrix of free space."""
    return np.array([[1.0, length], [0.0, 1.0]])


def mirror(focal_length: float) -> np.ndarray:
    """Ray matrix of a thin mirror, unfolded."""
    return np.array([[1.0, 0.0], [-1.0 / focal_length, 1.0]])


def relay_to_m2(params: Mapping[str, float]) -> np.ndarray:
    """Ray matrix from the pupil, before M1's power, to the surface of M2, before its power."""
    return gap(params["system.m1_m2_separation_m"]) @ mirror(params["system.m1_focal_length_m"])


def relay_to_detector(params: Mapping[str, float]) -> np.ndarray:
    """Ray matrix from the pupil to the detector."""
    after_m2 = gap(params["system.m2_detector_separation_m"]) @ mirror(params["system.m2_focal_length_m"])
    return after_m2 @ relay_to_m2(params)


def effective_focal_length(params: Mapping[str, float]) -> float:
    """``-1 / C`` of the relay: the focal length of a telescope whose detector is moved into focus."""
    return float(-1.0 / relay_to_detector(params)[1, 0])


def cell_centres(npix: int, spacing: float = 1.0) -> np.ndarray:
    """Centres of ``npix`` cells placed symmetrically about zero."""
    return (np.arange(npix) - (npix - 1) / 2.0) * spacing


def block_mean(array: np.ndarray, block: int) -> np.ndarray:
    """Mean over square blocks of the last two axes."""
    rows, columns = array.shape[-2] // block, array.shape[-1] // block
    return array.reshape(*array.shape[:-2], rows, block, columns, block).mean(axis=(-3, -1))


@lru_cache(maxsize=8)
def disc_coverage(npix: int, spacing: float, diameter: float, samples: int = 5) -> np.ndarray:
    """Fraction of each cell inside a centred circle, by ``samples`` x ``samples`` points in the cell."""
    x = cell_centres(npix * samples, spacing / samples)
    return block_mean((x[:, None] ** 2 + x**2 <= (diameter / 2.0) ** 2).astype(float), samples)


def pupil_coverage(
    npix: int,
    obscuration: float = 0.0,
    n_struts: int = 0,
    strut_width: float = 0.0,
    strut_rotation_deg: float = 0.0,
    samples: int = 5,
) -> np.ndarray:
    """Open fraction of each cell; lengths are in units of the pupil's diameter.

    A strut is the half-line from the centre along ``(-sin a, -cos a)``, widened by half its width on both sides.
    """
    x = cell_centres(npix * samples, 1.0 / (npix * samples))
    is_open = open_points(x, x[:, None], obscuration, n_struts, strut_width, strut_rotation_deg)
    return block_mean(is_open.astype(float), samples)


def open_points(
    x: np.ndarray,
    y: np.ndarray,
    obscuration: float = 0.0,
    n_struts: int = 0,
    strut_width: float = 0.0,
    strut_rotation_deg: float = 0.0,
) -> np.ndarray:
    """Whether each point of the pupil is open, see `pupil_coverage`; lengths are in units of the pupil's diameter."""
    radius = np.hypot(x, y)
    is_open = (radius <= 0.5) & (radius > obscuration / 2.0)
    for k in range(n_struts):
        angle = np.deg2rad(strut_rotation_deg + 360.0 * k / n_struts)
        ux, uy = -np.sin(angle), -np.cos(angle)
        is_open &= ~((x * ux + y * uy > 0.0) & (np.abs(x * uy - y * ux) <= strut_width / 2.0))
    return is_open


def design_coverage(design: Design, npix: int) -> np.ndarray:
    """Open fraction of each cell of a design's pupil."""
    scale = 1.0 / design.m1_diameter
    return pupil_coverage(
        npix, design.m2_diameter * scale, design.n_struts, design.strut_width * scale, design.strut_rotation_deg
    )


@lru_cache(maxsize=4)
def toliman_mask(npix: int) -> np.ndarray:
    """TOLIMAN's binary diffractive pupil on ``npix`` x ``npix`` cells: block mean, then 1 from one half upwards."""
    with importlib.resources.files("dLuxToliman").joinpath("diffractive_pupil.npy").open("rb") as file:
        pattern = np.load(file, allow_pickle=False)
    return (block_mean(pattern.astype(float), pattern.shape[0] // npix) >= 0.5).astype(float)


def noll_to_nm(index: int) -> tuple[int, int]:
    """Radial order and azimuthal order of a Noll index; the azimuthal order is negative for a sine."""
    n = 0
    while (n + 1) * (n + 2) // 2 < index:
        n += 1
    position = index - n * (n + 1) // 2  # from 1 to n + 1, with |m| not decreasing
    m = 2 * (position // 2) if n % 2 == 0 else 2 * ((position + 1) // 2) - 1
    return n, m if index % 2 == 0 else -m


def zernike(index: int, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Noll's polynomial of unit rms on the unit circle; beyond it the polynomial goes on."""
    n, signed_m = noll_to_nm(index)
    m = abs(signed_m)
    radius, angle = np.hypot(x, y), np.arctan2(y, x)
    total = np.zeros(np.broadcast(x, y).shape)
    for s in range((n - m) // 2 + 1):
        numerator = (-1) ** s * factorial(n - s)
        denominator = factorial(s) * factorial((n + m) // 2 - s) * factorial((n - m) // 2 - s)
        total = total + numerator / denominator * radius ** (n - 2 * s)
    if m == 0:
        return sqrt(n + 1) * total
    return sqrt(2 * (n + 1)) * total * (np.cos(m * angle) if signed_m > 0 else np.sin(m * angle))


@lru_cache(maxsize=64)
def zernike_on_cells(index: int, npix: int, half_width: float) -> np.ndarray:
    """A polynomial at the centres of square cells that span ``half_width`` radii to either side."""
    x = cell_centres(npix, 2.0 * half_width / npix)
    return zernike(index, x, x[:, None])


def zernike_opd(coeffs_nm: Sequence[float], npix: int, half_width: float, indices=NOLL_INDICES) -> np.ndarray:
    """Sum of Zernike polynomials in metres of optical path."""
    total = np.zeros((npix, npix))
    for index, coefficient in zip(indices, coeffs_nm, strict=True):
        total += 1e-9 * coefficient * zernike_on_cells(index, npix, half_width)
    return total


def pad(field: np.ndarray, npix: int) -> np.ndarray:
    """Embed a field in zeros; the centre stays between the same cells."""
    margin = (npix - field.shape[0]) // 2
    return np.pad(field, margin)


def crop(field: np.ndarray, npix: int) -> np.ndarray:
    """The central cells of a field."""
    margin = (field.shape[0] - npix) // 2
    return field[margin : margin + npix, margin : margin + npix]


def fresnel(field: np.ndarray, spacing: float, wavelength: float, distance: float) -> np.ndarray:
    """Paraxial free-space propagation; the piston ``k z`` is left out."""
    f = np.fft.fftfreq(field.shape[0], spacing)
    transfer = np.exp(-1j * pi * wavelength * distance * (f[:, None] ** 2 + f**2))
    return np.fft.ifft2(np.fft.fft2(field) * transfer)


def image_density(
    field: np.ndarray, spacing: float, wavelength: float, angles_y: np.ndarray, angles_x: np.ndarray
) -> np.ndarray:
    """Far-field intensity per steradian at the crossings of two lists of angles (radians)."""
    x = cell_centres(field.shape[0], spacing)
    kernel_y = np.exp(-2j * pi / wavelength * np.outer(angles_y, x))
    kernel_x = np.exp(-2j * pi / wavelength * np.outer(x, angles_x))
    return (spacing / wavelength) ** 2 * np.abs(kernel_y @ field @ kernel_x) ** 2


def pixel_integral(
    field: np.ndarray,
    spacing: float,
    wavelength: float,
    npix: int,
    plate_scale: float,
    subpixels: int | tuple[int, int],
) -> np.ndarray:
    """Energy in each pixel by midpoints; two numbers of midpoints are extrapolated to infinitely many.

    The midpoint rule errs by a series in even powers of the spacing, so two results remove the leading term.
    """
    if isinstance(subpixels, tuple):
        few, many = subpixels
        coarse = pixel_integral(field, spacing, wavelength, npix, plate_scale, few)
        fine = pixel_integral(field, spacing, wavelength, npix, plate_scale, many)
        return (many**2 * fine - few**2 * coarse) / (many**2 - few**2)
    angles = cell_centres(npix * subpixels, plate_scale / subpixels)
    return block_mean(image_density(field, spacing, wavelength, angles, angles), subpixels) * plate_scale**2


@dataclass(frozen=True)
class Structure:
    """What does not vary: the open fraction of the pupil's cells, and where the mask's step is."""

    coverage: np.ndarray
    mask: np.ndarray

    @classmethod
    def of(cls, design: Design, npix: int) -> Structure:
        """The rasters of a design with TOLIMAN's mask."""
        return cls(design_coverage(design, npix), toliman_mask(npix))


def open_area(structure: Structure, m1_diameter: float) -> float:
    """Collecting area in square metres."""
    return float(structure.coverage.sum()) * (m1_diameter / structure.coverage.shape[0]) ** 2


def log_flux_total(params: Mapping[str, float], structure: Structure) -> float:
    """log10 of the photons of both stars in one exposure."""
    return float(
        np.log10(
            params["binary.spectral_flux_density"]
            * open_area(structure, params["system.m1_diameter_m"])
            * params["band.bandwidth_m"]
            * params["imaging.exposure_time_s"]
            * params["imaging.throughput"]
        )
    )


def pupil_field(
    params: Mapping[str, float], structure: Structure, wavelength: float, direction: tuple[float, float]
) -> np.ndarray:
    """Field after the pupil of unit power for a star at ``direction`` = (x, y) in radians."""
    npix, diameter = structure.coverage.shape[0], params["system.m1_diameter_m"]
    x = cell_centres(npix, diameter / npix)
    y = x[:, None]
    opd = structure.mask * MASK_WAVELENGTH_M / 2.0 + direction[0] * x + direction[1] * y
    opd = opd + zernike_opd(params["primary.zernike_coeffs_nm"], npix, 1.0)
    field = structure.coverage * np.exp(2j * pi * opd / wavelength)
    return field / np.sqrt(np.sum(np.abs(field) ** 2))


def at_m2(
    field: np.ndarray, params: Mapping[str, float], wavelength: float, padding: float = 2.0
) -> tuple[np.ndarray, float, float]:
    """Field on M2 before its edge, the spacing in pupil coordinates, and the beam's scale A."""
    npix = field.shape[0]
    spacing = params["system.m1_diameter_m"] / npix
    (a, b), _ = relay_to_m2(params)
    width = int(npix * padding)
    return fresnel(pad(field, width + width % 2), spacing, wavelength, b / a), spacing, float(a)


def through_m2(field: np.ndarray, params: Mapping[str, float], wavelength: float, padding: float = 2.0) -> np.ndarray:
    """Pupil field after M2's edge and figure, still on the padded grid."""
    on_m2, spacing, a = at_m2(field, params, wavelength, padding)
    npix, diameter = on_m2.shape[0], params["system.m2_diameter_m"]
    figure = zernike_opd(params["secondary.zernike_coeffs_nm"], npix, float(a * spacing * npix / diameter))
    edge = disc_coverage(npix, float(spacing), float(diameter / a))
    on_m2 = on_m2 * edge * np.exp(2j * pi * figure / wavelength)
    (_, b), _ = relay_to_m2(params)
    return fresnel(on_m2, spacing, wavelength, -b / a)


def star_directions(params: Mapping[str, float]) -> tuple[tuple[float, float], tuple[float, float]]:
    """Directions (x, y) of A and B in radians; the position angle turns from +y towards +x."""
    angle = np.deg2rad(params["binary.position_angle_deg"])
    half = 0.5 * params["binary.separation_as"] * np.array([np.sin(angle), np.cos(angle)])
    middle = np.array([params["binary.x_position_as"], params["binary.y_position_as"]])
    (ax, ay), (bx, by) = (middle - half) * ARCSECOND, (middle + half) * ARCSECOND
    return (float(ax), float(ay)), (float(bx), float(by))


def wavelengths(params: Mapping[str, float], number: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre nodes across a top-hat band, and weights that sum to one."""
    nodes, weights = np.polynomial.legendre.leggauss(number)
    return params["band.wavelength_m"] + 0.5 * params["band.bandwidth_m"] * nodes, 0.5 * weights


def detector_scale(params: Mapping[str, float]) -> tuple[float, float]:
    """Radians per pixel and the defocus A / B of the relay.

    A dictionary that names the plate scale describes a focused telescope (A = 0) of that scale.
    """
    if "system.plate_scale_as_per_pix" in params:
        return params["system.plate_scale_as_per_pix"] * ARCSECOND, 0.0
    (a, b), _ = relay_to_detector(params)
    return float(params["system.pixel_pitch_m"] / b), float(a / b)


def detector_field(
    params: Mapping[str, float],
    structure: Structure,
    wavelength: float,
    direction: tuple[float, float],
    *,
    padding: float = 2.0,
) -> tuple[np.ndarray, float]:
    """The field whose Fourier transform is the image, with its spacing."""
    npix = structure.coverage.shape[0]
    spacing = params["system.m1_diameter_m"] / npix
    field = through_m2(pupil_field(params, structure, wavelength, direction), params, wavelength, padding)
    _, a_over_b = detector_scale(params)
    x = cell_centres(field.shape[0], spacing)
    return field * np.exp(1j * pi * a_over_b / wavelength * (x[:, None] ** 2 + x**2)), spacing


def reference_image(
    params: Mapping[str, object],
    structure: Structure,
    *,
    image_npix: int,
    n_wavelengths: int = 3,
    subpixels: int | tuple[int, int] = (5, 9),
    padding: float = 2.0,
) -> np.ndarray:
    """Photons in each pixel of a binary star.

    Parameters
    ----------
    params
        Values by parameter key. ``system.plate_scale_as_per_pix`` and ``binary.log_flux_total`` are used when they are
        there and follow from the geometry and from the flux density otherwise.
    structure
        Rasters of the pupil.
    image_npix
        Pixels along one side.
    n_wavelengths
        Gauss-Legendre nodes across the band.
    subpixels
        Midpoints along one side of a pixel, or two such numbers for Richardson extrapolation.
    padding
        Width of the grid between the mirrors in units of the pupil's.

    Returns
    -------
    numpy.ndarray
        Shape ``(image_npix, image_npix)``; rows grow with y, columns with x.
    """
    given = params.get("binary.log_flux_total")
    flux = 10.0 ** (log_flux_total(params, structure) if given is None else given)
    contrast = params["binary.contrast"]
    photons = flux * contrast / (1.0 + contrast), flux / (1.0 + contrast)
    plate_scale, _ = detector_scale(params)
    image = np.zeros((image_npix, image_npix))
    for wavelength, weight in zip(*wavelengths(params, n_wavelengths), strict=True):
        for direction, number in zip(star_directions(params), photons, strict=True):
            field, spacing = detector_field(params, structure, wavelength, direction, padding=padding)
            image += number * weight * pixel_integral(field, spacing, wavelength, image_npix, plate_scale, subpixels)
    return image


def airy_density(radius: np.ndarray, diameter: float, wavelength: float) -> np.ndarray:
    """Energy per steradian at an angle from the axis of a clear circle of unit power."""
    from scipy.special import j1

    v = np.where(radius == 0.0, 1e-12, pi * diameter * radius / wavelength)
    return pi * diameter**2 / (4.0 * wavelength**2) * (2.0 * j1(v) / v) ** 2


def gaussian_beam(x: np.ndarray, y: np.ndarray, waist: float, wavelength: float, distance: float) -> np.ndarray:
    """Fundamental Gaussian beam without its piston ``k z``, of unit amplitude at the centre of its waist."""
    q = 1.0 + 1j * distance * wavelength / (pi * waist**2)
    return np.exp(-(x**2 + y**2) / (waist**2 * q)) / q


def black_body_photons(wavelength: np.ndarray | float, temperature: np.ndarray | float) -> np.ndarray:
    """Photons of a black body per unit of wavelength, not normalised; metres and kelvin."""
    return wavelength**-4 / np.expm1(0.01438776877503933 / (wavelength * temperature))
