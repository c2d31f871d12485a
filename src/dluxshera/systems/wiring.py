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
from dluxshera.systems.config import SheraConfig, SheraFourPlaneConfig, SheraTwoPlaneConfig
from dluxshera.units import ARCSEC, DEGREE, NANOMETRE

Values = Mapping[str, Array]


class SystemState(NamedTuple):
    """What the optics of a system take, in SI units."""

    wavelengths: Float[Array, " w"]
    photons: Float[Array, "2 w"]
    angles: Float[Array, "2 2"]
    pupil: PupilState
    surfaces: tuple[SurfaceState, ...]
    plate_scale: Float[Array, ""]


def system_state(config: SheraConfig, values: Values) -> SystemState:
    """Return the state of a system.

    Parameters
    ----------
    config : SheraConfig
        Says which surfaces and bases there are, and how many wavelengths sample the band.
    values : mapping of str to Array
        Primitives and resolved derived values of any spec of the system. Where the spec has no defocus of the relay,
        the detector is in focus.
    """
    v = {key: jnp.asarray(value, dtype=jnp.result_type(float)) for key, value in values.items()}
    wavelengths, weights = top_hat_band(v[f.WAVELENGTH], v[f.BANDWIDTH], config.n_wavelengths)
    midpoint = jnp.stack([v[f.X_POSITION], v[f.Y_POSITION]])
    return SystemState(
        wavelengths=wavelengths,
        photons=binary_photons(v[f.LOG_FLUX], v[f.CONTRAST])[:, None] * weights,
        angles=binary_positions(v[f.SEPARATION], v[f.POSITION_ANGLE] * DEGREE, midpoint) * ARCSEC,
        pupil=PupilState(
            diameter=v[f.M1_DIAMETER],
            coefficients=_coefficients(v, f.M1_ZERNIKES),
            defocus=v.get(f.DEFOCUS, jnp.zeros(())) * NANOMETRE,
        ),
        surfaces=_surfaces(config, v),
        plate_scale=v[f.PLATE_SCALE] * ARCSEC,
    )


def _surfaces(config: SheraConfig, v: Values) -> tuple[SurfaceState, ...]:
    """Return the state of each surface behind the pupil, in the order in which the light meets them."""
    if isinstance(config, SheraTwoPlaneConfig):
        return ()
    to_m2 = RayMatrix().surface(v[f.M1_FOCAL_LENGTH]).gap(v[f.M1_M2_SEPARATION])
    m2 = _surface(to_m2, v[f.M2_DIAMETER], _coefficients(v, f.M2_ZERNIKES))
    if not isinstance(config, SheraFourPlaneConfig):
        return (m2,)
    to_m3 = to_m2.surface(v[f.M2_FOCAL_LENGTH]).gap(v[f.M2_M3_SEPARATION])
    return (m2, _surface(to_m3, v[f.M3_DIAMETER], _coefficients(v, f.M3_ZERNIKES)))


def _surface(relay: RayMatrix, diameter: Array, coefficients: Array) -> SurfaceState:
    return SurfaceState(
        beam_scale=relay.a, distance=relay.collimated_distance, diameter=diameter, coefficients=coefficients
    )


def _coefficients(v: Values, key: str) -> Array:
    """Return Zernike coefficients in metres; none where the configuration has no basis."""
    return v.get(key, jnp.zeros(0)) * NANOMETRE


def system_image(config: SheraConfig, optics: RelayOptics, values: Values) -> Float[Array, "image image"]:
    """Return the image of a binary, photons per pixel and exposure."""
    state = system_state(config, values)
    nodes = jnp.asarray(pixel_nodes(config.image_npix, config.pixel_nodes), dtype=state.photons.dtype)
    return optics.image(*state, nodes=nodes, nodes_per_pixel=config.pixel_nodes)


def system_energy(config: SheraConfig, optics: RelayOptics, values: Values) -> dict[str, Array]:
    """Return the photons that pass each plane of `RelayOptics.plane_names`, and those in the ``image``."""
    state = system_state(config, values)
    total: dict[str, Array] = {}
    for w, wavelength in enumerate(state.wavelengths):
        for star, angle in enumerate(state.angles):
            planes = optics.planes(wavelength, angle, state.pupil, state.surfaces)
            for name, field in planes.items():
                total[name] = total.get(name, jnp.zeros(())) + state.photons[star, w] * field.power
    return {**total, "image": system_image(config, optics, values).sum()}
