"""Published budgets as tables: sums that must close, imported as budget documents without a model. No jax."""

from __future__ import annotations

from collections.abc import Iterator
from math import hypot
from typing import Any, Final, NamedTuple

from dluxshera.documents import Document, Where, faults
from dluxshera.error_budget.quadrature import reserve
from dluxshera.error_budget.schema_columns import (
    BUDGET_VERSION,
    EVIDENCE_TAGS,
    REQUIREMENT_STATUSES,
    TERM_CLASSES,
    schema_head,
    unit_schema,
)
from dluxshera.error_budget.schema_parts import (
    choice_schema,
    identifier_schema,
    list_schema,
    record_schema,
    text_schema,
)
from dluxshera.error_budget.spec_check import unit_fault
from dluxshera.errors import DocumentError

TABLE: Final = "table_version"
TABLE_VERSION: Final = "0.1.0"
_COLUMNS: Final = ("allocation", "estimate")
ROUNDING: Final = 1e-9


def table_schema() -> dict[str, Any]:
    """Return the JSON Schema of a table of a published budget."""
    numbers = {"type": "array", "items": {"type": "number", "minimum": 0}, "minItems": 1}
    row = record_schema(
        "A row. The first row is the root; a row with others below it is their sum in quadrature.",
        {"id": identifier_schema("Stable identifier."), "name": text_schema("Short name.")},
        {
            "parent": identifier_schema("Identifier of the row above; only the root has none."),
            "allocation": {**numbers, "description": "Required value of each case."},
            "estimate": {**numbers, "description": "Predicted value of each case."},
            "remainder": {
                "const": True,
                "description": "True for the row that has what the others leave of the row above, in quadrature.",
            },
            "class": choice_schema("Class of the row, if it is not that of the table.", TERM_CLASSES),
            "source": text_schema("Place in the source."),
        },
    )
    content = {
        TABLE: {"const": TABLE_VERSION, "description": "Version of this schema."},
        "id": identifier_schema("Identifier of the budget."),
        "title": text_schema("Title."),
        "text": text_schema("Subject of the budget."),
        "source": text_schema("Publication."),
        "licence": text_schema("Licence of the source, with its copyright."),
        "answer": text_schema("Quantity whose error is budgeted."),
        "unit": unit_schema(),
        "tolerance": {
            "type": "number",
            "minimum": 0,
            "description": "Largest difference of a stated sum from the computed one, from the rounding of the source.",
        },
        "status": choice_schema("Status of the required values.", REQUIREMENT_STATUSES),
        "evidence": choice_schema("Kind of evidence for the predicted values.", EVIDENCE_TAGS),
        "class": choice_schema("Class of the rows.", TERM_CLASSES),
        "cases": list_schema(
            "Cases, in the order of the numbers of each row; the first is the reference.",
            record_schema(
                "A case.", {"id": identifier_schema("Stable identifier."), "title": text_schema("Short name.")}
            ),
            minItems=1,
        ),
        "rows": list_schema("Rows.", row, minItems=2),
    }
    return schema_head("table", "Table of a published budget", TABLE_VERSION) | record_schema(
        "The numbers of a published budget, each as its source states it.", content
    )


class Sum(NamedTuple):
    """A sum in a table.

    Parameters
    ----------
    row : str
        Identifier of the row that states the sum.
    column : {'allocation', 'estimate'}
        Column.
    case : str
        Identifier of the case.
    stated, computed : float
        Stated value, and the root of the sum of the squares of the rows below.
    """

    row: str
    column: str
    case: str
    stated: float
    computed: float


def document_of_table(document: Document, errors: list[DocumentError]) -> Document:
    """Return the budget document of a table.

    Parameters
    ----------
    document : Document
        Table.
    errors : list of DocumentError
        List that receives the faults, a sum that does not close among them.
    """
    table = _Table(document)
    if wrong := [*faults(document, table_schema())] or [*table.faults()]:
        errors += wrong
        return Document(document.file, {}, document.places)
    errors += table.open_sums()
    return Document(document.file, table.budget(), document.places)


def sums_of_table(document: Document) -> list[Sum]:
    """Return the sums of a table with their stated and computed values; remainders are computed, so they are none.

    Parameters
    ----------
    document : Document
        Table that satisfies `table_schema`.
    """
    return [item for _, item in _Table(document).sums()]


class _Table:
    def __init__(self, document: Document) -> None:
        self.document, self.data = document, document.data

    def _prepare(self) -> None:
        self.rows = {row["id"]: row for row in self.data["rows"]}
        self.index = {row["id"]: i for i, row in enumerate(self.data["rows"])}
        self.root = self.data["rows"][0]["id"]
        self.cases = [case["id"] for case in self.data["cases"]]
        self.below: dict[str, list[str]] = {name: [] for name in self.rows}
        for name, row in self.rows.items():
            if name != self.root:
                self.below[row["parent"]].append(name)

    def faults(self) -> Iterator[DocumentError]:
        """Return the faults that the schema cannot find."""
        yield from unit_fault(self.document, ("unit",), self.data["unit"])
        rows, size = self.data["rows"], len(self.data["cases"])
        ids = [row["id"] for row in rows]
        for i, row in enumerate(rows):
            if row["id"] in ids[:i]:
                yield self.document.error(("rows", i, "id"), "duplicate id", got=row["id"])
            if i == 0 and "parent" in row:
                yield self.document.error(("rows", 0, "parent"), "the first row is the root, which has no parent")
            elif i > 0 and row.get("parent") not in ids[:i]:
                at = ("rows", i, "parent") if "parent" in row else ("rows", i)
                allowed = ", ".join(ids[:i])
                yield self.document.error(
                    at, "not a row before this one", allowed=allowed, got=row.get("parent"), candidates=ids[:i]
                )
            for column in _COLUMNS:
                if column in row and len(row[column]) != size:
                    yield self.document.error(
                        ("rows", i, column), "not one number for each case", allowed=f"{size} numbers", got=row[column]
                    )
            if row.get("remainder") and any(column in row for column in _COLUMNS):
                yield self.document.error(("rows", i, "remainder"), "the numbers of a remainder are computed")
            twice = [r["id"] for r in rows[:i] if r.get("remainder") and r.get("parent") == row.get("parent")]
            if row.get("remainder") and twice:
                yield self.document.error(("rows", i, "remainder"), f"the row {twice[0]} is the remainder already")
        if "allocation" not in rows[0]:
            yield self.document.error(("rows", 0), "the root has no allocation, which is the requirement")

    def number(self, name: str, column: str, k: int) -> float | None:
        """Return the stated or computed value of a row; None where the table has none."""
        row = self.rows[name]
        if row.get("remainder"):
            whole = self.number(row["parent"], column, k)
            others = self._computed(row["parent"], column, k)
            return None if whole is None or others is None else max(reserve(whole, others), 0.0)
        return float(row[column][k]) if column in row else None

    def _computed(self, name: str, column: str, k: int) -> float | None:
        """Return the root sum of squares of the rows below, without a remainder; None if one of them has no value."""
        parts = [self.number(child, column, k) for child in self.below[name] if not self.rows[child].get("remainder")]
        values = [part for part in parts if part is not None]
        return hypot(*values) if values and len(values) == len(parts) else None

    def sums(self) -> Iterator[tuple[Where, Sum]]:
        """Return the sums with their places; a row with a remainder below it closes if the others are not larger."""
        self._prepare()
        for name, children in self.below.items():
            for column in _COLUMNS:
                for k, case in enumerate(self.cases):
                    stated, computed = self.number(name, column, k), self._computed(name, column, k)
                    if stated is None or computed is None:
                        continue
                    where = ("rows", self.index[name], column, k)
                    if not any(self.rows[child].get("remainder") for child in children):
                        yield where, Sum(name, column, case, stated, computed)

    def open_sums(self) -> Iterator[DocumentError]:
        """Return a fault for each sum that does not close."""
        tolerance, unit = self.data["tolerance"], self.data["unit"]
        for where, item in self.sums():
            if abs(item.stated - item.computed) > tolerance + ROUNDING * item.computed:
                yield self._open(where, item, f"computed {_text(item.computed, unit)}")
        for name, row in self.rows.items():
            for column in _COLUMNS if row.get("remainder") else ():
                for k, case in enumerate(self.cases):
                    whole = self.number(row["parent"], column, k)
                    others = self._computed(row["parent"], column, k)
                    if whole is not None and others is not None and others > whole + tolerance:
                        where = ("rows", self.index[row["parent"]], column, k)
                        text = f"less than {_text(others, unit)}, the sum of the rows other than {name}"
                        yield self._open(where, Sum(row["parent"], column, case, whole, others), text)

    def _open(self, where: Where, item: Sum, text: str) -> DocumentError:
        unit, tolerance = self.data["unit"], self.data["tolerance"]
        name = self.rows[item.row]["name"]
        problem = (
            f"the sum {item.row} ({name}) of {item.case} does not close: stated {_text(item.stated, unit)}, {text},"
            f" tolerance {_text(tolerance, unit)}; compare the rows {', '.join(self.below[item.row])} with the source"
        )
        return self.document.error(where, problem)

    def budget(self) -> dict[str, Any]:
        """Return the content of the budget document."""
        data, unit = self.data, self.data["unit"]
        root = self.rows[self.root]
        terms = [self._term(name) for name in self.rows if name != self.root]
        budget = {
            "schema_version": BUDGET_VERSION,
            "id": data["id"],
            "title": data["title"],
            "source": data["source"],
            "licence": data["licence"],
            "requirement": {
                "id": self.root,
                "text": data["text"],
                "answer": data["answer"],
                "value": self.number(self.root, "allocation", 0),
                "unit": unit,
                "status": data["status"],
                "source": root.get("source", data["source"]),
            },
            "terms": terms,
        }
        if len(self.cases) > 1:
            budget["cases"] = [
                {
                    "id": case["id"],
                    "title": case["title"],
                    "requirement": {"value": self.number(self.root, "allocation", k), "unit": unit},
                    "terms": {
                        name: fields for name in self.rows if name != self.root and (fields := self._fields(name, k))
                    },
                }
                for k, case in enumerate(data["cases"])
            ]
        return budget

    def _fields(self, name: str, k: int) -> dict[str, Any]:
        """Return the fields of a row that have the numbers of a case."""
        unit, fields = self.data["unit"], {}
        allocation, estimate = self.number(name, "allocation", k), self.number(name, "estimate", k)
        if allocation:
            fields["allocation"] = {"value": allocation, "unit": unit}
        if self.below[name]:
            stated = (
                {}
                if estimate is None
                else {"stated": {"value": estimate, "unit": unit, "tolerance": self.data["tolerance"]}}
            )
            fields["perturbation"] = {"kind": "children", **stated}
        elif estimate is not None:
            fields["magnitude"] = {"value": estimate, "unit": unit}
        return fields

    def _term(self, name: str) -> dict[str, Any]:
        row, data = self.rows[name], self.data
        fields = self._fields(name, 0)
        missing = not self.below[name] and "magnitude" not in fields
        tag = "derived" if row.get("remainder") or self.below[name] else data["evidence"]
        derived = "Root of the difference of squares of its parent and the other rows"
        return {
            "id": name,
            "name": row["name"],
            "parent": row["parent"],
            "acts": "Sum of the rows below it." if self.below[name] else "Stated by the source.",
            "perturbation": {"kind": "given"},
            "evidence": {
                "tag": "to be determined" if missing else tag,
                "source": derived if row.get("remainder") else row.get("source", data["source"]),
            },
            "class": row.get("class", data["class"]),
            "rule": "rss",
            "status": "to be determined" if missing else "agreed",
            "since": TABLE_VERSION,
            **fields,
        }


def _text(value: float, unit: str) -> str:
    return f"{value:.5g} {unit}".strip()
