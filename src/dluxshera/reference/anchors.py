"""The links that stay: the page of each parameter and each term, now and in the last release."""

import json
from pathlib import Path
from typing import Any

from dluxshera.errors import DocumentError
from dluxshera.files import write_text
from dluxshera.reference.sources import (
    REPORT,
    SCHEMAS,
    Catalogue,
    read_json,
    read_report,
    read_schemas,
)

ANCHORS = Path("docs/reference/data/anchors.json")
RELEASED = Path("docs/reference/data/released-anchors.json")


def current(catalogue: Catalogue, report: dict[str, Any] | None) -> dict[str, str]:
    """Return the page of each anchor, below the root of the site."""
    found = {key: f"reference/parameters/{p.group}.html" for key, p in catalogue.parameters.items()}
    return found | {term["id"]: "reference/error-budget.html" for term in (report["terms"] if report else [])}


def document(anchors: dict[str, str]) -> str:
    """Return the text of a file of anchors."""
    return json.dumps(anchors, indent=2, ensure_ascii=False) + "\n"


def check_released(root: Path, anchors: dict[str, str]) -> None:
    """Refuse to lose a link of the last release; before the first there is none.

    Raises
    ------
    DocumentError
        If an anchor is gone or stands on another page.
    """
    path = root / RELEASED
    for name, page in (read_json(path) if path.exists() else {}).items():
        if (now := anchors.get(name)) != page:
            what = f"moved to {now}" if now else "is gone"
            raise DocumentError(f"the released link {page}#{name} {what}; deprecate instead", file=path, key=name)


def release(root: Path) -> None:
    """Keep the anchors of now as those of the release."""
    path = root / RELEASED
    catalogue = read_schemas(root / SCHEMAS)
    write_text(path, document(current(catalogue, read_report(root / REPORT, catalogue))))
