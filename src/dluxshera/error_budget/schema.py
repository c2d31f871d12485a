"""The JSON Schemas of a budget document and of its report. Plain dicts, no jax."""

from __future__ import annotations

from typing import Any, Final

from dluxshera.documents import DIALECT, SCHEMA_VERSION
from dluxshera.error_budget.discovery import perturbation_kinds
from dluxshera.error_budget.schema_parts import (
    KEY,
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

EVIDENCE_TAGS: Final = ["sourced", "derived", "computed", "illustrative", "to be determined"]
TERM_STATUSES: Final = ["draft", "agreed", "informative", "to be determined"]
REQUIREMENT_STATUSES: Final = ["illustrative", "draft", "agreed"]
TERM_CLASSES: Final = ["random", "static", "drift"]
RULES: Final = ["rss", "group", "linear", "informative"]

_VERSION: Final = {"const": SCHEMA_VERSION, "description": "Version of this schema."}
_NUMBER: Final = {"type": "number"}
_HASH: Final = text_schema("SHA-256 of the content, in hexadecimal after `sha256:`.")


def _head(name: str, title: str) -> dict[str, Any]:
    return {
        "$schema": DIALECT,
        "$id": f"urn:dluxshera:schema:error_budget.{name}:{SCHEMA_VERSION}",
        "title": title,
        "x-version": SCHEMA_VERSION,
    }


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


def _row() -> dict[str, Any]:
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


def _requirement() -> dict[str, Any]:
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


def _profile() -> dict[str, Any]:
    return {
        "profile": text_schema(
            "Profile of the reference point.",
            **{"x-form": "a packaged profile such as observation/flight_alpha_cen, or the relative path of a file"},
        ),
    }


def _overrides() -> dict[str, Any]:
    override = text_schema(
        "A key, a value and, if it is not the key's own, a unit.", **{"x-form": "key=value or key=value unit"}
    )
    return {"overrides": list_schema("Values that differ from the profile's, applied in this order.", override)}


def budget_schema() -> dict[str, Any]:
    """Return the JSON Schema of a budget document."""
    reference = record_schema(
        "Point at which the budget is evaluated.",
        {"text": text_schema("Reason for the choice."), **_profile()},
        _overrides(),
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
    row = _row()
    optional = {name: row.pop(name) for name in ("group", "allocation", "owner", "verification")}
    content = {
        "schema_version": _VERSION,
        "id": identifier_schema("Identifier of the budget."),
        "title": text_schema("Title."),
        "requirement": _requirement(),
        "reference": reference,
        "estimators": list_schema("Ways to fit the image.", estimator, minItems=1),
        "terms": list_schema(
            "Rows.", record_schema("A row.", {**row, "perturbation": _perturbation()}, optional), minItems=1
        ),
    }
    return _head("budget", "Error budget") | record_schema(
        "The terms of an error budget and their magnitudes. Their effects on the answer are computed.", content
    )


def report_schema() -> dict[str, Any]:
    """Return the JSON Schema of a computed report."""
    computed = quantity_schema("Computed value.")
    content = {
        "schema_version": _VERSION,
        "budget": record_schema(
            "Subject of the report.",
            {
                "id": identifier_schema("Identifier of the budget."),
                "title": text_schema("Title."),
                "requirement": _requirement(),
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
    return _head("report", "Error-budget report") | record_schema(
        "An error budget, computed. Nothing in it is typed by hand.", content
    )


def _reference_facts() -> dict[str, Any]:
    return record_schema(
        "Point at which the budget was evaluated.",
        {
            "text": text_schema("Reason for the choice."),
            **_profile(),
            **_overrides(),
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
        {"kind": text_schema("Kind of profile."), "name": text_schema("Name."), "content_hash": _HASH},
    )
    return record_schema(
        "Inputs and software of the computation.",
        {
            "package_version": text_schema("Version of this package."),
            "spec_hash": _HASH,
            "config_hash": _HASH,
            "design_hash": _HASH,
            "profiles": list_schema("Documents of the reference point, in the order of composition.", profile),
            "budget_hash": _HASH,
            "command": text_schema("Command that recomputes the report."),
            "created_with": mapping_schema("Versions of other packages.", {"type": "string"}),
            "relative_tolerance": {**_NUMBER, "description": "Relative amount to which the numbers are reproducible."},
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
            "condition": {**_NUMBER, "description": condition},
        },
    )


def _computed_row(computed: dict[str, Any]) -> dict[str, Any]:
    maybe, number = nullable(computed), nullable(_NUMBER)
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
            "value": {**_NUMBER, "description": "Number, in the unit beside it."},
            "unit": {"type": "string", "description": "VOUnit string."},
            "text": text_schema("Formula and assumptions."),
        },
    )
    elasticities = "Percent by which the sigma of the term grows if a parameter grows by one percent."
    return record_schema(
        "A row.",
        {
            **_row(),
            "keys": {"type": "array", "items": KEY, "description": "Driving parameters, each tested to act."},
            "checks": list_schema("Independent values.", check),
            "elasticities": mapping_schema(elasticities, _NUMBER),
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
