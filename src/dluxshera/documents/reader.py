"""Reading of documents: JSON if the file name ends in ``.json``, YAML otherwise."""

from __future__ import annotations

from pathlib import Path

from dluxshera.documents.document import MAX_BYTES, Document, read_text
from dluxshera.documents.json import parse_json
from dluxshera.documents.yaml import parse_yaml


def read_document(path: Path, max_bytes: int = MAX_BYTES) -> Document:
    """Read a document: JSON if the file name ends in ``.json``, YAML otherwise.

    Parameters
    ----------
    path : Path
        File to read.
    max_bytes : int
        Largest size.

    Raises
    ------
    DocumentError
        With file, line and column.
    """
    return parse_document(read_text(path, max_bytes), str(path))


def parse_document(text: str, file: str = "<text>") -> Document:
    """Parse a document from a string; the name `file` selects the format, as in `read_document`.

    Parameters
    ----------
    text : str
        The document.
    file : str
        File name for the choice of the format, and for messages.

    Raises
    ------
    DocumentError
        With file, line and column.
    """
    return parse_json(text, file) if file.lower().endswith(".json") else parse_yaml(text, file)
