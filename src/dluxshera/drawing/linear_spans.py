"""A chart of spans on one linear axis: a tornado of signed effects, or a waterfall of steps to a total."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final, Literal

from dluxshera.drawing.linear_axis import extent, ticks
from dluxshera.drawing.svg import TEXT_SIZE, linked, svg_element

_LEFT, _WIDTH, _RIGHT = 16.0, 556.0, 40.0
_TOP, _STEP, _BOTTOM = 24.0, 38.0, 8.0
THINNEST: Final = 1.5  # pixels, so that a small effect can be seen


@dataclass(frozen=True)
class Span:
    """A bar between two values.

    Parameters
    ----------
    label : str
        Name of the bar, written above it.
    start, end : float
        Ends of the bar.
    title : str
        Description of the bar, which is its tooltip.
    href : str
        Target of the bar's link; no link if empty.
    look : {'plain', 'over', 'total'}
        Class of the bar: ``over`` for one beyond its limit, ``total`` for a sum.
    """

    label: str
    start: float
    end: float
    title: str
    href: str = ""
    look: Literal["plain", "over", "total"] = "plain"


def span_chart(
    spans: Sequence[Span], unit: str, *, label: str, limit: float | None = None, limit_name: str = "limit"
) -> str:
    """Draw spans from the top down on one linear axis that holds zero.

    Parameters
    ----------
    spans : sequence of Span
        Bars from the top down.
    unit : str
        Unit of all values.
    label : str
        Description of the chart for screen readers.
    limit : float, optional
        Value of a line through all bars; None draws no line.
    limit_name : str
        Name of the line.

    Returns
    -------
    str
        An ``<svg>`` element.

    Examples
    --------
    >>> chart = span_chart([Span("A", 0.0, 2.0, "A: 2 m"), Span("B", 2.0, 1.5, "B: -0.5 m")], "m", label="Steps")
    >>> chart.count("<rect")
    2
    """
    values = [value for span in spans for value in (span.start, span.end)]
    low, high = extent([*values, *([] if limit is None else [limit])])
    bottom = _TOP + _STEP * len(spans)

    def position(value: float) -> float:
        return _LEFT + _WIDTH * (value - low) / (high - low)

    shapes = []
    marks = ticks(low, high)
    for mark in marks:
        x, text = position(mark), f"{mark:g}" + (f" {unit}" if mark == marks[-1] else "")
        opacity = 0.8 if mark == 0 else 0.3
        shapes.append(
            f'<path class="axis" d="M{x:.1f} {_TOP - 4}V{bottom}" stroke="currentColor" opacity="{opacity}"/>'
        )
        shapes.append(
            f'<text x="{x:.1f}" y="14" font-size="10" text-anchor="middle" fill="currentColor">{escape(text)}</text>'
        )
    shapes += [_shape(span, _TOP + _STEP * i, position) for i, span in enumerate(spans)]
    if limit is not None:
        line = f'<path class="limit" d="M{position(limit):.1f} {_TOP - 4}V{bottom}" stroke="currentColor"'
        title = f"{limit_name} {limit:g} {unit}"
        shapes.append(f'<g><title>{escape(title)}</title>{line} stroke-width="2" stroke-dasharray="5 4"/></g>')
    links = any(span.href for span in spans)
    return svg_element(_LEFT + _WIDTH + _RIGHT, bottom + _BOTTOM, shapes, label=label, links=links)


def _shape(span: Span, y: float, position: Callable[[float], float]) -> str:
    left, right = sorted((position(span.start), position(span.end)))
    size = f'x="{left:.1f}" y="{y + 21:.1f}" width="{max(right - left, THINNEST):.1f}" height="10"'
    look = {"plain": "bar", "over": "bar over", "total": "bar total"}[span.look]
    place = f'x="{_LEFT + 4}" y="{y + 14:.1f}" font-size="{TEXT_SIZE}"'
    text = f'<text {place} fill="currentColor">{escape(span.label)}</text>'
    bar = f'<rect class="{look}" {size} fill="currentColor" fill-opacity="0.6"/>'
    return linked(f"<title>{escape(span.title)}</title>{text}{bar}", span.href)
