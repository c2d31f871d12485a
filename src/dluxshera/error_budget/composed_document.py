"""`ComposedDocument`: a document whose parts come from several files, or from several parts of one file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dluxshera.documents import Document, Where
from dluxshera.errors import DocumentError


@dataclass(frozen=True)
class ComposedDocument(Document):
    """A document whose parts come from several files.

    Parameters
    ----------
    origins : mapping
        Document and path of each part, by its path in the composed document; the longest path that fits decides.
    """

    origins: Mapping[Where, tuple[Document, Where]] = field(default_factory=dict, repr=False)

    def origin(self, where: Where) -> tuple[Document, Where]:
        """Return the document of a part, and the path of the part in it."""
        for length in range(len(where), -1, -1):
            if where[:length] in self.origins:
                document, at = self.origins[where[:length]]
                return document, (*at, *where[length:])
        return self, where

    def error(self, where: Where, problem: str, **details: Any) -> DocumentError:
        """Return the error about one part, with its place in the file that it comes from."""
        document, at = self.origin(where)
        error = document.error(at, problem, **details)
        error.where = where
        return error
