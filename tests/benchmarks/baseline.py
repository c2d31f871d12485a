"""The three-plane system as a user would assemble it from the public layers of dLux: what the package is timed against.

Aperture and basis layers, two angular-spectrum propagators on a grid padded by 2, a matrix Fourier transform to 3 x 3
samples in each pixel, and their sum. Aperture and mask are averaged over the cells of one grid, and a cell of the mask
carries the step or does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dLux as dl
import dLux.utils as dlu
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import dluxshera as ds
from dluxshera.optics import pupil_raster
from support.reference_optics import MASK_WAVELENGTH_M, toliman_mask

ARCSEC = np.pi / (180.0 * 3600.0)
NPIX = 256  # cells across the pupil
WAVELENGTHS = 3
OVERSAMPLE = 3
PADDING = 2


class Baseline(eqx.Module):
    """The flight system in effective mode: `predict` takes the values that the inference spec names.

    The grid of the pupil and, unless the configuration states it, the number of wavelengths are its own.
    """

    optics: dl.LayeredOpticalSystem
    wavelengths: jax.Array
    weights: jax.Array

    def __init__(self, config: ds.SheraThreePlaneConfig, values: Mapping[str, Any], npix: int = NPIX) -> None:
        diameter = float(values["system.m1_diameter_m"])
        beam_scale = 1.0 - values["system.m1_m2_separation_m"] / values["system.m1_focal_length_m"]
        distance = values["system.m1_m2_separation_m"] / beam_scale
        m2_diameter = values["system.m2_diameter_m"] / beam_scale  # in the space of the pupil
        pupil = dlu.pixel_coords(npixels=npix, diameter=diameter)
        wide = dlu.pixel_coords(npixels=PADDING * npix, diameter=PADDING * diameter)
        m1_basis = dlu.zernike_basis(js=list(config.m1_noll), coordinates=pupil, diameter=diameter)
        m2_basis = dlu.zernike_basis(js=list(config.m2_noll), coordinates=wide, diameter=m2_diameter)
        m2_edge = dlu.soft_circle(coords=wide, radius=0.5 * m2_diameter, clip_dist=0.5 * diameter / npix)
        aperture = pupil_raster(
            npix,
            obscuration=config.obscuration,
            n_struts=config.n_struts,
            strut_width=config.strut_width,
            strut_rotation_deg=config.strut_rotation_deg,
        )
        mask = np.zeros((npix, npix)) if config.diffractive_pupil is None else toliman_mask(npix)
        mask_opd = 0.5 * MASK_WAVELENGTH_M * mask
        layers = [
            ("aperture", dl.TransmissiveLayer(transmission=aperture, normalise=True)),
            ("mask", dl.AberratedLayer(opd=mask_opd)),
            ("m1", dl.BasisLayer(basis=1e-9 * m1_basis)),
            ("to_m2", dl.ASMPropagator(distance=distance, spec=dl.PadSpec(pad=PADDING, crop=1))),
            ("m2_edge", dl.TransmissiveLayer(transmission=m2_edge)),
            ("m2", dl.BasisLayer(basis=1e-9 * m2_basis)),
            ("back", dl.ASMPropagator(distance=-distance, spec=dl.PadSpec(pad=1, crop=PADDING))),
            ("detector", dl.MFT(npixels=OVERSAMPLE * config.image_npix, pixel_scale=ARCSEC / OVERSAMPLE)),
        ]
        self.optics = dl.LayeredOpticalSystem(wf_npixels=npix, diameter=diameter, layers=layers)
        nodes, weights = np.polynomial.legendre.leggauss(config.n_wavelengths or WAVELENGTHS)
        self.wavelengths = jnp.asarray(values["band.wavelength_m"] + 0.5 * values["band.bandwidth_m"] * nodes)
        self.weights = jnp.asarray(0.5 * weights)

    def predict(self, values: Mapping[str, Any]) -> jax.Array:
        """Return the image, photons per pixel."""
        optics = self.optics.set(
            {
                "m1.coefficients": values["primary.zernike_coeffs_nm"],
                "m2.coefficients": values["secondary.zernike_coeffs_nm"],
                "detector.pixel_scale": values["system.plate_scale_as_per_pix"] * ARCSEC / OVERSAMPLE,
            }
        )
        angle = jnp.deg2rad(values["binary.position_angle_deg"])
        half = 0.5 * values["binary.separation_as"] * jnp.stack([jnp.sin(angle), jnp.cos(angle)])
        middle = jnp.stack([jnp.asarray(values["binary.x_position_as"]), jnp.asarray(values["binary.y_position_as"])])
        contrast = values["binary.contrast"]
        photons = 10.0 ** values["binary.log_flux_total"] / (1.0 + contrast) * jnp.stack([contrast, 1.0])
        offsets = jnp.stack([middle - half, middle + half]) * ARCSEC
        stars = [
            optics.propagate(wavelengths=self.wavelengths, offset=offset, weights=self.weights) for offset in offsets
        ]
        return dlu.downsample(array=photons[0] * stars[0] + photons[1] * stars[1], n=OVERSAMPLE, mean=False)
