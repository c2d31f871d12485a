"""The `<svg>` element around the shapes of a drawing.

A drawing takes the colour of the text around it (``currentColor``), so that one file fits light and dark pages. Shapes
carry classes (``node``, ``edge``, ``bar``) by which a style sheet can change their look.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Final

FONT: Final = "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace"
TEXT_SIZE: Final = 11
CHARACTER: Final = 0.627  # width of a monospaced character in units of its size: 0.6 in most fonts, with some room
SMALLEST_SCALE: Final = 0.85  # the text can still be read; a narrower page scrolls

# A drawing that is a document of its own has no text around it. Inside a page this rule does not apply.
STANDALONE: Final = (
    "<style>svg:root { color-scheme: light dark; color: #222 } "
    "@media (prefers-color-scheme: dark) { svg:root { color: #ddd } }</style>"
)


def svg_element(width: float, height: float, shapes: Iterable[str], *, label: str, links: bool) -> str:
    """Return a drawing as an ``<svg>`` element that shrinks a little with its page.

    Parameters
    ----------
    width, height : float
        Size, pixels.
    shapes : iterable of str
        SVG of the content.
    label : str
        Description of the drawing for screen readers.
    links : bool
        Presence of links in the shapes. A drawing without links is one image to a screen reader; links in an image
        would not be announced.
    """
    role = "group" if links else "img"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="graph" role="{role}" aria-label="{escape(label)}" '
        f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'style="min-width: {SMALLEST_SCALE * width:.0f}px" font-family="{FONT}" font-size="{TEXT_SIZE}">'
        f"<title>{escape(label)}</title>{STANDALONE}{''.join(shapes)}</svg>"
    )


def linked(shapes: str, href: str) -> str:
    """Return shapes as a link, or as they are if there is no target.

    Parameters
    ----------
    shapes : str
        SVG of the shapes.
    href : str
        Target of the link; no link if empty.
    """
    return f'<a href="{escape(href)}">{shapes}</a>' if href else f"<g>{shapes}</g>"
