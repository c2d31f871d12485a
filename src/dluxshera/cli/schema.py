"""`dluxshera schema`: the JSON Schemas of what the package reads and writes, and the packaged profiles."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from dluxshera.cli.common import AsJson, Check, example, group, print_json, update_files

if TYPE_CHECKING:
    from dluxshera.documents import OutdatedFile

app = group("JSON Schemas of the documents that the package reads and writes.")

Folder = Annotated[Path, typer.Option(help="Folder of the schemas.")]
Profiles = Annotated[Path, typer.Option(help="Folder of the packaged profiles; left alone where it does not exist.")]
SCHEMAS: Final = Path("schemas")
PROFILES: Final = Path("src/dluxshera/profiles/data")
RELATIVE: Final = 1e-12  # defaults that are computed may differ in the last digits between machines


def schemas() -> dict[str, dict[str, Any]]:
    """Return every schema by its path below the folder of schemas."""
    from dluxshera.error_budget import budget_schema, report_schema
    from dluxshera.profiles import system_schemas

    made = system_schemas()
    for name, schema in {"budget": budget_schema(), "report": report_schema()}.items():
        made[f"error_budget/{schema['x-version']}/{name}.schema.json"] = schema
    return made


@app.command("export", epilog=example("dluxshera schema export --check"))
def schema_export(
    directory: Folder = SCHEMAS,
    profiles: Profiles = PROFILES,
    check: Check = False,
    release: Annotated[
        bool, typer.Option("--release", help="Also freeze today's schemas: list their hashes in released.json.")
    ] = False,
) -> None:
    """Write the JSON Schemas, and the packaged profiles, where they changed. A released schema is never rewritten."""
    from dluxshera.documents import outdated_documents, released_hashes, with_hashes

    frozen = released_hashes(directory)
    made = schemas()
    unfrozen = {directory / name: made[name] for name in made if name not in frozen}
    outdated = [*outdated_documents(unfrozen, relative=RELATIVE), *_outdated_profiles(profiles, made)]
    stale = update_files(outdated, check=check)
    found = _faults(directory, made)
    for line in found:
        print(line)
    if release and not check and not found:
        with_hashes(directory, list(made))
    if found or (check and stale):
        raise typer.Exit(1)


@app.command("check", epilog=example("dluxshera schema check --json"))
def schema_check(directory: Folder = SCHEMAS, as_json: AsJson = False) -> None:
    """Check the schemas of a folder: as the package makes them, by the meta-schema, and unchanged where released."""
    import json

    from dluxshera.documents import difference

    made = schemas()
    found = _faults(directory, made)
    for name, schema in made.items():
        path = directory / name
        if path.is_file():
            try:
                other = difference(json.loads(path.read_text(encoding="utf-8")), schema, relative=RELATIVE)
            except ValueError:
                other = "it is not JSON"
            found += [f"{path}: out of date, {other}"] if other else []
        else:
            found.append(f"{path}: it is missing")
    if as_json:
        print_json({"schemas": sorted(made), "faults": found})
    else:
        for line in found or [f"{len(made)} schemas are as they should be"]:
            print(line)
    if found:
        raise typer.Exit(1)


def _faults(directory: Path, made: dict[str, dict[str, Any]]) -> list[str]:
    """Return what is wrong with the schemas of a folder that are there: keywords, and changes after a release."""
    from dluxshera.documents import changed_since_release, meta_faults

    found = [f"{directory / name}: {text}" for name, schema in made.items() for text in meta_faults(schema)]
    return found + [
        f"{directory / name}: {text}" for name, text in changed_since_release(directory, made, RELATIVE).items()
    ]


def _outdated_profiles(folder: Path, made: dict[str, dict[str, Any]]) -> list[OutdatedFile]:
    """Return the outdated files among the packaged profiles and the copy of their schema."""
    from dluxshera.documents import json_text, outdated_texts
    from dluxshera.profiles import packaged_files

    if not folder.is_dir():
        return []
    texts = {folder / name: text for name, text in packaged_files().items()}
    schema = next(schema for name, schema in made.items() if name.startswith("profile/"))
    texts[folder / "profile.schema.json"] = json_text(schema)
    return outdated_texts(texts, "the designs describe it otherwise")
