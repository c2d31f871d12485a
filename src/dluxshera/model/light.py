"""The functions of the model's nodes: from values of parameters to band, sources, pupil, relay and image.

Keys and units are on one side, arrays in SI units on the other. The functions of hooks, by which optional effects act,
come first among their arguments (see `dluxshera.systems.effects.hooks`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from dluxshera.model.checks import check_tables
from dluxshera.optics import (
    PupilState,
    RayMatrix,
    RelayOptics,
    SurfaceState,
    band_wavelengths,
    band_weights,
    binary_photons,
    binary_positions,
    crop,
    within_limits,
)
from dluxshera.systems import (
    BANDWIDTH,
    CONTRAST,
    DEFOCUS,
    LOG_FLUX,
    M1_DIAMETER,
    M1_FOCAL_LENGTH,
    M1_M2_SEPARATION,
    M1_ZERNIKES,
    M2_DIAMETER,
    M2_FOCAL_LENGTH,
    M2_M3_SEPARATION,
    M2_ZERNIKES,
    M3_DIAMETER,
    M3_ZERNIKES,
    PLATE_SCALE,
    POSITION_ANGLE,
    SEPARATION,
    WAVELENGTH,
    X_POSITION,
    Y_POSITION,
    Parameter,
    PointSources,
    Spectra,
)
from dluxshera.units import ARCSEC, DEGREE, NANOMETRE

_Values = Mapping[str, Any]  # arrays of JAX, traced or not, or of NumPy
Runs = tuple[Callable[..., Any], ...]  # the functions of hooks, in the order in which they act


_NO_COEFFICIENTS: Final = np.zeros(0)


class Band(NamedTuple):
    """Wavelengths that sample the band, metres, and the part of the photons that each stands for.

    Parameters
    ----------
    wavelengths : Array, shape (w,)
        Wavelengths, metres.
    weights : Array, shape (3, w)
        Weights for star A, star B and a source that is flat before the filter. Each row sums to 1; it can have negative
        elements where a spectrum has more structure than the wavelengths resolve (see `dluxshera.optics.band_weights`).
    """

    wavelengths: Float[Array, " w"]
    weights: Float[Array, "3 w"]


class Sources(NamedTuple):
    """Point sources that the telescope images.

    Parameters
    ----------
    angles : Array, shape (sources, 2)
        Directions (x, y), radians.
    photons : Array, shape (sources, w)
        Photons through the aperture at each wavelength.
    """

    angles: Float[Array, "sources 2"]
    photons: Float[Array, "sources w"]


def sample_band(n_wavelengths: int, runs: Runs, tables: tuple[str, ...], v: _Values) -> Band:
    """Return the wavelengths that sample the band, with the weights of the spectra; `tables` as `check_tables`."""
    check_tables(tables, v)
    wavelength, bandwidth = v[WAVELENGTH.key], v[BANDWIDTH.key]
    spectra = Spectra()
    for run in runs:
        spectra = run(spectra, v)
    weights = [band_weights(wavelength, bandwidth, n_wavelengths, spectrum) for spectrum in spectra]
    return Band(band_wavelengths(wavelength, bandwidth, n_wavelengths), jnp.stack(weights))


def point_sources(companions: Runs, others: Runs, directions: Runs, band: Band, v: _Values) -> Sources:
    """Return the two stars, then companions such as their ghosts, then other sources such as stars of the field."""
    midpoint = jnp.stack([v[X_POSITION.key], v[Y_POSITION.key]])
    pair = binary_positions(v[SEPARATION.key], v[POSITION_ANGLE.key] * DEGREE, midpoint)
    photons = binary_photons(v[LOG_FLUX.key], v[CONTRAST.key])[:, None] * band.weights[:2]
    stars = PointSources(pair, photons)
    sources = [stars, *(run(stars, v) for run in companions), *(run(band.weights[2], v) for run in others)]
    positions = jnp.concatenate([item.positions for item in sources])
    for run in directions:
        positions = run(positions, v)
    return Sources(positions * ARCSEC, jnp.concatenate([item.photons for item in sources]))


def pupil_state(maps: Runs, v: _Values) -> PupilState:
    """Return the state of the pupil."""
    return PupilState(v[M1_DIAMETER.key], _coefficients(v, M1_ZERNIKES), _opd_map(maps, v))


def surface_states(maps: tuple[Runs, ...], v: _Values) -> tuple[SurfaceState, ...]:
    """Return the state of each surface behind the pupil, in the order of the light; `maps` has an item for each."""
    surfaces = []
    if len(maps) > 0:
        relay = RayMatrix().surface(v[M1_FOCAL_LENGTH.key]).gap(v[M1_M2_SEPARATION.key])
        surfaces.append(_surface(relay, v[M2_DIAMETER.key], _coefficients(v, M2_ZERNIKES), _opd_map(maps[0], v)))
    if len(maps) > 1:
        relay = relay.surface(v[M2_FOCAL_LENGTH.key]).gap(v[M2_M3_SEPARATION.key])
        surfaces.append(_surface(relay, v[M3_DIAMETER.key], _coefficients(v, M3_ZERNIKES), _opd_map(maps[1], v)))
    return tuple(surfaces)


def _surface(relay: RayMatrix, diameter: Any, coefficients: Any, opd_map: Array | None) -> SurfaceState:
    return SurfaceState(
        beam_scale=relay.a,
        distance=relay.collimated_distance,
        diameter=diameter,
        coefficients=coefficients,
        opd_map=opd_map,
    )


def _coefficients(v: _Values, zernikes: Parameter) -> Any:
    """Return Zernike coefficients in metres; none where the configuration has no basis."""
    return v.get(zernikes.key, _NO_COEFFICIENTS) * NANOMETRE


def _opd_map(runs: Runs, v: _Values) -> Array | None:
    """Return the sum of the maps of a surface in metres, or None if there are none."""
    maps = [run(v) for run in runs]
    return sum(maps[1:], maps[0]) if maps else None


class Light(NamedTuple):
    """All that the image before the detector depends on, in SI units: the arguments of `RelayOptics.image`.

    Parameters
    ----------
    wavelengths : Array, shape (w,)
        Wavelengths.
    photons : Array, shape (sources, w)
        Photons through the aperture of each source at each wavelength.
    angles : Array, shape (sources, 2)
        Directions (x, y).
    pupil : PupilState
        State of the pupil, with the defocus and the pointing of the relay behind it.
    surfaces : tuple of SurfaceState
        States of the surfaces behind the pupil.
    plate_scale : Array
        Plate scale, radians per pixel.
    """

    wavelengths: Float[Array, " w"]
    photons: Float[Array, "sources w"]
    angles: Float[Array, "sources 2"]
    pupil: PupilState
    surfaces: tuple[SurfaceState, ...]
    plate_scale: Float[Array, ""]


def light(
    exit_runs: Runs, band: Band, sources: Sources, pupil: PupilState, relay: tuple[SurfaceState, ...], v: _Values
) -> Light:
    """Return all that the image before the detector depends on."""
    plate_scale = v[PLATE_SCALE.key] * ARCSEC
    return Light(band.wavelengths, sources.photons, sources.angles, _exit(exit_runs, pupil, v), relay, plate_scale)


def _exit(runs: Runs, pupil: PupilState, v: _Values) -> PupilState:
    """Return the pupil with the defocus and the pointing of the relay behind it."""
    shifts = [run(v) for run in runs]
    shift = sum(shifts[1:], shifts[0]) if shifts else None
    return pupil._replace(defocus=v.get(DEFOCUS.key, jnp.zeros(())) * NANOMETRE, line_of_sight=shift)


def optical_image(optics: RelayOptics, light: Light, _values: _Values) -> Float[Array, "npix npix"]:
    """Return the photons that fall on each pixel, before the effects of the detector."""
    return optics.image(*light)


def detected_image(
    steps: tuple[tuple[Callable[..., Any], int], ...], optical_image: Array, v: _Values
) -> Float[Array, "npix npix"]:
    """Return the expected electrons: the optical image after each effect of the detector, without its margin."""
    image = optical_image
    for run, margin in steps:
        image = run(image, margin, v)
    return image


def plane_photons(
    margin: int, optics: RelayOptics, light: Light, optical_image: Array, _values: _Values
) -> dict[str, Array]:
    """Return the photons that pass each plane of `RelayOptics.plane_names`, and those on the ``image``'s pixels.

    ``pupil`` has all photons; those beyond the angles that the grids carry are ``beyond_grid``, and lost to the planes
    that follow. All are NaN where the grids do not suffice, as the image.
    """
    valid = within_limits(
        optics.sampling, optics.bases, light.wavelengths, light.angles, light.pupil, light.surfaces, light.plate_scale
    )
    carried = optics.powers(light.wavelengths, light.photons, light.angles, light.pupil, light.surfaces)
    total = jnp.sum(light.photons)
    photons = {**carried, "pupil": total, "beyond_grid": total - carried["pupil"]}
    certain = {name: jnp.where(valid, number, jnp.nan) for name, number in photons.items()}
    return {**certain, "image": crop(optical_image, margin).sum()}
