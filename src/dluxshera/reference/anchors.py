"""Permanent links: the page of each parameter and each budget term, now and in the last release."""

import json
from pathlib import Path
from typing import Any

from dluxshera.errors import DocumentError
from dluxshera.files import write_text
from dluxshera.reference.inputs import (
    REPORT_FILE,
    SCHEMA_FOLDER,
    Catalogue,
    read_json,
    read_report,
    read_schemas,
)

ANCHORS = Path("docs/reference/data/anchors.json")
RELEASED = Path("docs/reference/data/released-anchors.json")


def current(catalogue: Catalogue, report: dict[str, Any] | None) -> dict[str, str]:
    """Return the page of each anchor, relative to the root of the site."""
    anchors = {key: f"reference/parameters/{p.group}.html" for key, p in catalogue.parameters.items()}
    return anchors | {term["id"]: "reference/error-budget.html" for term in (report["terms"] if report else [])}


def document(anchors: dict[str, str]) -> str:
    """Return the text of an anchor file."""
    return json.dumps(anchors, indent=2, ensure_ascii=False) + "\n"


def check_released(root: Path, anchors: dict[str, str]) -> None:
    """Check that every link of the last release still works. Before the first release there is nothing to check.

    Raises
    ------
    DocumentError
        If a released anchor no longer exists or has moved to another page.
    """
    path = root / RELEASED
    for name, page in (read_json(path) if path.exists() else {}).items():
        if (now := anchors.get(name)) != page:
            change = f"moved to {now}" if now else "no longer exists"
            message = f"the released link {page}#{name} {change}; deprecate the parameter or term instead"
            raise DocumentError(message, file=path, key=name)


def release(root: Path) -> None:
    """Record the current anchors as released."""
    path = root / RELEASED
    catalogue = read_schemas(root / SCHEMA_FOLDER)
    write_text(path, document(current(catalogue, read_report(root / REPORT_FILE, catalogue))))
