"""The drawing of a system graph: its inputs in groups, kinds of nodes by their look, docs as tooltips."""

from dluxshera.graph import DLuxSystemNode, Node, SystemGraph
from support.drawings import read_drawing


def first(*values):
    return values[0]


def example():
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


def drawn_lines(graph):
    return {tuple(text for text, *_ in box.lines): box for box in read_drawing(graph.svg()).boxes}


def test_inputs_of_a_group_that_go_to_the_same_nodes_share_a_box():
    assert sorted(lines for lines, box in drawn_lines(example()).items() if box.look == "dashed") == [
        ("binary", "separation_as", "angle_deg", "flux"),
        ("imaging.gain",),
        ("imaging.time_s",),
        ("imaging.unused",),
        ("primary.zernikes_nm",),
        ("secondary.zernikes_nm",),
        ("seed",),
        ("system", "focal_length_m", "pitch_m"),
    ]


def test_optical_systems_have_a_heavy_border_and_functions_are_filled():
    looks = {lines[0]: box.look for lines, box in drawn_lines(example()).items() if box.look != "dashed"}
    functions = dict.fromkeys(("pupil_opd_m", "scene", "image", "flat", "frame"), "filled")
    assert looks == {**functions, "psf": "heavy"}


def test_the_tooltips_have_names_docs_and_overrides():
    titles = {lines: box.title for lines, box in drawn_lines(example()).items()}
    assert titles["pupil_opd_m",] == "pupil_opd_m: Path differences & <signs>"
    assert titles["psf",] == "psf (can be overridden)"
    assert titles["system", "focal_length_m", "pitch_m"] == "system.focal_length_m, system.pitch_m"


def test_each_box_and_edge_is_drawn_once():
    drawing = read_drawing(example().svg())
    assert len(drawing.boxes) == 6 + 8
    # The edges of an input that shares a box with others are one.
    assert len(drawing.lines) == 2 + 2 + 1 + 3 + 5
    assert read_drawing(SystemGraph([], []).svg()).boxes == []
    assert [box.look for box in read_drawing(SystemGraph([], ["x"]).svg()).boxes] == ["dashed"]


def test_a_notebook_shows_the_drawing():
    html = example()._repr_html_()
    assert html.startswith("<div")
    assert example().svg() in html
