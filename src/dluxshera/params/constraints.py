"""Constraints between the values of several parameters, which a spec carries and stores, profiles and draws satisfy."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from dluxshera.errors import BoundsError
from dluxshera.params.values import is_traced_value


class Constraint(ABC):
    """Relation between the values of several parameters; abstract. Constraints compare and hash by content."""

    @property
    @abstractmethod
    def keys(self) -> tuple[str, ...]:
        """Keys of the parameters, first the one that errors name."""

    @property
    @abstractmethod
    def text(self) -> str:
        """The relation as a sentence, for schemas and pages."""

    @abstractmethod
    def check(self, values: Mapping[str, Any]) -> None:
        """Check concrete values of the parameters, each of which its own field accepts.

        Raises
        ------
        ParameterError
            If the relation does not hold. The error has the first of the keys.
        """

    @abstractmethod
    def renamed(self, old: str, new: str) -> Self:
        """Return the constraint with a new key for a parameter."""

    def schema(self) -> dict[str, Any]:
        """Return keywords of JSON Schema that a validator can enforce; none by default."""
        return {}


@dataclass(frozen=True)
class Below(Constraint):
    """A number is below a multiple of another number.

    Parameters
    ----------
    key, other : str
        Keys: the value of `key` is below `factor` times the value of `other`.
    reason : str
        Reason, as a sentence.
    factor : float
        Positive factor.
    inclusive : bool
        True if the two may be equal.
    """

    key: str
    other: str
    reason: str
    factor: float = 1.0
    inclusive: bool = False

    @property
    def keys(self) -> tuple[str, ...]:
        """The two keys."""
        return (self.key, self.other)

    @property
    def _multiple(self) -> str:
        return self.other if self.factor == 1.0 else f"{self.factor:g} {self.other}"

    @property
    def text(self) -> str:
        """The relation as a sentence, with its reason."""
        return f"{self.key} is {'at most' if self.inclusive else 'below'} {self._multiple}. {self.reason}."

    def check(self, values: Mapping[str, Any]) -> None:
        """Check two numbers.

        Raises
        ------
        BoundsError
            If the first is too large.
        """
        value, limit = float(values[self.key]), self.factor * float(values[self.other])
        if value < limit or (self.inclusive and value == limit):
            return
        expected = f"{'at most' if self.inclusive else 'below'} {self._multiple} = {limit:.12g}"
        raise BoundsError(self.key, expected=expected, got=value, remedy=self.reason)

    def renamed(self, old: str, new: str) -> Self:
        """Return the constraint with a new key for a parameter."""
        key, other = (new if name == old else name for name in self.keys)
        return replace(self, key=key, other=other)

    def schema(self) -> dict[str, Any]:
        """Return the relation under the keyword ``x-below``."""
        limit = {"key": self.other, "times": self.factor, "inclusive": self.inclusive}
        return {"x-below": {self.key: limit}}


def check_together(constraints: Iterable[Constraint], values: Mapping[str, Any]) -> None:
    """Check the constraints all of whose values are present and concrete.

    Parameters
    ----------
    constraints : iterable of Constraint
        Constraints of a spec.
    values : mapping of str to number or array
        Values by key; constraints of a traced value or of a missing key are left out.

    Raises
    ------
    ParameterError
        For the first constraint that does not hold.
    """
    for constraint in constraints:
        if all(key in values and not is_traced_value(values[key]) for key in constraint.keys):
            constraint.check(values)
