"""The record of a run, ``run.json``: its schema, and reading with the place of each fault."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from dluxshera.documents import json_text, parse_json, read_text, validate
from dluxshera.errors import DocumentError, ParameterError
from dluxshera.files import is_plain_name
from dluxshera.inference import FitResult

FORMAT: Final = "dluxshera.run/1"
ARRAYS: Final = "arrays.npz"
RESTORE: Final = "repeat the run, or restore the folder from a copy"
MAX_RECORD_BYTES: Final = 10_000_000

_SURROGATE: Final = re.compile("[\ud800-\udfff]")  # in names of files with bytes that are no text
_OTHER: Final = "has the format"
_TEXT: Final = {"type": "string", "maxLength": 100_000}
_TEXTS: Final = {"type": "array", "items": _TEXT}
_NAMES: Final = {"type": "object", "additionalProperties": _TEXT}
_HASH: Final = {"type": "string", "pattern": "^[0-9a-f]{64}$", "maxLength": 64, "x-form": "a SHA-256"}
_HASHES: Final = {"type": "object", "additionalProperties": _HASH}
_LABEL: Final = {
    "type": "string",
    "minLength": 1,
    "maxLength": 500,
    "not": {"enum": ["folder", "fault", "result", "steps", "loss", "seed", "misfit", "misfit sigmas"]},
    "x-form": "the label of a parameter, which is no column of a table of runs",
}
_FIELD: Final = {
    "type": "array",
    "prefixItems": [_TEXT, _TEXT, _TEXT, {"type": "array", "items": {"type": "integer"}}, _TEXTS, _TEXT],
    "minItems": 7,
    "maxItems": 7,
}

RUN_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "required": [
        *("format", "created", "command", "versions", "result", "labels", "at_bound", "spec", "diagnostics"),
        *("provenance", "files"),
    ],
    "properties": {
        "format": {"const": FORMAT},
        "created": _TEXT,
        "command": {"type": "string"},
        "versions": _NAMES,
        "result": {"enum": [result.name for result in FitResult]},
        "steps": {"type": "integer", "minimum": 0},
        "labels": {"type": "array", "items": _LABEL},
        "at_bound": _TEXTS,
        "spec": {
            "type": "object",
            "required": ["title", "digest", "fields", "allow_derived", "overrides"],
            "properties": {
                "title": _TEXT,
                "digest": _TEXT,
                "fields": {"type": "object", "additionalProperties": _FIELD},
                "allow_derived": {"type": "array", "items": {"type": "boolean"}, "minItems": 1, "maxItems": 100_000},
                "overrides": {"type": "array", "items": _TEXTS},
            },
        },
        "diagnostics": {
            "type": "object",
            "additionalProperties": {
                "type": ["number", "string", "boolean", "null", "object"],
                "required": ["float"],
                "properties": {"float": {"enum": ["nan", "inf", "-inf"]}},
            },
        },
        "provenance": {
            "type": "object",
            "properties": {
                "design": _TEXT,
                "config_hash": _TEXT,
                "plate_scale_as_per_pix": {"type": "number", "exclusiveMinimum": 0, "maximum": 1e6},
                "tolerance": {"type": ["number", "string"], "pattern": r"^[0-9]*\.?[0-9]+([eE][-+]?[0-9]{1,3})?$"},
            },
        },
        "problem": _NAMES,
        "files": {"required": [ARRAYS], **_HASHES},
        "stored_as": _NAMES,
        "superseded": _HASHES,
    },
}


def read_record(path: Path) -> dict[str, Any]:
    """Read the record of a run.

    Parameters
    ----------
    path : Path
        File of the record.

    Raises
    ------
    DocumentError
        If the file cannot be read, is no record of this format, or has a fault; with file, line, column and remedy.
    """
    return _parsed(read_text(path, MAX_RECORD_BYTES), path)


def record_text(record: dict[str, Any]) -> str:
    """Return the text of a record, after a check that it can be read again.

    Raises
    ------
    ParameterError
        If a part of it is no plain data, or a reader would not take it.
    """
    try:
        text = _SURROGATE.sub(lambda match: rf"\\u{ord(match[0]):04x}", json_text(record))
        _parsed(text, Path("run.json"))
        if len(text) > MAX_RECORD_BYTES:
            raise ValueError(f"more than {MAX_RECORD_BYTES / 1e6:.0f} MB")
    except (TypeError, ValueError, RecursionError) as error:
        raise ParameterError("provenance", expected=f"plain data of finite numbers ({error})") from error
    return text


def _parsed(text: str, path: Path) -> dict[str, Any]:
    try:
        document = parse_json(text, str(path))
        data = document.data
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            other = data.get("format") if isinstance(data, dict) else data
            raise DocumentError(
                f"{_OTHER} {other!r:.80}, not {FORMAT}; read it with the version that wrote it", file=path
            )
        validate(document, RUN_SCHEMA)
        for part in ("files", "stored_as", "superseded"):
            for name, value in data.get(part, {}).items():
                if not is_plain_name(value if part == "stored_as" else name):
                    raise document.error(
                        (part, name), "not the name of a file in the folder", at_key=part != "stored_as"
                    )
    except DocumentError as error:
        if error.message.startswith(_OTHER):
            raise
        raise _with_remedy(error) from error
    return data


def _with_remedy(error: DocumentError) -> DocumentError:
    copy = DocumentError(
        f"{error.message}; {RESTORE}",
        file=error.file, line=error.line, column=error.column, key=error.key, where=error.where,
    )  # fmt: skip
    for note in getattr(error, "__notes__", ()):
        copy.add_note(note)
    return copy
