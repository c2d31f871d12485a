"""The JSON Schema of a budget document. Plain dicts, no jax."""

from __future__ import annotations

from typing import Any

from dluxshera.error_budget.discovery import perturbation_kinds
from dluxshera.error_budget.exclusion import exclusions_schema
from dluxshera.error_budget.schema_columns import (
    VERSION,
    overrides_column,
    profile_column,
    requirement_schema,
    row_columns,
    schema_head,
)
from dluxshera.error_budget.schema_parts import (
    KEYS,
    choice_schema,
    identifier_schema,
    list_schema,
    record_schema,
    text_schema,
)


def _perturbation() -> dict[str, Any]:
    """Return the schema of a perturbation, assembled from the schemas of the kinds."""
    kinds = {name: kind.schema() for name, kind in perturbation_kinds().items()}
    for name, schema in kinds.items():
        schema["required"] = ["kind", *schema["required"]]
        schema["properties"] = {"kind": {"const": name}, **schema["properties"]}
    return {
        "type": "object",
        "description": "Mechanism of the perturbation, as the computation needs it.",
        "required": ["kind"],
        "properties": {"kind": choice_schema("Kind of perturbation.", list(kinds))},
        "allOf": [
            {"if": {"properties": {"kind": {"const": name}}, "required": ["kind"]}, "then": schema}
            for name, schema in kinds.items()
        ],
    }


def budget_schema() -> dict[str, Any]:
    """Return the JSON Schema of a budget document."""
    reference = record_schema(
        "Point at which the budget is evaluated.",
        {"text": text_schema("Reason for the choice."), **profile_column()},
        overrides_column(),
    )
    estimator = record_schema(
        "A way to fit the image.",
        {
            "id": identifier_schema("Stable identifier: pages and reviews link to it."),
            "title": text_schema("Short name."),
            "free": {**KEYS, "description": "Fitted parameters: keys of the inference spec."},
        },
        {"note": text_schema("Assumptions.")},
    )
    row = row_columns()
    optional = {name: row.pop(name) for name in ("group", "allocation", "owner", "verification")}
    content = {
        "schema_version": VERSION,
        "id": identifier_schema("Identifier of the budget."),
        "title": text_schema("Title."),
        "requirement": requirement_schema(),
        "reference": reference,
        "estimators": list_schema("Ways to fit the image.", estimator, minItems=1),
        "terms": list_schema(
            "Rows.", record_schema("A row.", {**row, "perturbation": _perturbation()}, optional), minItems=1
        ),
    }
    return schema_head("budget", "Error budget") | record_schema(
        "The terms of an error budget and their magnitudes. Their effects on the answer are computed.",
        content,
        {"exclusions": exclusions_schema()},
    )
