"""`replicated`: the nodes of a graph once for each exposure, as far as they depend on inputs that differ."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from re import fullmatch

from dluxshera.errors import GraphError, UnknownKeyError
from dluxshera.graph.node import Node
from dluxshera.graph.topology import Topology


def replicated(topology: Topology, varying: Sequence[str], exposures: Sequence[str]) -> Topology:
    """Return a topology in which some inputs, and the nodes that depend on them, exist once for each exposure.

    Parameters
    ----------
    topology : Topology
        Topology of one exposure.
    varying : sequence of str
        Inputs that differ between exposures.
    exposures : sequence of str
        Names of letters, digits and underscores; ``@<exposure>`` is added to the names of inputs and nodes.

    Raises
    ------
    UnknownKeyError
        If one of `varying` is not an input.
    GraphError
        If nothing varies, there are no exposures, or their names repeat or have other characters.
    """
    inputs, labels = _sequence(varying, "varying"), _sequence(exposures, "exposures")
    for name in inputs:
        if name not in topology.inputs:
            raise UnknownKeyError(name, topology.inputs, expected="an input of the graph")
    for label in labels:
        if not fullmatch(r"\w+", label):
            raise GraphError(f"expected exposures named by letters, digits and underscores, got {label!r}")
        if labels.count(label) > 1:
            raise GraphError(f"expected distinct exposures, got {label!r} twice")
    copied = {*inputs, *topology.downstream(inputs)}

    def names_of(name: str) -> list[str]:
        return [f"{name}@{label}" for label in labels] if name in copied else [name]

    def all_names(names: Iterable[str]) -> list[str]:
        return [copy for name in names for copy in names_of(name)]

    nodes: list[Node] = []
    for node in topology.nodes.values():
        if node.name not in copied:
            nodes.append(node)
            continue
        for i, name in enumerate(names_of(node.name)):
            nodes.append(node.renamed(name, [names_of(item)[i if item in copied else 0] for item in node.inputs]))
    return Topology(nodes, all_names(topology.inputs), all_names(sorted(topology.overridable)))


def _sequence(names: Sequence[str], argument: str) -> tuple[str, ...]:
    if isinstance(names, str) or not names:
        raise GraphError(f"expected a sequence of at least one name for {argument}, got {names!r}")
    return tuple(names)
