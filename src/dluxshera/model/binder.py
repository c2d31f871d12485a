"""Binders: a configuration, a spec and a base store of a system, bound into a function from store to image.

The three systems share all of it; a binder's class says which configuration it takes.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Sequence
from functools import cache
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dluxshera.errors import ConfigError, ParameterError
from dluxshera.graph import SystemGraph
from dluxshera.model.graph import system_graph
from dluxshera.model.optics import SystemOptics, system_optics
from dluxshera.optics import Exposure, draw
from dluxshera.params import ParameterStore, ParamSpec
from dluxshera.systems import (
    EFFECTS,
    EXPOSURE_TIME,
    FRAME_TIME,
    FULL_WELL,
    READ_NOISE,
    SHERA_RESOLVER,
    SheraConfig,
    SheraFourPlaneConfig,
    SheraThreePlaneConfig,
    SheraTwoPlaneConfig,
)


class PrecisionWarning(UserWarning):
    """A model was built in single precision."""


class SheraBinder(eqx.Module):
    """What the binders of all systems share; abstract.

    A binder is a pytree and its methods are pure, so they go through `jax.jit`, `jax.grad` and `jax.vmap`. All that it
    computes is an output of its `graph`, compiled as a whole. Built optics are shared through a cache; derived values
    are computed anew at each call.

    Parameters
    ----------
    config : SheraConfig
        The structure, of the binder's system.
    spec : ParamSpec
        Any of the system's specs, built from the same configuration.
    store : ParameterStore, optional
        Base values; by default those of the spec.

    Raises
    ------
    ConfigError
        If the configuration or the spec is not one of the binder's system, or the configuration cannot be built.
    ParameterError
        If the store is not of that spec.
    DerivationError
        If a derived key of the spec cannot be computed.

    Warns
    -----
    PrecisionWarning
        In single precision, once per process.
    """

    store: ParameterStore
    optics: SystemOptics
    config: SheraConfig = eqx.field(static=True)
    spec: ParamSpec = eqx.field(static=True)

    config_type: ClassVar[type[SheraConfig]]

    def __init__(self, config: SheraConfig, spec: ParamSpec, store: ParameterStore | None = None) -> None:
        if not isinstance(config, self.config_type):
            raise ConfigError("config", expected=f"a {self.config_type.__name__}", got=config)
        if spec.system_id != config.system_id:
            raise ConfigError("spec", expected=f"a spec of {config.system_id}", got=spec.title)
        SHERA_RESOLVER.check(spec)
        for group, noll in config.bases.items():
            key = f"{group}.zernike_coeffs_nm"
            had = spec[key].components if key in spec else ()
            if had != tuple(f"Z{j}" for j in noll):
                raise ConfigError(
                    "spec",
                    expected=f"{key} with one coefficient for each Noll index of the configuration, {noll}",
                    got=had,
                    remedy="Build the spec from the same configuration",
                )
        _check_effects(config, spec)
        self.config = config
        self.spec = spec
        self.store = ParameterStore.from_spec_defaults(spec) if store is None else store
        self._check_store(self.store)
        self.optics = system_optics(config)
        if jnp.result_type(float) == jnp.float32:
            _warn_single_precision()

    def predict(self, store: ParameterStore) -> Float[Array, "image image"]:
        """Return the expected image.

        Parameters
        ----------
        store : ParameterStore
            A full store of the binder's spec: ``binder.store.replace({...})``.

        Returns
        -------
        Array, shape (image_npix, image_npix)
            Photons per pixel in one exposure; rows grow with +y, columns with +x.

        Raises
        ------
        ParameterError
            If the store belongs to another spec.
        """
        self._check_store(store)
        return _predict(self, self._values(store))

    def predict_batch(self, stores: Sequence[ParameterStore], chunk: int = 4) -> Float[Array, "stores image image"]:
        """Return the expected images of many stores.

        Parameters
        ----------
        stores : sequence of ParameterStore
            Each as `predict` takes it.
        chunk : int
            How many images are computed at the same time: memory grows with it, and not with the number of stores
            beyond that of their images. A few keep the cores busy; many cost more in memory traffic than they gain
            (see the benchmarks).

        Returns
        -------
        Array, shape (stores, image_npix, image_npix)
            As of `predict`, in the order of the stores.

        Raises
        ------
        ConfigError
            If there is no store, or `chunk` is not positive.
        ParameterError
            If a store belongs to another spec.
        """
        if not stores:
            raise ConfigError("stores", expected="at least one store", got=stores)
        if chunk < 1:
            raise ConfigError("chunk", expected="a positive number of images", got=chunk)
        for store in stores:
            self._check_store(store)
        values = [self._values(store) for store in stores]
        stacked = {key: jnp.stack([jnp.asarray(one[key], float) for one in values]) for key in values[0]}
        return _predict_batch(self, stacked, chunk)

    @property
    def graph(self) -> SystemGraph:
        """The model as a graph of named nodes, which keeps results by content: for what differs in little.

        Its inputs are the spec's primitives, so it takes stores: ``binder.graph.value("image", store)``. The same
        binder always has the same graph.
        """
        with _graphs_lock:
            if self not in _graphs:
                _graphs[self] = system_graph(self.config, self.spec, self.optics)
            return _graphs[self]

    def expose(self, store: ParameterStore, seed: int) -> Exposure:
        """Return one noisy exposure: photon noise and, where the model has electronics, read noise of each frame.

        Parameters
        ----------
        store : ParameterStore
            A full store of the binder's spec, which has to be the forward one: it knows frames and full well.
        seed : int
            The same seed gives the same exposure.

        Returns
        -------
        Exposure
            Electrons, their variance, and which pixels exceed the full well in a frame; nothing is clipped.

        Raises
        ------
        ConfigError
            If the spec does not say how the exposure is made.
        ParameterError
            If the store belongs to another spec.
        """
        needed = (EXPOSURE_TIME.key, FRAME_TIME.key, FULL_WELL.key)
        if missing := [key for key in needed if key not in self.spec]:
            remedy = "Use the forward spec: build_forward_model_spec_from_config(config)"
            raise ConfigError("spec", expected=f"a spec with {', '.join(missing)}", got=self.spec.title, remedy=remedy)
        expected = self.predict(store)
        exposure_time, frame_time, full_well = (store[key] for key in needed)
        read_noise = store.get(READ_NOISE.key, 0.0)
        return draw(jax.random.key(seed), expected, exposure_time, frame_time, full_well, read_noise)

    def derived(self, store: ParameterStore) -> dict[str, Any]:
        """Return the derived values that go with a store, explicit overrides among them."""
        self._check_store(store)
        return SHERA_RESOLVER.resolve(self.spec, store)

    def energy(self, store: ParameterStore) -> dict[str, Float[Array, ""]]:
        """Return the photons that pass each plane, summed over stars and band.

        ``pupil`` is all that the store's flux says; ``surface_1_in`` and ``surface_1_out`` are before and behind M2's
        aperture, ``surface_2_in`` and ``surface_2_out`` M3's, where the system has them; ``exit`` is what reaches the
        detector's plane, ``image`` what falls on the image's pixels.
        """
        self._check_store(store)
        passed = _energy(self, self._values(store))
        return {name: passed[name] for name in (*self.optics.plane_names, "image")}  # jit sorts by name

    def __hash__(self) -> int:  # by identity, so that jax.jit takes its methods, though it holds arrays
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other

    def _check_store(self, store: object) -> None:
        if not isinstance(store, ParameterStore) or store.spec != self.spec:
            raise ParameterError(
                "store",
                expected=f"a ParameterStore of the binder's {self.spec.title} spec",
                got=f"one of {store.spec.title}" if isinstance(store, ParameterStore) else store,
                remedy="Vary the base store: binder.store.replace({key: value})",
            )

    def _values(self, store: ParameterStore) -> dict[str, Any]:
        """Return primitives and derived values; derived in float64 where the store has NumPy numbers.

        In focus, the defocus is a difference of large terms; single precision would leave a twentieth of a nanometre.
        """
        return {**store, **SHERA_RESOLVER.resolve(self.spec, store)}


class SheraTwoPlaneBinder(SheraBinder):
    """A SHERA two-plane model, the pupil and the detector in focus: structure, parameters and base values.

    Parameters
    ----------
    config : SheraTwoPlaneConfig
        The structure.
    spec : ParamSpec
        `build_forward_model_spec_from_config`, `build_inference_spec_basic` or `build_inference_spec_physics` of the
        same configuration.
    store : ParameterStore, optional
        Base values; by default those of the spec.
    """

    config_type = SheraTwoPlaneConfig

    def __init__(self, config: SheraTwoPlaneConfig, spec: ParamSpec, store: ParameterStore | None = None) -> None:
        super().__init__(config, spec, store)


class SheraThreePlaneBinder(SheraBinder):
    """A SHERA three-plane model, M1, M2 and the detector: structure, parameters and base values bound together.

    Parameters
    ----------
    config : SheraThreePlaneConfig
        The structure.
    spec : ParamSpec
        `build_forward_model_spec_from_config`, `build_inference_spec_basic` or `build_inference_spec_physics` of the
        same configuration.
    store : ParameterStore, optional
        Base values; by default those of the spec.

    Examples
    --------
    >>> import jax; jax.config.update("jax_enable_x64", True)
    >>> import dluxshera as ds
    >>> config = ds.SHERA_FLIGHT_CONFIG.replace(pupil_npix=64, image_npix=32)
    >>> spec = ds.build_forward_model_spec_from_config(config)
    >>> binder = ds.SheraThreePlaneBinder(config, spec)
    >>> binder.predict(binder.store).shape
    (32, 32)
    """

    config_type = SheraThreePlaneConfig

    def __init__(self, config: SheraThreePlaneConfig, spec: ParamSpec, store: ParameterStore | None = None) -> None:
        super().__init__(config, spec, store)


class SheraFourPlaneBinder(SheraBinder):
    """A SHERA four-plane model, with a surface M3 between M2 and the detector: structure, parameters and base values.

    Parameters
    ----------
    config : SheraFourPlaneConfig
        The structure.
    spec : ParamSpec
        `build_forward_model_spec_from_config`, `build_inference_spec_basic` or `build_inference_spec_physics` of the
        same configuration.
    store : ParameterStore, optional
        Base values; by default those of the spec.
    """

    config_type = SheraFourPlaneConfig

    def __init__(self, config: SheraFourPlaneConfig, spec: ParamSpec, store: ParameterStore | None = None) -> None:
        super().__init__(config, spec, store)


_graphs: WeakKeyDictionary[SheraBinder, SystemGraph] = WeakKeyDictionary()
_graphs_lock = threading.Lock()


def _output(binder: SheraBinder, name: str, values: dict[str, Any]) -> Any:
    graph = system_graph(binder.config, binder.spec, binder.optics, compiled=False)
    return graph.function(name)(values)[name]


@eqx.filter_jit
def _predict(binder: SheraBinder, values: dict[str, Any]) -> Array:
    return _output(binder, "image", values)


@eqx.filter_jit
def _predict_batch(binder: SheraBinder, values: dict[str, Array], chunk: int) -> Array:
    return jax.lax.map(lambda one: _output(binder, "image", one), values, batch_size=chunk)


@eqx.filter_jit
def _energy(binder: SheraBinder, values: dict[str, Any]) -> dict[str, Array]:
    return _output(binder, "energy", values)


def _check_effects(config: SheraConfig, spec: ParamSpec) -> None:
    """Raise for a spec with other effects than the configuration, or with lists and maps of other sizes."""
    parameters = [
        (name, item) for name in config.effects for item in EFFECTS[name].parameters_in(spec.system_id, spec.name)
    ]
    keys = {parameter.key for _, parameter in parameters}
    for key, item in spec.items():
        if item.effect and key not in keys:
            raise ConfigError(
                "config",
                expected=f"the effect {item.effect}, for the spec has {key}",
                got=config.effects,
                remedy="Build the spec from the same configuration",
            )
    for name, parameter in parameters:
        key, side = parameter.key, parameter.map_side
        if key not in spec:
            raise ConfigError(
                "spec",
                expected=f"{key}, for the configuration has the effect {name}",
                got=spec.title,
                remedy="Build the spec from the same configuration",
            )
        size = (getattr(config, side),) * 2 if side else spec[key].shape
        if spec[key].shape != size:
            raise ConfigError("spec", expected=f"{key} of shape {size}, as the configuration", got=spec[key].shape)


@cache  # once per process
def _warn_single_precision() -> None:
    warnings.warn(
        "the model is built in single precision, whose rounding biases a fitted separation by about 1 microarcsec; call"
        " jax.config.update('jax_enable_x64', True) before building it",
        PrecisionWarning,
        stacklevel=3,
    )
