"""Parts of the schema of a report: completeness, deficits, cases, parameters and trace. Plain dicts, no jax."""

from __future__ import annotations

from typing import Any, Final

from dluxshera.error_budget.schema_columns import NUMBER
from dluxshera.error_budget.schema_parts import (
    KEY,
    choice_schema,
    identifier_schema,
    list_schema,
    mapping_schema,
    nullable,
    quantity_schema,
    record_schema,
    text_schema,
)
from dluxshera.error_budget.trace import FAULTS

_IDS: Final = {"type": "array", "items": {"type": "string"}}


def interval_facts() -> dict[str, Any]:
    """Return the schema of a coverage interval."""
    return record_schema(
        "Coverage interval of the error, in the unit of the requirement.",
        {
            "low": NUMBER,
            "high": NUMBER,
            "coverage": {**NUMBER, "description": "Coverage factor."},
            "degrees_of_freedom": {
                **nullable(NUMBER),
                "description": "Effective; null if infinite.",
            },
            "probability": NUMBER,
        },
    )


def completeness_facts() -> dict[str, Any]:
    """Return the schema of the completeness of a budget."""
    count = {"type": "integer", "minimum": 0}
    return record_schema(
        "Coverage of the parameters, and inputs that are not settled.",
        {
            "parameters": {**count, "description": "Number of parameters, without the answer."},
            "with_term": {**count, "description": "Number of parameters that drive a term."},
            "excluded": {**count, "description": "Number of parameters that are excluded with a reason."},
            "open": {**_IDS, "description": "Parameters with neither."},
            "illustrative": {**_IDS, "description": "Requirement and terms whose value is an illustration."},
            "undetermined": {**_IDS, "description": "Terms whose magnitude is to be determined."},
            "unverified": {**_IDS, "description": "Terms without a method of verification."},
        },
    )


def deficit_facts() -> dict[str, Any]:
    """Return the schema of an exceeded limit."""
    return record_schema(
        "An error larger than its limit.",
        {
            "id": identifier_schema("Requirement or term."),
            "kind": choice_schema("Error above its limit, or allocations above theirs.", ["error", "allocations"]),
            "estimator": {"type": ["string", "null"], "description": "Estimator; null for allocations."},
            "value": {**NUMBER, "description": "Excess over the limit, in the unit beside it."},
            "unit": {"type": "string", "description": "VOUnit string."},
        },
    )


def case_facts(computed: dict[str, Any], total: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a case."""
    return record_schema(
        "The same terms at another reference point, time scale or magnitude.",
        {
            "id": identifier_schema("Identifier of the case."),
            "title": text_schema("Title."),
            "reference": {"type": "object", "description": "Reference point, as in the budget."},
            "baseline": identifier_schema("Estimator that is judged."),
            "time": {"type": ["string", "null"], "description": "Time scale; null for that of the requirement."},
            "limit": {**computed, "description": "Largest error of the answer."},
            "rollup": mapping_schema("Totals by estimator id.", total),
            "contributions": mapping_schema(
                "Contributions by term id and estimator id.", mapping_schema("By estimator id.", computed)
            ),
        },
    )


def parameter_facts() -> dict[str, Any]:
    """Return the schema of a parameter."""
    derivative = "Derivative of the answer's bias by the parameter; of a list or a map the root sum of squares."
    return record_schema(
        "A parameter and the terms that it drives.",
        {
            "key": KEY,
            "title": text_schema("Name in prose."),
            "effect": {"type": ["string", "null"], "description": "Optional effect that it belongs to."},
            "elements": {"type": "integer", "minimum": 1, "description": "Number of elements of its value."},
            "terms": {**_IDS, "description": "Terms that it drives."},
            "exclusion": {"type": ["string", "null"], "description": "Reason why no term is needed."},
            "status": choice_schema("Coverage.", ["answer", "term", "excluded", "open"]),
            "acts": {"type": "boolean", "description": "True if the answer of an estimator depends on it."},
            "derivatives": mapping_schema("By estimator id.", quantity_schema(derivative)),
            "transforms": {**_IDS, "description": "Functions that compute a value which acts on the image from it."},
        },
    )


def trace_facts() -> dict[str, Any]:
    """Return the schema of the trace."""
    kinds = ["requirement", "term", "answer", "transform", "parameter", "test"]
    node = record_schema(
        "A node.",
        {
            "id": text_schema("Identifier."),
            "kind": choice_schema("Kind of node.", kinds),
            "title": text_schema("Name in prose."),
        },
    )
    fault = record_schema(
        "A link that is not real, or that is missing.",
        {
            "kind": choice_schema("Kind of fault.", list(FAULTS)),
            "id": text_schema("Node at fault."),
            "text": text_schema("Description."),
        },
    )
    edge = {"type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": 2}
    return record_schema(
        "Graph from parameters and tests to the requirement.",
        {
            "nodes": list_schema("Nodes.", node),
            "edges": list_schema("Pairs of node ids, the second nearer to the requirement.", edge),
            "faults": list_schema("Faults of the links, found from the computed derivatives.", fault),
        },
    )
