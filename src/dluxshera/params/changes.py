"""`SpecChanges`, the differences between two specs, and the deprecations that a change leaves behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple


class Deprecation(NamedTuple):
    """The deprecation of a parameter: its version, the replacement, and the version that removes the parameter.

    Parameters
    ----------
    version : str
        Version that deprecated the parameter.
    replacement : str
        Description of the replacement.
    removal : str
        Version that removes the parameter.
    """

    version: str
    replacement: str
    removal: str


class FormerKey(NamedTuple):
    """A former key of a parameter, and the version that no longer accepts it.

    Parameters
    ----------
    key : str
        The former key.
    removal : str
        Version that no longer accepts it.
    """

    key: str
    removal: str


@dataclass(frozen=True)
class SpecChanges:
    """The keys that differ between an old spec and a new one; false if none does.

    Parameters
    ----------
    added, removed : tuple of str
        Keys that only the new spec has, and keys that only the old one has.
    changed : mapping of str to mapping
        Differences of each key's field: the name of an attribute to its old and new value.
    reordered : bool
        True if the common keys have another order, which is the order of theta.
    """

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: Mapping[str, Mapping[str, tuple[Any, Any]]]
    reordered: bool = False

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed or self.reordered)

    def __str__(self) -> str:
        lines = [f"+ {key}" for key in self.added] + [f"- {key}" for key in self.removed]
        for key, parts in self.changed.items():
            lines += [f"~ {key}: {name} {old!r} -> {new!r}" for name, (old, new) in parts.items()]
        lines += ["~ the order of the keys"] if self.reordered else []
        return "\n".join(lines) or "no difference"


def spec_changes(old: Mapping[str, Mapping[str, Any]], new: Mapping[str, Mapping[str, Any]]) -> SpecChanges:
    """Compare the fields of each key, attribute by attribute."""
    both = [key for key in old if key in new]
    changed = {
        key: {name: (old[key][name], value) for name, value in new[key].items() if old[key][name] != value}
        for key in both
    }
    return SpecChanges(
        added=tuple(key for key in new if key not in old),
        removed=tuple(key for key in old if key not in new),
        changed={key: parts for key, parts in changed.items() if parts},
        reordered=both != [key for key in new if key in old],
    )
