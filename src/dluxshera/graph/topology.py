"""`Topology`: the nodes of a graph in order, their dependencies, and the errors of names that do not fit them."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from types import MappingProxyType
from typing import Any

from dluxshera.errors import GraphError, UnknownKeyError, near_matches
from dluxshera.graph.node import Node


class Topology:
    """The nodes, inputs and overridable nodes of a graph, checked.

    Parameters
    ----------
    nodes : iterable of Node
        Nodes in any order.
    inputs : iterable of str
        Names of the graph's inputs.
    overridable : iterable of str
        Names of nodes whose result a value may replace.

    Attributes
    ----------
    nodes : mapping of str to Node
        Nodes by name, each after the nodes that it depends on.

    Raises
    ------
    GraphError
        If names clash, an input of a node does not exist or nodes depend on each other in a cycle.
    UnknownKeyError
        If one of `overridable` is not a node.
    """

    def __init__(self, nodes: Iterable[Node], inputs: Iterable[str], overridable: Iterable[str]) -> None:
        if isinstance(inputs, str):
            raise GraphError(f"expected a sequence of names of inputs, got {inputs!r}")
        items, self.inputs = tuple(nodes), tuple(inputs)
        for node in items:
            if not isinstance(node, Node):
                raise GraphError(f"expected nodes, got {node!r}")
        _check_names([node.name for node in items], self.inputs)
        by_name = {node.name: node for node in items}
        _check_dependencies(by_name, self.inputs)
        self.nodes: Mapping[str, Node] = MappingProxyType(_ordered(by_name))
        self.overridable = frozenset(overridable)
        for name in sorted(self.overridable - by_name.keys()):
            raise UnknownKeyError(name, by_name, expected="a node that can be overridden")

    def names(self, outputs: str | Sequence[str]) -> tuple[str, ...]:
        """Return the names of outputs, one or several.

        Raises
        ------
        UnknownKeyError
            If a name is not that of a node or an input.
        """
        names = (outputs,) if isinstance(outputs, str) else tuple(outputs)
        for name in names:
            if name not in self.nodes and name not in self.inputs:
                raise UnknownKeyError(name, [*self.nodes, *self.inputs], expected="a node or an input of the graph")
        return names

    def needed(self, names: Iterable[str], overridden: Collection[str] = ()) -> tuple[list[Node], list[str]]:
        """Return the nodes to run for some names, in order, and the names of the values to start from."""
        reached, order = set(names), []
        for node in reversed(tuple(self.nodes.values())):
            if node.name in reached and node.name not in overridden:
                order.append(node)
                reached.update(node.inputs)
        leaves = [name for name in self.inputs if name in reached]
        return order[::-1], leaves + [name for name in self.nodes if name in reached and name in overridden]

    def downstream(self, names: Collection[str]) -> list[str]:
        """Return the names of the nodes that depend on one of the names, in order, and of those among the names."""
        reached = set(names)
        for node in self.nodes.values():
            if not reached.isdisjoint(node.inputs):
                reached.add(node.name)
        return [name for name in self.nodes if name in reached]

    def plan(self, names: tuple[str, ...], values: Mapping[str, Any]) -> tuple[list[Node], dict[str, Any]]:
        """Return the nodes to run for outputs, in order, and the values to start from.

        Raises
        ------
        UnknownKeyError
            If a name in `values` is not in the graph.
        GraphError
            If a value is missing, or stands for a node that cannot be overridden.
        """
        overridden = []
        for name in values:
            if name in self.overridable:
                overridden.append(name)
            elif name in self.nodes:
                inputs = self.needed([name])[1]
                remedy = f"Give its inputs: {', '.join(inputs) or 'it has none'}"
                raise GraphError("the node cannot be overridden", node=name, remedy=remedy)
            elif name not in self.inputs:
                names_of_values = [*self.inputs, *sorted(self.overridable)]
                expected = "an input of the graph or a node that can be overridden"
                raise UnknownKeyError(name, names_of_values, expected=expected)
        order, leaves = self.needed(names, frozenset(overridden))
        for name in leaves:
            if name not in values:
                path = self.path(names, name, values)
                needs_it = f", and {path[-2]} needs it" if path[1:] else ""
                raise GraphError(
                    f"the input {name} has no value{needs_it}", node=path[-2] if path[1:] else "", path=path
                )
        return order, {name: values[name] for name in leaves}

    def path(self, outputs: Iterable[str], target: str, values: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the shortest path from an output to a name, through nodes that no value overrides."""
        paths: deque[tuple[str, ...]] = deque((name,) for name in outputs)
        reached = set(outputs)
        while paths[0][-1] != target:
            path = paths.popleft()
            for name in self.nodes[path[-1]].inputs if path[-1] in self.nodes and path[-1] not in values else ():
                if name not in reached:
                    reached.add(name)
                    paths.append((*path, name))
        return paths[0]


def _check_names(nodes: Sequence[str], inputs: Sequence[str]) -> None:
    for name, times in Counter([*nodes, *inputs]).items():
        if not name:
            raise GraphError("expected names of inputs, got an empty one")
        if times > 1:
            clashes = ["two nodes have this name", "a node and an input have this name", "the input comes twice"]
            raise GraphError(clashes[min(inputs.count(name), 2)], node=name, remedy="Names are unique in a graph")


def _check_dependencies(nodes: Mapping[str, Node], inputs: Sequence[str]) -> None:
    for node in nodes.values():
        for name in node.inputs:
            if name not in nodes and name not in inputs:
                near = near_matches(name, [*nodes, *inputs])
                raise GraphError(
                    "the graph has no such input or node",
                    node=node.name,
                    path=(node.name, name),
                    remedy=f"Did you mean {' or '.join(near)}?" if near else "Add it to the inputs of the graph",
                )


def _ordered(nodes: Mapping[str, Node]) -> dict[str, Node]:
    try:
        order = tuple(TopologicalSorter({name: node.inputs for name, node in nodes.items()}).static_order())
    except CycleError as error:
        circle = tuple(reversed(error.args[1]))
        raise GraphError("the nodes take one another's results in a circle", node=circle[0], path=circle) from None
    return {name: nodes[name] for name in order if name in nodes}
