"""Explicit overrides of derived values: taken off, computed anew, and held against what the primitives give.

A store has no derived values of its own, so none can be stale; what is said here concerns the overrides that a user
put in place of a transform with `ParameterStore.with_derived_allowed`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from dluxshera.errors import StaleValueError
from dluxshera.params import DerivedResolver, ParameterStore
from dluxshera.systems.resolver import SHERA_RESOLVER


class StaleValue(NamedTuple):
    """An override that differs from what the primitives give."""

    key: str
    stored: Any
    computed: Any


def strip_derived(store: ParameterStore) -> ParameterStore:
    """Return a strict store of the primitives alone: every derived value follows from them.

    Parameters
    ----------
    store : ParameterStore
        With or without overrides.

    Returns
    -------
    ParameterStore
        In which derived keys are refused.
    """
    return store.strip_derived()


def refresh_derived(store: ParameterStore, resolver: DerivedResolver = SHERA_RESOLVER) -> ParameterStore:
    """Return the store with each override computed anew from the primitives.

    Parameters
    ----------
    store : ParameterStore
        One without overrides comes back as it is.
    resolver : DerivedResolver
        Has the transforms of the store's system.

    Returns
    -------
    ParameterStore
        The same keys, traced where the primitives are.

    Raises
    ------
    BoundsError, NonFiniteError
        If a computed value is not possible.
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
    """Hold each override against what the primitives give.

    Parameters
    ----------
    store : ParameterStore
        Of concrete values.
    resolver : DerivedResolver
        Has the transforms of the store's system.
    rtol, atol : float
        How far the two may differ: relative to the larger, and in the unit of the value.
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
        stored, said = np.asarray(store[key]), np.asarray(value)
        if not np.all(np.abs(stored - said) <= rtol * np.maximum(np.abs(stored), np.abs(said)) + atol):
            stale.append(StaleValue(key, stored.tolist(), said.tolist()))
    if stale and throw:
        raise StaleValueError(tuple(stale))
    return tuple(stale)
