"""Drawings of directed acyclic graphs: boxes in layers from left to right, joined by arrows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from html import escape
from itertools import pairwise
from typing import Final, Literal, NamedTuple

from dluxshera.drawing.svg import CHARACTER, TEXT_SIZE, svg_element
from dluxshera.errors import GraphError, UnknownKeyError

Look = Literal["outlined", "dashed", "filled", "heavy"]
Edge = tuple[str, str]
Waypoint = tuple[str, int]  # a box whose edges pass through a layer, and that layer
Name = str | Waypoint

HEADING_SIZE: Final = 10
LINE: Final = 15.0
PADDING: Final = 8.0
ROW_GAP: Final = 12.0
COLUMN_GAP: Final = 44.0
MARGIN: Final = 6.0
TIP_LENGTH, TIP_HALF_WIDTH = 7.0, 3.5
SWEEPS: Final = 24
ATTRIBUTES: Final[Mapping[Look, str]] = {
    "outlined": 'fill="none"',
    "dashed": 'fill="none" stroke-dasharray="4 3"',
    "filled": 'fill="currentColor" fill-opacity="0.08"',
    "heavy": 'fill="currentColor" fill-opacity="0.08" stroke-width="2.5"',
}


@dataclass(frozen=True)
class Box:
    """A box of a drawing.

    Parameters
    ----------
    lines : tuple of str
        Lines of text, at least one.
    title : str
        Description of the box, which is its tooltip.
    look : {"outlined", "dashed", "filled", "heavy"}
        Border and filling, and the class of the box.
    heading : str
        Smaller line above the others; none if empty.
    href : str
        Target of the box's link; no link if empty.
    """

    lines: tuple[str, ...]
    title: str
    look: Look = "outlined"
    heading: str = ""
    href: str = ""

    @property
    def rows(self) -> list[tuple[str, int]]:
        """Text and font size of each line, the heading first."""
        heading = [(self.heading, HEADING_SIZE)] if self.heading else []
        return [*heading, *((line, TEXT_SIZE) for line in self.lines)]

    @property
    def width(self) -> float:
        """Width that the text needs, in pixels."""
        return max(CHARACTER * size * len(text) for text, size in self.rows) + 2 * PADDING

    @property
    def height(self) -> float:
        """Height that the text needs, in pixels."""
        return LINE * len(self.rows) + 2 * PADDING


class _Layout(NamedTuple):
    """Places of the boxes and waypoints of one connected part of a graph, in pixels from its top left corner.

    Parameters
    ----------
    left : list of float
        Left edge of each layer.
    right : list of float
        Right edge of the widest box of each layer.
    middle : dict of Name to float
        Height of the centre of each box and waypoint.
    layer : dict of Name to int
        Layer of each box and waypoint.
    routes : dict of str to list of list of Name
        Edges from each box: the box, its waypoints and the target.
    """

    left: list[float]
    right: list[float]
    middle: dict[Name, float]
    layer: dict[Name, int]
    routes: dict[str, list[list[Name]]]


def layered_drawing(boxes: Mapping[str, Box], edges: Iterable[Edge], *, label: str) -> str:
    """Draw a directed acyclic graph from left to right, its connected parts one below the other.

    A box without incoming edges lies in the layer before the first box that it leads to; any other lies as many layers
    from the left as the longest path to it has edges. An edge over several layers passes between the boxes of each. The
    same graph always gives the same text.

    Parameters
    ----------
    boxes : mapping of str to Box
        Boxes by name; their order decides between arrangements that are equally good.
    edges : iterable of (str, str)
        Names of the boxes where each arrow starts and ends.
    label : str
        Description of the drawing for screen readers.

    Returns
    -------
    str
        An ``<svg>`` element, which is also a document.

    Raises
    ------
    UnknownKeyError
        If an edge names no box.
    GraphError
        If the edges form a cycle.

    Examples
    --------
    >>> boxes = {name: Box((name,), f"the {name}") for name in ("telescope", "scene", "image")}
    >>> svg = layered_drawing(boxes, [("telescope", "image"), ("scene", "image")], label="Inputs of the image")
    >>> svg.count("<rect")
    3
    """
    arrows = list(dict.fromkeys(edges))
    for name in (end for arrow in arrows for end in arrow):
        if name not in boxes:
            raise UnknownKeyError(name, boxes, expected="a box of the drawing")
    layer = _layers(boxes, arrows)
    shapes: list[str] = []
    width = height = 0.0
    for names in _connected_parts(boxes, arrows):
        part = {name: boxes[name] for name in names}
        layout = _layout(part, [arrow for arrow in arrows if arrow[0] in part], layer)
        top = height + ROW_GAP if shapes else 0.0
        shapes.append(f'<g transform="translate(0 {top:.1f})">{_shapes(part, layout)}</g>')
        width = max(width, *(layout.left[layer[name]] + box.width for name, box in part.items()))
        height = top + max(layout.middle[name] + box.height / 2 for name, box in part.items())
    return svg_element(width + MARGIN, height + MARGIN, shapes, label=label, links=any(b.href for b in boxes.values()))


def _layers(boxes: Mapping[str, Box], arrows: Sequence[Edge]) -> dict[str, int]:
    """Return the layer of each box, from 0 at the left."""
    before: dict[str, list[str]] = {name: [] for name in boxes}
    after: dict[str, list[str]] = {name: [] for name in boxes}
    for start, end in arrows:
        before[end].append(start)
        after[start].append(end)
    try:
        order = list(TopologicalSorter(before).static_order())
    except CycleError as error:
        raise GraphError("the edges of the drawing form a cycle", path=error.args[1]) from None
    layer: dict[str, int] = {}
    for name in order:
        layer[name] = max((layer[start] + 1 for start in before[name]), default=0)
    for name in boxes:
        if after[name] and not before[name]:  # short arrows
            layer[name] = min(layer[end] for end in after[name]) - 1
    return layer


def _connected_parts(boxes: Mapping[str, Box], arrows: Sequence[Edge]) -> list[list[str]]:
    """Return the names of the boxes of each connected part, the largest part first."""
    part = {name: [name] for name in boxes}
    for start, end in arrows:
        joined, other = part[start], part[end]
        if joined is not other:
            joined += other
            part |= dict.fromkeys(other, joined)
    rank = {name: i for i, name in enumerate(boxes)}
    parts = {id(names): sorted(names, key=rank.__getitem__) for names in part.values()}
    return sorted(parts.values(), key=lambda names: (-len(names), rank[names[0]]))


def _layout(boxes: Mapping[str, Box], arrows: Sequence[Edge], layer: Mapping[str, int]) -> _Layout:
    """Place boxes and the waypoints of edges over several layers.

    A waypoint takes part in the ordering of its layer, so that no edge runs under a box. Edges from the same box share
    their waypoints.
    """
    layer_of: dict[Name, int] = {name: layer[name] for name in boxes}
    heights: dict[Name, float] = {name: box.height for name, box in boxes.items()}
    routes: dict[str, list[list[Name]]] = {}
    for start, end in arrows:
        waypoints: list[Waypoint] = [(start, i) for i in range(layer[start] + 1, layer[end])]
        layer_of |= {waypoint: waypoint[1] for waypoint in waypoints}
        heights |= dict.fromkeys(waypoints, 0.0)
        routes.setdefault(start, []).append([start, *waypoints, end])
    layers: list[list[Name]] = [[] for _ in range(max(layer_of.values()) + 1)]
    for name, i in layer_of.items():
        layers[i].append(name)
    links = dict.fromkeys(pair for tree in routes.values() for route in tree for pair in pairwise(route))
    widths = [max((boxes[name].width for name in names if isinstance(name, str)), default=0.0) for names in layers]
    left = [MARGIN + math.fsum(widths[:i]) + COLUMN_GAP * i for i in range(len(widths))]
    right = [edge + width for edge, width in zip(left, widths, strict=True)]
    return _Layout(left, right, _compact(_middles(layers, list(links), heights), heights), layer_of, routes)


def _middles(
    layers: list[list[Name]], links: Sequence[tuple[Name, Name]], heights: Mapping[Name, float]
) -> dict[Name, float]:
    """Return the height of each centre: near the mean of its neighbours', clear of the rest of its layer."""
    before: dict[Name, list[Name]] = {name: [] for name in heights}
    after: dict[Name, list[Name]] = {name: [] for name in heights}
    for start, end in links:
        after[start].append(end)
        before[end].append(start)
    middle: dict[Name, float] = {}
    for names in layers:
        middle |= _spaced([(0.0, name) for name in names], heights)
    for sweep in range(SWEEPS):
        forward, straighten = sweep % 2 == 0, sweep >= SWEEPS * 2 // 3
        for names in layers if forward else reversed(layers):
            # Early sweeps look at the neighbours on one side, which settles the order; the last ones at both sides,
            # which straightens the edges.
            aims = []
            for name in names:
                side = before[name] + after[name] if straighten else (before if forward else after)[name]
                aims.append((math.fsum(middle[n] for n in side) / len(side) if side else middle[name], name))
            aims.sort(key=lambda aim: aim[0])
            names[:] = [name for _, name in aims]
            middle |= _spaced(aims, heights)
    return middle


def _spaced(aims: Sequence[tuple[float, Name]], heights: Mapping[Name, float]) -> dict[Name, float]:
    """Return centres in the order of the aims, clear of one another, whose mean is the mean of the aims."""
    middles: list[float] = []
    for i, (aim, name) in enumerate(aims):
        if i:
            aim = max(aim, middles[-1] + (heights[aims[i - 1][1]] + heights[name]) / 2 + ROW_GAP)
        middles.append(aim)
    shift = (math.fsum(aim for aim, _ in aims) - math.fsum(middles)) / max(len(aims), 1)
    return {name: middle + shift for (_, name), middle in zip(aims, middles, strict=True)}


def _compact(middle: Mapping[Name, float], heights: Mapping[Name, float]) -> dict[Name, float]:
    """Return centres counted from the top of the drawing, with strips that are empty in all layers cut to a gap."""
    top_down = sorted(middle, key=lambda name: middle[name] - heights[name] / 2)
    bottom, shift = -math.inf, 0.0
    compact: dict[Name, float] = {}
    for name in top_down:
        top = middle[name] - heights[name] / 2
        if bottom == -math.inf:
            shift = MARGIN - top
        elif top - bottom > ROW_GAP:
            shift -= top - bottom - ROW_GAP
        compact[name] = middle[name] + shift
        bottom = max(bottom, top + heights[name])
    return compact


def _shapes(boxes: Mapping[str, Box], layout: _Layout) -> str:
    lines, tips = [], []
    for start, routes in layout.routes.items():
        subpaths = []
        for route in routes:
            subpath = f"M{layout.left[layout.layer[start]] + boxes[start].width:.1f} {layout.middle[start]:.1f}"
            for a, b in pairwise(route):
                x, y = layout.right[layout.layer[a]], layout.middle[a]
                next_x, next_y = layout.left[layout.layer[b]], layout.middle[b]
                bend = (x + next_x) / 2
                subpath += f"H{x:.1f}C{bend:.1f} {y:.1f} {bend:.1f} {next_y:.1f} {next_x:.1f} {next_y:.1f}"
            subpaths.append(subpath)
        # One path for all edges of a box, so that a shared way is drawn once. Browsers blend the parts of lines of
        # width 1 one by one, which would darken it.
        style = 'fill="none" stroke="currentColor" stroke-width="1.2" opacity="0.5"'
        lines.append(f'<path class="edge" d="{"".join(subpaths)}" {style}/>')
    for name in dict.fromkeys(route[-1] for routes in layout.routes.values() for route in routes):
        x, y = layout.left[layout.layer[name]], layout.middle[name]
        path = f"M{x:.1f} {y:.1f}l-{TIP_LENGTH} {TIP_HALF_WIDTH}v-{2 * TIP_HALF_WIDTH}z"
        tips.append(f'<path class="tip" d="{path}" fill="currentColor" opacity="0.75"/>')
    drawn = [
        _box(box, layout.left[layout.layer[name]], layout.middle[name] - box.height / 2) for name, box in boxes.items()
    ]
    return "".join([*lines, *tips, *drawn])


def _box(box: Box, x: float, y: float) -> str:
    """Return the shapes of a box whose top left corner is at (x, y)."""
    size = f'x="{x:.1f}" y="{y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}"'
    texts = "".join(
        f'<text x="{x + PADDING:.1f}" y="{y + PADDING + LINE * (i + 0.75):.1f}" font-size="{font_size}" '
        f'fill="currentColor">{escape(text)}</text>'
        for i, (text, font_size) in enumerate(box.rows)
    )
    rect = f'<rect {size} rx="4" {ATTRIBUTES[box.look]} stroke="currentColor"/>'
    group = f'<g class="node {box.look}"><title>{escape(box.title)}</title>{rect}{texts}</g>'
    return f'<a href="{escape(box.href)}">{group}</a>' if box.href else group
