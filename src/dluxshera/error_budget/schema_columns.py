"""Columns that the schemas of a budget document and of its report share. Plain dicts, no jax."""

from __future__ import annotations

from typing import Any, Final

from dluxshera.documents import DIALECT, SCHEMA_VERSION
from dluxshera.error_budget.schema_parts import (
    KEY,
    choice_schema,
    identifier_schema,
    list_schema,
    nullable,
    quantity_schema,
    record_schema,
    text_schema,
)

EVIDENCE_TAGS: Final = ["sourced", "derived", "computed", "illustrative", "to be determined"]
TERM_STATUSES: Final = ["draft", "agreed", "informative", "to be determined"]
REQUIREMENT_STATUSES: Final = ["illustrative", "draft", "agreed"]
TERM_CLASSES: Final = ["random", "static", "drift"]
RULES: Final = ["rss", "group", "linear", "informative"]

VERSION: Final = {"const": SCHEMA_VERSION, "description": "Version of this schema."}
NUMBER: Final = {"type": "number"}
HASH: Final = text_schema("SHA-256 of the content, in hexadecimal after `sha256:`.")


def schema_head(name: str, title: str) -> dict[str, Any]:
    """Return the keywords at the head of the schema of a budget document or of its report."""
    return {
        "$schema": DIALECT,
        "$id": f"urn:dluxshera:schema:error_budget.{name}:{SCHEMA_VERSION}",
        "title": title,
        "x-version": SCHEMA_VERSION,
    }


def row_columns() -> dict[str, Any]:
    """Return the columns of a term that the document and the report share."""
    evidence = record_schema(
        "Evidence for the magnitude.",
        {"tag": choice_schema("Kind of evidence.", EVIDENCE_TAGS), "source": text_schema("Citation, or method.")},
    )
    return {
        "id": identifier_schema("Stable identifier: pages and reviews link to it."),
        "name": text_schema("Short name."),
        "parent": identifier_schema("Identifier of the requirement or of another term."),
        "acts": text_schema("Mechanism of the perturbation, in prose."),
        "magnitude": nullable(
            quantity_schema("1-sigma size of the perturbation; null where the reference point fixes it.")
        ),
        "evidence": evidence,
        "class": choice_schema(
            "Random falls with time, static cancels between visits, drift does neither.", TERM_CLASSES
        ),
        "group": {"type": ["string", "null"], "minLength": 1, "description": "Correlation group."},
        "rule": choice_schema("Rule of combination; an informative row is left out of every sum.", RULES),
        "allocation": nullable(
            quantity_schema("Largest error that the budget grants, in the requirement's unit.", exclusiveMinimum=0)
        ),
        "owner": {"type": ["string", "null"], "minLength": 1, "description": "Responsible role."},
        "status": choice_schema("Status of the row.", TERM_STATUSES),
        "since": text_schema("Version of the budget that introduced the row."),
        "verification": text_schema("Method of verification."),
    }


def requirement_schema() -> dict[str, Any]:
    """Return the schema of the requirement."""
    return record_schema(
        "Root of the budget.",
        {
            "id": identifier_schema("Identifier of the requirement."),
            "text": text_schema("Wording of the requirement."),
            "value": {"type": "number", "exclusiveMinimum": 0, "description": "Largest 1-sigma error, in `unit`."},
            "unit": text_schema("VOUnit string."),
            "status": choice_schema("Status of the value.", REQUIREMENT_STATUSES),
            "answer": {**KEY, "description": "Fitted parameter whose error is budgeted: a key of the inference spec."},
        },
    )


def profile_column() -> dict[str, Any]:
    """Return the profile of the reference point."""
    return {
        "profile": text_schema(
            "Profile of the reference point.",
            **{"x-form": "a packaged profile such as observation/flight_alpha_cen, or the relative path of a file"},
        ),
    }


def overrides_column() -> dict[str, Any]:
    """Return the overrides of the reference point's profile."""
    override = text_schema(
        "A key, a value and, if it is not the key's own, a unit.", **{"x-form": "key=value or key=value unit"}
    )
    return {"overrides": list_schema("Values that differ from the profile's, applied in this order.", override)}
