"""The graph of each system: how parameter values drive the optics, node by node.

Keys and units are on one side, arrays in SI units on the other. Nodes of the derived parameters have the names of their
keys; the others follow the light: ``band``, ``sources``, ``pupil``, ``relay``, ``optical_image`` and ``image``, and
beside them ``energy``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from dluxshera.graph import DLuxSystemNode, Node, SystemGraph
from dluxshera.model.derived import derived_nodes
from dluxshera.optics import (
    REACH,
    PupilState,
    RayMatrix,
    RelayOptics,
    SurfaceState,
    band_weights,
    binary_photons,
    binary_positions,
    crop,
    distorted,
    expected_exposure,
    field_star_photons,
    ghost_photons,
    ghost_positions,
    photon_black_body,
    pixel_nodes,
    sampled_curve,
    top_hat_band,
)
from dluxshera.params import ParamSpec
from dluxshera.systems import SheraConfig
from dluxshera.systems import effect_fields as e
from dluxshera.systems import fields as f
from dluxshera.units import ARCSEC, DEGREE, NANOMETRE

Values = Mapping[str, Array]


class Band(NamedTuple):
    """Wavelengths that sample the band, metres, and the part of the photons that each stands for."""

    wavelengths: Float[Array, " w"]
    weights: Float[Array, "3 w"]  # of star A, of star B, and of a flat spectrum; each row sums to 1


class Sources(NamedTuple):
    """Point sources: directions (x, y) in radians, and photons through the aperture at each wavelength."""

    angles: Float[Array, "sources 2"]
    photons: Float[Array, "sources w"]


def system_graph(config: SheraConfig, spec: ParamSpec, optics: RelayOptics, *, compiled: bool = True) -> SystemGraph:
    """Return the graph of a model: its inputs are the primitives of the spec, its outputs derived values and images.

    Parameters
    ----------
    config : SheraConfig
        The structure.
    spec : ParamSpec
        Any of the system's specs, built from the same configuration. Its derived values can be overridden.
    optics : RelayOptics
        Built from the same configuration.
    compiled : bool
        Compile the nodes of the optics; False for a graph that is compiled as a whole.

    Returns
    -------
    SystemGraph
        ``image`` is the expected image, photons per pixel and exposure; ``optical_image`` the same before the detector,
        with the margin that detector effects need; ``energy`` the photons that pass each plane.
    """
    wiring = _Wiring(config, spec, optics, compiled=compiled)
    return SystemGraph([*derived_nodes(spec), *wiring.nodes()], spec.primitives, overridable=spec.derived)


@dataclass(frozen=True)
class _Call:
    """A function of settings, of what other nodes give and of the values of keys; equal where all of these are."""

    run: Callable[..., Any]
    settings: tuple[int, ...]
    keys: tuple[str, ...]

    def __call__(self, *inputs: Any) -> Any:
        first = len(inputs) - len(self.keys)
        return self.run(*self.settings, *inputs[:first], _arrays(self.keys, inputs[first:]))


@eqx.filter_jit
def _compiled(call: Callable[..., Any], *inputs: Any) -> Any:
    return call(*inputs)


class _Wiring:
    """The nodes of one configuration and spec; `compiled` where nothing around them compiles."""

    def __init__(self, config: SheraConfig, spec: ParamSpec, optics: RelayOptics, *, compiled: bool) -> None:
        self.config, self.spec, self.optics, self.compiled = config, spec, optics, compiled
        margins = {"motion": config.motion_margin, "pixel_offsets": REACH}
        self.margin = sum(pixels for name, pixels in margins.items() if name in config.effects)

    def nodes(self) -> list[Node]:
        """Return the nodes in the order of the light."""
        surfaces, light = self.config.surfaces, ("band", "sources", "pupil", "relay")
        wide = self.config.image_npix + 2 * self.margin
        nodes_per_pixel = self.config.pixel_nodes
        in_pixels = (f.PLATE_SCALE,) if "motion" in self.config.effects else ()
        return [
            self._node("band", _BAND, "wavelengths and the weights of spectra", _band, (self.config.n_wavelengths,)),
            self._node("sources", _SOURCES, "point sources", _sources, (), "band"),
            self._system_node("pupil", _PUPIL, "OPD and size of the pupil", _pupil, ()),
            self._node("relay", _SURFACES[surfaces], "where the light meets each surface", _relay, (surfaces,)),
            self._system_node(
                "optical_image", (f.PLATE_SCALE, *_EXIT), "photons", _optical_image, (wide, nodes_per_pixel), *light
            ),
            self._node(
                "image",
                (*in_pixels, *_DETECTOR),
                "expected electrons",
                _image,
                (self.config.image_npix,),
                "optical_image",
            ),
            self._system_node(
                "energy", _EXIT, "photons that pass each plane", _energy, (self.margin,), *light, "optical_image"
            ),
        ]

    def _node(
        self,
        name: str,
        keys: tuple[str, ...],
        doc: str,
        run: Callable[..., Any],
        settings: tuple[int, ...],
        *before: str,
    ) -> Node:
        """Return a node that takes what nodes before it give, and the values of those of the keys that the spec has."""
        there = tuple(key for key in keys if key in self.spec)
        return Node(name, (*before, *there), _Call(run, settings, there), doc)

    def _system_node(self, *said: Any) -> DLuxSystemNode:
        """Return the same with the optics before all else that the function takes from nodes."""
        plain = self._node(*said)
        run = partial(_compiled, plain.fn) if self.compiled else plain.fn
        return DLuxSystemNode(plain.name, self.optics, plain.inputs, run, plain.doc)


_BAND = (
    f.WAVELENGTH,
    f.BANDWIDTH,
    *(e.TEMPERATURE_A, e.TEMPERATURE_B, e.SPECTRUM_A, e.SPECTRUM_B, e.TRANSMISSION),
)
_SOURCES = (
    *(f.SEPARATION, f.POSITION_ANGLE, f.X_POSITION, f.Y_POSITION, f.LOG_FLUX, f.CONTRAST),
    *(e.GHOST_RATIO, e.GHOST_X, e.GHOST_Y, e.GHOST_MAGNIFICATION),
    *(e.STAR_X, e.STAR_Y, e.STAR_LOG_FLUX, e.DISTORTION),
)
_PUPIL = (f.M1_DIAMETER, f.M1_ZERNIKES, e.M1_CALIBRATED_MAP, e.M1_UNCALIBRATED_MAP)
_TO_M2 = (
    *(f.M1_FOCAL_LENGTH, f.M1_M2_SEPARATION, f.M2_DIAMETER, f.M2_ZERNIKES),
    *(e.M2_CALIBRATED_MAP, e.M2_UNCALIBRATED_MAP),
)
_TO_M3 = (
    *(*_TO_M2, f.M2_FOCAL_LENGTH, f.M2_M3_SEPARATION, f.M3_DIAMETER, f.M3_ZERNIKES),
    *(e.M3_CALIBRATED_MAP, e.M3_UNCALIBRATED_MAP),
)
_SURFACES = {0: (), 1: _TO_M2, 2: _TO_M3}
_EXIT = (f.DEFOCUS, e.LINE_OF_SIGHT_X, e.LINE_OF_SIGHT_Y)
_DETECTOR = (
    *(e.JITTER, e.SMEAR_X, e.SMEAR_Y, e.PIXEL_X_OFFSET, e.PIXEL_Y_OFFSET),
    *(e.BACKGROUND, e.PIXEL_RESPONSE, e.DARK_SIGNAL),
)


def _arrays(keys: tuple[str, ...], values: tuple[Any, ...]) -> dict[str, Array]:
    dtype = jnp.result_type(float)
    return {key: jnp.asarray(value, dtype=dtype) for key, value in zip(keys, values, strict=True)}


def _band(n_wavelengths: int, v: Values) -> Band:
    wavelengths, quadrature = top_hat_band(v[f.WAVELENGTH], v[f.BANDWIDTH], n_wavelengths)
    position = (wavelengths - v[f.WAVELENGTH]) / v[f.BANDWIDTH]

    def curve(key: str) -> Array:
        return sampled_curve(v[key], position) if key in v else jnp.ones_like(wavelengths)

    def star(temperature: str, spectrum: str) -> Array:
        body = photon_black_body(wavelengths, v[temperature]) if temperature in v else 1.0
        return body * curve(spectrum)

    spectra = jnp.stack(
        [star(e.TEMPERATURE_A, e.SPECTRUM_A), star(e.TEMPERATURE_B, e.SPECTRUM_B), jnp.ones_like(position)]
    )
    return Band(wavelengths, band_weights(wavelengths, quadrature, curve(e.TRANSMISSION), spectra))


def _sources(band: Band, v: Values) -> Sources:
    """Return the two stars, then their ghosts, then the stars of the field."""
    midpoint = jnp.stack([v[f.X_POSITION], v[f.Y_POSITION]])
    positions = binary_positions(v[f.SEPARATION], v[f.POSITION_ANGLE] * DEGREE, midpoint)
    photons = binary_photons(v[f.LOG_FLUX], v[f.CONTRAST])[:, None] * band.weights[:2]
    sources = [(positions, photons)]
    if e.GHOST_RATIO in v:
        offset = jnp.stack([v[e.GHOST_X], v[e.GHOST_Y]])
        ghosts = ghost_positions(positions, offset, v[e.GHOST_MAGNIFICATION])
        sources.append((ghosts, ghost_photons(photons, v[e.GHOST_RATIO])))
    if e.STAR_X in v:
        stars = jnp.stack([v[e.STAR_X], v[e.STAR_Y]], axis=-1)
        sources.append((stars, field_star_photons(v[e.STAR_LOG_FLUX])[:, None] * band.weights[2]))
    positions, photons = (jnp.concatenate(parts) for parts in zip(*sources, strict=True))
    if e.DISTORTION in v:
        positions = distorted(positions, v[e.DISTORTION])
    return Sources(positions * ARCSEC, photons)


def _pupil(optics: RelayOptics, v: Values) -> PupilState:
    opd = optics.pupil_opd(_nanometres(v, f.M1_ZERNIKES), _map(v, e.M1_CALIBRATED_MAP, e.M1_UNCALIBRATED_MAP))
    return PupilState(diameter=v[f.M1_DIAMETER], opd=opd)


def _relay(surfaces: int, v: Values) -> tuple[SurfaceState, ...]:
    """Return the state of each surface behind the pupil, in the order in which the light meets them."""
    found = []
    if surfaces > 0:
        relay = RayMatrix().surface(v[f.M1_FOCAL_LENGTH]).gap(v[f.M1_M2_SEPARATION])
        opd_map = _map(v, e.M2_CALIBRATED_MAP, e.M2_UNCALIBRATED_MAP)
        found.append(_surface(relay, v[f.M2_DIAMETER], _nanometres(v, f.M2_ZERNIKES), opd_map))
    if surfaces > 1:
        relay = relay.surface(v[f.M2_FOCAL_LENGTH]).gap(v[f.M2_M3_SEPARATION])
        opd_map = _map(v, e.M3_CALIBRATED_MAP, e.M3_UNCALIBRATED_MAP)
        found.append(_surface(relay, v[f.M3_DIAMETER], _nanometres(v, f.M3_ZERNIKES), opd_map))
    return tuple(found)


def _surface(relay: RayMatrix, diameter: Array, coefficients: Array, opd_map: Array | None) -> SurfaceState:
    return SurfaceState(
        beam_scale=relay.a,
        distance=relay.collimated_distance,
        diameter=diameter,
        coefficients=coefficients,
        opd_map=opd_map,
    )


def _nanometres(v: Values, key: str) -> Array:
    """Return Zernike coefficients in metres; none where the configuration has no basis."""
    return v.get(key, jnp.zeros(0)) * NANOMETRE


def _map(v: Values, *keys: str) -> Array | None:
    """Return the sum of maps in metres, or None where there are none."""
    maps = [v[key] for key in keys if key in v]
    return sum(maps[1:], maps[0]) * NANOMETRE if maps else None


def _exit(pupil: PupilState, v: Values) -> PupilState:
    """Return the pupil with what the relay does to the light on its way to the detector."""
    shift = jnp.stack([v[e.LINE_OF_SIGHT_X], v[e.LINE_OF_SIGHT_Y]]) * ARCSEC if e.LINE_OF_SIGHT_X in v else None
    return pupil._replace(defocus=v.get(f.DEFOCUS, jnp.zeros(())) * NANOMETRE, line_of_sight=shift)


def _optical_image(
    npix: int,
    nodes_per_pixel: int,
    optics: RelayOptics,
    band: Band,
    sources: Sources,
    pupil: PupilState,
    relay: tuple[SurfaceState, ...],
    v: Values,
) -> Float[Array, "{npix} {npix}"]:
    return optics.image(
        band.wavelengths,
        sources.photons,
        sources.angles,
        _exit(pupil, v),
        relay,
        v[f.PLATE_SCALE] * ARCSEC,
        nodes=jnp.asarray(pixel_nodes(npix, nodes_per_pixel), dtype=sources.photons.dtype),
        nodes_per_pixel=nodes_per_pixel,
    )


def _image(npix: int, optical_image: Array, v: Values) -> Float[Array, "{npix} {npix}"]:
    """Return the expected electrons: motion, then pixels off their places, then background, response and dark."""
    if not v:
        return optical_image
    motion = offsets = None
    if e.JITTER in v:
        smear = jnp.stack([v[e.SMEAR_X], v[e.SMEAR_Y]]) / v[f.PLATE_SCALE]
        motion = (v[e.JITTER] / v[f.PLATE_SCALE], smear)
    if e.PIXEL_X_OFFSET in v:
        offsets = jnp.stack([v[e.PIXEL_X_OFFSET], v[e.PIXEL_Y_OFFSET]])
    return expected_exposure(
        optical_image,
        npix,
        motion=motion,
        offsets=offsets,
        response=v.get(e.PIXEL_RESPONSE, 1.0),
        background=v.get(e.BACKGROUND, 0.0),
        dark_rate=v.get(e.DARK_SIGNAL, 0.0),
        exposure_time=1.0,  # the dark signal is that of the whole exposure
    )


def _energy(
    margin: int,
    optics: RelayOptics,
    band: Band,
    sources: Sources,
    pupil: PupilState,
    relay: tuple[SurfaceState, ...],
    optical_image: Array,
    v: Values,
) -> dict[str, Array]:
    """Return the photons that pass each plane of `RelayOptics.plane_names`, and those on the ``image``'s pixels."""
    total: dict[str, Array] = {}
    for w, wavelength in enumerate(band.wavelengths):
        for source, angle in enumerate(sources.angles):
            for name, field in optics.planes(wavelength, angle, _exit(pupil, v), relay).items():
                total[name] = total.get(name, jnp.zeros(())) + sources.photons[source, w] * field.power
    return {**total, "image": crop(optical_image, margin).sum()}
