"""Numbers of samples of a configuration: those that it states, and those that follow from its design. No jax."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Final, NamedTuple

from dluxshera.errors import ConfigError

if TYPE_CHECKING:
    from dluxshera.systems.config import SheraConfig
    from dluxshera.systems.design import Design

APERTURE_SUBPIXELS: Final = 5  # samples across a cell of the pupil's raster
_LARGEST: Final = 16384  # cells by which light spreads to each side, with which a grid is small enough to compute with
_COARSE: Final = 0.25  # cycles of the intensity's band per pixel, up to which two nodes across a pixel suffice


class Sampling(NamedTuple):
    """Numbers of samples that fix the shapes of arrays, under the names of the fields that may state them.

    Parameters
    ----------
    pupil_npix : int
        Cells across the pupil's diameter.
    gap_npix : int
        Cells across the grid between the planes; those of the pupil where there is no surface behind it.
    n_wavelengths : int
        Gauss-Legendre nodes of the band.
    pixel_nodes : int
        Samples of the intensity per pixel and axis.
    """

    pupil_npix: int
    gap_npix: int
    n_wavelengths: int
    pixel_nodes: int


def sampling(config: SheraConfig) -> Sampling:
    """Return the numbers of samples of a configuration: those that it states, and derived ones in place of None.

    Parameters
    ----------
    config : SheraConfig
        Configuration of any system.

    Raises
    ------
    ConfigError
        If the grid between the planes does not hold the pupil, or is too large to compute with.
    """
    design = config.design
    shortest = design.wavelength_m - 0.5 * design.bandwidth_m
    band = design.plate_scale * design.m1_diameter_m / shortest
    pupil = config.pupil_npix or 256
    gap = getattr(config, "gap_npix", None) or _gap_npix(design, pupil, config.image_npix)
    if gap < pupil:
        raise ConfigError(
            "gap_npix",
            expected=f"at least pupil_npix = {pupil}",
            got=gap,
            remedy="The grid between the planes holds the pupil: set gap_npix to None to derive its size",
        )
    return Sampling(
        pupil_npix=pupil,
        gap_npix=gap,
        n_wavelengths=config.n_wavelengths or 3,
        pixel_nodes=config.pixel_nodes or (2 if band <= _COARSE else 3),
    )


def _gap_npix(design: Design, pupil_npix: int, image_npix: int) -> int:
    """Return the size of the smallest grid between the planes that holds the light.

    No ray of a grid with cells dx reaches further than wavelength * z / (2 dx) beyond the beam at a surface, and a
    field angle walks the beam by z times that angle (here half the image); the size is even and factors into 2, 3
    and 5.

    Raises
    ------
    ConfigError
        If the grid is too large to compute with.
    """
    if not design.surface_planes:
        return pupil_npix
    cell = design.m1_diameter_m / pupil_npix
    half_field = 0.5 * image_npix * design.plate_scale
    longest = design.wavelength_m + 0.5 * design.bandwidth_m
    furthest = max(abs(plane.collimated_distance) for plane in design.surface_planes)
    reach = furthest * (longest / (2 * cell) + half_field) / cell
    if not reach <= _LARGEST:
        raise ConfigError(
            "gap_npix",
            expected=f"a design whose light spreads by at most {_LARGEST} cells between the planes",
            got=reach,
            remedy="Reduce the distances between the surfaces, or enlarge M1",
        )
    size = pupil_npix + 2 * ceil(reach)
    size += size % 2
    while not _is_smooth(size):
        size += 2
    return size


def _is_smooth(number: int) -> bool:
    for prime in (2, 3, 5):
        while number % prime == 0:
            number //= prime
    return number == 1
