"""A report as a spreadsheet (XLSX) with live formulas. openpyxl is imported when a workbook is written.

Each estimator has a sheet with a row for each term. A magnitude can be changed there: bias, contribution, margin,
shares and totals follow by formulas. Sensitivities and noise are values, because only the model can compute them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from io import BytesIO
from math import isclose
from typing import TYPE_CHECKING, Any, Final

from dluxshera.error_budget.report_tables import BudgetTable, parameters_table, verification_table
from dluxshera.errors import ExpectationError

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

_HEAD: Final = (
    "Term", "Name", "Class", "Rule", "Cause", "Magnitude", "Unit", "Sensitivity", "Signed value", "Contribution",
    "Allocation", "Margin", "Variance part", "Variance share",
)  # fmt: skip
WIDTHS: Final = (10, 44, 9, 11, 12, 12, 9, 13, 13, 13, 11, 11, 14, 14)
FIRST: Final = 2  # row of the first term
_DATE: Final = datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None)  # no date of the computer in the file


def workbook_bytes(report: Mapping[str, Any]) -> bytes:
    """Return a report as the content of an XLSX file.

    Parameters
    ----------
    report : mapping
        Report, as `evaluate` returns it.

    Returns
    -------
    bytes
        Workbook with the sheet ``Summary``, a sheet for each estimator, and the sheets ``Parameters`` and
        ``Verification``. Total and margin of an estimator are formulas over its terms.

    Raises
    ------
    ExpectationError
        If openpyxl is not installed.
    """
    try:
        from openpyxl import Workbook
    except ImportError as error:
        raise ExpectationError(
            "openpyxl", expected="an installed package", remedy="Install it: pip install 'dluxshera[spreadsheet]'"
        ) from error
    book = Workbook()
    book.properties.created = book.properties.modified = _DATE
    summary = book.active
    summary.title = "Summary"
    requirement = report["budget"]["requirement"]
    _write(summary, 1, (report["budget"]["title"],))
    _write(summary, 2, ("Requirement", requirement["id"], requirement["value"], requirement["unit"]))
    _write(summary, 3, ("Recompute", report["provenance"]["command"]))
    _write(summary, 5, ("Estimator", "Title", "Total", "Margin", "Random", "Static", "Drift"))
    for i, estimator in enumerate(report["estimators"]):
        sheet = book.create_sheet(estimator["id"][:31])
        last = _terms(sheet, report, estimator["id"])
        name = f"'{sheet.title}'!"
        classes = (f"={name}J{last + 4 + k}" for k in range(3))
        _write(summary, 6 + i, (estimator["id"], estimator["title"]))
        _formulas(summary, 6 + i, 3, (f"={name}J{last + 2}", f"={name}J{last + 3}", *classes))
    for title, table in (("Parameters", parameters_table(report)), ("Verification", verification_table(report))):
        _table(book.create_sheet(title), table)
    for sheet, widths in zip(book.worksheets, ((24, 30), *([WIDTHS] * len(report["estimators"]))), strict=False):
        for column, width in zip("ABCDEFGHIJKLMN", widths, strict=False):
            sheet.column_dimensions[column].width = width
        sheet.freeze_panes = None if sheet is summary else "A2"
    file = BytesIO()
    book.save(file)
    return file.getvalue()


def _terms(sheet: Worksheet, report: Mapping[str, Any], estimator: str) -> int:
    """Write the terms of one estimator and its totals; return the row of the last term."""
    terms, limit = report["terms"], report["budget"]["requirement"]["value"]
    _write(sheet, 1, _HEAD)
    last = FIRST + len(terms) - 1
    partners = _partners(report)
    for i, term in enumerate(terms):
        row, result = FIRST + i, term["results"].get(estimator)
        magnitude = term["magnitude"] or {}
        _write(sheet, row, (term["id"], term["name"], term["class"], term["rule"], term["group"]))
        _write(sheet, row, (magnitude.get("value"), magnitude.get("unit")), first=6)
        if term["allocation"]:
            _write(sheet, row, (term["allocation"]["value"],), first=11)
        if result is None:  # to be determined
            continue
        sensitivity = result["sensitivity"] or {}
        _write(sheet, row, (sensitivity.get("value"),), first=8)
        signed = result["contribution"] if result["bias"] is None else result["bias"]
        if _is_linear(signed, sensitivity, magnitude):
            _formulas(sheet, row, 9, (f"=F{row}*H{row}",))
        else:
            _write(sheet, row, (signed["value"],), first=9)
        _formulas(sheet, row, 10, (f"=ABS(I{row})",))
        if term["allocation"]:
            _formulas(sheet, row, 12, (f"=K{row}-J{row}",))
        if term["rule"] == "rss":
            part = f"=I{row}*({_weighted(partners[i].items())})"
            _formulas(sheet, row, 13, (part, f"=M{row}/SUM(M${FIRST}:M${last})"))
    _write(sheet, last + 2, ("Total",))
    _formulas(sheet, last + 2, 10, (_total(terms, range(len(terms)), partners),))
    _write(sheet, last + 3, ("Margin",))
    _formulas(sheet, last + 3, 10, (f"={limit!r}-J{last + 2}",))
    for k, name in enumerate(("random", "static", "drift")):
        members = [i for i, term in enumerate(terms) if term["class"] == name]
        _write(sheet, last + 4 + k, (name.capitalize(),))
        _formulas(sheet, last + 4 + k, 10, (_total(terms, members, partners),))
    return last


def _partners(report: Mapping[str, Any]) -> list[dict[int, float]]:
    """Return the terms that each term is correlated with, and the coefficients, itself among them."""
    terms = report["terms"]
    index = {term["id"]: i for i, term in enumerate(terms)}
    partners: list[dict[int, float]] = [{i: 1.0} for i in range(len(terms))]
    for i, term in enumerate(terms):
        for k, other in enumerate(terms):
            if term["group"] is not None and term["group"] == other["group"] and other["rule"] == "rss":
                partners[i][k] = 1.0
    for item in report["correlations"]:
        first, second = (index[name] for name in item["between"])
        if item["r"] and terms[first]["rule"] == terms[second]["rule"] == "rss":
            partners[first][second] = partners[second][first] = item["r"]
    return partners


def _weighted(items: Iterable[tuple[int, float]]) -> str:
    """Return the sum of the signed values of some terms times their coefficients."""
    return "+".join(f"I{FIRST + i}" if r == 1 else f"({r!r})*I{FIRST + i}" for i, r in sorted(items))


def _total(terms: Sequence[Mapping[str, Any]], members: Iterable[int], partners: Sequence[Mapping[int, float]]) -> str:
    """Return the formula of the combination of some terms, by the rule of each."""
    chosen = list(members)
    rss = [i for i in chosen if terms[i]["rule"] == "rss"]
    products = (f"I{FIRST + i}*({_weighted((k, r) for k, r in partners[i].items() if k in rss)})" for i in rss)
    linear = [f"I{FIRST + i}" for i in chosen if terms[i]["rule"] == "linear"]
    return f"=SQRT({'+'.join(products) or '0'})+ABS({'+'.join(linear) or '0'})"


def _is_linear(signed: Mapping[str, Any], sensitivity: Mapping[str, Any], magnitude: Mapping[str, Any]) -> bool:
    """Return whether a value is sensitivity times magnitude; that of a refit beyond the linear range is not."""
    if not sensitivity or not magnitude:
        return False
    return isclose(sensitivity["value"] * magnitude["value"], signed["value"], rel_tol=1e-7, abs_tol=1e-300)


def _table(sheet: Worksheet, table: BudgetTable) -> None:
    for i, row in enumerate([table.head, *table.rows]):
        _write(sheet, i + 1, row)


def _write(sheet: Worksheet, row: int, values: Iterable[Any], first: int = 1) -> None:
    """Write values into cells; a text is a text even if it begins as a formula."""
    for column, value in enumerate(values, first):
        if value is None:
            continue
        cell = sheet.cell(row, column)
        cell.value = value
        if isinstance(value, str):
            cell.data_type = "s"


def _formulas(sheet: Worksheet, row: int, first: int, formulas: Iterable[str]) -> None:
    for column, formula in enumerate(formulas, first):
        sheet.cell(row, column).value = formula
