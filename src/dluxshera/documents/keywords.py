"""The meta-schema: JSON Schema 2020-12 and the keywords that begin with ``x-``, with their descriptions.

A test compares the dimensions of units with astropy's.
"""

from __future__ import annotations

from typing import Any, Final

SCHEMA_VERSION: Final = "0.1.0"
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

DIMENSIONS: Final = {  # unit -> its physical type in astropy, or a name of our own where astropy has none
    "": "dimensionless",
    "K": "temperature",
    "arcsec": "angle",
    "arcsec**-2": "angle to the power of -2",
    "arcsec/pixel": "angle per pixel",
    "deg": "angle",
    "m": "length",
    "m**-1": "wavenumber",
    "m**2": "area",
    "nm": "length",
    "ph": "photon count",
    "ph.s**-1": "photon rate",
    "ph.s**-1.m**-3": "photon flux density wav",
    "pixel": "pixel count",
    "rad": "angle",
    "s": "time",
}

_TEXT: Final = {"type": "string", "minLength": 1}
_TEXTS: Final = {"type": "array", "items": _TEXT}
_KEYS: Final = {"type": "array", "items": {"type": "string", "pattern": r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$"}}
_NUMBERS: Final = {"type": ["number", "array"], "items": {"type": "number"}}
_VERSION: Final = {"type": "string", "pattern": r"^[0-9]+\.[0-9]+\.[0-9]+$"}

KEYWORDS: Final[dict[str, dict[str, Any]]] = {
    "x-acts-on": {"description": "The outputs of the model that change with the parameter.", **_TEXTS},
    "x-at-least": {
        "description": "Name to name: the number under the first is at least that under the second.",
        "type": "object",
        "additionalProperties": _TEXT,
    },
    "x-below": {
        "description": "Key to limit: the number under the key is below a multiple of the number under another key.",
        "type": "object",
        "additionalProperties": {
            "type": "object",
            "additionalProperties": False,
            "required": ["key", "times", "inclusive"],
            "properties": {"key": _TEXT, "times": {"type": "number"}, "inclusive": {"type": "boolean"}},
        },
    },
    "x-components": {"description": "Name of each element of a list.", **_TEXTS},
    "x-constraints": {"description": "Relations between the values of parameters, each as a sentence.", **_TEXTS},
    "x-default-of-each": {"description": "The default of each element of a map.", "type": "number"},
    "x-depends-on": {
        "description": "The keys that a derived value is computed from, in the transform's order.",
        **_KEYS,
    },
    "x-deprecated": {
        "description": "Version of the deprecation, remedy, and version of the removal.",
        **_TEXT,
    },
    "x-design-values": {
        "description": "The value in each point design.",
        "type": "object",
        "additionalProperties": _NUMBERS,
    },
    "x-dimension": {
        "description": "The physical dimension of the unit, as astropy calls it.",
        "enum": sorted(set(DIMENSIONS.values())),
    },
    "x-effect": {"description": "The optional part of the model that the parameter belongs to.", **_TEXT},
    "x-effects": {
        "description": "Name and description of each optional part of a model.",
        "type": "object",
        "additionalProperties": _TEXT,
    },
    "x-equation": {"description": "LaTeX, without dollar signs.", **_TEXT},
    "x-form": {"description": "Form of the accepted values in words, for messages.", **_TEXT},
    "x-group": {"description": "Group of the parameter: a name in x-groups.", **_TEXT},
    "x-groups": {
        "description": "Title and text of each group.",
        "type": "object",
        "additionalProperties": {
            "type": "object",
            "additionalProperties": False,
            "required": ["title", "description"],
            "properties": {"title": _TEXT, "description": _TEXT},
        },
    },
    "x-kind": {
        "description": "Set (primitive), computed (derived), or fixed by the configuration (structural).",
        "enum": ["primitive", "derived", "structural"],
    },
    "x-period": {"description": "Period of a circular parameter, in its unit.", "type": "number"},
    "x-prior": {
        "description": "Prior distribution of the parameter, in its unit.",
        "type": "object",
        "required": ["kind"],
        "properties": {"kind": {"type": "string", "pattern": "^[a-z_]+$"}},
        "additionalProperties": {"type": ["number", "string", "null"]},
    },
    "x-scale": {
        "description": "log10 if the value is the decimal logarithm of the quantity in the unit.",
        "enum": ["linear", "log10"],
    },
    "x-since": {"description": "The first version of the package that has the parameter.", **_VERSION},
    "x-source": {"description": "Source of the default.", "type": "string"},
    "x-spec": {"description": "The spec, of those of the system, that the schema describes.", **_TEXT},
    "x-status": {"description": "Maturity of the value.", **_TEXT},
    "x-symbol": {"description": "LaTeX, without dollar signs.", **_TEXT},
    "x-system": {"description": "The optical system.", **_TEXT},
    "x-transform": {"description": "The dotted name of the function that computes a derived value.", **_TEXT},
    "x-unit": {
        "description": "A VOUnit string; empty for a pure number.",
        "type": "string",
        "maxLength": 40,
    },
    "x-version": {"description": "The version of the schema.", **_VERSION},
}


def meta_schema() -> dict[str, Any]:
    """Return the schema that every schema of the package satisfies. No other keyword may begin with x-."""
    return {
        "$schema": DIALECT,
        "$id": f"urn:dluxshera:schema:meta:{SCHEMA_VERSION}",
        "$dynamicAnchor": "meta",
        "title": "Schemas of dLuxShera",
        "description": "JSON Schema 2020-12 and the keywords that dLuxShera adds to it.",
        "type": ["object", "boolean"],
        "allOf": [{"$ref": DIALECT}],
        "properties": KEYWORDS,
        "patternProperties": {f"^x-(?!(?:{'|'.join(name[2:] for name in KEYWORDS)})$)": False},
    }
