"""The aberration-free point-spread function in plain NumPy, for quantities that must not need jax."""

from __future__ import annotations

import numpy as np

# Boole's rule over at most one wavelength over diameter, the finest period of the pattern, has a relative error of
# 1e-3, and over a quarter of that 1e-5.
_BOOLE = np.array([7.0, 32.0, 12.0, 32.0, 7.0]) / 90.0
_CANDIDATES = 12


def peak_pixel_fraction(pupil: np.ndarray, coordinates: np.ndarray, pixel: float, reach: float = 16.0) -> float:
    """Return the largest fraction of a point source's light on one pixel, over all positions of the source.

    The brightest places are located on a coarse grid, and the pixel is then moved about each of them in steps of a
    quarter of its width.

    Parameters
    ----------
    pupil : ndarray, shape (n, n)
        Complex amplitude on a grid of the pupil; all light of the source has a power of 1.
    coordinates : ndarray, shape (n,)
        Centres of the grid's cells along both axes, in units of the pupil's diameter.
    pixel : float
        Width of a pixel in units of wavelength over diameter.
    reach : float
        Largest distance from the source that is searched, in the same units.

    Returns
    -------
    float
        Fraction of the light of the whole pattern, 0 to 1.
    """
    step = min(max(pixel, 0.0625), 0.25)  # much finer than the pattern, and bounded so that memory is too
    n = int(np.ceil(reach / step))
    angles = step * np.arange(-n, n + 1)
    brightness = _intensity(pupil, coordinates, angles, angles)
    brightest = np.argsort(brightness, axis=None)[-_CANDIDATES:]
    panels = min(int(np.ceil(pixel)), 16)
    rule = np.zeros(4 * panels + 1)
    for first in range(0, 4 * panels, 4):
        rule[first : first + 5] += _BOOLE / panels
    fine = pixel * np.arange(-6 * panels, 6 * panels + 1) / (4 * panels)
    best = 0.0
    for row, column in zip(*np.unravel_index(brightest, brightness.shape), strict=True):
        patch = _intensity(pupil, coordinates, angles[row] + fine, angles[column] + fine)
        for axis in (0, 1):
            patch = np.apply_along_axis(np.convolve, axis, patch, rule, mode="valid")
        best = max(best, float(patch.max()))
    return min(best * pixel**2, 1.0)


def _intensity(pupil: np.ndarray, coordinates: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return the fraction of the light per solid angle of (wavelength / diameter)^2 at angles (y, x)."""
    cell = coordinates[1] - coordinates[0]
    to_y, to_x = (np.exp(-2j * np.pi * np.outer(angle, coordinates)) * cell for angle in (y, x))
    return np.abs(to_y @ pupil @ to_x.T / cell) ** 2
