"""The generated files: their text, and which of them differ from it on disk."""

from pathlib import Path

from dluxshera.files import write_text
from dluxshera.reference import (
    anchors,
    api,
    benchmarks,
    budget_pages,
    parameters,
    schema_list,
    systems,
    text,
    tutorials,
)
from dluxshera.reference.coverage import covering_tests
from dluxshera.reference.inputs import (
    REPORT_FILE,
    SCHEMA_FOLDER,
    read_json,
    read_report,
    read_schemas,
    recorded_sign_off,
)

PAGES = Path("docs/reference")
SERVED = Path("docs/schemas")


def generated(root: Path) -> dict[Path, str]:
    """Return the text of every generated file that is committed, by its path."""
    catalogue = read_schemas(root / SCHEMA_FOLDER)
    report = read_report(root / REPORT_FILE, catalogue)
    links = anchors.current(catalogue, report)
    anchors.check_released(root, links)
    tests = covering_tests(root)
    pages = {f"parameters/{name}": page for name, page in parameters.pages(catalogue, report, tests).items()}
    pages |= {f"systems/{name}": page for name, page in systems.pages(catalogue).items()}
    pages |= api.pages(root, catalogue.transforms)
    pages["schemas.md"] = schema_list.page(catalogue)
    if report:
        pages |= budget_pages.pages(report, recorded_sign_off(root / REPORT_FILE))
    files = {root / PAGES / name: page for name, page in pages.items()}
    files[root / anchors.ANCHORS] = anchors.document(links)
    if (root / benchmarks.RECORD).exists():
        files[root / benchmarks.PAGE] = benchmarks.page(read_json(root / benchmarks.RECORD))
    return files | tutorials.downloads(root)


def drift(root: Path) -> dict[Path, str | None]:
    """Return the committed files that differ from their sources.

    Returns
    -------
    dict of Path to str or None
        Text that the file should have, or None for a generated file without a source.
    """
    files = generated(root)
    paths = [*(root / PAGES).rglob("*.md"), *(root / tutorials.TUTORIALS).glob("*.*")]
    stale = [path for path in sorted(paths) if path not in files and text.GENERATED in path.read_text(encoding="utf-8")]
    return different(files) | dict.fromkeys(stale)


def served(root: Path) -> dict[Path, str | None]:
    """Return the copies of the schemas for the site that differ from ``schemas/``, in the form of `drift`.

    Every version is served, because a document may name an older one. The copies are not committed.
    """
    folder = root / SCHEMA_FOLDER
    schemas = {path.relative_to(folder): path for path in folder.glob("*/*/*.schema.json")}
    copies = {root / SERVED / name: path.read_text(encoding="utf-8") for name, path in schemas.items()}
    stale = [path for path in sorted((root / SERVED).rglob("*.json")) if path not in copies]
    return different(copies) | dict.fromkeys(stale)


def different(files: dict[Path, str]) -> dict[Path, str | None]:
    """Return the files whose text on disk is not the one in `files`."""
    return {path: page for path, page in files.items() if not path.exists() or path.read_text(encoding="utf-8") != page}


def apply(changes: dict[Path, str | None]) -> None:
    """Write the files with a text and remove those without."""
    for path, page in changes.items():
        if page is None:
            path.unlink()
        else:
            write_text(path, page)
