"""The JSON Schemas of a budget document and of its report. Plain dicts, no jax."""

from __future__ import annotations

from typing import Any, Final

SCHEMA_VERSION: Final = "0.1.0"
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

EVIDENCE_TAGS: Final = ["sourced", "derived", "computed", "illustrative", "to be determined"]
TERM_STATUSES: Final = ["draft", "agreed", "informative", "to be determined"]
REQUIREMENT_STATUSES: Final = ["illustrative", "draft", "agreed"]
TERM_CLASSES: Final = ["random", "static", "drift"]
RULES: Final = ["rss", "group", "linear", "informative"]


def _text(description: str, **more: Any) -> dict[str, Any]:
    return {"type": "string", "minLength": 1, "description": description, **more}


def _object(description: str, required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "type": "object",
        "description": description,
        "required": list(required),
        "properties": {**required, **(optional or {})},
        "additionalProperties": False,
    }


def _list(description: str, items: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "array", "description": description, "items": items, **more}


def _choice(description: str, options: list[str]) -> dict[str, Any]:
    return {"enum": options, "description": description}


def _id(description: str) -> dict[str, Any]:
    return _text(description, pattern=r"^[A-Za-z][A-Za-z0-9_.-]*$", **{"x-form": "letters, digits, '.', '_', '-'"})


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the same schema for a value that may also be null; a validator's message names its parts, not a choice."""
    return {**schema, "type": [schema["type"], "null"]}


_KEY: Final = _text(
    "A parameter's key.", pattern=r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$", **{"x-form": "group.name, as binary.contrast"}
)
_KEY_NAME: Final = {name: _KEY[name] for name in ("pattern", "x-form")}
_KEYS: Final = {"type": "array", "items": _KEY, "minItems": 1, "uniqueItems": True}
_NUMBERS: Final = {
    "type": ["number", "array"],
    "items": {"type": "number"},
    "description": "A number, or one for each component of an array.",
}
_DIRECTION: Final = {
    "type": "object",
    "minProperties": 1,
    "propertyNames": _KEY_NAME,
    "additionalProperties": _NUMBERS,
    "description": "Parameter key to the factor that multiplies the magnitude.",
}


def _quantity(description: str, **limits: Any) -> dict[str, Any]:
    return _object(
        description,
        {
            "value": {"type": "number", "description": "In the unit beside it.", **limits},
            "unit": {"type": "string", "description": "A VOUnit string; empty for a pure number."},
        },
    )


def _effect() -> dict[str, Any]:
    kinds = {
        "photon_noise": _object(
            "The noise of the answer if all else were known.",
            {"kind": {"const": "photon_noise"}, "keys": {**_KEYS, "description": "Of the forward spec."}},
            {
                "closed_form": _object(
                    "Keys of what the floor of a clear circular pupil is computed from.",
                    dict.fromkeys(("wavelength", "diameter", "log_photons", "contrast"), _KEY),
                )
            },
        ),
        "marginalisation": _object(
            "What the noise of the answer gains because others are fitted.", {"kind": {"const": "marginalisation"}}
        ),
        "step": _object(
            "The truth is displaced; the estimator does not know.",
            {
                "kind": {"const": "step"},
                "model": _choice("Whose parameters the direction names.", ["forward", "inference"]),
                "direction": _DIRECTION,
            },
            {"relative": {"type": "boolean", "description": "The magnitude is a fraction of each parameter's value."}},
        ),
        "derived_change": _object(
            "A step, taken to act only by the relative change of one derived value.",
            {"kind": {"const": "derived_change"}, "derived": _KEY, "applied_to": _KEY, "direction": _DIRECTION},
        ),
    }
    return {
        "type": "object",
        "description": "How the perturbation acts, for the computation.",
        "required": ["kind"],
        "properties": {"kind": _choice("What kind of effect.", list(kinds))},
        "allOf": [
            {"if": {"properties": {"kind": {"const": kind}}, "required": ["kind"]}, "then": schema}
            for kind, schema in kinds.items()
        ],
    }


def _evidence() -> dict[str, Any]:
    return _object(
        "Where the magnitude comes from.",
        {"tag": _choice("What kind of evidence.", EVIDENCE_TAGS), "source": _text("Citation, or how it was obtained.")},
    )


def _row() -> dict[str, Any]:
    """Return what the document and the report say of a term in the same words."""
    return {
        "id": _id("Stable: pages and reviews link to it."),
        "name": _text("A few words."),
        "parent": _id("The requirement's id or another term's."),
        "acts": _text("How the perturbation acts, in prose."),
        "magnitude": _or_null(_quantity("1-sigma size of the perturbation; null where the reference point fixes it.")),
        "evidence": _evidence(),
        "class": _choice("Random falls with time, static cancels between visits, drift does neither.", TERM_CLASSES),
        "group": {"type": ["string", "null"], "minLength": 1, "description": "Correlation group."},
        "rule": _choice("How the term is combined; an informative row is left out of every sum.", RULES),
        "allocation": _or_null(_quantity("What the budget grants it, in the requirement's unit.", exclusiveMinimum=0)),
        "owner": {"type": ["string", "null"], "minLength": 1, "description": "Who answers for it."},
        "status": _choice("How far the row is agreed.", TERM_STATUSES),
        "since": _text("The version of the budget that has it first."),
        "verification": _text("How the value is, or will be, verified."),
    }


def _requirement() -> dict[str, Any]:
    return {
        "id": _id("The root of the budget."),
        "text": _text("What is required."),
        "value": {"type": "number", "exclusiveMinimum": 0, "description": "Largest 1-sigma error, in `unit`."},
        "unit": _text("A VOUnit string."),
        "status": _choice("How far the value can be relied on.", REQUIREMENT_STATUSES),
    }


def _head(name: str, title: str, description: str) -> dict[str, Any]:
    return {
        "$schema": DIALECT,
        "$id": f"urn:dluxshera:schema:error_budget.{name}:{SCHEMA_VERSION}",
        "title": title,
        "x-version": SCHEMA_VERSION,
        "description": description,
    }


def budget_schema() -> dict[str, Any]:
    """Return the JSON Schema of a budget document."""
    reference = _object(
        "The point at which everything is evaluated.",
        {
            "text": _text("Why this point."),
            "system": _text("Name of the optical system."),
            "design": _text("Name of the point design."),
            "target": _text("Name of the binary."),
        },
        {
            "structure": {
                "type": "object",
                "description": "Fields of the configuration that differ from the design's.",
                "additionalProperties": {"type": ["number", "string", "array", "null"]},
            },
            "values": {
                "type": "object",
                "description": "Parameters of the forward spec that differ from their defaults.",
                "propertyNames": _KEY_NAME,
                "additionalProperties": _NUMBERS,
            },
        },
    )
    estimator = _object(
        "A way to fit the image.",
        {
            "id": _id("Stable: pages and reviews link to it."),
            "title": _text("A few words."),
            "free": {**_KEYS, "description": "Fitted parameters: keys of the inference spec."},
        },
        {"note": _text("What it assumes.")},
    )
    row = _row()
    optional = {name: row.pop(name) for name in ("group", "allocation", "owner", "verification")}
    required = {
        "schema_version": {"const": SCHEMA_VERSION, "description": "Of this schema."},
        "id": _id("Names the budget."),
        "title": _text("A few words."),
        "requirement": _object("The root.", {**_requirement(), "answer": _KEY}),
        "reference": reference,
        "estimators": _list("Ways to fit the image.", estimator, minItems=1),
        "terms": _list("The rows.", _object("A row.", {**row, "effect": _effect()}, optional), minItems=1),
    }
    text = "What the terms of an error budget are and how large; what they do to the answer is computed."
    return _head("budget", "Error budget", text) | _object(text, required)


def report_schema() -> dict[str, Any]:
    """Return the JSON Schema of a computed report."""
    number = {"type": "number"}
    quantity = _quantity("A computed value.")
    maybe = _or_null(quantity)
    result = _object(
        "What the term does to the answer of one estimator.",
        {
            "sensitivity": {**maybe, "description": "Bias per unit of the magnitude, signed."},
            "bias": {**maybe, "description": "Signed; 0 where the computation cannot tell it from none."},
            "sigma": {**maybe, "description": "1-sigma of a random term."},
            "contribution": {
                **quantity,
                "description": "What the term adds to the error: sigma, or the size of the bias.",
            },
            "margin": {**maybe, "description": "Allocation less contribution."},
            "stealth": {
                "type": ["number", "null"],
                "description": "Bias in sigmas over its significance in the residuals.",
            },
            "significance": {**_or_null(number), "description": "Of the perturbation in the image, in sigmas."},
            "residual": {
                **_or_null(number),
                "description": "Of the perturbation in the residuals of the fit, in sigmas.",
            },
            "linear_range": {
                **maybe,
                "description": "Magnitude up to which the bias is linear to 10 %; at most a tenth of the image.",
            },
        },
    )
    check = _object(
        "An independent value to hold beside the term's.",
        {
            "name": _text("What it is."),
            "value": quantity["properties"]["value"],
            "unit": {"type": "string", "description": "A VOUnit string."},
            "text": _text("How it is obtained."),
        },
    )
    term = _object(
        "A row.",
        {
            **_row(),
            "keys": {
                "type": "array",
                "items": _KEY,
                "description": "Driving parameters, each of which was found to act.",
            },
            "checks": _list("Independent values to hold beside it.", check),
            "elasticities": {
                "type": "object",
                "description": "Percent by which the sigma of the term grows where a parameter grows by one percent.",
                "additionalProperties": number,
            },
            "results": {"type": "object", "description": "By estimator id.", "additionalProperties": result},
        },
    )
    total = _object(
        "All terms of one estimator together.",
        {
            "total": quantity,
            "margin": quantity,
            "by_class": {"type": "object", "description": "By class of term.", "additionalProperties": quantity},
            "illustrative": {"type": "boolean", "description": "Whether an illustrative input enters."},
        },
    )
    estimator = _object(
        "A way to fit the image.",
        {
            "id": _id("As in the budget."),
            "title": _text("A few words."),
            "free_keys": {**_KEYS, "description": "Fitted parameters."},
            "n_parameters": {"type": "integer", "minimum": 1, "description": "Fitted numbers."},
            "sigma": quantity,
            "note": {"type": ["string", "null"], "description": "What it assumes."},
            "condition": {
                "type": "number",
                "description": "Of the Fisher matrix, each parameter in units of its own sigma.",
            },
        },
    )
    hashes = dict.fromkeys(("spec_hash", "config_hash", "design_hash", "budget_hash"), _text("A SHA-256."))
    required = {
        "schema_version": {"const": SCHEMA_VERSION, "description": "Of this schema."},
        "budget": _object(
            "What is budgeted.",
            {
                "id": _id("As in the budget."),
                "title": _text("A few words."),
                "requirement": _object("The root.", {**_requirement(), "answer": _KEY}),
                "reference": {"type": "object", "description": "Facts about the reference point."},
                "reserve": {
                    **_or_null(quantity),
                    "description": "What the combined allocations leave of the requirement, in quadrature.",
                },
            },
        ),
        "provenance": _object(
            "What it was computed from, and with.",
            {
                "package_version": _text("Of this package."),
                **hashes,
                "command": _text("Recomputes it."),
                "created_with": {
                    "type": "object",
                    "description": "Versions.",
                    "additionalProperties": {"type": "string"},
                },
                "relative_tolerance": {"type": "number", "description": "To which the numbers can be reproduced."},
            },
        ),
        "estimators": _list("Ways to fit the image.", estimator),
        "terms": _list("The rows.", term),
        "rollup": {"type": "object", "description": "By estimator id.", "additionalProperties": total},
    }
    text = "An error budget, computed. Nothing in it is typed by hand."
    return _head("report", "Error-budget report", text) | _object(text, required)
