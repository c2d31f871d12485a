"""`derived_nodes`: the derived parameters of a spec as nodes of the model's graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from dluxshera.graph import Node
from dluxshera.params import ParamSpec, Transform
from dluxshera.systems import SHERA_RESOLVER


@lru_cache(maxsize=64)
def derived_nodes(spec: ParamSpec) -> tuple[Node, ...]:
    """Return a node for each derived parameter, in the order of the spec; equal specs share their nodes.

    Values that the configuration fixes are part of the function of a node and not among its inputs.

    Parameters
    ----------
    spec : ParamSpec
        Spec of a SHERA system.

    Raises
    ------
    DerivationError
        If a derived key cannot be computed. The error shows the path.
    """
    SHERA_RESOLVER.check(spec)
    registry = SHERA_RESOLVER.registry(spec.system_id)
    return tuple(_node(spec, registry[key]) for key in spec.derived)


def _node(spec: ParamSpec, transform: Transform) -> Node:
    names = (*transform.inputs, *transform.optional)
    constants = {name: spec.structural.get(name) for name in names if name in spec.structural or name not in spec}
    inputs = tuple(name for name in names if name not in constants)
    positions = tuple((i, constants[name]) for i, name in enumerate(names) if name in constants)
    fn = _WithConstants(transform.fn, positions) if positions else transform.fn
    return Node(transform.key, inputs, fn, spec[transform.key].title)


@dataclass(frozen=True)
class _WithConstants:
    """A function some of whose arguments are constant: pairs of position, ascending, and value."""

    fn: Callable[..., Any]
    constants: tuple[tuple[int, float | None], ...]

    def __call__(self, *values: Any) -> Any:
        arguments = list(values)
        for position, constant in self.constants:
            arguments.insert(position, constant)
        return self.fn(*arguments)
