"""Profiles: documents that set configuration and parameters, composed by `extends`, checked, and saved exactly.

Reading a profile opens the documents that `extends` names and no other file, and constructs plain data only. What keys
and units there are comes from a `ProfileFormat`, so nothing here knows a system.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from dluxshera.documents import (
    Document,
    Where,
    decoded,
    faults,
    parse_document,
    parse_yaml,
    raise_all,
    read_text,
    spelled,
)
from dluxshera.errors import DocumentError, near_matches
from dluxshera.params import ParamField, floats, in_own_unit, is_amount, own_unit
from dluxshera.profiles.save import HASH, PROFILE, VERSION, content_hash

OVERRIDE: Final = "--set"  # stands for the file in messages about overrides
KINDS: Final = ("instrument", "target", "observation", "numerics")

MAX_BYTES: Final = 200_000
MAX_ITEMS: Final = 1_000  # in one mapping or list
MAX_DOCUMENTS: Final = 32

HISTORY: Final[dict[str, str]] = {"0.1.0": "the first version"}  # version -> what it changed, oldest first

_PACKAGED: Final = re.compile(rf"(?:{'|'.join(KINDS)})/[a-z0-9_]{{1,60}}")
_NUMBER: Final = r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
_AMOUNT: Final = re.compile(rf"({_NUMBER}|\[[^\]]*\])\s*(\S.*)?")


class Migration(NamedTuple):
    """The step from one version of the format to a later one."""

    to: str
    apply: Callable[[dict[str, Any]], dict[str, Any]]


MIGRATIONS: Final[dict[str, Migration]] = {}  # from the version that a document was written against


@dataclass(frozen=True)
class ProfileFormat:
    """What profiles may say.

    Parameters
    ----------
    schema : dict
        JSON Schema of one document.
    fields : mapping of str to ParamField
        Unit and scale of each key that can be set; shapes and defaults do not matter here.
    packaged : Path
        The folder of the packaged profiles, ``<kind>/<name>.yaml``.
    """

    schema: dict[str, Any]
    fields: Mapping[str, ParamField]
    packaged: Path

    def names(self) -> tuple[str, ...]:
        """Return the names of the packaged profiles."""
        return tuple(f"{kind}/{path.stem}" for kind in KINDS for path in sorted((self.packaged / kind).glob("*.yaml")))


@dataclass(frozen=True)
class Setting:
    """A value that a profile sets: plain data, a parameter in its own unit, and where it was said."""

    value: Any
    document: Document = field(repr=False)
    where: Where = ()

    def error(self, problem: str, *below: str | int, **said: Any) -> DocumentError:
        """Return the error about this value or a part `below` it; `said` as `Document.error` takes it."""
        error = self.document.error((*self.where, *below), problem, **said)
        if self.document.file != OVERRIDE:
            return error
        return DocumentError(error.message, file=OVERRIDE, key=spelled((*self.where[1:], *below)))


@dataclass(frozen=True)
class Profile:
    """The result of composing profiles: later documents win over earlier ones, and overrides over all.

    Parameters
    ----------
    name, kind : str
        Of the document that was asked for.
    system, spec : Setting or None
        The optical system, and which of its specs is meant, if a document says so.
    config, parameters : dict of str to Setting
        What was set, a parameter in its own unit.
    documents : tuple of Document
        In the order of composition.
    """

    name: str
    kind: str
    system: Setting | None
    spec: Setting | None
    config: dict[str, Setting]
    parameters: dict[str, Setting]
    documents: tuple[Document, ...]


def load_profile(
    source: str | Path,
    known: ProfileFormat,
    overrides: Iterable[str] = (),
    migrations: Mapping[str, Migration] | None = None,
) -> Profile:
    """Read a profile and what it extends, and compose them.

    Parameters
    ----------
    source : str or Path
        The name of a packaged profile, such as ``instrument/shera_flight``, or the path of a file.
    known : ProfileFormat
        What profiles may say.
    overrides : iterable of str
        ``key=value``, ``key=value unit`` or ``key=[v1, v2] unit``, applied last; a key without a dot is a field of the
        configuration.
    migrations : mapping, optional
        In place of `MIGRATIONS`.

    Raises
    ------
    DocumentError
        For the first of all faults in all documents; the others are its notes.
    """
    reader = _Reader(known, MIGRATIONS if migrations is None else migrations)
    place = _packaged(str(source), known) if _is_packaged(str(source)) else Path(source)
    if place is None:
        raise _no_such(str(source), known)
    reader.visit(place, ())
    return reader.compose(overrides)


def parse_profile(
    text: str | bytes, known: ProfileFormat, file: str = "<text>", overrides: Iterable[str] = ()
) -> Profile:
    """Compose a profile from a string, as `load_profile` does from a file; `file` names it and tells its format.

    Raises
    ------
    DocumentError
        As `load_profile`.
    """
    reader = _Reader(known, MIGRATIONS)
    raw = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    reader.take(parse_document(decoded(raw, file, MAX_BYTES), file), Path(file), ())
    return reader.compose(overrides)


class _Reader:
    """Gathers documents depth first, each once, and the faults of all of them."""

    def __init__(self, known: ProfileFormat, migrations: Mapping[str, Migration]) -> None:
        self.known, self.migrations = known, migrations
        self.documents: list[Document] = []
        self.faults: list[DocumentError] = []
        self.seen: set[Path] = set()

    def visit(self, path: Path, chain: tuple[Path, ...]) -> None:
        self.take(parse_document(read_text(path, MAX_BYTES), str(path)), path, chain)

    def take(self, document: Document, path: Path, chain: tuple[Path, ...]) -> None:
        """Check one document and those that it extends, which come before it."""
        _check_size(document)
        document = _migrated(document, self.migrations)
        self.faults += faults(document, self.known.schema)
        if not isinstance(document.data, dict):
            return
        self.faults += _hash_faults(document)
        chain = (*chain, path)
        extends = document.data.get("extends", [])
        for i, name in enumerate(extends if isinstance(extends, list) else []):
            if isinstance(name, str):
                self._extend(document, ("extends", i), name, chain)
        self.documents.append(document)

    def _extend(self, document: Document, where: Where, name: str, chain: tuple[Path, ...]) -> None:
        if _is_packaged(name):
            if (path := _packaged(name, self.known)) is None:
                packaged = self.known.names()
                self.faults.append(
                    document.error(
                        where, "no such packaged profile", allowed=", ".join(packaged), got=name, candidates=packaged
                    )
                )
                return
        elif not is_relative_file(name):
            return  # the schema has said so
        else:
            path = chain[-1].parent / name
        try:
            real, line = path.resolve(), [part.resolve() for part in chain]
        except (OSError, RuntimeError, ValueError) as error:  # a name that is too long, links in a circle
            self.faults.append(document.error(where, f"cannot be read: {error!s:.80}"))
            return
        if real in line:
            shown = " -> ".join([*map(str, chain[line.index(real) :]), str(path)])
            self.faults.append(document.error(where, f"the profiles extend each other in a circle, {shown}"))
            return
        if real in self.seen:
            return
        self.seen.add(real)
        if len(self.seen) >= MAX_DOCUMENTS:
            raise document.error(where, f"more than {MAX_DOCUMENTS} documents are composed")
        try:
            text = read_text(path, MAX_BYTES)
        except DocumentError as error:
            self.faults.append(document.error(where, error.message.removesuffix("."), got=name))
            return
        self.take(parse_document(text, str(path)), path, chain)

    def compose(self, overrides: Iterable[str]) -> Profile:
        own = self.documents[-1] if self.documents else None
        named: dict[str, Setting | None] = {"system": None, "spec": None}
        config: dict[str, Setting] = {}
        parameters: dict[str, Setting] = {}
        for document in self.documents:
            for part in named:
                if part in document.data:
                    named[part] = self._named(part, named[part], Setting(document.data[part], document, (part,)))
            config |= {name: setting for setting, name in _items(document, "config")}
            for setting, name in _items(document, "parameters"):
                if name in self.known.fields and (value := self._value(name, setting)) is not None:
                    parameters[name] = value
        for text in overrides:
            self._override(text, config, parameters)
        raise_all(self.faults)
        assert own is not None  # a document that is no mapping has a fault
        return Profile(
            own.data["name"], own.data["kind"], named["system"], named["spec"], config, parameters,
            tuple(self.documents),
        )  # fmt: skip

    def _named(self, part: str, had: Setting | None, now: Setting) -> Setting:
        if part == "system" and had is not None and had.value != now.value:
            self.faults.append(now.error(f"not the system of {had.document.file}", allowed=had.value, got=now.value))
        return now

    def _value(self, name: str, setting: Setting) -> Setting | None:
        """Return the setting with its value in the parameter's own unit; a fault in it is noted."""
        said, item = setting.value, self.known.fields[name]
        if not isinstance(said, dict):
            return Setting(floats(said), setting.document, setting.where) if is_amount(said) else None
        amount, unit = said.get("value"), said.get("unit")
        if not (is_amount(amount) and isinstance(unit, str)):
            return None  # the schema has said so
        try:
            value = in_own_unit(item, amount, unit)
        except ValueError as error:
            own = own_unit(item)
            allowed = f"a unit that converts to {own}" if own else "a pure number, with unit ''"
            self.faults.append(setting.error(str(error), "unit", allowed=allowed, got=unit))
            return None
        if unit != own_unit(item):  # in its own unit the schema has checked it
            outside = [x for x in (value if isinstance(value, list) else [value]) if not item.bounds.contains(x)]
            if outside:
                allowed = f"{item.bounds} {own_unit(item)}".strip()
                self.faults.append(setting.error("out of range", "value", allowed=allowed, got=outside[0]))
                return None
        return Setting(value, setting.document, setting.where)

    def _override(self, text: str, config: dict[str, Setting], parameters: dict[str, Setting]) -> None:
        name, equals, said = text.partition("=")
        name = name.strip()
        if not equals or not name or not said.strip():
            self.faults.append(DocumentError("expected key=value, or key=value unit", file=OVERRIDE, key=text[:80]))
            return
        part = "parameters" if "." in name else "config"
        schema = self.known.schema["properties"][part]
        found = _AMOUNT.fullmatch(said.strip()) if part == "parameters" else None
        try:
            value = parse_yaml(found[1] if found else said, OVERRIDE).data
        except DocumentError as error:
            self.faults.append(DocumentError(error.message, file=OVERRIDE, key=name))
            return
        if found and found[2]:
            value = {"value": value, "unit": found[2]}
        setting = Setting(value, Document(OVERRIDE, {part: {name: value}}), (part, name))
        if wrong := faults(setting.document, {"properties": {part: schema}}):
            self.faults += [
                DocumentError(fault.message, file=OVERRIDE, key=fault.key.removeprefix(f"{part}.")) for fault in wrong
            ]
            return
        if part == "config":
            config[name] = setting
        elif (converted := self._value(name, setting)) is not None:
            parameters[name] = converted


def _items(document: Document, part: str) -> Iterator[tuple[Setting, str]]:
    content = document.data.get(part, {})
    for name, value in content.items() if isinstance(content, dict) else ():
        yield Setting(value, document, (part, name)), name


def _is_packaged(name: str) -> bool:
    return _PACKAGED.fullmatch(name) is not None


def _packaged(name: str, known: ProfileFormat) -> Path | None:
    path = known.packaged / f"{name}.yaml"
    return path if path.is_file() else None


def _no_such(name: str, known: ProfileFormat) -> DocumentError:
    near = near_matches(name, known.names())
    return DocumentError(
        f"no such packaged profile (allowed {', '.join(known.names())}"
        + (f"; did you mean {' or '.join(near)}?)" if near else ")"),
        file=name,
    )


def is_relative_file(name: str) -> bool:
    """Return whether a name in `extends` is the relative path of a document."""
    return name.endswith((".yaml", ".yml", ".json")) and not name.startswith(("/", "~")) and "\0" not in name


def _check_size(document: Document) -> None:
    counts: dict[Where, int] = {}
    for where in document.places:
        if where:
            counts[where[:-1]] = counts.get(where[:-1], 0) + 1
            if counts[where[:-1]] > MAX_ITEMS:
                raise document.error(where[:-1], f"has more than {MAX_ITEMS} items")


def _migrated(document: Document, migrations: Mapping[str, Migration]) -> Document:
    """Return the document in today's version; one of another format or without a way to here is refused."""
    data = document.data
    if not isinstance(data, dict):
        return document
    said = data.get("schema")
    if not isinstance(said, str):
        problem = "schema is missing" if "schema" not in data else "wrong type"
        raise document.error(("schema",), problem, allowed=f"{PROFILE}/{VERSION}")
    name, _, version = said.partition("/")
    if name != PROFILE or not re.fullmatch(r"[0-9]{1,4}\.[0-9]{1,4}\.[0-9]{1,4}", version):
        raise document.error(("schema",), "not a profile", allowed=f"{PROFILE}/{VERSION}", got=said)
    if version != VERSION and HASH in data and (wrong := _hash_faults(document)):
        raise wrong[0]
    while version != VERSION:
        if version not in migrations:
            raise document.error(("schema",), _about(version), allowed=f"{PROFILE}/{VERSION}", got=said)
        step = migrations[version]
        data = {**step.apply(data), "schema": f"{PROFILE}/{step.to}"}
        data.pop(HASH, None)
        version = step.to
    return Document(document.file, data, document.places)


def _number_of(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _about(version: str) -> str:
    if _number_of(version) > _number_of(VERSION):
        return f"was written against version {version}, which is newer than this package: install a newer one"
    since = [f"{name}: {text}" for name, text in HISTORY.items() if _number_of(name) > _number_of(version)]
    return f"was written against version {version}, and there is no migration; what changed: {'; '.join(since)}"


def _hash_faults(document: Document) -> list[DocumentError]:
    said = document.data.get(HASH)
    if not isinstance(said, str) or said == (made := content_hash(document.data)):
        return []
    problem = "the content is not what was saved: leave this line out, or save the profile anew"
    return [document.error((HASH,), problem, allowed=made, got=said)]
