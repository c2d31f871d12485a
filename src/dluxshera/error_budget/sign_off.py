"""Sign-offs: the role that approved each row of a report at which revision, and a fingerprint of the row. No jax.

A sign-off is a JSON file beside the budget document. It has the requirement and each term, with the hash of every field
that a review reads and the computed values, so that a later report tells which rows changed since.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from math import inf
from pathlib import Path
from typing import Any, Final

from dluxshera.documents import Document, read_document, validate
from dluxshera.error_budget.schema_columns import schema_head, version_schema
from dluxshera.error_budget.schema_parts import (
    identifier_schema,
    list_schema,
    mapping_schema,
    record_schema,
    text_schema,
)
from dluxshera.errors import DocumentError, ParameterError, UnknownKeyError

SIGN_OFF_VERSION: Final = "0.1.0"
TOLERANCE: Final = 0.01  # relative change of a computed value after which a signed row is suspect
SIGNED_FIELDS: Final = (
    "name", "text", "parent", "acts", "perturbation", "keys", "magnitude", "value", "unit", "answer", "evidence",
    "class", "group", "rule", "allocation", "verification", "verified", "role", "maturity", "factor", "cause",
)  # fmt: skip


def sign_off_schema() -> dict[str, Any]:
    """Return the JSON Schema of a sign-off."""
    number = {"type": "number"}
    row = record_schema(
        "Approval of one row.",
        {
            "role": text_schema("Role that approved the row."),
            "revision": text_schema("Revision at which it was approved."),
            "fingerprint": text_schema("SHA-256 of all that the row states and computes."),
            "tolerance": {"type": "number", "minimum": 0, "description": "Relative change after which it is suspect."},
            "fields": mapping_schema("Start of the hash of each field.", {"type": "string"}),
            "values": mapping_schema("Signed contribution, or total, by estimator id.", number),
        },
    )
    revision = record_schema(
        "Totals at one revision.",
        {
            "revision": text_schema("Name of the revision."),
            "role": text_schema("Role that approved it."),
            "budget_hash": text_schema("Hash of the budget document."),
            "totals": mapping_schema("Total by estimator id.", number),
            "margins": mapping_schema("Margin by estimator id.", number),
        },
    )
    content = {
        "schema_version": version_schema(SIGN_OFF_VERSION),
        "budget": identifier_schema("Identifier of the budget."),
        "unit": text_schema("Unit of all values, a VOUnit string."),
        "revisions": list_schema("Revisions, the oldest first.", revision),
        "rows": mapping_schema("Approvals by the id of the requirement or term.", row),
    }
    return schema_head("sign_off", "Sign-off of an error budget", SIGN_OFF_VERSION) | record_schema(
        "The approvals of the rows of an error budget.", content
    )


def signed(
    report: Mapping[str, Any],
    *,
    role: str,
    revision: str,
    ids: Iterable[str] | None = None,
    tolerance: float = TOLERANCE,
    before: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return a sign-off of rows of a report.

    Parameters
    ----------
    report : mapping
        Report, as `evaluate` returns it.
    role, revision : str
        Role that approves the rows, and name of the revision.
    ids : iterable of str, optional
        Ids of the rows; by default the requirement and all terms.
    tolerance : float
        Relative change of a computed value after which a row is suspect.
    before : mapping, optional
        Sign-off that is continued; its other rows stay, those that the report does not have are dropped.

    Returns
    -------
    dict
        The sign-off, as `sign_off_schema` describes it.

    Raises
    ------
    ParameterError
        If a text is empty, the tolerance is no number from 0, an id names no row, or `before` is of another budget.
    """
    for name, text in (("role", role), ("revision", revision)):
        if not text.strip():
            raise ParameterError(name, expected="a name", got=text)
    if not 0 <= tolerance < inf:
        raise ParameterError("tolerance", expected="a finite number from 0", got=tolerance)
    budget, rows = report["budget"], rows_of(report)
    if before is not None and before["budget"] != budget["id"]:
        raise ParameterError("budget", expected=f"a sign-off of {budget['id']}", got=before["budget"])
    chosen = list(rows) if ids is None else list(ids)
    for name in chosen:
        if name not in rows:
            raise UnknownKeyError(name, rows, expected="the requirement or a term of the report")
    new = {
        name: {
            "role": role,
            "revision": revision,
            "fingerprint": fingerprint(rows[name], row_values(report, name)),
            "tolerance": float(tolerance),
            "fields": field_hashes(rows[name]),
            "values": row_values(report, name),
        }
        for name in chosen
    }
    older = before or {"revisions": [], "rows": {}}
    rollup = report["rollup"]
    record = {
        "revision": revision,
        "role": role,
        "budget_hash": report["provenance"]["budget_hash"],
        "totals": {name: total["total"]["value"] for name, total in rollup.items()},
        "margins": {name: total["margin"]["value"] for name, total in rollup.items()},
    }
    return {
        "schema_version": SIGN_OFF_VERSION,
        "budget": budget["id"],
        "unit": budget["requirement"]["unit"],
        "revisions": [*(item for item in older["revisions"] if item["revision"] != revision), record],
        "rows": {name: new.get(name) or older["rows"][name] for name in rows if name in new or name in older["rows"]},
    }


def rows_of(report: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the requirement and the terms of a report by id."""
    requirement = report["budget"]["requirement"]
    return {requirement["id"]: requirement} | {term["id"]: term for term in report["terms"]}


def row_values(report: Mapping[str, Any], name: str) -> dict[str, float]:
    """Return the values of a row of a report by estimator id: bias or sigma of a term, total of the requirement."""
    if name == report["budget"]["requirement"]["id"]:
        return {estimator: total["total"]["value"] for estimator, total in report["rollup"].items()}
    term = next(term for term in report["terms"] if term["id"] == name)
    return {
        estimator: (result["bias"] or result["contribution"])["value"] for estimator, result in term["results"].items()
    }


def field_hashes(row: Mapping[str, Any]) -> dict[str, str]:
    """Return the start of the hash of each field of a row that a review reads; an empty field has none."""
    return {name: _hash(row[name])[:16] for name in SIGNED_FIELDS if row.get(name) is not None}


def fingerprint(row: Mapping[str, Any], values: Mapping[str, float]) -> str:
    """Return the hash of the fields and the values of a row."""
    return f"sha256:{_hash([field_hashes(row), dict(values)])}"


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def sign_off_file(document: Path) -> Path:
    """Return the file of the sign-off beside a budget document or a report."""
    return document.with_name(f"{document.stem}.sign-off.json")


def is_sign_off(document: Document) -> bool:
    """Return whether a document is a sign-off of any version.

    Parameters
    ----------
    document : Document
        Document, as `read_document` returns it.
    """
    return isinstance(document.data, dict) and {"revisions", "rows"} <= set(document.data)


def read_sign_off(path: Path) -> dict[str, Any]:
    """Read a sign-off.

    Raises
    ------
    DocumentError
        If the file cannot be read or is no sign-off, or if a row does not have its fingerprint.
    """
    document = read_document(path)
    validate(document, sign_off_schema())
    data: dict[str, Any] = document.data
    for name, row in data["rows"].items():
        if row["fingerprint"] != f"sha256:{_hash([row['fields'], row['values']])}":
            raise DocumentError(
                "the fingerprint is not that of the fields and values beside it; sign the row again",
                file=path,
                key=f"rows.{name}",
            )
    return data
