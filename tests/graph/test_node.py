"""Nodes: what they refuse, what they call, and what a system adds to their identity."""

import pickle

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Float

from dluxshera.errors import GraphError
from dluxshera.graph import DLuxSystemNode, Node
from support.helpers import run_fresh


class Lens(eqx.Module):
    """A small system: an array, a function and a static setting."""

    weights: Array
    squash: object = jnp.tanh
    power: int = eqx.field(static=True, default=2)

    def __call__(self, x: Float[Array, " n"]) -> Float[Array, " n"]:
        return self.squash(self.weights * x) ** self.power


def run(system, x):
    return system(x)


def node_of(system):
    return DLuxSystemNode("image", system, ("x",), run)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("", (), abs), "expected a name"),
        (("a", ("b", "c", "b"), max), "a: the input b comes twice"),
        (("a", ("b", "a"), max), "a -> a: the node takes its own result"),
    ],
)
def test_a_node_refuses_what_cannot_be_one(arguments, said):
    with pytest.raises(GraphError) as caught:
        Node(*arguments)
    assert str(caught.value).startswith(said)
    assert caught.value.node == arguments[0]


def test_arguments_of_the_wrong_type_are_refused():  # in a process without the type checker of the tests
    said = run_fresh("""
        from dluxshera.graph import DLuxSystemNode, Node
        for make in (
            lambda: Node("a", ("b",), 3),
            lambda: Node("a", "bc", abs),
            lambda: DLuxSystemNode("a", (1.0,), ("b",), 3),
        ):
            try:
                make()
            except ValueError as error:
                print(error)
    """)
    assert said.splitlines() == [
        "a: expected a function, got 3.",
        "a: expected a sequence of names, got 'bc'. Write ('bc',).",
        "a: expected a function, got 3.",
    ]


def test_nodes_are_frozen_and_come_back_from_pickling():
    node = Node("a", ("b",), abs, "Size")
    with pytest.raises(AttributeError):
        node.name = "c"
    copy = pickle.loads(pickle.dumps(node))
    assert (copy.name, copy.inputs, copy.fn, copy.doc) == ("a", ("b",), abs, "Size")


def test_a_system_node_runs_its_system_on_the_inputs():
    x = np.linspace(-1.0, 1.0, 5)
    np.testing.assert_allclose(node_of(Lens(jnp.full(5, 0.5))).fn(x), np.tanh(0.5 * x) ** 2, rtol=1e-15)


def test_a_system_is_known_by_its_content():
    weights = np.array([1.0, 2.0, 3.0])
    content = node_of(Lens(jnp.array(weights))).content
    assert node_of(Lens(jnp.array(weights.copy()))).content == content
    others = [
        Lens(jnp.array(np.nextafter(weights, 9.0))),
        Lens(jnp.array(weights.astype(np.float32))),
        Lens(jnp.array(weights.reshape(3, 1))),
        Lens(jnp.array(weights), jnp.sin),
        Lens(jnp.array(weights), power=3),
        (jnp.array(weights), jnp.tanh, 2),
    ]
    contents = [node_of(other).content for other in others]
    assert len({content, *contents}) == len(others) + 1


def test_a_system_is_read_once(monkeypatch):
    calls = []
    monkeypatch.setattr("dluxshera.graph.node.digest", lambda system: calls.append(system) or b"content")
    node = node_of(Lens(jnp.ones(2)))
    assert node.renamed("image@1", ("x@1",)).content == node.renamed("image@2", ("x@2",)).content == b"content"
    assert len(calls) == 1


def test_a_traced_system_has_no_content():
    seen = []
    jax.jit(lambda w: seen.append(node_of(Lens(w)).content) or w)(jnp.ones(2))
    assert seen == [None]


def test_a_system_with_a_part_that_has_no_content_is_refused():
    with pytest.raises(GraphError, match=r"^image: an object of type object has no identity by content\. It is part"):
        node_of((jnp.ones(2), object()))


def test_a_renamed_node_keeps_its_function():
    node = Node("a", ("b",), abs).renamed("a@1", ("b@1",))
    assert (node.name, node.inputs, node.fn) == ("a@1", ("b@1",), abs)
