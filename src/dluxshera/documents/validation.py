"""Validation of documents by JSON Schemas: each fault with its place, the accepted values, and near matches."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice
from typing import Any, Final

from dluxshera.documents.document import Document, Where
from dluxshera.errors import DocumentError

MAX_FAULTS: Final = 100  # reported of one document

_SIGNS: Final = {"minimum": ">=", "maximum": "<=", "exclusiveMinimum": ">", "exclusiveMaximum": "<"}
_SIZES: Final = {"minItems": "at least {} items", "maxItems": "at most {} items", "multipleOf": "a multiple of {}",
                 "minLength": "at least {} characters", "maxLength": "at most {} characters",
                 "minProperties": "at least {} names", "maxProperties": "at most {} names"}  # fmt: skip

_ANCHOR: Final = re.compile(r"\\.|\[(?:\\.|[^\]\\])*\]|\$", re.DOTALL)  # an escape, a class, or the end of the text

_LIMITS: Final = frozenset(
    (
        *(
            "minimum",
            "maximum",
            "exclusiveMinimum",
            "exclusiveMaximum",
            "multipleOf",
            "enum",
            "if",
            "then",
            "x-at-least",
            "x-below",
        ),
        *("minLength", "maxLength", "minItems", "maxItems", "uniqueItems"),
    )
)


def validate(document: Document, schema: dict[str, Any]) -> None:
    """Check a document against a schema.

    Parameters
    ----------
    document : Document
        Document to check, as `read_document` returns it.
    schema : dict
        JSON Schema 2020-12.

    Raises
    ------
    DocumentError
        For the first fault in the file; the others are its notes.
    """
    raise_all(faults(document, schema))


def raise_all(errors: Iterable[DocumentError]) -> None:
    """Raise the first of several errors, in the order of file and place, with the others as its notes.

    Raises
    ------
    DocumentError
        If there is an error.
    """
    ordered = sorted(errors, key=lambda error: (error.file, error.line or 0, error.column or 0))
    if not ordered:
        return
    first, *others = ordered
    for text in dict.fromkeys(map(str, others)):
        if text != str(first):
            first.add_note(text)
    raise first


def faults(document: Document, schema: dict[str, Any]) -> list[DocumentError]:
    """Return the faults of a document by a schema, at most `MAX_FAULTS` of them.

    Besides the keywords of JSON Schema 2020-12, ``readOnly: true`` accepts no value, and ``x-at-least: {a: b}`` accepts
    a number under the name a only if it is at least the number under b (or the default of b). ``x-below`` has a
    multiple of another number as the upper limit, where the document has both.

    Parameters
    ----------
    document : Document
        Document to check.
    schema : dict
        JSON Schema.
    """
    errors = list(islice(_all_faults(document, schema), MAX_FAULTS + 1))
    if len(errors) > MAX_FAULTS:
        line, column = errors[-2].line, errors[-2].column
        text = f"has more than {MAX_FAULTS} faults; the others are not shown"
        errors[MAX_FAULTS] = DocumentError(text, file=document.file, line=line, column=column)
    return errors


def without_limits(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema without limits on values: types, names and patterns remain, at every depth.

    For values whose meaning a check in Python judges, so that no value is judged by two sets of limits.
    """
    form: dict[str, Any] = {}
    for keyword, value in schema.items():
        if keyword == "properties":
            form[keyword] = {name: without_limits(part) for name, part in value.items()}
        elif keyword == "items":
            form[keyword] = without_limits(value)
        elif keyword not in _LIMITS:
            form[keyword] = value
    return form


def matches(pattern: str, text: str) -> bool:
    r"""Return whether a text has a match of a pattern, by the rules of ECMA-262, which are those of JSON Schema.

    There ``$`` matches at the end only, and in Python's syntax also before a final newline; ``\d``, ``\w`` and ``\b``
    know ASCII alone.

    Parameters
    ----------
    pattern : str
        Regular expression of ECMA-262, of the subset that Python's syntax shares.
    text : str
        Text to search.
    """
    return _ecma(pattern).search(text) is not None


@lru_cache(maxsize=256)
def _ecma(pattern: str) -> re.Pattern[str]:
    return re.compile(_ANCHOR.sub(lambda part: r"\Z" if part[0] == "$" else part[0], pattern), re.ASCII)


def _all_faults(document: Document, schema: dict[str, Any]) -> Iterator[DocumentError]:
    for error in _validator()(schema).iter_errors(document.data):
        yield from _faults(document, error)


@lru_cache(maxsize=1)
def _validator() -> Any:
    from jsonschema import Draft202012Validator, ValidationError  # slow to import
    from jsonschema.validators import extend

    def read_only(validator: Any, flag: Any, instance: Any, schema: Any) -> Iterator[Any]:
        if flag is True:
            yield ValidationError("is read-only")

    def pattern(validator: Any, expression: str, instance: Any, schema: Any) -> Iterator[Any]:
        if validator.is_type(instance, "string") and not matches(expression, instance):
            yield ValidationError(f"{instance!r} does not match {expression!r}")

    def pattern_properties(validator: Any, patterns: dict[str, Any], instance: Any, schema: Any) -> Iterator[Any]:
        if validator.is_type(instance, "object"):
            for expression, part in patterns.items():
                for name in [name for name in instance if matches(expression, name)]:
                    yield from validator.descend(instance[name], part, path=name, schema_path=expression)

    def at_least(validator: Any, pairs: Any, instance: Any, schema: Any) -> Iterator[Any]:
        if not validator.is_type(instance, "object"):
            return
        for name, least in pairs.items():
            number = instance.get(name)
            limit = instance.get(least, schema.get("properties", {}).get(least, {}).get("default"))
            if validator.is_type(number, "number") and validator.is_type(limit, "number") and number < limit:
                yield ValidationError("is too small", path=[name], instance=number, validator_value=(least, limit))

    def below(validator: Any, limits: Any, instance: Any, schema: Any) -> Iterator[Any]:
        if not validator.is_type(instance, "object"):
            return
        for name, limit in limits.items():
            number, other = instance.get(name), instance.get(limit["key"])
            if not (validator.is_type(number, "number") and validator.is_type(other, "number")):
                continue
            most = limit["times"] * other
            if not (number < most or (limit["inclusive"] and number == most)):
                yield ValidationError("is too large", path=[name], instance=number, validator_value=(limit, most))

    own = {"readOnly": read_only, "x-at-least": at_least, "x-below": below}
    return extend(Draft202012Validator, {**own, "pattern": pattern, "patternProperties": pattern_properties})


def _faults(document: Document, error: Any) -> Iterator[DocumentError]:
    where: Where = tuple(error.absolute_path)
    schema, rule, limit, got = error.schema, error.validator, error.validator_value, error.instance
    form = schema.get("x-form", "") if isinstance(schema, dict) else ""
    unit = f" {schema['x-unit']}" if isinstance(schema, dict) and schema.get("x-unit") else ""
    if rule == "additionalProperties" and isinstance(got, dict):
        names = [key for key, part in schema.get("properties", {}).items() if "not" not in part]
        few = ", ".join(names[:12]) + (f", ... ({len(names)} in all)" if len(names) > 12 else "")
        patterns = schema.get("patternProperties", {})
        for name in got:
            if name not in schema.get("properties", {}) and not any(matches(pattern, name) for pattern in patterns):
                yield document.error(
                    (*where, name), "unknown name", allowed=few, got=name, candidates=names, at_key=True
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
        yield document.error(where, "an item is repeated", allowed="different items", got=got)
    elif rule in ("readOnly", "not"):
        yield document.error(where, "is not set here", allowed=form or "no value", at_key=True)
    elif rule == "x-below":
        names, most = limit
        sign = "<=" if names["inclusive"] else "<"
        multiple = names["key"] if names["times"] == 1 else f"{names['times']:g} {names['key']}"
        yield document.error(where, "out of range", allowed=f"{sign} {multiple} = {most:.12g}", got=got)
    elif rule == "x-at-least":
        yield document.error(where, "out of range", allowed=f">= {limit[0]} = {limit[1]}", got=got)
    else:
        yield document.error(where, f"does not satisfy {rule}", allowed=form, got=got)
