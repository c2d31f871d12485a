"""Packing of the free parameters of a fit into one vector, theta, and back into a store."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.core import Tracer

from dluxshera.errors import ShapeError
from dluxshera.params.spec import ParamSpec
from dluxshera.params.store import ParameterStore
from dluxshera.params.values import within_period


def pack_params(store: ParameterStore, free: ParamSpec) -> Array:
    """Pack the values of the free parameters into one vector.

    Parameters
    ----------
    store : ParameterStore
        Store with a value for each key of `free`.
    free : ParamSpec
        Free parameters, in the order of theta: ``spec.subset(keys)``.

    Returns
    -------
    theta : Array, shape (n,)
        Values in the units of the spec; ``free.labels`` names the elements.

    Raises
    ------
    MissingKeyError, UnknownKeyError
        If the store has no value for a key.
    """
    if not free:
        return jnp.zeros(0)
    return jnp.concatenate([jnp.ravel(store[key]) for key in free])


def unpack_params(theta: Array | np.ndarray, free: ParamSpec, store: ParameterStore) -> ParameterStore:
    """Put a packed vector back into a store.

    Concrete values of a circular parameter return within its bounds by whole turns.

    Parameters
    ----------
    theta : array, shape (n,)
        Packed vector, as `pack_params` returns it. A NumPy array gives NumPy values, in their own precision.
    free : ParamSpec
        Free parameters, in the order of theta.
    store : ParameterStore
        Store with the values of all other parameters.

    Returns
    -------
    ParameterStore

    Raises
    ------
    ShapeError
        If the length of theta differs from the number of labels.
    ParameterError
        If a field does not accept a value (concrete values only).
    """
    theta = theta if isinstance(theta, np.ndarray) else jnp.asarray(theta)
    if theta.shape != (len(free.labels),):
        raise ShapeError("theta", expected=f"a vector of {len(free.labels)} numbers", got=theta)
    sizes = [len(field.labels) for field in free.fields]
    split: Any = np.split if isinstance(theta, np.ndarray) else jnp.split
    parts = split(theta, np.cumsum(sizes)[:-1]) if sizes else []
    values = {f.key: part.reshape(f.shape) for f, part in zip(free.fields, parts, strict=True)}
    if not isinstance(theta, Tracer):
        values = {key: within_period(free[key], value) for key, value in values.items()}
    return store.replace(values)
