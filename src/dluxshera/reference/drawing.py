"""Drawings as SVG inside the page, with links, coloured by the page's own style sheet so that they fit both schemes."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from dluxshera.errors import DerivationError

CHAR = 6.7  # width of a character of the 11 px monospaced font, with some room
NODE_HEIGHT = 36.0
ROW, PASSING_ROW = 46.0, 16.0
COLUMN_GAP = 36.0
SHRUNK = 0.85  # of its size, a drawing can still be read; below that it scrolls


@dataclass(frozen=True)
class Node:
    """A parameter as a box that links to its section."""

    key: str
    href: str
    kind: str

    @property
    def width(self) -> float:
        """Width that its text needs."""
        return CHAR * max(map(len, self.key.partition(".")[::2])) + 16


def figure(svg: str, label: str, caption: str) -> str:
    """Return `svg` as a figure that scrolls sideways on its own."""
    return (
        f'<figure class="drawing"><div class="scroll" tabindex="0" role="region" aria-label="{escape(label)}">'
        f"{svg}</div><figcaption>{escape(caption)}</figcaption></figure>\n"
    )


def graph(nodes: Mapping[str, Node], edges: Sequence[tuple[str, str]]) -> str:
    """Draw a directed acyclic graph from left to right in layers, its separate parts one below the other."""
    import networkx

    dag = networkx.DiGraph()
    dag.add_nodes_from(nodes)
    dag.add_edges_from(edges)
    if not networkx.is_directed_acyclic_graph(dag):
        cycle = [edge[0] for edge in networkx.find_cycle(dag)]
        raise DerivationError("the parameters depend on one another in a circle", path=[*cycle, cycle[0]])
    shapes: list[str] = []
    width = height = 0.0
    for part in sorted(networkx.weakly_connected_components(dag), key=lambda part: (-len(part), min(part))):
        names = [name for name in nodes if name in part]
        depth = {n: i for i, layer in enumerate(networkx.topological_generations(dag.subgraph(part))) for n in layer}
        for name in names:  # a source stands just before the first box that needs it
            if not dag.in_degree(name):
                depth[name] = min(depth[after] for after in dag.successors(name)) - 1
        drawn, wide, high = component({n: nodes[n] for n in names}, [e for e in edges if e[0] in part], depth)
        shapes.append(f'<g transform="translate(4 {height + 4:.1f})">{drawn}</g>')
        width, height = max(width, wide + 8), height + high + ROW / 2
    return svg_of(width, height, shapes)


def component(
    nodes: Mapping[str, Node], edges: Sequence[tuple[str, str]], depth: Mapping[str, int]
) -> tuple[str, float, float]:
    """Return the shapes of one connected part, its width and its height.

    An edge over several layers is led through a point in each layer between, which takes part in the ordering: so
    that no edge runs under a box.
    """
    layers = [[name for name in nodes if depth[name] == i] for i in range(max(depth.values()) + 1)]
    chains = []
    for a, b in edges:
        passing = {i: f"{a}>{b}>{i}" for i in range(depth[a] + 1, depth[b])}
        for i, point in passing.items():
            layers[i].append(point)
        chains.append([a, *passing.values(), b])
    heights = ordered(layers, chains, nodes)
    widths = [max((nodes[n].width for n in layer if n in nodes), default=0.0) for layer in layers]
    left = [math.fsum(widths[:i]) + COLUMN_GAP * i for i in range(len(widths))]
    column = {name: i for i, layer in enumerate(layers) for name in layer}

    shapes = []
    for chain in chains:
        path = ""
        for a, b in pairwise(chain):
            right = left[column[a]] + (nodes[a].width if a in nodes else widths[column[a]])
            to, middle = left[column[b]], (right + left[column[b]]) / 2
            path += f"{'L' if path else 'M'}{right:.1f} {heights[a]:.1f}"
            path += f"C{middle:.1f} {heights[a]:.1f} {middle:.1f} {heights[b]:.1f} {to:.1f} {heights[b]:.1f}"
        x, y = left[column[chain[-1]]], heights[chain[-1]]
        shapes.append(f'<path class="edge" d="{path}"/><path class="tip" d="M{x - 6:.1f} {y - 3:.1f}l6 3l-6 3z"/>')
    shapes += [box(node, left[column[key]], heights[key]) for key, node in nodes.items()]
    width = max(left[column[key]] + node.width for key, node in nodes.items())
    return "".join(shapes), width, max(heights.values()) + NODE_HEIGHT / 2


def box(node: Node, x: float, y: float) -> str:
    """Return the shapes of a node whose left edge is at `x` and whose middle is at `y`."""
    group, _, name = node.key.partition(".")
    return (
        f'<a href="{escape(node.href)}"><g class="node {node.kind}"><title>{escape(node.key)} ({node.kind})</title>'
        f'<rect x="{x:.1f}" y="{y - NODE_HEIGHT / 2:.1f}" width="{node.width:.1f}" height="{NODE_HEIGHT:.0f}" rx="4"/>'
        f'<text x="{x + 8:.1f}" y="{y - 4:.1f}" font-size="9">{escape(group)}</text>'
        f'<text x="{x + 8:.1f}" y="{y + 9:.1f}" font-size="11">{escape(name)}</text></g></a>'
    )


def svg_of(width: float, height: float, shapes: Sequence[str]) -> str:
    """Return a drawing of the given size."""
    size = f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}"'
    size += f' style="min-width: {SHRUNK * width:.0f}px"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{"".join(shapes)}</svg>'


def ordered(layers: list[list[str]], chains: list[list[str]], nodes: Mapping[str, Node]) -> dict[str, float]:
    """Return the height of each name: near the mean of its neighbours, and clear of the others of its layer."""
    neighbours: dict[str, list[str]] = {name: [] for layer in layers for name in layer}
    for chain in chains:
        for a, b in pairwise(chain):
            neighbours[a].append(b)
            neighbours[b].append(a)
    place = {name: float(i * ROW) for layer in layers for i, name in enumerate(layer)}
    column = {name: i for i, layer in enumerate(layers) for name in layer}
    for sweep in range(24):
        forward, both = sweep % 2 == 0, sweep > 15
        for i in range(len(layers)) if forward else reversed(range(len(layers))):
            # early sweeps look to one side, which settles the order; the last ones to both, which straightens
            aims = {}
            for name in layers[i]:
                side = [place[n] for n in neighbours[name] if both or (column[n] < i) == forward]
                aims[name] = math.fsum(side) / len(side) if side else place[name]
            ranked = sorted((aim, name) for name, aim in aims.items())
            layers[i] = [name for _, name in ranked]
            place |= spaced(ranked, nodes)
    return compact(place)


def compact(place: Mapping[str, float]) -> dict[str, float]:
    """Return the heights from the top of the drawing, with what is empty across all layers cut down to a row."""
    heights = sorted(set(place.values()))
    cut = {heights[0]: NODE_HEIGHT / 2}
    for above, height in pairwise(heights):
        cut[height] = cut[above] + min(height - above, ROW)
    return {name: cut[height] for name, height in place.items()}


def spaced(aims: list[tuple[float, str]], nodes: Mapping[str, Node]) -> dict[str, float]:
    """Return heights in the given order, at least a row apart, whose mean is the mean of the aims."""
    heights: list[float] = []
    above = ""
    for aim, name in aims:
        boxes = (name in nodes) + (above in nodes)
        step = [PASSING_ROW, (ROW + PASSING_ROW) / 2, ROW][boxes]
        heights.append(max(aim, heights[-1] + step) if heights else aim)
        above = name
    shift = math.fsum(aim for aim, _ in aims) / len(aims) - math.fsum(heights) / len(heights)
    return {name: height + shift for (_, name), height in zip(aims, heights, strict=True)}


@dataclass(frozen=True)
class Bar:
    """A computed contribution beside what was allocated to it."""

    label: str
    href: str
    contribution: float
    allocation: float | None


def comparison(bars: Sequence[Bar], unit: str) -> str:
    """Draw contributions as bars and allocations as marks, on one logarithmic axis of at most five decades.

    The label stands above its bar, so that the drawing is as wide for long names as for short ones.
    """
    sizes = [abs(size) for bar in bars for size in (bar.contribution, bar.allocation) if size] or [1.0]
    high = math.ceil(math.log10(max(sizes)))
    low = min(max(math.floor(math.log10(min(sizes))), high - 5), high - 1)
    left, wide, step, top = 12.0, 560.0, 38.0, 24.0
    bottom = top + step * len(bars)

    def at(size: float) -> float:
        return left + wide * (math.log10(max(abs(size), 10.0**low)) - low) / (high - low)

    shapes = []
    for decade in range(low, high + 1):
        x, tick = at(10.0**decade), f"{10.0**decade:g}" + (f" {unit}" if decade == high else "")
        shapes.append(f'<path class="axis" d="M{x:.1f} {top - 4}V{bottom}"/>')
        shapes.append(f'<text x="{x:.1f}" y="14" font-size="10" text-anchor="middle">{escape(tick)}</text>')
    for i, bar in enumerate(bars):
        y, granted, mark, over = top + step * i, "nothing allocated", "", ""
        if bar.allocation is not None:
            granted = f"{bar.allocation:.3g} {unit} allocated"
            mark = f'<path class="allocation" d="M{at(bar.allocation):.1f} {y + 17:.1f}v18"/>'
            over = " over" if abs(bar.contribution) > bar.allocation else ""
        length = at(bar.contribution) - left
        drawn = f'<rect class="bar{over}" x="{left}" y="{y + 21:.1f}" width="{length:.1f}" height="10"/>'
        size = f"{bar.contribution:.3g}"
        shapes.append(
            f'<a href="{escape(bar.href)}"><title>{size} {escape(unit)}, {escape(granted)}</title>'
            f'<text x="{left + 4}" y="{y + 14:.1f}" font-size="11">{escape(bar.label)}: {size}</text>'
            f"{drawn if bar.contribution else ''}{mark}</a>"
        )
    return svg_of(left + wide + 40, bottom + 8, shapes)
