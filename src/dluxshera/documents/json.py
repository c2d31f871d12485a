"""JSON as plain data, with the place of each value; and plain data as JSON."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from json import JSONDecodeError
from json.decoder import scanstring  # type: ignore[attr-defined]  # not in the published types
from math import isfinite
from typing import Any, Final

from dluxshera.documents.document import (
    MAX_DEPTH,
    Document,
    Place,
    Where,
    encodable,
    spelled,
)
from dluxshera.errors import DocumentError

_SPACE: Final = re.compile(r"[ \t\r\n]*")
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)((?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)(?![0-9.eE+-])")
_WORDS: Final = {"true": True, "false": False, "null": None}
_MAX_DIGITS: Final = 300  # of an integer: beyond 308 it is no float


def json_text(document: Any) -> str:
    """Return a document as the text of a JSON file; numbers that are not finite are refused."""
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def parse_json(text: str, file: str = "<text>") -> Document:
    """Parse JSON from a string. Duplicate names, and numbers that are not finite, are refused.

    Raises
    ------
    DocumentError
        With file, line and column.

    Examples
    --------
    >>> parse_json('{"a": [1, 2.5]}').places[("a", 1)][1]
    Place(line=1, column=11)
    """
    return _Reader(text, file).document()


class _Reader:
    """Recursive descent; its depth is bounded by `MAX_DEPTH`."""

    def __init__(self, text: str, file: str) -> None:
        self.text, self.file, self.at = text, file, 0
        self.lines = [0, *(found.end() for found in re.finditer("\n", text))]
        self.places: dict[Where, tuple[Place, Place]] = {}

    def document(self) -> Document:
        self._skip()
        if self.at == len(self.text):
            raise self._error(0, (), "the document is empty")
        self.places[()] = (self._place(self.at), self._place(self.at))
        data = self._value(())
        self._skip()
        if self.at < len(self.text):
            raise self._error(self.at, (), "only one document is read")
        return Document(self.file, data, self.places)

    def _place(self, offset: int) -> Place:
        line = bisect_right(self.lines, offset)
        return Place(line, offset - self.lines[line - 1] + 1)

    def _error(self, offset: int, where: Where, problem: str) -> DocumentError:
        place = self._place(offset)
        return DocumentError(problem, file=self.file, line=place.line, column=place.column, key=spelled(where))

    def _skip(self) -> str:
        self.at = _SPACE.match(self.text, self.at).end()  # type: ignore[union-attr]  # it matches nothing, too
        return self.text[self.at : self.at + 1]

    def _value(self, where: Where) -> Any:
        first = self._skip()
        start = self.at
        if len(where) > MAX_DEPTH:
            raise self._error(start, where[:3], f"is nested deeper than {MAX_DEPTH} levels")
        if first == '"':
            return self._string(where)
        if first == "{":
            return self._object(where)
        if first == "[":
            return self._array(where)
        for word, value in _WORDS.items():
            if self.text.startswith(word, start):
                self.at += len(word)
                return value
        return self._number(where)

    def _number(self, where: Where) -> float:
        found = _NUMBER.match(self.text, self.at)
        if not found:
            raise self._error(self.at, where, "is not JSON: expected a value")
        spelling, is_float = found[0], bool(found[1])
        if not is_float and len(spelling) > _MAX_DIGITS:
            raise self._error(self.at, where, f"is an integer of more than {_MAX_DIGITS} digits")
        value = float(spelling) if is_float else int(spelling)
        if not isfinite(value):
            raise self._error(self.at, where, "is not a finite number")
        self.at = found.end()
        return value

    def _string(self, where: Where) -> str:
        start = self.at
        try:
            value, self.at = scanstring(self.text, start + 1, True)
        except JSONDecodeError as error:
            raise self._error(error.pos, where, f"is not JSON: {error.msg}") from error
        if not encodable(value):
            raise self._error(start, where, "half of a surrogate pair is not text")
        return value

    def _array(self, where: Where) -> list[Any]:
        items: list[Any] = []
        self.at += 1
        if self._skip() == "]":
            self.at += 1
            return items
        while True:
            self._skip()
            here = (*where, len(items))
            self.places[here] = (self._place(self.at), self._place(self.at))
            items.append(self._value(here))
            if not self._goes_on("]", where):
                return items

    def _object(self, where: Where) -> dict[str, Any]:
        found: dict[str, Any] = {}
        self.at += 1
        if self._skip() == "}":
            self.at += 1
            return found
        while True:
            if self._skip() != '"':
                raise self._error(self.at, where, "is not JSON: expected a name in double quotes")
            start = self.at
            name = self._string(where)
            here = (*where, name)
            if name in found:
                first = self.places[here][0].line
                raise self._error(start, here, f"the key stands twice (first in line {first})")
            if self._skip() != ":":
                raise self._error(self.at, here, "is not JSON: expected ':'")
            self.at += 1
            self._skip()
            self.places[here] = (self._place(start), self._place(self.at))
            found[name] = self._value(here)
            if not self._goes_on("}", where):
                return found

    def _goes_on(self, end: str, where: Where) -> bool:
        """Pass a comma, or the end of an array or object."""
        mark = self._skip()
        if mark not in (",", end) or not mark:
            raise self._error(self.at, where, f"is not JSON: expected ',' or '{end}'")
        self.at += 1
        return mark == ","
