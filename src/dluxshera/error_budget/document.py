"""Budget documents: YAML or JSON, read and checked. No jax."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dluxshera.documents import Document, read_document, validate
from dluxshera.error_budget.consistency import check_budget
from dluxshera.error_budget.discovery import perturbation_kinds
from dluxshera.error_budget.document_schema import budget_schema
from dluxshera.error_budget.exclusion import exclusions_of
from dluxshera.error_budget.perturbation import Perturbation
from dluxshera.error_budget.requirement import Estimator, Quantity, Requirement
from dluxshera.error_budget.terms import Budget, ReferencePoint, Term


def read_budget(path: Path | str) -> Budget:
    """Read a budget document: JSON if the file's name ends in ``.json``, YAML otherwise.

    Raises
    ------
    DocumentError
        If the file cannot be read, does not satisfy `budget_schema` or contradicts itself; with file, line and column.
    """
    return parse_budget(read_document(Path(path)))


def parse_budget(document: Document) -> Budget:
    """Return the budget that a document describes.

    Raises
    ------
    DocumentError
        If the document does not satisfy `budget_schema` or contradicts itself.
    """
    validate(document, budget_schema())
    data = document.data
    requirement, reference = data["requirement"], data["reference"]
    budget = Budget(
        id=data["id"],
        title=data["title"],
        requirement=Requirement(
            requirement["id"],
            requirement["text"],
            requirement["answer"],
            _quantity(requirement),
            requirement["status"],
        ),
        reference=ReferencePoint(reference["text"], reference["profile"], tuple(reference.get("overrides", ()))),
        estimators=tuple(
            Estimator(item["id"], item["title"], tuple(item["free"]), item.get("note", ""))
            for item in data["estimators"]
        ),
        terms=tuple(map(_term, data["terms"])),
        source=document,
        exclusions=exclusions_of(document),
    )
    check_budget(budget)
    return budget


def _term(row: Mapping[str, Any]) -> Term:
    return Term(
        id=row["id"],
        name=row["name"],
        parent=row["parent"],
        acts=row["acts"],
        perturbation=_perturbation(row["perturbation"]),
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


def _perturbation(content: Mapping[str, Any]) -> Perturbation:
    return perturbation_kinds()[content["kind"]].parse(content)


def _quantity(content: Mapping[str, Any]) -> Quantity:
    return Quantity(float(content["value"]), content["unit"])
