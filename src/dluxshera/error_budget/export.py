"""Files made from a report: tables as CSV, a spreadsheet with formulas, and figures as SVG."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from dluxshera.error_budget.figures import budget_figures
from dluxshera.error_budget.report_tables import budget_tables
from dluxshera.error_budget.workbook import workbook_bytes

EXPORT_FORMATS: Final = ("csv", "xlsx", "svg")


def exported(report: Mapping[str, Any], formats: Iterable[str] = EXPORT_FORMATS) -> dict[str, bytes]:
    """Return the files made from a report.

    Parameters
    ----------
    report : mapping
        Report, as `evaluate` returns it.
    formats : iterable of {'csv', 'xlsx', 'svg'}
        Kinds of files.

    Returns
    -------
    dict of str to bytes
        Content of each file by its name.
    """
    contents: dict[str, bytes] = {}
    for name in dict.fromkeys(formats):
        if name == "csv":
            contents |= {f"{title}.csv": table.csv().encode() for title, table in budget_tables(report).items()}
        elif name == "xlsx":
            contents["budget.xlsx"] = workbook_bytes(report)
        elif name == "svg":
            contents |= {f"{title}.svg": svg.encode() for title, svg in budget_figures(report, _no_link).items()}
    return contents


def _no_link(name: str) -> str:
    return ""
