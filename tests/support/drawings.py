"""A reader of the SVG of layered drawings, and the geometric faults of one."""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from dluxshera.drawing import Box

SVG = "{http://www.w3.org/2000/svg}"
GAP = 10.0  # least distance between two boxes
ROUNDING = 0.11  # coordinates have one decimal
CHARACTER = 0.605  # width of a character of DejaVu Sans Mono in units of its size, the widest of the usual fonts
Rectangle = tuple[float, float, float, float]  # x, y, width, height


@dataclass(frozen=True)
class DrawnBox:
    """A box in a drawing: the rectangle, its lines (text, x, y, size), class, title and link."""

    rectangle: Rectangle
    lines: list[tuple[str, float, float, float]]
    look: str
    title: str
    href: str


@dataclass(frozen=True)
class Drawing:
    """A drawing as it can be seen: its size, boxes, lines as arrays of points, and ends of arrowheads."""

    size: tuple[float, float]
    boxes: list[DrawnBox]
    lines: list[np.ndarray]
    tips: list[tuple[float, float]]


def read_drawing(svg: str) -> Drawing:
    """Return the boxes and lines of an ``<svg>`` element."""
    root = ET.fromstring(svg)
    drawing = Drawing((float(root.get("width", "")), float(root.get("height", ""))), [], [], [])
    for part in root.findall(f"{SVG}g"):
        match = re.fullmatch(r"translate\(0 ([\d.]+)\)", part.get("transform", ""))
        assert match
        down = float(match[1])
        for element in part:
            if element.get("class") == "edge":
                drawing.lines.extend(np.add(line, [0.0, down]) for line in _lines(element.get("d", "")))
            elif element.get("class") == "tip":
                x, y = re.findall(r"[\d.]+", element.get("d", ""))[:2]
                drawing.tips.append((float(x), float(y) + down))
            else:
                drawing.boxes.append(_box(element, down))
    return drawing


def _box(element: ET.Element, down: float) -> DrawnBox:
    group = element if element.tag == f"{SVG}g" else element.find(f"{SVG}g")
    assert group is not None
    rect, title = group.find(f"{SVG}rect"), group.find(f"{SVG}title")
    assert rect is not None
    assert title is not None
    x, y, width, height = (float(rect.get(name, "")) for name in ("x", "y", "width", "height"))
    lines = [
        (text.text or "", float(text.get("x", "")), float(text.get("y", "")) + down, float(text.get("font-size", "")))
        for text in group.findall(f"{SVG}text")
    ]
    look = group.get("class", "").removeprefix("node ")
    return DrawnBox((x, y + down, width, height), lines, look, title.text or "", element.get("href", ""))


def _lines(path: str) -> Iterator[np.ndarray]:
    """Return points along each line of a path of M, H and C commands."""
    t = np.linspace(0.0, 1.0, 30)[:, None]
    for line in re.findall(r"M[^M]*", path):
        here, points = np.zeros(2), []
        for command, arguments in re.findall(r"([MHC])([^MHC]*)", line):
            numbers = [float(number) for number in arguments.split()]
            stops = np.reshape([numbers[0], here[1]] if command == "H" else numbers, (-1, 2))
            if command == "C":
                a, b, c = stops
                points.append((1 - t) ** 3 * here + 3 * t * (1 - t) ** 2 * a + 3 * t**2 * (1 - t) * b + t**3 * c)
            elif command == "H":
                points.append((1 - t) * here + t * stops[0])
            here = stops[-1]
        yield np.concatenate(points)


def faults_of_drawing(svg: str, boxes: Mapping[str, Box], edges: Iterable[tuple[str, str]]) -> list[str]:
    """Return a line for each fault of the drawing of a graph. The titles of its boxes must be unique."""
    drawing = read_drawing(svg)
    return [
        *_faults_of_boxes(drawing, boxes),
        *_faults_of_places(drawing),
        *_faults_of_lines(drawing, {box.title: name for name, box in boxes.items()}, set(edges)),
    ]


def _faults_of_boxes(drawing: Drawing, boxes: Mapping[str, Box]) -> Iterator[str]:
    """Compare the content of the boxes with the text that they should show."""
    titles = Counter(drawn.title for drawn in drawing.boxes)
    expected = {box.title: box for box in boxes.values()}
    if titles != Counter(list(expected)):
        yield f"boxes {sorted(titles.elements())} are drawn for {sorted(expected)}"
    for drawn in drawing.boxes:
        box = expected.get(drawn.title)
        texts = [text for text, *_ in drawn.lines]
        if box and (texts, drawn.look, drawn.href) != ([*filter(None, [box.heading]), *box.lines], box.look, box.href):
            yield f"{drawn.title}: drawn as {drawn}"


def _faults_of_places(drawing: Drawing) -> Iterator[str]:
    """Check that boxes lie inside the drawing and apart, and that they hold their text."""
    for drawn in drawing.boxes:
        x, y, width, height = drawn.rectangle
        if not (x > 0 and y > 0 and x + width < drawing.size[0] and y + height < drawing.size[1]):
            yield f"{drawn.title}: {drawn.rectangle} lies outside of {drawing.size}"
        previous = y
        for text, a, b, size in drawn.lines:
            if not (x < a and a + CHARACTER * size * len(text) < x + width):
                yield f"{drawn.title}: {text!r} is wider than the box"
            if not (previous + 0.9 * size < b < y + height - 0.25 * size):
                yield f"{drawn.title}: {text!r} overlaps the line above or the border"
            previous = b
    for a, b in itertools.combinations(drawing.boxes, 2):
        if overlap(a.rectangle, b.rectangle, GAP):
            yield f"{a.title} overlaps {b.title}, or nearly"


def overlap(a: Rectangle, b: Rectangle, gap: float = 0.0) -> bool:
    """Return whether two rectangles (x, y, width, height) share an area or are closer than `gap`."""
    return all(a[i] < b[i] + b[i + 2] + gap and b[i] < a[i] + a[i + 2] + gap for i in (0, 1))


def _faults_of_lines(drawing: Drawing, name_of: Mapping[str, str], edges: set[tuple[str, str]]) -> Iterator[str]:
    """Check that the lines are the edges, lead to the right, and run under no box."""
    rectangles = {name_of.get(drawn.title, drawn.title): drawn.rectangle for drawn in drawing.boxes}
    starts = {name: (x + width, y + height / 2) for name, (x, y, width, height) in rectangles.items()}
    ends = {name: (x, y + height / 2) for name, (x, y, width, height) in rectangles.items()}
    drawn = Counter((_nearest(starts, line[0]), _nearest(ends, line[-1])) for line in drawing.lines)
    if drawn != Counter(edges):
        yield f"lines {sorted(drawn.elements(), key=str)} are drawn for {sorted(edges)}"
    tips = Counter(_nearest(ends, tip) for tip in drawing.tips)
    if tips != Counter({end for _, end in edges}):
        yield f"arrowheads at {sorted(tips.elements(), key=str)} are drawn for {sorted(edges)}"
    for line in drawing.lines:
        if np.any(np.diff(line[:, 0]) < -ROUNDING):
            yield f"the line from {line[0]} to {line[-1]} turns back"
        for name, (x, y, width, height) in rectangles.items():
            under = (np.abs(line - [x + width / 2, y + height / 2]) < np.array([width, height]) / 2 - ROUNDING).all(1)
            if under.any():
                yield f"the line from {line[0]} to {line[-1]} runs under {name}"


def _nearest(places: Mapping[str, tuple[float, float]], point: Iterable[float]) -> str | None:
    x, y = point
    near = [name for name, (a, b) in places.items() if abs(a - x) < 2 * ROUNDING and abs(b - y) < 2 * ROUNDING]
    return near[0] if len(near) == 1 else None
