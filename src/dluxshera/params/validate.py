"""Documents against JSON Schemas: each fault with its place, what is allowed, what came, and what may be meant."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from dluxshera.errors import DocumentError
from dluxshera.params.documents import Document, Where

_SIGNS: Final = {"minimum": ">=", "maximum": "<=", "exclusiveMinimum": ">", "exclusiveMaximum": "<"}


def validate(document: Document, schema: dict[str, Any]) -> None:
    """Check a document against a schema.

    Parameters
    ----------
    document : Document
        As `read_yaml` gives it.
    schema : dict
        A JSON Schema 2020-12.

    Raises
    ------
    DocumentError
        For the first fault in the file; the others are its notes.
    """
    from jsonschema import Draft202012Validator  # slow to import

    faults = [
        fault for error in Draft202012Validator(schema).iter_errors(document.data) for fault in _faults(document, error)
    ]
    if not faults:
        return
    first, *others = sorted(faults, key=lambda fault: (fault.line or 0, fault.column or 0))
    for other in dict.fromkeys(map(str, others)):
        first.add_note(other)
    raise first


def _faults(document: Document, error: Any) -> Iterator[DocumentError]:
    where: Where = tuple(error.absolute_path)
    schema, rule, limit, got = error.schema, error.validator, error.validator_value, error.instance
    if rule == "additionalProperties" and isinstance(got, dict):
        known = list(schema.get("properties", {}))
        patterns = schema.get("patternProperties", {})
        for name in got:
            if name not in known and not any(re.search(pattern, name) for pattern in patterns):
                yield document.error(
                    (*where, name), "unknown name", allowed=", ".join(known), got=name, known=known, at_key=True
                )
    elif rule == "required":
        for name in limit:
            if name not in got and repr(name) in error.message:  # one error for each missing name
                yield document.error(where, f"{name} is missing", at_key=True)
    elif rule in ("enum", "const"):
        options = limit if rule == "enum" else [limit]
        names = [str(option) for option in options]
        yield document.error(where, "not an allowed value", allowed=", ".join(names), got=got, known=names)
    elif rule == "type":
        kinds = [limit] if isinstance(limit, str) else limit
        yield document.error(where, "wrong type", allowed=" or ".join(kinds), got=got)
    elif rule in _SIGNS:
        yield document.error(where, "out of range", allowed=f"{_SIGNS[rule]} {limit}", got=got)
    elif rule == "pattern":
        yield document.error(where, "not of the right form", allowed=schema.get("x-form", limit), got=got)
    else:
        yield document.error(where, error.message)
