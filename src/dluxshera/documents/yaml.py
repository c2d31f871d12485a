"""YAML as plain data with the place of each value: the core schema of YAML 1.2, without tags."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import isfinite
from pathlib import Path
from typing import Any, Final

from dluxshera.documents.builder import Builder
from dluxshera.documents.document import Document, Place, Where, read_text, shown
from dluxshera.errors import DocumentError

# The scalars of YAML 1.2's core schema. Any other plain scalar is text: dates, `on`, `no`, `1:30`, `1_000`.
_CORE: Final = (
    (re.compile(r"(?:~|null|Null|NULL|)"), lambda text: None),
    (re.compile(r"(?:true|True|TRUE|false|False|FALSE)"), lambda text: text[0] in "tT"),
    (re.compile(r"[-+]?[0-9]{1,300}"), int),
    (re.compile(r"0o[0-7]{1,20}"), lambda text: int(text[2:], 8)),
    (re.compile(r"0x[0-9a-fA-F]{1,16}"), lambda text: int(text[2:], 16)),
    (re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"), float),
    (re.compile(r"[-+]?\.(?:inf|Inf|INF)"), lambda text: float(text.replace(".", ""))),
    (re.compile(r"\.(?:nan|NaN|NAN)"), lambda text: float("nan")),
)


def read_yaml(path: Path) -> Document:
    """Read a YAML file as plain data.

    The core schema of YAML 1.2 holds: ``1e-5`` is a number; ``on`` and dates are text.

    Raises
    ------
    DocumentError
        For repeated keys, anchors and aliases, tags, several documents, numbers that are not finite, and files over a
        megabyte; with file, line and column.
    """
    return parse_yaml(read_text(path), str(path))


def parse_yaml(text: str, file: str = "<text>") -> Document:
    """Parse YAML from a string, as `read_yaml` does from a file.

    Parameters
    ----------
    text : str
        The document.
    file : str
        File name for messages.

    Raises
    ------
    DocumentError
        If `read_yaml` would raise it; with file, line and column.

    Examples
    --------
    >>> parse_yaml("{a: 1e-5, b: on, c: 2026-01-01}").data
    {'a': 1e-05, 'b': 'on', 'c': '2026-01-01'}
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        return _Reader(file, iter(YAML(typ="safe", pure=True).parse(text))).document()
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = {} if mark is None else {"line": mark.line + 1, "column": mark.column + 1}
        raise DocumentError(f"is not YAML: {error.problem or error.context}", file=file, **place) from error
    except YAMLError as error:  # a character that YAML does not allow
        reason = next(iter(str(error).splitlines()), "")
        raise DocumentError(f"is not YAML: {reason}", file=file) from error
    except (ValueError, OverflowError) as error:  # an escape beyond Unicode, a version of a thousand digits
        if isinstance(error, DocumentError):
            raise
        raise DocumentError(f"is not YAML: {error}", file=file) from error


class _Reader(Builder):
    """Plain data from the events of a YAML parser, which constructs no object by tag."""

    def __init__(self, file: str, events: Iterator[Any]) -> None:
        super().__init__(file)
        self.events = events

    def document(self) -> Document:
        start = self._next("StreamStartEvent")
        event = next(self.events)
        if _kind(event) == "StreamEndEvent":
            raise self._error(start, (), "the document is empty")
        if event.version not in (None, (1, 2)):
            raise self._error(event, (), "only YAML 1.2 is read")
        event = next(self.events)
        self.places[()] = (_place(event), _place(event))
        data = self._value(event, ())
        self._next("DocumentEndEvent")
        event = next(self.events)
        if _kind(event) != "StreamEndEvent":
            raise self._error(event, (), "only one document is read")
        return Document(self.file, data, self.places)

    def _next(self, kind: str) -> Any:
        event = next(self.events)
        assert _kind(event) == kind
        return event

    def _error(self, event: Any, where: Where, problem: str) -> DocumentError:
        return self.error(_place(event), where, problem)

    def _value(self, event: Any, where: Where) -> Any:
        self.check_depth(_place(event), where)
        if event.anchor is not None:
            raise self._error(event, where, "anchors and aliases are not read; write the value out")
        if event.tag is not None:
            raise self._error(event, where, f"tags are not read (got {shown(str(event.tag))})")
        match _kind(event):
            case "ScalarEvent":
                return self._scalar(event, where)
            case "SequenceStartEvent":
                items: list[Any] = []
                while _kind(event := next(self.events)) != "SequenceEndEvent":
                    here = (*where, len(items))
                    self.places[here] = (_place(event), _place(event))
                    items.append(self._value(event, here))
                return items
            case _:
                return self._mapping(where)

    def _mapping(self, where: Where) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        while _kind(key := next(self.events)) != "MappingEndEvent":
            if _kind(key) != "ScalarEvent" or key.anchor is not None or key.tag is not None:
                raise self._error(key, where, "a key is a plain name")
            name = self._text(key, where)
            here = (*where, name)
            self.check_key(_place(key), here, mapping)
            value = next(self.events)
            empty = _kind(value) == "ScalarEvent" and value.value == ""
            self.places[here] = (_place(key), _place(key if empty else value))
            mapping[name] = self._value(value, here)
        return mapping

    def _text(self, event: Any, where: Where) -> str:
        r"""Return the text of a scalar; a pair of escapes, as JSON writes characters beyond \uFFFF, becomes one."""
        try:
            text: str = event.value.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            raise self._error(event, where, "half of a surrogate pair is not text") from None
        return text

    def _scalar(self, event: Any, where: Where) -> Any:
        if event.style is not None:  # quoted or a block: text
            return self._text(event, where)
        for pattern, convert in _CORE:
            if pattern.fullmatch(event.value):
                value = convert(event.value)
                if isinstance(value, float) and not isfinite(value):
                    raise self._error(event, where, f"is not a finite number (got {shown(event.value)})")
                return value
        return self._text(event, where)


def _kind(event: Any) -> str:
    return type(event).__name__


def _place(event: Any) -> Place:
    return Place(event.start_mark.line + 1, event.start_mark.column + 1)
