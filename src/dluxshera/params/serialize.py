"""Documents on disk: YAML read with the place of each value, JSON written whole or not at all."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import isclose, isfinite
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

from dluxshera.errors import ABSENT, DocumentError, near_matches
from dluxshera.files import write_text as write_text

Where: TypeAlias = tuple[str | int, ...]

MAX_BYTES: Final = 1_000_000
MAX_DEPTH: Final = 50

# The scalars of YAML 1.2's core schema. What else stands without quotes is text: dates, `on`, `no`, `1:30`, `1_000`.
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
        if near := near_matches(str(got)[:80], known):
            hints.append(f"did you mean {' or '.join(near)}?")
        there = where
        while there and there not in self.places:
            there = there[:-1]
        place = self.places.get(there, (Place(1, 1), Place(1, 1)))[0 if at_key else 1]
        text = f"{problem} ({'; '.join(hints)})" if hints else problem
        return DocumentError(text, file=self.file, line=place.line, column=place.column, key=spelled(where))


def spelled(where: Where) -> str:
    """Return a path as messages show it, ``terms[2].name``; names that are too long for that are cut."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part[:80]}" for part in where)
    return "".join(parts).removeprefix(".").encode("utf-8", "replace").decode()


def read_yaml(path: Path) -> Document:
    """Read a YAML file as plain data.

    The core schema of YAML 1.2 holds: ``1e-5`` is a number; ``on`` and dates are text. Duplicate keys, anchors and
    aliases, tags, several documents, numbers that are not finite, and files over a megabyte are refused.

    Raises
    ------
    DocumentError
        With file, line and column.
    """
    return parse_yaml(read_text(path), str(path))


def read_text(path: Path, max_bytes: int = MAX_BYTES) -> str:
    """Read a text file of bounded size; devices and pipes, which may have no end, are refused.

    Raises
    ------
    DocumentError
        If it cannot be read, is too large or is not UTF-8.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise DocumentError("is not a file", file=path)
        with path.open("rb") as opened:
            raw = opened.read(max_bytes + 1)
    except (OSError, ValueError) as error:  # a name with a NUL is a ValueError
        raise DocumentError(f"cannot be read: {getattr(error, 'strerror', None) or error}", file=path) from error
    return decoded(raw, str(path), max_bytes)


def decoded(raw: bytes, file: str, max_bytes: int = MAX_BYTES) -> str:
    """Return bytes as text, without a byte order mark.

    Raises
    ------
    DocumentError
        If they are too many or not UTF-8.
    """
    if len(raw) > max_bytes:
        raise DocumentError(f"is too large (more than {max_bytes} bytes)", file=file)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DocumentError(f"is not UTF-8 at byte {error.start}", file=file) from error


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
    except (ValueError, OverflowError) as error:  # an escape beyond Unicode, a version of a thousand digits
        if isinstance(error, DocumentError):
            raise
        raise DocumentError(f"is not YAML: {error}", file=file) from error


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
            raise self._error(event, where, f"tags are not read (got {_shown(str(event.tag))})")
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
                    raise self._error(event, where, f"is not a finite number (got {_shown(event.value)})")
                return value
        return self._text(event, where)


def _kind(event: Any) -> str:
    return type(event).__name__


def _place(event: Any) -> Place:
    return Place(event.start_mark.line + 1, event.start_mark.column + 1)


def encodable(text: str) -> bool:
    """Return whether a text can be written as UTF-8: an escape in it may stand for half of a surrogate pair."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "..."


def json_text(document: Any) -> str:
    """Return a document as the text of a JSON file; numbers that are not finite are refused."""
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def difference(old: Any, new: Any, *, relative: float, path: str = "") -> str | None:
    """Return where two JSON documents first differ and how, or None; numbers may differ by a relative amount.

    Examples
    --------
    >>> difference({"a": [1.0, 2.0]}, {"a": [1.0, 2.1]}, relative=1e-6)
    'a[1]: 2.0 became 2.1'
    """
    if _is_number(old) and _is_number(new):
        return None if isclose(old, new, rel_tol=relative) else f"{path}: {old!r} became {new!r}"
    if isinstance(old, dict) and isinstance(new, dict):
        if list(old) != list(new):
            changed = ", ".join(sorted(set(old) ^ set(new)))
            return f"{path or 'the document'}: " + (f"not in both: {changed}" if changed else "another order of names")
        pairs = [(f"{path}.{name}".lstrip("."), old[name], new[name]) for name in old]
    elif isinstance(old, list) and isinstance(new, list):
        if len(old) != len(new):
            return f"{path}: {len(old)} items became {len(new)}"
        pairs = [(f"{path}[{i}]", a, b) for i, (a, b) in enumerate(zip(old, new, strict=True))]
    else:
        return None if type(old) is type(new) and old == new else f"{path}: {old!r} became {new!r}"
    return next((found for at, a, b in pairs if (found := difference(a, b, relative=relative, path=at))), None)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
