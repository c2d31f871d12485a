"""Relations between configuration fields, or between a field and its system: each checks values and prints its schema.

A relation is checked after the rules, on values in normal form. No jax.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dluxshera.errors import ConfigError
from dluxshera.systems.rules import EffectNames


class Relation(ABC):
    """Rule that relates fields of a configuration to each other or to its system; abstract."""

    @abstractmethod
    def check(self, values: Mapping[str, Any]) -> None:
        """Check the values of all fields, in normal form.

        Raises
        ------
        ConfigError
            If the relation does not hold. The error has the key of the field to change.
        """

    @abstractmethod
    def add_to(self, schema: dict[str, Any]) -> None:
        """Add the relation to the JSON Schema of the configuration."""


@dataclass(frozen=True)
class AtLeast(Relation):
    """One field is not smaller than another; None in either satisfies the relation.

    Parameters
    ----------
    name, least : str
        Fields: the value of `name` is at least that of `least`.
    reason : str
        Reason of the relation, as a sentence.
    """

    name: str
    least: str
    reason: str

    def check(self, values: Mapping[str, Any]) -> None:
        """Check that one value is at least the other."""
        value, limit = values[self.name], values[self.least]
        if value is not None and limit is not None and value < limit:
            raise ConfigError(self.name, expected=f"at least {self.least} = {limit}", got=value, remedy=self.reason)

    def add_to(self, schema: dict[str, Any]) -> None:
        """Add the pair to the keyword ``x-at-least``."""
        schema["x-at-least"][self.name] = self.least


@dataclass(frozen=True)
class SystemEffects(Relation):
    """Effects that a system can have.

    Parameters
    ----------
    system : str
        Id of the system.
    docs : mapping of str to str
        Name and description of each effect that the system can have.
    """

    system: str
    docs: Mapping[str, str]

    def check(self, values: Mapping[str, Any]) -> None:
        """Check that the system can have each effect."""
        for name in values["effects"]:
            if name not in self.docs:
                remedy = f"Choose from {', '.join(self.docs)}"
                raise ConfigError("effects", expected=f"effects of {self.system}", got=name, remedy=remedy)

    def add_to(self, schema: dict[str, Any]) -> None:
        """Restrict the names of effects, and add their descriptions."""
        rule = EffectNames(self.docs)
        effects = schema["properties"]["effects"]
        effects |= {name: keyword for name, keyword in rule.schema().items() if name in ("items", "x-form")}
        effects["x-effects"] = dict(self.docs)
