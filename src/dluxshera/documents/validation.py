"""Documents against JSON Schemas: each fault with its place, what is allowed, what came, and what may be meant."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice
from typing import Any, Final

from dluxshera.documents.document import Document, Where
from dluxshera.errors import DocumentError

MAX_FAULTS: Final = 100  # that one document is told of

_SIGNS: Final = {"minimum": ">=", "maximum": "<=", "exclusiveMinimum": ">", "exclusiveMaximum": "<"}
_SIZES: Final = {"minItems": "at least {} items", "maxItems": "at most {} items", "multipleOf": "a multiple of {}",
                 "minLength": "at least {} characters", "maxLength": "at most {} characters",
                 "minProperties": "at least {} names", "maxProperties": "at most {} names"}  # fmt: skip


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
    raise_all(faults(document, schema))


def raise_all(found: Iterable[DocumentError]) -> None:
    """Raise the first of some faults, in the order of file and place, with the others as its notes.

    Raises
    ------
    DocumentError
        If there is any.
    """
    ordered = sorted(found, key=lambda fault: (fault.file, fault.line or 0, fault.column or 0))
    if not ordered:
        return
    first, *others = ordered
    for other in dict.fromkeys(map(str, others)):
        if other != str(first):
            first.add_note(other)
    raise first


def faults(document: Document, schema: dict[str, Any]) -> list[DocumentError]:
    """Return the faults of a document by a schema, at most `MAX_FAULTS` of them.

    Besides the keywords of JSON Schema 2020-12, ``readOnly: true`` refuses a value, and ``x-at-least: {a: b}`` asks
    that the number under the name a is not below that under b (or the default of b).
    """
    found = list(islice(_all_faults(document, schema), MAX_FAULTS + 1))
    if len(found) > MAX_FAULTS:
        found[MAX_FAULTS] = DocumentError(f"has more than {MAX_FAULTS} faults; the others are not shown",
                                          file=document.file, line=found[-2].line, column=found[-2].column)  # fmt: skip
    return found


def _all_faults(document: Document, schema: dict[str, Any]) -> Iterator[DocumentError]:
    for error in _validator()(schema).iter_errors(document.data):
        yield from _faults(document, error)


@lru_cache(maxsize=1)
def _validator() -> Any:
    from jsonschema import Draft202012Validator, ValidationError  # slow to import
    from jsonschema.validators import extend

    def read_only(validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[Any]:
        if wanted is True:
            yield ValidationError("is read-only")

    def at_least(validator: Any, pairs: Any, instance: Any, schema: Any) -> Iterator[Any]:
        if not validator.is_type(instance, "object"):
            return
        for name, least in pairs.items():
            given = instance.get(name)
            limit = instance.get(least, schema.get("properties", {}).get(least, {}).get("default"))
            if validator.is_type(given, "number") and validator.is_type(limit, "number") and given < limit:
                yield ValidationError("is too small", path=[name], instance=given, validator_value=(least, limit))

    return extend(Draft202012Validator, {"readOnly": read_only, "x-at-least": at_least})


def _faults(document: Document, error: Any) -> Iterator[DocumentError]:
    where: Where = tuple(error.absolute_path)
    schema, rule, limit, got = error.schema, error.validator, error.validator_value, error.instance
    form = schema.get("x-form", "") if isinstance(schema, dict) else ""
    unit = f" {schema['x-unit']}" if isinstance(schema, dict) and schema.get("x-unit") else ""
    if rule == "additionalProperties" and isinstance(got, dict):
        known = [key for key, said in schema.get("properties", {}).items() if "not" not in said]
        few = ", ".join(known[:12]) + (f", ... ({len(known)} in all)" if len(known) > 12 else "")
        patterns = schema.get("patternProperties", {})
        for name in got:
            if name not in schema.get("properties", {}) and not any(re.search(pattern, name) for pattern in patterns):
                yield document.error(
                    (*where, name), "unknown name", allowed=few, got=name, candidates=known, at_key=True
                )
    elif rule == "required":
        for name in limit:
            if name not in got and repr(name) in error.message:  # one error for each missing name
                yield document.error(where, f"{name} is missing", at_key=True)
    elif rule in ("enum", "const"):
        options = limit if rule == "enum" else [limit]
        names = [str(option) for option in options]
        yield document.error(where, "not an allowed value", allowed=", ".join(names), got=got, candidates=names)
    elif rule == "type":
        kinds = [limit] if isinstance(limit, str) else limit
        yield document.error(where, "wrong type", allowed=form or " or ".join(kinds), got=got)
    elif rule in _SIGNS:
        yield document.error(where, "out of range", allowed=f"{_SIGNS[rule]} {limit}{unit}", got=got)
    elif rule == "pattern":
        yield document.error(where, "not of the right form", allowed=form or limit, got=got)
    elif rule in _SIZES:
        yield document.error(where, "of the wrong size", allowed=form or _SIZES[rule].format(limit), got=got)
    elif rule == "uniqueItems":
        yield document.error(where, "an item stands twice", allowed="different items", got=got)
    elif rule in ("readOnly", "not"):
        yield document.error(where, "is not set here", allowed=form or "no value", at_key=True)
    elif rule == "x-at-least":
        yield document.error(where, "out of range", allowed=f">= {limit[0]} = {limit[1]}", got=got)
    else:
        yield document.error(where, f"does not satisfy {rule}", allowed=form, got=got)
