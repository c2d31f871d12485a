"""`ParamSpec`, an ordered set of `ParamField`. No values, no jax."""

from __future__ import annotations

import hashlib
import json
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from dluxshera.errors import ParameterError, UnknownKeyError
from dluxshera.params.changes import FormerKey, SpecChanges, spec_changes
from dluxshera.params.constraints import Constraint
from dluxshera.params.field import Bounds as Bounds
from dluxshera.params.field import Kind as Kind
from dluxshera.params.field import ParamField as ParamField
from dluxshera.params.field import Scale as Scale


@dataclass(frozen=True)
class ParamSpec(Mapping[str, ParamField]):
    """An ordered, immutable set of parameters: key to `ParamField`.

    Parameters
    ----------
    system_id : str
        Optical system, which selects the transforms: ``shera_threeplane``, for example.
    name : str
        Name of the spec: ``forward`` or ``inference``, for example.
    fields : tuple of ParamField
        Parameters, in the order of the packed vector theta.
    groups : tuple of (str, str, str)
        Id, title and text of each group, in the order of the pages.
    constraints : tuple of Constraint
        Relations between the values of parameters of the spec.

    Raises
    ------
    ParameterError
        If a key is repeated or a group has no text.
    """

    system_id: str
    name: str
    fields: tuple[ParamField, ...]
    groups: tuple[tuple[str, str, str], ...] = ()
    constraints: tuple[Constraint, ...] = ()

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for item in self.fields:
            for key in (item.key, *(former.key for former in item.formerly)):
                if key in seen:
                    raise ParameterError(key, expected="each key once in a spec", got=key)
                seen.add(key)
        described = {group for group, _, _ in self.groups}
        if described and (missing := {item.group for item in self.fields} - described):
            raise ParameterError("groups", expected=f"a text for {sorted(missing)}", got=sorted(described))
        keys = {item.key for item in self.fields}
        for constraint in self.constraints:
            if not keys.issuperset(constraint.keys):
                raise ParameterError("constraints", expected="constraints of the spec's keys", got=constraint.text)

    @cached_property
    def _by_key(self) -> dict[str, ParamField]:
        return {item.key: item for item in self.fields}

    @cached_property
    def _former(self) -> dict[str, tuple[ParamField, FormerKey]]:
        return {former.key: (item, former) for item in self.fields for former in item.formerly}

    @property
    def _parts(self) -> tuple[Any, ...]:
        return (self.system_id, self.name, self.fields, self.groups, self.constraints)

    @cached_property
    def _hash(self) -> int:
        return hash(self._parts)

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> tuple[Any, ...]:  # without the hash, which differs between processes
        return type(self), self._parts

    def __eq__(self, other: object) -> bool:  # Mapping would compare as an unordered dict
        if self is other:
            return True
        if not isinstance(other, ParamSpec):
            return NotImplemented
        return hash(self) == hash(other) and self._parts == other._parts

    def __getitem__(self, key: str) -> ParamField:
        try:
            return self._by_key[self.current_key(key)]
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
        """The system and the name of the spec, for messages."""
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
        """Value of each parameter that the configuration fixes, by key."""
        return {key: self[key].default for key in self._keys("structural")}  # type: ignore[misc]  # never None here

    def defaults(self) -> dict[str, Any]:
        """Return the defaults of the primitives by key, in their full shapes."""
        return {key: self[key].default_value for key in self.primitives}

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """A label for each element of theta, in its order."""
        return tuple(label for item in self.fields for label in item.labels)

    def current_key(self, key: str) -> str:
        """Return the current key of a parameter, with a warning if `key` is a former one.

        A key that no parameter has or had is returned unchanged.

        Warns
        -----
        DeprecationWarning
            If the parameter was renamed; the new key and the version that drops the old one are named.
        """
        if key in self._by_key or key not in self._former:
            return key
        item, former = self._former[key]
        text = f"{key} is now {item.key}; the old key is accepted until version {former.removal}"
        warnings.warn(text, DeprecationWarning, stacklevel=_caller())
        return item.key

    def warn_deprecated(self, key: str) -> None:
        """Warn if a parameter is deprecated.

        Warns
        -----
        DeprecationWarning
            With the replacement, and the version that removes the parameter.
        """
        if key in self._by_key and (notice := self._by_key[key].deprecated):
            text = f"{key} is deprecated since version {notice.version}: use {notice.replacement}; version"
            warnings.warn(f"{text} {notice.removal} removes it", DeprecationWarning, stacklevel=_caller())

    def subset(self, keys: Iterable[str]) -> ParamSpec:
        """Return the spec of `keys` alone, in their order, which becomes the order of theta.

        Raises
        ------
        UnknownKeyError
            If the spec does not have a key; near matches are named.
        """
        return self._with(tuple(self[key] for key in keys))

    def without(self, keys: Iterable[str]) -> ParamSpec:
        """Return the spec with `keys` left out.

        Raises
        ------
        UnknownKeyError
            If the spec does not have a key; near matches are named.
        """
        dropped = {self[key].key for key in keys}
        return self._with(tuple(item for item in self.fields if item.key not in dropped))

    def _with(self, fields: tuple[ParamField, ...]) -> ParamSpec:
        """Return the spec with other fields, and the constraints between them."""
        keys = {item.key for item in fields}
        kept = tuple(constraint for constraint in self.constraints if keys.issuperset(constraint.keys))
        return replace(self, fields=fields, constraints=kept)

    def merge(self, other: ParamSpec, name: str | None = None) -> ParamSpec:
        """Return a spec with the fields of both, those of this one first.

        Parameters
        ----------
        other : ParamSpec
            Spec of the same system. A key that both have must have equal fields.
        name : str, optional
            Name of the result; by default that of this spec.

        Raises
        ------
        ParameterError
            If the systems differ, or the fields of a key; the differences are listed.
        """
        if other.system_id != self.system_id:
            raise ParameterError("other", expected=f"a spec of {self.system_id} to merge", got=other.title)
        both = [key for key in self if key in other]
        if changes := self.subset(both).diff(other.subset(both)):
            expected = f"the same field in {self.title} and {other.title}"
            raise ParameterError(next(iter(changes.changed)), expected=expected, got=str(changes))
        groups = {group: (group, title, text) for group, title, text in (*other.groups, *self.groups)}
        ordered = dict.fromkeys(group for group, _, _ in (*self.groups, *other.groups))
        return replace(
            self,
            name=name or self.name,
            fields=(*self.fields, *(item for item in other.fields if item.key not in self)),
            groups=tuple(groups[group] for group in ordered),
            constraints=tuple(dict.fromkeys((*self.constraints, *other.constraints))),
        )

    def rename(self, old: str, new: str, *, removal: str) -> ParamSpec:
        """Return the spec with a new key for a parameter; specs and stores accept the old key with a warning.

        The keys in `depends_on` follow. A registry's transforms are named by key, and have to be renamed with it.

        Parameters
        ----------
        old, new : str
            Current and new key of the parameter.
        removal : str
            Version of the package that no longer accepts the old key.

        Raises
        ------
        UnknownKeyError
            If there is no parameter `old`.
        ParameterError
            If another parameter has or had the key `new`.
        """
        item = self[old]
        former = tuple(one for one in item.formerly if one.key != new)
        renamed = replace(item, key=new, formerly=(*former, FormerKey(item.key, removal)))
        others = (
            replace(one, depends_on=tuple(new if key == item.key else key for key in one.depends_on))
            for one in (renamed if each is item else each for each in self.fields)
        )
        constraints = tuple(each.renamed(item.key, new) for each in self.constraints)
        return replace(self, fields=tuple(others), constraints=constraints)

    def diff(self, other: ParamSpec) -> SpecChanges:
        """Return the differences of a newer spec, parameter by parameter; printed, one per line."""
        old, new = ({item.key: item.as_dict() for item in spec.fields} for spec in (self, other))
        return spec_changes(old, new)

    def digest(self) -> str:
        """Return a SHA-256 of all fields, for provenance: the same in every process and on every machine.

        Numbers enter with 12 digits, because the last bits of a computed default differ between processors.
        """
        fields = [_rounded(item.plain()) for item in self.fields]
        constraints = [constraint.text for constraint in self.constraints]
        text = json.dumps([self.system_id, self.name, fields, constraints], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def _rounded(plain: Any) -> Any:
    """Return plain data with its numbers rounded to 12 digits."""
    if isinstance(plain, float):
        return float(f"{plain:.12g}")
    if isinstance(plain, Mapping):
        return {name: _rounded(value) for name, value in plain.items()}
    return [_rounded(item) for item in plain] if isinstance(plain, list | tuple) else plain


def _caller() -> int:
    """Return the level of the first frame outside this package, as `warnings.warn` counts from its own caller's."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "dluxshera":
        frame, level = frame.f_back, level + 1
    return level
