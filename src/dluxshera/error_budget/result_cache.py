"""Cache on disk of the numbers of a budget, by a hash of all that they depend on. No jax."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from dluxshera.disk_cache import CacheWarning, DiskCache, cache_folder, caches_disabled
from dluxshera.error_budget.computed import ComputedPoint, ComputedTerm
from dluxshera.error_budget.reference import ComposedReference
from dluxshera.error_budget.terms import Budget, Term
from dluxshera.errors import ConfigError

_FOLDER: Final = "budget"


class BudgetCache:
    """Numbers of the reference point and of each term, under keys that hold all that they depend on.

    The keys hold the source of the package, the versions of the packages below it and the flags of XLA, the values and
    the configuration of the reference point, the estimators and the answer, and for a term its perturbation and the
    unit of its magnitude. Allocations, rules, evidence and texts are no part of them, and a magnitude within the linear
    range is not either.

    Parameters
    ----------
    budget : Budget
        Budget to evaluate.
    reference : ComposedReference
        Its reference point.
    """

    def __init__(self, budget: Budget, reference: ComposedReference) -> None:
        provenance = reference.provenance()
        estimators = [(item.id, item.free) for item in budget.estimators]
        values = {key: _plain(value) for key, value in reference.model.values.items()}
        requirement = budget.requirement
        self._point = _text(
            [
                _source_digest(),
                os.environ.get("XLA_FLAGS", ""),
                provenance,
                values,
                estimators,
                requirement.answer,
                requirement.limit.unit,
            ]
        )
        self._store = None if caches_disabled() else _store(cache_folder() / _FOLDER)

    def point(self) -> ComputedPoint | None:
        """Return the numbers of the reference point, or None if they are not in the cache."""
        data = self._read(self._point)
        return None if data is None else ComputedPoint.from_data(data)

    def keep_point(self, point: ComputedPoint) -> None:
        """Store the numbers of the reference point."""
        self._write(self._point, point.as_data())

    def term(self, term: Term) -> ComputedTerm | None:
        """Return the numbers of a term at its magnitude, or None if they do not follow from the cache."""
        data = self._read(self._of_term(term))
        if data is None:
            return None
        return ComputedTerm.from_data(data).at(_size(term))

    def keep_term(self, term: Term, numbers: ComputedTerm) -> None:
        """Store the numbers of a term."""
        self._write(self._of_term(term), numbers.as_data())

    def _of_term(self, term: Term) -> str:
        unit = None if term.magnitude is None else term.magnitude.unit
        return _text([self._point, type(term.perturbation).__module__, repr(term.perturbation), unit])

    def _read(self, key: str) -> dict[str, Any] | None:
        content = self._store.read(key) if self._store else None
        return None if content is None else json.loads(content)

    def _write(self, key: str, data: dict[str, Any]) -> None:
        if self._store:
            self._store.write(key, json.dumps(data).encode())


def _plain(value: Any) -> Any:
    """Return a value of a parameter with all its digits, an array as a hash."""
    if isinstance(value, int | float):
        return float(value)
    array = np.ascontiguousarray(value, dtype=float)
    return [array.shape, hashlib.sha256(array.tobytes()).hexdigest()]


def _size(term: Term) -> float | None:
    return None if term.magnitude is None else term.magnitude.standard_deviation().value


def _text(parts: list[Any]) -> str:
    return json.dumps(parts, sort_keys=True)


@cache  # so that each folder warns once
def _store(folder: Path) -> DiskCache | None:
    try:
        return DiskCache(folder)
    except ConfigError as error:
        warnings.warn(f"results of budgets are not cached: {error}", CacheWarning, stacklevel=3)
        return None


@cache
def _source_digest() -> str:
    """Return a hash of the source files of the package, so that numbers of another version are not read."""
    root = Path(__file__).parents[1]
    hasher = hashlib.sha256()
    for path in sorted([*root.rglob("*.py"), *root.rglob("*.json")]):
        hasher.update(str(path.relative_to(root)).encode())
        hasher.update(path.read_bytes())
    return hasher.hexdigest()
