"""`Evaluator`: outputs of a model as functions of a store."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from dluxshera.graph import Node
from dluxshera.model.checks import check_tables, tables_of
from dluxshera.model.derived import derived_nodes
from dluxshera.model.graph import system_graph
from dluxshera.model.optics import SystemOptics
from dluxshera.params import ParameterStore, ParamSpec
from dluxshera.systems import SHERA_RESOLVER, SheraConfig


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
        self._tables = tables_of(config)
        self._needs: dict[str, _Needs] = {}

    def __repr__(self) -> str:
        return f"Evaluator of {self.spec.title}"

    def __reduce__(self) -> tuple[Any, ...]:
        return evaluator_of, (self.config, self.spec)

    def derived(self, store: ParameterStore) -> dict[str, Any]:
        """Return the derived values in the order of the spec, explicit overrides among them."""
        values = self._with_derived(self._derived, store)
        return {key: values[key] for key in self.spec.derived}

    def output(self, name: str, optics: SystemOptics, store: ParameterStore) -> Any:
        """Return the output `name` of the model's graph."""
        needs = self._needs.get(name) or self._needs_of(name, optics)
        values = self._with_derived(needs.derived, store)
        return self._program.output(name, optics, {key: values[key] for key in needs.keys})

    def images(self, optics: SystemOptics, stores: Sequence[ParameterStore], chunk: int) -> Array:
        """Return the images of many stores, computing `chunk` of them at a time."""
        needs = self._needs.get("image") or self._needs_of("image", optics)
        rows = [self._with_derived(needs.derived, store) for store in stores]
        columns = {key: _stacked([values[key] for values in rows]) for key in needs.keys}
        return self._program.images(optics, columns, chunk)

    def _with_derived(self, nodes: Iterable[Node], store: ParameterStore) -> dict[str, Any]:
        """Return the values of a store and of nodes, which run in order; an override replaces a node's value."""
        check_tables(self._tables, store)
        values = dict(store.items())
        for node in nodes:
            if node.name not in values:
                values[node.name] = node.fn(*map(values.__getitem__, node.inputs))
        return values

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

    @partial(jax.jit, static_argnums=(0, 3))
    def images(self, optics: SystemOptics, values: dict[str, Array], chunk: int) -> Array:
        return jax.lax.map(lambda row: self.output("image", optics, row), values, batch_size=chunk)


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


def _stacked(values: Sequence[Any]) -> Array:
    if any(isinstance(value, jax.Array) for value in values):
        return jnp.stack([jnp.asarray(value, float) for value in values])
    return jnp.asarray(np.stack(values), float)
