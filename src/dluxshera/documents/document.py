"""`Document`: the content of a file as plain data, with the place of each value; and text files of bounded size."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

from dluxshera._system_errors import system_remedy
from dluxshera.errors import ABSENT, DocumentError, near_matches
from dluxshera.files import read_bytes

Where: TypeAlias = tuple[str | int, ...]

MAX_BYTES: Final = 1_000_000
MAX_DEPTH: Final = 50


class Place(NamedTuple):
    """A position in a file, counted from one.

    Parameters
    ----------
    line, column : int
        Line and column, from 1.
    """

    line: int
    column: int


@dataclass(frozen=True)
class Document:
    """The content of a YAML or JSON file, with the place of each part.

    Parameters
    ----------
    file : str
        File name, for messages.
    data : mapping, list or scalar
        Plain data: str, int, float, bool, None, list, dict.
    places : dict
        Places of the key and of the value of each part, by its path (keys and indices).
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
        candidates: Iterable[str] = (),
        at_key: bool = False,
    ) -> DocumentError:
        """Return the error about one part, with its place in the file.

        Parameters
        ----------
        where : tuple of str and int
            Path of the part. If the document lacks it, the error has the place of the nearest part around it.
        problem : str
            Description of the fault, as a phrase.
        allowed : str
            Accepted values, as a phrase.
        got : object
            The value, if the message should show it.
        candidates : iterable of str
            Names that `got` was looked up among; the message suggests near matches.
        at_key : bool
            Point at the key instead of the value.
        """
        parts = [f"allowed {allowed}"] if allowed else []
        parts += [] if got is ABSENT else [f"got {shown(got)}"]
        hints = [", ".join(parts)] if parts else []
        if near := near_matches(str(got)[:80], candidates):
            hints.append(f"did you mean {' or '.join(near)}?")
        there = where
        while there and there not in self.places:
            there = there[:-1]
        place = self.places.get(there, (Place(1, 1), Place(1, 1)))[0 if at_key else 1]
        text = f"{problem} ({'; '.join(hints)})" if hints else problem
        return DocumentError(
            text, file=self.file, line=place.line, column=place.column, key=spelled(where), where=where
        )


def spelled(where: Where) -> str:
    """Return a path as text, ``terms[2].name``; each name is cut at 80 characters."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part[:80]}" for part in where)
    return "".join(parts).removeprefix(".").encode("utf-8", "replace").decode()


def read_text(path: Path, max_bytes: int = MAX_BYTES) -> str:
    """Read a text file of bounded size.

    Parameters
    ----------
    path : Path
        File to read.
    max_bytes : int
        Largest size.

    Raises
    ------
    DocumentError
        If it cannot be read, is too large or is not UTF-8. Devices and pipes, which may have no end, are not read.
    """
    try:
        raw = read_bytes(path, max_bytes)
    except (OSError, ValueError) as error:  # a name with a NUL is a ValueError
        reason = getattr(error, "strerror", None) or str(error)
        reason = reason if reason.startswith("is ") else f"cannot be read: {reason}. {system_remedy(error)}"
        raise DocumentError(reason, file=path) from error
    return decoded(raw, str(path), max_bytes)


def decoded(raw: bytes, file: str, max_bytes: int = MAX_BYTES) -> str:
    """Return bytes as text, without a byte order mark.

    Parameters
    ----------
    raw : bytes
        Content of a file.
    file : str
        File name for messages.
    max_bytes : int
        Largest size.

    Raises
    ------
    DocumentError
        If there are more than `max_bytes`, or they are not UTF-8.
    """
    if len(raw) > max_bytes:
        raise DocumentError(f"is too large (more than {max_bytes} bytes)", file=file)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DocumentError(f"is not UTF-8 at byte {error.start}", file=file) from error


def encodable(text: str) -> bool:
    """Return whether UTF-8 can encode a text. It cannot encode half of a surrogate pair, which an escape can denote."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def shown(value: object) -> str:
    """Return a value as JSON text, cut at 60 characters."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "..."
