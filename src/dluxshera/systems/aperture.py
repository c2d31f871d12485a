"""Numbers that a configuration fixes: the open fraction of its aperture and the peak of its image. No jax."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from dluxshera.optics import (
    diffractive_pupil_file,
    diffractive_pupil_raster,
    open_area_fraction,
    peak_pixel_fraction,
    pupil_raster,
)
from dluxshera.systems.config import SheraConfig
from dluxshera.systems.sampling import APERTURE_SUBPIXELS, sampling


class ApertureNumbers(NamedTuple):
    """Numbers that follow from the aperture, the diffractive pupil and the design of a configuration."""

    open_fraction: float
    peak_fraction: float


class _Pupil(NamedTuple):
    """Everything in a configuration on which its `ApertureNumbers` depend."""

    pupil_npix: int
    obscuration: float
    n_struts: int
    strut_width: float
    strut_rotation_deg: float
    diffractive_pupil: str | None
    mask_phase: float
    pixel: float

    @classmethod
    def of(cls, config: SheraConfig) -> _Pupil:
        """Return the pupil of a configuration."""
        design = config.design
        return cls(
            sampling(config).pupil_npix,
            config.obscuration,
            config.n_struts,
            config.strut_width,
            config.strut_rotation_deg,
            config.diffractive_pupil,
            mask_phase=np.pi * config.mask_design_wavelength_m / design.wavelength_m,
            pixel=design.plate_scale * design.m1_diameter_m / design.wavelength_m,
        )


def aperture_raster(config: SheraConfig) -> np.ndarray:
    """Return the open fraction of each cell of the pupil.

    Parameters
    ----------
    config : SheraConfig
        Configuration of any system.
    """
    return _open_fractions(_Pupil.of(config))


def _open_fractions(pupil: _Pupil) -> np.ndarray:
    return pupil_raster(
        pupil.pupil_npix,
        obscuration=pupil.obscuration,
        n_struts=pupil.n_struts,
        strut_width=pupil.strut_width,
        strut_rotation_deg=pupil.strut_rotation_deg,
        subpixels=APERTURE_SUBPIXELS,
    )


def mask_raster(config: SheraConfig) -> np.ndarray:
    """Return the diffractive pupil on the pupil's cells, 0 or 1; zeros for a clear pupil.

    Parameters
    ----------
    config : SheraConfig
        Configuration of any system.
    """
    return _mask(_Pupil.of(config))


def _mask(pupil: _Pupil) -> np.ndarray:
    if pupil.diffractive_pupil is None:
        return np.zeros((pupil.pupil_npix, pupil.pupil_npix))
    return diffractive_pupil_raster(pupil.diffractive_pupil, pupil.pupil_npix)


def aperture_numbers(config: SheraConfig) -> ApertureNumbers:
    """Return the numbers of a configuration, kept for the next call as long as the mask's file stays the same."""
    stamp = None
    if config.diffractive_pupil is not None:
        stat = diffractive_pupil_file(config.diffractive_pupil).stat()
        stamp = (stat.st_mtime_ns, stat.st_size)
    return _aperture_numbers(_Pupil.of(config), stamp)


@lru_cache(maxsize=64)
def _aperture_numbers(pupil: _Pupil, stamp: tuple[int, int] | None) -> ApertureNumbers:
    raster = _open_fractions(pupil)
    peak = peak_pixel_fraction(raster * np.exp(1j * pupil.mask_phase * _mask(pupil)), pupil.pixel)
    # Rounded, since its last bit differs from one processor's BLAS to the next and would differ in the spec's hash.
    return ApertureNumbers(open_area_fraction(raster), float(f"{peak:.12g}"))
