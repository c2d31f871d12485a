"""The boxes by which a system graph is drawn: its nodes, and its inputs in groups."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from dluxshera.drawing import Box, Look, layered_drawing
from dluxshera.graph.node import DLuxSystemNode, Node


def graph_drawing(nodes: Iterable[Node], inputs: Sequence[str], overridable: Collection[str]) -> str:
    """Draw a system graph: inputs dashed, functions filled, optical systems with a heavy border.

    Inputs of the same group (the part of a name before the dot) that go to the same nodes share a box.

    Parameters
    ----------
    nodes : iterable of Node
        Nodes in an order in which they can be run.
    inputs : sequence of str
        Names of the inputs.
    overridable : collection of str
        Names of the nodes that a value can override.

    Returns
    -------
    str
        An ``<svg>`` element.
    """
    order = list(nodes)
    boxes: dict[str, Box] = {}
    box_of: dict[str, str] = {}
    for names in _input_groups(order, inputs):
        boxes[names[0]] = _input_box(names)
        box_of |= dict.fromkeys(names, names[0])
    for node in order:
        boxes[node.name] = _node_box(node, node.name in overridable)
        box_of[node.name] = node.name
    edges = [(box_of[name], node.name) for node in order for name in node.inputs]
    label = f"Graph of {len(order)} nodes and {len(inputs)} inputs"
    return layered_drawing(boxes, edges, label=label)


def _node_box(node: Node, overridable: bool) -> Box:
    title = f"{node.name}: {node.doc}" if node.doc else node.name
    look: Look = "heavy" if isinstance(node, DLuxSystemNode) else "filled"
    return Box((node.name,), f"{title} (can be overridden)" if overridable else title, look)


def _input_box(names: Sequence[str]) -> Box:
    if len(names) == 1:
        return Box((names[0],), names[0], "dashed")
    group = names[0].partition(".")[0]
    return Box(tuple(name.partition(".")[2] for name in names), ", ".join(names), "dashed", heading=group)


def _input_groups(nodes: Sequence[Node], inputs: Sequence[str]) -> list[list[str]]:
    """Return the inputs that share a box, in the order of the first input of each box."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for name in inputs:
        group, dot, _ = name.partition(".")
        users = tuple(node.name for node in nodes if name in node.inputs)
        groups.setdefault((group, *users) if dot else ("", name), []).append(name)
    return list(groups.values())
