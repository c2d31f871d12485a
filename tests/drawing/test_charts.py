"""Charts: bars, spans, matrices and series are drawn where their values say, and their text is escaped."""

import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest

from dluxshera.drawing import Bar, MatrixCell, Series, Span, bar_chart, heat_map, series_chart, span_chart, ticks
from support.drawings import SVG
from support.rows import each_row


@each_row("low, high", [(0.0, 1.0), (-1.2, 3.1), (0.0, 1e-9), (-2.5e6, 1e3), (0.99, 1.01), (0.0, 7.0)])
def test_ticks_are_round_even_and_inside(low: float, high: float):
    marks = ticks(low, high)
    assert 2 <= len(marks) <= 7
    assert all(low - 1e-9 * (high - low) <= mark <= high + 1e-9 * (high - low) for mark in marks)
    steps = {float(f"{b - a:.6g}") for a, b in pairwise(marks)}
    assert len(steps) == 1
    assert re.fullmatch(r"[125](\.0+)?e[+-]\d+", f"{steps.pop():e}".replace("0000", "0"))


def bars_of(svg: str) -> list[tuple[float, float, str]]:
    return [(float(r.get("x")), float(r.get("width")), r.get("class")) for r in ET.fromstring(svg).iter(f"{SVG}rect")]


def test_spans_are_on_one_linear_axis():
    spans = [
        Span("up", 0.0, 4.0, "a"),
        Span("down", 0.0, -2.0, "b", "#b", "over"),
        Span("both", -1.0, 1.0, "c", "", "total"),
    ]
    svg = span_chart(spans, "m", label="Spans", limit=3.0)
    (x0, w0, c0), (x1, w1, c1), (x2, w2, c2) = bars_of(svg)
    unit = w0 / 4.0
    assert (w1, w2) == pytest.approx((2 * unit, 2 * unit), abs=0.2)
    assert (x1, x2) == pytest.approx((x0 - 2 * unit, x0 - unit), abs=0.2)
    assert (c0, c1, c2) == ("bar", "bar over", "bar total")
    limit = next(path for path in ET.fromstring(svg).iter(f"{SVG}path") if path.get("class") == "limit")
    assert float(re.match(r"M([\d.]+)", limit.get("d"))[1]) == pytest.approx(x0 + 3 * unit, abs=0.2)


def test_a_matrix_shades_by_the_logarithm_of_the_size():
    cells = {
        ("r1", "c1"): MatrixCell(100.0, "a"),
        ("r1", "c2"): MatrixCell(-1.0, "b"),
        ("r2", "c1"): MatrixCell(0.0, "c"),
        ("r2", "c2"): MatrixCell(None, "d"),
        ("r3", "c1"): MatrixCell(1e-9, "e"),
    }
    svg = heat_map({"r1": "#1", "r2": "", "r3": ""}, {"c1": "", "c2": ""}, cells, label="Matrix")
    rects = list(ET.fromstring(svg).iter(f"{SVG}rect"))
    shade = [rect.get("fill-opacity") for rect in rects]
    assert [rect.get("class") for rect in rects] == ["cell", "cell", "cell zero", "cell link", "cell"]
    assert shade == ["1.00", "0.50", None, None, "0.15"]
    columns = {rect.get("x") for rect in rects}
    assert len(columns) == 2


def test_a_series_passes_through_its_values():
    svg = series_chart(
        ["A", "B", "C"], [Series("x", (1.0, None, -1.0)), Series("y", (0.0, 0.5, 1.0))], "uas", label="S"
    )
    root = ET.fromstring(svg)
    dots = [(float(c.get("cx")), float(c.get("cy"))) for c in root.iter(f"{SVG}circle")]
    assert len(dots) == 5
    (xa, top), (xc, bottom), (_, zero), (xb, half), (_, one) = dots
    assert xb - xa == pytest.approx(xc - xb)
    assert zero == pytest.approx((top + bottom) / 2)
    assert half == pytest.approx((zero + top) / 2, abs=0.1)
    assert one == pytest.approx(top)


HOSTILE = "<script>\"&'</script>"


@each_row("svg", [
    span_chart([Span(HOSTILE, 0.0, 1.0, HOSTILE, HOSTILE)], HOSTILE, label=HOSTILE, limit=0.5, limit_name=HOSTILE),
    heat_map({HOSTILE: HOSTILE}, {HOSTILE: HOSTILE}, {(HOSTILE, HOSTILE): MatrixCell(1.0, HOSTILE)}, label=HOSTILE),
    series_chart([HOSTILE], [Series(HOSTILE, (1.0,))], HOSTILE, label=HOSTILE),
    bar_chart([Bar(HOSTILE, HOSTILE, 1.0, 2.0)], HOSTILE, limit_name=HOSTILE, label=HOSTILE),
], ids=["spans", "matrix", "series", "bars"])  # fmt: skip
def test_foreign_text_is_escaped(svg: str):
    assert "<script" not in svg
    assert HOSTILE in "".join(ET.fromstring(svg).itertext())


@each_row("svg", [
    span_chart([], "m", label="none"), span_chart([Span("zero", 0.0, 0.0, "zero")], "m", label="zero"),
    heat_map({}, {}, {}, label="none"), series_chart([], [], "m", label="none"),
    series_chart(["A"], [Series("x", (None,))], "m", label="gap"),
], ids=["no spans", "zero", "no cells", "no series", "gap"])  # fmt: skip
def test_nothing_to_draw_is_a_drawing(svg: str):
    ET.fromstring(svg)
    assert "nan" not in svg
