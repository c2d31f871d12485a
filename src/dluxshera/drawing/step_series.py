"""A chart of one or more series of values, one for each step of a sequence such as the revisions of a document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from dluxshera.drawing.linear_axis import extent, ticks
from dluxshera.drawing.svg import CHARACTER, TEXT_SIZE, svg_element

_LEFT, _RIGHT, _TOP, _HEIGHT, _BOTTOM = 64.0, 170.0, 16.0, 200.0, 36.0
NARROWEST: Final = 72.0
DASHES: Final = ("", "6 3", "2 3", "8 3 2 3")
_GAP: Final = 6.0


@dataclass(frozen=True)
class Series:
    """A named series of values.

    Parameters
    ----------
    label : str
        Name, written at the end of the line.
    values : tuple of float or None
        Value at each step; None where there is none.
    """

    label: str
    values: tuple[float | None, ...]


def series_chart(steps: Sequence[str], series: Sequence[Series], unit: str, *, label: str) -> str:
    """Draw series of values over named steps, with a line at zero.

    Parameters
    ----------
    steps : sequence of str
        Names of the steps, from left to right.
    series : sequence of Series
        Series, each with a value for every step.
    unit : str
        Unit of all values.
    label : str
        Description of the chart for screen readers.

    Returns
    -------
    str
        An ``<svg>`` element.
    """
    low, high = extent([value for item in series for value in item.values if value is not None])
    room = max([NARROWEST, *(CHARACTER * TEXT_SIZE * len(step) + 2 * _GAP for step in steps)])
    width = room * max(len(steps) - 1, 1)

    def place(i: int, value: float) -> tuple[float, float]:
        return _LEFT + room * i, _TOP + _HEIGHT * (high - value) / (high - low)

    shapes = []
    marks = ticks(low, high)
    for mark in marks:
        y = place(0, mark)[1]
        opacity = 0.8 if mark == 0 else 0.3
        text = f"{mark:g}" + (f" {unit}" if mark == marks[-1] else "")
        shapes.append(
            f'<path class="axis" d="M{_LEFT} {y:.1f}h{width:.1f}" stroke="currentColor" opacity="{opacity}"/>'
        )
        shapes.append(
            f'<text x="{_LEFT - _GAP}" y="{y + 4:.1f}" font-size="10" text-anchor="end" fill="currentColor">'
            f"{escape(text)}</text>"
        )
    for i, step in enumerate(steps):
        x = place(i, low)[0]
        shapes.append(
            f'<text x="{x:.1f}" y="{_TOP + _HEIGHT + 22}" text-anchor="middle" fill="currentColor">'
            f"{escape(step)}</text>"
        )
    ends: list[float] = []
    for number, item in enumerate(series):
        points = [(*place(i, value), value) for i, value in enumerate(item.values) if value is not None]
        if not points:
            continue
        path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y, _ in points)
        dashes = f' stroke-dasharray="{dash}"' if (dash := DASHES[number % len(DASHES)]) else ""
        dots = "".join(
            f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="3" fill="currentColor">'
            f"<title>{escape(f'{item.label}: {value:.3g} {unit}')}</title></circle>"
            for x, y, value in points
        )
        y = points[-1][1] + 4
        while any(abs(y - other) < TEXT_SIZE + 2 for other in ends):
            y += TEXT_SIZE + 2
        ends.append(y)
        shapes.append(
            f'<g class="series"><path d="{path}" stroke="currentColor" stroke-width="1.6" fill="none"{dashes}/>{dots}'
            f'<text x="{points[-1][0] + 2 * _GAP:.1f}" y="{y:.1f}" fill="currentColor">{escape(item.label)}</text></g>'
        )
    return svg_element(_LEFT + width + _RIGHT, _TOP + _HEIGHT + _BOTTOM, shapes, label=label, links=False)
