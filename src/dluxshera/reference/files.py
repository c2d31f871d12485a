"""Keeping the generated files equal to their sources."""

import os
from pathlib import Path

from dluxshera.reference import budget, parameters, text
from dluxshera.reference.sources import REPORT, SCHEMAS, read_report, read_schemas

PAGES = Path("docs/reference")


def wanted(root: Path) -> dict[Path, str]:
    """Return the text of every generated page by its path."""
    catalogue = read_schemas(root / SCHEMAS)
    report = read_report(root / REPORT, catalogue)
    pages = {root / PAGES / "parameters" / name: page for name, page in parameters.pages(catalogue, report).items()}
    if report:
        pages[root / PAGES / "error-budget.md"] = budget.page(report)
    return pages


def drift(root: Path) -> dict[Path, str | None]:
    """Return what differs from the sources: the text a file should have, or None for one that should not be there."""
    pages = wanted(root)
    changed: dict[Path, str | None] = {
        path: page for path, page in pages.items() if not path.exists() or path.read_text(encoding="utf-8") != page
    }
    for path in sorted((root / PAGES).rglob("*.md")):
        if path not in pages and text.MARK in path.read_text(encoding="utf-8"):
            changed[path] = None
    return changed


def apply(changed: dict[Path, str | None]) -> None:
    """Write and remove files; a reader never sees half a page, since each is written beside and moved into place."""
    for path, page in changed.items():
        if page is None:
            path.unlink()
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        beside.write_text(page, encoding="utf-8", newline="\n")
        beside.replace(path)
