"""A drawing of a graph as SVG: layers from left to right, in the colour of the text around it."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Final

from dluxshera.graph.node import DLuxSystemNode, Node

CHAR: Final = 6.9  # width of a character of the 11 px monospaced font, with some room
LINE: Final = 15.0
PADDING: Final = 8.0
ROW_GAP: Final = 12.0
COLUMN_GAP: Final = 44.0
MARGIN: Final = 6.0
SWEEPS: Final = 24
BOLD: Final = ' font-weight="bold"'
FONT: Final = "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace"

# Where the drawing is a document of its own there is no text around it; in a page this rule does not apply.
STANDALONE: Final = (
    "<style>svg:root { color-scheme: light dark; color: #222 } "
    "@media (prefers-color-scheme: dark) { svg:root { color: #ddd } }</style>"
)


@dataclass(frozen=True)
class Box:
    """A node, an input or a group of inputs: its first line is a heading if there are more."""

    names: tuple[str, ...]
    lines: tuple[str, ...]
    kind: str
    title: str

    @property
    def width(self) -> float:
        """Width that its text needs."""
        return CHAR * max(map(len, self.lines)) + 2 * PADDING

    @property
    def height(self) -> float:
        """Height that its text needs."""
        return LINE * len(self.lines) + 2 * PADDING


def svg_of(nodes: Iterable[Node], inputs: Sequence[str], overridable: Collection[str]) -> str:
    """Draw nodes, given in an order in which they can be run, and inputs.

    Inputs of the same group, which is what stands before the dot, that go to the same nodes share a box.
    """
    order = list(nodes)
    boxes = {box.names[0]: box for box in _input_boxes(order, inputs)}
    home = {name: first for first, box in boxes.items() for name in box.names}
    for node in order:
        boxes[node.name] = _node_box(node, node.name in overridable)
        home[node.name] = node.name
    edges = [edge for node in order for edge in dict.fromkeys((home[name], node.name) for name in node.inputs)]

    depth = dict.fromkeys(boxes, 0)
    for node in order:
        depth[node.name] = max((1 + depth[home[name]] for name in node.inputs), default=0)
    for name in boxes:  # a source stands just before the first box that needs it
        after = [depth[b] for a, b in edges if a == name]
        if after and not any(b == name for _, b in edges):
            depth[name] = min(after) - 1
    return _drawn(boxes, edges, depth)


def _node_box(node: Node, overridable: bool) -> Box:
    kind = "system" if isinstance(node, DLuxSystemNode) else "function"
    title = f"{node.name}: {node.doc}" if node.doc else node.name
    return Box((node.name,), (node.name,), kind, f"{title} (can be overridden)" if overridable else title)


def _input_boxes(nodes: Sequence[Node], inputs: Sequence[str]) -> list[Box]:
    """Return the inputs as boxes, in the order of the first input of each."""
    takers = {name: tuple(node.name for node in nodes if name in node.inputs) for name in inputs}
    grouped: dict[tuple[str, ...], list[str]] = {}
    for name in inputs:
        group, dot, _ = name.partition(".")
        grouped.setdefault((group, *takers[name]) if dot else ("", name), []).append(name)
    boxes = []
    for key, names in grouped.items():
        lines = [names[0]] if len(names) == 1 else [key[0], *(f"  {name.partition('.')[2]}" for name in names)]
        boxes.append(Box(tuple(names), tuple(lines), "input", ", ".join(names)))
    return boxes


def _drawn(boxes: Mapping[str, Box], edges: Sequence[tuple[str, str]], depth: Mapping[str, int]) -> str:
    """Return the drawing of boxes in layers.

    An edge over several layers is led through a point in each layer between, which takes part in the ordering: so
    that no edge runs under a box.
    """
    layers = [[name for name in boxes if depth[name] == i] for i in range(max(depth.values(), default=-1) + 1)]
    heights = {name: box.height for name, box in boxes.items()}
    chains = []
    for a, b in edges:
        passing = {i: f"{a}\0{b}\0{i}" for i in range(depth[a] + 1, depth[b])}
        for i, point in passing.items():
            layers[i].append(point)
            heights[point] = 0.0
        chains.append([a, *passing.values(), b])
    middles = _placed(layers, chains, heights)
    widths = [max(boxes[name].width if name in boxes else 0.0 for name in layer) for layer in layers]
    left = [MARGIN + math.fsum(widths[:i]) + COLUMN_GAP * i for i in range(len(widths))]
    column = {name: i for i, layer in enumerate(layers) for name in layer}

    shapes = []
    for chain in chains:
        path = ""
        for a, b in pairwise(chain):
            out = left[column[a]] + (boxes[a].width if a in boxes else 0.0)
            end = left[column[a]] + widths[column[a]]
            to = left[column[b]]
            path += f"{'L' if path else 'M'}{out:.1f} {middles[a]:.1f}H{end:.1f}"
            path += f"C{end + COLUMN_GAP / 2:.1f} {middles[a]:.1f} {end + COLUMN_GAP / 2:.1f} {middles[b]:.1f} "
            path += f"{to:.1f} {middles[b]:.1f}"
        x, y = left[column[chain[-1]]], middles[chain[-1]]
        shapes.append(f'<path d="{path}" fill="none" stroke="currentColor" stroke-opacity="0.45"/>')
        shapes.append(f'<path d="M{x - 7:.1f} {y - 3.5:.1f}l7 3.5l-7 3.5z" fill="currentColor" fill-opacity="0.7"/>')
    shapes += [_shape(box, left[column[name]], middles[name] - box.height / 2) for name, box in boxes.items()]
    width = max((left[column[name]] + box.width for name, box in boxes.items()), default=0.0) + MARGIN
    height = max((middles[name] + box.height / 2 for name, box in boxes.items()), default=0.0) + MARGIN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="graph" role="img" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" font-family="{FONT}" font-size="11">'
        f"<title>A graph of {len(boxes)} boxes and {len(edges)} edges</title>{STANDALONE}{''.join(shapes)}</svg>"
    )


# Inputs are dashed and empty, functions rounded and shaded, optical systems have a thick border as well.
_LOOK: Final = {
    "input": 'fill="none" stroke-dasharray="4 3"',
    "function": 'rx="6" fill="currentColor" fill-opacity="0.08"',
    "system": 'rx="6" fill="currentColor" fill-opacity="0.08" stroke-width="2.5"',
}


def _shape(box: Box, x: float, y: float) -> str:
    size = f'x="{x:.1f}" y="{y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}"'
    texts = "".join(
        f'<text x="{x + PADDING:.1f}" y="{y + PADDING + LINE * (i + 0.75):.1f}" fill="currentColor"'
        f'{BOLD if box.lines[1:] and not i else ""} xml:space="preserve">{escape(line)}</text>'
        for i, line in enumerate(box.lines)
    )
    rect = f'<rect {size} {_LOOK[box.kind]} stroke="currentColor"/>'
    return f'<g class="{box.kind}"><title>{escape(box.title)}</title>{rect}{texts}</g>'


def _placed(layers: list[list[str]], chains: Sequence[Sequence[str]], heights: Mapping[str, float]) -> dict[str, float]:
    """Return the height of the middle of each name: near the mean of its neighbours, clear of the rest of its layer.

    The `layers` are put in the order from top to bottom.
    """
    before: dict[str, list[str]] = {name: [] for name in heights}
    after: dict[str, list[str]] = {name: [] for name in heights}
    for chain in chains:
        for a, b in pairwise(chain):
            after[a].append(b)
            before[b].append(a)
    place: dict[str, float] = {}
    for layer in layers:
        place |= _spaced([(0.0, name) for name in layer], heights)
    for sweep in range(SWEEPS):
        forward, straighten = sweep % 2 == 0, sweep >= SWEEPS * 2 // 3
        for layer in layers if forward else reversed(layers):
            # early sweeps look to one side, which settles the order; the last ones to both, which straightens
            aims = []
            for name in layer:
                side = before[name] + after[name] if straighten else (before if forward else after)[name]
                aims.append((math.fsum(place[n] for n in side) / len(side) if side else place[name], name))
            aims.sort()
            layer[:] = [name for _, name in aims]
            place |= _spaced(aims, heights)
    top = min((place[name] - heights[name] / 2 for name in place), default=0.0) - MARGIN
    return {name: middle - top for name, middle in place.items()}


def _spaced(aims: Sequence[tuple[float, str]], heights: Mapping[str, float]) -> dict[str, float]:
    """Return middles in the given order, clear of one another, whose mean is the mean of the aims."""
    middles: list[float] = []
    for i, (aim, name) in enumerate(aims):
        if i:
            aim = max(aim, middles[-1] + (heights[aims[i - 1][1]] + heights[name]) / 2 + ROW_GAP)
        middles.append(aim)
    shift = math.fsum([*(aim for aim, _ in aims), *(-middle for middle in middles)]) / max(len(aims), 1)
    return {name: middle + shift for (_, name), middle in zip(aims, middles, strict=True)}
