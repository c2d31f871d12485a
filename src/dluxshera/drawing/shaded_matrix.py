"""A matrix whose cells are darker the larger their value, on a logarithmic scale."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Final

from dluxshera.drawing.svg import CHARACTER, TEXT_SIZE, linked, svg_element

SIDE: Final = 20.0
GAP: Final = 8.0
DECADES: Final = 4  # below the largest value; smaller ones have the lightest shade
LIGHTEST: Final = 0.15


@dataclass(frozen=True)
class MatrixCell:
    """A cell of a matrix.

    Parameters
    ----------
    value : float or None
        Size that shades the cell; None for a link without a number, which is drawn as an outline.
    title : str
        Description of the cell, which is its tooltip.
    """

    value: float | None
    title: str


def heat_map(
    rows: Mapping[str, str], columns: Mapping[str, str], cells: Mapping[tuple[str, str], MatrixCell], *, label: str
) -> str:
    """Draw a matrix, its names at the left and, turned, above.

    Parameters
    ----------
    rows, columns : mapping of str to str
        Names and the target of each name's link, in order; no link if empty.
    cells : mapping of (str, str) to MatrixCell
        Cells by the names of their row and column; an absent cell is empty.
    label : str
        Description of the matrix for screen readers.

    Returns
    -------
    str
        An ``<svg>`` element.
    """
    left = CHARACTER * TEXT_SIZE * max(map(len, rows), default=0) + 2 * GAP
    top = CHARACTER * TEXT_SIZE * max(map(len, columns), default=0) + 2 * GAP
    sizes = [abs(cell.value) for cell in cells.values() if cell.value]
    largest = max(sizes, default=1.0)
    shapes = []
    for i, (name, href) in enumerate(rows.items()):
        y = top + SIDE * (i + 0.7)
        text = f'<text x="{left - GAP:.1f}" y="{y:.1f}" text-anchor="end" fill="currentColor">{escape(name)}</text>'
        shapes.append(linked(text, href))
    for k, (name, href) in enumerate(columns.items()):
        x = left + SIDE * (k + 0.7)
        turn = f'transform="rotate(-90 {x:.1f} {top - GAP:.1f})"'
        text = f'<text x="{x:.1f}" y="{top - GAP:.1f}" {turn} fill="currentColor">{escape(name)}</text>'
        shapes.append(linked(text, href))
    grid = [f"M{left:.1f} {top + SIDE * i:.1f}h{SIDE * len(columns):.1f}" for i in range(len(rows) + 1)]
    grid += [f"M{left + SIDE * k:.1f} {top:.1f}v{SIDE * len(rows):.1f}" for k in range(len(columns) + 1)]
    shapes.append(f'<path class="axis" d="{"".join(grid)}" stroke="currentColor" fill="none" opacity="0.2"/>')
    for i, row in enumerate(rows):
        for k, column in enumerate(columns):
            if cell := cells.get((row, column)):
                shapes.append(_shape(cell, left + SIDE * k, top + SIDE * i, largest))
    links = any((*rows.values(), *columns.values()))
    width, height = left + SIDE * len(columns) + GAP, top + SIDE * len(rows) + GAP
    return svg_element(width, height, shapes, label=label, links=links)


def _shape(cell: MatrixCell, x: float, y: float, largest: float) -> str:
    size = f'x="{x + 2:.1f}" y="{y + 2:.1f}" width="{SIDE - 4}" height="{SIDE - 4}"'
    if cell.value is None:
        rect = f'<rect class="cell link" {size} fill="none" stroke="currentColor" stroke-dasharray="2 2"/>'
    elif cell.value == 0:
        rect = f'<rect class="cell zero" {size} fill="none" stroke="currentColor" opacity="0.5"/>'
    else:
        shade = max(LIGHTEST, 1 + math.log10(abs(cell.value) / largest) / DECADES)
        rect = f'<rect class="cell" {size} fill="currentColor" fill-opacity="{shade:.2f}"/>'
    return f"<g><title>{escape(cell.title)}</title>{rect}</g>"
