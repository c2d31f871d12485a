"""Explicit overrides of derived values: removed, recomputed, and compared with the values of their transforms.

A store has no derived values of its own, so none can be stale. An override is a value that replaces that of a transform
(see `ParameterStore.with_derived_allowed`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from dluxshera.errors import StaleValueError
from dluxshera.params import DerivedResolver, ParameterStore
from dluxshera.systems.resolver import SHERA_RESOLVER


class StaleValue(NamedTuple):
    """Override that differs from the value computed from the primitives.

    Parameters
    ----------
    key : str
        Key of the derived parameter.
    stored, computed : float or list
        Value in the store, and value of the transform.
    """

    key: str
    stored: Any
    computed: Any


def strip_derived(store: ParameterStore) -> ParameterStore:
    """Return a strict store of the primitives alone, from which every derived value follows.

    Parameters
    ----------
    store : ParameterStore
        Store with or without overrides.

    Returns
    -------
    ParameterStore
        Store that raises where a derived key is set.
    """
    return store.strip_derived()


def refresh_derived(store: ParameterStore, resolver: DerivedResolver = SHERA_RESOLVER) -> ParameterStore:
    """Return the store with each override recomputed from the primitives.

    Parameters
    ----------
    store : ParameterStore
        Store; one without overrides is returned unchanged.
    resolver : DerivedResolver
        Resolver with the transforms of the store's system.

    Returns
    -------
    ParameterStore
        Store with the same keys; values are traced where the primitives are.

    Raises
    ------
    BoundsError, NonFiniteError
        If a computed value is out of bounds or not finite.
    DerivationError
        If a value cannot be computed.
    """
    if not store.overrides:
        return store
    return store.replace(resolver.resolve(store.spec, store.strip_derived(), store.overrides))


def check_consistency(
    store: ParameterStore,
    resolver: DerivedResolver = SHERA_RESOLVER,
    *,
    rtol: float = 1e-9,
    atol: float = 0.0,
    throw: bool = True,
) -> tuple[StaleValue, ...]:
    """Compare each override with the value that its transform computes from the primitives.

    Parameters
    ----------
    store : ParameterStore
        Store of concrete values.
    resolver : DerivedResolver
        Resolver with the transforms of the store's system.
    rtol, atol : float
        Largest difference of the two: relative to the larger, and in the unit of the value.
    throw : bool
        Raise if an override is stale. Otherwise they are returned.

    Returns
    -------
    tuple of StaleValue
        Key, stored and computed value of each override that is stale.

    Raises
    ------
    StaleValueError
        If an override is stale and `throw` is set; each is named with both values.
    """
    computed = resolver.resolve(store.spec, store.strip_derived(), store.overrides)
    stale = []
    for key, value in computed.items():
        stored, fresh = np.asarray(store[key]), np.asarray(value)
        if not np.all(np.abs(stored - fresh) <= rtol * np.maximum(np.abs(stored), np.abs(fresh)) + atol):
            stale.append(StaleValue(key, stored.tolist(), fresh.tolist()))
    if stale and throw:
        raise StaleValueError(tuple(stale))
    return tuple(stale)
