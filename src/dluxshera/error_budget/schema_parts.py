"""Parts of JSON Schemas that the budget document, its kinds of perturbation and the report share. Plain dicts."""

from __future__ import annotations

from typing import Any, Final

KEY: Final = {
    "type": "string",
    "minLength": 1,
    "description": "Key of a parameter.",
    "pattern": r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$",
    "x-form": "group.name, as binary.contrast",
}
KEYS: Final = {"type": "array", "items": KEY, "minItems": 1, "uniqueItems": True}


def text_schema(description: str, **more: Any) -> dict[str, Any]:
    """Return the schema of a text that is not empty."""
    return {"type": "string", "minLength": 1, "description": description, **more}


def identifier_schema(description: str) -> dict[str, Any]:
    """Return the schema of an identifier, which pages and reviews link to."""
    return text_schema(
        description, pattern=r"^[A-Za-z][A-Za-z0-9_.-]*$", **{"x-form": "letters, digits, '.', '_', '-'"}
    )


def choice_schema(description: str, options: list[str]) -> dict[str, Any]:
    """Return the schema of one of several words."""
    return {"enum": options, "description": description}


def list_schema(description: str, item: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return the schema of a list whose items have one schema."""
    return {"type": "array", "description": description, "items": item, **more}


def mapping_schema(description: str, value: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return the schema of a mapping of arbitrary names to values that have one schema."""
    return {"type": "object", "description": description, "additionalProperties": value, **more}


def record_schema(description: str, required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the schema of a mapping with fixed names."""
    return {
        "type": "object",
        "description": description,
        "required": list(required),
        "properties": {**required, **(optional or {})},
        "additionalProperties": False,
    }


def quantity_schema(description: str, **limits: Any) -> dict[str, Any]:
    """Return the schema of a number with its unit; `limits` apply to the number."""
    return record_schema(
        description,
        {
            "value": {"type": "number", "description": "Number, in the unit beside it.", **limits},
            "unit": {"type": "string", "description": "VOUnit string; empty for a pure number."},
        },
    )


def nullable(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema that also accepts null, by its type: a validator's message then names its parts."""
    return {**schema, "type": [schema["type"], "null"]}
