"""The identity of values: equal content is the same at any address, and any difference tells."""

import enum
import functools
import itertools
import struct
from collections import OrderedDict
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dluxshera.errors import GraphError
from dluxshera.graph import combined, digest
from support.helpers import run_fresh


class Pair(NamedTuple):
    a: object
    b: object


class Other(NamedTuple):
    a: object
    b: object


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


@dataclass(frozen=True)
class Plain:
    a: object


def nan(payload):
    return struct.unpack("<d", struct.pack("<Q", 0x7FF8000000000000 | payload))[0]


# Builders, so that each call makes its value anew; no two of them are the same content.
BUILDERS = [
    lambda: None,
    lambda: True,
    lambda: 1,
    lambda: 1.0,
    lambda: 1 + 0j,
    lambda: "1",
    lambda: b"1",
    lambda: 10**30,
    lambda: 0.0,
    lambda: -0.0,
    lambda: nan(0),
    lambda: nan(1),
    lambda: -nan(0),
    lambda: complex(0.0, -0.0),
    lambda: complex(0.0, 0.0),
    lambda: "\ud800",
    lambda: (),
    list,
    dict,
    lambda: (1, 2),
    lambda: (2, 1),
    lambda: [1, 2],
    lambda: ((1,), 2),
    lambda: (1, (2,)),
    lambda: ("ab", "c"),
    lambda: ("a", "bc"),
    lambda: {"a": 1, "b": 2},
    lambda: {"a": 2, "b": 1},
    lambda: OrderedDict(a=1, b=2),
    lambda: OrderedDict(b=2, a=1),
    lambda: MappingProxyType({"a": 1}),
    lambda: frozenset({1, 2}),
    lambda: frozenset({1, 3}),
    lambda: Pair(1, np.ones(2)),
    lambda: Other(1, np.ones(2)),
    lambda: Plain((1, 2)),
    lambda: Plain((1, 3)),
    lambda: Colour.RED,
    lambda: Colour.BLUE,
    lambda: Colour,
    lambda: nan,
    lambda: functools.partial(nan, 1),
    lambda: functools.partial(nan, 2),
    lambda: slice(1, 2),
    lambda: np.dtype("<f4"),
    lambda: np.dtype(">f4"),
    lambda: np.float64(1.0),
    lambda: np.float32(1.0),
    lambda: np.array(1.0),
    lambda: np.array([1.0, 2.0]),
    lambda: np.array([1.0, 2.0], dtype=">f8"),
    lambda: np.array([1.0, np.nextafter(2.0, 3.0)]),
    lambda: np.array([1.0, 2.0], dtype=np.float32),
    lambda: np.array([[1.0, 2.0]]),
    lambda: np.array([[1.0], [2.0]]),
    lambda: np.array([0.0, np.nan]),
    lambda: np.array([-0.0, np.nan]),
    lambda: np.array([0.0, -np.nan]),
    lambda: np.array(["a", "b"]),
    lambda: np.zeros(0),
    lambda: np.zeros((0, 3)),
    lambda: np.zeros(1, dtype=[("x", "<f8")]),
    lambda: np.zeros(1, dtype=[("y", "<f8")]),
    lambda: jnp.array([1.0, 2.0]),
    lambda: jnp.array([1.0, 2.0], dtype=jnp.float32),
    lambda: jnp.array([1.0, 2.0], dtype=jnp.bfloat16),
    lambda: jnp.array([1.0, 2.0], dtype=jnp.float16),
    lambda: jnp.asarray(1.0),  # of weak type: it does not promote
    lambda: jnp.asarray(1.0, dtype=jnp.float64),
    lambda: jax.random.key(1),
    lambda: jax.random.key(2),
    lambda: jax.random.key(1, impl="rbg"),
    lambda: jax.random.PRNGKey(1),
    lambda: jax.tree_util.Partial(nan, 1),
]


def test_what_is_built_anew_has_the_same_digest_and_what_differs_another():
    first, again = [digest(build()) for build in BUILDERS], [digest(build()) for build in BUILDERS]
    assert first == again
    alike = [(i, j) for (i, a), (j, b) in itertools.combinations(enumerate(first), 2) if a == b]
    assert alike == []


def test_every_byte_of_an_array_counts():
    array = np.arange(8.0)
    digests = {digest(array)}
    for i in range(array.nbytes):
        changed = array.copy()
        changed.view(np.uint8)[i] ^= 1
        digests.add(digest(changed))
    assert len(digests) == array.nbytes + 1


def test_the_order_in_memory_does_not_count():
    array = np.arange(12.0).reshape(3, 4)
    assert digest(array) == digest(np.asfortranarray(array)) == digest(np.arange(24.0).reshape(3, 8)[:, ::2] / 2.0)


def test_a_class_made_again_is_another():
    def made():
        class Local(NamedTuple):
            a: int

        return Local(1)

    assert digest(made()) != digest(made())


def test_parts_are_told_apart():
    assert len({combined(b"ab", b"c"), combined(b"a", b"bc"), combined(b"abc"), combined(b"abc", b"")}) == 4


@pytest.mark.parametrize(
    "value",
    [
        object(),
        iter(()),
        np.array([1, "a"], dtype=object),
        np.ma.masked_array([1.0, 2.0], mask=[True, False]),
        np.sin,
        {"a": [1, (object(),)]},
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_has_no_identity_by_content_is_refused(value):
    with pytest.raises(GraphError, match=r"^an (object|array) of d?type \w+ has no identity by content\.$"):
        digest(value)


def test_a_traced_value_is_refused():
    with pytest.raises(GraphError, match="a traced value is in a place that JAX does not search"):
        jax.jit(lambda x: digest(Plain(x)))(1.0)


def test_named_tuples_and_mappings_need_no_jax():
    code = """
        import sys
        from collections import OrderedDict, namedtuple
        import numpy as np
        from dluxshera.graph import digest
        from dluxshera.graph import Node
        from dluxshera.graph import SystemGraph
        Pair = namedtuple("Pair", "a b")
        build = lambda: Pair({"a": np.ones(2)}, OrderedDict(b=(1.0, None)))
        assert digest(build()) == digest(build()) != digest(Pair(1, 2))
        graph = SystemGraph([Node("total", ("pair",), lambda pair: pair.a["a"].sum())], ["pair"])
        assert graph.value("total", {"pair": build()}) == graph.value("total", {"pair": build()}) == 2.0
        assert graph.statistics()["total"] == (1, 1)
        assert "svg" in graph.svg()
        print("jax" in sys.modules)
    """
    assert run_fresh(code).split() == ["False"]
