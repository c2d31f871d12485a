"""Reports on disk: JSON that satisfies the schema of a report. No jax."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from dluxshera.documents import Document, read_document, validate
from dluxshera.error_budget.report_document import report_schema
from dluxshera.error_budget.schema_columns import REPORT_VERSION
from dluxshera.errors import DocumentError

MAX_REPORT_BYTES: Final = 20_000_000
_NOT_REPRODUCIBLE: Final = frozenset({"created_with", "second_order", "linear_range"})


def is_report(document: Document) -> bool:
    """Return whether a document is a report of any version, not a budget document.

    Parameters
    ----------
    document : Document
        Document, as `read_document` returns it.
    """
    return isinstance(document.data, dict) and "rollup" in document.data


def load_report(path: Path | str) -> dict[str, Any]:
    """Read a report.

    Parameters
    ----------
    path : path
        JSON file, as ``dluxshera budget report`` writes it.

    Returns
    -------
    dict
        The report, as `report_schema` describes it.

    Raises
    ------
    DocumentError
        If the file cannot be read, or is no report of this version.
    """
    document = read_document(Path(path), MAX_REPORT_BYTES)
    if not is_report(document):
        problem = "not the report of an error budget; compute one with `dluxshera budget report`"
        raise DocumentError(problem, file=path)
    if (version := document.data.get("schema_version")) != REPORT_VERSION:
        problem = "another version of reports; compute it again with `dluxshera budget report`"
        raise document.error(("schema_version",), problem, allowed=REPORT_VERSION, got=version)
    validate(document, report_schema())
    return dict(document.data)


def reproducible(report: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a report that is reproducible to its tolerance, on any machine.

    The versions of other packages are left out, and the second order and the linear range of each result, which are
    difference quotients and known to about a percent.

    Parameters
    ----------
    report : dict
        Report of any version.
    """

    def without(part: Any) -> Any:
        if isinstance(part, dict):
            return {name: without(item) for name, item in part.items() if name not in _NOT_REPRODUCIBLE}
        return [without(item) for item in part] if isinstance(part, list) else part

    kept: dict[str, Any] = without(report)
    return kept
