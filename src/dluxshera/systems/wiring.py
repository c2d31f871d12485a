"""How parameter values drive the optics: keys and units on one side, arrays in SI units on the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from dluxshera.optics.pixels import pixel_nodes
from dluxshera.optics.propagation import PupilState, RelayOptics, SurfaceState
from dluxshera.optics.relay import RayMatrix
from dluxshera.optics.source import binary_photons, binary_positions
from dluxshera.optics.spectrum import top_hat_band
from dluxshera.systems import fields as f
from dluxshera.systems.config import SheraThreePlaneConfig
from dluxshera.units import ARCSEC, DEGREE, NANOMETRE

Values = Mapping[str, Array]


class ThreePlaneState(NamedTuple):
    """What the optics of a three-plane system take, in SI units."""

    wavelengths: Float[Array, " w"]
    photons: Float[Array, "2 w"]
    angles: Float[Array, "2 2"]
    pupil: PupilState
    surfaces: tuple[SurfaceState, ...]
    plate_scale: Float[Array, ""]


def three_plane_state(config: SheraThreePlaneConfig, values: Values) -> ThreePlaneState:
    """Return the state of a three-plane system.

    Parameters
    ----------
    config : SheraThreePlaneConfig
        Says how many wavelengths sample the band, and which bases there are.
    values : mapping of str to Array
        Primitives and resolved derived values of the forward or the inference spec. Where the spec has no defocus of
        the relay, the detector is in focus.
    """
    v = {key: jnp.asarray(value, dtype=jnp.result_type(float)) for key, value in values.items()}
    none = jnp.zeros(0)
    m2 = RayMatrix().surface(v[f.M1_FOCAL_LENGTH]).gap(v[f.M1_M2_SEPARATION])
    secondary = SurfaceState(
        beam_scale=m2.a,
        distance=m2.collimated_distance,
        diameter=v[f.M2_DIAMETER],
        coefficients=v.get(f.M2_ZERNIKES, none) * NANOMETRE,
    )
    pupil = PupilState(
        diameter=v[f.M1_DIAMETER],
        coefficients=v.get(f.M1_ZERNIKES, none) * NANOMETRE,
        defocus=v.get(f.DEFOCUS, jnp.zeros(())) * NANOMETRE,
    )
    wavelengths, weights = top_hat_band(v[f.WAVELENGTH], v[f.BANDWIDTH], config.n_wavelengths)
    midpoint = jnp.stack([v[f.X_POSITION], v[f.Y_POSITION]])
    return ThreePlaneState(
        wavelengths=wavelengths,
        photons=binary_photons(v[f.LOG_FLUX], v[f.CONTRAST])[:, None] * weights,
        angles=binary_positions(v[f.SEPARATION], v[f.POSITION_ANGLE] * DEGREE, midpoint) * ARCSEC,
        pupil=pupil,
        surfaces=(secondary,),
        plate_scale=v[f.PLATE_SCALE] * ARCSEC,
    )


def three_plane_image(
    config: SheraThreePlaneConfig, optics: RelayOptics, values: Values
) -> Float[Array, "image image"]:
    """Return the image of a binary, photons per pixel and exposure."""
    state = three_plane_state(config, values)
    nodes = jnp.asarray(pixel_nodes(config.image_npix, config.pixel_nodes), dtype=state.photons.dtype)
    return optics.image(*state, nodes=nodes, nodes_per_pixel=config.pixel_nodes)


def three_plane_energy(config: SheraThreePlaneConfig, optics: RelayOptics, values: Values) -> dict[str, Array]:
    """Return the photons that pass each plane of `RelayOptics.plane_names`, and those in the ``image``."""
    state = three_plane_state(config, values)
    total: dict[str, Array] = {}
    for w, wavelength in enumerate(state.wavelengths):
        for star, angle in enumerate(state.angles):
            planes = optics.planes(wavelength, angle, state.pupil, state.surfaces)
            for name, field in planes.items():
                total[name] = total.get(name, jnp.zeros(())) + state.photons[star, w] * field.power
    return {**total, "image": three_plane_image(config, optics, values).sum()}
