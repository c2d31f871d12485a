"""`Evaluator`: outputs of a model as functions of a store."""

from __future__ import annotations

import os
import threading
from collections.abc import Hashable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final, NamedTuple
from weakref import WeakValueDictionary

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from dluxshera.graph import Node, is_traced
from dluxshera.model.checks import check_derived, check_finite
from dluxshera.model.derived import derived_nodes
from dluxshera.model.expansion import image_and_columns
from dluxshera.model.graph import system_graph
from dluxshera.model.optics import SystemOptics
from dluxshera.model.process import check_process
from dluxshera.model.reach import check_reach, reach_of
from dluxshera.model.size import check_size
from dluxshera.optics import Sampling
from dluxshera.params import Below, ParameterStore, ParamSpec, check_together
from dluxshera.systems import EFFECTS, SHERA_RESOLVER, DetectorHook, SheraConfig, sampling_for

# Images computed at the same time on an accelerator, which needs many to be busy; not measured.
ACCELERATOR_CHUNK: Final = 16


class Evaluator:
    """Outputs of the model of one configuration and spec, from built optics and the values of a store.

    An output is computed in two steps. The nodes of the derived parameters (`derived_nodes`) run first, on the values
    as they are: in float64 where these are NumPy numbers, so that the defocus, a difference of large terms, keeps its
    digits in a single-precision model; traced inside `jax.jit` or `jax.grad`, so that derivatives by their inputs are
    exact. The rest of the model's graph is one compiled function of the optics and of the values that the output needs.

    Use `evaluator_of`, which returns the same object for the same configuration and spec.
    """

    def __init__(self, config: SheraConfig, spec: ParamSpec) -> None:
        self.config, self.spec = config, spec
        nodes = {node.name: node for node in derived_nodes(spec)}
        self._derived = tuple(nodes[transform.key] for transform in SHERA_RESOLVER.order(spec))
        self._program = _program_of(config, spec)
        hooks = [EFFECTS[name].hook for name in config.effects]
        self._checks = tuple(hook.check for hook in hooks if isinstance(hook, DetectorHook))
        self._intervals = {key: spec[key].bounds.interval for key in spec.derived if spec[key].acts_on}
        # A store was checked when it was made, but for values that `jax.tree.map` put in: a table would give nonsense.
        self._constraints = tuple(each for each in spec.constraints if not isinstance(each, Below))
        self._needs: dict[str, _Needs] = {}

    def __repr__(self) -> str:
        return f"Evaluator of {self.spec.title}"

    def __reduce__(self) -> tuple[Any, ...]:
        return evaluator_of, (self.config, self.spec)

    def derived(self, store: ParameterStore) -> dict[str, Any]:
        """Return the derived values in the order of the spec, explicit overrides among them."""
        values = self._with_derived(self._derived, store)
        return {key: values[key] for key in self.spec.derived}

    def output(self, name: str, optics: SystemOptics, store: ParameterStore, built_with: ParameterStore) -> Any:
        """Return the output `name` of the model's graph, after a check that the optics suffice for the store."""
        needs = self._needs.get(name) or self._needs_of(name, optics)
        values = self._with_derived(needs.derived, store)
        self._check(optics, values, built_with)
        result = self._program.output(name, optics, {key: values[key] for key in needs.keys})
        check_finite(name, result, values, built_with)
        return result

    def images(
        self,
        optics: SystemOptics,
        stores: Sequence[ParameterStore],
        built_with: ParameterStore,
        chunk: int | None = None,
    ) -> Array:
        """Return the images of many stores, computing `chunk` of them at a time.

        On processors the program of a single image runs in `chunk` threads, by default as many as there are cores, and
        the images are bit by bit those of single calls. Where a value is traced and on accelerators, one program loops
        over chunks; by default their size is 1 on processors and `ACCELERATOR_CHUNK` elsewhere.
        """
        needs = self._needs.get("image") or self._needs_of("image", optics)
        every = [self._with_derived(needs.derived, store) for store in stores]
        for values in every:
            self._check(optics, values, built_with)
        rows = _placed([{key: values[key] for key in needs.keys} for values in every])
        on_processor = jax.default_backend() == "cpu"
        if on_processor and not is_traced([optics, rows]):
            images = self._program.images_in_threads(optics, rows, chunk or _cores())
            for i in np.flatnonzero(~np.isfinite(jnp.sum(images, axis=(1, 2)))):
                check_finite("image", images[i], every[i], built_with)
            return images
        columns = jax.tree.map(lambda *values: jnp.stack(values), *rows)
        images = self._program.images(optics, columns, chunk or (1 if on_processor else ACCELERATOR_CHUNK))
        check_finite("image", images, every[0], built_with)
        return images

    def sampling_for(self, store: ParameterStore) -> Sampling:
        """Return the sampling that the model needs at a store, whose values are not traced."""
        values = self._with_derived(self._derived, store)
        self._check_derived(values)
        reach = reach_of(self.config, values)
        sampling = sampling_for(self.config, reach)
        check_size(self.config, sampling, reach, values, self.spec)
        check_reach(sampling, reach, values, store)
        for check in self._checks:
            check(self.config, values)
        return sampling

    def _check(self, optics: SystemOptics, values: Mapping[str, Any], built_with: ParameterStore) -> None:
        if is_traced(values.values()):
            return  # an image beyond the limits is NaN
        self._check_derived(values)
        check_reach(optics.sampling, reach_of(self.config, values), values, built_with)
        for check in self._checks:
            check(self.config, values)

    def _check_derived(self, values: Mapping[str, Any]) -> None:
        for key, (low, high) in self._intervals.items():
            if key in values and not low < values[key] < high:  # true for NaN
                check_derived(self.spec, key, values)

    def expand(
        self, optics: SystemOptics, store: ParameterStore, built_with: ParameterStore, free: ParamSpec
    ) -> tuple[Array, Array]:
        """Return the image and its derivatives by the elements of the parameters `free`, in the order of its labels.

        The derivatives of the values that the image needs by theta are a small matrix for each value, `_slopes`. The
        compiled function takes them from there to the image, and is shared like that of the image.
        """
        needs = self._needs.get("image") or self._needs_of("image", optics)
        values = self._with_derived(needs.derived, store)
        self._check(optics, values, built_with)
        slopes, rows = _slopes(needs.derived, values, store, free)
        slopes = {key: slopes[key] for key in needs.keys if key in slopes}
        values = {key: values[key] for key in needs.keys}
        if not slopes:
            image = self._program.output("image", optics, values)
            expansion = image, jnp.zeros((len(free.labels), *image.shape))
        else:
            expansion = self._program.expand(optics, values, slopes, tuple((key, rows[key]) for key in slopes))
        check_finite("image and derivatives", expansion, values, built_with)
        return expansion

    def _with_derived(self, nodes: Iterable[Node], store: ParameterStore) -> dict[str, Any]:
        """Return the values of a store and of nodes, which run in order; an override replaces a node's value."""
        check_process()
        if self._constraints:
            check_together(self._constraints, store)
        with np.errstate(all="ignore"):  # what is not finite and acts raises in `_check`
            return _run(nodes, dict(store.items()))

    def _needs_of(self, name: str, optics: SystemOptics) -> _Needs:
        outline = jax.tree.map(lambda _: None, optics)  # the dependencies are those of any optics
        graph = system_graph(self.config, self.spec, outline, compiled=False)
        run = set(graph.needs(name))
        keys = {key for node in run - set(self.spec.derived) for key in graph.nodes[node].inputs}
        derived = tuple(node for node in self._derived if node.name in run)
        needs = _Needs(derived, tuple(key for key in self.spec if key in keys))
        return self._needs.setdefault(name, needs)


class _Needs(NamedTuple):
    """Parts of a model that an output needs: nodes of derived parameters, in order, and keys of other nodes' inputs."""

    derived: tuple[Node, ...]
    keys: tuple[str, ...]


class _Program:
    """The compiled functions of a structure: one object for each structure, compared by identity.

    Traces depend on the structure of a configuration and on the keys of a spec. They do not depend on the name and the
    design of the configuration or on the defaults and texts of the spec, so that one configuration and spec stand for
    all of the same structure.
    """

    def __init__(self, config: SheraConfig, spec: ParamSpec) -> None:
        self.config, self.spec = config, spec

    @partial(jax.jit, static_argnums=(0, 1))
    def output(self, name: str, optics: SystemOptics, values: Mapping[str, Any]) -> Any:
        graph = system_graph(self.config, self.spec, optics, compiled=False)
        return graph.function(name)(values)[name]

    @partial(jax.jit, static_argnums=(0, 4))
    def expand(
        self,
        optics: SystemOptics,
        values: dict[str, Any],
        slopes: dict[str, Array | np.ndarray],
        rows: tuple[tuple[str, frozenset[int]], ...],
    ) -> tuple[Array, Array]:
        graph = system_graph(self.config, self.spec, optics, compiled=False)
        return image_and_columns(graph, optics, values, jax.tree.map(jnp.asarray, slopes), dict(rows))

    @partial(jax.jit, static_argnums=(0, 3))
    def images(self, optics: SystemOptics, values: dict[str, Array], chunk: int) -> Array:
        return jax.lax.map(lambda row: self.output("image", optics, row), values, batch_size=chunk)

    def images_in_threads(self, optics: SystemOptics, rows: Sequence[dict[str, Array]], n_threads: int) -> Array:
        """Return the images of rows of values that are on the device, side by side in threads.

        The program is compiled before, because settings such as `jax.enable_x64` hold in one thread only.
        """
        lowered = _Program.output.lower(self, "image", optics, rows[0])
        compiled = lowered.compile()
        images = _aligned((len(rows), *lowered.out_info.shape), lowered.out_info.dtype)

        def compute(i: int) -> None:
            images[i] = compiled(optics, rows[i])

        pool = ThreadPoolExecutor(min(n_threads, len(rows)))
        try:
            for _ in pool.map(compute, range(len(rows))):  # raises the first exception
                pass
        finally:
            pool.shutdown(cancel_futures=True)
        return jax.device_put(images, may_alias=True)


_lock = threading.Lock()
_programs: dict[Hashable, _Program] = {}
_evaluators: WeakValueDictionary[tuple[SheraConfig, ParamSpec], Evaluator] = WeakValueDictionary()


def evaluator_of(config: SheraConfig, spec: ParamSpec) -> Evaluator:
    """Return the evaluator of a configuration and spec: the same object while one is in use."""
    key = (config, spec)
    evaluator = _evaluators.get(key)
    if evaluator is None:
        fresh = Evaluator(config, spec)
        with _lock:
            evaluator = _evaluators.setdefault(key, fresh)
    return evaluator


def _program_of(config: SheraConfig, spec: ParamSpec) -> _Program:
    # The content of the mask is part of the optics, which are an argument of the compiled functions.
    structure = tuple(config.replace(diffractive_pupil=None).structure().items())
    key = (structure, tuple((item.key, item.kind) for item in spec.values()))
    with _lock:
        return _programs.setdefault(key, _Program(config, spec))


def _run(nodes: Iterable[Node], values: dict[str, Any]) -> dict[str, Any]:
    for node in nodes:
        if node.name not in values:
            values[node.name] = node.fn(*map(values.__getitem__, node.inputs))
    return values


def _placed(rows: list[dict[str, Any]]) -> list[dict[str, Array]]:
    """Return rows of values on the device, all of the default float type."""
    dtype = np.dtype(jnp.result_type(float))
    arrays = [
        {
            key: jnp.asarray(value, dtype) if isinstance(value, jax.Array) else np.asarray(value, dtype)
            for key, value in row.items()
        }
        for row in rows
    ]
    placed: list[dict[str, Array]] = jax.device_put(arrays)
    return placed


def _aligned(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Return an array whose memory JAX takes over as it is, without a copy: it has to begin at a multiple of 64."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    memory = np.empty(size + 64, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + size].view(dtype).reshape(shape)


def _cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _slopes(
    nodes: Iterable[Node], values: Mapping[str, Any], store: ParameterStore, free: ParamSpec
) -> tuple[dict[str, Any], dict[str, frozenset[int]]]:
    """Return the derivatives by theta of each value that depends on it, theta's axis first, and the elements it is on.

    Those of the free parameters are rows of the identity; those of derived values follow by forward-mode derivatives
    of their nodes.
    """
    identity, start = np.eye(len(free.labels)), 0
    slopes: dict[str, Any] = {}
    rows: dict[str, frozenset[int]] = {}
    for field in free.fields:
        store[field.key]  # raises by name where the store has no value
        stop, key = start + len(field.labels), store.spec.current_key(field.key)
        slopes[key] = identity[:, start:stop].reshape(-1, *field.shape)
        rows[key] = frozenset(range(start, stop))
        start = stop
    dependent: dict[str, Node] = {}
    for node in nodes:
        if node.name not in store and (on := frozenset[int]().union(*(rows.get(name, ()) for name in node.inputs))):
            dependent[node.name], rows[node.name] = node, on
    if not dependent:
        return slopes, rows
    inputs = {name for node in dependent.values() for name in node.inputs} - dependent.keys()
    acting = {key: slope for key, slope in slopes.items() if key in inputs}
    of_derived = _derived_slopes(tuple(dependent.values()), {name: values[name] for name in inputs}, acting)
    return slopes | of_derived, rows


@partial(jax.jit, static_argnums=0)
def _derived_slopes(nodes: tuple[Node, ...], values: dict[str, Any], slopes: dict[str, Any]) -> dict[str, Any]:
    def derived(moved: dict[str, Any]) -> dict[str, Any]:
        run = _run(nodes, {**values, **moved})
        return {node.name: jnp.asarray(run[node.name], float) for node in nodes}

    at = {key: jnp.asarray(values[key], float) for key in slopes}
    return jax.vmap(lambda slope: jax.jvp(derived, (at,), (slope,))[1])(slopes)
