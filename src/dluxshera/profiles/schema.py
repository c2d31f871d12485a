"""The JSON Schemas of what is said of a system in documents: configurations and profiles. No jax."""

from __future__ import annotations

from dataclasses import MISSING, fields
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from dluxshera.documents import DIALECT, DIMENSIONS, SCHEMA_VERSION
from dluxshera.params import ParamField, own_unit
from dluxshera.profiles.format import KINDS, ProfileFormat
from dluxshera.profiles.save import HASH, PROFILE, VERSION
from dluxshera.systems import (
    CONFIG_CLASSES,
    EFFECTS,
    PARAMETERS,
    SPEC_NAMES,
    SheraConfig,
    effects_of,
    settable_parameters,
)

LARGEST: Final = {  # what a document may ask for, so that a slip of the pen does not fill the memory
    "pupil_npix": 2048,
    "image_npix": 8192,
    "n_wavelengths": 1000,
    "aperture_subpixels": 9,
    "pixel_nodes": 32,
    "n_struts": 64,
    "gap_npix": 32768,
    "noll": 1000,
    "curve_samples": 1000,
    "n_field_stars": 1000,
    "motion_margin": 256,
    "surface_map_npix": 8192,
}

_FRACTION: Final = {"type": "number", "minimum": 0, "exclusiveMaximum": 1, "x-form": "a fraction from 0 to below 1"}
_NOLL: Final = {
    "type": "array",
    "items": {"type": "integer", "minimum": 1, "maximum": LARGEST["noll"]},
    "maxItems": LARGEST["noll"],
    "uniqueItems": True,
    "x-form": "a list of different Noll indices",
}


def _count(name: str, least: int, **more: Any) -> dict[str, Any]:
    return {"type": "integer", "minimum": least, "maximum": LARGEST[name], **more}


_EVEN: Final = {"multipleOf": 2, "x-form": "an even integer"}
_RULES: Final[dict[str, dict[str, Any]]] = {
    "obscuration": _FRACTION,
    "n_struts": _count("n_struts", 0),
    "strut_width": _FRACTION,
    "strut_rotation_deg": {"type": "number", "x-unit": "deg"},
    "m1_noll": _NOLL,
    "m2_noll": _NOLL,
    "m3_noll": _NOLL,
    "diffractive_pupil": {"type": ["string", "null"], "minLength": 1, "maxLength": 1000},
    "mask_design_wavelength_m": {"type": "number", "exclusiveMinimum": 0, "x-unit": "m"},
    "pupil_npix": _count("pupil_npix", 2, **_EVEN),
    "image_npix": _count("image_npix", 2, **_EVEN),
    "n_wavelengths": _count("n_wavelengths", 1),
    "aperture_subpixels": _count("aperture_subpixels", 1),
    "pixel_nodes": _count("pixel_nodes", 1),
    "effects": {
        "type": "array",
        "items": {"enum": list(EFFECTS)},
        "uniqueItems": True,
        "x-form": f"a list of different effects: {', '.join(EFFECTS)}",
    },
    "curve_samples": _count("curve_samples", 2),
    "n_field_stars": _count("n_field_stars", 1),
    "motion_margin": _count("motion_margin", 1),
    "surface_map_npix": _count("surface_map_npix", 3),
    "gap_npix": {**_count("gap_npix", 2), "type": ["integer", "null"], "multipleOf": 2, "x-form": "an even integer"},
}


def config_fields(cls: type[SheraConfig]) -> tuple[str, ...]:
    """Return the names of the structural fields of a configuration, which documents may set."""
    return tuple(item.name for item in fields(cls) if item.name not in ("name", "design"))


def config_schema(cls: type[SheraConfig]) -> dict[str, Any]:
    """Return the JSON Schema of the structural fields of one system's configuration."""
    return {
        "$schema": DIALECT,
        "$id": f"urn:dluxshera:schema:{cls.system_id}.config:{SCHEMA_VERSION}",
        "title": f"Configuration of {cls.system_id}",
        "description": f"The structural fields of {cls.__name__}: what fixes array shapes and rasters.",
        "type": "object",
        "additionalProperties": False,
        "x-system": cls.system_id,
        "x-version": SCHEMA_VERSION,
        "x-at-least": {"gap_npix": "pupil_npix"} if "gap_npix" in config_fields(cls) else {},
        "properties": _config_properties(cls),
    }


def _config_properties(cls: type[SheraConfig]) -> dict[str, Any]:
    properties = {}
    for item in fields(cls):
        if item.name in ("name", "design"):
            continue
        assert item.default is not MISSING
        default = list(item.default) if isinstance(item.default, tuple) else item.default
        text = item.metadata["doc"].replace("``", "").replace("`", "")
        properties[item.name] = {
            "title": item.name.replace("_", " "), "description": text, **_RULES[item.name], "default": default,
        }  # fmt: skip
    possible = list(effects_of(cls.surfaces))
    properties["effects"] |= {
        "items": {"enum": possible},
        "x-form": f"a list of different effects: {', '.join(possible)}",
        "x-effects": {name: EFFECTS[name].doc for name in possible},
    }
    return properties


def profile_schema() -> dict[str, Any]:
    """Return the JSON Schema of one profile document, for all systems."""
    config: dict[str, Any] = {}
    for cls in CONFIG_CLASSES.values():
        config |= _config_properties(cls)
    for said in config.values():
        del said["default"]  # what a profile leaves out may stand in another one
    line = {"type": "string", "minLength": 1, "maxLength": 10_000}
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
            "kind": {"enum": list(KINDS), "description": "What the profile is about."},
            "name": {
                "type": "string",
                "pattern": r"^[A-Za-z0-9][A-Za-z0-9_. +/-]{0,79}$",
                "x-form": "a name of letters, digits, blanks and _.+-/",
                "description": "What the profile is called.",
            },
            "description": {**line, "description": "What it is for, in a sentence or more."},
            "source": {**line, "description": "Where its values come from."},
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
                "description": "Packaged profiles, by name, or files, by relative path: what comes later wins over what"
                " came before, and this profile over all of them.",
            },
            "system": {"enum": list(CONFIG_CLASSES), "description": "The optical system."},
            "spec": {"enum": list(SPEC_NAMES), "description": "Which spec of the system the parameters are for."},
            "config": {
                "type": "object",
                "description": "Structural fields: what fixes array shapes and rasters.",
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
                "description": "Written when the profile is saved, and checked when it is read; leave it out of a"
                " profile that is edited by hand.",
            },
        },
    }


def _parameter(item: ParamField) -> dict[str, Any]:
    """Return the schema of a parameter's value: each keyword of JSON Schema applies to its own type alone."""
    limits = item.bounds.as_dict()
    array, unit = PARAMETERS[item.key].is_list, own_unit(item)
    what = "a list of numbers" if array else "a number"
    said: dict[str, Any] = {
        "title": item.title,
        "description": f"{item.doc} " + (f"Unit: {unit}." if unit else "A pure number."),
        "type": ["array" if array else "number", "object"],
        "x-unit": unit,
        "x-dimension": DIMENSIONS[item.units],
        "x-scale": item.scale,
        "x-form": f"{what}{f' in {unit}' if unit else ''}, or {{value: ..., unit: {unit or repr('')}}}",
    }
    if array:
        value: dict[str, Any] = {"type": "array", "items": {"type": "number", **limits}}
        said |= {"items": value["items"], "maxItems": LARGEST["noll"]}  # the other lists have the same limit
    else:
        value = {"type": "number"}
        said |= limits
    # A limit of zero holds in every unit, another one only in the parameter's own.
    in_any_unit = {name: limit for name, limit in limits.items() if limit == 0}
    said |= {
        "properties": {
            "value": value if array else {**value, **in_any_unit},
            "unit": {"type": "string", "maxLength": 40, "examples": [unit]},
        },
        "required": ["value", "unit"],
        "additionalProperties": False,
    }
    if limits != in_any_unit and not array:
        said |= {
            "if": {"type": "object", "required": ["unit"], "properties": {"unit": {"const": unit}}},
            "then": {"properties": {"value": limits}},
        }
    return said


def _not_set(key: str) -> dict[str, Any]:
    item = PARAMETERS[key]
    reason = "no value, for it is derived in every spec"
    if item.is_structural:
        reason = "no value, for the configuration fixes it"
    if item.is_map:
        reason = "no value, for a profile holds no maps: set it in a store"
    return {"title": item.title, "description": item.doc, "not": {}, "x-form": reason}


@lru_cache(maxsize=1)
def shera_profiles() -> ProfileFormat:
    """Return what profiles of the SHERA systems may say, and where the packaged ones are."""
    return ProfileFormat(profile_schema(), settable_parameters(), Path(__file__).resolve().parent / "data")
