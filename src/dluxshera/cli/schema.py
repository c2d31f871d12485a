"""`dluxshera schema`: the JSON Schemas of the package's documents, and the packaged profiles."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from dluxshera.cli.common import AsJson, Check, example, group, print_json, update_files

if TYPE_CHECKING:
    from dluxshera.documents import OutdatedFile

app = group("JSON Schemas of the documents that the package reads and writes.")

Folder = Annotated[Path, typer.Option(help="Folder of the schemas.")]
Profiles = Annotated[Path, typer.Option(help="Folder of the packaged profiles; ignored if it does not exist.")]
SCHEMAS: Final = Path("schemas")
PROFILES: Final = Path("src/dluxshera/profiles/data")
RELATIVE: Final = 1e-12  # computed defaults may differ in the last digits between machines


def schemas() -> dict[str, dict[str, Any]]:
    """Return every schema by its path below the folder of schemas."""
    from dluxshera.error_budget import budget_schema, report_schema, table_schema
    from dluxshera.profiles import system_schemas

    catalogue = system_schemas()
    for name, schema in {"budget": budget_schema(), "report": report_schema()}.items():
        catalogue[f"error_budget/{schema['x-version']}/{name}.schema.json"] = schema
    table = table_schema()
    catalogue[f"budget_table/{table['x-version']}/table.schema.json"] = table
    return catalogue


@app.command("export", epilog=example("dluxshera schema export --check"))
def schema_export(
    directory: Folder = SCHEMAS,
    profiles: Profiles = PROFILES,
    check: Check = False,
    release: Annotated[
        bool, typer.Option("--release", help="Also freeze the current schemas: add their hashes to released.json.")
    ] = False,
) -> None:
    """Write the JSON Schemas and the packaged profiles that changed. A released schema is never rewritten."""
    from dluxshera.documents import outdated_documents, released_hashes, with_hashes

    frozen = released_hashes(directory)
    catalogue = schemas()
    unfrozen = {directory / name: catalogue[name] for name in catalogue if name not in frozen}
    outdated = [*outdated_documents(unfrozen, relative=RELATIVE), *_outdated_profiles(profiles, catalogue)]
    stale = update_files(outdated, check=check)
    faults = _faults(directory, catalogue)
    for line in faults:
        print(line)
    if release and not check and not faults:
        with_hashes(directory, list(catalogue))
    if faults or (check and stale):
        raise typer.Exit(1)


@app.command("check", epilog=example("dluxshera schema check --json"))
def schema_check(directory: Folder = SCHEMAS, as_json: AsJson = False) -> None:
    """Check that the schemas of a folder are up to date, valid by the meta-schema, and unchanged since release."""
    import json

    from dluxshera.documents import difference

    catalogue = schemas()
    faults = _faults(directory, catalogue)
    for name, schema in catalogue.items():
        path = directory / name
        if path.is_file():
            try:
                other = difference(json.loads(path.read_text(encoding="utf-8")), schema, relative=RELATIVE)
            except ValueError:
                other = "it is not JSON"
            faults += [f"{path}: out of date, {other}"] if other else []
        else:
            faults.append(f"{path}: it is missing")
    if as_json:
        print_json({"schemas": sorted(catalogue), "faults": faults})
    else:
        for line in faults or [f"{len(catalogue)} schemas are up to date"]:
            print(line)
    if faults:
        raise typer.Exit(1)


def _faults(directory: Path, catalogue: dict[str, dict[str, Any]]) -> list[str]:
    """Return the faults of the schemas in a folder: invalid keywords, and changes since a release."""
    from dluxshera.documents import changed_since_release, meta_faults

    faults = [f"{directory / name}: {text}" for name, schema in catalogue.items() for text in meta_faults(schema)]
    return faults + [
        f"{directory / name}: {text}" for name, text in changed_since_release(directory, catalogue, RELATIVE).items()
    ]


def _outdated_profiles(folder: Path, catalogue: dict[str, dict[str, Any]]) -> list[OutdatedFile]:
    """Return the outdated files among the packaged profiles and the copy of their schema."""
    from dluxshera.documents import json_text, outdated_texts
    from dluxshera.profiles import packaged_files

    if not folder.is_dir():
        return []
    texts = {folder / name: text for name, text in packaged_files().items()}
    schema = next(schema for name, schema in catalogue.items() if name.startswith("profile/"))
    texts[folder / "profile.schema.json"] = json_text(schema)
    return outdated_texts(texts, "the designs describe it otherwise")
