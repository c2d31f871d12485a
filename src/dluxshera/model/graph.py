"""The graph of each system: how parameter values drive the optics, node by node.

Keys and units are on one side, arrays in SI units on the other. Nodes of the derived parameters have the names of their
keys; the others follow the light: ``band``, ``sources``, ``pupil``, ``relay``, ``optical_image`` and ``image``, and
beside them ``energy``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, TypeVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from dluxshera.graph import DLuxSystemNode, Node, SystemGraph
from dluxshera.model.derived import derived_nodes
from dluxshera.optics import (
    PupilState,
    RayMatrix,
    RelayOptics,
    SurfaceState,
    band_weights,
    binary_photons,
    binary_positions,
    crop,
    pixel_nodes,
    top_hat_band,
)
from dluxshera.params import ParamSpec
from dluxshera.systems import (
    BANDWIDTH,
    CONTRAST,
    DEFOCUS,
    EFFECTS,
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
    BandHook,
    CompanionHook,
    DetectorHook,
    DirectionHook,
    Hook,
    Parameter,
    PointingHook,
    PointSources,
    SheraConfig,
    SourceHook,
    Spectra,
    SurfaceHook,
)
from dluxshera.units import ARCSEC, DEGREE, NANOMETRE

Values = Mapping[str, Array]
Runs = tuple[Callable[..., Any], ...]  # the functions of hooks, which a node calls in this order
HookKind = TypeVar("HookKind", bound=Hook)


class Band(NamedTuple):
    """Wavelengths that sample the band, metres, and the part of the photons that each stands for.

    Parameters
    ----------
    wavelengths : Array, shape (w,)
        Wavelengths, metres.
    weights : Array, shape (3, w)
        Fractions of the photons of star A, of star B and of a flat spectrum; each row sums to 1.
    """

    wavelengths: Float[Array, " w"]
    weights: Float[Array, "3 w"]


class Sources(NamedTuple):
    """Point sources: directions (x, y) in radians, and photons through the aperture at each wavelength.

    Parameters
    ----------
    angles : Array, shape (sources, 2)
        Directions (x, y), radians.
    photons : Array, shape (sources, w)
        Photons through the aperture at each wavelength.
    """

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
    """A function of settings, of results of other nodes and of the values of keys; equal where all of these are."""

    run: Callable[..., Any]
    settings: tuple[Any, ...]
    keys: tuple[str, ...]

    def __call__(self, *inputs: Any) -> Any:
        first = len(inputs) - len(self.keys)
        return self.run(*self.settings, *inputs[:first], _arrays(self.keys, inputs[first:]))


@eqx.filter_jit
def _compiled(call: Callable[..., Any], *inputs: Any) -> Any:
    return call(*inputs)


_STARS = (SEPARATION, POSITION_ANGLE, X_POSITION, Y_POSITION, LOG_FLUX, CONTRAST)
_TO_M2 = (M1_FOCAL_LENGTH, M1_M2_SEPARATION, M2_DIAMETER, M2_ZERNIKES)
_TO_M3 = (*_TO_M2, M2_FOCAL_LENGTH, M2_M3_SEPARATION, M3_DIAMETER, M3_ZERNIKES)
_TO_SURFACES = ((), _TO_M2, _TO_M3)  # by the number of surfaces behind the pupil


class _Wiring:
    """The nodes of one configuration and spec; `compiled` where nothing around them compiles."""

    def __init__(self, config: SheraConfig, spec: ParamSpec, optics: RelayOptics, *, compiled: bool) -> None:
        self.config, self.spec, self.optics, self.compiled = config, spec, optics, compiled
        hooks = [EFFECTS[name].hook for name in config.effects]
        # In the effective mode some effects have no parameters, and other parameters stand for them.
        self.hooks = [hook for hook in hooks if all(parameter.key in spec for parameter in hook.reads)]

    def nodes(self) -> list[Node]:
        """Return the nodes in the order of the light."""
        config, surfaces, light = self.config, self.config.surfaces, ("band", "sources", "pupil", "relay")
        band, pointing, surface = self._hooks(BandHook), self._hooks(PointingHook), self._hooks(SurfaceHook)
        companions, sources, directions = (self._hooks(kind) for kind in (CompanionHook, SourceHook, DirectionHook))
        maps = [[hook for hook in surface if hook.surface == number] for number in range(surfaces + 1)]
        margins = [(hook, hook.margin(config)) for hook in self._hooks(DetectorHook)]
        detector = sorted(margins, key=lambda item: item[1] == 0)  # those with a margin first
        margin = sum(pixels for _, pixels in detector)
        exit_keys, exit_runs = self._keys((DEFOCUS,), pointing), _runs(pointing)
        image_settings = (config.image_npix + 2 * margin, config.pixel_nodes, exit_runs)
        return [
            self._node(
                "band",
                self._keys((WAVELENGTH, BANDWIDTH), band),
                "wavelengths and the weights of spectra",
                _band,
                (config.n_wavelengths, _runs(band)),
            ),
            self._node(
                "sources",
                self._keys(_STARS, [*companions, *sources, *directions]),
                "point sources",
                _sources,
                (_runs(companions), _runs(sources), _runs(directions)),
                "band",
            ),
            self._system_node(
                "pupil",
                self._keys((M1_DIAMETER, M1_ZERNIKES), maps[0]),
                "OPD and size of the pupil",
                _pupil,
                (_runs(maps[0]),),
            ),
            self._node(
                "relay",
                self._keys(_TO_SURFACES[surfaces], [hook for hooks in maps[1:] for hook in hooks]),
                "where the light meets each surface",
                _relay,
                (tuple(map(_runs, maps[1:])),),
            ),
            self._system_node(
                "optical_image",
                (*self._keys((PLATE_SCALE,)), *exit_keys),
                "photons",
                _optical_image,
                image_settings,
                *light,
            ),
            self._node(
                "image",
                self._keys((), [hook for hook, _ in detector]),
                "expected electrons",
                _image,
                (tuple((hook.run, pixels) for hook, pixels in detector),),
                "optical_image",
            ),
            self._system_node(
                "energy",
                exit_keys,
                "photons that pass each plane",
                _energy,
                (margin, exit_runs),
                *light,
                "optical_image",
            ),
        ]

    def _hooks(self, kind: type[HookKind]) -> list[HookKind]:
        return [hook for hook in self.hooks if isinstance(hook, kind)]

    def _keys(self, parameters: Iterable[Parameter], hooks: Iterable[Hook] = ()) -> tuple[str, ...]:
        """Return the keys of the parameters and of those that hooks read, without those that the spec does not have."""
        read = (*parameters, *(parameter for hook in hooks for parameter in hook.reads))
        return tuple(dict.fromkeys(parameter.key for parameter in read if parameter.key in self.spec))

    def _node(
        self,
        name: str,
        keys: tuple[str, ...],
        doc: str,
        run: Callable[..., Any],
        settings: tuple[Any, ...],
        *before: str,
    ) -> Node:
        """Return a node whose function takes settings, the results of nodes before it, and the values of keys."""
        return Node(name, (*before, *keys), _Call(run, settings, keys), doc)

    def _system_node(self, *parts: Any) -> DLuxSystemNode:
        """Return the same with the optics after the settings."""
        plain = self._node(*parts)
        run = partial(_compiled, plain.fn) if self.compiled else plain.fn
        return DLuxSystemNode(plain.name, self.optics, plain.inputs, run, plain.doc)


def _runs(hooks: Iterable[Hook]) -> Runs:
    return tuple(hook.run for hook in hooks)


def _arrays(keys: tuple[str, ...], values: tuple[Any, ...]) -> dict[str, Array]:
    dtype = jnp.result_type(float)
    return {key: jnp.asarray(value, dtype=dtype) for key, value in zip(keys, values, strict=True)}


def _band(n_wavelengths: int, runs: Runs, v: Values) -> Band:
    wavelength, bandwidth = v[WAVELENGTH.key], v[BANDWIDTH.key]
    wavelengths, quadrature = top_hat_band(wavelength, bandwidth, n_wavelengths)
    flat = jnp.ones_like(wavelengths)
    spectra = Spectra(wavelengths, (wavelengths - wavelength) / bandwidth, jnp.stack([flat, flat, flat]), flat)
    for run in runs:
        spectra = run(spectra, v)
    return Band(wavelengths, band_weights(wavelengths, quadrature, spectra.transmission, spectra.photons))


def _sources(companions: Runs, others: Runs, directions: Runs, band: Band, v: Values) -> Sources:
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


def _pupil(maps: Runs, optics: RelayOptics, v: Values) -> PupilState:
    opd = optics.pupil_opd(_coefficients(v, M1_ZERNIKES), _opd_map(maps, v))
    return PupilState(diameter=v[M1_DIAMETER.key], opd=opd)


def _relay(maps: tuple[Runs, ...], v: Values) -> tuple[SurfaceState, ...]:
    """Return the state of each surface behind the pupil, in the order of the light; `maps` has an item for each."""
    surfaces = []
    if len(maps) > 0:
        relay = RayMatrix().surface(v[M1_FOCAL_LENGTH.key]).gap(v[M1_M2_SEPARATION.key])
        surfaces.append(_surface(relay, v[M2_DIAMETER.key], _coefficients(v, M2_ZERNIKES), _opd_map(maps[0], v)))
    if len(maps) > 1:
        relay = relay.surface(v[M2_FOCAL_LENGTH.key]).gap(v[M2_M3_SEPARATION.key])
        surfaces.append(_surface(relay, v[M3_DIAMETER.key], _coefficients(v, M3_ZERNIKES), _opd_map(maps[1], v)))
    return tuple(surfaces)


def _surface(relay: RayMatrix, diameter: Array, coefficients: Array, opd_map: Array | None) -> SurfaceState:
    return SurfaceState(
        beam_scale=relay.a,
        distance=relay.collimated_distance,
        diameter=diameter,
        coefficients=coefficients,
        opd_map=opd_map,
    )


def _coefficients(v: Values, zernikes: Parameter) -> Array:
    """Return Zernike coefficients in metres; none where the configuration has no basis."""
    return v.get(zernikes.key, jnp.zeros(0)) * NANOMETRE


def _opd_map(runs: Runs, v: Values) -> Array | None:
    """Return the sum of the maps of a surface in metres, or None if there are none."""
    maps = [run(v) for run in runs]
    return sum(maps[1:], maps[0]) if maps else None


def _exit(runs: Runs, pupil: PupilState, v: Values) -> PupilState:
    """Return the pupil with the defocus and the pointing of the relay behind it."""
    shifts = [run(v) for run in runs]
    shift = sum(shifts[1:], shifts[0]) if shifts else None
    return pupil._replace(defocus=v.get(DEFOCUS.key, jnp.zeros(())) * NANOMETRE, line_of_sight=shift)


def _optical_image(
    npix: int,
    nodes_per_pixel: int,
    exit_runs: Runs,
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
        _exit(exit_runs, pupil, v),
        relay,
        v[PLATE_SCALE.key] * ARCSEC,
        nodes=jnp.asarray(pixel_nodes(npix, nodes_per_pixel), dtype=sources.photons.dtype),
        nodes_per_pixel=nodes_per_pixel,
    )


def _image(
    steps: tuple[tuple[Callable[..., Any], int], ...], optical_image: Array, v: Values
) -> Float[Array, "npix npix"]:
    """Return the expected electrons: the optical image after each effect of the detector, without its margin."""
    image = optical_image
    for run, margin in steps:
        image = run(image, margin, v)
    return image


def _energy(
    margin: int,
    exit_runs: Runs,
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
            for name, field in optics.planes(wavelength, angle, _exit(exit_runs, pupil, v), relay).items():
                total[name] = total.get(name, jnp.zeros(())) + sources.photons[source, w] * field.power
    return {**total, "image": crop(optical_image, margin).sum()}
