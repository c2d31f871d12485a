"""Budget documents: read, checked against their schema, in themselves, and against the specs of the model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dluxshera.documents import Document, Where, read_yaml, validate
from dluxshera.error_budget.schema import budget_schema as budget_schema
from dluxshera.error_budget.schema import report_schema as report_schema
from dluxshera.error_budget.terms import (
    Budget,
    DerivedChange,
    Effect,
    Estimator,
    Marginalisation,
    PhotonNoise,
    Quantity,
    Reference,
    Requirement,
    Step,
    Term,
)
from dluxshera.errors import near_matches
from dluxshera.params import ParamField, ParamSpec


def read_budget(path: Path) -> Budget:
    """Read a budget document.

    Raises
    ------
    DocumentError
        With file, line and column, if it is not YAML, not as `budget_schema` says, or contradicts itself.
    """
    return parse_budget(read_yaml(path))


def parse_budget(document: Document) -> Budget:
    """Return the budget that a document describes.

    Raises
    ------
    DocumentError
        If the document is not as `budget_schema` says, or contradicts itself.
    """
    validate(document, budget_schema())
    data = document.data
    said, point = data["requirement"], data["reference"]
    budget = Budget(
        id=data["id"],
        title=data["title"],
        requirement=Requirement(said["id"], said["text"], said["answer"], _quantity(said), said["status"]),
        reference=Reference(
            text=point["text"],
            system=point["system"],
            design=point["design"],
            target=point["target"],
            structure={name: _numbers(value) for name, value in point.get("structure", {}).items()},
            values={key: _floats(value) for key, value in point.get("values", {}).items()},
        ),
        estimators=tuple(
            Estimator(item["id"], item["title"], tuple(item["free"]), item.get("note", ""))
            for item in data["estimators"]
        ),
        terms=tuple(map(_term, data["terms"])),
        source=document,
    )
    _check_in_itself(budget)
    return budget


def _term(row: Mapping[str, Any]) -> Term:
    return Term(
        id=row["id"],
        name=row["name"],
        parent=row["parent"],
        acts=row["acts"],
        effect=_effect(row["effect"]),
        magnitude=_quantity(row["magnitude"]) if row["magnitude"] else None,
        evidence=row["evidence"],
        term_class=row["class"],
        rule=row["rule"],
        group=row.get("group"),
        allocation=_quantity(row["allocation"]) if row.get("allocation") else None,
        owner=row.get("owner"),
        status=row["status"],
        since=row["since"],
        verification=row.get("verification", ""),
    )


def _effect(said: Mapping[str, Any]) -> Effect:
    direction = {key: _floats(value) for key, value in said.get("direction", {}).items()}
    match said["kind"]:
        case "photon_noise":
            return PhotonNoise(tuple(said["keys"]), said.get("closed_form", {}))
        case "marginalisation":
            return Marginalisation()
        case "step":
            return Step(said["model"], direction, said.get("relative", False))
        case _:
            return DerivedChange(said["derived"], said["applied_to"], direction)


def _quantity(said: Mapping[str, Any]) -> Quantity:
    return Quantity(float(said["value"]), said["unit"])


def _floats(value: Any) -> float | tuple[float, ...]:
    return tuple(map(float, value)) if isinstance(value, list) else float(value)


def _numbers(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _check_in_itself(budget: Budget) -> None:
    error, requirement = budget.source.error, budget.requirement
    _check_unique("estimators", budget, [item.id for item in budget.estimators])
    _check_unique("terms", budget, [requirement.id, *(item.id for item in budget.terms)], offset=1)
    for i, estimator in enumerate(budget.estimators):
        if requirement.answer not in estimator.free:
            raise error(
                ("estimators", i, "free"), "the answer is not among the fitted parameters", allowed=requirement.answer
            )
    parents = {item.id: item.parent for item in budget.terms}
    for i, term in enumerate(budget.terms):
        at: Where = ("terms", i)
        known = [requirement.id, *parents]
        if term.parent not in known:
            raise error((*at, "parent"), "no such term", allowed=", ".join(known), got=term.parent, candidates=known)
        seen = [term.id]
        while seen[-1] in parents:
            seen.append(parents[seen[-1]])
            if seen[-1] in seen[:-1]:
                raise error((*at, "parent"), f"the parents form a circle, {' -> '.join(seen)}")
        if term.allocation and term.allocation.unit != requirement.limit.unit:
            raise error(
                (*at, "allocation", "unit"),
                "not the unit of the requirement",
                allowed=requirement.limit.unit,
                got=term.allocation.unit,
            )
        if (term.rule == "group") != (term.group is not None):
            raise error((*at, "rule"), "a group goes with the rule 'group' and with no other", got=term.rule)
        if term.rule == "informative" and term.allocation:
            raise error((*at, "allocation"), "an informative row has no allocation", got=term.allocation.value)
        if (term.magnitude is None) != isinstance(term.effect, PhotonNoise | Marginalisation):
            what = "null, for the reference point fixes it" if term.magnitude else "a magnitude"
            raise error((*at, "magnitude"), "does not go with the effect", allowed=what)


def _check_unique(table: str, budget: Budget, ids: list[str], offset: int = 0) -> None:
    for i, name in enumerate(ids):
        if name in ids[:i]:
            raise budget.source.error((table, i - offset, "id"), "the id stands twice", got=name)


def check_against_specs(budget: Budget, forward: ParamSpec, inference: ParamSpec) -> None:
    """Check that every key of a budget is one of the model's, and that every unit fits.

    Raises
    ------
    DocumentError
        With file, line and column.
    """
    check = _SpecCheck(budget)
    specs = {"forward": forward, "inference": inference}
    answer = check.field(("requirement", "answer"), budget.requirement.answer, inference)
    check.unit(("requirement", "unit"), budget.requirement.limit.unit, [answer])
    for key, value in budget.reference.values.items():
        check.value(("reference", "values", key), check.field(("reference", "values", key), key, forward), value)
    for i, estimator in enumerate(budget.estimators):
        for k, key in enumerate(estimator.free):
            check.field(("estimators", i, "free", k), key, inference)
    for i, term in enumerate(budget.terms):
        at: Where = ("terms", i, "effect")
        match term.effect:
            case PhotonNoise(keys, closed_form):
                for k, key in enumerate(keys):
                    if check.field((*at, "keys", k), key, forward).shape:
                        raise budget.source.error((*at, "keys", k), "only a parameter of one number", got=key)
                for name, key in closed_form.items():
                    check.field((*at, "closed_form", name), key, forward, kinds=("primitive", "derived"))
            case Step(model, direction, relative):
                fields = check.direction((*at, "direction"), direction, specs[model])
                check.unit(("terms", i, "magnitude", "unit"), _unit(term), [] if relative else fields)
            case DerivedChange(derived, applied_to, direction):
                check.field((*at, "derived"), derived, forward, kinds=("derived",))
                check.field((*at, "applied_to"), applied_to, inference)
                fields = check.direction((*at, "direction"), direction, forward)
                check.unit(("terms", i, "magnitude", "unit"), _unit(term), fields)


def _unit(term: Term) -> str:
    return term.magnitude.unit if term.magnitude else ""


class _SpecCheck:
    def __init__(self, budget: Budget) -> None:
        self.error = budget.source.error

    def field(self, at: Where, key: str, spec: ParamSpec, kinds: Iterable[str] = ("primitive",)) -> ParamField:
        at_key = at[-1] == key  # a key of the document's own mapping
        known = [item.key for item in spec.fields if item.kind in kinds]
        if key not in known:
            problem = f"not a {' or '.join(kinds)} parameter of the {spec.title} spec"
            near = near_matches(key, known)
            allowed = "" if near else ", ".join(known)
            raise self.error(at, problem, allowed=allowed, got=key, candidates=known, at_key=at_key)
        return spec[key]

    def value(self, at: Where, item: ParamField, value: float | tuple[float, ...]) -> None:
        self.shape(at, item, value)
        for number in value if isinstance(value, tuple) else (value,):
            if not item.bounds.contains(number):
                raise self.error(at, "out of range", allowed=f"{item.bounds} {item.units}".strip(), got=number)

    def shape(self, at: Where, item: ParamField, value: float | tuple[float, ...]) -> None:
        shape = (len(value),) if isinstance(value, tuple) else ()
        if shape != item.shape:
            allowed = f"{item.shape[0]} numbers, {', '.join(item.components)}" if item.shape else "one number"
            raise self.error(at, "wrong number of components", allowed=allowed, got=value)

    def direction(
        self, at: Where, direction: Mapping[str, float | tuple[float, ...]], spec: ParamSpec
    ) -> list[ParamField]:
        fields = []
        for key, value in direction.items():
            fields.append(self.field((*at, key), key, spec))
            self.shape((*at, key), fields[-1], value)
        return fields

    def unit(self, at: Where, unit: str, fields: list[ParamField]) -> None:
        for wanted in [unit_of(item) for item in fields] or [""]:
            try:
                conversion(unit, wanted)
            except ValueError:
                allowed = f"a unit that converts to {wanted}" if wanted else "a pure number, with the unit ''"
                raise self.error(at, "wrong unit", allowed=allowed, got=unit) from None


def unit_of(item: ParamField) -> str:
    """Return the unit of a parameter's value; a logarithm has none."""
    return "" if item.scale == "log10" else item.units


def conversion(unit: str, wanted: str) -> float:
    """Return the factor from one unit to another, both VOUnit strings.

    Raises
    ------
    ValueError
        If they are not units, or not of the same dimension.
    """
    from astropy import units  # slow to import

    return float(units.Unit(unit, format="vounit").to(units.Unit(wanted, format="vounit")))


def quotient(unit: str, by: str) -> str:
    """Return the VOUnit string of one unit divided by another."""
    if not by:
        return unit
    return f"{unit}/{by}" if by.isalpha() else f"{unit}/({by})"
