"""The valid parts of a budget document as objects, before its consistency is checked. No jax."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from dluxshera.documents import Document, Where
from dluxshera.error_budget.discovery import perturbation_kinds
from dluxshera.error_budget.exclusion import exclusions_of
from dluxshera.error_budget.magnitude import Magnitude
from dluxshera.error_budget.partial_rows import partial_rows
from dluxshera.error_budget.perturbation import Perturbation
from dluxshera.error_budget.requirement import Estimator, Quantity, Requirement
from dluxshera.error_budget.terms import Budget, Case, Correlation, ReferencePoint, Term, Verification


@dataclass
class Draft:
    """The parts of a budget document that satisfy its schema, by their index.

    Parameters
    ----------
    document : Document
        The document.
    faulty : set of tuple
        Paths, at most two parts long, of the parts that do not satisfy the schema.
    paths : tuple of tuple
        Paths of the faults that the schema finds.
    requirement : Requirement, optional
        Root of the budget.
    reference : ReferencePoint, optional
        Reference point.
    estimators, terms, correlations, cases : dict of int
        Items of the lists.
    parts : dict of int
        Rows that do not satisfy the schema, with neutral values in place of the faulty fields.
    """

    document: Document
    faulty: set[Where]
    paths: tuple[Where, ...] = ()
    requirement: Requirement | None = None
    reference: ReferencePoint | None = None
    estimators: dict[int, Estimator] = field(default_factory=dict)
    terms: dict[int, Term] = field(default_factory=dict)
    parts: dict[int, Term] = field(default_factory=dict)
    correlations: dict[int, Correlation] = field(default_factory=dict)
    cases: dict[int, Case] = field(default_factory=dict)

    @classmethod
    def of(cls, document: Document, faulty: Iterable[Where]) -> Draft:
        """Return the valid parts of a document.

        Parameters
        ----------
        document : Document
            The document.
        faulty : iterable of tuple
            Paths of the faults that the schema finds.
        """
        paths = tuple(faulty)
        short = {where[:2] for where in paths} | {where[:1] for where in paths if len(where) == 1}
        draft = cls(document, short, paths)
        if (content := draft._record("requirement")) is not None:
            draft.requirement = _requirement(content)
        if (content := draft._record("reference")) is not None:
            draft.reference = reference_of(content, ("reference",))
        draft.estimators = {i: _estimator(row) for i, row in draft._items("estimators")}
        draft.terms = {i: _term(row) for i, row in draft._items("terms")}
        draft.parts = {i: _term(row) for i, row in partial_rows(document, paths)}
        draft.correlations = {i: _correlation(row) for i, row in draft._items("correlations")}
        terms = {term.id: term for term in draft.terms.values()}
        draft.cases = {i: _case(row, ("cases", i), terms) for i, row in draft._items("cases")}
        return draft

    def _record(self, name: str) -> Mapping[str, Any] | None:
        content = self.document.data.get(name)
        is_valid = isinstance(content, dict) and not any(where[:1] == (name,) for where in self.faulty)
        return content if is_valid else None

    def _items(self, name: str) -> Iterable[tuple[int, Mapping[str, Any]]]:
        items = self.document.data.get(name)
        for i, row in enumerate(items if isinstance(items, list) else ()):
            if isinstance(row, dict) and (name, i) not in self.faulty:
                yield i, row

    @property
    def has_model(self) -> bool:
        """True if the document names a reference point or estimators, valid or not."""
        return "reference" in self.document.data or "estimators" in self.document.data

    def ids(self, name: str) -> list[str]:
        """Return the identifiers of the items of a list, of faulty ones too."""
        return self.texts(name, "id")

    def texts(self, name: str, key: str) -> list[str]:
        """Return a field of the items of a list, of faulty ones too, where it is a text."""
        items = self.document.data.get(name)
        rows = [row for row in (items if isinstance(items, list) else ()) if isinstance(row, dict)]
        return [row[key] for row in rows if isinstance(row.get(key), str)]

    def budget(self) -> Budget:
        """Return the budget of a document without faults, with its allocations in the unit of the requirement."""
        data, requirement = self.document.data, self.requirement
        assert requirement is not None  # the schema requires it
        unit = requirement.limit.unit
        estimators = tuple(self.estimators.values())
        return Budget(
            id=data["id"],
            title=data["title"],
            requirement=requirement,
            reference=self.reference,
            estimators=estimators,
            terms=tuple(_in_unit(term, unit) for term in self.terms.values()),
            source=self.document,
            baseline=data.get("baseline", estimators[0].id if estimators else None),
            cases=tuple(
                replace(
                    case,
                    limit=None if case.limit is None else case.limit.to(unit),
                    terms={name: _in_unit(term, unit) for name, term in case.terms.items()},
                )
                for case in self.cases.values()
            ),
            correlations=tuple(self.correlations.values()),
            publication=data.get("source", ""),
            licence=data.get("licence", ""),
            exclusions=exclusions_of(self.document),
        )


def _in_unit(term: Term, unit: str) -> Term:
    return term if term.allocation is None else replace(term, allocation=term.allocation.to(unit))


def _requirement(content: Mapping[str, Any]) -> Requirement:
    return Requirement(
        content["id"], content["text"], content["answer"], _quantity(content), content["status"],
        content.get("source", ""),
    )  # fmt: skip


def reference_of(content: Mapping[str, Any], where: Where) -> ReferencePoint:
    """Return the reference point that a document describes.

    Parameters
    ----------
    content : mapping
        Part of the document.
    where : tuple of str and int
        Path of the part.
    """
    return ReferencePoint(content.get("text", ""), content["profile"], tuple(content.get("overrides", ())), where)


def _estimator(item: Mapping[str, Any]) -> Estimator:
    return Estimator(item["id"], item["title"], tuple(item["free"]), item.get("note", ""))


def _term(row: Mapping[str, Any]) -> Term:
    allocation = row.get("allocation")
    return Term(
        id=row["id"],
        name=row["name"],
        parent=row["parent"],
        acts=row["acts"],
        perturbation=_perturbation(row["perturbation"]),
        magnitude=_magnitude(row.get("magnitude")),
        evidence=row["evidence"],
        term_class=row["class"],
        rule=row["rule"],
        status=row["status"],
        since=row["since"],
        cause=row.get("cause"),
        allocation=_quantity(allocation) if allocation else None,
        allocation_source=allocation.get("source", "") if allocation else "",
        role=row.get("role"),
        maturity=row.get("maturity"),
        factor=float(row.get("factor", 1.0)),
        owner=row.get("owner"),
        note=row.get("note", ""),
        verification=Verification(**row.get("verification", {})),
        time=row.get("time"),
    )


def _case(row: Mapping[str, Any], where: Where, terms: Mapping[str, Term]) -> Case:
    changes = {}
    for name, content in row.get("terms", {}).items():
        if name in terms:  # an unknown name is a fault
            changes[name] = _changed(terms[name], content)
    return Case(
        id=row["id"],
        title=row["title"],
        reference=reference_of(row["reference"], (*where, "reference")) if "reference" in row else None,
        estimator=row.get("estimator"),
        time=row.get("time", "visit"),
        limit=_quantity(row["requirement"]) if "requirement" in row else None,
        terms=changes,
        note=row.get("note", ""),
    )


def _changed(term: Term, content: Mapping[str, Any]) -> Term:
    if "magnitude" in content:
        term = replace(term, magnitude=_magnitude(content["magnitude"]))
    if "perturbation" in content:
        term = replace(term, perturbation=_perturbation(content["perturbation"]))
    if "allocation" in content:
        allocation = content["allocation"]
        source = allocation.get("source", "") if allocation else ""
        term = replace(term, allocation=_quantity(allocation) if allocation else None, allocation_source=source)
    return term


def _correlation(item: Mapping[str, Any]) -> Correlation:
    first, second = item["between"]
    r = None if isinstance(item["r"], str) else float(item["r"])
    return Correlation(first, second, r, item.get("source", ""))


def _perturbation(content: Mapping[str, Any]) -> Perturbation:
    return perturbation_kinds()[content["kind"]].parse(content)


def _magnitude(content: Mapping[str, Any] | None) -> Magnitude | None:
    return None if content is None else Magnitude.of(content)


def _quantity(content: Mapping[str, Any]) -> Quantity:
    return Quantity(float(content["value"]), content["unit"])
