"""`Setting`: one value of a profile with its place, and its check by the rule or the parameter that it is for."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from dluxshera.documents import Document, Where, spelled
from dluxshera.errors import DocumentError, ExpectationError
from dluxshera.params import ParamField, check_numbers, floats, in_own_unit, own_unit
from dluxshera.profiles.format import ProfileFormat

OVERRIDE: Final = "--set"  # in place of the file name in messages about overrides


@dataclass(frozen=True)
class Setting:
    """A value that a profile sets, with its place.

    Parameters
    ----------
    value : object
        A configuration field in normal form, or a parameter in its own unit.
    document : Document
        Document that has the value.
    where : tuple of str and int
        Path of the value in the document, such as ``("config", "image_npix")``.
    """

    value: Any
    document: Document = field(repr=False)
    where: Where = ()

    def error(self, problem: str, *below: str | int, **hints: Any) -> DocumentError:
        """Return the error about this value or a part `below` it; for the `hints` see `Document.error`."""
        error = self.document.error((*self.where, *below), problem, **hints)
        return error if self.document.file != OVERRIDE else self._of_override(error.message, *below)

    def placed(self, error: ExpectationError) -> DocumentError:
        """Return the error of a check with the place of the value, or of the element that failed."""
        below: tuple[str | int, ...] = ("value",) if self._has_unit else ()
        below += error.index or ()
        return self.error(str(error).removeprefix(f"{error.key}: ").removesuffix("."), *below)

    def _of_override(self, message: str, *below: str | int) -> DocumentError:
        return DocumentError(message, file=OVERRIDE, key=spelled((*self.where[1:], *below)), where=self.where)

    @property
    def _has_unit(self) -> bool:
        part, name = self.where[:2]
        return part == "parameters" and isinstance(self.document.data[part][name], dict)


def checked_setting(setting: Setting, profile_format: ProfileFormat) -> Setting:
    """Return a setting whose value was checked: a field in normal form, a parameter in its own unit.

    A relative path starts at the folder of its document, and that of an override at the working folder.

    Raises
    ------
    DocumentError
        If the rule of the field, or the bounds of the parameter, do not accept the value.
    """
    part, name = setting.where
    try:
        if part == "config":
            rule = profile_format.rules[str(name)]
            folder = None if setting.document.file == OVERRIDE else str(Path(setting.document.file).absolute().parent)
            return replace(setting, value=rule.located(rule.check(str(name), setting.value), folder))
        parameter = profile_format.fields[str(name)]
        numbers = _in_own_unit(setting, parameter)
        check_numbers(parameter, numbers)
        return replace(setting, value=numbers)
    except ExpectationError as error:
        raise setting.placed(error) from error


def _in_own_unit(setting: Setting, parameter: ParamField) -> Any:
    if not isinstance(setting.value, dict):
        return floats(setting.value)
    amount, unit = setting.value["value"], setting.value["unit"]
    try:
        return in_own_unit(parameter, amount, unit)
    except ValueError as error:
        own = own_unit(parameter)
        allowed = f"a unit that converts to {own}" if own else "a pure number, with unit ''"
        raise setting.error(str(error), "unit", allowed=allowed, got=unit) from error
