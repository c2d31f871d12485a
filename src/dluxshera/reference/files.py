"""Keeping the generated files equal to their sources."""

import re
from pathlib import Path

from dluxshera.files import write_text
from dluxshera.reference import anchors, budget, parameters, schemas, systems, text, tutorials
from dluxshera.reference.sources import REPORT, SCHEMAS, Catalogue, read_report, read_schemas

PAGES = Path("docs/reference")
SERVED = Path("docs/schemas")
TESTS = Path("tests/systems")


def wanted(root: Path) -> dict[Path, str]:
    """Return the text of every generated file by its path."""
    catalogue = read_schemas(root / SCHEMAS)
    report = read_report(root / REPORT, catalogue)
    links = anchors.current(catalogue, report)
    anchors.check_released(root, links)
    covered = tests_of(catalogue, root)
    made = {f"parameters/{name}": page for name, page in parameters.pages(catalogue, report, covered).items()}
    made |= {f"systems/{name}": page for name, page in systems.pages(catalogue).items()}
    made["schemas.md"] = schemas.page(catalogue)
    if report:
        made["error-budget.md"] = budget.page(report)
    files = {root / PAGES / name: page for name, page in made.items()}
    files[root / anchors.ANCHORS] = anchors.document(links)
    for path in sorted((root / SCHEMAS).glob("*/*/*.schema.json")):  # every version, for those who name an older one
        files[root / SERVED / path.relative_to(root / SCHEMAS)] = path.read_text(encoding="utf-8")
    return files | tutorials.downloads(root)


def tests_of(catalogue: Catalogue, root: Path) -> dict[str, list[str]]:
    """Return the files of tests that call each transform, by the transform's dotted name."""
    sources = {path: path.read_text(encoding="utf-8") for path in sorted((root / TESTS).rglob("test_*.py"))}
    names = {entry.get("x-transform", "") for p in catalogue.parameters.values() for entry in p.by_spec.values()}
    return {
        name: [
            path.relative_to(root).as_posix()
            for path, source in sources.items()
            if re.search(rf"\b{name.rpartition('.')[2]}\b", source)
        ]
        for name in sorted(filter(None, names))
    }


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
    """Write each changed page, and remove each page without content."""
    for path, page in changed.items():
        if page is None:
            path.unlink()
            continue
        write_text(path, page)
