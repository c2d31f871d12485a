"""`Document`: what a YAML file says, with the place of each part, so that every complaint can point at it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

from dluxshera.errors import ABSENT, DocumentError, near_matches

Where: TypeAlias = tuple[str | int, ...]

MAX_BYTES: Final = 1_000_000
MAX_DEPTH: Final = 50

# The scalars of YAML 1.2's core schema. What else stands without quotes is text: dates, `on`, `no`, `1:30`, `1_000`.
_CORE: Final = (
    (re.compile(r"(?:~|null|Null|NULL|)"), lambda text: None),
    (re.compile(r"(?:true|True|TRUE|false|False|FALSE)"), lambda text: text[0] in "tT"),
    (re.compile(r"[-+]?[0-9]{1,300}"), int),
    (re.compile(r"0o[0-7]{1,300}"), lambda text: int(text[2:], 8)),
    (re.compile(r"0x[0-9a-fA-F]{1,300}"), lambda text: int(text[2:], 16)),
    (re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"), float),
    (re.compile(r"[-+]?\.(?:inf|Inf|INF)"), lambda text: float(text.replace(".", ""))),
    (re.compile(r"\.(?:nan|NaN|NAN)"), lambda text: float("nan")),
)


class Place(NamedTuple):
    """A position in a file, counted from one."""

    line: int
    column: int


@dataclass(frozen=True)
class Document:
    """The content of a YAML file, with the place of each part of it.

    Parameters
    ----------
    file : str
        As it was asked for.
    data : mapping, list or scalar
        Plain data: str, int, float, bool, None, list, dict.
    places : dict
        From the path of a part (keys and indices) to the places of its key and of its value.
    """

    file: str
    data: Any
    places: dict[Where, tuple[Place, Place]] = field(default_factory=dict, repr=False)

    def error(
        self,
        where: Where,
        problem: str,
        *,
        allowed: str = "",
        got: object = ABSENT,
        known: Iterable[str] = (),
        at_key: bool = False,
    ) -> DocumentError:
        """Return the error about one part: what is wrong, what would be allowed, what came, and what may be meant.

        Parameters
        ----------
        where : tuple of str and int
            The path of the part; where the document lacks it, the nearest part around it is pointed at.
        problem, allowed : str
            Phrases.
        got : object
            The value, if it matters.
        known : iterable of str
            Names among which the one in `got` was looked up; near matches are offered.
        at_key : bool
            Point at the key and not at the value.
        """
        said = [f"allowed {allowed}"] if allowed else []
        said += [] if got is ABSENT else [f"got {_shown(got)}"]
        hints = [", ".join(said)] if said else []
        if near := near_matches(str(got), known):
            hints.append(f"did you mean {' or '.join(near)}?")
        there = where
        while there and there not in self.places:
            there = there[:-1]
        place = self.places.get(there, (Place(1, 1), Place(1, 1)))[0 if at_key else 1]
        text = f"{problem} ({'; '.join(hints)})" if hints else problem
        return DocumentError(text, file=self.file, line=place.line, column=place.column, key=spelled(where))


def spelled(where: Where) -> str:
    """Return a path as messages show it: ``terms[2].name``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in where).lstrip(".")


def read_yaml(path: Path) -> Document:
    """Read a YAML file as plain data.

    The core schema of YAML 1.2 holds: ``1e-5`` is a number; ``on`` and dates are text. Duplicate keys, anchors and
    aliases, tags, several documents, numbers that are not finite, and files over a megabyte are refused.

    Raises
    ------
    DocumentError
        With file, line and column.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DocumentError(f"cannot be read: {error.strerror}", file=path) from error
    if len(raw) > MAX_BYTES:
        raise DocumentError(f"is too large ({len(raw)} bytes, at most {MAX_BYTES})", file=path)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DocumentError(f"is not UTF-8 at byte {error.start}", file=path) from error
    return parse_yaml(text, str(path))


def parse_yaml(text: str, file: str = "<text>") -> Document:
    """Parse YAML from a string, as `read_yaml` does from a file; `file` names it in messages.

    Raises
    ------
    DocumentError
        With file, line and column.

    Examples
    --------
    >>> parse_yaml("{a: 1e-5, b: on, c: 2026-01-01}").data
    {'a': 1e-05, 'b': 'on', 'c': '2026-01-01'}
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        return _Builder(file, iter(YAML(typ="safe", pure=True).parse(text))).document()
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = {} if mark is None else {"line": mark.line + 1, "column": mark.column + 1}
        raise DocumentError(f"is not YAML: {error.problem or error.context}", file=file, **place) from error
    except YAMLError as error:  # a character that YAML does not allow
        reason = next(iter(str(error).splitlines()), "")
        raise DocumentError(f"is not YAML: {reason}", file=file) from error


class _Builder:
    """Plain data from the events of a YAML parser, so that nothing is ever constructed by tag."""

    def __init__(self, file: str, events: Iterator[Any]) -> None:
        self.file, self.events = file, events
        self.places: dict[Where, tuple[Place, Place]] = {}

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
        place = _place(event)
        return DocumentError(problem, file=self.file, line=place.line, column=place.column, key=spelled(where))

    def _value(self, event: Any, where: Where) -> Any:
        if len(where) > MAX_DEPTH:
            raise self._error(event, where[:3], f"is nested deeper than {MAX_DEPTH} levels")
        if event.anchor is not None:
            raise self._error(event, where, "anchors and aliases are not read; write the value out")
        if event.tag is not None:
            raise self._error(event, where, f"tags are not read (got {event.tag})")
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
        found: dict[str, Any] = {}
        while _kind(key := next(self.events)) != "MappingEndEvent":
            if _kind(key) != "ScalarEvent" or key.anchor is not None or key.tag is not None:
                raise self._error(key, where, "a key is a plain name")
            name = self._text(key, where)
            here = (*where, name)
            if name in found:
                first = self.places[here][0].line
                raise self._error(key, here, f"the key stands twice (first in line {first})")
            value = next(self.events)
            empty = _kind(value) == "ScalarEvent" and value.value == ""
            self.places[here] = (_place(key), _place(key if empty else value))
            found[name] = self._value(value, here)
        return found

    def _text(self, event: Any, where: Where) -> str:
        r"""Return a scalar as it stands; the pairs of escapes that JSON writes beyond \uFFFF become one character."""
        try:
            return event.value.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            raise self._error(event, where, "holds half of a pair of escapes, which is no character") from None

    def _scalar(self, event: Any, where: Where) -> Any:
        if event.style is not None:  # quoted or a block: text
            return self._text(event, where)
        for pattern, convert in _CORE:
            if pattern.fullmatch(event.value):
                value = convert(event.value)
                if isinstance(value, float) and not isfinite(value):
                    raise self._error(event, where, f"is not a finite number (got {event.value})")
                return value
        return event.value


def _kind(event: Any) -> str:
    return type(event).__name__


def _place(event: Any) -> Place:
    return Place(event.start_mark.line + 1, event.start_mark.column + 1)


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "..."
