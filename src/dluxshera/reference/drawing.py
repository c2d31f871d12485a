"""Drawings as SVG inside the page: coloured by the page's own style sheet, so that they fit both schemes, with linked nodes."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from dluxshera.errors import DerivationError

CHAR = 6.7          # width of a character of the 11 px monospaced font, with some room
NODE_HEIGHT = 36.0
ROW, PASSING_ROW = 46.0, 16.0
COLUMN_GAP = 44.0


@dataclass(frozen=True)
class Node:
    key: str
    href: str
    kind: str

    @property
    def width(self) -> float:
        return CHAR * max(map(len, self.key.partition(".")[::2])) + 16


def figure(svg: str, label: str, caption: str) -> str:
    """Return `svg` as a figure that scrolls sideways on its own."""
    return (
        f'<figure class="drawing"><div class="scroll" tabindex="0" role="region" aria-label="{escape(label)}">{svg}</div>'
        f"<figcaption>{escape(caption)}</figcaption></figure>\n"
    )


def graph(nodes: Mapping[str, Node], edges: Sequence[tuple[str, str]]) -> str:
    """Draw a directed acyclic graph from left to right in layers.

    An edge over several layers is led through a point in each layer between, which takes part in the ordering: so
    that no edge runs under a box.
    """
    layers, chains = layered(nodes, edges)
    rows = ordered(layers, chains, nodes)
    widths = [max((nodes[n].width for n in layer if n in nodes), default=0.0) for layer in layers]
    left = [sum(widths[:i]) + COLUMN_GAP * i + 4 for i in range(len(widths))]
    column = {name: i for i, layer in enumerate(layers) for name in layer}

    def entry(name: str) -> tuple[float, float]:
        return left[column[name]], rows[name]

    def leave(name: str) -> tuple[float, float]:
        i = column[name]
        return (left[i] + (nodes[name].width if name in nodes else widths[i]), rows[name])

    shapes = []
    for chain in chains:
        path = ""
        for a, b in pairwise(chain):
            (x0, y0), (x1, y1) = leave(a), entry(b)
            bend = (x1 - x0) / 2
            path += f"{'L' if path else 'M'}{x0:.0f} {y0:.1f}C{x0 + bend:.0f} {y0:.1f} {x1 - bend:.0f} {y1:.1f} {x1:.0f} {y1:.1f}"
        x, y = entry(chain[-1])
        shapes.append(f'<path class="edge" d="{path}"/><path d="M{x - 6:.0f} {y - 3:.1f}l6 3l-6 3z" fill="currentColor"/>')
    for key, node in nodes.items():
        (x, y), (group, _, name) = entry(key), key.partition(".")
        shapes.append(
            f'<a href="{escape(node.href)}"><g class="node {node.kind}"><title>{escape(key)} ({node.kind})</title>'
            f'<rect x="{x:.0f}" y="{y - NODE_HEIGHT / 2:.1f}" width="{node.width:.0f}" height="{NODE_HEIGHT:.0f}" rx="4"/>'
            f'<text x="{x + 8:.0f}" y="{y - 4:.1f}" font-size="9">{escape(group)}</text>'
            f'<text x="{x + 8:.0f}" y="{y + 9:.1f}" font-size="11">{escape(name)}</text></g></a>'
        )
    width = max(left[column[key]] + node.width for key, node in nodes.items()) + 4
    height = max(rows.values()) + NODE_HEIGHT
    return svg_of(width, height, shapes)


def svg_of(width: float, height: float, shapes: Sequence[str]) -> str:
    size = f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{"".join(shapes)}</svg>'


def layered(nodes: Mapping[str, Node], edges: Sequence[tuple[str, str]]) -> tuple[list[list[str]], list[list[str]]]:
    """Return the names in each layer, passing points included, and each edge as a chain through the layers."""
    import networkx

    dag = networkx.DiGraph()
    dag.add_nodes_from(nodes)
    dag.add_edges_from(edges)
    if not networkx.is_directed_acyclic_graph(dag):
        raise DerivationError("the parameters depend on one another in a circle", path=[edge[0] for edge in networkx.find_cycle(dag)])
    depth = {name: i for i, generation in enumerate(networkx.topological_generations(dag)) for name in generation}
    for name in nodes:                                    # a source stands just before the first box that needs it
        if not dag.in_degree(name):
            depth[name] = min(depth[after] for after in dag.successors(name)) - 1
    layers: list[list[str]] = [[n for n in nodes if depth[n] == i] for i in range(max(depth.values()) + 1)]
    chains = []
    for a, b in edges:
        passing = [f"{a}>{b}>{i}" for i in range(depth[a] + 1, depth[b])]
        for i, point in enumerate(passing, depth[a] + 1):
            layers[i].append(point)
        chains.append([a, *passing, b])
    return layers, chains


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
        forward = sweep % 2 == 0
        for i in range(len(layers)) if forward else reversed(range(len(layers))):
            # early sweeps look to one side, which settles the order; the last ones to both, which straightens
            def wanted(name: str, i: int = i) -> float:
                side = [n for n in neighbours[name] if sweep > 15 or (column[n] < i) == forward]
                return sum(place[n] for n in side) / len(side) if side else place[name]

            aims = {name: wanted(name) for name in layers[i]}
            layers[i].sort(key=lambda name: (aims[name], name))
            place |= spaced([(name, aims[name]) for name in layers[i]], nodes)
    top = min(place.values()) - NODE_HEIGHT / 2 - 4
    return {name: y - top for name, y in place.items()}


def spaced(aims: list[tuple[str, float]], nodes: Mapping[str, Node]) -> dict[str, float]:
    """Return heights in the given order, at least a row apart, whose mean is the mean of the aims."""
    heights: list[float] = []
    for i, (name, aim) in enumerate(aims):
        step = ROW if name in nodes and i and aims[i - 1][0] in nodes else (ROW + PASSING_ROW) / 2
        if i and name not in nodes and aims[i - 1][0] not in nodes:
            step = PASSING_ROW
        heights.append(max(aim, heights[-1] + step) if heights else aim)
    shift = sum(aim - height for (_, aim), height in zip(aims, heights, strict=True)) / max(len(aims), 1)
    return {name: height + shift for (name, _), height in zip(aims, heights, strict=True)}


def comparison(rows: Sequence[tuple[str, str, float, float | None]], unit: str) -> str:
    """Draw (label, href, contribution, allocation) as points and marks on one logarithmic axis."""
    positive = [abs(v) for row in rows for v in row[2:] if v]
    low = math.floor(math.log10(max(min(positive, default=1.0), max(positive, default=1.0) * 1e-5)))
    high = max(math.ceil(math.log10(max(positive, default=1.0))), low + 1)
    margin = CHAR * max(len(row[0]) for row in rows) + 14
    wide, step, top = 380.0, 24.0, 26.0

    def x(value: float) -> float:
        share = (math.log10(max(abs(value), 10.0**low)) - low) / (high - low)
        return margin + wide * share

    height = top + step * len(rows) + 8
    shapes = []
    for decade in range(low, high + 1):
        at = x(10.0**decade)
        tick = f"{10.0**decade:g}" + (f" {unit}" if decade == high else "")
        shapes.append(f'<path class="axis" d="M{at:.1f} {top - 4}V{height - 8:.0f}"/><text x="{at:.1f}" y="14" font-size="10" text-anchor="middle">{escape(tick)}</text>')
    for i, (label, href, contribution, allocation) in enumerate(rows):
        y = top + step * (i + 0.5)
        over = allocation is not None and abs(contribution) > allocation
        said = f"{label}: {contribution:.3g} {unit}" + (f" of {allocation:.3g} {unit} allocated" if allocation is not None else ", not allocated")
        bar = f'<rect class="bar{" over" if over else ""}" x="{margin:.1f}" y="{y - 5:.1f}" width="{max(x(contribution) - margin, 1.5):.1f}" height="10"/>'
        mark = "" if allocation is None else f'<path class="allocation" d="M{x(allocation):.1f} {y - 9:.1f}v18"/>'
        shapes.append(f'<a href="{escape(href)}"><title>{escape(said)}</title><text x="2" y="{y + 4:.1f}" font-size="11">{escape(label)}</text>{bar}{mark}</a>')
    return svg_of(margin + wide + 40, height, shapes)
