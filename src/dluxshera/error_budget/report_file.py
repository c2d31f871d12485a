"""Reports on disk: JSON that satisfies the schema of a report. No jax."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from dluxshera.documents import Document, read_document, validate
from dluxshera.error_budget.report_document import report_schema
from dluxshera.error_budget.schema_columns import REPORT_VERSION
from dluxshera.errors import DocumentError

MAX_REPORT_BYTES: Final = 20_000_000


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
