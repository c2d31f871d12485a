"""The JSON Schema of a budget document. Plain dicts, no jax."""

from __future__ import annotations

from typing import Any, Final

from dluxshera.error_budget.discovery import perturbation_kinds
from dluxshera.error_budget.exclusion import exclusions_schema
from dluxshera.error_budget.schema_columns import (
    BUDGET_VERSION,
    overrides_column,
    profile_column,
    requirement_schema,
    row_columns,
    schema_head,
    unit_schema,
    version_schema,
)
from dluxshera.error_budget.schema_parts import (
    KEYS,
    choice_schema,
    identifier_schema,
    list_schema,
    mapping_schema,
    nullable,
    quantity_schema,
    record_schema,
    text_schema,
)

DISTRIBUTIONS: Final = ["standard deviation", "multiple", "uniform", "triangular", "arcsine", "bound"]
ROLES: Final = ["knowledge", "stability", "control"]
MATURITIES: Final = ["concept", "analysed", "demonstrated", "measured"]
METHODS: Final = ["test", "analysis", "inspection", "demonstration"]
TIME_SCALES: Final = ["frame", "1 s", "30 s", "visit", "visit difference"]
UNKNOWN: Final = "unknown"


def budget_schema() -> dict[str, Any]:
    """Return the JSON Schema of a budget document."""
    terms = list_schema("Rows; with `extends`, the added rows.", _term(), minItems=1)
    content = {
        "schema_version": version_schema(BUDGET_VERSION),
        "id": identifier_schema("Identifier of the budget."),
        "title": text_schema("Title."),
    }
    optional = {
        "extends": text_schema(
            "Budget that this one changes: its parts hold where this document has none.",
            **{"x-form": "a packaged budget such as reference, or the relative path of a .yaml, .yml or .json file"},
        ),
        "source": text_schema("Publication that the budget was taken from."),
        "licence": text_schema("Licence of the source, with its copyright."),
        "requirement": requirement_schema(),
        "reference": record_schema(
            "Point at which the budget is evaluated; none for a budget without a model.",
            {"text": text_schema("Reason for the choice."), **profile_column()},
            overrides_column(),
        ),
        "estimators": list_schema("Ways to fit the image.", _estimator(), minItems=1),
        "baseline": identifier_schema("Identifier of the estimator that is judged; by default the first."),
        "cases": list_schema("Other targets, time scales, estimators or magnitudes of the same rows.", _case()),
        "correlations": list_schema("Correlations between the errors of rows that have no common cause.", _pair()),
        "terms": terms,
        "exclusions": exclusions_schema(),
        "remove": list_schema(
            "Identifiers of rows that `extends` has and this budget has not.",
            identifier_schema("Identifier of a row."),
            uniqueItems=True,
        ),
        "change": mapping_schema("Row identifier to the fields that differ from those in `extends`.", _changes()),
    }
    return {
        **schema_head("budget", "Error budget", BUDGET_VERSION),
        **record_schema(
            "The terms of an error budget and their magnitudes. Their effects on the answer are computed.",
            content,
            optional,
        ),
        "allOf": [
            {
                "if": {"not": {"required": ["extends"]}},
                "then": {
                    "description": "A budget that extends no other has all of its parts.",
                    "required": ["requirement", "terms"],
                },
            }
        ],
    }


def _term() -> dict[str, Any]:
    columns = term_columns()
    required = ("id", "name", "parent", "acts", "perturbation", "evidence", "class", "rule", "status", "since")
    return record_schema(
        "A row.",
        {name: columns[name] for name in required},
        {name: column for name, column in columns.items() if name not in required},
    )


def _changes() -> dict[str, Any]:
    columns = {name: column for name, column in term_columns().items() if name != "id"}
    return {**record_schema("Fields of the row.", {}, columns), "minProperties": 1}


def term_columns() -> dict[str, Any]:
    """Return the columns of a term in a document."""
    allocation = quantity_schema(
        "Largest error that the budget grants, in a unit that converts to the requirement's.", exclusiveMinimum=0
    )
    allocation["properties"]["source"] = text_schema("Source of the allocation.")
    return {
        **row_columns(),
        "perturbation": _perturbation(),
        "magnitude": nullable(magnitude_schema()),
        "allocation": nullable(allocation),
        "role": choice_schema("Error of the knowledge of a parameter, of its stability, or of its control.", ROLES),
        "cause": {
            "type": ["string", "null"],
            "minLength": 1,
            "description": "Common cause: the errors of the rows that have it add with their signs.",
        },
        "maturity": choice_schema("Maturity of the estimate.", MATURITIES),
        "factor": {
            "type": "number",
            "minimum": 1,
            "description": "Model-uncertainty factor, which multiplies the estimate before it is compared.",
        },
        "note": text_schema("Reason of the last change, or a remark."),
        "verification": {
            **record_schema(
                "Verification of the row.",
                {},
                {
                    "method": choice_schema("Method.", METHODS),
                    "phase": text_schema("Phase of the project."),
                    "evidence": text_schema("Document, or test of this package, with the evidence."),
                    "result": text_schema("Result."),
                    "text": text_schema("Description."),
                },
            ),
            "minProperties": 1,
        },
        "time": {"type": "object", "description": "Behaviour in time.", "minProperties": 1},
    }


def magnitude_schema() -> dict[str, Any]:
    """Return the schema of a magnitude as its source states it."""
    return record_schema(
        "Size of the perturbation, as its source states it; null where the reference point fixes it, or while it is to"
        " be determined.",
        {"value": {"type": "number", "description": "Number, in the unit beside it."}, "unit": unit_schema()},
        {
            "as": choice_schema(
                "Meaning of the number: a standard deviation (by default), a multiple of it, the half-width of a"
                " distribution, or a bound, which is taken as the half-width of a uniform distribution.",
                DISTRIBUTIONS,
            ),
            "coverage": {
                "type": "number",
                "exclusiveMinimum": 0,
                "description": "Number of standard deviations in a multiple.",
            },
            "degrees_of_freedom": {
                "type": "number",
                "exclusiveMinimum": 0,
                "description": "Degrees of freedom of the standard deviation; by default it is exact.",
            },
        },
    )


def _estimator() -> dict[str, Any]:
    return record_schema(
        "A way to fit the image.",
        {
            "id": identifier_schema("Stable identifier: pages and reviews link to it."),
            "title": text_schema("Short name."),
            "free": {**KEYS, "description": "Fitted parameters: keys of the inference spec."},
        },
        {"note": text_schema("Assumptions.")},
    )


def _case() -> dict[str, Any]:
    row = {name: term_columns()[name] for name in ("magnitude", "allocation", "perturbation")}
    return record_schema(
        "A case of the budget.",
        {"id": identifier_schema("Stable identifier."), "title": text_schema("Short name.")},
        {
            "reference": record_schema(
                "Reference point of the case.",
                profile_column(),
                {**overrides_column(), "text": text_schema("Reason for the choice.")},
            ),
            "estimator": identifier_schema("Identifier of the estimator that is judged."),
            "time": choice_schema("Time scale.", TIME_SCALES),
            "requirement": record_schema(
                "Limit of the case.",
                {
                    "value": {"type": "number", "exclusiveMinimum": 0, "description": "Largest 1-sigma error."},
                    "unit": unit_schema(),
                },
            ),
            "terms": mapping_schema(
                "Row identifier to its fields in this case.",
                {**record_schema("Fields of the row in this case.", {}, row), "minProperties": 1},
            ),
            "note": text_schema("Remark."),
        },
    )


def _pair() -> dict[str, Any]:
    return record_schema(
        "Correlation of two rows.",
        {
            "between": list_schema(
                "Identifiers of the two rows.", identifier_schema("Identifier of a row."), minItems=2, maxItems=2
            ),
            "r": {
                "type": ["number", "string"],
                "minimum": -1,
                "maximum": 1,
                "pattern": f"^{UNKNOWN}$",
                "x-form": f"a number from -1 to 1, or {UNKNOWN}",
                "description": f"Correlation coefficient of the two perturbations, or `{UNKNOWN}`: the total is then"
                " computed without it, with its bound beside it.",
            },
        },
        {"source": text_schema("Source of the coefficient.")},
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
