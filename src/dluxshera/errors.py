"""The exceptions of the package, in one tree, and the wording they share.

* SheraError
    * ExpectationError (also ValueError): ConfigError, DataError and ParameterError
        * ParameterError: DerivedKeyError, ShapeError, BoundsError, NonFiniteError, StaleValueError, InversionError;
          UnknownKeyError and MissingKeyError (also KeyError)
    * DerivationError, DocumentError, GraphError (also ValueError)
    * FitError (also RuntimeError)

A message names what it is about, what was expected, what came and the remedy; each part is also a field, so that a
caller acts on the part and never on the wording. Only the standard library is used: arrays are described, not imported.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from difflib import SequenceMatcher
from reprlib import Repr
from typing import Any, Protocol, runtime_checkable


class ABSENT:
    """Stands for a value that was not given; a class, so that it survives pickling as itself."""


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
    """Return up to `n` names of `candidates` like `name`: those that share its last dotted part, then the nearest."""
    names, tail = sorted(set(candidates)), name.rpartition(".")[2]
    same_tail = [other for other in names if tail and other.rpartition(".")[2] == tail]
    likeness = sorted(((SequenceMatcher(None, other, name).ratio(), other) for other in names), reverse=True)
    enough = max(0.7, likeness[0][0] - 0.1) if likeness else 0.0  # a common prefix alone is no likeness
    return tuple(dict.fromkeys(same_tail + [other for ratio, other in likeness if ratio >= enough]))[:n]


def first_index(value: Any, offends: Callable[[float], bool]) -> tuple[int, ...] | None:
    """Return the index of the first element for which `offends` holds, or None; a scalar has the index ``()``.

    `value` is a number, a nested sequence or a concrete array of any library; it is not for traced values.
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
    """Return a short account of `value`, an array by shape and dtype, led by the element at `index` if one is given."""
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
    error.__dict__.update(fields)
    return error


class SheraError(Exception):
    """Base of every exception that this package raises on purpose."""

    def __str__(self) -> str:  # KeyError would show the message as a quoted repr
        return str(self.args[0]) if self.args else ""

    def __reduce__(self) -> tuple[Any, ...]:  # the default calls the class with the message alone
        return _restore, (type(self), self.args, self.__dict__)


class ExpectationError(SheraError, ValueError):
    """What was given is not what was expected; the message reads ``key: expected ..., got .... Remedy``.

    Parameters
    ----------
    key : str
        What it is about: a parameter key, a field of a configuration, the name of an argument.
    expected : str
        What would have been accepted, as a phrase.
    got : object
        The value that came; it is kept as it is and described in the message.
    remedy : str
        What to do about it, as a sentence.
    index : tuple of int, optional
        Where in `got` the first offending element is (see `first_index`).
    """

    def __init__(
        self, key: str, *, expected: str, got: object = ABSENT, remedy: str = "", index: tuple[int, ...] | None = None
    ) -> None:
        self.key, self.expected, self.got, self.remedy, self.index = key, expected, got, remedy, index
        super().__init__(_join(f"{key}: expected {expected}, got {describe(got, index)}", remedy))


class ParameterError(ExpectationError):
    """A parameter was given a value that it does not take."""


class UnknownKeyError(ParameterError, KeyError):
    """A key that the spec does not have; `matches` holds the known keys that resemble it."""

    def __init__(self, key: str, candidates: Iterable[str], *, expected: str = "a key of the spec") -> None:
        names = tuple(candidates)
        self.matches = near_matches(key, names)
        few = ", ".join(names[:8]) + (f", ... ({len(names)} in all)" if len(names) > 8 else "")
        near = f"Did you mean {' or '.join(self.matches)}?"
        super().__init__(key, expected=expected, got=key, remedy=near if self.matches else f"Known: {few or 'none'}")


class MissingKeyError(ParameterError, KeyError):
    """A key that must have a value has none."""

    def __init__(self, key: str, *, expected: str = "a value", remedy: str = "") -> None:
        super().__init__(key, expected=expected, remedy=remedy)


class DerivedKeyError(ParameterError):
    """A value was given for a derived parameter, which is computed from those in `depends_on`."""

    def __init__(self, key: str, *, got: object, depends_on: Iterable[str] = (), remedy: str = "") -> None:
        self.depends_on = tuple(depends_on)
        inputs = f"Set what it is computed from: {', '.join(self.depends_on)}" if self.depends_on else ""
        super().__init__(key, expected="no value, for it is derived", got=got, remedy=remedy or inputs)


class ShapeError(ParameterError):
    """A parameter came with the wrong shape."""


class BoundsError(ParameterError):
    """A parameter, or an element of one, lies outside its bounds."""


class NonFiniteError(ParameterError):
    """A parameter, or an element of one, is NaN or infinite; the first such element is found for a concrete value."""

    def __init__(self, key: str, *, got: object, expected: str = "finite numbers", remedy: str = "") -> None:
        index = first_index(got, lambda x: not math.isfinite(x))
        super().__init__(key, expected=expected, got=got, remedy=remedy, index=index)


class StaleValueError(ParameterError):
    """Overrides differ from what the primitives give; `stale` holds key, stored and computed value of each."""

    def __init__(self, stale: Sequence[tuple[str, Any, Any]]) -> None:
        self.stale = tuple(stale)
        key, stored, computed = self.stale[0]
        others = [f"{other}: stored {had!r}, computed {gives!r}" for other, had, gives in self.stale[1:]]
        also = f" Also stale: {'; '.join(others)}" if others else ""
        remedy = f"refresh_derived(store) computes it anew, strip_derived(store) drops it.{also}"
        super().__init__(key, expected=f"{computed!r}, as the primitives give it", got=stored, remedy=remedy)


class InversionError(ParameterError):
    """A derived parameter cannot be set by way of `solve_for`; `possible` has the primitives that it depends on."""

    def __init__(self, key: str, solve_for: str, reason: str, possible: Iterable[str] = ()) -> None:
        self.solve_for, self.reason, self.possible = solve_for, reason, tuple(possible)
        remedy = f"Primitives that it depends on: {', '.join(self.possible)}" if self.possible else ""
        super().__init__(key, expected=f"a value that {solve_for} can give", got=reason, remedy=remedy)
        self.args = (_join(f"{key}: cannot be set by way of {solve_for}: {reason}", remedy),)


class ConfigError(ExpectationError):
    """A field of a configuration has a value that the system cannot be built with."""


class DataError(ExpectationError):
    """Image data, or the noise that goes with it, cannot be used."""


class DerivationError(SheraError, ValueError):
    """A derived value cannot be computed: a cycle, a missing input. `path` runs from the key asked for to the fault."""

    def __init__(self, reason: str, *, path: Sequence[str], remedy: str = "") -> None:
        self.reason, self.path, self.remedy = reason, tuple(path), remedy
        super().__init__(_join(f"{' -> '.join(self.path)}: {reason}", remedy))


class GraphError(SheraError, ValueError):
    """A graph cannot be made as described, or one of its nodes cannot be evaluated.

    Parameters
    ----------
    reason : str
        What is wrong, as a phrase.
    node : str
        The node that it is about.
    path : sequence of str
        From the output asked for, each name followed by one that it is computed from, to where the fault is.
    remedy : str
        What to do about it, as a sentence.
    """

    def __init__(self, reason: str, *, node: str = "", path: Sequence[str] = (), remedy: str = "") -> None:
        self.reason, self.node, self.path, self.remedy = reason, node, tuple(path), remedy
        place = " -> ".join(self.path) or node
        super().__init__(_join(f"{place}: {reason}" if place else reason, remedy))


class DocumentError(SheraError, ValueError):
    """A document cannot be read: ``file:line:column: key: message``, with line and column counted from one."""

    def __init__(
        self, message: str, *, file: object = "", line: int | None = None, column: int | None = None, key: str = ""
    ) -> None:
        self.message, self.file, self.line, self.column, self.key = message, str(file), line, column, key
        place = ":".join(str(part) for part in (self.file, line, column) if part not in ("", None))
        super().__init__(_join(": ".join(part for part in (place, key, message) if part)))


class FitError(SheraError, RuntimeError):
    """A fit ended without a usable answer; `result` is its result code and `steps` the number of steps taken."""

    def __init__(self, reason: str, *, result: object = None, steps: int | None = None, remedy: str = "") -> None:
        self.reason, self.result, self.steps, self.remedy = reason, result, steps, remedy
        super().__init__(_join(reason if steps is None else f"{reason} after {steps} steps", remedy))
