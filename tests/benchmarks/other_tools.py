"""The two-plane image by the package and as users of dLux and POPPY would write it, with the error of each.

The truth is the image of the diffractive pupil's native cells at the same wavelengths (`support.native_optics`). dLux
and POPPY get rasters of 256 cells, on which a cell carries the mask's step or does not, or the native 2,048, and sample
3 x 3 points in a pixel.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import astropy.units as u
import dLux as dl
import dLux.utils as dlu
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import poppy

import dluxshera as ds
from benchmarks.baseline import ARCSEC, NPIX, OVERSAMPLE, WAVELENGTHS
from benchmarks.measure import ROUNDS, timed
from dluxshera.model import SheraTwoPlaneBinder
from dluxshera.optics import pupil_raster
from support import reference_optics as ref
from support.helpers import relative_l2
from support.native_optics import NATIVE_NPIX, native_optics_of
from support.scenes import M1_ZERNIKES, PLATE_SCALE, X, Y

Image = Callable[[], Any]
DIAMETER = "system.m1_diameter_m"
OBSERVATION = "observation/twoplane_flight_alpha_cen"
FEW = 3  # rounds of what takes seconds


def two_plane_images() -> list[dict[str, Any]]:
    """Rows of each tool: median time, and the error against the native truth at the same wavelengths."""
    config, spec, store = ds.load_model(OBSERVATION, overrides=[f"n_wavelengths={WAVELENGTHS}"])
    store = store.replace({M1_ZERNIKES: ref.COEFFS_M1, X: 0.31, Y: -0.17})
    binder = SheraTwoPlaneBinder(config, spec, store)
    native = native_optics_of(config, {**binder.derived(store), **dict(store.items())})
    truth = native.image(WAVELENGTHS)
    photons = native.photons
    rows = [_row("dLuxShera", binder.optics.sampling.exit.per_diameter, lambda: binder.predict(store), truth, ROUNDS)]
    for npix, rounds in ((NPIX, ROUNDS), (NATIVE_NPIX, FEW)):
        pupil = _Pupil(config, native.params, npix)
        for name, image in (("dLux", pupil.by_dlux(photons)), ("POPPY", pupil.by_poppy(photons))):
            rows.append(_row(name, npix, image, truth, rounds))
    return rows


def _row(name: str, npix: int, image: Image, truth: np.ndarray, rounds: int) -> dict[str, Any]:
    error = relative_l2(image(), truth)
    wall, processor = timed(image, rounds)
    return {
        "Tool": name,
        "Cells across the pupil": npix,
        "Wall, ms": 1e3 * wall,
        "Processor, ms": 1e3 * processor,
        "Image error (relative L2)": error,
    }


class _Pupil:
    """Rasters of the pupil, and the directions and wavelengths of the light."""

    def __init__(self, config: ds.SheraTwoPlaneConfig, values: Any, npix: int) -> None:
        self.values, self.npix, self.image_npix = values, npix, config.image_npix
        self.diameter = float(values[DIAMETER])
        self.aperture = pupil_raster(
            npix,
            obscuration=config.obscuration,
            n_struts=config.n_struts,
            strut_width=config.strut_width,
            strut_rotation_deg=config.strut_rotation_deg,
        )
        x = ref.cell_centres(npix, 2.0 / npix)
        coefficients = 1e-9 * np.asarray(values[M1_ZERNIKES])
        figure = sum(c * ref.zernike(j, x, x[:, None]) for j, c in zip(ref.NOLL_INDICES, coefficients, strict=True))
        self.opd = 0.5 * ref.MASK_WAVELENGTH_M * ref.toliman_mask(npix) + figure
        self.plate_scale = float(values[PLATE_SCALE])
        self.directions = ref.star_directions(values)  # x and y of A and of B, radians
        self.wavelengths, self.weights = ref.wavelengths(values, WAVELENGTHS)

    def by_dlux(self, photons: np.ndarray) -> Image:
        """dLux's optical system for images in angles, compiled."""
        scale = self.plate_scale * ARCSEC / OVERSAMPLE
        layers = [
            ("aperture", dl.TransmissiveLayer(transmission=jnp.asarray(self.aperture), normalise=True)),
            ("mask", dl.AberratedLayer(opd=jnp.asarray(self.opd))),
            ("detector", dl.MFT(npixels=OVERSAMPLE * self.image_npix, pixel_scale=scale)),
        ]
        optics = dl.LayeredOpticalSystem(wf_npixels=self.npix, diameter=self.diameter, layers=layers)
        directions, wavelengths, weights = map(jnp.asarray, (self.directions, self.wavelengths, self.weights))

        @eqx.filter_jit
        def image(optics: dl.LayeredOpticalSystem, photons: jax.Array) -> jax.Array:
            stars = [optics.propagate(wavelengths=wavelengths, offset=at, weights=weights) for at in directions]
            return dlu.downsample(array=photons[0] * stars[0] + photons[1] * stars[1], n=OVERSAMPLE, mean=False)

        return lambda: image(optics, jnp.asarray(photons))

    def by_poppy(self, photons: np.ndarray) -> Image:
        """POPPY's optical system with a detector. OPD that grows towards +x moves its images towards -x."""
        system = poppy.OpticalSystem(pupil_diameter=self.diameter * u.m, oversample=OVERSAMPLE)
        # The open fraction of a cell is its amplitude, as in the package.
        system.add_pupil(
            poppy.ArrayOpticalElement(
                transmission=self.aperture, opd=self.opd, pixelscale=self.diameter / self.npix * u.m / u.pixel
            )
        )
        system.add_detector(pixelscale=self.plate_scale, fov_pixels=self.image_npix, oversample=OVERSAMPLE)
        source = {"wavelengths": self.wavelengths, "weights": self.weights}

        def image() -> np.ndarray:
            total = np.zeros((self.image_npix, self.image_npix))
            for (x, y), of_star in zip(self.directions, photons, strict=True):
                system.source_offset_r = np.hypot(x, y) / ARCSEC
                system.source_offset_theta = np.degrees(np.arctan2(x, -y))  # from +y towards -x, of the turned image
                psf = system.calc_psf(source=source, normalize="first")[0].data
                total += of_star * poppy.utils.rebin_array(psf[::-1, ::-1], (OVERSAMPLE, OVERSAMPLE))
            return total

        return image
