"""Rules of configuration fields: each checks a value and prints the JSON Schema of the values that it accepts. No jax.

A rule holds for Python users and for documents alike. It returns a value in normal form: a sequence as a tuple, a whole
number such as 256.0 as an integer where an integer is expected, a NumPy number as Python's.
"""

from __future__ import annotations

import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from numbers import Integral, Real
from pathlib import Path
from typing import Any, NoReturn

from dluxshera.errors import ConfigError, near_matches
from dluxshera.params import Bounds
from dluxshera.units import converted, measured, vounit


class Rule(ABC):
    """Rule of one configuration field; abstract."""

    @property
    @abstractmethod
    def form(self) -> str:
        """The accepted values as a phrase, which completes "expected ..."."""

    @abstractmethod
    def check(self, name: str, value: object) -> Any:
        """Return a value of the field `name` in normal form.

        Raises
        ------
        ConfigError
            If the rule does not accept the value; for an element of a list, `index` has its place.
        """

    @abstractmethod
    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the accepted values."""

    def located(self, value: Any, folder: str | None = None) -> Any:
        """Return a value in normal form with a relative path made absolute; only a rule of paths changes it.

        Parameters
        ----------
        value : object
            Value in normal form.
        folder : str, optional
            Folder that a relative path starts at: that of a document. By default the working folder.
        """
        return value

    def _fail(self, name: str, value: object, remedy: str, index: tuple[int, ...] | None = None) -> NoReturn:
        raise ConfigError(name, expected=self.form, got=value, remedy=remedy, index=index)


@dataclass(frozen=True)
class Integer(Rule):
    """Integer in a range.

    Parameters
    ----------
    least, most : int
        Range of the values, both ends included.
    even : bool
        True if only even integers are accepted.
    optional : bool
        True if None is accepted.
    """

    least: int
    most: int
    even: bool = False
    optional: bool = False

    @property
    def form(self) -> str:
        """The accepted values as a phrase."""
        kind = "an even integer" if self.even else "an integer"
        return f"{kind} from {self.least} to {self.most}{', or None' if self.optional else ''}"

    def check(self, name: str, value: object) -> int | None:
        """Return the value as an integer, or None."""
        if value is None and self.optional:
            return None
        number = _whole(value)
        if number is None or not self.least <= number <= self.most or (self.even and number % 2):
            self._fail(name, value, self._remedy(number))
        return number

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the accepted values."""
        kind: str | list[str] = ["integer", "null"] if self.optional else "integer"
        limits = {"type": kind, "minimum": self.least, "maximum": self.most}
        return {**limits, "multipleOf": 2, "x-form": "an even integer"} if self.even else limits

    def _remedy(self, number: int | None) -> str:
        if number is None:
            return "Give a whole number"
        nearest = min(max(number + number % 2 if self.even else number, self.least), self.most)
        return f"The nearest such value is {nearest}"


@dataclass(frozen=True)
class Number(Rule):
    """Finite real number within bounds.

    Parameters
    ----------
    phrase : str
        The accepted values in words, which complete "expected ...".
    bounds : Bounds
        Limits of the value.
    unit : str
        VOUnit string; empty for a pure number.
    optional : bool
        True if None is accepted.
    """

    phrase: str
    bounds: Bounds = field(default_factory=Bounds)
    unit: str = ""
    optional: bool = False

    @property
    def form(self) -> str:
        """The accepted values as a phrase."""
        return f"{self.phrase}{', or None' if self.optional else ''}"

    def check(self, name: str, value: object) -> float | None:
        """Return the value as a float, or None."""
        if value is None and self.optional:
            return None
        try:
            number = _real(_converted(value, self.unit))
        except ValueError as error:
            self._fail(name, value, f"Give a number in {self.unit or 'no unit'}, or a quantity that converts: {error}")
        if number is None or not self.bounds.contains(number):
            unit = f" in {self.unit}" if self.unit else ""
            self._fail(name, value, f"Give a number{unit}, {self.bounds}")
        return number

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the accepted values."""
        kind: str | list[str] = ["number", "null"] if self.optional else "number"
        schema: dict[str, Any] = {"type": kind, **self.bounds.as_dict()}
        return schema | ({"x-unit": self.unit} if self.unit else {"x-form": self.phrase})


@dataclass(frozen=True)
class NollIndices(Rule):
    """Different Noll indices, in any order.

    Parameters
    ----------
    most : int
        Largest index, and largest number of indices.
    """

    most: int

    @property
    def form(self) -> str:
        """The accepted values as a phrase."""
        return f"a list of different Noll indices from 1 to {self.most}, empty for none"

    def check(self, name: str, value: object) -> tuple[int, ...]:
        """Return the indices as a tuple of integers."""
        value = _listed(value)
        if not isinstance(value, list | tuple | range) or len(value) > self.most:
            self._fail(name, value, "Give a list, a tuple or a range")
        indices: list[int] = []
        for i, item in enumerate(value):
            index = _whole(item)
            if index is None or not 1 <= index <= self.most:
                self._fail(name, value, "Noll indices count from 1, the piston", (i,))
            if index in indices:
                self._fail(name, value, "Remove the second one", (i,))
            indices.append(index)
        return tuple(indices)

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the accepted values."""
        return {
            "type": "array",
            "items": {"type": "integer", "minimum": 1, "maximum": self.most},
            "maxItems": self.most,
            "uniqueItems": True,
            "x-form": "a list of different Noll indices",
        }


@dataclass(frozen=True)
class EffectNames(Rule):
    """Different names of optional effects. Their order has no meaning: normal form is the order of `docs`.

    Parameters
    ----------
    docs : mapping of str to str
        Name and description of each effect.
    """

    docs: Mapping[str, str]

    def __hash__(self) -> int:
        return hash(tuple(self.docs))

    @property
    def form(self) -> str:
        """The accepted values as a phrase."""
        return f"a list of different effects: {', '.join(self.docs)}"

    def check(self, name: str, value: object) -> tuple[str, ...]:
        """Return the names as a tuple, in the order of `docs`."""
        if not isinstance(value, list | tuple):
            self._fail(name, value, "Give a list or a tuple, empty for none")
        for i, item in enumerate(value):
            if not isinstance(item, str):
                self._fail(name, value, "Give names", (i,))
            if item in value[:i]:
                self._fail(name, value, f"Remove the second {item}", (i,))
            if item not in self.docs:
                near = near_matches(item, self.docs)
                self._fail(name, value, f"Did you mean {' or '.join(near)}?" if near else "Remove it", (i,))
        return tuple(effect for effect in self.docs if effect in value)

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the accepted values."""
        return {"type": "array", "items": {"enum": list(self.docs)}, "uniqueItems": True, "x-form": self.form}


@dataclass(frozen=True)
class MaskSource(Rule):
    """Source of the diffractive pupil's mask: a name or the path of a file, or None for a clear pupil.

    Whether the file exists is checked where it is read.

    Parameters
    ----------
    longest : int
        Largest number of characters.
    name : str
        Value that is a name and not a path; empty for none.
    """

    longest: int
    name: str = ""

    @property
    def form(self) -> str:
        """The accepted values as a phrase."""
        return f"a name or a path of 1 to {self.longest} characters, or None"

    def check(self, name: str, value: object) -> str | None:
        """Return the name or path as a string, or None."""
        if value is None:
            return None
        text = os.fspath(value) if isinstance(value, os.PathLike) else value
        if not isinstance(text, str) or not 0 < len(text) <= self.longest:
            self._fail(name, value, "Give 'dLuxToliman' or the path of a .npy file")
        return text

    def located(self, value: str | None, folder: str | None = None) -> str | None:
        """Return the absolute path of a file; a name and None are unchanged."""
        if value is None or value == self.name or Path(value).is_absolute():
            return value
        return str(Path.cwd() / value if folder is None else Path(folder, value))

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the accepted values."""
        return {"type": ["string", "null"], "minLength": 1, "maxLength": self.longest}


def _whole(value: object) -> int | None:
    """Return a whole number as an integer, and None for any other object."""
    value = _scalar(value)
    if isinstance(value, Integral) and not isinstance(value, bool):
        return int(value)
    number = _real(value)
    return int(number) if number is not None and number.is_integer() else None


def _real(value: object) -> float | None:
    """Return a finite real number as a float, and None for any other object."""
    value = _scalar(value)
    if not isinstance(value, Real) or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except OverflowError:  # an integer beyond the floats
        return None
    return number if isfinite(number) else None


def _converted(value: object, unit: str) -> object:
    """Return a value that carries a unit as a number in the unit of the field, and any other value as it is."""
    numbers, own, mask = measured(value)
    if mask is not None:
        raise ValueError("the value is masked")
    return numbers if own is None else converted(_scalar(numbers), own, vounit(unit))


def _scalar(value: object) -> object:
    """Return the element of a NumPy array of no dimension, and any other object as it is."""
    return value.tolist() if _is_plain_array(value, 0) else value  # type: ignore[attr-defined]


def _listed(value: object) -> object:
    """Return a NumPy vector as a list, and any other object as it is."""
    return value.tolist() if _is_plain_array(value, 1) else value  # type: ignore[attr-defined]


def _is_plain_array(value: object, ndim: int) -> bool:
    numpy: Any = sys.modules.get("numpy")  # without it there is no array
    return numpy is not None and type(value) is numpy.ndarray and numpy.ndim(value) == ndim
