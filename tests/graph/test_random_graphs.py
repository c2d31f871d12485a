"""A thousand random graphs against a naive recursive evaluator, through random changes and overrides."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from dluxshera.graph import Node, SystemGraph

MODULUS = 2**61 - 1  # whole numbers, so that every evaluation is exact
GRAPHS = 1000


class Case:
    """A random graph, described by who takes what, with the naive answers."""

    def __init__(self, seed):
        self.rng = rng = np.random.default_rng(seed)
        self.inputs = [f"group{i % 3}.x{i}" for i in range(int(rng.integers(1, 6)))]
        count = int(rng.integers(1, 13))
        self.takes, earlier = {}, list(self.inputs)
        for i in range(count):
            some = rng.permutation(len(earlier))[: int(rng.integers(0, 4))]
            self.takes[f"n{i}"] = tuple(earlier[j] for j in some)
            earlier.append(f"n{i}")
        self.overridable = [name for name in self.takes if rng.random() < 0.3]
        self.calls = Counter()
        shuffled = [list(self.takes)[i] for i in rng.permutation(count)]
        nodes = [Node(name, self.takes[name], self.function(name)) for name in shuffled]
        self.graph = SystemGraph(nodes, self.inputs, overridable=self.overridable, cache_size=10_000)

    def formula(self, name, values):
        """Return the result of a node: it depends on the node and on the order of the inputs."""
        total = int(name[1:]) + 1
        for i, value in enumerate(values):
            total = (total * 1_000_003 + (i + 7) * value) % MODULUS
        return total

    def function(self, name):
        def fn(*values):
            self.calls[name] += 1
            return self.formula(name, values)

        return fn

    def naive(self, name, values):
        if name in values:
            return values[name]
        return self.formula(name, [self.naive(item, values) for item in self.takes[name]])

    def goes_back_to(self, name, sources, given):
        """Return whether a name depends on one of the sources, by ways that do not lead through what is given."""
        if name in sources:
            return True
        ways = () if name in given else self.takes.get(name, ())
        return any(self.goes_back_to(item, sources, given) for item in ways)

    def reached(self, outputs, given):
        """Return all that the outputs go back to, themselves among it, not looking behind what is given."""
        found, open_names = set(), list(outputs)
        while open_names:
            name = open_names.pop()
            if name not in found:
                found.add(name)
                open_names += () if name in given else self.takes.get(name, ())
        return found

    def some(self, names, chance):
        return [name for name in names if self.rng.random() < chance]


@pytest.mark.parametrize("block", range(10))
def test_random_graphs_agree_with_a_naive_evaluator(block):
    for seed in range(block * GRAPHS // 10, (block + 1) * GRAPHS // 10):
        case = Case(seed)
        known = {}  # node and the values of all that it goes back to -> already computed
        values = {name: int(case.rng.integers(MODULUS)) for name in case.inputs}
        for _ in range(6):
            for name in case.some(case.inputs, 0.3):
                values[name] = int(case.rng.integers(3))  # few, so that values come back
            given = {**values, **{name: int(case.rng.integers(3)) for name in case.some(case.overridable, 0.3)}}
            outputs = case.some([*case.takes, *case.inputs], 0.3)
            case.calls.clear()
            found = case.graph.evaluate(outputs, given)
            assert found == {name: case.naive(name, given) for name in outputs}

            needed = {name for name in case.reached(outputs, given) if name in case.takes and name not in given}
            expected = {}
            for name in needed:
                leaves = frozenset((leaf, given[leaf]) for leaf in case.reached([name], given) if leaf in given)
                if (name, leaves) not in known:
                    expected[name] = 1
                    known[name, leaves] = True
            assert case.calls == expected, seed
            case.calls.clear()
            assert case.graph.function(outputs)(given) == found
            assert case.calls == dict.fromkeys(needed, 1)


@pytest.mark.parametrize("block", range(4))
def test_what_random_graphs_say_of_themselves_is_what_can_be_reached(block):
    for seed in range(block * GRAPHS // 4, (block + 1) * GRAPHS // 4):
        case = Case(seed)
        graph = case.graph
        place = {name: i for i, name in enumerate(graph.nodes)}
        assert all(place[item] < place[name] for name, items in case.takes.items() for item in items if item in place)
        for name in case.takes:
            reached = case.reached([name], ())
            assert set(graph.needs(name)) == reached & set(case.takes)
            assert list(graph.inputs_of(name)) == [item for item in case.inputs if item in reached]
        changed = case.some([*case.inputs, *case.takes], 0.3)
        affected = graph.affected_by(changed)
        assert set(affected) == {
            name for name in case.takes if name not in changed and case.goes_back_to(name, changed, ())
        }
        assert all(place[a] < place[b] for a, b in pairwise(affected))


@pytest.mark.parametrize("size", [0, 1, 3])
def test_a_small_cache_changes_no_value(size):
    for seed in range(100):
        case = Case(seed)
        graph = SystemGraph(case.graph.nodes.values(), case.inputs, cache_size=size)
        for _ in range(5):
            values = {name: int(case.rng.integers(3)) for name in case.inputs}
            case.calls.clear()
            assert graph.evaluate(list(case.takes), values) == {name: case.naive(name, values) for name in case.takes}
            assert graph.cached <= size
            assert max(case.calls.values(), default=0) <= 1


def test_random_graphs_for_exposures_agree_with_separate_evaluations():
    for seed in range(GRAPHS // 5):
        case = Case(seed)
        varying = case.some(case.inputs, 0.5) or case.inputs[:1]
        labels = ["a", "b_2", "3"][: int(case.rng.integers(1, 4))]
        single = {name: int(case.rng.integers(MODULUS)) for name in case.inputs}
        each = {label: {**single, **{name: int(case.rng.integers(MODULUS)) for name in varying}} for label in labels}
        graph = case.graph.for_exposures(varying, labels)
        together = {name: value for name, value in single.items() if name not in varying}
        together |= {f"{name}@{label}": each[label][name] for label in labels for name in varying}
        moved = {name for name in case.takes if case.goes_back_to(name, varying, ())}
        names = [f"{name}@{label}" if name in moved else name for name in case.takes for label in labels]
        case.calls.clear()
        found = graph.evaluate(names, together)
        assert case.calls == {name: len(labels) if name in moved else 1 for name in case.takes}
        for name in case.takes:
            for label in labels:
                assert found[f"{name}@{label}" if name in moved else name] == case.naive(name, each[label])
