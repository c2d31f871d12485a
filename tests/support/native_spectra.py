"""Images of stars with lines in their spectra: the sum over narrow bands, from native cells.

Twenty thousand native images are out of reach, and not needed. The image of a star at one wavelength is a smooth
function of it: a sum of phasors ``exp(2 pi i c / wavelength)`` whose paths ``c`` differ by at most the path across the
pupil to the farthest pixel, some 45 waves on the flight design. Across its band, 7.5 % wide, that is a function of some
10 radians to either side, which a polynomial through Gauss-Legendre nodes meets to rounding with some 30 of them. So
each narrow band's image is *interpolated* from native images at such nodes, pixel by pixel, and the narrow bands are
then summed with the spectra at their own resolution. Only the image is taken from the polynomial, never the spectrum,
and the sum is linear in the images: it is done on their weights. `Interpolation.error` compares the polynomial with
native images at other wavelengths.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from support import reference_optics as ref
from support.native_optics import NativeOptics, Progress

Spectrum = Callable[[np.ndarray], np.ndarray]  # photons per unit of wavelength, in any unit, at wavelengths in metres

SUN_TABLE = Path(__file__).with_name("data") / "sun_calspec.csv"
SUN_BANDS, LINES_BANDS = 2_000, 20_000
LINE_WIDTHS_M = (0.02e-9, 0.2e-9)


def sun_table() -> tuple[np.ndarray, np.ndarray]:
    """Wavelengths in metres, a nanometre apart, and photons per unit of wavelength of the Sun, from 495 to 605 nm."""
    with SUN_TABLE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    wavelengths, photons = (np.array([float(row[name]) for row in rows]) for name in ("wavelength_nm", "photons"))
    return 1e-9 * wavelengths, photons


def tabulated(wavelengths: np.ndarray, photons: np.ndarray) -> Spectrum:
    """The spectrum that is linear between the points of a table."""
    return lambda wavelength: np.interp(wavelength, wavelengths, photons)


def absorption_lines(wavelength: float, bandwidth: float, number: int = 300, seed: int = 2024) -> Spectrum:
    """A flat continuum with absorption lines, whose widths are 0.02 to 0.2 nm.

    Parameters
    ----------
    wavelength, bandwidth
        Centre and full width of the band that has the lines, metres.
    number
        Number of Gaussian lines.
    seed
        Seed of their places (uniform in the band), full widths at half depth (uniform in the logarithm) and depths
        (uniform from 0.1 to 0.9).
    """
    rng = np.random.default_rng(seed)
    places = wavelength + bandwidth * rng.uniform(-0.5, 0.5, number)
    widths = np.exp(rng.uniform(*np.log(LINE_WIDTHS_M), number))
    depths = rng.uniform(0.1, 0.9, number)

    def spectrum(wavelengths: np.ndarray) -> np.ndarray:
        photons = np.ones(np.shape(wavelengths))
        for place, width, depth in zip(places, widths, depths, strict=True):
            photons = photons * (1.0 - depth * np.exp(-4.0 * np.log(2.0) * ((wavelengths - place) / width) ** 2))
        return photons

    return spectrum


def narrow_bands(
    wavelength: float, bandwidth: float, spectra: Sequence[Spectrum], number: int
) -> tuple[np.ndarray, np.ndarray]:
    """Centres of equal narrow bands, metres, and the part of each star's photons in them, shape (stars, number)."""
    centres = wavelength + bandwidth * ((np.arange(number) + 0.5) / number - 0.5)
    photons = np.stack([spectrum(centres) for spectrum in spectra])
    return centres, photons / photons.sum(axis=1, keepdims=True)


@dataclass(frozen=True)
class Interpolation:
    """Images of both stars between Gauss-Legendre nodes of the band.

    Parameters
    ----------
    optics
        Native optics.
    images
        Fractions of the photons on the pixels at each node, shape (nodes, 2, image_npix, image_npix).
    """

    optics: NativeOptics
    images: np.ndarray

    @classmethod
    def of(cls, optics: NativeOptics, number: int, progress: Progress | None = None) -> Interpolation:
        """The images of native optics at a number of nodes."""
        nodes = [float(node) for node in ref.wavelengths(optics.params, number)[0]]
        steps = progress(nodes, "Nodes of the band") if progress else nodes
        return cls(optics, np.stack([optics.stars(node) for node in steps]))

    @property
    def number(self) -> int:
        """Number of nodes."""
        return len(self.images)

    def basis(self, wavelengths: np.ndarray) -> np.ndarray:
        """Value at each wavelength of the polynomial that is 1 at a node and 0 at the others, shape (..., nodes).

        The barycentric formula, with the weights of Gauss-Legendre nodes.
        """
        params = self.optics.params
        nodes, weights = np.polynomial.legendre.leggauss(self.number)
        signs = (-1.0) ** np.arange(self.number) * np.sqrt((1.0 - nodes**2) * weights)
        place = 2.0 * (np.asarray(wavelengths) - params["band.wavelength_m"]) / params["band.bandwidth_m"]
        distances = place[..., None] - nodes
        hits = np.abs(distances) < 1e-14
        terms = signs / np.where(hits, 1.0, distances)
        return np.where(hits.any(axis=-1, keepdims=True), hits, terms / terms.sum(axis=-1, keepdims=True))

    def stars(self, wavelength: float) -> np.ndarray:
        """Fractions of the photons of A and of B on the pixels at a wavelength between the nodes."""
        return np.tensordot(self.basis(np.asarray(wavelength)), self.images, axes=1)

    def error(self, wavelengths: Sequence[float]) -> float:
        """Largest relative distance from native images at these wavelengths."""
        errors = []
        for wavelength in wavelengths:
            truth = self.optics.stars(wavelength)
            errors.append(np.linalg.norm(self.stars(wavelength) - truth) / np.linalg.norm(truth))
        return float(max(errors))

    def sum_of(self, wavelengths: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Photons in each pixel for spectra of many narrow bands, see `NativeOptics.sum_of`."""
        of_nodes = np.broadcast_to(weights, (2, len(wavelengths))) @ self.basis(wavelengths)
        return np.einsum("s,sk,kshw->hw", self.optics.photons, of_nodes, self.images, optimize=True)

    def flat(self) -> np.ndarray:
        """Photons in each pixel for flat spectra."""
        _, weights = ref.wavelengths(self.optics.params, self.number)
        return np.einsum("s,k,kshw->hw", self.optics.photons, weights, self.images, optimize=True)

    def image(self, spectra: Sequence[Spectrum], number: int) -> np.ndarray:
        """Photons in each pixel for the spectra of A and of B, summed over a number of narrow bands."""
        params = self.optics.params
        centres, weights = narrow_bands(params["band.wavelength_m"], params["band.bandwidth_m"], spectra, number)
        return self.sum_of(centres, weights)
