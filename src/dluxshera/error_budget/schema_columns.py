"""Columns that the schemas of a budget document and of its report share. Plain dicts, no jax."""

from __future__ import annotations

from typing import Any, Final

from dluxshera.documents import DIALECT
from dluxshera.error_budget.schema_parts import (
    choice_schema,
    identifier_schema,
    list_schema,
    nullable,
    quantity_schema,
    record_schema,
    text_schema,
)

BUDGET_VERSION: Final = "0.2.0"
REPORT_VERSION: Final = "0.2.0"

TO_BE_DETERMINED: Final = "to be determined"
EVIDENCE_TAGS: Final = ["sourced", "derived", "computed", "illustrative", TO_BE_DETERMINED]
TERM_STATUSES: Final = ["draft", "agreed", "informative", TO_BE_DETERMINED]
REQUIREMENT_STATUSES: Final = ["illustrative", "draft", "agreed"]
TERM_CLASSES: Final = ["random", "static", "drift"]
RULES: Final = ["rss", "linear", "informative", "separate"]

NUMBER: Final = {"type": "number"}
DIGEST: Final = text_schema("SHA-256 of the content, in hexadecimal after `sha256:`.")


def version_schema(version: str) -> dict[str, Any]:
    """Return the schema of the version that a document states."""
    return {"const": version, "description": "Version of this schema."}


def schema_head(name: str, title: str, version: str) -> dict[str, Any]:
    """Return the keywords at the head of the schema of a budget document, of its report or of a table."""
    return {
        "$schema": DIALECT,
        "$id": f"urn:dluxshera:schema:error_budget.{name}:{version}",
        "title": title,
        "x-version": version,
    }


def evidence_schema() -> dict[str, Any]:
    """Return the schema of the evidence for a magnitude."""
    return record_schema(
        "Evidence for the magnitude.",
        {"tag": choice_schema("Kind of evidence.", EVIDENCE_TAGS), "source": text_schema("Citation, or method.")},
    )


def row_columns() -> dict[str, Any]:
    """Return the columns of a term that the document and the report share."""
    return {
        "id": identifier_schema("Stable identifier: pages and reviews link to it."),
        "name": text_schema("Short name."),
        "parent": identifier_schema("Identifier of the requirement or of another term."),
        "acts": text_schema("Mechanism of the perturbation, in prose."),
        "magnitude": nullable(
            quantity_schema("1-sigma size of the perturbation; null where the reference point fixes it.")
        ),
        "evidence": evidence_schema(),
        "class": choice_schema(
            "Random falls with time, static cancels between visits, drift does neither.", TERM_CLASSES
        ),
        "rule": choice_schema(
            "Rule of combination: in quadrature (rss), with its sign apart from the others (linear), or not added,"
            " because another row has the same error (informative) or the budget tracks it only (separate).",
            RULES,
        ),
        "allocation": nullable(
            quantity_schema("Largest error that the budget grants, in the requirement's unit.", exclusiveMinimum=0)
        ),
        "owner": {"type": ["string", "null"], "minLength": 1, "description": "Responsible role."},
        "status": choice_schema("Status of the row.", TERM_STATUSES),
        "since": text_schema("Version of the budget that introduced the row."),
    }


def requirement_schema() -> dict[str, Any]:
    """Return the schema of the requirement."""
    return record_schema(
        "Root of the budget.",
        {
            "id": identifier_schema("Identifier of the requirement."),
            "text": text_schema("Wording of the requirement."),
            "value": {"type": "number", "exclusiveMinimum": 0, "description": "Largest 1-sigma error, in `unit`."},
            "unit": unit_schema(),
            "status": choice_schema("Status of the value.", REQUIREMENT_STATUSES),
            "answer": text_schema(
                "Quantity whose error is budgeted: a fitted parameter, by its key in the inference spec, or in a budget"
                " without a model the name of any quantity."
            ),
        },
        {"source": text_schema("Source of the value.")},
    )


def unit_schema() -> dict[str, Any]:
    """Return the schema of a unit."""
    return {"type": "string", "maxLength": 40, "description": "VOUnit string; empty for a pure number."}


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
