"""Upkeep of generated files: the files of a set that differ from the content they should have."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from dluxshera.documents.comparison import difference
from dluxshera.documents.json import json_text


class OutdatedFile(NamedTuple):
    """A generated file that is missing or differs from its new content.

    Parameters
    ----------
    path : Path
        The file.
    text : str
        New content.
    reason : str
        Difference, as a phrase.
    """

    path: Path
    text: str
    reason: str


def outdated_documents(
    documents: Mapping[Path, dict[str, Any]],
    *,
    relative: float,
    compared: Callable[[dict[str, Any]], dict[str, Any]] = lambda document: document,
) -> list[OutdatedFile]:
    """Return the JSON files that differ from the documents they should hold.

    Parameters
    ----------
    documents : mapping of Path to dict
        Content of each file.
    relative : float
        Relative amount by which numbers may differ.
    compared : callable
        Function that returns the part of a document that is compared; by default all of it.
    """
    outdated = []
    for path, document in documents.items():
        reason: str | None
        try:
            if path.exists() and not path.is_file():
                reason = "it is not a regular file"  # reading a pipe or a terminal would wait for ever
            else:
                present = json.loads(path.read_text(encoding="utf-8"))
                reason = difference(compared(present), compared(document), relative=relative)
        except FileNotFoundError:
            reason = "the file is missing"
        except OSError as error:
            reason = f"the file cannot be read: {error.strerror}"
        except (ValueError, AttributeError):
            reason = "the file is not such a document"
        if reason:
            outdated.append(OutdatedFile(path, json_text(document), reason))
    return outdated


def outdated_texts(texts: Mapping[Path, str], reason: str) -> list[OutdatedFile]:
    """Return the text files that are missing or differ from the texts they should hold, with one reason for all.

    Parameters
    ----------
    texts : mapping of Path to str
        Text that each file should hold.
    reason : str
        Reason to write the files, for messages.
    """
    return [
        OutdatedFile(path, text, reason)
        for path, text in texts.items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]
