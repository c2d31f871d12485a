"""`SystemGraph`: nodes that depend on one another, evaluated as far as needed and cached by content."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final, Self

from dluxshera.errors import GraphError
from dluxshera.graph.boxes import graph_drawing
from dluxshera.graph.cache import NodeStatistics, ResultCache
from dluxshera.graph.content import combined, digest, is_traced, precision
from dluxshera.graph.node import Node
from dluxshera.graph.replicas import replicated
from dluxshera.graph.topology import Topology

CACHE_SIZE: Final = 32


class SystemGraph:
    """A directed acyclic graph of named pure functions.

    Only nodes that an output needs are run. A result is cached under a digest of its node and of the inputs that it
    depends on, so that it is computed once for the same content, even where other inputs change. Under a JAX
    transformation the cache is not used, and the plain composition of the nodes runs.

    Parameters
    ----------
    nodes : iterable of Node
        Nodes in any order.
    inputs : iterable of str
        Names of the values that the graph takes.
    overridable : iterable of str
        Names of nodes whose result a value may replace; such a node is not run then.
    cache_size : int
        Number of results that the cache keeps; it drops those that were unused for longest.

    Raises
    ------
    GraphError
        If names clash, an input of a node does not exist or nodes depend on each other in a cycle.
    UnknownKeyError
        If one of `overridable` is not a node.

    Notes
    -----
    Safe under threads. Results are shared between calls: NumPy arrays in them are read-only. A graph pickles, without
    its results, if the functions of its nodes do; the `GraphError` for one that does not names the node.

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
        self._topology = Topology(nodes, inputs, overridable)
        if cache_size < 0:
            raise GraphError(f"expected a cache_size of 0 or more, got {cache_size}")
        self._cache = ResultCache(cache_size)

    @classmethod
    def _of(cls, topology: Topology, cache_size: int) -> Self:
        graph = object.__new__(cls)
        graph._topology, graph._cache = topology, ResultCache(cache_size)
        return graph

    @property
    def nodes(self) -> Mapping[str, Node]:
        """Nodes by name, each after the nodes that it depends on."""
        return self._topology.nodes

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the values that the graph takes."""
        return self._topology.inputs

    @property
    def overridable(self) -> frozenset[str]:
        """Names of nodes whose result a value may replace."""
        return self._topology.overridable

    def __repr__(self) -> str:
        return f"SystemGraph of {len(self.nodes)} nodes and {len(self.inputs)} inputs"

    def __copy__(self) -> Self:
        return self._of(self._topology, self._cache.size)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:  # nodes are immutable
        return self.__copy__()

    def __reduce__(self) -> tuple[Any, ...]:  # without results and statistics
        for node in self.nodes.values():
            node.check_pickles()
        rebuild = partial(SystemGraph, overridable=sorted(self.overridable), cache_size=self._cache.size)
        return rebuild, (tuple(self.nodes.values()), self.inputs)

    def evaluate(self, outputs: str | Sequence[str], values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of outputs, computing those that the cache does not have.

        Parameters
        ----------
        outputs : str or sequence of str
            Names of nodes or inputs.
        values : mapping of str to Any
            Values of the inputs that the outputs need, by name; values of other inputs are ignored. A value under the
            name of an overridable node replaces its result: the node, and nodes that only it needs, are not run.

        Returns
        -------
        dict of str to Any
            Value of each of `outputs`, in their order; a dict also for a single output.

        Raises
        ------
        UnknownKeyError
            If an output or a name in `values` is not in the graph.
        GraphError
            If a needed input is missing or has no identity by content, a node cannot be overridden, or a node raises
            an exception of any type. That exception is the cause (``__cause__``) of an error that names the node and
            the path to it, from the output.
        """
        names = self._topology.names(outputs)
        order, leaves = self._topology.plan(names, values)
        if is_traced(leaves.values()) or any(node.content is None for node in order):
            return self._compose(names, order, leaves)
        keys = self._cache_keys(names, order, leaves)
        results, missing, pending = dict(leaves), [], set(names)
        for node in reversed(order):  # from the outputs, so that inputs of a cached result are not looked up
            if node.name not in pending or self._cache.look_up(node.name, keys[node.name], results):
                continue
            missing.append(node)
            pending.update(node.inputs)
        for node in reversed(missing):
            self._cache.compute(node.name, keys[node.name], results, partial(self._run, node, results, names, leaves))
        return {name: results[name] for name in names}

    def value(self, name: str, values: Mapping[str, Any]) -> Any:
        """Return the value of one output; see `evaluate`."""
        return self.evaluate(name, values)[name]

    def function(self, outputs: str | Sequence[str]) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
        """Return the function from values to the outputs as a plain composition, without cache and digests.

        It calls each node that is needed once. It takes the same `values` and raises the same errors as `evaluate`.
        """
        names = self._topology.names(outputs)

        def composition(values: Mapping[str, Any]) -> dict[str, Any]:
            return self._compose(names, *self._topology.plan(names, values))

        return composition

    def needs(self, outputs: str | Sequence[str]) -> tuple[str, ...]:
        """Return the nodes that the outputs need, themselves among them, in an order in which they can be run."""
        return tuple(node.name for node in self._topology.needed(self._topology.names(outputs))[0])

    def inputs_of(self, outputs: str | Sequence[str]) -> tuple[str, ...]:
        """Return the inputs that the outputs need, in the order of the graph's inputs."""
        return tuple(self._topology.needed(self._topology.names(outputs))[1])

    def affected_by(self, names: str | Sequence[str]) -> tuple[str, ...]:
        """Return the nodes to recompute when values under these names change, in an order in which they can be run.

        A node among `names` counts as overridden and is not run itself.
        """
        changed = self._topology.names(names)
        return tuple(name for name in self._topology.downstream(changed) if name not in changed)

    def for_exposures(self, varying: Sequence[str], exposures: Sequence[str]) -> SystemGraph:
        """Return a graph for several exposures, or epochs, that differ in some of the inputs.

        Each of these inputs, and each node that depends on one, exists once for each exposure, under its name with
        ``@<exposure>`` after it. All others exist once and are shared. The cache has room for as many times the results
        as there are exposures.

        Parameters
        ----------
        varying : sequence of str
            Inputs that differ between exposures.
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
            If nothing varies, there are no exposures, or their names repeat or have other characters.

        Examples
        --------
        >>> gain = Node("image", ("scene", "exposure_s"), lambda scene, time: scene * time)
        >>> graph = SystemGraph([gain], ["scene", "exposure_s"]).for_exposures(["exposure_s"], ["short", "long"])
        >>> values = {"scene": 2.0, "exposure_s@short": 0.5, "exposure_s@long": 3.0}
        >>> graph.evaluate(["image@short", "image@long"], values)
        {'image@short': 1.0, 'image@long': 6.0}
        """
        return SystemGraph._of(replicated(self._topology, varying, exposures), self._cache.size * len(exposures))

    def extended(self, nodes: Iterable[Node], inputs: Iterable[str] = ()) -> SystemGraph:
        """Return a graph with more nodes and inputs, a likelihood of the image and its data for example.

        Parameters
        ----------
        nodes : iterable of Node
            New nodes; they take inputs and nodes of the graph, one another's results and the new inputs.
        inputs : iterable of str
            New inputs.

        Returns
        -------
        SystemGraph
            Graph with a cache of its own, empty.

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
        topology = Topology([*self.nodes.values(), *nodes], [*self.inputs, *inputs], self.overridable)
        return SystemGraph._of(topology, self._cache.size)

    def statistics(self) -> dict[str, NodeStatistics]:
        """Return the number of times that each node was computed and reused since creation or `clear`.

        A result that was not looked up, because one computed from it was cached, counts as neither; nor do results
        under a transformation of JAX.
        """
        return {name: self._cache.statistics(name) for name in self.nodes}

    @property
    def cached(self) -> int:
        """Number of cached results."""
        return len(self._cache)

    def clear(self) -> None:
        """Forget all results and the statistics."""
        self._cache.clear()

    def svg(self) -> str:
        """Draw the graph from left to right as SVG, in the colour of the surrounding text."""
        return graph_drawing(self.nodes.values(), self.inputs, self.overridable)

    def _repr_html_(self) -> str:
        return f'<div style="overflow-x: auto">{self.svg()}</div>'

    def _cache_keys(self, names: tuple[str, ...], order: Iterable[Node], leaves: Mapping[str, Any]) -> dict[str, bytes]:
        """Return the key of each value and of each node's result."""
        keys = {}
        for name, value in leaves.items():
            try:
                keys[name] = combined(b"value", digest(value))
            except GraphError as error:
                path = self._topology.path(names, name, leaves)
                raise GraphError(error.reason, node=path[-2] if path[1:] else name, path=path) from None
        dtype = precision()
        for node in order:
            keys[node.name] = combined(
                b"node", dtype, node.name.encode(), node.content or b"", *(keys[name] for name in node.inputs)
            )
        return keys

    def _compose(self, names: tuple[str, ...], order: Iterable[Node], leaves: Mapping[str, Any]) -> dict[str, Any]:
        results = dict(leaves)
        for node in order:
            results[node.name] = self._run(node, results, names, leaves)
        return {name: results[name] for name in names}

    def _run(self, node: Node, results: Mapping[str, Any], names: tuple[str, ...], leaves: Mapping[str, Any]) -> Any:
        try:
            return node.fn(*map(results.__getitem__, node.inputs))
        except Exception as error:
            message = f": {line}" if (line := next(iter(str(error).strip().splitlines()), "")) else ""
            path = self._topology.path(names, node.name, leaves)
            raise GraphError(f"the node raised {type(error).__name__}{message}", node=node.name, path=path) from error
