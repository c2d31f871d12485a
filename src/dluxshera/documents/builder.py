"""`Builder`: the checks that the readers of YAML and of JSON share while they build plain data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dluxshera.documents.document import MAX_DEPTH, Place, Where, spelled
from dluxshera.errors import DocumentError


class Builder:
    """Places of the values of one document, and the errors about them.

    Parameters
    ----------
    file : str
        File name for messages.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self.places: dict[Where, tuple[Place, Place]] = {}

    def error(self, place: Place, where: Where, problem: str) -> DocumentError:
        """Return the error about the part at a place."""
        return DocumentError(
            problem, file=self.file, line=place.line, column=place.column, key=spelled(where), where=where
        )

    def check_depth(self, place: Place, where: Where) -> None:
        """Raise if a part is nested deeper than `MAX_DEPTH` levels."""
        if len(where) > MAX_DEPTH:
            raise self.error(place, where[:3], f"is nested deeper than {MAX_DEPTH} levels")

    def check_key(self, place: Place, where: Where, mapping: Mapping[str, Any]) -> None:
        """Raise if a mapping already has the key that `where` ends with."""
        if where[-1] in mapping:
            first = self.places[where][0].line
            raise self.error(place, where, f"the key is repeated (first in line {first})")
