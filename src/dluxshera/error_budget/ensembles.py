r"""Ensembles of random maps, and the variance of any weighted sum of a map's cells, in closed form.

A map is cut from a periodic box of white Gaussian noise that is filtered to a power spectral density of
:math:`f^{-\alpha}`, as `dluxshera.optics.power_law_map` draws it. With the filter `A`, the removal of Zernike
polynomials `P` and the weights `g`, the sum :math:`g \cdot P A n` has the variance :math:`|A^T P^T g|^2`. Maps are
normalised together: the mean of their mean squares over the aperture is the square of the rms.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import sqrt

import numpy as np
from jaxtyping import Float

PERIODS = 2  # width of the periodic box over that of the map, as of `power_law_map`


@dataclass(frozen=True)
class MapEnsemble:
    """Random maps of one power spectral density.

    Parameters
    ----------
    npix : int
        Cells along one side.
    exponent : float
        Exponent alpha of the power spectral density; 0 for white noise.
    removed : tuple of int
        Noll indices of the Zernike polynomials that are removed over the aperture.
    circle : bool
        True if the aperture of the rms and of the removal is the circle inside the map, and False for the whole map.
    """

    npix: int
    exponent: float = 0.0
    removed: tuple[int, ...] = ()
    circle: bool = False

    @cached_property
    def _gain(self) -> Float[np.ndarray, "box half"]:
        box = PERIODS * self.npix
        frequency = np.hypot(np.fft.rfftfreq(box), np.fft.fftfreq(box)[:, None])
        frequency[0, 0] = 1.0
        gain: np.ndarray = frequency ** (-self.exponent / 2.0)
        if self.exponent:
            gain[0, 0] = 0.0
        return gain

    @cached_property
    def aperture(self) -> Float[np.ndarray, "npix npix"]:
        """Weight of each cell in the mean square and in the removal; they sum to 1."""
        from dluxshera.optics import full_circle

        weights = full_circle(self.npix) if self.circle else np.ones((self.npix, self.npix))
        normalised: np.ndarray = weights / weights.sum()
        return normalised

    @cached_property
    def _modes(self) -> Float[np.ndarray, "modes cells"]:
        """Zernike polynomials to remove, orthonormal over the aperture."""
        from dluxshera.optics import homogeneous_parts

        place = (2.0 * np.arange(self.npix) - (self.npix - 1)) / self.npix
        x, y = np.meshgrid(place, place)
        rows = [np.ravel(sum(homogeneous_parts(j, x, y).values()) + 0.0 * x) for j in self.removed]
        modes = np.array(rows).reshape(len(self.removed), self.npix**2)
        gram = (modes * self.aperture.ravel()) @ modes.T
        orthonormal: np.ndarray = np.linalg.solve(np.linalg.cholesky(gram), modes) if len(modes) else modes
        return orthonormal

    def _filtered(self, cells: Float[np.ndarray, "npix npix"]) -> Float[np.ndarray, "box box"]:
        """Return the filter's transpose of a map: the filter is even."""
        box = PERIODS * self.npix
        filtered: np.ndarray = np.fft.irfft2(np.fft.rfft2(cells, s=(box, box)) * self._gain, s=(box, box))
        return filtered

    @cached_property
    def mean_square(self) -> float:
        """Mean square over the aperture of the maps before they are normalised."""
        box = PERIODS * self.npix
        whole = float(np.fft.irfft2(self._gain**2, s=(box, box))[0, 0])
        shape = (self.npix, self.npix)
        weighted = [(mode * self.aperture.ravel()).reshape(shape) for mode in self._modes]
        return whole - sum(float(np.sum(self._filtered(mode) ** 2)) for mode in weighted)

    def standard_deviation(self, weights: Float[np.ndarray, "npix npix"]) -> float:
        """Return the standard deviation of the sum of weight times cell, for maps of an rms of 1.

        Parameters
        ----------
        weights : ndarray, shape (npix, npix)
            Weight of each cell, such as the derivative of an answer by it.
        """
        flat = weights.ravel()
        kept = flat - self.aperture.ravel() * ((self._modes @ flat) @ self._modes)
        return sqrt(float(np.sum(self._filtered(kept.reshape(weights.shape)) ** 2)) / self.mean_square)

    def draw(self, rng: np.random.Generator) -> Float[np.ndarray, "npix npix"]:
        """Return a map of the ensemble, of an expected rms of 1.

        Parameters
        ----------
        rng : numpy.random.Generator
            Source of random numbers.
        """
        box = PERIODS * self.npix
        noise = rng.standard_normal((box, box))
        filtered = np.fft.irfft2(np.fft.rfft2(noise) * self._gain, s=(box, box))[: self.npix, : self.npix]
        fitted = self._modes @ (filtered * self.aperture).ravel()
        left: np.ndarray = filtered - (fitted @ self._modes).reshape(filtered.shape)
        return left / sqrt(self.mean_square)
