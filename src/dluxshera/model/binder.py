"""Binders: a configuration, a spec and a base store of a system, bound into functions from store to image.

`SheraBinder` has the methods; the binder of each system only names its type of configuration.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dluxshera.errors import ConfigError
from dluxshera.graph import SystemGraph, is_traced
from dluxshera.model.checks import check_spec, check_store
from dluxshera.model.evaluator import Evaluator, evaluator_of
from dluxshera.model.graph import system_graph
from dluxshera.model.optics import SystemOptics, system_optics
from dluxshera.model.precision import warn_single_precision
from dluxshera.optics import Exposure, draw_exposure
from dluxshera.params import AbstractImageModel, ParameterStore, ParamSpec
from dluxshera.systems import (
    EXPOSURE_TIME,
    FRAME_TIME,
    FULL_WELL,
    READ_NOISE,
    SheraConfig,
    SheraFourPlaneConfig,
    SheraThreePlaneConfig,
    SheraTwoPlaneConfig,
)


class SheraBinder(AbstractImageModel):
    """Base class of the binders of all systems; abstract.

    A binder is a pytree and its methods are pure, so they go through `jax.jit`, `jax.grad` and `jax.vmap`. All its
    results are outputs of its `graph`. Derived values are recomputed at each call. The optics are built once for each
    structure, and the image is compiled once for each structure: configurations that differ only in their name or in
    their design share both.

    Parameters
    ----------
    config : SheraConfig
        Structure, of the binder's system.
    spec : ParamSpec
        Any of the system's specs, built from the same configuration.
    store : ParameterStore, optional
        Base values; by default those of the spec.

    Raises
    ------
    ConfigError
        If the configuration or the spec is not one of the binder's system, they do not belong together, or the
        configuration cannot be built.
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
    _evaluator: Evaluator = eqx.field(static=True)

    config_type: ClassVar[type[SheraConfig]]

    def __init__(self, config: SheraConfig, spec: ParamSpec, store: ParameterStore | None = None) -> None:
        if not isinstance(config, self.config_type):
            raise ConfigError("config", expected=f"a {self.config_type.__name__}", got=config)
        check_spec(config, spec)
        self._evaluator = evaluator_of(config, spec)
        self.store = ParameterStore.from_spec_defaults(spec) if store is None else store
        check_store(spec, self.store)
        values = self.store if not is_traced(self.store.values()) else ParameterStore.from_spec_defaults(spec)
        self.optics = system_optics(config, self._evaluator.sampling_for(values))
        if jnp.result_type(float) == jnp.float32:
            warn_single_precision()

    @property
    def config(self) -> SheraConfig:
        """Structural configuration."""
        return self._evaluator.config

    @property
    def spec(self) -> ParamSpec:
        """Spec of the stores that the methods take."""
        return self._evaluator.spec

    def predict(self, store: ParameterStore) -> Float[Array, "image image"]:
        """Return the expected image.

        Parameters
        ----------
        store : ParameterStore
            Full store of the binder's spec: ``binder.store.replace({...})``.

        Returns
        -------
        Array, shape (image_npix, image_npix)
            Photons per pixel in one exposure; rows grow with +y, columns with +x.

        Raises
        ------
        ParameterError
            If the store belongs to another spec.
        """
        evaluator = self._evaluator
        check_store(evaluator.spec, store)
        return evaluator.output("image", self.optics, store, self.store)

    image = predict  # under the name of `AbstractImageModel`

    def expand(
        self, store: ParameterStore, free: ParamSpec
    ) -> tuple[Float[Array, "image image"], Float[Array, "n image image"]]:
        """Return the expected image and its derivatives by the free parameters.

        Parameters
        ----------
        store, free
            Point of the derivatives, and ``binder.spec.subset(keys)``; see `AbstractImageModel`.

        Raises
        ------
        ParameterError
            If the store belongs to another spec.
        MissingKeyError, UnknownKeyError
            If the store has no value for a free parameter.
        """
        check_store(self.spec, store)
        return self._evaluator.expand(self.optics, store, self.store, free)

    def predict_batch(
        self, stores: Sequence[ParameterStore], chunk: int | None = None
    ) -> Float[Array, "stores image image"]:
        """Return the expected images of many stores.

        On processors, images are computed side by side in threads, bit by bit as by `predict`. On accelerators, and
        inside `jax.jit`, `jax.grad` and `jax.vmap`, one compiled loop computes them in chunks.

        Parameters
        ----------
        stores : sequence of ParameterStore
            Stores, each as for `predict`.
        chunk : int, optional
            Number of images computed at the same time, which bounds the memory beyond that of the result. By default
            the number of cores in threads, and otherwise 1 on processors and 16 on accelerators.

        Returns
        -------
        Array, shape (stores, image_npix, image_npix)
            Images as of `predict`, in the order of the stores.

        Raises
        ------
        ConfigError
            If there is no store, or `chunk` is not positive.
        ParameterError
            If a store belongs to another spec.
        """
        if not stores:
            raise ConfigError("stores", expected="at least one store", got=stores)
        if chunk is not None and chunk < 1:
            raise ConfigError("chunk", expected="a positive number of images", got=chunk)
        for store in stores:
            check_store(self.spec, store)
        return self._evaluator.images(self.optics, stores, self.store, chunk)

    @property
    def graph(self) -> SystemGraph:
        """The model as a graph of named nodes, which caches results by content for stores that differ in few values.

        Its inputs are the spec's primitives, so it takes stores: ``binder.graph.value("image", store)``. The same
        binder always has the same graph. Its derived values are computed by the nodes that `predict` runs.
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
            Full store of the binder's spec. It has to be the forward spec, which has the frames and the full well.
        seed : int
            Seed of the random numbers; equal seeds give equal exposures.

        Returns
        -------
        Exposure
            Electrons, their variance, and a mask of the pixels that exceed the full well in a frame; nothing is
            clipped.

        Raises
        ------
        ConfigError
            If the spec has no exposure time, frame time or full well.
        ParameterError
            If the store belongs to another spec.
        """
        keys = (EXPOSURE_TIME.key, FRAME_TIME.key, FULL_WELL.key)
        if missing := [key for key in keys if key not in self.spec]:
            remedy = "Use the forward spec: build_forward_model_spec_from_config(config)"
            raise ConfigError("spec", expected=f"a spec with {', '.join(missing)}", got=self.spec.title, remedy=remedy)
        expected = self.predict(store)
        exposure_time, frame_time, full_well = (store[key] for key in keys)
        read_noise = store.get(READ_NOISE.key, 0.0)
        return draw_exposure(jax.random.key(seed), expected, exposure_time, frame_time, full_well, read_noise)

    def derived(self, store: ParameterStore) -> dict[str, Any]:
        """Return the derived values that belong to a store, explicit overrides among them."""
        check_store(self.spec, store)
        return self._evaluator.derived(store)

    def energy(self, store: ParameterStore) -> dict[str, Float[Array, ""]]:
        """Return the photons that pass each plane, summed over stars and band.

        ``pupil`` has all photons of the store's flux, and ``beyond_grid`` those of them that leave the pupil at larger
        angles than the model's grids carry, which reach no other plane. ``surface_1_in`` and ``surface_1_out`` are
        before and behind M2, ``surface_2_in`` and ``surface_2_out`` M3, where the system has them; ``exit`` has those
        that reach the detector's plane, ``image`` those on the image's pixels.
        """
        check_store(self.spec, store)
        photons = self._evaluator.output("energy", self.optics, store, self.store)
        return {
            name: photons[name] for name in ("pupil", "beyond_grid", *self.optics.plane_names[1:], "image")
        }  # jit sorts by name

    def __hash__(self) -> int:  # by identity, so that jax.jit takes its methods, though it holds arrays
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other


class SheraTwoPlaneBinder(SheraBinder):
    """A SHERA two-plane model, the pupil and the detector in focus: structure, parameters and base values.

    Parameters
    ----------
    config : SheraTwoPlaneConfig
        Structure.
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
        Structure.
    spec : ParamSpec
        `build_forward_model_spec_from_config`, `build_inference_spec_basic` or `build_inference_spec_physics` of the
        same configuration.
    store : ParameterStore, optional
        Base values; by default those of the spec.

    Examples
    --------
    >>> import jax; jax.config.update("jax_enable_x64", True)
    >>> import dluxshera as ds
    >>> config = ds.SHERA_FLIGHT_CONFIG.replace(image_npix=32)
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
        Structure.
    spec : ParamSpec
        `build_forward_model_spec_from_config`, `build_inference_spec_basic` or `build_inference_spec_physics` of the
        same configuration.
    store : ParameterStore, optional
        Base values; by default those of the spec.
    """

    config_type = SheraFourPlaneConfig

    def __init__(self, config: SheraFourPlaneConfig, spec: ParamSpec, store: ParameterStore | None = None) -> None:
        super().__init__(config, spec, store)


def binder_of(config: SheraConfig, spec: ParamSpec, store: ParameterStore | None = None) -> SheraBinder:
    """Return the binder of the configuration's system: ``binder_of(*load_model(source))``.

    Parameters
    ----------
    config : SheraConfig
        Configuration of any system.
    spec, store
        Arguments of the binder.

    Raises
    ------
    ConfigError
        If no system has such a configuration, or the binder cannot be built.
    """
    binders = (SheraTwoPlaneBinder, SheraThreePlaneBinder, SheraFourPlaneBinder)
    for binder in binders:
        if type(config) is binder.config_type:
            return binder(config, spec, store)  # type: ignore[arg-type]  # config_type is that of its argument
    names = " or ".join(binder.config_type.__name__ for binder in binders)
    raise ConfigError("config", expected=f"a {names}", got=config)


_graphs: WeakKeyDictionary[SheraBinder, SystemGraph] = WeakKeyDictionary()
_graphs_lock = threading.Lock()
