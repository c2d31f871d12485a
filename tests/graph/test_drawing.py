"""The drawing: well formed, the same each time, complete, and with no box over another."""

import itertools
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from dluxshera.graph import DLuxSystemNode, Node, SystemGraph
from support.helpers import run_fresh

SVG = "{http://www.w3.org/2000/svg}"


def first(*values):
    return values[0]


def model():
    nodes = [
        Node("pupil_opd_m", ("primary.zernikes_nm", "secondary.zernikes_nm"), first, "Path differences & <signs>"),
        DLuxSystemNode("psf", (1.0,), ("pupil_opd_m", "system.focal_length_m", "system.pitch_m"), first),
        Node("scene", ("binary.separation_as", "binary.angle_deg", "binary.flux"), first),
        Node("image", ("psf", "scene", "imaging.time_s"), first),
        Node("flat", (), first),
        Node("frame", ("image", "flat", "imaging.gain", "seed", "pupil_opd_m"), first),
    ]
    inputs = [*dict.fromkeys(name for node in nodes for name in node.inputs if "." in name), "seed", "imaging.unused"]
    return SystemGraph(nodes, inputs, overridable=["psf"])


def random_graph(seed):
    rng = np.random.default_rng(seed)
    names = [f"group{i % 4}.input_{i}" for i in range(int(rng.integers(0, 12)))]
    nodes = []
    known = list(names)
    for i in range(int(rng.integers(1, 15))):
        takes = rng.permutation(len(known))[: int(rng.integers(0, 5))]
        nodes.append(Node(f"node_{i}" * int(rng.integers(1, 4)), tuple(known[j] for j in takes), first))
        known.append(nodes[-1].name)
    return SystemGraph(nodes, names)


def groups(svg):
    """Return the boxes of a drawing: class, rectangle, texts and title of each."""
    found = []
    for group in ET.fromstring(svg).iter(f"{SVG}g"):
        rect = group.find(f"{SVG}rect")
        x, y, w, h = (float(rect.get(name)) for name in ("x", "y", "width", "height"))
        texts = [(t.text, float(t.get("x")), float(t.get("y"))) for t in group.iter(f"{SVG}text")]
        found.append((group.get("class"), (x, y, w, h), texts, group.find(f"{SVG}title").text))
    return found


def crossed(segment, box):
    """Return whether points of a segment of a path lie inside a box."""
    x, y, w, h = box
    return any(x < a < x + w and y < b < y + h for a, b in segment)


def points(path):
    """Return points along a path of M, H, C and L commands."""
    here, found = np.zeros(2), []
    for command, arguments in re.findall(r"([MHCL])([^MHCL]*)", path):
        numbers = [float(number) for number in arguments.split()]
        if command == "H":
            numbers = [numbers[0], here[1]]
        stops = np.array(numbers).reshape(-1, 2)
        t = np.linspace(0.0, 1.0, 50)[:, None]
        if command == "C":
            a, b, c = stops
            found += [*((1 - t) ** 3 * here + 3 * t * (1 - t) ** 2 * a + 3 * t**2 * (1 - t) * b + t**3 * c)]
        elif command == "H":
            found += [*((1 - t) * here + t * stops[0])]
        here = stops[-1]
    return found


def test_every_name_is_a_label_and_every_kind_is_told_apart():
    graph = model()
    found = groups(graph.svg())
    titles = " ".join(title for *_, title in found)
    labels = [text.strip() for _, _, texts, _ in found for text, _, _ in texts]
    for name in (*graph.nodes, *graph.inputs):
        assert name in titles
        assert name in labels or name.partition(".")[2] in labels
    kinds = {texts[0][0]: kind for kind, _, texts, _ in found}
    assert kinds["psf"] == "system"
    assert kinds["image"] == kinds["flat"] == "function"
    assert kinds["seed"] == kinds["binary"] == "input"


def test_inputs_of_a_group_that_go_to_the_same_nodes_share_a_box():
    labels = [[text.strip() for text, _, _ in texts] for kind, _, texts, _ in groups(model().svg()) if kind == "input"]
    assert sorted(labels) == [
        ["binary", "separation_as", "angle_deg", "flux"],
        ["imaging.gain"],
        ["imaging.time_s"],
        ["imaging.unused"],
        ["primary.zernikes_nm"],
        ["secondary.zernikes_nm"],
        ["seed"],
        ["system", "focal_length_m", "pitch_m"],
    ]


def test_docs_and_overrides_are_in_the_titles_escaped():
    svg = model().svg()
    assert "Path differences &amp; &lt;signs&gt;" in svg
    assert "psf (can be overridden)" in [title for *_, title in groups(svg)]


@pytest.mark.parametrize("seed", range(60))
def test_boxes_lie_apart_inside_the_drawing_and_hold_their_text(seed):
    graph = random_graph(seed)
    svg = graph.svg()
    root, found = ET.fromstring(svg), groups(svg)
    width, height = (float(root.get(name)) for name in ("width", "height"))
    for _, (x, y, w, h), texts, _ in found:
        assert min(x, y) > 0
        assert x + w < width
        assert y + h < height
        for text, a, b in texts:
            assert x < a
            assert a + 6.65 * len(text) < x + w  # 11 px of a monospaced font is 0.6 em wide
            assert y + 8 < b < y + h
    for (_, (x, y, w, h), *_), (_, (a, b, c, d), *_) in itertools.combinations(found, 2):
        assert x + w < a or a + c < x or y + h < b or b + d < y


@pytest.mark.parametrize("seed", range(60))
def test_edges_lead_from_left_to_right_and_stay_clear_of_boxes(seed):
    graph = random_graph(seed)
    svg = graph.svg()
    boxes = [rect for _, rect, _, _ in groups(svg)]
    paths = [path.get("d") for path in ET.fromstring(svg).iter(f"{SVG}path") if path.get("fill") == "none"]
    grouped = {
        (name.partition(".")[0] if "." in name else name, node.name)
        for node in graph.nodes.values()
        for name in node.inputs
    }
    assert len(paths) >= len(grouped)
    assert len(paths) <= sum(len(node.inputs) for node in graph.nodes.values())
    for path in paths:
        along = np.array(points(path))
        assert np.all(np.diff(along[:, 0]) > -0.11)  # coordinates have one decimal
        inner = along[(along[:, 0] > along[0, 0] + 0.2) & (along[:, 0] < along[-1, 0] - 0.2)]
        assert not any(crossed(inner, box) for box in boxes)


def test_the_drawing_has_no_colour_of_its_own():
    svg = model().svg()
    assert set(re.findall(r'(?:fill|stroke)="([^"]*)"', svg)) == {"none", "currentColor"}
    assert re.findall(r"#[0-9a-f]{3}", svg) == ["#222", "#ddd"]  # only for a drawing that is a document of its own
    assert svg.count("svg:root") == 2
    html = model()._repr_html_()
    assert html.startswith("<div")
    assert svg in html


def test_the_drawing_is_the_same_each_time_and_in_every_process():
    code = """
        import hashlib
        from dluxshera.graph import Node
        from dluxshera.graph import SystemGraph
        takes = [[f"g.x{i % 3}", *(f"n{j}" for j in range(i) if (i * j) % 3 == 1)] for i in range(12)]
        nodes = [Node(f"n{i}", tuple(names), abs) for i, names in enumerate(takes)]
        print(hashlib.sha256(SystemGraph(nodes, ["g.x0", "g.x1", "g.x2"]).svg().encode()).hexdigest())
    """
    assert run_fresh(code, {"PYTHONHASHSEED": "1"}) == run_fresh(code, {"PYTHONHASHSEED": "2"})
    assert model().svg() == model().svg()


def test_graphs_without_nodes_or_edges_can_be_drawn():
    assert groups(SystemGraph([], []).svg()) == []
    assert [kind for kind, *_ in groups(SystemGraph([], ["x"]).svg())] == ["input"]
    assert [kind for kind, *_ in groups(SystemGraph([Node("a", (), first)], []).svg())] == ["function"]


def test_lines_that_need_not_cross_do_not():
    takes = {f"{step}{i}": f"{before}{(i * 2 + 1) % 5}" for before, step in ("xp", "pq") for i in range(5)}
    nodes = [Node(name, (taken,), first) for name, taken in takes.items()]
    found = groups(SystemGraph(nodes, [f"x{i}" for i in range(5)]).svg())
    middle = {texts[0][0]: y + h / 2 for _, (_, y, _, h), texts, _ in found}
    for a, b in itertools.combinations(nodes, 2):
        if a.name[0] == b.name[0]:
            ends = [(middle[node.name], middle[node.inputs[0]]) for node in (a, b)]
            assert (ends[0][0] - ends[1][0]) * (ends[0][1] - ends[1][1]) > 0
