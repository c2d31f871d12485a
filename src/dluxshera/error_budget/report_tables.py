"""Tables of a report, each once for CSV, spreadsheets and pages: terms, totals, parameters, verifications. No jax."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from dluxshera._csv_text import csv_text

NO_RESULT: Final = dict.fromkeys(
    ("sensitivity", "bias", "sigma", "contribution", "margin", "stealth", "linear_range", "resolution", "refit")
)  # of a term that is to be determined


class BudgetTable(NamedTuple):
    """A table of a report.

    Parameters
    ----------
    head : tuple of str
        Titles of the columns, with units in them where a column has one unit.
    rows : list of tuple
        Cells: numbers, texts, or None.
    """

    head: tuple[str, ...]
    rows: list[tuple[Any, ...]]

    def csv(self) -> str:
        """Return the table as CSV; an empty cell for None."""
        return csv_text([self.head, *(["" if cell is None else cell for cell in row] for row in self.rows)])


def budget_tables(report: Mapping[str, Any]) -> dict[str, BudgetTable]:
    """Return the tables of a report by name: ``terms``, ``totals``, ``parameters`` and ``verification``.

    Parameters
    ----------
    report : mapping
        Report, as `evaluate` returns it.

    Returns
    -------
    dict of str to BudgetTable
        ``terms`` has a row for each term and estimator.
    """
    return {
        "terms": terms_table(report),
        "totals": totals_table(report),
        "parameters": parameters_table(report),
        "verification": verification_table(report),
    }


def terms_table(report: Mapping[str, Any]) -> BudgetTable:
    """Return the table with a row for each term and estimator."""
    unit = report["budget"]["requirement"]["unit"]
    head = (
        "Term", "Name", "Parent", "Class", "Rule", "Cause", "Status", "Evidence", "Source", "Magnitude",
        "Magnitude unit", f"Allocation ({unit})", "Estimator", "Sensitivity", "Sensitivity unit", f"Bias ({unit})",
        f"Sigma ({unit})", f"Contribution ({unit})", f"Margin ({unit})", "Variance share", "Stealth", "Linear to",
        f"Resolution ({unit})", f"Refit ({unit})", "Parameters", "Owner", "Since",
    )  # fmt: skip
    rows = []
    for estimator in report["estimators"]:
        shares = report["rollup"][estimator["id"]]["shares"]
        for term in report["terms"]:
            result = term["results"].get(estimator["id"], NO_RESULT)
            rows.append(
                (
                    term["id"],
                    term["name"],
                    term["parent"],
                    term["class"],
                    term["rule"],
                    term["group"],
                    term["status"],
                    term["evidence"]["tag"],
                    term["evidence"]["source"],
                    _value(term["magnitude"]),
                    _unit(term["magnitude"]),
                    _value(term["allocation"]),
                    estimator["id"],
                    _value(result["sensitivity"]),
                    _unit(result["sensitivity"]),
                    _value(result["bias"]),
                    _value(result["sigma"]),
                    _value(result["contribution"]),
                    _value(result["margin"]),
                    shares[term["id"]],
                    result["stealth"],
                    _value(result["linear_range"]),
                    _value(result["resolution"]),
                    _value(result["refit"]),
                    " ".join(term["keys"]),
                    term["owner"],
                    term["since"],
                )
            )
    return BudgetTable(head, rows)


def totals_table(report: Mapping[str, Any]) -> BudgetTable:
    """Return the table with a row for each estimator."""
    requirement = report["budget"]["requirement"]
    unit = requirement["unit"]
    classes = list(dict.fromkeys(name for total in report["rollup"].values() for name in total["by_class"]))
    head = (
        "Estimator", "Title", "Parameters", f"Sigma ({unit})", f"Total ({unit})", f"Requirement ({unit})",
        f"Margin ({unit})", *(f"{name.capitalize()} ({unit})" for name in classes),
    )  # fmt: skip
    rows = []
    for estimator in report["estimators"]:
        total = report["rollup"][estimator["id"]]
        by_class = [_value(total["by_class"].get(name)) for name in classes]
        rows.append(
            (
                estimator["id"],
                estimator["title"],
                estimator["n_parameters"],
                _value(estimator["sigma"]),
                _value(total["total"]),
                requirement["value"],
                _value(total["margin"]),
                *by_class,
            )
        )
    return BudgetTable(head, rows)


def parameters_table(report: Mapping[str, Any]) -> BudgetTable:
    """Return the table with a row for each parameter: its terms, and the derivative of the answer of each estimator."""
    names = [estimator["id"] for estimator in report["estimators"]]
    head = ("Parameter", "Title", "Effect", "Elements", "Status", "Terms", "Reason of exclusion", "Unit of derivatives")
    rows = []
    for row in report["parameters"]:
        derivatives = row["derivatives"]
        unit = next((item["unit"] for item in derivatives.values()), None)
        rows.append(
            (
                row["key"],
                row["title"],
                row["effect"],
                row["elements"],
                row["status"],
                " ".join(row["terms"]),
                row["exclusion"],
                unit,
                *(_value(derivatives.get(name)) for name in names),
            )
        )
    return BudgetTable((*head, *(f"Derivative, {name}" for name in names)), rows)


def verification_table(report: Mapping[str, Any]) -> BudgetTable:
    """Return the table with a row for each term: how it is verified, by which evidence, and with which result."""
    columns = ("method", "phase", "evidence", "result")
    rows = []
    for term in report["terms"]:
        record = term.get("verified") or {}
        rows.append(
            (term["id"], term["name"], *(record.get(name) for name in columns), term["verification"], term["owner"])
        )
    return BudgetTable(("Term", "Name", "Method", "Phase", "Evidence", "Result", "Text", "Owner"), rows)


def children_of(terms: Sequence[Mapping[str, Any]], parent: str) -> list[Mapping[str, Any]]:
    """Return the rows of the terms whose parent is the requirement or term with an id, in their order."""
    return [term for term in terms if term["parent"] == parent]


def _value(quantity: Mapping[str, Any] | None) -> Any:
    return None if quantity is None else quantity["value"]


def _unit(quantity: Mapping[str, Any] | None) -> Any:
    return None if quantity is None else quantity["unit"]
