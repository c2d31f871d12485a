"""Checks of keys, shapes and units that a budget document names, against the specs of its models. No jax."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, Literal, TypeAlias

from dluxshera.documents import Document, Where
from dluxshera.error_budget.direction import Direction
from dluxshera.error_budget.requirement import unit_of
from dluxshera.errors import DocumentError, near_matches
from dluxshera.params import ParamField, ParamSpec, unit_factor
from dluxshera.units import vounit

_ATOM: Final = r"(?:[kMmunp]?(?:m|s|rad|arcsec|K)|mas|deg|ph|pixel)(?:\*\*-?[1-9])?"
_COMMON: Final = re.compile(rf"(?:{_ATOM}(?:\.{_ATOM})*(?:/{_ATOM})?)?|%")

ModelName: TypeAlias = Literal["forward", "inference"]


def unit_fault(document: Document, at: Where, unit: str, target: str | None = None) -> list[DocumentError]:
    """Return the fault of a unit that is none, or that does not convert to another; nothing if there is none.

    Parameters
    ----------
    document : Document
        Document for the error.
    at : tuple of str and int
        Path of the unit in the document.
    unit : str
        Unit, which should be a VOUnit string.
    target : str, optional
        Unit to convert to; None if any unit is accepted.
    """
    try:
        if target is not None and unit != target:
            unit_factor(unit, target)
        elif not is_common_unit(unit):
            vounit(unit)
    except ValueError as error:
        allowed = "a VOUnit string" if target is None else _convertible(target)
        return [document.error(at, str(error), allowed=allowed, got=unit)]
    return []


def is_common_unit(unit: str) -> bool:
    """Return whether a text is a VOUnit string of common units, without importing astropy.

    Parameters
    ----------
    unit : str
        Text to test.

    Examples
    --------
    >>> is_common_unit("uarcsec"), is_common_unit("m.s**-1"), is_common_unit("uas")
    (True, True, False)
    """
    return _COMMON.fullmatch(unit) is not None


def _convertible(target: str) -> str:
    return f"a unit that converts to {target}" if target else "a pure number, with the unit ''"


class SpecCheck:
    """Checks of a budget document against the specs of its two models.

    Each method raises `DocumentError` at the first fault, with file, line and column.

    Parameters
    ----------
    document : Document
        The budget document.
    forward, inference : ParamSpec
        Specs of the instrument's model and of the fitted model.
    """

    def __init__(self, document: Document, forward: ParamSpec, inference: ParamSpec) -> None:
        self.error = document.error
        self.specs: dict[ModelName, ParamSpec] = {"forward": forward, "inference": inference}

    def field(self, at: Where, key: str, model: ModelName, kinds: Iterable[str] = ("primitive",)) -> ParamField:
        """Return the field of a key; the key must belong to the model's spec and be of one of the kinds."""
        spec = self.specs[model]
        keys = [field.key for field in spec.fields if field.kind in kinds]
        if key not in keys:
            problem = f"not a {' or '.join(kinds)} parameter of the {spec.title} spec"
            allowed = "" if near_matches(key, keys) else ", ".join(keys)
            at_key = at[-1] == key  # a key of a mapping, where the fault is the key and not its value
            raise self.error(at, problem, allowed=allowed, got=key, candidates=keys, at_key=at_key)
        return spec[key]

    def direction(self, at: Where, direction: Direction, model: ModelName) -> list[ParamField]:
        """Return the fields of a direction's keys, each of which must be primitive and have the factor's shape."""
        fields = []
        for key, value in direction.items():
            field = self.field((*at, key), key, model)
            shape = (len(value),) if isinstance(value, tuple) else ()
            if shape != field.shape:
                allowed = f"{field.shape[0]} numbers, {', '.join(field.components)}" if field.shape else "one number"
                raise self.error((*at, key), "wrong number of components", allowed=allowed, got=value)
            fields.append(field)
        return fields

    def units(self, at: Where, unit: str, targets: Iterable[str]) -> None:
        """Check that a unit converts to each of the `targets`."""
        for target in targets:
            try:
                unit_factor(unit, target)
            except ValueError as error:
                raise self.error(at, str(error), allowed=_convertible(target), got=unit) from None


def units_of(fields: Iterable[ParamField]) -> tuple[str, ...]:
    """Return the units of some parameters' values."""
    return tuple(map(unit_of, fields))
