"""Identity of values by content: values that are equal bit by bit have the same digest."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import partial
from hashlib import blake2b
from itertools import count
from threading import Lock
from types import BuiltinFunctionType, FunctionType
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from dluxshera.errors import GraphError

SIZE = 16  # bytes; at a million results the odds of two alike are below 1e-26
_PLAIN = (bool, int, float, complex, str, bytes, range, slice, type(Ellipsis))

_serials: WeakKeyDictionary[Any, int] = WeakKeyDictionary()
_next_serial = count()
_lock = Lock()


def digest(value: Any) -> bytes:
    """Return the digest of a value.

    The digest of an array depends on its library, dtype, shape and bytes, so ``-0.0`` is not ``0.0`` and a NaN equals
    one of the same bits; that of a JAX array also on whether its type is weak. The digest of a container or pytree
    depends on its class, structure and content, in order. Functions and classes are equal only if they are the same
    object.

    Parameters
    ----------
    value : Any
        Number, string, None, dtype, enum, array, random key of JAX or function; tuple, list, set, mapping, dataclass or
        registered pytree of them.

    Returns
    -------
    bytes
        Digest, valid within this process.

    Raises
    ------
    GraphError
        If the value has a part of another type, or a traced value.
    """
    hasher = blake2b(digest_size=SIZE)
    _feed(hasher.update, value)
    return hasher.digest()


def combined(*parts: bytes) -> bytes:
    """Return the digest of a sequence of byte strings `parts`, including their lengths."""
    hasher = blake2b(digest_size=SIZE)
    for part in parts:
        _put(hasher.update, part)
    return hasher.digest()


def is_traced(values: Iterable[Any]) -> bool:
    """Return whether the leaves of the `values` have a JAX tracer, without importing JAX."""
    if "jax" not in sys.modules:
        return False
    import jax

    return any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(list(values)))


def precision() -> bytes:
    """Return the name of JAX's default float type, which results depend on without taking it as an argument."""
    if "jax" not in sys.modules:
        return b""
    import jax.numpy as jnp

    return np.dtype(jnp.result_type(float)).name.encode()


def _put(update: Callable[[bytes], None], part: bytes) -> None:
    update(len(part).to_bytes(8, "little"))
    update(part)


def _serial(value: Any) -> bytes:
    """Return the serial number of a function or class, unique in this process."""
    try:
        with _lock:
            return str(_serials.setdefault(value, next(_next_serial))).encode()
    except TypeError:  # not hashable, or not open to weak references
        raise GraphError(f"an object of type {type(value).__name__} has no identity by content") from None


def _feed(update: Callable[[bytes], None], value: Any) -> None:
    kind = type(value)
    if isinstance(value, type | FunctionType):
        _put(update, b"object")
        _put(update, _serial(value))
        return
    _put(update, b"value")
    _put(update, _serial(kind))
    if value is None:
        return
    if kind in _PLAIN:
        _put(update, _plain(value))
    elif kind is np.ndarray or isinstance(value, np.generic):
        _feed_array(update, np.asarray(value))
    elif isinstance(value, np.dtype):
        _put(update, repr(value).encode())
    elif isinstance(value, Enum):
        _put(update, value.name.encode())
    elif kind in (set, frozenset):
        _feed_items(update, sorted(digest(item) for item in value))
    elif isinstance(value, Mapping) and not _is_pytree(value):
        _feed_items(update, [part for item in value.items() for part in item])
    elif kind in (tuple, list):
        _feed_items(update, value)
    else:
        _feed_other(update, value)


def _plain(value: Any) -> bytes:
    """Return the bytes of a plain value; those of a NaN have its sign and payload."""
    match value:
        case bytes():
            return value
        case str():
            return value.encode("utf-8", "surrogatepass")
        case float() | complex():
            return np.asarray(value).tobytes()
    return repr(value).encode()


def _feed_items(update: Callable[[bytes], None], items: Iterable[Any]) -> None:
    items = list(items)
    _put(update, str(len(items)).encode())
    for item in items:
        _feed(update, item)


def _feed_array(update: Callable[[bytes], None], array: np.ndarray) -> None:
    if array.dtype.hasobject:
        raise GraphError(f"an array of dtype {array.dtype} has no identity by content")
    _put(update, repr(array.dtype).encode())
    _put(update, repr(array.shape).encode())
    _put(update, array.tobytes())


def _one_level(value: Any) -> tuple[Iterable[Any], Any] | None:
    """Return the children and the static part of a registered pytree, or None for a leaf."""
    if "jax" not in sys.modules:
        return None
    import jax

    return jax.tree_util.default_registry.flatten_one_level(value)


def _is_pytree(value: Any) -> bool:
    return type(value) is not dict and _one_level(value) is not None


def _feed_other(update: Callable[[bytes], None], value: Any) -> None:
    """Feed types that JAX has registered, then named tuples and dataclasses, which it may not have."""
    if "jax" in sys.modules:
        import jax

        if isinstance(value, jax.core.Tracer):
            raise GraphError("a traced value is in a place that JAX does not search")
        if isinstance(value, jax.Array):
            is_key = jax.numpy.issubdtype(value.dtype, jax.dtypes.prng_key)
            _put(update, str(value.dtype if is_key else value.weak_type).encode())
            _feed_array(update, np.asarray(jax.random.key_data(value) if is_key else value))
            return
    parts = _one_level(value)
    if parts is not None:
        _feed_items(update, parts[0])
        _feed(update, parts[1])
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        _feed_items(update, value)
    elif isinstance(value, partial):
        _feed_items(update, (value.func, value.args, value.keywords))
    elif is_dataclass(value):
        _feed_items(update, (getattr(value, field.name) for field in fields(value)))
    elif _is_function(value):
        _put(update, _serial(value))
    else:
        raise GraphError(f"an object of type {type(value).__name__} has no identity by content")


def _is_function(value: Any) -> bool:
    """Return whether the value is a compiled function, or one wrapped by JAX."""
    wraps = callable(value) and callable(getattr(value, "__wrapped__", None))
    return wraps or isinstance(value, BuiltinFunctionType)
