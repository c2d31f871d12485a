"""`SystemGraph`: nodes that take one another's results, evaluated as far as needed and cached by content."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from graphlib import CycleError, TopologicalSorter
from re import fullmatch
from types import MappingProxyType
from typing import Any, Final

from dluxshera.errors import GraphError, UnknownKeyError, near_matches
from dluxshera.graph.boxes import graph_drawing
from dluxshera.graph.cache import NodeStatistics, ResultCache
from dluxshera.graph.content import combined, digest, is_traced, precision
from dluxshera.graph.node import Node

CACHE_SIZE: Final = 32


class SystemGraph:
    """A directed acyclic graph of named pure functions.

    Only what an output needs is computed. A result is kept under a digest of its node and of the inputs that it goes
    back to, so that it is computed once for the same content, whatever else has changed. Under a JAX transformation
    nothing is kept or looked up, and the plain composition runs.

    Parameters
    ----------
    nodes : iterable of Node
        In any order.
    inputs : iterable of str
        The names of the values that the graph is given.
    overridable : iterable of str
        Nodes that a value may be given for; they are not run then.
    cache_size : int
        How many results are kept; those that were not used for longest are dropped.

    Raises
    ------
    GraphError
        If names clash, an input of a node exists nowhere or nodes take one another's results in a circle.
    UnknownKeyError
        If one of `overridable` is not a node.

    Notes
    -----
    Safe under threads. Results are shared between calls: NumPy arrays in them are read-only.

    Examples
    --------
    >>> area = Node("area_m2", ("width_m", "height_m"), lambda width, height: width * height)
    >>> volume = Node("volume_m3", ("area_m2", "depth_m"), lambda area, depth: area * depth)
    >>> graph = SystemGraph([area, volume], ["width_m", "height_m", "depth_m"])
    >>> size = {"width_m": 2.0, "height_m": 3.0, "depth_m": 4.0}
    >>> graph.value("volume_m3", size), graph.value("volume_m3", {**size, "depth_m": 5.0})
    (24.0, 30.0)
    >>> graph.statistics()["area_m2"]
    NodeStatistics(computed=1, reused=1)
    """

    def __init__(
        self,
        nodes: Iterable[Node],
        inputs: Iterable[str],
        *,
        overridable: Iterable[str] = (),
        cache_size: int = CACHE_SIZE,
    ) -> None:
        if cache_size < 0:
            raise GraphError(f"expected a cache_size of 0 or more, got {cache_size}")
        if isinstance(inputs, str):
            raise GraphError(f"expected a sequence of names of inputs, got {inputs!r}")
        given, names = tuple(nodes), tuple(inputs)
        for node in given:
            if not isinstance(node, Node):
                raise GraphError(f"expected nodes, got {node!r}")
        for name, times in Counter([*(node.name for node in given), *names]).items():
            if not name:
                raise GraphError("expected names of inputs, got an empty one")
            if times > 1:
                what = ["two nodes have this name", "a node and an input have this name", "the input comes twice"]
                raise GraphError(what[min(names.count(name), 2)], node=name, remedy="Names are unique in a graph")
        made = {node.name: node for node in given}
        self.inputs: tuple[str, ...] = names
        for node in given:
            for name in node.inputs:
                if name not in made and name not in names:
                    near = near_matches(name, [*made, *names])
                    raise GraphError(
                        "the graph has no such input or node",
                        node=node.name,
                        path=(node.name, name),
                        remedy=f"Did you mean {' or '.join(near)}?" if near else "Add it to the inputs of the graph",
                    )
        try:
            order = tuple(TopologicalSorter({name: node.inputs for name, node in made.items()}).static_order())
        except CycleError as error:
            circle = tuple(reversed(error.args[1]))
            raise GraphError("the nodes take one another's results in a circle", node=circle[0], path=circle) from None
        self.nodes: Mapping[str, Node] = MappingProxyType({name: made[name] for name in order if name in made})
        self.overridable: frozenset[str] = frozenset(overridable)
        for name in sorted(self.overridable - made.keys()):
            raise UnknownKeyError(name, made, expected="a node that can be overridden")
        self._cache = ResultCache(cache_size)

    def __repr__(self) -> str:
        return f"SystemGraph of {len(self.nodes)} nodes and {len(self.inputs)} inputs"

    def __reduce__(self) -> tuple[Any, ...]:  # without results and statistics
        again = partial(SystemGraph, overridable=sorted(self.overridable), cache_size=self._cache.size)
        return again, (tuple(self.nodes.values()), self.inputs)

    def evaluate(self, outputs: str | Sequence[str], values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of outputs, computing what the cache does not have.

        Parameters
        ----------
        outputs : str or sequence of str
            Names of nodes or inputs.
        values : mapping of str to Any
            The inputs that the outputs need, by name; others may be there and are not looked at. A value under the
            name of an overridable node stands for its result: the node and what only it needs are not run.

        Returns
        -------
        dict of str to Any
            A value for each of `outputs`, in their order, also if it is one.

        Raises
        ------
        UnknownKeyError
            If an output or a name in `values` is not in the graph.
        GraphError
            If a needed input is missing or has no identity by content, a node cannot be overridden, or a node raises
            an exception: whatever its type, it is then the cause (``__cause__``) of an error that names the node and
            the path to it. The path runs from the output.
        """
        names = self._names(outputs)
        order, given = self._plan(names, values)
        if is_traced(given.values()) or any(node.content is None for node in order):
            return self._compose(names, order, given)
        keys = {}
        for name, value in given.items():
            try:
                keys[name] = combined(b"value", digest(value))
            except GraphError as error:
                path = self._path(names, name, given)
                raise GraphError(error.reason, node=path[-2] if path[1:] else name, path=path) from None
        dtype = precision()
        for node in order:
            keys[node.name] = combined(
                b"node", dtype, node.name.encode(), node.content or b"", *(keys[name] for name in node.inputs)
            )
        results, missing, wanted = dict(given), [], set(names)
        for node in reversed(order):  # from the outputs, so that nothing is looked up that only a known result needs
            if node.name not in wanted or self._cache.look_up(node.name, keys[node.name], results):
                continue
            missing.append(node)
            wanted.update(node.inputs)
        for node in reversed(missing):
            self._cache.compute(node.name, keys[node.name], results, partial(self._run, node, results, names, given))
        return {name: results[name] for name in names}

    def value(self, name: str, values: Mapping[str, Any]) -> Any:
        """Return the value of one output; see `evaluate`."""
        return self.evaluate(name, values)[name]

    def function(self, outputs: str | Sequence[str]) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
        """Return the function from values to the outputs as a plain composition, which caches and hashes nothing.

        It calls each node that is needed once, and takes and refuses the same `values` as `evaluate`.
        """
        names = self._names(outputs)

        def composition(values: Mapping[str, Any]) -> dict[str, Any]:
            return self._compose(names, *self._plan(names, values))

        return composition

    def needs(self, outputs: str | Sequence[str]) -> tuple[str, ...]:
        """Return the nodes that the outputs need, themselves among them, in an order in which they can be run."""
        return tuple(node.name for node in self._needed(self._names(outputs))[0])

    def inputs_of(self, outputs: str | Sequence[str]) -> tuple[str, ...]:
        """Return the inputs that the outputs need, in the order of the graph's inputs."""
        return tuple(self._needed(self._names(outputs))[1])

    def affected_by(self, names: str | Sequence[str]) -> tuple[str, ...]:
        """Return the nodes to run anew when values under these names change, in an order in which they can be run.

        A node among `names` is taken as overridden, so that it is not run itself.
        """
        named = set(self._names(names))
        return tuple(name for name in self._downstream(named) if name not in named)

    def for_exposures(self, varying: Sequence[str], exposures: Sequence[str]) -> SystemGraph:
        """Return a graph for several exposures, or epochs, that differ in some of the inputs.

        Each of these inputs, and each node that goes back to one, is there once for each exposure, under its name with
        ``@<exposure>`` after it. All others exist once and are shared. The cache has room for as many times the results
        as there are exposures.

        Parameters
        ----------
        varying : sequence of str
            The inputs that differ.
        exposures : sequence of str
            Names of letters, digits and underscores.

        Returns
        -------
        SystemGraph

        Raises
        ------
        UnknownKeyError
            If one of `varying` is not an input.
        GraphError
            If nothing varies, there are no exposures, or their names come twice or have other characters.

        Examples
        --------
        >>> gain = Node("image", ("scene", "exposure_s"), lambda scene, time: scene * time)
        >>> graph = SystemGraph([gain], ["scene", "exposure_s"]).for_exposures(["exposure_s"], ["short", "long"])
        >>> values = {"scene": 2.0, "exposure_s@short": 0.5, "exposure_s@long": 3.0}
        >>> graph.evaluate(["image@short", "image@long"], values)
        {'image@short': 1.0, 'image@long': 6.0}
        """
        changing, labels = _sequence(varying, "varying"), _sequence(exposures, "exposures")
        for name in changing:
            if name not in self.inputs:
                raise UnknownKeyError(name, self.inputs, expected="an input of the graph")
        for label in labels:
            if not fullmatch(r"\w+", label):
                raise GraphError(f"expected exposures named by letters, digits and underscores, got {label!r}")
            if labels.count(label) > 1:
                raise GraphError(f"expected distinct exposures, got {label!r} twice")
        replicated = {*changing, *self._downstream(set(changing))}

        def names_of(name: str) -> list[str]:
            return [f"{name}@{label}" for label in labels] if name in replicated else [name]

        nodes: list[Node] = []
        for node in self.nodes.values():
            if node.name not in replicated:
                nodes.append(node)
                continue
            for i, name in enumerate(names_of(node.name)):
                inputs = [names_of(item)[i if item in replicated else 0] for item in node.inputs]
                nodes.append(node.renamed(name, inputs))
        return SystemGraph(
            nodes,
            [name for item in self.inputs for name in names_of(item)],
            overridable=[name for item in sorted(self.overridable) for name in names_of(item)],
            cache_size=self._cache.size * len(labels),
        )

    def extended(self, nodes: Iterable[Node], inputs: Iterable[str] = ()) -> SystemGraph:
        """Return a graph with more nodes and inputs, a likelihood of the image and its data for example.

        Parameters
        ----------
        nodes : iterable of Node
            They take what the graph has, one another's results and the new inputs.
        inputs : iterable of str
            The new inputs.

        Returns
        -------
        SystemGraph
            Its cache is its own, and empty.

        Raises
        ------
        GraphError
            As the constructor.

        Examples
        --------
        >>> graph = SystemGraph([Node("image", ("flux",), lambda flux: 2 * flux)], ["flux"])
        >>> misfit = Node("misfit", ("image", "data"), lambda image, data: (image - data) ** 2)
        >>> graph.extended([misfit], ["data"]).value("misfit", {"flux": 3.0, "data": 5.0})
        1.0
        """
        return SystemGraph(
            [*self.nodes.values(), *nodes],
            [*self.inputs, *inputs],
            overridable=self.overridable,
            cache_size=self._cache.size,
        )

    def statistics(self) -> dict[str, NodeStatistics]:
        """Return, for each node, how often it was computed and reused since the graph was made or cleared.

        A result that was not looked up, since one computed from it was known, counts as neither; nor does what runs
        under a transformation of JAX.
        """
        return {name: self._cache.statistics(name) for name in self.nodes}

    @property
    def cached(self) -> int:
        """How many results are kept."""
        return len(self._cache)

    def clear(self) -> None:
        """Forget all results and the statistics."""
        self._cache.clear()

    def svg(self) -> str:
        """Draw the graph from left to right as SVG, in the colour of the surrounding text."""
        return graph_drawing(self.nodes.values(), self.inputs, self.overridable)

    def _repr_html_(self) -> str:
        return f'<div style="overflow-x: auto">{self.svg()}</div>'

    def _names(self, names: str | Sequence[str]) -> tuple[str, ...]:
        found = (names,) if isinstance(names, str) else tuple(names)
        for name in found:
            if name not in self.nodes and name not in self.inputs:
                raise UnknownKeyError(name, [*self.nodes, *self.inputs], expected="a node or an input of the graph")
        return found

    def _needed(self, names: Iterable[str], overridden: frozenset[str] = frozenset()) -> tuple[list[Node], list[str]]:
        """Return the nodes to run for some names, in order, and the names to be given."""
        wanted, order = set(names), []
        for node in reversed(tuple(self.nodes.values())):
            if node.name in wanted and node.name not in overridden:
                order.append(node)
                wanted.update(node.inputs)
        leaves = [name for name in self.inputs if name in wanted]
        return order[::-1], leaves + [name for name in self.nodes if name in wanted and name in overridden]

    def _downstream(self, names: set[str]) -> list[str]:
        """Return the nodes that go back to one of the names, in order."""
        reached = set(names)
        for node in self.nodes.values():
            if not reached.isdisjoint(node.inputs):
                reached.add(node.name)
        return [name for name in self.nodes if name in reached]

    def _plan(self, names: tuple[str, ...], values: Mapping[str, Any]) -> tuple[list[Node], dict[str, Any]]:
        """Return the nodes to run, in order, and the values that they start from, having checked the names."""
        overridden = []
        for name in values:
            if name in self.overridable:
                overridden.append(name)
            elif name in self.nodes:
                remedy = f"Give its inputs: {', '.join(self.inputs_of(name)) or 'it has none'}"
                raise GraphError("the node cannot be overridden", node=name, remedy=remedy)
            elif name not in self.inputs:
                known = [*self.inputs, *sorted(self.overridable)]
                raise UnknownKeyError(name, known, expected="an input of the graph or a node that can be overridden")
        order, leaves = self._needed(names, frozenset(overridden))
        for name in leaves:
            if name not in values:
                path = self._path(names, name, values)
                needs_it = f", and {path[-2]} needs it" if path[1:] else ""
                raise GraphError(
                    f"the input {name} has no value{needs_it}", node=path[-2] if path[1:] else "", path=path
                )
        return order, {name: values[name] for name in leaves}

    def _path(self, outputs: Iterable[str], target: str, given: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the shortest way from an output to a name, through nodes that are not given."""
        paths: deque[tuple[str, ...]] = deque((name,) for name in outputs)
        seen = set(outputs)
        while paths[0][-1] != target:
            path = paths.popleft()
            for name in self.nodes[path[-1]].inputs if path[-1] in self.nodes and path[-1] not in given else ():
                if name not in seen:
                    seen.add(name)
                    paths.append((*path, name))
        return paths[0]

    def _compose(self, names: tuple[str, ...], order: list[Node], given: Mapping[str, Any]) -> dict[str, Any]:
        results = dict(given)
        for node in order:
            results[node.name] = self._run(node, results, names, given)
        return {name: results[name] for name in names}

    def _run(self, node: Node, results: Mapping[str, Any], names: tuple[str, ...], given: Mapping[str, Any]) -> Any:
        try:
            return node.fn(*(results[name] for name in node.inputs))
        except Exception as error:
            said = f": {line}" if (line := next(iter(str(error).strip().splitlines()), "")) else ""
            path = self._path(names, node.name, given)
            raise GraphError(f"the node raised {type(error).__name__}{said}", node=node.name, path=path) from error


def _sequence(names: Sequence[str], what: str) -> tuple[str, ...]:
    if isinstance(names, str) or not names:
        raise GraphError(f"expected a sequence of at least one name for {what}, got {names!r}")
    return tuple(names)
