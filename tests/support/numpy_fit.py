"""A fit of the three-plane image in plain NumPy: derivatives by central differences, sigmas and biases by inverses.

The image is that of `support.reference_optics`, from a raster of its own: the complex transmission of the native cells
of the diffractive pupil, averaged over coarser cells, and corrected for what the average takes away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from math import pi
from typing import Any

import numpy as np

from support import reference_optics as ref
from support.native_optics import native_mask

STEPS: Mapping[str, float] = {  # of central differences, in the units of the keys
    "binary.separation_as": 1e-3,
    "binary.position_angle_deg": 1e-2,
    "binary.x_position_as": 1e-3,
    "binary.y_position_as": 1e-3,
    "binary.log_flux_total": 1e-3,
    "binary.contrast": 1e-2,
    "system.plate_scale_as_per_pix": 1e-5,
    "primary.zernike_coeffs_nm": 1.0,
    "secondary.zernike_coeffs_nm": 1.0,
}


@lru_cache(maxsize=2)
def rasters(cells: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean open fraction of coarse cells, and of what carries the step, of the flight pupil."""
    mask = native_mask()
    design = ref.FLIGHT
    scale = 1.0 / design.m1_diameter
    pupil = (design.m2_diameter * scale, design.n_struts, design.strut_width * scale, design.strut_rotation_deg)
    # One point in each of the native cells: their edges are right on average.
    coverage = ref.pupil_coverage(mask.shape[0], *pupil, samples=1)
    block = mask.shape[0] // cells
    return ref.block_mean(coverage, block), ref.block_mean(coverage * mask, block)


class NumpyFit:
    """Image and fit of the flight design in the effective mode, in NumPy alone.

    Parameters
    ----------
    params
        Numbers by parameter key, those of an inference store among them.
    npix, wavelengths
        Pixels along one side, and nodes of the band.
    cells, subpixels
        Cells across the pupil; and midpoints in a pixel, two numbers that are extrapolated.
    """

    def __init__(
        self,
        params: Mapping[str, Any],
        npix: int,
        wavelengths: int,
        cells: int = 512,
        subpixels: tuple[int, int] = (3, 5),
    ) -> None:
        self.params = {**ref.FLIGHT.geometry(), **params}
        self.npix, self.wavelengths, self.cells, self.subpixels = npix, wavelengths, cells, subpixels

    def image(self, updates: Mapping[str, Any] | None = None) -> np.ndarray:
        """Return the image with some values replaced."""
        params = {**self.params, **(updates or {})}
        open_part, stepped = rasters(self.cells)
        diameter, scale = params["system.m1_diameter_m"], params["system.plate_scale_as_per_pix"] * ref.ARCSECOND
        x = ref.cell_centres(self.cells, diameter / self.cells)
        figure = ref.zernike_opd(params["primary.zernike_coeffs_nm"], self.cells, 1.0)
        contrast, flux = params["binary.contrast"], 10.0 ** params["binary.log_flux_total"]
        photons = (flux * contrast / (1 + contrast), flux / (1 + contrast))
        image = np.zeros((self.npix, self.npix))
        for wavelength, weight in zip(*ref.wavelengths(params, self.wavelengths), strict=True):
            k = 2 * pi / wavelength
            step = np.exp(0.5j * k * ref.MASK_WAVELENGTH_M)
            transmission = (open_part + stepped * (step - 1.0)) / np.sqrt(open_part.sum())
            for number, (tx, ty) in zip(photons, ref.star_directions(params), strict=True):
                field = transmission * np.exp(1j * k * (figure + tx * x + ty * x[:, None]))
                field = ref.through_m2(field, params, wavelength)
                spacing = diameter / self.cells
                spots = ref.pixel_integral(field, spacing, wavelength, self.npix, scale, self.subpixels)
                # The mean over a coarse cell takes away a sinc of the angle from the star, in which the mask scatters.
                angle = ref.cell_centres(self.npix, scale) * spacing / wavelength
                lost = np.sinc(angle - ty * spacing / wavelength)[:, None] * np.sinc(angle - tx * spacing / wavelength)
                image += number * weight * spots / lost**2
        return image

    @cached_property
    def nominal(self) -> np.ndarray:
        """The image at the reference point."""
        return self.image()

    @cached_property
    def _columns(self) -> dict[str, list[np.ndarray]]:
        return {}

    def columns(self, key: str) -> list[np.ndarray]:
        """Return the derivatives of the image by each component of a parameter, by central differences."""
        if key not in self._columns:
            value, step = np.asarray(self.params[key], float), STEPS[key]
            moves = step * np.eye(value.size).reshape(-1, *value.shape) if value.ndim else [np.asarray(step)]
            self._columns[key] = [
                (self.image({key: value + move}) - self.image({key: value - move})) / (2 * step) for move in moves
            ]
        return self._columns[key]

    def _normal(self, keys: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rows = np.array([column.ravel() for key in keys for column in self.columns(key)])
        weighted = rows / self.nominal.ravel()
        sizes = np.sqrt(np.sum(rows * weighted, axis=1))
        covariance = np.linalg.inv((rows / sizes[:, None]) @ (weighted / sizes[:, None]).T)
        return covariance / np.outer(sizes, sizes), weighted, sizes

    def sigma(self, keys: Sequence[str]) -> tuple[float, float]:
        """Return the error of the first key with the others fitted, and with the others known."""
        covariance, _, sizes = self._normal(keys)
        return float(np.sqrt(covariance[0, 0])), float(1.0 / sizes[0])

    def bias(self, keys: Sequence[str], change: np.ndarray) -> float:
        """Return the bias of the first key by a change of the image."""
        covariance, weighted, _ = self._normal(keys)
        return float(covariance[0] @ (weighted @ change.ravel()))
