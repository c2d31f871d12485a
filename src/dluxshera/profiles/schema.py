"""The JSON Schemas of configurations and of profiles. No jax."""

from __future__ import annotations

from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from dluxshera.documents import DIALECT, DIMENSIONS, SCHEMA_VERSION
from dluxshera.params import ParamField, own_unit
from dluxshera.profiles.format import HASH, KINDS, MAX_ITEMS, PROFILE, VERSION, ProfileFormat
from dluxshera.systems import CONFIG_CLASSES, PARAMETERS, SPEC_NAMES, Rule, SheraConfig, settable_parameters

_LINE: Final = {"type": "string", "minLength": 1, "maxLength": 10_000}


def config_schema(config_class: type[SheraConfig]) -> dict[str, Any]:
    """Return the JSON Schema of the structural fields of one system's configuration."""
    schema = {
        "$schema": DIALECT,
        "$id": f"urn:dluxshera:schema:{config_class.system_id}.config:{SCHEMA_VERSION}",
        "title": f"Configuration of {config_class.system_id}",
        "description": f"The structural fields of {config_class.__name__}, which fix array shapes and rasters.",
        "type": "object",
        "additionalProperties": False,
        "x-system": config_class.system_id,
        "x-version": SCHEMA_VERSION,
        "x-at-least": {},
        "properties": _field_schemas(config_class),
    }
    for relation in config_class.relations():
        relation.add_to(schema)
    return schema


def _field_schemas(config_class: type[SheraConfig]) -> dict[str, Any]:
    items = {item.name: item for item in fields(config_class)}
    schemas = {}
    for name, rule in config_class.rules().items():
        default: Any = items[name].default
        schemas[name] = {
            "title": name.replace("_", " "),
            "description": items[name].metadata["doc"].replace("`", ""),
            **rule.schema(),
            "default": list(default) if isinstance(default, tuple) else default,
        }
    return schemas


def profile_schema() -> dict[str, Any]:
    """Return the JSON Schema of one profile document of any system."""
    config: dict[str, Any] = {}
    for config_class in CONFIG_CLASSES.values():
        config |= config_schema(config_class)["properties"]
    for schema in config.values():
        del schema["default"]  # another profile may set a field that this one leaves out
    return {
        "$schema": DIALECT,
        "$id": f"urn:dluxshera:schema:profile:{VERSION}",
        "title": "Profile",
        "description": "A profile of dLuxShera: values of configuration and parameters, composed by extends.",
        "type": "object",
        "additionalProperties": False,
        "required": ["schema", "kind", "name"],
        "x-version": VERSION,
        "properties": {
            "$schema": {"type": "string", "description": "The JSON Schema of this file, for editors."},
            "schema": {"const": f"{PROFILE}/{VERSION}", "description": "The format of this file and its version."},
            "kind": {"enum": list(KINDS), "description": "Subject of the profile."},
            "name": {
                "type": "string",
                "pattern": r"^[A-Za-z0-9][A-Za-z0-9_. +/-]{0,79}$",
                "x-form": "a name of letters, digits, blanks and _.+-/",
                "description": "Name of the profile.",
            },
            "description": {**_LINE, "description": "Purpose of the profile, in a sentence or more."},
            "source": {**_LINE, "description": "Source of its values."},
            "extends": {
                "type": "array",
                "maxItems": 16,
                "items": {
                    "type": "string",
                    "maxLength": 1000,
                    "pattern": rf"^((?:{'|'.join(KINDS)})/[a-z0-9_]{{1,60}}|[^/~\x00][^\x00]*\.(?:yaml|yml|json))$",
                    "x-form": "a packaged profile such as instrument/shera_flight, or the relative path of a .yaml,"
                    " .yml or .json file",
                },
                "description": "Packaged profiles, by name, or files, by relative path. A later one wins over an"
                " earlier one, and this profile over all of them.",
            },
            "system": {"enum": list(CONFIG_CLASSES), "description": "The optical system."},
            "spec": {"enum": list(SPEC_NAMES), "description": "Name of the spec of the parameters."},
            "config": {
                "type": "object",
                "description": "Structural fields, which fix array shapes and rasters.",
                "additionalProperties": False,
                "properties": config,
            },
            "parameters": {
                "type": "object",
                "description": "Values by key: a number (or list) in the parameter's own unit, or a value with its unit"
                " such as {value: 4.6, unit: um}.",
                "additionalProperties": False,
                "properties": {
                    **{key: _parameter(item) for key, item in settable_parameters().items()},
                    **{key: _not_set(key) for key in PARAMETERS if key not in settable_parameters()},
                },
            },
            HASH: {
                "type": "string",
                "pattern": "^sha256:[0-9a-f]{64}$",
                "description": "Hash of the content, written when the profile is saved and checked when it is read."
                " Remove it from a profile that you edit by hand.",
            },
        },
    }


def _parameter(field: ParamField) -> dict[str, Any]:
    """Return the schema of a parameter's value: each keyword of JSON Schema applies to its own type alone."""
    limits = field.bounds.as_dict()
    is_list, unit = PARAMETERS[field.key].is_list, own_unit(field)
    amount = "a list of numbers" if is_list else "a number"
    unit_sentence = f"Unit: {unit}." if unit else "A pure number."
    constraints = [each.text for each in PARAMETERS[field.key].constraints]
    schema: dict[str, Any] = {
        "title": field.title,
        "description": " ".join(filter(None, (field.doc, unit_sentence, field.bounds.sentence, *constraints))),
        "type": ["array" if is_list else "number", "object"],
        "x-unit": unit,
        "x-dimension": DIMENSIONS[field.units],
        "x-scale": field.scale,
        "x-form": f"{amount}{f' in {unit}' if unit else ''}, or {{value: ..., unit: {unit or repr('')}}}",
    }
    if is_list:
        value: dict[str, Any] = {"type": "array", "items": {"type": "number", **limits}}
        schema |= {"items": value["items"], "maxItems": MAX_ITEMS}
    else:
        value = {"type": "number"}
        schema |= limits
    # A limit of zero holds in every unit, another one only in the parameter's own.
    in_any_unit = {name: limit for name, limit in limits.items() if limit == 0}
    schema |= {
        "properties": {
            "value": value if is_list else {**value, **in_any_unit},
            "unit": {"type": "string", "maxLength": 40, "examples": [unit]},
        },
        "required": ["value", "unit"],
        "additionalProperties": False,
    }
    if limits != in_any_unit and not is_list:
        schema |= {
            "if": {"type": "object", "required": ["unit"], "properties": {"unit": {"const": unit}}},
            "then": {"properties": {"value": limits}},
        }
    return schema


def _not_set(key: str) -> dict[str, Any]:
    parameter = PARAMETERS[key]
    reason = "no value, because it is derived in every spec"
    if parameter.is_structural:
        reason = "no value, because the configuration fixes it"
    if parameter.is_map:
        reason = "no value, because a profile holds no maps: set it in a store"
    return {"title": parameter.title, "description": parameter.doc, "not": {}, "x-form": reason}


@lru_cache(maxsize=1)
def shera_profiles() -> ProfileFormat:
    """Return the format of the profiles of the SHERA systems, with the folder of the packaged ones."""
    rules: dict[str, Rule] = {}
    for config_class in CONFIG_CLASSES.values():
        rules |= config_class.rules()
    return ProfileFormat(profile_schema(), rules, settable_parameters(), Path(__file__).resolve().parent / "data")


def schema_file() -> Path:
    """Return the installed JSON Schema of profiles, which the first line of a profile names."""
    return shera_profiles().packaged / "profile.schema.json"
