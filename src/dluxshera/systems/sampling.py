"""The sampling that a configuration needs for the values that a model is built with. No jax."""

from __future__ import annotations

from math import ceil, log
from typing import Final, NamedTuple, TypeVar

from dluxshera.errors import ConfigError
from dluxshera.optics import EDGE_CELLS, Grid, Sampling
from dluxshera.systems.config import SheraConfig, SheraTwoPlaneConfig
from dluxshera.systems.effects import EFFECTS
from dluxshera.systems.effects.hooks import DetectorHook, Hook, SurfaceHook

_HookKind = TypeVar("_HookKind", bound=Hook)

_GUARD: Final = 14  # cells per diameter beyond two for each cycle of the band, with which the fit is well conditioned
_EDGE: Final = 8  # cells of a grid between the planes beyond the light that spreads there
_PER_PERIOD: Final = 2.5  # samples of the intensity in a period of its highest frequency
_EDGE_SAMPLES: Final = 8  # samples of the intensity beyond each border of the image
_LEAST_SAMPLES: Final = 40  # samples of the intensity across a small image, most of whose light is near its border
_STEP: Final = 1.01  # ratio of neighbouring limits of the intensity's frequency, which models of similar scales share
_BEYOND_BLUR: Final = 0.5  # cycles per diameter that the band keeps for the light of a pupil without aberrations
_PER_BLUR: Final = 1.2  # cycles that the band keeps for each cycle of blur, since some light spreads further
_LARGEST_TRANSFORM: Final = 32768  # cells across the largest grid that is rounded up for a fast transform
_COMPLEX, _REAL = 16, 8  # bytes of a number in double precision
_COPIES: Final = 3  # arrays at a time for each factor on the field: its phase, its value, and a product with another
_LEAST_BLUR: Final = 3.0  # cycles per diameter: Zernike polynomials of 20 nm in 16 terms


class Reach(NamedTuple):
    """The values of parameters that decide on the sampling.

    Parameters
    ----------
    offset : float
        Largest distance of a source from the axis, pixels.
    frequency : float
        Highest frequency of the intensity, cycles per pixel: plate scale over the shortest wavelength / diameter.
    blur : float
        Blur by the Zernike polynomials of all surfaces, cycles per diameter, see `Sampling`.
    plate_scale : float
        Plate scale, arcsec per pixel.
    relative_bandwidth : float
        Width of the band over its shortest wavelength.
    beams : tuple of float
        Diameter of the beam over that of the aperture on each surface behind the pupil.
    spreads : tuple of float
        Distance by which light of one cycle per diameter has moved across the beam at each surface behind the pupil,
        in pupil diameters: longest wavelength times distance over the square of the diameter.
    """

    offset: float
    frequency: float
    blur: float
    plate_scale: float
    relative_bandwidth: float
    beams: tuple[float, ...] = ()
    spreads: tuple[float, ...] = ()


def sampling_for(config: SheraConfig, reach: Reach) -> Sampling:
    """Return the sampling of a configuration: derived from the reach, or raised where the configuration states more.

    Models whose values differ little have the same sampling, and with it the same optics and compiled image.

    Parameters
    ----------
    config : SheraConfig
        Configuration of any system.
    reach : Reach
        Values that the model is built with.

    Raises
    ------
    ConfigError
        If the configuration states a grid that is too coarse. The error has the least size.
    """
    margin = sum(hook.margin(config) for hook in _hooks(config, DetectorHook))
    image_npix = config.image_npix + 2 * margin
    frequency = _STEP ** ceil(log(reach.frequency) / log(_STEP) + 0.5)
    offset = 2.0 * ceil((1.1 * reach.offset + 2.0) / 2.0)
    if config.source_offset_as is not None:
        offset = max(offset, config.source_offset_as / reach.plate_scale)
    blur = _LEAST_BLUR
    while blur < 1.25 * reach.blur:
        blur *= 1.5
    if config.aberration_margin is not None:
        blur = max(blur, (config.aberration_margin - _BEYOND_BLUR) / _PER_BLUR)
    window = (0.5 * image_npix + offset) * frequency
    band = window + aberration_margin_for(blur)
    per_diameter = _raised(config, "pupil_npix", 2 * ceil(band + 0.5 * _GUARD))
    band = 0.5 * (per_diameter - _GUARD)
    spread = per_diameter * max((abs(distance) for distance in reach.spreads), default=0.0)
    npix = per_diameter + 2 * EDGE_CELLS
    if reach.spreads:
        npix = _smooth(max(npix, per_diameter * (1.0 + 2.0 * spread) + _EDGE))
    if not isinstance(config, SheraTwoPlaneConfig):
        npix = _raised(config, "gap_npix", npix)
    pitch = 1.0 / max(_PER_PERIOD * frequency, config.pixel_nodes or 0)
    return Sampling(
        grids=_grids(config, reach, Grid(npix, per_diameter, band)),
        image_npix=image_npix,
        pitch=pitch,
        image_samples=max(2 * ceil(0.5 * image_npix / pitch + _EDGE_SAMPLES), _LEAST_SAMPLES),
        n_wavelengths=config.n_wavelengths or ceil(1.6 * window * reach.relative_bandwidth + 2.0),
        largest_offset=offset,
        largest_frequency=frequency,
        largest_blur=blur,
    )


def memory_of(sampling: Sampling) -> int:
    """Return about how many bytes the arrays of an image take in double precision.

    Parameters
    ----------
    sampling : Sampling
        Sampling of a model.
    """
    first, *_, last = sampling.grids
    planes = len(sampling.grids) - 1
    fields = _COPIES * planes * sampling.n_wavelengths * last.npix**2 * _COMPLEX
    maps = _COPIES * max(grid.npix for grid in (first, *sampling.grids)) ** 2 * _COMPLEX
    samples = _COPIES * sampling.image_samples * (sampling.image_samples + sampling.image_npix) * _REAL
    kernels = sampling.n_wavelengths * last.npix * sampling.image_samples * _REAL
    return fields + maps + samples + kernels


def aberration_margin_for(blur: float) -> float:
    """Return the cycles per diameter that the band keeps beyond the detector's for aberrations.

    Parameters
    ----------
    blur : float
        Blur by the aberrations, cycles per diameter, see `Sampling`.
    """
    return _BEYOND_BLUR + _PER_BLUR * blur


def _grids(config: SheraConfig, reach: Reach, exit: Grid) -> tuple[Grid, ...]:
    """Return the grid of each plane. Behind a map of B cycles a field is exact to P if it was to P + 2 B before."""
    with_map = {hook.surface for hook in _hooks(config, SurfaceHook)}
    grids = [exit]
    for surface in range(config.surfaces, -1, -1):
        after = grids[0]
        if surface not in with_map:
            grids.insert(0, after)
            continue
        cycles = 0.5 * (config.map_npix(surface) * (reach.beams[surface - 1] if surface else 1.0))
        per_diameter = 2 * ceil(after.band + 2.0 * cycles + 0.5 * _GUARD)
        # No light spreads before the pupil, and no transform needs a size of small factors there.
        npix = _smooth(exit.npix / exit.per_diameter * per_diameter) if surface else per_diameter + 2 * EDGE_CELLS
        grids.insert(0, Grid(npix, per_diameter, 0.5 * (per_diameter - _GUARD)))
    return tuple(grids)


def _hooks(config: SheraConfig, kind: type[_HookKind]) -> list[_HookKind]:
    return [hook for hook in (EFFECTS[name].hook for name in config.effects) if isinstance(hook, kind)]


def _raised(config: SheraConfig, name: str, least: int) -> int:
    """Return the size that a configuration states for a grid, or the least."""
    stated = getattr(config, name)
    if stated is None:
        return least
    if stated < least:
        raise ConfigError(
            name,
            expected=f"at least {least}, the least that the image needs",
            got=stated,
            remedy="Raise it, or leave it out to derive it",
        )
    return int(stated)


def _smooth(least: float) -> int:
    """Return the smallest even number that is not below `least` and has no prime factor above 5."""
    number = 2 * ceil(0.5 * least)
    if number > _LARGEST_TRANSFORM:  # too large to compute with, so that `memory_of` is all that matters
        return number
    while _without_small_factors(number) != 1:
        number += 2
    return number


def _without_small_factors(number: int) -> int:
    for prime in (2, 3, 5):
        while number % prime == 0:
            number //= prime
    return number
