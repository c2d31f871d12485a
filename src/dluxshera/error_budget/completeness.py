"""Completeness of a budget: every parameter has a term or a reasoned exclusion; open inputs are counted. No jax."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from dluxshera.error_budget.computed import ComputedPoint
from dluxshera.error_budget.exclusion import Exclusion
from dluxshera.error_budget.report_rows import amount
from dluxshera.error_budget.requirement import quotient, unit_of
from dluxshera.error_budget.schema_columns import TO_BE_DETERMINED
from dluxshera.params import ParamField, ParamSpec

ILLUSTRATIVE: Final = "illustrative"


def parameter_rows(
    fields: Mapping[str, ParamField],
    spec: ParamSpec | None,
    answer: str,
    terms: Iterable[Mapping[str, Any]],
    exclusions: Iterable[Exclusion],
    point: ComputedPoint,
) -> list[dict[str, Any]]:
    """Return a row for each parameter: the terms that it drives, or the reason why none is needed.

    Parameters
    ----------
    fields : mapping of str to ParamField
        Primitives of the forward model and of every optional effect, by key.
    spec : ParamSpec or None
        Forward spec of the reference point; None in a budget without a model.
    answer : str
        Key of the answer.
    terms : iterable of mapping
        Rows of the terms.
    exclusions : iterable of Exclusion
        Exclusions of the document.
    point : ComputedPoint
        Numbers of the reference point.
    """
    drives: dict[str, list[Mapping[str, Any]]] = {}
    for term in terms:
        for key in term["keys"]:
            drives.setdefault(key, []).append(term)
    reasons = {item.key: item.reason for item in exclusions}
    rows = []
    for key, field in fields.items():
        gradients = {name: items[key] for name, items in point.gradients.items() if key in items}
        unit = quotient(point.unit, unit_of(field))
        rows.append(
            {
                "key": key,
                "title": field.title,
                "effect": field.effect or None,
                "elements": _size(field.shape),
                "terms": [term["id"] for term in drives.get(key, [])],
                "exclusion": reasons.get(key),
                "status": _status(key, answer, drives, reasons),
                "acts": any(acts for _, acts in gradients.values()),
                "derivatives": {name: amount(value, unit) for name, (value, _) in gradients.items()},
                "transforms": _transforms(key, spec),
            }
        )
    return rows


def _status(key: str, answer: str, drives: Mapping[str, Any], reasons: Mapping[str, str]) -> str:
    if key == answer:
        return "answer"
    if key in drives:
        return "term"
    return "excluded" if key in reasons else "open"


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for side in shape:
        size *= side
    return size


def _transforms(key: str, spec: ParamSpec | None) -> list[str]:
    """Return the functions that compute a value which acts on the image from the parameter."""
    if spec is None:
        return []
    users = (spec[name] for name in spec.derived if key in spec[name].depends_on)
    return list(dict.fromkeys(field.transform for field in users if field.acts_on))


def completeness(
    parameters: Iterable[Mapping[str, Any]], terms: Iterable[Mapping[str, Any]], requirement: Mapping[str, Any]
) -> dict[str, Any]:
    """Return how many parameters have a term, an exclusion or neither, and how many inputs are not settled.

    Parameters
    ----------
    parameters : iterable of mapping
        Rows of `parameter_rows`.
    terms : iterable of mapping
        Rows of the terms.
    requirement : mapping
        Requirement of the report.
    """
    parameters, terms = list(parameters), list(terms)

    def keys(status: str) -> list[str]:
        return [row["key"] for row in parameters if row["status"] == status]

    illustrative = [term["id"] for term in terms if term["evidence"]["tag"] == ILLUSTRATIVE]
    undetermined = [term["id"] for term in terms if TO_BE_DETERMINED in (term["evidence"]["tag"], term["status"])]
    if requirement["status"] == ILLUSTRATIVE:
        illustrative.insert(0, requirement["id"])
    return {
        "parameters": len(parameters) - len(keys("answer")),
        "with_term": len(keys("term")),
        "excluded": len(keys("excluded")),
        "open": keys("open"),
        "illustrative": illustrative,
        "undetermined": undetermined,
        "unverified": [term["id"] for term in terms if term["verification"] == TO_BE_DETERMINED],
    }
