"""The nodes of a graph: `Node`, a named pure function, and `DLuxSystemNode`, one of an optical system."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable
from copy import copy
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from dluxshera.errors import GraphError
from dluxshera.graph.content import digest, is_traced


@dataclass(frozen=True, eq=False)
class Node:
    """A named value as a pure function of other named values.

    Parameters
    ----------
    name : str
        Name of the result.
    inputs : tuple of str
        Names of the arguments of the function: inputs of the graph, or other nodes.
    fn : callable
        Pure function of the values of the inputs, in their order. For `jax.jit` and `jax.grad` it has to be traceable.
    doc : str
        Result of the node, as a phrase.

    Raises
    ------
    GraphError
        If the name is empty, an input comes twice or is the node itself, or `fn` cannot be called.

    Examples
    --------
    >>> Node("area_m2", ("width_m", "height_m"), lambda width, height: width * height).inputs
    ('width_m', 'height_m')
    """

    name: str
    inputs: tuple[str, ...]
    fn: Callable[..., Any]
    doc: str = ""
    # Digest of the system of a `DLuxSystemNode`; None if that is traced.
    content: bytes | None = field(default=b"", init=False, repr=False)

    def __post_init__(self) -> None:
        if not self.name:
            raise GraphError(f"expected a name for the node, got {self.name!r}")
        if isinstance(self.inputs, str):
            raise GraphError(
                f"expected a sequence of names, got {self.inputs!r}", node=self.name, remedy=f"Write ({self.inputs!r},)"
            )
        object.__setattr__(self, "inputs", tuple(self.inputs))
        for i, name in enumerate(self.inputs):
            if name == self.name:
                raise GraphError("the node takes its own result", node=self.name, path=(name, name))
            if name in self.inputs[:i]:
                raise GraphError(f"the input {name} comes twice", node=self.name, remedy="Take it once")
        if not callable(self.fn):
            raise GraphError(f"expected a function, got {self.fn!r}", node=self.name)

    def check_pickles(self) -> None:
        """Check that the function of the node pickles.

        Raises
        ------
        GraphError
            If it does not, as a lambda or a function inside another function.
        """
        try:
            pickle.dumps(self._function)
        except Exception as error:  # of any type, by what the function refers to
            raise GraphError(
                f"the function does not pickle: {error}",
                node=self.name,
                remedy="Define it at the top level of a module, or build the graph in each process",
            ) from error

    @property
    def _function(self) -> Callable[..., Any]:
        """The function without an optical system, whose arrays pickle."""
        return self.fn

    def renamed(self, name: str, inputs: Iterable[str]) -> Node:
        """Return a node of another name that applies the same function to other inputs."""
        node = copy(self)
        object.__setattr__(node, "name", name)
        object.__setattr__(node, "inputs", tuple(inputs))
        return node


class DLuxSystemNode(Node):
    """A node that carries an optical system: its function is ``run(system, *inputs)``.

    The system is part of the node's identity by content: the bytes, dtypes and shapes of its arrays and its structure,
    read once, at construction.

    Parameters
    ----------
    name : str
        Name of the result.
    system : pytree
        System of dLux, or any other equinox module or pytree. It must not be changed in place.
    inputs : tuple of str
        Names of the arguments of the function after the system.
    run : callable
        Pure function of the system, then of the values of the inputs in their order.
    doc : str
        Result of the node, as a phrase.

    Raises
    ------
    GraphError
        As for `Node`, or if the system has parts without an identity by content.
    """

    system: Any
    run: Callable[..., Any]

    def __init__(self, name: str, system: Any, inputs: Iterable[str], run: Callable[..., Any], doc: str = "") -> None:
        if not callable(run):
            raise GraphError(f"expected a function, got {run!r}", node=name)
        super().__init__(name, inputs, partial(run, system), doc)  # type: ignore[arg-type]  # Node makes it a tuple
        try:
            content = None if is_traced([system]) else digest(system)
        except GraphError as error:
            raise GraphError(error.reason, node=name, remedy="It is part of the node's system") from None
        for attribute, value in (("system", system), ("run", run), ("content", content)):
            object.__setattr__(self, attribute, value)

    @property
    def _function(self) -> Callable[..., Any]:
        return self.run
