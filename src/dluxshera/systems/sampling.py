"""Numbers of samples of a configuration: those that it states, and those that follow from its design. No jax."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from dluxshera.systems.config import SheraConfig

APERTURE_SUBPIXELS: Final = 5  # samples across a cell of the pupil's raster
_COARSE: Final = 0.25  # cycles of the intensity's band per pixel, up to which two nodes across a pixel suffice


class Sampling(NamedTuple):
    """Numbers of samples that fix the shapes of arrays, under the names of the fields that may state them.

    Parameters
    ----------
    pupil_npix : int
        Cells across the pupil's diameter.
    n_wavelengths : int
        Gauss-Legendre nodes of the band.
    pixel_nodes : int
        Samples of the intensity per pixel and axis.
    """

    pupil_npix: int
    n_wavelengths: int
    pixel_nodes: int


def sampling(config: SheraConfig) -> Sampling:
    """Return the numbers of samples of a configuration: those that it states, and derived ones in place of None.

    Parameters
    ----------
    config : SheraConfig
        Configuration of any system.
    """
    design = config.design
    shortest = design.wavelength_m - 0.5 * design.bandwidth_m
    finest = design.plate_scale * design.m1_diameter_m / shortest
    return Sampling(
        pupil_npix=config.pupil_npix or 256,
        n_wavelengths=config.n_wavelengths or 3,
        pixel_nodes=config.pixel_nodes or (2 if finest <= _COARSE else 3),
    )
