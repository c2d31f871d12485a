"""`Sampling`: the grids on which a model computes, and the values of parameters for which they suffice. No jax."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

EDGE_CELLS: Final = 8  # cells beyond each edge of the pupil that the fit of its amplitudes needs


class Grid(NamedTuple):
    """A square grid of cells in the space of the pupil, centred on the axis.

    Parameters
    ----------
    npix : int
        Cells across; even.
    per_diameter : int
        Cells across the pupil's diameter, less than `npix`: the grid continues beyond the pupil.
    band : float
        Highest frequency at which the Fourier sums of a field on the grid are exact, cycles per diameter.
    """

    npix: int
    per_diameter: int
    band: float

    @property
    def pupil(self) -> Grid:
        """The cells of the grid on which the light of the pupil is resampled: those within eight of its edge.

        More cells would let the fit spread its amplitudes far outside the circle, where aberrations grow without limit.
        """
        return self._replace(npix=min(self.npix, self.per_diameter + 2 * EDGE_CELLS))

    def coordinates(self) -> Any:
        """Return the centres of a row of cells, shape (npix,), in units of the pupil's diameter."""
        from dluxshera.optics.resampling import centred_points

        return centred_points(self.npix, 1.0 / self.per_diameter)


@dataclass(frozen=True)
class Sampling:
    """The grids of pupil, image and band, with the limits up to which an image on them is not aliased.

    Parameters
    ----------
    grids : tuple of Grid
        Grids on which light arrives at the pupil, at each surface behind it and at the exit. A map of a surface needs
        more cells there than what follows it.
    image_npix : int
        Pixels across the image, with the margin that effects of the detector need; even.
    pitch : float
        Pixels between two samples of the intensity.
    image_samples : int
        Samples of the intensity across the image; even.
    n_wavelengths : int
        Gauss-Legendre nodes of the band.
    largest_offset : float
        Largest distance of a source from the axis, pixels.
    largest_frequency : float
        Highest frequency of the intensity, cycles per pixel: plate scale over the shortest wavelength / diameter.
    largest_blur : float
        Largest blur by the Zernike polynomials of all surfaces, cycles per diameter: the root of the sum of the squares
        of each one's steepest slope, over the shortest wavelength.
    """

    grids: tuple[Grid, ...]
    image_npix: int
    pitch: float
    image_samples: int
    n_wavelengths: int
    largest_offset: float
    largest_frequency: float
    largest_blur: float

    @property
    def exit(self) -> Grid:
        """The grid at the exit, whose Fourier transform is the image."""
        return self.grids[-1]
