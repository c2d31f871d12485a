"""Evaluation: what is run, what is kept, what is refused, and that transformations of JAX see the plain function."""

import copy
import pickle
import threading
from collections import Counter
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dluxshera.errors import BoundsError, GraphError, SheraError, UnknownKeyError
from dluxshera.graph import DLuxSystemNode, Node, SystemGraph
from support.helpers import CENTRAL_STEP, central_difference, run_fresh

# name -> what it is computed from; the inputs are those that are not names here
DEPENDENCIES = {
    "image": ("psf", "scene", "imaging.time_s"),
    "psf": ("pupil", "imaging.pitch_m"),
    "pupil": ("optics.opd_nm", "optics.aperture"),
    "scene": ("binary.flux", "binary.separation_as"),
    "frame": ("image", "imaging.gain"),
}
INPUTS = (
    "optics.opd_nm", "optics.aperture", "imaging.pitch_m", "imaging.time_s", "imaging.gain", "binary.flux",
    "binary.separation_as",
)  # fmt: skip
VALUES = {name: 1.25 + 0.5 * i for i, name in enumerate(INPUTS)}
FORMULAS = {
    "image": lambda psf, scene, time: jnp.sin(psf) * scene * time,
    "psf": lambda pupil, pitch: pupil / pitch,
    "pupil": lambda opd, aperture: aperture * jnp.cos(opd),
    "scene": lambda flux, separation: flux * separation**2,
    "frame": lambda image, gain: image * gain,
}


def model(calls=None, **options):
    """Return the graph of the formulas, whose nodes count their calls."""
    calls = Counter() if calls is None else calls

    def counted(name):
        def fn(*values):
            calls[name] += 1
            return FORMULAS[name](*values)

        return fn

    nodes = [Node(name, inputs, counted(name)) for name, inputs in DEPENDENCIES.items()]
    return SystemGraph(nodes, INPUTS, **options)


def truth(values):
    """Return the frame in plain arithmetic."""
    v = values
    psf = v["optics.aperture"] * np.cos(v["optics.opd_nm"]) / v["imaging.pitch_m"]
    scene = v["binary.flux"] * v["binary.separation_as"] ** 2
    return np.sin(psf) * scene * v["imaging.time_s"] * v["imaging.gain"]


def goes_back_to(name, source):
    """Return whether a node depends on a name, by following every way."""
    return any(item == source or goes_back_to(item, source) for item in DEPENDENCIES.get(name, ()))


# Evaluation


def test_outputs_come_by_name_in_the_order_asked_for():
    graph = model()
    found = graph.evaluate(["frame", "binary.flux", "psf"], VALUES)
    assert list(found) == ["frame", "binary.flux", "psf"]
    assert float(found["frame"]) == pytest.approx(truth(VALUES), rel=1e-14)
    assert found["binary.flux"] == VALUES["binary.flux"]
    assert graph.evaluate("frame", VALUES) == {"frame": found["frame"]}
    assert graph.value("frame", VALUES) == found["frame"]
    assert graph.evaluate([], {}) == {}


def test_only_what_is_needed_is_run_and_asked_for():
    calls = Counter()
    graph = model(calls)
    graph.value("psf", {name: VALUES[name] for name in ("optics.opd_nm", "optics.aperture", "imaging.pitch_m")})
    assert calls == {"psf": 1, "pupil": 1}
    assert set(graph.needs("psf")) == {"psf", "pupil"}
    assert set(graph.inputs_of("psf")) == {"optics.opd_nm", "optics.aperture", "imaging.pitch_m"}
    assert graph.needs("imaging.gain") == ()
    assert graph.inputs_of(["imaging.gain", "psf"]) == (
        "optics.opd_nm", "optics.aperture", "imaging.pitch_m", "imaging.gain",
    )  # fmt: skip


def test_an_order_has_every_node_after_what_it_takes():
    for output in DEPENDENCIES:
        order = model().needs(output)
        for i, name in enumerate(order):
            assert all(item in order[:i] for item in DEPENDENCIES[name] if item in DEPENDENCIES)


@pytest.mark.parametrize("changed", INPUTS)
def test_a_change_of_an_input_recomputes_what_goes_back_to_it(changed):
    calls = Counter()
    graph = model(calls)
    graph.value("frame", VALUES)
    calls.clear()
    values = {**VALUES, changed: 0.625}
    assert float(graph.value("frame", values)) == pytest.approx(truth(values), rel=1e-14)
    affected = {name for name in DEPENDENCIES if goes_back_to(name, changed)}
    assert calls == dict.fromkeys(affected, 1)
    assert set(graph.affected_by(changed)) == affected
    calls.clear()
    for again in (VALUES, values):
        assert float(graph.value("frame", again)) == pytest.approx(truth(again), rel=1e-14)
    assert not calls


def test_overridden_nodes_are_not_run_nor_what_only_they_need():
    calls = Counter()
    graph = model(calls, overridable=["psf", "scene"])
    values = {**{name: VALUES[name] for name in VALUES if not name.startswith("optics")}, "psf": 0.5}
    expected = np.sin(0.5) * truth(VALUES) / np.sin(float(graph.value("psf", VALUES)))
    calls.clear()
    assert float(graph.value("frame", values)) == pytest.approx(expected, rel=1e-14)
    assert calls == {"scene": 1, "image": 1, "frame": 1}
    assert graph.evaluate(["psf"], {"psf": 0.5}) == {"psf": 0.5}
    assert set(graph.affected_by("psf")) == {"image", "frame"}
    assert set(graph.affected_by(["psf", "optics.opd_nm"])) == {"pupil", "image", "frame"}


def test_the_plain_function_calls_each_node_once_and_keeps_nothing():
    calls = Counter()
    graph = model(calls, overridable=["psf"])
    frame = graph.function(["frame", "image"])
    for _ in range(2):
        assert float(frame(VALUES)["frame"]) == pytest.approx(truth(VALUES), rel=1e-14)
    assert calls == dict.fromkeys(DEPENDENCIES, 2)
    assert frame({**VALUES, "psf": 0.5})["image"] != frame(VALUES)["image"]
    assert graph.cached == 0
    with pytest.raises(UnknownKeyError):
        frame({**VALUES, "imaging.gian": 1.0})
    with pytest.raises(UnknownKeyError):
        graph.function("frme")


# The cache


def test_statistics_count_and_are_cleared_with_the_results():
    graph = model()
    graph.value("image", VALUES)
    graph.value("frame", VALUES)
    assert graph.statistics() == {
        "pupil": (1, 0), "psf": (1, 0), "scene": (1, 0), "image": (1, 1), "frame": (1, 0),
    }  # fmt: skip
    assert graph.cached == 5
    graph.clear()
    assert graph.cached == 0
    assert set(graph.statistics().values()) == {(0, 0)}


@pytest.mark.parametrize("size", [0, 1, 2, 4])
def test_no_more_results_are_kept_than_there_is_room_for(size):
    graph = model(cache_size=size)
    for i in range(20):
        values = {**VALUES, "binary.flux": float(i)}
        assert float(graph.value("frame", values)) == pytest.approx(truth(values), rel=1e-14)
        assert graph.cached == min(size, 5)


def test_the_results_that_were_not_used_for_longest_go_first():
    calls = []
    graph = SystemGraph([Node("a", ("x",), lambda x: calls.append(x) or x)], ["x"], cache_size=2)
    for x in (1, 2, 1, 3, 1, 2):
        graph.value("a", {"x": x})
    assert calls == [1, 2, 3, 2]


def test_arrays_are_known_by_content():
    calls = []
    graph = SystemGraph([Node("total", ("x",), lambda x: calls.append(x) or np.sum(x))], ["x"])
    array = np.array([0.0, 1.0, np.nan])
    graph.value("total", {"x": array})
    graph.value("total", {"x": array.copy()})
    assert len(calls) == 1
    array[0] = -0.0  # in place: the same object, other content
    graph.value("total", {"x": array})
    graph.value("total", {"x": array.astype(np.float32)})
    graph.value("total", {"x": jnp.asarray(array)})
    assert len(calls) == 4


def test_the_default_precision_is_part_of_the_key():
    graph = SystemGraph([Node("a", ("x",), lambda x: jnp.asarray(x) * 1.0)], ["x"])
    assert graph.value("a", {"x": 1.5}).dtype == jnp.float64
    jax.config.update("jax_enable_x64", False)
    try:
        assert graph.value("a", {"x": 1.5}).dtype == jnp.float32
    finally:
        jax.config.update("jax_enable_x64", True)


def test_what_is_kept_does_not_change_with_what_was_given_or_returned():
    graph = SystemGraph(
        [Node("same", ("x",), lambda x: x), Node("both", ("x",), lambda x: ([x], {"x": x}, (x,)))], ["x"]
    )
    array = np.ones(3)
    result = graph.value("same", {"x": array})
    both = graph.value("both", {"x": array})
    array[:] = 7.0
    assert array.flags.writeable
    for kept in (result, both[0][0], both[1]["x"], both[2][0]):
        with pytest.raises(ValueError, match="read-only"):
            kept[0] = 2.0
    np.testing.assert_array_equal(graph.value("same", {"x": np.ones(3)}), np.ones(3))
    assert graph.statistics()["same"] == (1, 1)


def test_two_nodes_of_one_function_are_not_confused():
    graph = SystemGraph([Node("a", ("x", "y"), np.subtract), Node("b", ("y", "x"), np.subtract)], ["x", "y"])
    assert graph.evaluate(["a", "b"], {"x": 3.0, "y": 1.0}) == {"a": 2.0, "b": -2.0}


def test_a_node_is_computed_again_after_it_failed():
    fails = [True]

    def fn(x):
        if fails:
            raise RuntimeError("not yet")
        return x

    graph = SystemGraph([Node("a", ("x",), fn)], ["x"])
    with pytest.raises(GraphError):
        graph.value("a", {"x": 1})
    fails.clear()
    assert graph.value("a", {"x": 1}) == 1
    assert graph.statistics()["a"] == (1, 0)


def test_threads_share_results_and_compute_each_once():
    calls, lock, barrier = Counter(), threading.Lock(), threading.Barrier(8)

    def slow(name):
        def fn(*values):
            with lock:
                calls[name, values] += 1
            threading.Event().wait(0.002)  # so that the others come meanwhile
            return sum(values)

        return fn

    nodes = [Node("a", ("x",), slow("a")), Node("b", ("a", "y"), slow("b")), Node("c", ("b", "a"), slow("c"))]
    graph, wrong = SystemGraph(nodes, ["x", "y"], cache_size=1000), []

    def work(seed):
        rng = np.random.default_rng(seed)
        barrier.wait()
        for _ in range(40):
            x, y = (int(n) for n in rng.integers(1, 6, 2))
            if graph.value("c", {"x": x, "y": y}) != 2 * x + y:
                wrong.append((x, y))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert set(calls.values()) == {1}
    assert sum(item.computed for item in graph.statistics().values()) == len(calls) == graph.cached


def test_threads_that_wait_for_a_failure_get_their_own():
    started, go, seen = threading.Event(), threading.Event(), []

    def fn(x):
        started.set()
        go.wait(10.0)
        raise ValueError("no light")

    graph = SystemGraph([Node("a", ("x",), fn)], ["x"])

    def work():
        try:
            graph.value("a", {"x": 1})
        except GraphError as error:
            seen.append(str(error))

    threads = [threading.Thread(target=work) for _ in range(3)]
    threads[0].start()
    assert started.wait(10.0)
    for thread in threads[1:]:
        thread.start()
    go.set()
    for thread in threads:
        thread.join(10.0)
    assert seen == ["a: the node raised ValueError: no light."] * 3


def test_a_graph_comes_back_from_pickling_and_copying_without_results():
    graph = SystemGraph([Node("size", ("x",), abs)], ["x"], overridable=["size"], cache_size=3)
    graph.value("size", {"x": -1})
    for again in (pickle.loads(pickle.dumps(graph)), copy.deepcopy(graph)):
        assert again.cached == 0
        assert again.value("size", {"x": -2}) == 2
        assert (again.inputs, again.overridable) == (("x",), {"size"})
    assert repr(graph) == "SystemGraph of 1 nodes and 1 inputs"


# Under transformations


def test_transformations_agree_with_evaluation_and_leave_the_cache_alone():
    graph = model(overridable=["psf"])
    frame = float(graph.value("frame", VALUES))
    before, cached = graph.statistics(), graph.cached

    def of(changes):
        return graph.value("frame", {**VALUES, **changes})

    assert float(jax.jit(of)(VALUES)) == pytest.approx(frame, rel=1e-14)
    assert float(jax.jit(of)({"binary.flux": 2.0})) == pytest.approx(truth({**VALUES, "binary.flux": 2.0}), rel=1e-14)
    gradient = jax.grad(of)({name: VALUES[name] for name in INPUTS})
    for name in INPUTS:
        step = CENTRAL_STEP * VALUES[name]
        slope = central_difference(lambda h, name=name: truth({**VALUES, name: VALUES[name] + h}), step)
        assert float(gradient[name]) == pytest.approx(slope, rel=1e-8)
    flux = jnp.linspace(1.0, 3.0, 4)
    batch = jax.vmap(lambda f: of({"binary.flux": f}))(flux)
    np.testing.assert_allclose(batch, [truth({**VALUES, "binary.flux": float(f)}) for f in flux], rtol=1e-14)
    override = jax.grad(lambda psf: of({"psf": psf}))(0.5)
    assert float(override) == pytest.approx(frame / np.sin(float(graph.value("psf", VALUES))) * np.cos(0.5), rel=1e-13)
    graph_frame = jax.jit(graph.function("frame"))
    assert float(graph_frame(VALUES)["frame"]) == pytest.approx(frame, rel=1e-14)
    assert graph.cached == cached
    assert {name: seen.computed for name, seen in graph.statistics().items()} == {
        name: seen.computed for name, seen in before.items()
    }


def test_a_traced_node_is_called_once_per_trace():
    calls = Counter()
    graph = model(calls)
    compiled = jax.jit(lambda values: graph.evaluate(["frame", "image", "psf"], values))
    for i in range(3):
        compiled({**VALUES, "binary.flux": float(i)})
    assert calls == dict.fromkeys(DEPENDENCIES, 1)


def test_constants_inside_jit_are_traced_and_not_kept():
    graph = model()
    frame = jax.jit(lambda: graph.value("frame", VALUES))()
    assert float(frame) == pytest.approx(truth(VALUES), rel=1e-14)
    kept = {name for name, seen in graph.statistics().items() if seen.computed}
    assert kept == {"scene"}  # which is plain arithmetic
    assert graph.cached == 1
    assert float(graph.value("frame", VALUES)) == pytest.approx(truth(VALUES), rel=1e-14)


def test_what_only_an_unneeded_value_has_traced_is_cached():
    graph = model()
    jax.jit(lambda gain: graph.inputs_of("psf") and graph.value("scene", {**VALUES, "imaging.gain": gain}))(1.0)
    assert graph.statistics()["scene"] == (1, 0)


def test_a_graph_around_a_traced_system_runs_without_a_cache():
    seen = []

    def loss(weight):
        square = DLuxSystemNode("square", (weight,), ("x",), lambda system, x: x**2)  # a plain number
        image = DLuxSystemNode("image", (weight,), ("square",), lambda system, square: system[0] * square)
        seen.append(SystemGraph([square, image], ["x"]))
        return seen[-1].value("image", {"x": 3.0})

    assert float(jax.grad(loss)(2.0)) == 9.0
    assert seen[0].cached == 0


# What is refused


def node(name, *inputs):
    return Node(name, inputs, lambda *values: values)


@pytest.mark.parametrize(
    ("nodes", "inputs", "said"),
    [
        ([node("a", "c"), node("b", "a"), node("c", "b")], [],
         r"(a -> c -> b -> a|c -> b -> a -> c|b -> a -> c -> b): the nodes take one another's results in a circle\."),
        ([node("a", "b"), node("b", "a"), node("c", "a")], [], r"(a -> b -> a|b -> a -> b): the nodes take"),
        ([node("image", "system.seperation_m")], ["system.separation_m"],
         r"image -> system\.seperation_m: the graph has no such input or node\. Did you mean system\.separation_m\?"),
        ([node("a", "x")], ["q"], r"a -> x: the graph has no such input or node\. Add it to the inputs"),
        ([node("a"), node("a")], [], r"a: two nodes have this name"),
        ([node("a")], ["a"], r"a: a node and an input have this name"),
        ([], ["x", "x"], r"x: the input comes twice"),
        ([], [""], r"expected names of inputs, got an empty one"),
        ([], "xy", r"expected a sequence of names of inputs, got 'xy'"),
    ],
)  # fmt: skip
def test_a_graph_that_cannot_be_is_refused(nodes, inputs, said):
    with pytest.raises(GraphError, match=f"^{said}"):
        SystemGraph(nodes, inputs)


def test_a_circle_is_shown_along_its_edges():
    inputs = {"a": "d", "b": "a", "c": "b", "d": "c", "e": "a"}
    with pytest.raises(GraphError) as caught:
        SystemGraph([node(name, item) for name, item in inputs.items()], [])
    path = caught.value.path
    assert len(path) == 5
    assert path[0] == path[-1] == caught.value.node
    assert all(inputs[a] == b for a, b in pairwise(path))


def test_options_are_checked():
    with pytest.raises(UnknownKeyError, match=r"^scen: expected a node that can be overridden, .* mean scene\?$"):
        model(overridable=["scen"])
    with pytest.raises(GraphError, match="expected a cache_size of 0 or more, got -1"):
        model(cache_size=-1)


def test_what_is_not_a_node_is_refused():  # in a process without the type checker of the tests
    said = run_fresh("""
        from dluxshera.graph import SystemGraph
        try:
            SystemGraph([abs], [])
        except ValueError as error:
            print(error)
    """)
    assert said.startswith("expected nodes, got <built-in function abs>")


@pytest.mark.parametrize("ask", ["evaluate", "value", "needs", "inputs_of", "affected_by", "function"])
def test_unknown_outputs_are_refused(ask):
    arguments = (VALUES,) if ask in ("evaluate", "value") else ()
    with pytest.raises(UnknownKeyError, match=r"^imgae: expected a node or an input of the graph, .* mean image\?$"):
        getattr(model(), ask)("imgae", *arguments)


def test_unknown_values_are_refused_also_where_they_are_not_needed():
    with pytest.raises(
        UnknownKeyError, match=r"^imaging\.tiem_s: expected an input .* Did you mean imaging\.time_s\?$"
    ):
        model().value("psf", {**VALUES, "imaging.tiem_s": 1.0})


def test_a_value_for_a_node_that_is_not_overridable_is_refused():
    with pytest.raises(GraphError, match=r"^psf: the node cannot be overridden\. Give its inputs: optics\.opd_nm, "):
        model(overridable=["scene"]).value("image", {**VALUES, "psf": 1.0})


@pytest.mark.parametrize("how", ["evaluate", "jit", "function"])
def test_a_missing_input_is_named_with_who_needs_it_and_the_path(how):
    graph = model()
    values = {name: value for name, value in VALUES.items() if name != "optics.opd_nm"}
    run = {
        "evaluate": lambda: graph.evaluate("frame", values),
        "jit": lambda: jax.jit(lambda v: graph.value("frame", v))(values),
        "function": lambda: graph.function("frame")(values),
    }[how]
    said = "frame -> image -> psf -> pupil -> optics.opd_nm: the input optics.opd_nm has no value, and pupil needs it."
    with pytest.raises(GraphError) as caught:
        run()
    assert str(caught.value) == said
    assert caught.value.node == "pupil"


def test_the_path_does_not_lead_through_an_overridden_node():
    nodes = [node("b", "x"), node("e", "x"), node("d", "e"), node("c", "b", "d")]
    graph = SystemGraph(nodes, ["x"], overridable=["b"])
    for values, path in (({}, ("c", "b", "x")), ({"b": 1}, ("c", "d", "e", "x"))):
        with pytest.raises(GraphError) as caught:
            graph.value("c", values)
        assert caught.value.path == path


def test_a_missing_input_that_is_itself_the_output():
    with pytest.raises(GraphError, match=r"^imaging\.gain: the input imaging\.gain has no value\.$"):
        model().value("imaging.gain", {})


def test_a_value_without_an_identity_is_named_with_the_path():
    said = r"^image -> scene -> binary\.flux: an object of type object has no identity by content\.$"
    with pytest.raises(GraphError, match=said) as caught:
        model().value("image", {**VALUES, "binary.flux": object()})
    assert caught.value.node == "scene"


@pytest.mark.parametrize("how", ["value", "function"])
@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ZeroDivisionError("division by zero"), "the node raised ZeroDivisionError: division by zero."),
        (RuntimeError("two\nlines"), "the node raised RuntimeError: two."),
        (RuntimeError(), "the node raised RuntimeError."),
        (BoundsError("x", expected="more", got=1.0), "the node raised BoundsError: x: expected more, got 1.0."),
    ],
)
def test_what_a_node_raises_comes_with_its_name_and_the_path(how, error, said):
    def fails(x):
        raise error

    graph = SystemGraph([Node("a", ("x",), fails), node("b", "y", "a"), node("c", "b", "y")], ["x", "y"])
    run = {"value": graph.value, "function": lambda name, values: graph.function(name)(values)}[how]
    with pytest.raises(SheraError) as caught:
        run("c", {"x": 1, "y": 2})
    assert str(caught.value) == f"c -> b -> a: {said}"
    assert (caught.value.node, caught.value.path) == ("a", ("c", "b", "a"))
    assert caught.value.__cause__ is error


def test_an_interrupt_passes_and_the_node_can_be_run_again():
    stop = [KeyboardInterrupt()]

    def fn(x):
        if stop:
            raise stop.pop()
        return x

    graph = SystemGraph([Node("a", ("x",), fn)], ["x"])
    with pytest.raises(KeyboardInterrupt):
        graph.value("a", {"x": 1})
    assert graph.value("a", {"x": 1}) == 1
