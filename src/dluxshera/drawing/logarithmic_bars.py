"""A bar chart of values beside their limits, as SVG with links."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from dluxshera.drawing.svg import linked, svg_element

DECADES: Final = 5  # the longest axis; shorter bars end at its lower end
_LEFT, _WIDTH, _RIGHT = 22.0, 550.0, 40.0
_TOP, _STEP, _BOTTOM = 24.0, 38.0, 8.0


@dataclass(frozen=True)
class Bar:
    """A value beside its limit.

    Parameters
    ----------
    label : str
        Name of the value.
    href : str
        Target of the bar's link; no link if empty.
    value : float
        Length of the bar; its sign is not drawn.
    limit : float, optional
        Position of the mark; None draws no mark.
    """

    label: str
    href: str
    value: float
    limit: float | None

    @property
    def exceeds(self) -> bool:
        """True if the value is above its limit."""
        return self.limit is not None and abs(self.value) > self.limit


def bar_chart(bars: Sequence[Bar], unit: str, *, limit_name: str, label: str) -> str:
    """Draw values as bars and limits as marks on one logarithmic axis of at most `DECADES` decades.

    The text of a bar is above it, so that the chart is as wide for long names as for short ones.

    Parameters
    ----------
    bars : sequence of Bar
        Bars from the top down.
    unit : str
        Unit of all values and limits.
    limit_name : str
        Noun for the limits in the tooltips, "allocation" for example.
    label : str
        Description of the chart for screen readers.

    Returns
    -------
    str
        An ``<svg>`` element.
    """
    sizes = [abs(size) for bar in bars for size in (bar.value, bar.limit) if size] or [1.0]
    high = math.ceil(math.log10(max(sizes)))
    low = min(max(math.floor(math.log10(min(sizes))), high - DECADES), high - 1)
    bottom = _TOP + _STEP * len(bars)

    def position(size: float) -> float:
        return _LEFT + _WIDTH * (math.log10(max(abs(size), 10.0**low)) - low) / (high - low)

    shapes = []
    for decade in range(low, high + 1):
        x, tick = position(10.0**decade), f"{10.0**decade:g}" + (f" {unit}" if decade == high else "")
        shapes.append(f'<path class="axis" d="M{x:.1f} {_TOP - 4}V{bottom}" stroke="currentColor" opacity="0.35"/>')
        shapes.append(
            f'<text x="{x:.1f}" y="14" font-size="10" text-anchor="middle" fill="currentColor">{escape(tick)}</text>'
        )
    for i, bar in enumerate(bars):
        shapes.append(_bar(bar, _TOP + _STEP * i, position, unit, limit_name))
    return svg_element(
        _LEFT + _WIDTH + _RIGHT, bottom + _BOTTOM, shapes, label=label, links=any(bar.href for bar in bars)
    )


def _bar(bar: Bar, y: float, position: Callable[[float], float], unit: str, limit_name: str) -> str:
    """Return the text, the bar and the mark of one value, from `y` down."""
    title, mark = f"{bar.value:.3g} {unit}, no {limit_name}", ""
    if bar.limit is not None:
        title = f"{bar.value:.3g} {unit}, {limit_name} {bar.limit:.3g} {unit}{' exceeded' if bar.exceeds else ''}"
        line = f"M{position(bar.limit):.1f} {y + 17:.1f}v18"
        mark = f'<path class="limit" d="{line}" stroke="currentColor" stroke-width="2.5"/>'
    rect = ""
    if bar.value:
        size = f'x="{_LEFT}" y="{y + 21:.1f}" width="{position(bar.value) - _LEFT:.1f}" height="10"'
        rect = f'<rect class="bar{" over" if bar.exceeds else ""}" {size} fill="currentColor" fill-opacity="0.6"/>'
    text = f"{escape(bar.label)}: {bar.value:.3g}"
    name = f'<text x="{_LEFT + 4}" y="{y + 14:.1f}" font-size="11" fill="currentColor">{text}</text>'
    return linked(f"<title>{escape(title)}</title>{name}{rect}{mark}", bar.href)
