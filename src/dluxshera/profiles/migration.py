"""Migration of profiles from earlier versions of the format, and the check of the hash of a saved profile."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from dluxshera.documents import Document
from dluxshera.errors import DocumentError
from dluxshera.profiles.format import HASH, PROFILE, VERSION, content_hash

HISTORY: Final[dict[str, str]] = {"0.1.0": "the first version"}  # version -> its changes, oldest first


class Migration(NamedTuple):
    """The step from one version of the format to a later one.

    Parameters
    ----------
    to : str
        Later version.
    apply : callable
        Function from the content of the earlier version to that of the later one.
    """

    to: str
    apply: Callable[[dict[str, Any]], dict[str, Any]]


MIGRATIONS: Final[dict[str, Migration]] = {}  # by the version that a document was written against


def migrated(document: Document, migrations: Mapping[str, Migration]) -> Document:
    """Return a document in the current version of the format.

    Raises
    ------
    DocumentError
        If the document has another format, a newer version, or a version without a migration.
    """
    data = document.data
    if not isinstance(data, dict):
        return document
    schema = data.get("schema")
    if not isinstance(schema, str):
        problem = "schema is missing" if "schema" not in data else "wrong type"
        raise document.error(("schema",), problem, allowed=f"{PROFILE}/{VERSION}")
    name, _, version = schema.partition("/")
    if name != PROFILE or not re.fullmatch(r"[0-9]{1,4}\.[0-9]{1,4}\.[0-9]{1,4}", version):
        raise document.error(("schema",), "not a profile", allowed=f"{PROFILE}/{VERSION}", got=schema)
    if version != VERSION and HASH in data and (errors := hash_faults(document)):
        raise errors[0]
    while version != VERSION:
        if version not in migrations:
            raise document.error(("schema",), _no_migration(version), allowed=f"{PROFILE}/{VERSION}", got=schema)
        step = migrations[version]
        data = {**step.apply(data), "schema": f"{PROFILE}/{step.to}"}
        data.pop(HASH, None)
        version = step.to
    return Document(document.file, data, document.places)


def hash_faults(document: Document) -> list[DocumentError]:
    """Return the fault of a document whose content differs from its hash, or nothing."""
    saved = document.data.get(HASH)
    if not isinstance(saved, str) or saved == (current := content_hash(document.data)):
        return []
    problem = "the content changed after the profile was saved: remove this line, or save the profile again"
    return [document.error((HASH,), problem, allowed=current, got=saved)]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _no_migration(version: str) -> str:
    if _numbers(version) > _numbers(VERSION):
        return f"was written against version {version}, which is newer than this package: install a newer one"
    changes = [f"{name}: {text}" for name, text in HISTORY.items() if _numbers(name) > _numbers(version)]
    return f"was written against version {version}, and there is no migration; changes since: {'; '.join(changes)}"
