"""The JSON Schema of the computed report of a budget. Plain dicts, no jax."""

from __future__ import annotations

from typing import Any, Final

from dluxshera.error_budget.schema_columns import (
    HASH,
    NUMBER,
    overrides_column,
    profile_column,
    requirement_schema,
    row_columns,
    schema_head,
)
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
from dluxshera.error_budget.trace import FAULTS

REPORT_VERSION: Final = "0.2.0"
_IDS: Final = {"type": "array", "items": {"type": "string"}}


def report_schema() -> dict[str, Any]:
    """Return the JSON Schema of a computed report."""
    computed = quantity_schema("Computed value.")
    content = {
        "schema_version": {"const": REPORT_VERSION, "description": "Version of this schema."},
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
        "baseline": identifier_schema("Estimator that is judged by the requirement; the others are for comparison."),
        "completeness": _completeness(),
        "deficits": list_schema("Negative margins of the requirement and of allocations, by estimator.", _deficit()),
        "estimators": list_schema("Ways to fit the image.", _estimator_facts(computed)),
        "terms": list_schema("Rows.", _computed_row(computed)),
        "rollup": mapping_schema("Totals by estimator id.", _total(computed)),
        "cases": list_schema("Other targets, time scales and scenarios of the same terms.", _case(computed)),
        "state": {"type": "object", "description": "State of the detector and of the optics at the reference point."},
        "parameters": list_schema("Parameters of the model and of every optional effect.", _parameter()),
        "trace": _trace(),
    }
    head = schema_head("report", "Error-budget report")
    head |= {"$id": head["$id"].rpartition(":")[0] + f":{REPORT_VERSION}", "x-version": REPORT_VERSION}
    return head | record_schema("An error budget, computed. Nothing in it is typed by hand.", content)


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
        {"kind": text_schema("Kind of profile."), "name": text_schema("Name."), "content_hash": HASH},
    )
    return record_schema(
        "Inputs and software of the computation.",
        {
            "package_version": text_schema("Version of this package."),
            "spec_hash": HASH,
            "config_hash": HASH,
            "design_hash": HASH,
            "profiles": list_schema("Documents of the reference point, in the order of composition.", profile),
            "budget_hash": HASH,
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
            "conditional_sigma": {**computed, "description": "1-sigma error if all other parameters were known."},
            "note": {"type": ["string", "null"], "description": "Assumptions."},
            "condition": {**NUMBER, "description": condition},
            "waterfall": list_schema(
                "Error of the answer with each fitted parameter, and all before it, fitted with it.",
                record_schema("A step.", {"key": KEY, "sigma": computed}),
            ),
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
            "perturbation": {"type": "object", "description": "Mechanism, as the document states it."},
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
            "shares": mapping_schema("Part of the variance by term id; the parts add up to 1.", NUMBER),
            "illustrative": {"type": "boolean", "description": "True if an illustrative input enters."},
        },
    )


def _completeness() -> dict[str, Any]:
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


def _deficit() -> dict[str, Any]:
    return record_schema(
        "An error larger than its limit.",
        {
            "id": identifier_schema("Requirement or term."),
            "estimator": identifier_schema("Estimator."),
            "value": {**NUMBER, "description": "Error less limit, in the unit beside it."},
            "unit": {"type": "string", "description": "VOUnit string."},
        },
    )


def _case(computed: dict[str, Any]) -> dict[str, Any]:
    return record_schema(
        "The same terms at another reference point, time scale or magnitude.",
        {
            "id": identifier_schema("Identifier of the case."),
            "title": text_schema("Title."),
            "reference": {"type": "object", "description": "Reference point, as in the budget."},
            "time": {"type": ["string", "null"], "description": "Time scale; null for that of the requirement."},
            "rollup": mapping_schema("Totals by estimator id.", _total(computed)),
            "contributions": mapping_schema(
                "Contributions by term id and estimator id.", mapping_schema("By estimator id.", nullable(computed))
            ),
        },
    )


def _parameter() -> dict[str, Any]:
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


def _trace() -> dict[str, Any]:
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
