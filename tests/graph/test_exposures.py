"""A graph for several exposures shares what they have in common and is otherwise the same graph for each."""

from collections import Counter

import numpy as np
import pytest

from dluxshera.errors import GraphError, UnknownKeyError
from dluxshera.graph import DLuxSystemNode, Node, SystemGraph

INPUTS = ("optics.opd_nm", "scene.flux", "imaging.time_s", "imaging.roll_deg", "imaging.gain")
VALUES = {"optics.opd_nm": 0.3, "scene.flux": 5.0, "imaging.time_s": 2.0, "imaging.roll_deg": 0.7, "imaging.gain": 1.5}
VARYING = ("imaging.time_s", "imaging.roll_deg")
EXPOSURES = ("1", "2", "late")


def model(calls=None):
    calls = Counter() if calls is None else calls

    def counted(name, fn):
        def run(*values):
            calls[name] += 1
            return fn(*values)

        return run

    nodes = [
        DLuxSystemNode("psf", np.arange(4.0), ("optics.opd_nm",), counted("psf", lambda system, opd: system * opd)),
        Node("scene", ("scene.flux", "imaging.roll_deg"), counted("scene", lambda flux, roll: flux * np.cos(roll))),
        Node("image", ("psf", "scene", "imaging.time_s"), counted("image", lambda psf, scene, t: psf * scene * t)),
        Node("digitiser", ("imaging.gain",), counted("digitiser", lambda gain: 1.0 / gain)),
        DLuxSystemNode(
            "frame", (2.0,), ("image", "digitiser"), counted("frame", lambda system, i, d: system[0] * i * d)
        ),
    ]
    return SystemGraph(nodes, INPUTS, overridable=["scene", "psf"], cache_size=5)


def per_exposure():
    """Return the values of each exposure by itself, and all in one under the names of the graph of all."""
    single = {e: {**VALUES, "imaging.time_s": 1.0 + i, "imaging.roll_deg": 0.1 * i} for i, e in enumerate(EXPOSURES)}
    shared = {name: VALUES[name] for name in INPUTS if name not in VARYING}
    return single, {**shared, **{f"{name}@{e}": single[e][name] for e in EXPOSURES for name in VARYING}}


def test_names_and_edges():
    graph = model().for_exposures(VARYING, EXPOSURES)
    assert set(graph.nodes) == {
        "psf",
        "digitiser",
        *(f"{n}@{e}" for n in ("scene", "image", "frame") for e in EXPOSURES),
    }
    assert graph.inputs == (
        "optics.opd_nm", "scene.flux", "imaging.time_s@1", "imaging.time_s@2", "imaging.time_s@late",
        "imaging.roll_deg@1", "imaging.roll_deg@2", "imaging.roll_deg@late", "imaging.gain",
    )  # fmt: skip
    assert graph.nodes["image@2"].inputs == ("psf", "scene@2", "imaging.time_s@2")
    assert graph.nodes["frame@late"].inputs == ("image@late", "digitiser")
    assert graph.overridable == {"psf", "scene@1", "scene@2", "scene@late"}


def test_values_are_those_of_separate_evaluations_and_what_is_shared_runs_once():
    calls = Counter()
    alone, graph = model(), model(calls).for_exposures(VARYING, EXPOSURES)
    single, together = per_exposure()
    found = graph.evaluate([f"frame@{e}" for e in EXPOSURES], together)
    assert calls == {"psf": 1, "digitiser": 1, "scene": 3, "image": 3, "frame": 3}
    for e in EXPOSURES:
        np.testing.assert_array_equal(found[f"frame@{e}"], alone.value("frame", single[e]))
    assert graph.cached == 11  # there is room for all of them
    calls.clear()
    graph.evaluate([f"frame@{e}" for e in EXPOSURES], {**together, "imaging.roll_deg@2": 0.9})
    assert calls == {"scene": 1, "image": 1, "frame": 1}
    calls.clear()
    graph.evaluate([f"frame@{e}" for e in EXPOSURES], {**together, "imaging.gain": 9.0})
    assert calls == {"digitiser": 1, "frame": 3}


def test_an_override_of_one_exposure_leaves_the_others():
    graph = model().for_exposures(VARYING, EXPOSURES)
    _, together = per_exposure()
    plain = graph.evaluate([f"image@{e}" for e in EXPOSURES], together)
    found = graph.evaluate([f"image@{e}" for e in EXPOSURES], {**together, "scene@2": 10.0})
    np.testing.assert_array_equal(found["image@1"], plain["image@1"])
    np.testing.assert_allclose(found["image@2"], np.arange(4.0) * 0.3 * 10.0 * 2.0, rtol=1e-15)


def test_epochs_of_exposures():
    graph = model().for_exposures(["imaging.time_s"], ["a", "b"]).for_exposures(["scene.flux"], ["x", "y"])
    assert {"psf", "scene@x", "image@a@y", "frame@b@x"} < set(graph.nodes)
    values = {
        "optics.opd_nm": 0.3, "imaging.roll_deg": 0.0, "scene.flux@x": 5.0, "scene.flux@y": 7.0,
        "imaging.time_s@a": 2.0, "imaging.time_s@b": 3.0,
    }  # fmt: skip
    np.testing.assert_allclose(graph.value("image@b@y", values), np.arange(4.0) * 0.3 * 7.0 * 3.0, rtol=1e-15)


def test_what_no_exposure_needs_is_not_asked_for():
    graph = model().for_exposures(VARYING, EXPOSURES)
    assert set(graph.inputs_of("image@1")) == {"optics.opd_nm", "scene.flux", "imaging.time_s@1", "imaging.roll_deg@1"}
    _, together = per_exposure()
    of_one = {name: value for name, value in together.items() if not name.endswith(("@2", "@late", "gain"))}
    np.testing.assert_array_equal(graph.value("image@1", of_one), graph.value("image@1", together))
    del of_one["imaging.time_s@1"]
    with pytest.raises(GraphError, match=r"^image@1 -> imaging\.time_s@1: the input imaging\.time_s@1 has no value"):
        graph.value("image@1", of_one)


@pytest.mark.parametrize(
    ("varying", "exposures", "kind", "said"),
    [
        (["imaging.tiem_s"], ["1"], UnknownKeyError, r"^imaging\.tiem_s: .* Did you mean imaging\.time_s\?$"),
        (["psf"], ["1"], UnknownKeyError, r"^psf: expected an input of the graph"),
        ([], ["1"], GraphError, r"at least one name for varying, got \[\]"),
        (VARYING, [], GraphError, r"at least one name for exposures"),
        (VARYING, "12", GraphError, r"at least one name for exposures, got '12'"),
        (VARYING, ["1", "2", "1"], GraphError, r"expected distinct exposures, got '1' twice"),
        (VARYING, ["1", "a b"], GraphError, r"letters, digits and underscores, got 'a b'"),
        (VARYING, ["a@b"], GraphError, r"letters, digits and underscores, got 'a@b'"),
        (VARYING, [""], GraphError, r"letters, digits and underscores, got ''"),
    ],
)
def test_what_cannot_be_exposures_is_refused(varying, exposures, kind, said):
    with pytest.raises(kind, match=said):
        model().for_exposures(varying, exposures)
