"""Keeping the generated files equal to their sources."""

import os
from pathlib import Path

from dluxshera.reference import anchors, budget, parameters, schemas, systems, text, tutorials
from dluxshera.reference.coverage import covering_tests
from dluxshera.reference.sources import REPORT, SCHEMAS, read_report, read_schemas

PAGES = Path("docs/reference")
SERVED = Path("docs/schemas")


def wanted(root: Path) -> dict[Path, str]:
    """Return the text of every generated file by its path."""
    catalogue = read_schemas(root / SCHEMAS)
    report = read_report(root / REPORT, catalogue)
    links = anchors.current(catalogue, report)
    anchors.check_released(root, links)
    tests = covering_tests(root)
    made = {f"parameters/{name}": page for name, page in parameters.pages(catalogue, report, tests).items()}
    made |= {f"systems/{name}": page for name, page in systems.pages(catalogue).items()}
    made["schemas.md"] = schemas.page(catalogue)
    if report:
        made["error-budget.md"] = budget.page(report)
    files = {root / PAGES / name: page for name, page in made.items()}
    files[root / anchors.ANCHORS] = anchors.document(links)
    for path in sorted((root / SCHEMAS).glob("*/*/*.schema.json")):  # every version, for those who name an older one
        files[root / SERVED / path.relative_to(root / SCHEMAS)] = path.read_text(encoding="utf-8")
    return files | tutorials.downloads(root)


def drift(root: Path) -> dict[Path, str | None]:
    """Return what differs from the sources: the text a file should have, or None for one that should not be there."""
    files = wanted(root)
    changed: dict[Path, str | None] = {
        path: said for path, said in files.items() if not path.exists() or path.read_text(encoding="utf-8") != said
    }
    made = [*(root / PAGES).rglob("*.md"), *(root / tutorials.TUTORIALS).glob("*.*")]
    for path in sorted(made):
        if path not in files and text.GENERATED in path.read_text(encoding="utf-8"):
            changed[path] = None
    return changed | {path: None for path in sorted((root / SERVED).rglob("*.json")) if path not in files}


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
