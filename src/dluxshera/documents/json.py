"""JSON as plain data with the place of each value, and plain data as JSON."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from json import JSONDecodeError
from json.decoder import scanstring  # type: ignore[attr-defined]  # not in the published types
from math import isfinite
from typing import Any, Final

from dluxshera.documents.builder import Builder
from dluxshera.documents.document import Document, Place, Where, encodable
from dluxshera.errors import DocumentError

_SPACE: Final = re.compile(r"[ \t\r\n]*")
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)((?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)(?![0-9.eE+-])")
_WORDS: Final = {"true": True, "false": False, "null": None}
_MAX_DIGITS: Final = 300  # of an integer: beyond 308 it is no float


def json_text(document: Any) -> str:
    """Return a document as the text of a JSON file.

    Raises
    ------
    ValueError
        If a number is not finite.
    """
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def parse_json(text: str, file: str = "<text>") -> Document:
    """Parse JSON from a string.

    Parameters
    ----------
    text : str
        The document.
    file : str
        File name for messages.

    Raises
    ------
    DocumentError
        If the text is not JSON, a name is repeated or a number is not finite; with file, line and column.

    Examples
    --------
    >>> parse_json('{"a": [1, 2.5]}').places[("a", 1)][1]
    Place(line=1, column=11)
    """
    return _Reader(text, file).document()


class _Reader(Builder):
    """Recursive descent, bounded in depth."""

    def __init__(self, text: str, file: str) -> None:
        super().__init__(file)
        self.text, self.at = text, 0
        self.lines = [0, *(match.end() for match in re.finditer("\n", text))]

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
        return self.error(self._place(offset), where, problem)

    def _skip(self) -> str:
        self.at = _SPACE.match(self.text, self.at).end()  # type: ignore[union-attr]  # it matches nothing, too
        return self.text[self.at : self.at + 1]

    def _value(self, where: Where) -> Any:
        first = self._skip()
        start = self.at
        self.check_depth(self._place(start), where)
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
        match = _NUMBER.match(self.text, self.at)
        if not match:
            raise self._error(self.at, where, "is not JSON: expected a value")
        spelling, is_float = match[0], bool(match[1])
        if not is_float and len(spelling) > _MAX_DIGITS:
            raise self._error(self.at, where, f"is an integer of more than {_MAX_DIGITS} digits")
        value = float(spelling) if is_float else int(spelling)
        if not isfinite(value):
            raise self._error(self.at, where, "is not a finite number")
        self.at = match.end()
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
            if not self._continues("]", where):
                return items

    def _object(self, where: Where) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        self.at += 1
        if self._skip() == "}":
            self.at += 1
            return mapping
        while True:
            if self._skip() != '"':
                raise self._error(self.at, where, "is not JSON: expected a name in double quotes")
            start = self.at
            name = self._string(where)
            here = (*where, name)
            self.check_key(self._place(start), here, mapping)
            if self._skip() != ":":
                raise self._error(self.at, here, "is not JSON: expected ':'")
            self.at += 1
            self._skip()
            self.places[here] = (self._place(start), self._place(self.at))
            mapping[name] = self._value(here)
            if not self._continues("}", where):
                return mapping

    def _continues(self, end: str, where: Where) -> bool:
        """Pass a comma, or the end of an array or object."""
        mark = self._skip()
        if mark not in (",", end) or not mark:
            raise self._error(self.at, where, f"is not JSON: expected ',' or '{end}'")
        self.at += 1
        return mark == ","
