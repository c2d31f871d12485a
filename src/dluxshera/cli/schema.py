"""`dluxshera schema`: JSON Schemas of the documents that the package reads and writes, and the packaged profiles."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from dluxshera.cli.common import AsJson, Check, example, group, print_json, update_files

if TYPE_CHECKING:
    from dluxshera.documents import OutdatedFile

app = group("JSON Schemas of the documents that the package reads and writes.")

Folder = Annotated[Path, typer.Option(help="Folder of the schemas.")]
Profiles = Annotated[Path, typer.Option(help="Folder of the packaged profiles; skipped if it does not exist.")]
SCHEMAS: Final = Path("schemas")
PROFILES: Final = Path("src/dluxshera/profiles/data")
RELATIVE: Final = 1e-12  # defaults that are computed may differ in the last digits between machines


def schemas() -> dict[str, dict[str, Any]]:
    """Return every schema by its path below the folder of schemas."""
    from dluxshera.error_budget import budget_schema, report_schema
    from dluxshera.profiles import system_schemas

    content = system_schemas()
    for name, schema in {"budget": budget_schema(), "report": report_schema()}.items():
        content[f"error_budget/{schema['x-version']}/{name}.schema.json"] = schema
    return content


@app.command("export", epilog=example("dluxshera schema export --check"))
def schema_export(
    directory: Folder = SCHEMAS,
    profiles: Profiles = PROFILES,
    check: Check = False,
    release: Annotated[
        bool, typer.Option("--release", help="Also freeze today's schemas: list their hashes in released.json.")
    ] = False,
) -> None:
    """Write the JSON Schemas and the packaged profiles that changed. A released schema is never rewritten."""
    from dluxshera.documents import outdated_documents, released_hashes, with_hashes

    frozen = released_hashes(directory)
    content = schemas()
    unfrozen = {directory / name: content[name] for name in content if name not in frozen}
    outdated = [*outdated_documents(unfrozen, relative=RELATIVE), *_outdated_profiles(profiles, content)]
    stale = update_files(outdated, check=check)
    faults = _faults(directory, content)
    for line in faults:
        print(line)
    if release and not check and not faults:
        with_hashes(directory, list(content))
    if faults or (check and stale):
        raise typer.Exit(1)


@app.command("check", epilog=example("dluxshera schema check --json"))
def schema_check(directory: Folder = SCHEMAS, as_json: AsJson = False) -> None:
    """Check the schemas of a folder: up to date, valid by the meta-schema, and unchanged since their release."""
    from dluxshera.documents import outdated_documents

    content = schemas()
    faults = _faults(directory, content)
    for file in outdated_documents({directory / name: schema for name, schema in content.items()}, relative=RELATIVE):
        faults.append(f"{file.path}: out of date, {file.reason}")
    if as_json:
        print_json({"schemas": sorted(content), "faults": faults})
    else:
        for line in faults or [f"{len(content)} schemas are up to date"]:
            print(line)
    if faults:
        raise typer.Exit(1)


def _faults(directory: Path, content: dict[str, dict[str, Any]]) -> list[str]:
    """Return the faults of schemas: keywords outside the meta-schema, and files that changed after their release."""
    from dluxshera.documents import changed_since_release, meta_faults

    keywords = [f"{directory / name}: {fault}" for name, schema in content.items() for fault in meta_faults(schema)]
    changes = changed_since_release(directory, content, RELATIVE)
    return [*keywords, *(f"{directory / name}: {fault}" for name, fault in changes.items())]


def _outdated_profiles(folder: Path, content: dict[str, dict[str, Any]]) -> list[OutdatedFile]:
    """Return the outdated files among the packaged profiles and the copy of their schema."""
    from dluxshera.documents import json_text, outdated_texts
    from dluxshera.profiles import packaged_files

    if not folder.is_dir():
        return []
    texts = {folder / name: text for name, text in packaged_files().items()}
    schema = next(schema for name, schema in content.items() if name.startswith("profile/"))
    texts[folder / "profile.schema.json"] = json_text(schema)
    return outdated_texts(texts, "the designs or the schema changed")
