"""The graph of each system: the nodes through which parameter values drive the optics.

Nodes of the derived parameters have the names of their keys; the others follow the light: ``band``, ``sources``,
``pupil``, ``relay``, ``light``, ``optical_image`` and ``image``, and beside them ``energy``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array

from dluxshera.graph import DLuxSystemNode, Node, SystemGraph
from dluxshera.model.checks import tables_of
from dluxshera.model.derived import derived_nodes
from dluxshera.model.light import (
    Runs,
    detected_image,
    light,
    optical_image,
    plane_photons,
    point_sources,
    pupil_state,
    sample_band,
    surface_states,
)
from dluxshera.optics import RelayOptics
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
    SheraConfig,
    SourceHook,
    SurfaceHook,
)

HookKind = TypeVar("HookKind", bound=Hook)


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


@dataclass(frozen=True)
class _Compiled:
    """A compiled function that pickles, unlike one that JAX has wrapped."""

    call: Callable[..., Any]

    def __call__(self, *inputs: Any) -> Any:
        return _compiled(self.call, *inputs)


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
        config, surfaces = self.config, self.config.surfaces
        band, pointing, surface = self._hooks(BandHook), self._hooks(PointingHook), self._hooks(SurfaceHook)
        companions, sources, directions = (self._hooks(kind) for kind in (CompanionHook, SourceHook, DirectionHook))
        maps = [[hook for hook in surface if hook.surface == number] for number in range(surfaces + 1)]
        margins = [(hook, hook.margin(config)) for hook in self._hooks(DetectorHook)]
        detector = sorted(margins, key=lambda item: item[1] == 0)  # those with a margin first
        margin = sum(pixels for _, pixels in detector)
        return [
            self._node(
                "band",
                self._keys((WAVELENGTH, BANDWIDTH), band),
                "wavelengths and the weights of spectra",
                sample_band,
                (self.optics.sampling.n_wavelengths, _runs(band), tables_of(config)),
            ),
            self._node(
                "sources",
                self._keys(_STARS, [*companions, *sources, *directions]),
                "point sources",
                point_sources,
                (_runs(companions), _runs(sources), _runs(directions)),
                "band",
            ),
            self._node(
                "pupil",
                self._keys((M1_DIAMETER, M1_ZERNIKES), maps[0]),
                "size and OPD of the pupil",
                pupil_state,
                (_runs(maps[0]),),
            ),
            self._node(
                "relay",
                self._keys(_TO_SURFACES[surfaces], [hook for hooks in maps[1:] for hook in hooks]),
                "where the light meets each surface",
                surface_states,
                (tuple(map(_runs, maps[1:])),),
            ),
            self._node(
                "light",
                self._keys((PLATE_SCALE, DEFOCUS), pointing),
                "all that the image depends on",
                light,
                (_runs(pointing),),
                *("band", "sources", "pupil", "relay"),
            ),
            self._system_node("optical_image", (), "photons", optical_image, (), "light"),
            self._node(
                "image",
                self._keys((), [hook for hook, _ in detector]),
                "expected electrons",
                detected_image,
                (tuple((hook.run, pixels) for hook, pixels in detector),),
                "optical_image",
            ),
            self._system_node(
                "energy", (), "photons that pass each plane", plane_photons, (margin,), "light", "optical_image"
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
        run = _Compiled(plain.fn) if self.compiled else plain.fn
        return DLuxSystemNode(plain.name, self.optics, plain.inputs, run, plain.doc)


def _runs(hooks: Iterable[Hook]) -> Runs:
    return tuple(hook.run for hook in hooks)


def _arrays(keys: tuple[str, ...], values: tuple[Any, ...]) -> dict[str, Array]:
    dtype = jnp.result_type(float)
    return {key: jnp.asarray(value, dtype=dtype) for key, value in zip(keys, values, strict=True)}
