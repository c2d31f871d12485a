"""Schemas that were released: their SHA-256 stand in ``released.json``, and a released file never changes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from dluxshera.documents.comparison import difference
from dluxshera.documents.json import json_text
from dluxshera.documents.keywords import meta_schema
from dluxshera.errors import DocumentError
from dluxshera.files import write_text

INDEX: Final = "released.json"


def released_hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every released schema, by its path below the folder; none where there is no index.

    Raises
    ------
    DocumentError
        If the index is not one.
    """
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        return {str(name): str(value) for name, value in index["sha256"].items()}
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DocumentError("is not an index of released schemas", file=folder / INDEX) from error


def with_hashes(folder: Path, names: Iterable[str]) -> None:
    """Add schemas to the index: from then on they are released, and do not change."""
    had = released_hashes(folder)
    new = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names if name not in had}
    write_text(folder / INDEX, json_text({"sha256": dict(sorted({**had, **new}.items()))}))


def changed_since_release(folder: Path, made: Mapping[str, Any], relative: float) -> dict[str, str]:
    """Return what is wrong with each released schema: its file changed, or the package makes another one.

    Parameters
    ----------
    folder : Path
        Of the schemas.
    made : mapping
        The schemas that the package makes today, by their path below the folder.
    relative : float
        By which numbers may differ.
    """
    found = {}
    for name, said in released_hashes(folder).items():
        path = folder / name
        if not path.is_file():
            found[name] = "was released and is missing"
        elif hashlib.sha256(path.read_bytes()).hexdigest() != said:
            found[name] = "was released and has changed: restore it, and change a new version instead"
        elif name in made and (
            other := difference(json.loads(path.read_text(encoding="utf-8")), made[name], relative=relative)
        ):
            found[name] = f"was released, and the package now makes another ({other}): give the schema a new version"
    return found


def meta_faults(schema: Mapping[str, Any]) -> list[str]:
    """Return where a schema does not satisfy the meta-schema, a sentence each."""
    from jsonschema import Draft202012Validator  # slow to import

    return [
        f"{'/'.join(map(str, error.absolute_path))}: {error.message[:200]}"
        for error in Draft202012Validator(meta_schema()).iter_errors(schema)
    ]
