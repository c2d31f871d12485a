"""Layered drawings: complete, legible, without overlaps, and the same each time."""

import itertools
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dluxshera.drawing import ATTRIBUTES, Box, layered_drawing
from dluxshera.errors import GraphError, UnknownKeyError
from support.drawings import faults_of_drawing, read_drawing
from support.helpers import run_fresh


def plain_boxes(names):
    return {name: Box((name,), name) for name in dict.fromkeys(names)}


def seeded_graph(seed, n_boxes=25):
    """Return a graph whose boxes have several lines, headings and links."""
    rng = np.random.default_rng(seed)
    boxes = {
        f"box {i}": Box(
            lines=tuple("m" * int(n) for n in rng.integers(1, 20, rng.integers(1, 5))),
            title=f"box {i}",
            look=str(rng.choice(list(ATTRIBUTES))),
            heading="a heading" * int(rng.integers(0, 2)),
            href="#there" * int(rng.integers(0, 2)),
        )
        for i in range(n_boxes)
    }
    names = list(boxes)
    edges = [(names[i], names[j]) for i, j in itertools.combinations(range(n_boxes), 2) if rng.random() < 0.1]
    rng.shuffle(edges)
    return boxes, [tuple(map(str, edge)) for edge in edges]


def all_pairs(starts, ends):
    return [(f"start {i}", f"end {j}") for i in range(starts) for j in range(ends)]


EDGES = {
    "one edge": [("a", "b")],
    "everything on everything": list(itertools.combinations("abcdefgh", 2)),
    "two layers": all_pairs(9, 4),
    "separate parts": [("a", "b"), ("c", "d"), ("d", "e"), ("c", "e"), ("f", "g")],
    "a long way round": [*itertools.pairwise("abcdefgh"), ("a", "h"), ("b", "h")],
    "an edge twice": [("a", "b"), ("a", "b")],
    "a late source": [*itertools.pairwise("abcd"), ("z", "d")],
}
GRAPHS = {
    "no box": ({}, []),
    "one box": (plain_boxes("a"), []),
    "boxes without edges": (plain_boxes("abc"), []),
    **{name: (plain_boxes(itertools.chain(*edges)), edges) for name, edges in EDGES.items()},
    **{f"seed {seed}": seeded_graph(seed) for seed in range(20)},
}


WORDS = st.text("abc_.<&\"'µ ", min_size=1, max_size=12).map(lambda text: f"{text}|")
FIELDS = st.fixed_dictionaries({
    "lines": st.lists(WORDS, min_size=1, max_size=3).map(tuple),
    "title": WORDS,
    "look": st.sampled_from(list(ATTRIBUTES)),
    "heading": st.just("") | WORDS,
    "href": st.just("") | WORDS,
})  # fmt: skip


def test_no_drawing_of_the_table_has_a_fault():
    faults = {
        name: faults_of_drawing(layered_drawing(boxes, edges, label=name), boxes, edges)
        for name, (boxes, edges) in GRAPHS.items()
    }
    assert {name: lines for name, lines in faults.items() if lines} == {}


@given(st.lists(FIELDS, max_size=9, unique_by=lambda fields: fields["title"]), st.data())
def test_no_random_drawing_has_a_fault(rows, data):
    boxes = {f"box {i}": Box(**fields) for i, fields in enumerate(rows)}
    order = data.draw(st.permutations(list(boxes)))
    pairs = list(itertools.combinations(order, 2))
    edges = data.draw(st.lists(st.sampled_from(pairs), max_size=20)) if pairs else []
    assert faults_of_drawing(layered_drawing(boxes, edges, label="any"), boxes, edges) == []


BOXES = {**plain_boxes("abc"), "d": Box(("line",), "d", "filled", "heading", "#d")}
DIAMOND = [("a", "b"), ("b", "c"), ("a", "c"), ("c", "d")]


PLANTED = [
    (r'<g class="node outlined"><title>a.*?</g>', "", "are drawn for"),
    (r">b</text>", ">bb</text>", "drawn as"),
    (r'href="#d"', 'href="#c"', "drawn as"),
    (r"node filled", "node dashed", "drawn as"),
    (r'(<title>b</title><rect) x="[\d.]+"', r'\1 x="6.0"', "overlaps"),
    (r'(<title>b</title><rect) x="[\d.]+"', r'\1 x="-1.0"', "outside"),
    (r'(<title>d</title><rect x="[\d.]+" y="[\d.]+") width="[\d.]+"', r'\1 width="40"', "wider than the box"),
    (r'(y=")[\d.]+(" font-size="11" fill="currentColor">line)', r"\g<1>20.0\2", "the line above"),
    (r"M[\d.]+ ([\d.]+)H", r"M1.0 \1H", "lines"),
    (r'(class="edge" d="M[^M"]+)M[^M"]+"', r'\1"', "lines"),
    (r'<path class="tip".*?/>', "", "arrowheads"),
    (r"H([\d.]+)C", r"H400.0H\1C", "turns back"),
    (r"(?<= )[\d.]+ ([\d.]+) [\d.]+H", r"29.0 \1 29.0H", "runs under"),
]


def test_the_reader_sees_each_planted_fault():
    svg = layered_drawing(BOXES, DIAMOND, label="diamond")
    assert faults_of_drawing(svg, BOXES, DIAMOND) == []
    missed = []
    for pattern, instead, expected in PLANTED:
        planted, times = re.subn(pattern, instead, svg, count=1)
        faults = faults_of_drawing(planted, BOXES, DIAMOND)
        if not times or not any(expected in fault for fault in faults):
            missed.append((pattern, expected, times, faults))
    assert missed == []


def test_a_box_lies_one_layer_behind_the_last_that_leads_to_it_and_a_source_before_the_first_that_it_leads_to():
    edges = [("a", "b"), ("b", "c"), ("a", "c"), ("source", "c")]
    drawn = read_drawing(layered_drawing(plain_boxes(itertools.chain(*edges)), edges, label="")).boxes
    x = {box.title: box.rectangle[0] for box in drawn}
    assert x["a"] < x["b"] < x["c"]
    assert x["source"] == x["b"]


def test_connected_parts_are_one_below_the_other_the_largest_first():
    edges = [("a", "b"), ("c", "d"), ("d", "e")]
    drawn = read_drawing(layered_drawing(plain_boxes([*itertools.chain(*edges), "f"]), edges, label="")).boxes
    parts = [[box.rectangle for box in drawn if box.title in names] for names in ("cde", "ab", "f")]
    for above, below in itertools.pairwise(parts):
        assert max(y + height for _, y, _, height in above) < min(y for _, y, _, _ in below)


def test_no_strip_is_empty_in_all_layers():
    """Boxes and the level parts of lines leave no wide strip without either."""
    wide = {}
    for name, (boxes, edges) in GRAPHS.items():
        drawing = read_drawing(layered_drawing(boxes, edges, label=""))
        rows = [(y, y + height) for _, y, _, height in (box.rectangle for box in drawing.boxes)]
        for line in drawing.lines:
            level = np.abs(np.diff(line[:, 1])) < 1e-9
            rows += [(y, y) for y in line[:-1][level, 1]]
        bottom = 0.0
        for top, end in sorted(rows):
            if top - bottom > 18.2:  # the distance of two parts
                wide.setdefault(name, []).append((bottom, top))
            bottom = max(bottom, end)
    assert wide == {}


def test_lines_that_need_not_cross_do_not():
    edges = [(f"{before}{(2 * i + 1) % 5}", f"{after}{i}") for before, after in ("xp", "pq") for i in range(5)]
    edges.append(("q0", "end"))
    edges += [(f"q{i}", "end") for i in range(1, 5)]
    lines = read_drawing(layered_drawing(plain_boxes(itertools.chain(*edges)), edges, label="")).lines
    for a, b in itertools.combinations(lines, 2):
        if a[0, 0] == b[0, 0] and a[-1, 0] == b[-1, 0]:
            assert (a[0, 1] - b[0, 1]) * (a[-1, 1] - b[-1, 1]) >= 0.0


def test_edges_from_one_box_share_their_way_and_are_one_line():
    edges = [*itertools.pairwise("abcde"), ("a", "d"), ("a", "e")]
    svg = layered_drawing(plain_boxes("abcde"), edges, label="")
    paths = [path.get("d") for path in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}path")]
    (shared,) = [path for path in paths if path.count("M") == 3]
    _, to_d, to_e = re.findall(r"M[^M]*", shared)
    assert to_e.startswith(to_d[: to_d.rindex("H")])


def test_an_image_has_a_name_and_links_have_theirs():
    name = 'of "<a> & b"'
    without = ET.fromstring(layered_drawing(plain_boxes("a"), [], label=name))
    assert (without.get("role"), without.get("aria-label"), without[0].text) == ("img", name, name)
    linked = ET.fromstring(layered_drawing({"a": Box(("a",), "the & a", href="a.html?b&c")}, [], label=name))
    (link,) = linked.iter("{http://www.w3.org/2000/svg}a")
    # The parts of an element of role img are hidden from screen readers, links among them.
    assert (linked.get("role"), link.get("href")) == ("group", "a.html?b&c")


def test_the_drawing_takes_the_colour_of_the_text():
    boxes, edges = seeded_graph(3)
    svg = layered_drawing(boxes, edges, label="")
    assert set(re.findall(r'(?:fill|stroke|color)="([^"]*)"', svg)) == {"none", "currentColor"}
    assert re.findall(r"#[0-9a-f]{3}\b", svg) == ["#222", "#ddd"]  # only for a drawing that is its own document
    assert svg.count("svg:root") == 2


def test_the_drawing_is_the_same_each_time_and_in_every_process():
    code = """
        import hashlib
        from dluxshera.drawing import Box, layered_drawing
        edges = [(f"n{j}", f"n{i}") for i in range(15) for j in range(i) if (i * j) % 3 == 1]
        boxes = {f"n{i}": Box((f"n{i}",), f"n{i}") for i in range(15)}
        print(hashlib.sha256(layered_drawing(boxes, edges, label="").encode()).hexdigest())
    """
    assert run_fresh(code, {"PYTHONHASHSEED": "1"}) == run_fresh(code, {"PYTHONHASHSEED": "2"})
    for boxes, edges in GRAPHS.values():
        assert layered_drawing(boxes, edges, label="") == layered_drawing(boxes, edges, label="")


def test_a_cycle_and_an_unknown_box_raise():
    with pytest.raises(GraphError, match=r"[ab] -> [ab] -> [ab]: the edges of the drawing form a cycle"):
        layered_drawing(plain_boxes("ab"), [("a", "b"), ("b", "a")], label="")
    with pytest.raises(UnknownKeyError, match=r"imags: expected a box of the drawing.*Did you mean image"):
        layered_drawing(plain_boxes(["image", "pupil"]), [("pupil", "imags")], label="")
