"""The pupil of a configuration: its native rasters, their resampling in a band, and numbers that follow. No jax."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Float

from dluxshera.disk_cache import cached_arrays
from dluxshera.optics import (
    Grid,
    centred_points,
    diffractive_pupil_file,
    diffractive_pupil_raster,
    matrix_of_sums,
    open_area_fraction,
    peak_pixel_fraction,
    pupil_raster,
)
from dluxshera.systems.config import SheraConfig

_LEAST_NATIVE: Final = 2048  # cells across the pupil, on which the edges of the aperture are drawn
_ALGORITHM: Final = 3  # to be increased with any change of the numbers that this module keeps on disk
_PEAK_GRID: Final = Grid(npix=64, per_diameter=54, band=20.0)  # for the brightest pixel, which lies near the axis


class ApertureNumbers(NamedTuple):
    """Numbers that follow from the aperture, the diffractive pupil and the design of a configuration."""

    open_fraction: float
    peak_fraction: float


class NativePupil(NamedTuple):
    """The pupil on its native cells.

    A cell transmits ``open * (1 - mask + mask * exp(i k w))``, with w the OPD of a step of the mask.

    Parameters
    ----------
    open : ndarray, shape (n, n)
        Open fraction of each cell.
    mask : ndarray, shape (n, n)
        Fraction of each cell that carries the step of the diffractive pupil.
    """

    open: Float[np.ndarray, "n n"]
    mask: Float[np.ndarray, "n n"]

    def resampled(self, grid: Grid) -> tuple[Float[np.ndarray, "m m"], Float[np.ndarray, "m m"]]:
        """Return the amplitudes beside the steps and on the steps, with the same Fourier sums in the band of a grid.

        Parameters
        ----------
        grid : Grid
            Grid in the space of the pupil.

        Returns
        -------
        clear, stepped : ndarray, shape (npix, npix)
            Amplitudes; all light that passes the native aperture has a power of 1.
        """
        n = len(self.open)
        inner = grid.pupil
        matrix = matrix_of_sums(centred_points(n, 1.0 / n), inner.coordinates(), grid.band, width=1.0 / n)
        matrix *= (grid.per_diameter / n) ** 0.5 / self.open.sum() ** 0.25
        beyond = (grid.npix - inner.npix) // 2
        stepped = np.pad(matrix @ (self.open * self.mask) @ matrix.T, beyond)
        return np.pad(matrix @ self.open @ matrix.T, beyond) - stepped, stepped


class _Pupil(NamedTuple):
    """Everything in a configuration on which its pupil depends."""

    obscuration: float
    n_struts: int
    strut_width: float
    strut_rotation_deg: float
    diffractive_pupil: str | None
    stamp: tuple[int, int] | None

    @classmethod
    def of(cls, config: SheraConfig) -> _Pupil:
        """Return the pupil of a configuration, with a stamp of the mask's file as it is now."""
        stamp = None
        if config.diffractive_pupil is not None:
            stat = diffractive_pupil_file(config.diffractive_pupil).stat()
            stamp = (stat.st_mtime_ns, stat.st_size)
        edges = (config.obscuration, config.n_struts, config.strut_width, config.strut_rotation_deg)
        return cls(*edges, config.diffractive_pupil, stamp)

    def content(self) -> str:
        """Return everything that the pupil's rasters depend on as text: edges, hash of the mask's file, least cells."""
        mask = None if self.diffractive_pupil is None else _file_hash(self.diffractive_pupil, self.stamp)
        return repr((*self[:4], mask, _LEAST_NATIVE))


def native_pupil(config: SheraConfig) -> NativePupil:
    """Return the pupil of a configuration on the cells of its mask, or on finer ones where these are large.

    Parameters
    ----------
    config : SheraConfig
        Configuration of any system.
    """
    return _native_pupil(_Pupil.of(config))


def resampled_pupil(config: SheraConfig, grid: Grid) -> Mapping[str, Float[np.ndarray, "m m"]]:
    """Return `NativePupil.resampled` of a configuration: ``clear`` and ``stepped``, from the cache on disk if there.

    Parameters
    ----------
    config : SheraConfig
        Configuration of any system.
    grid : Grid
        Grid in the space of the pupil.
    """
    pupil = _Pupil.of(config)

    def amplitudes() -> dict[str, np.ndarray]:
        return dict(zip(("clear", "stepped"), _native_pupil(pupil).resampled(grid), strict=True))

    return cached_arrays(f"resampled pupil {_ALGORITHM}: {pupil.content()}, {grid}", amplitudes)


def aperture_numbers(config: SheraConfig) -> ApertureNumbers:
    """Return the numbers of a configuration, kept for the next call as long as the mask's file stays the same."""
    design = config.design
    phase = np.pi * config.mask_design_wavelength_m / design.wavelength_m
    return _aperture_numbers(_Pupil.of(config), phase, design.plate_scale * design.m1_diameter_m / design.wavelength_m)


@lru_cache(maxsize=2)  # 64 MB each
def _native_pupil(pupil: _Pupil) -> NativePupil:
    mask = np.zeros((1, 1)) if pupil.diffractive_pupil is None else diffractive_pupil_raster(pupil.diffractive_pupil)
    repeats = -(-_LEAST_NATIVE // len(mask))
    mask = np.kron(mask, np.ones((repeats, repeats)))
    aperture = pupil_raster(
        len(mask),
        obscuration=pupil.obscuration,
        n_struts=pupil.n_struts,
        strut_width=pupil.strut_width,
        strut_rotation_deg=pupil.strut_rotation_deg,
    )
    return NativePupil(aperture, mask)


@lru_cache(maxsize=64)
def _aperture_numbers(pupil: _Pupil, mask_phase: float, pixel: float) -> ApertureNumbers:
    def numbers() -> dict[str, float]:
        open_fraction, clear, stepped = _peak_pupil(pupil)
        peak = peak_pixel_fraction(clear + stepped * np.exp(1j * mask_phase), _PEAK_GRID.coordinates(), pixel)
        return {"open": open_fraction, "peak": peak}

    kept = cached_arrays(f"aperture numbers {_ALGORITHM}: {pupil.content()}, {mask_phase!r}, {pixel!r}", numbers)
    # Rounded, since the last bits differ from one processor's BLAS to the next and would differ in the spec's hash.
    return ApertureNumbers(*(float(f"{kept[name]:.10g}") for name in ("open", "peak")))


@lru_cache(maxsize=64)  # so that another design with the same aperture takes no native rasters
def _peak_pupil(pupil: _Pupil) -> tuple[float, np.ndarray, np.ndarray]:
    """Return the open fraction of a pupil, and its amplitudes on the grid for the brightest pixel."""
    native = _native_pupil(pupil)
    return open_area_fraction(native.open), *native.resampled(_PEAK_GRID)


@lru_cache(maxsize=8)
def _file_hash(mask: str, _stamp: tuple[int, int] | None) -> str:
    return hashlib.sha256(diffractive_pupil_file(mask).read_bytes()).hexdigest()
