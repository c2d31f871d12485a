"""Exceptions of the package, in one tree.

Each class also derives from the built-in exception in parentheses::

    SheraError
    ├── ExpectationError (ValueError)
    │   ├── ParameterError
    │   │   ├── UnknownKeyError (KeyError)
    │   │   ├── MissingKeyError (KeyError)
    │   │   ├── DerivedKeyError
    │   │   ├── ShapeError
    │   │   ├── BoundsError
    │   │   ├── NonFiniteError
    │   │   ├── StaleValueError
    │   │   └── InversionError
    │   ├── ConfigError
    │   └── DataError
    ├── DerivationError (ValueError)
    ├── GraphError (ValueError)
    ├── DocumentError (ValueError)
    ├── OutputError (OSError)
    └── FitError (RuntimeError)

A message states the key, the expected value, the value received and the remedy. Each part is also an attribute, so
that a program need not parse the message.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from difflib import SequenceMatcher
from reprlib import Repr
from typing import Any, Protocol, runtime_checkable


class ABSENT:
    """Marker of a missing value; a class, so that it stays itself after pickling."""


_short = Repr()
_short.maxstring = _short.maxother = 60


@runtime_checkable
class _Array(Protocol):
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> Any: ...
    def tolist(self) -> Any: ...


def near_matches(name: str, candidates: Iterable[str], n: int = 3) -> tuple[str, ...]:
    """Return up to `n` candidates similar to a name: those with the same last dotted part, then the most similar.

    Parameters
    ----------
    name : str
        Unknown name.
    candidates : iterable of str
        Known names.
    n : int
        Largest number of names to return.
    """
    names, tail = sorted(set(candidates)), name.rpartition(".")[2]
    same_tail = [other for other in names if tail and other.rpartition(".")[2] == tail]
    likeness = sorted(((SequenceMatcher(None, other, name).ratio(), other) for other in names), reverse=True)
    enough = max(0.7, likeness[0][0] - 0.1) if likeness else 0.0  # a common prefix alone is not enough
    return tuple(dict.fromkeys(same_tail + [other for ratio, other in likeness if ratio >= enough]))[:n]


def first_index(value: Any, offends: Callable[[float], bool]) -> tuple[int, ...] | None:
    """Return the index of the first element for which `offends` is true, or None; the index of a scalar is ``()``.

    Parameters
    ----------
    value : number, nested sequence or array
        Concrete values; the function does not take traced arrays.
    offends : callable
        Test of one number.
    """
    items = value.tolist() if isinstance(value, _Array) else value
    if not isinstance(items, list | tuple):
        return () if offends(items) else None
    for i, item in enumerate(items):
        if isinstance(item, int | float):  # a map has thousands
            if offends(item):
                return (i,)
        elif (inner := first_index(item, offends)) is not None:
            return (i, *inner)
    return None


def describe(value: object, index: tuple[int, ...] | None = None) -> str:
    """Return a short description of a value: an array's shape and dtype, after the element at `index` if passed.

    Parameters
    ----------
    value : object
        Value of any type.
    index : tuple of int, optional
        Position of an element of an array.
    """
    if isinstance(value, _Array) and len(value.shape) > 0:
        whole = f"an array of shape {tuple(value.shape)} and dtype {value.dtype}"
    else:
        whole = "nothing" if value is ABSENT else _short.repr(value)
    if index is None:
        return whole
    element: Any = value
    for i in index:
        element = element[i]
    number = _short.repr(element.tolist() if isinstance(element, _Array) else element)
    return f"{number} at index {index[0] if len(index) == 1 else index} of {whole}" if index else number


def _join(*sentences: str) -> str:
    return " ".join(s if s.endswith((".", "?", "!")) else f"{s}." for s in (part.strip() for part in sentences) if s)


def _restore(cls: type["SheraError"], args: tuple[object, ...], fields: dict[str, Any]) -> "SheraError":
    error = cls.__new__(cls, *args)
    error.args = args  # OSError.__new__ leaves them to __init__
    error.__dict__.update(fields)
    return error


class SheraError(Exception):
    """Base of all exceptions of the package. Catch it to handle any of them."""

    def __str__(self) -> str:  # KeyError would show the message as a quoted repr
        return str(self.args[0]) if self.args else ""

    def __reduce__(self) -> tuple[Any, ...]:  # the default calls the class with the message alone
        return _restore, (type(self), self.args, self.__dict__)


class ExpectationError(SheraError, ValueError):
    """Base of errors about a value that differs from the expected one.

    The message reads ``key: expected ..., got .... Remedy.``

    Parameters
    ----------
    key : str
        Parameter key, field of a configuration, or name of an argument.
    expected : str
        Description of valid values, as a phrase.
    got : object
        Value received; the message describes it.
    remedy : str
        Suggested fix, as a sentence.
    index : tuple of int, optional
        Index in `got` of the first invalid element (see `first_index`).
    """

    def __init__(
        self, key: str, *, expected: str, got: object = ABSENT, remedy: str = "", index: tuple[int, ...] | None = None
    ) -> None:
        self.key, self.expected, self.got, self.remedy, self.index = key, expected, got, remedy, index
        super().__init__(_join(f"{key}: expected {expected}, got {describe(got, index)}", remedy))


class ParameterError(ExpectationError):
    """A parameter or an argument has an invalid value. Use a value that the message describes.

    Subclasses name the common cases; other cases are a value of the wrong type, and a value for a parameter that the
    configuration determines.
    """


class UnknownKeyError(ParameterError, KeyError):
    """A key, label or name does not exist. Use one of the near matches, in `matches`, or look the name up."""

    def __init__(self, key: str, candidates: Iterable[str], *, expected: str = "a key of the spec") -> None:
        names = tuple(candidates)
        self.matches = near_matches(key, names)
        few = ", ".join(names[:8]) + (f", ... ({len(names)} in all)" if len(names) > 8 else "")
        near = f"Did you mean {' or '.join(self.matches)}?"
        super().__init__(key, expected=expected, got=key, remedy=near if self.matches else f"Known: {few or 'none'}")


class MissingKeyError(ParameterError, KeyError):
    """A required value is missing. Pass it; for a store, start from the defaults of the spec."""

    def __init__(self, key: str, *, expected: str = "a value", remedy: str = "") -> None:
        super().__init__(key, expected=expected, remedy=remedy)


class DerivedKeyError(ParameterError):
    """A derived parameter cannot be set. Set the parameters in `depends_on`, or allow overrides of derived values."""

    def __init__(self, key: str, *, got: object, depends_on: Iterable[str] = (), remedy: str = "") -> None:
        self.depends_on = tuple(depends_on)
        inputs = f"Set the parameters that it is computed from: {', '.join(self.depends_on)}" if self.depends_on else ""
        super().__init__(key, expected="no value, because it is derived", got=got, remedy=remedy or inputs)


class ShapeError(ParameterError):
    """An array has the wrong shape. Pass one value for each component."""


class BoundsError(ParameterError):
    """A value, or an element of an array, lies outside the parameter's bounds. Check its sign and unit."""


class NonFiniteError(ParameterError):
    """A value, or an element of an array, is NaN or infinite. Check how the element at `index` was computed."""

    def __init__(self, key: str, *, got: object, expected: str = "finite numbers", remedy: str = "") -> None:
        index = first_index(got, lambda x: not math.isfinite(x))
        super().__init__(key, expected=expected, got=got, remedy=remedy, index=index)


class StaleValueError(ParameterError):
    """Overrides of derived values differ from the values computed from the primitives. Recompute or remove them.

    `stale` has the key, the stored value and the computed value of each override.
    """

    def __init__(self, stale: Sequence[tuple[str, Any, Any]]) -> None:
        self.stale = tuple(stale)
        key, stored, computed = self.stale[0]
        others = [f"{other}: stored {old!r}, computed {new!r}" for other, old, new in self.stale[1:]]
        also = f" Also stale: {'; '.join(others)}" if others else ""
        remedy = f"refresh_derived(store) recomputes it, strip_derived(store) removes it.{also}"
        super().__init__(key, expected=f"{computed!r}, computed from the primitives", got=stored, remedy=remedy)


class InversionError(ParameterError):
    """A derived parameter cannot be set by solving for a primitive. Solve for another one, of those in `possible`."""

    def __init__(self, key: str, solve_for: str, reason: str, possible: Iterable[str] = ()) -> None:
        self.solve_for, self.reason, self.possible = solve_for, reason, tuple(possible)
        remedy = f"It depends on the primitives {', '.join(self.possible)}" if self.possible else ""
        super().__init__(key, expected=f"a value in reach of {solve_for}", got=reason, remedy=remedy)
        self.args = (_join(f"{key}: cannot be set by solving for {solve_for}: {reason}", remedy),)


class ConfigError(ExpectationError):
    """A field of a configuration is invalid, or configuration and other parts of a model disagree. Change the field."""


class DataError(ExpectationError):
    """Image data, a mask or a noise variance is invalid for the model. Correct or mask the pixel at `index`."""


class DerivationError(SheraError, ValueError):
    """A derived value cannot be computed. Add the missing input to the spec, or remove the cycle of transforms.

    Parameters
    ----------
    reason : str
        Description of the fault, as a phrase.
    path : sequence of str
        Keys from the requested value to the fault.
    remedy : str
        Suggested fix, as a sentence.
    """

    def __init__(self, reason: str, *, path: Sequence[str], remedy: str = "") -> None:
        self.reason, self.path, self.remedy = reason, tuple(path), remedy
        super().__init__(_join(f"{' -> '.join(self.path)}: {reason}", remedy))


class GraphError(SheraError, ValueError):
    """A graph cannot be built, or one of its nodes cannot be evaluated. Correct the node or the input at the fault.

    Parameters
    ----------
    reason : str
        Description of the fault, as a phrase.
    node : str
        Name of the node.
    path : sequence of str
        Names from the requested output to the fault, each followed by one of its inputs.
    remedy : str
        Suggested fix, as a sentence.
    """

    def __init__(self, reason: str, *, node: str = "", path: Sequence[str] = (), remedy: str = "") -> None:
        self.reason, self.node, self.path, self.remedy = reason, node, tuple(path), remedy
        place = " -> ".join(self.path) or node
        super().__init__(_join(f"{place}: {reason}" if place else reason, remedy))


class DocumentError(SheraError, ValueError):
    """A document has a fault: ``file:line:column: key: message``. Correct it at that place.

    Parameters
    ----------
    message : str
        Description of the fault, with the accepted values and the value in the document.
    file : path
        File of the document.
    line, column : int, optional
        Place of the fault, counted from one.
    key : str
        Path of the faulty part as text, such as ``parameters.binary.contrast``.
    where : tuple of str and int
        The same path as names and indices.
    """

    def __init__(
        self,
        message: str,
        *,
        file: object = "",
        line: int | None = None,
        column: int | None = None,
        key: str = "",
        where: tuple[str | int, ...] = (),
    ) -> None:
        self.message, self.file, self.line, self.column, self.key = message, str(file), line, column, key
        self.where = where
        place = ":".join(str(part) for part in (self.file, line, column) if part not in ("", None))
        super().__init__(_join(": ".join(part for part in (place, key, message) if part)))


class OutputError(SheraError, OSError):
    """A file or folder cannot be written. Name another place, or change its rights, or free space on its disk."""

    def __init__(
        self, path: object, reason: str, remedy: str = "Name another place to write to", *, number: int | None = None
    ) -> None:
        self.path, self.reason, self.remedy = str(path), reason, remedy
        super().__init__(_join(f"{self.path}: cannot be written: {reason}", remedy))
        self.errno = number


class FitError(SheraError, RuntimeError):
    """A fit or a sampler has no usable result, or the Fisher information is singular.

    Start elsewhere, add a prior, or hold a parameter fixed, as the message suggests. With ``throw=False`` a solver
    returns its solution instead.

    Parameters
    ----------
    reason : str
        Description of the failure, as a phrase.
    result : object
        Result code of the fit.
    steps : int, optional
        Number of steps taken.
    remedy : str
        Suggested fix, as a sentence.
    """

    def __init__(self, reason: str, *, result: object = None, steps: int | None = None, remedy: str = "") -> None:
        self.reason, self.result, self.steps, self.remedy = reason, result, steps, remedy
        super().__init__(_join(reason if steps is None else f"{reason} after {steps} steps", remedy))
