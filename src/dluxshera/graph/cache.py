"""`ResultCache`: results of nodes under keys of bytes, bounded, counted, and safe under threads."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from dluxshera.graph.content import is_traced


class NodeStatistics(NamedTuple):
    """Number of times that the result of a node was computed, and that it was taken from the cache instead.

    Parameters
    ----------
    computed : int
        Number of computations.
    reused : int
        Number of results taken from the cache.
    """

    computed: int
    reused: int


class ResultCache:
    """A cache of the results that were used last.

    Parameters
    ----------
    size : int
        Number of results that the cache keeps.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._lock = threading.Lock()
        self._results: OrderedDict[bytes, Any] = OrderedDict()
        self._running: dict[bytes, threading.Event] = {}
        self._computed: Counter[str] = Counter()
        self._reused: Counter[str] = Counter()

    def __len__(self) -> int:
        with self._lock:
            return len(self._results)

    def look_up(self, name: str, key: bytes, results: dict[str, Any]) -> bool:
        """Copy a cached result into `results`, under the name of its node, and return whether there is one."""
        with self._lock:
            if key not in self._results:
                return False
            self._results.move_to_end(key)
            self._reused[name] += 1
            results[name] = self._results[key]
            return True

    def compute(self, name: str, key: bytes, results: dict[str, Any], run: Callable[[], Any]) -> None:
        """Put the result of a node into `results`: of ``run()``, unless another thread has computed it or does so now.

        A traced result is not cached.
        """
        while True:
            with self._lock:
                running = self._running.get(key)
                if running is None and key not in self._results:
                    self._running[key] = threading.Event()
                    break
            if running is not None:
                running.wait()
            if self.look_up(name, key, results):
                return
        try:
            result = run()
            if not is_traced([result]):  # as it can be inside jit although no input is
                result = _read_only(result)
                with self._lock:
                    self._computed[name] += 1
                    self._results[key] = result
                    while len(self._results) > self.size:
                        self._results.popitem(last=False)
            results[name] = result
        finally:
            with self._lock:
                self._running.pop(key).set()

    def statistics(self, name: str) -> NodeStatistics:
        """Return the counts of a node."""
        with self._lock:
            return NodeStatistics(self._computed[name], self._reused[name])

    def clear(self) -> None:
        """Forget all results and counts."""
        with self._lock:
            self._results.clear()
            self._computed.clear()
            self._reused.clear()


def _read_only(value: Any) -> Any:
    """Return the value with its NumPy arrays copied and read-only, so that callers cannot change the cache."""
    if type(value) is np.ndarray:
        value = value.copy(order="K")
        value.flags.writeable = False
        return value
    if type(value) in (tuple, list):
        return type(value)(map(_read_only, value))
    if type(value) is dict:
        return {key: _read_only(item) for key, item in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_make"):
        return value._make(map(_read_only, value))
    return value
