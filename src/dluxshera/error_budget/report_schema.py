"""The JSON Schema of the computed report of a budget. Plain dicts, no jax."""

from __future__ import annotations

from typing import Any

from dluxshera.error_budget.schema_columns import (
    DIGEST,
    NUMBER,
    REPORT_VERSION,
    overrides_column,
    profile_column,
    requirement_schema,
    row_columns,
    schema_head,
    version_schema,
)
from dluxshera.error_budget.schema_parts import (
    KEY,
    KEYS,
    identifier_schema,
    list_schema,
    mapping_schema,
    nullable,
    quantity_schema,
    record_schema,
    text_schema,
)


def report_schema() -> dict[str, Any]:
    """Return the JSON Schema of a computed report."""
    computed = quantity_schema("Computed value.")
    content = {
        "schema_version": version_schema(REPORT_VERSION),
        "budget": record_schema(
            "Subject of the report.",
            {
                "id": identifier_schema("Identifier of the budget."),
                "title": text_schema("Title."),
                "requirement": requirement_schema(),
                "reference": _reference_facts(),
                "reserve": {
                    **nullable(computed),
                    "description": "Part of the requirement that the combined allocations leave, in quadrature.",
                },
            },
        ),
        "provenance": _provenance(),
        "estimators": list_schema("Ways to fit the image.", _estimator_facts(computed)),
        "terms": list_schema("Rows.", _computed_row(computed)),
        "rollup": mapping_schema("Totals by estimator id.", _total(computed)),
    }
    return schema_head("report", "Error-budget report", REPORT_VERSION) | record_schema(
        "An error budget, computed. Nothing in it is typed by hand.", content
    )


def _reference_facts() -> dict[str, Any]:
    return record_schema(
        "Point at which the budget was evaluated.",
        {
            "text": text_schema("Reason for the choice."),
            **profile_column(),
            **overrides_column(),
            "system": text_schema("Optical system."),
            "design": text_schema("Point design."),
            "target": {"type": ["string", "null"], "description": "Name of the target's profile, if there is one."},
            "image": text_schema("Size of the image."),
            "wavelengths": {"type": "integer", "minimum": 1, "description": "Number of wavelengths."},
            "pupil": text_schema("Size of the pupil's grid."),
            "photons": quantity_schema("Photons of both stars in one exposure."),
        },
    )


def _provenance() -> dict[str, Any]:
    profile = record_schema(
        "A document that the reference point was composed from.",
        {"kind": text_schema("Kind of profile."), "name": text_schema("Name."), "content_hash": DIGEST},
    )
    return record_schema(
        "Inputs and software of the computation.",
        {
            "package_version": text_schema("Version of this package."),
            "spec_hash": DIGEST,
            "config_hash": DIGEST,
            "design_hash": DIGEST,
            "profiles": list_schema("Documents of the reference point, in the order of composition.", profile),
            "budget_hash": DIGEST,
            "command": text_schema("Command that recomputes the report."),
            "created_with": mapping_schema("Versions of other packages.", {"type": "string"}),
            "relative_tolerance": {**NUMBER, "description": "Relative amount to which the numbers are reproducible."},
        },
    )


def _estimator_facts(computed: dict[str, Any]) -> dict[str, Any]:
    condition = "Condition number of the Fisher matrix, each parameter in units of its own sigma."
    return record_schema(
        "A way to fit the image.",
        {
            "id": identifier_schema("Identifier in the budget."),
            "title": text_schema("Short name."),
            "free_keys": {**KEYS, "description": "Fitted parameters."},
            "n_parameters": {"type": "integer", "minimum": 1, "description": "Number of fitted numbers."},
            "sigma": computed,
            "note": {"type": ["string", "null"], "description": "Assumptions."},
            "condition": {**NUMBER, "description": condition},
        },
    )


def _computed_row(computed: dict[str, Any]) -> dict[str, Any]:
    maybe, number = nullable(computed), nullable(NUMBER)
    linear_range = "Magnitude up to which the bias is linear to 10 %; at most a tenth of the image."
    result = record_schema(
        "Effect of the term on the answer of one estimator.",
        {
            "sensitivity": {**maybe, "description": "Signed bias per unit of the magnitude."},
            "bias": {**maybe, "description": "Signed bias; 0 where it is below the rounding error."},
            "sigma": {**maybe, "description": "1-sigma error of a term of noise."},
            "contribution": {**computed, "description": "Contribution to the error: sigma, or the size of the bias."},
            "margin": {**maybe, "description": "Allocation less contribution."},
            "stealth": {**number, "description": "Bias in sigmas over its significance in the residuals."},
            "significance": {**number, "description": "Significance of the perturbation in the image, in sigmas."},
            "residual": {**number, "description": "Significance in the residuals of the fit, in sigmas."},
            "linear_range": {**maybe, "description": linear_range},
        },
    )
    check = record_schema(
        "An independent value to compare with the computed one.",
        {
            "name": text_schema("Short name."),
            "value": {**NUMBER, "description": "Number, in the unit beside it."},
            "unit": {"type": "string", "description": "VOUnit string."},
            "text": text_schema("Formula and assumptions."),
        },
    )
    elasticities = "Percent by which the sigma of the term grows if a parameter grows by one percent."
    return record_schema(
        "A row.",
        {
            **row_columns(),
            "group": {"type": ["string", "null"], "minLength": 1, "description": "Common cause."},
            "verification": text_schema("Method of verification."),
            "keys": {"type": "array", "items": KEY, "description": "Driving parameters, each tested to act."},
            "checks": list_schema("Independent values.", check),
            "elasticities": mapping_schema(elasticities, NUMBER),
            "results": mapping_schema("Effects by estimator id.", result),
        },
    )


def _total(computed: dict[str, Any]) -> dict[str, Any]:
    return record_schema(
        "Combination of all terms for one estimator.",
        {
            "total": computed,
            "margin": computed,
            "by_class": mapping_schema("Totals by class of term.", computed),
            "illustrative": {"type": "boolean", "description": "True if an illustrative input enters."},
        },
    )
