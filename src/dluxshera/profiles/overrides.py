"""Overrides of a profile's values from the command line: ``key=value`` or ``key=value unit``."""

from __future__ import annotations

import re
from typing import Any, Final

from dluxshera.documents import Document, faults, parse_yaml
from dluxshera.errors import DocumentError
from dluxshera.profiles.format import ProfileFormat
from dluxshera.profiles.setting import OVERRIDE, Setting

_NUMBER: Final = r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
_AMOUNT: Final = re.compile(rf"({_NUMBER}|\[[^\]]*\])\s*(\S.*)?")


def override_setting(text: str, profile_format: ProfileFormat) -> Setting:
    """Return the setting of an override; its form is checked, its value is not.

    Parameters
    ----------
    text : str
        ``key=value``, ``key=value unit`` or ``key=[v1, v2] unit``; a key without a dot is a configuration field.
    profile_format : ProfileFormat
        Names and forms of the values.

    Raises
    ------
    DocumentError
        If the text has another form, or the key is unknown.
    """
    name, equals, content = (part.strip() for part in text.partition("="))
    if not equals or not name or not content:
        raise DocumentError("expected key=value, or key=value unit", file=OVERRIDE, key=text[:80])
    part = "parameters" if "." in name else "config"
    amount = _AMOUNT.fullmatch(content) if part == "parameters" else None
    try:
        value: Any = parse_yaml(amount[1] if amount else content, OVERRIDE).data
    except DocumentError as error:
        raise DocumentError(error.message, file=OVERRIDE, key=name) from error
    if amount and amount[2]:
        value = {"value": value, "unit": amount[2]}
    document = Document(OVERRIDE, {part: {name: value}})
    if errors := faults(document, {"properties": {part: profile_format.form["properties"][part]}}):
        raise DocumentError(errors[0].message, file=OVERRIDE, key=errors[0].key.removeprefix(f"{part}."))
    return Setting(value, document, (part, name))
