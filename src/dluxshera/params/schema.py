"""A `ParamSpec` as JSON Schema 2020-12, which validates documents and is the source of the reference pages.

The keywords of JSON Schema have the limits that a validator enforces; those that begin with ``x-`` the rest. No jax.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dluxshera.documents import DIALECT, DIMENSIONS, SCHEMA_VERSION
from dluxshera.errors import ParameterError
from dluxshera.params.field import ParamField
from dluxshera.params.quantities import floats, own_unit
from dluxshera.params.spec import ParamSpec


def spec_schema(
    spec: ParamSpec, description: str, design_values: Mapping[str, Mapping[str, Any]] | None = None
) -> dict[str, Any]:
    """Return the JSON Schema of a document that gives values for a spec's parameters.

    Parameters
    ----------
    spec : ParamSpec
        Spec with one property for each of its fields, in its order.
    description : str
        Purpose of the spec, as a sentence.
    design_values : mapping of str to mapping, optional
        Values of each point design by key, derived ones included, by the name of the design.

    Returns
    -------
    dict
        Schema as plain data, for `json.dumps`.

    Raises
    ------
    ParameterError
        If the dimension of a unit is not listed.
    """
    designs = design_values or {}
    below = {key: limit for each in spec.constraints for key, limit in each.schema().get("x-below", {}).items()}
    texts = [each.text for each in spec.constraints]
    return {
        "$schema": DIALECT,
        "$id": f"urn:dluxshera:schema:{spec.title}:{SCHEMA_VERSION}",
        "title": f"Parameters of {spec.title}",
        "description": description,
        "type": "object",
        "additionalProperties": False,
        "x-system": spec.system_id,
        "x-spec": spec.name,
        "x-version": SCHEMA_VERSION,
        "x-groups": {
            name: {"title": title, "description": text}
            for name, title, text in spec.groups
            if any(item.group == name for item in spec.fields)
        },
        **({"x-constraints": texts} if texts else {}),
        **({"x-below": below} if below else {}),
        "properties": {
            item.key: field_schema(
                item, {name: values[item.key] for name, values in designs.items() if item.key in values}
            )
            for item in spec.fields
        },
    }


def field_schema(item: ParamField, design_values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON Schema of one parameter's value; `design_values` has its value in each point design.

    Parameters
    ----------
    item : ParamField
        Description of the parameter.
    design_values : mapping of str to object
        Value in each design.
    """
    if item.units not in DIMENSIONS:
        raise ParameterError(item.key, expected="a unit whose dimension documents/keywords.py names", got=item.units)
    description = " ".join(filter(None, (item.doc, _unit_sentence(item), item.bounds.sentence)))
    schema: dict[str, Any] = {"title": item.title, "description": description}
    number = {"type": "number", **item.bounds.as_dict()}
    if item.shape:
        inner = number
        for size in reversed(item.shape):
            inner = {"type": "array", "items": inner, "minItems": size, "maxItems": size}
        schema |= inner
    else:
        schema |= number
    if item.kind != "primitive":
        schema["readOnly"] = True
    if item.kind != "derived":
        word = "x-default-of-each" if len(item.shape) == 2 else "default"
        schema["const" if item.kind == "structural" else word] = floats(item.default)
    schema |= {
        "x-kind": item.kind,
        "x-group": item.group,
        "x-unit": item.units,
        "x-dimension": DIMENSIONS[item.units],
        "x-scale": item.scale,
        "x-acts-on": list(item.acts_on),
        "x-depends-on": list(item.depends_on),
    }
    optional = {
        "x-components": list(item.components),
        "x-effect": item.effect,
        "x-symbol": item.symbol,
        "x-equation": item.equation,
        "x-transform": item.transform,
        "x-period": item.period,
        "x-prior": item.prior.as_dict() if item.prior else None,
    }
    schema |= {name: value for name, value in optional.items() if value}
    schema |= {"x-source": item.source, "x-since": item.since}
    return schema | {"x-design-values": {name: floats(value) for name, value in design_values.items()}}


def _unit_sentence(item: ParamField) -> str:
    unit = own_unit(item)
    return f"Unit: {unit}." if unit else "A pure number, without unit."
