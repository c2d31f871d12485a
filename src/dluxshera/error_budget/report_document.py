"""The JSON Schema of the computed report of a budget. Plain dicts, no jax."""

from __future__ import annotations

from typing import Any, Final

from dluxshera.error_budget.report_parts import (
    case_facts,
    completeness_facts,
    deficit_facts,
    interval_facts,
    parameter_facts,
    trace_facts,
)
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

_IDS: Final = {"type": "array", "items": {"type": "string"}}


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
                "reference": nullable(_reference_facts()),
                "reserve": {
                    **nullable(computed),
                    "description": "Part of the requirement that the combined allocations leave, in quadrature.",
                },
            },
        ),
        "provenance": _provenance(),
        "baseline": identifier_schema("Estimator that is judged by the requirement; the others are for comparison."),
        "completeness": completeness_facts(),
        "deficits": list_schema(
            "Errors and allocations above their limits, those of the baseline first.", deficit_facts()
        ),
        "estimators": list_schema("Ways to fit the image.", _estimator_facts(computed)),
        "terms": list_schema("Rows.", _computed_row(computed)),
        "rollup": mapping_schema("Totals by estimator id.", _total(computed)),
        "tree": mapping_schema("Nodes of the tree by estimator id: the requirement, then the rows.", _nodes()),
        "correlations": list_schema("Stated correlations between rows.", _correlation()),
        "cases": list_schema(
            "Other targets, time scales and scenarios of the same terms.", case_facts(computed, _total(computed))
        ),
        "state": {"type": "object", "description": "State of the detector and of the optics at the reference point."},
        "parameters": list_schema("Parameters of the model and of every optional effect.", parameter_facts()),
        "trace": trace_facts(),
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
            "spec_hash": nullable(DIGEST),
            "config_hash": nullable(DIGEST),
            "design_hash": nullable(DIGEST),
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
            "free_keys": {**KEYS, "minItems": 0, "description": "Fitted parameters; none in a budget without a model."},
            "n_parameters": {"type": "integer", "minimum": 0, "description": "Number of fitted numbers."},
            "sigma": nullable(computed),
            "conditional_sigma": {
                **nullable(computed),
                "description": "1-sigma error if all other parameters were known.",
            },
            "note": {"type": ["string", "null"], "description": "Assumptions."},
            "condition": {**nullable(NUMBER), "description": condition},
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
            "bias": {**maybe, "description": "Signed bias; 0 where it is below the resolution."},
            "sigma": {**maybe, "description": "1-sigma error of a term of noise, or of an ensemble."},
            "contribution": {**computed, "description": "Contribution to the error: sigma, or the size of the bias."},
            "margin": {**maybe, "description": "Allocation less contribution."},
            "stealth": {**number, "description": "Bias in sigmas over its significance in the residuals."},
            "significance": {**number, "description": "Significance of the perturbation in the image, in sigmas."},
            "residual": {**number, "description": "Significance in the residuals of the fit, in sigmas."},
            "linear_range": {**maybe, "description": linear_range},
            "resolution": {**maybe, "description": "Bound below which the bias is not resolved."},
            "second_order": {**number, "description": "Bias per unit of the magnitude squared."},
            "refit": {**maybe, "description": "Bias of a fit to the perturbed image, beyond the linear range."},
            "misfit": {**number, "description": "Deviance divided by the number of pixels of that fit."},
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
            **_stated_columns(),
            "keys": {"type": "array", "items": KEY, "description": "Driving parameters, each tested to act."},
            "checks": list_schema("Independent values.", check),
            "elasticities": mapping_schema(elasticities, NUMBER),
            "results": mapping_schema("Effects by estimator id.", result),
        },
    )


def _stated_columns() -> dict[str, Any]:
    """Return the columns of a row that the document states and that the report has in a form of its own."""
    text = {"type": ["string", "null"]}
    record = record_schema(
        "Record of the verification.",
        {
            "method": {**text, "description": "Test, analysis, inspection or demonstration."},
            "phase": {**text, "description": "Phase of the project."},
            "evidence": {**text, "description": "Document or test with the evidence."},
            "result": {**text, "description": "Result."},
        },
    )
    return {
        "perturbation": {"type": "object", "description": "Mechanism, as the document states it."},
        "stated": {**text, "description": "Magnitude as its source states it, with its conversion."},
        "group": {**text, "description": "Common cause."},
        "role": {**text, "description": "Knowledge, stability or control."},
        "maturity": {**text, "description": "Maturity of the estimate."},
        "factor": {**NUMBER, "description": "Model-uncertainty factor."},
        "allocation_source": {**text, "description": "Source of the allocation."},
        "verification": text_schema("Method of verification."),
        "verified": nullable(record),
        "note": {**text, "description": "Reason of the last change, or a remark."},
    }


def _nodes() -> dict[str, Any]:
    number = nullable(NUMBER)
    node = record_schema(
        "A node; numbers in the unit of the requirement.",
        {
            "id": identifier_schema("Requirement or term."),
            "allocation": {**number, "description": "Limit of the requirement, or allocation of the row."},
            "allocated": {**number, "description": "Combined allocations of the rows below."},
            "reserve": {
                **number,
                "description": "Part that the allocations below leave, in quadrature.",
            },
            "estimate": {**number, "description": "Combined errors of the row and of the rows below it."},
            "expected": {**number, "description": "Estimate with the model-uncertainty factors."},
            "margin": {**number, "description": "Allocation less expected error."},
        },
    )
    return list_schema("Nodes.", node)


def _correlation() -> dict[str, Any]:
    return record_schema(
        "Correlation of two rows.",
        {
            "between": {**_IDS, "minItems": 2, "maxItems": 2, "description": "Identifiers of the rows."},
            "r": {**nullable(NUMBER), "description": "Coefficient; null if it is unknown."},
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
            "standard": {**computed, "description": "Standard uncertainty of the errors of unknown sign."},
            "bias": {**computed, "description": "Sum of the biases of known sign."},
            "bound": {**computed, "description": "Standard uncertainty for the worst unknown correlations."},
            "interval": interval_facts(),
            "illustrative": {"type": "boolean", "description": "True if an illustrative input enters."},
        },
    )
