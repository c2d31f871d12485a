"""Released schemas, which never change: ``released.json`` has the SHA-256 of each file."""

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
    """Return the SHA-256 of every released schema, by its path below the folder; none without an index.

    Raises
    ------
    DocumentError
        If ``released.json`` is not an index.
    """
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        return {str(name): str(value) for name, value in index["sha256"].items()}
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DocumentError("is not an index of released schemas", file=folder / INDEX) from error


def with_hashes(folder: Path, names: Iterable[str]) -> None:
    """Add schemas to the index of released schemas, which must not change any more.

    Parameters
    ----------
    folder : Path
        Folder of the schemas.
    names : iterable of str
        Paths of the schemas below the folder.
    """
    index = released_hashes(folder)
    new = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names if name not in index}
    write_text(folder / INDEX, json_text({"sha256": dict(sorted({**index, **new}.items()))}))


def changed_since_release(folder: Path, schemas: Mapping[str, Any], relative: float) -> dict[str, str]:
    """Return a description of each change of a released schema, in its file or in the package.

    Parameters
    ----------
    folder : Path
        Folder of the schemas.
    schemas : mapping
        Schemas that the package generates today, by their path below the folder.
    relative : float
        Tolerance of numbers, relative to the larger one.
    """
    changes = {}
    for name, digest in released_hashes(folder).items():
        path = folder / name
        if not path.is_file():
            changes[name] = "was released and is missing"
        elif hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            changes[name] = "was released and has changed: restore it, and change a new version instead"
        elif name in schemas and (
            text := difference(json.loads(path.read_text(encoding="utf-8")), schemas[name], relative=relative)
        ):
            changes[name] = f"was released, and the package generates another ({text}): give the schema a new version"
    return changes


def meta_faults(schema: Mapping[str, Any]) -> list[str]:
    """Return the faults of a schema by the meta-schema, with their places, as sentences."""
    from jsonschema import Draft202012Validator  # slow to import

    return [
        f"{'/'.join(map(str, error.absolute_path))}: {error.message[:200]}"
        for error in Draft202012Validator(meta_schema()).iter_errors(schema)
    ]
