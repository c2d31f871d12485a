"""Which parameters exist: `ParamField`, one parameter, and `ParamSpec`, an ordered set of them. No values, no jax."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import isfinite
from typing import Any, Literal

from dluxshera.errors import ParameterError, UnknownKeyError
from dluxshera.params.priors import Normal

Kind = Literal["primitive", "derived", "structural"]
Scale = Literal["linear", "log10"]


@dataclass(frozen=True)
class Bounds:
    """The values that a parameter may take, each limit included or not. The names are those of JSON Schema.

    Examples
    --------
    >>> Bounds(exclusive_minimum=0, maximum=1).contains(0.0)
    False
    >>> print(Bounds(exclusive_minimum=0, maximum=1))
    > 0 and <= 1
    """

    minimum: float | None = None
    maximum: float | None = None
    exclusive_minimum: float | None = None
    exclusive_maximum: float | None = None

    def contains(self, value: float) -> bool:
        """Return whether a number lies within the bounds; one that is not finite never does."""
        return (
            isfinite(value)
            and (self.minimum is None or value >= self.minimum)
            and (self.maximum is None or value <= self.maximum)
            and (self.exclusive_minimum is None or value > self.exclusive_minimum)
            and (self.exclusive_maximum is None or value < self.exclusive_maximum)
        )

    def as_dict(self) -> dict[str, float]:
        """Return the limits that there are, under the keywords of JSON Schema."""
        names = {
            "minimum": self.minimum,
            "exclusiveMinimum": self.exclusive_minimum,
            "maximum": self.maximum,
            "exclusiveMaximum": self.exclusive_maximum,
        }
        return {name: limit for name, limit in names.items() if limit is not None}

    def __str__(self) -> str:
        signs = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
        return " and ".join(f"{signs[name]} {limit:g}" for name, limit in self.as_dict().items()) or "any finite number"


@dataclass(frozen=True)
class ParamField:
    """One parameter: what it is called, what it means, and what it may be.

    Parameters
    ----------
    key : str
        The dotted name, ``group.name``; a unit suffix in it agrees with `units`.
    title : str
        Its name in prose.
    doc : str
        What it is, with its sign convention, as one or more sentences.
    units : str
        A VOUnit string, which `astropy.units.Unit(units, format="vounit")` parses; empty for a pure number.
    kind : {'primitive', 'derived', 'structural'}
        A primitive is set in a store; a derived value is computed from others by a transform; a structural value is
        fixed by the configuration that the spec was built from.
    scale : {'linear', 'log10'}
        'log10' if the value is the decimal logarithm of the quantity in `units`.
    shape : tuple of int
        ``()`` for a number.
    components : tuple of str
        A name for each element of an array, such as ``Z4``; empty for a number.
    default : float or tuple of float, optional
        The value of a primitive that nothing else is said of; the value of a structural parameter.
    bounds : Bounds
        Enforced by the store, element by element.
    prior : Normal, optional
        What is known of it before the data come.
    symbol, equation : str
        LaTeX, without dollar signs.
    transform : str
        The dotted name of the function that computes a derived value.
    depends_on : tuple of str
        The keys that the transform takes, in its order.
    acts_on : tuple of str
        The model outputs that change with it: ``("image",)`` or ``()``. Tested by derivative, key by key.
    source : str
        Where the default comes from: a citation, "design", "computed" or "illustrative".
    since : str
        The version of the package that has it first.

    Raises
    ------
    ParameterError
        If the parts contradict each other.
    """

    key: str
    title: str
    doc: str
    units: str = ""
    kind: Kind = "primitive"
    scale: Scale = "linear"
    shape: tuple[int, ...] = ()
    components: tuple[str, ...] = ()
    default: float | tuple[float, ...] | None = None
    bounds: Bounds = field(default_factory=Bounds)
    prior: Normal | None = None
    symbol: str = ""
    equation: str = ""
    transform: str = ""
    depends_on: tuple[str, ...] = ()
    acts_on: tuple[str, ...] = ("image",)
    source: str = ""
    since: str = "0.1.0"

    def __post_init__(self) -> None:
        group, dot, name = self.key.partition(".")
        if not (dot and group.isidentifier() and name.isidentifier()):
            raise ParameterError("key", expected="a dotted name such as 'binary.separation_as'", got=self.key)
        if self.kind == "derived" and (self.default is not None or not self.transform):
            raise ParameterError(self.key, expected="a transform and no default, for it is derived", got=self.default)
        if self.kind != "derived" and (self.default is None or self.transform or self.depends_on):
            raise ParameterError(self.key, expected=f"a default and no transform, for it is {self.kind}", got=self)
        size = self.shape[0] if self.shape else 0
        if len(self.shape) > 1 or len(self.components) != size:
            raise ParameterError(self.key, expected=f"{size} component names", got=self.components)
        shape = (len(self.default),) if isinstance(self.default, tuple) else ()
        if self.default is not None and shape != self.shape:
            raise ParameterError(self.key, expected=f"a default of shape {self.shape}", got=self.default)
        for number in self.default if isinstance(self.default, tuple) else (self.default,):
            if number is not None and not self.bounds.contains(number):
                raise ParameterError(self.key, expected=f"a default {self.bounds}", got=number)

    @property
    def group(self) -> str:
        """The part of the key before the dot."""
        return self.key.partition(".")[0]

    @property
    def labels(self) -> tuple[str, ...]:
        """A label for each number that the parameter holds, as tables and messages print it."""
        return tuple(f"{self.key}[{name}]" for name in self.components) or (self.key,)


@dataclass(frozen=True)
class ParamSpec(Mapping[str, ParamField]):
    """An ordered, immutable set of parameters: key to `ParamField`.

    Parameters
    ----------
    system_id : str
        The optical system, which selects the transforms: ``shera_threeplane``, for example.
    name : str
        Which of the system's specs this is: ``forward`` or ``inference``.
    fields : tuple of ParamField
        In the order that the packed vector theta follows.
    groups : tuple of (str, str, str)
        Id, title and text of each group, in the order in which pages show them.

    Raises
    ------
    ParameterError
        If a key stands twice or a group is not described.
    """

    system_id: str
    name: str
    fields: tuple[ParamField, ...]
    groups: tuple[tuple[str, str, str], ...] = ()

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for item in self.fields:
            if item.key in seen:
                raise ParameterError(item.key, expected="each key once in a spec", got=item.key)
            seen.add(item.key)
        described = {group for group, _, _ in self.groups}
        if described and (missing := {item.group for item in self.fields} - described):
            raise ParameterError("groups", expected=f"a text for {sorted(missing)}", got=sorted(described))

    @cached_property
    def _by_key(self) -> dict[str, ParamField]:
        return {item.key: item for item in self.fields}

    @cached_property
    def _hash(self) -> int:
        return hash((self.system_id, self.name, self.fields, self.groups))

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> tuple[Any, ...]:  # leaves the hash behind, which another process computes otherwise
        return type(self), (self.system_id, self.name, self.fields, self.groups)

    def __eq__(self, other: object) -> bool:  # Mapping would compare as an unordered dict
        if self is other:
            return True
        if not isinstance(other, ParamSpec):
            return NotImplemented
        return hash(self) == hash(other) and (self.system_id, self.name, self.fields, self.groups) == (
            other.system_id,
            other.name,
            other.fields,
            other.groups,
        )

    def __getitem__(self, key: str) -> ParamField:
        try:
            return self._by_key[key]
        except KeyError:
            raise UnknownKeyError(key, self._by_key, expected=f"a key of the {self.title} spec") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_key)

    def __len__(self) -> int:
        return len(self.fields)

    def __contains__(self, key: object) -> bool:
        return key in self._by_key

    def __repr__(self) -> str:
        return f"ParamSpec({self.title}: {', '.join(self)})"

    @property
    def title(self) -> str:
        """The system and the name of the spec, as messages print them."""
        return f"{self.system_id}.{self.name}"

    def _keys(self, kind: Kind) -> tuple[str, ...]:
        return tuple(item.key for item in self.fields if item.kind == kind)

    @cached_property
    def primitives(self) -> tuple[str, ...]:
        """The keys that a store holds."""
        return self._keys("primitive")

    @cached_property
    def derived(self) -> tuple[str, ...]:
        """The keys that transforms compute."""
        return self._keys("derived")

    @cached_property
    def structural(self) -> dict[str, float]:
        """Key and value of what the configuration fixes."""
        return {key: self[key].default for key in self._keys("structural")}  # type: ignore[misc]  # never None here

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """A label for each element of theta, in its order."""
        return tuple(label for item in self.fields for label in item.labels)

    def subset(self, keys: Iterable[str]) -> ParamSpec:
        """Return the spec of `keys` alone, in the order given, which is the order of theta.

        Raises
        ------
        UnknownKeyError
            If the spec does not have a key; near matches are named.
        """
        return replace(self, fields=tuple(self[key] for key in keys))

    def without(self, keys: Iterable[str]) -> ParamSpec:
        """Return the spec with `keys` left out.

        Raises
        ------
        UnknownKeyError
            If the spec does not have a key; near matches are named.
        """
        dropped = {self[key].key for key in keys}
        return replace(self, fields=tuple(item for item in self.fields if item.key not in dropped))

    def digest(self) -> str:
        """Return a SHA-256 of all that the fields say, for provenance: the same in every process."""
        text = json.dumps([self.system_id, self.name, [_plain(item) for item in self.fields]], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def _plain(item: ParamField) -> dict[str, Any]:
    plain = dict(vars(item))
    plain["bounds"] = item.bounds.as_dict()
    plain["prior"] = item.prior.as_dict() if item.prior else None
    return plain
