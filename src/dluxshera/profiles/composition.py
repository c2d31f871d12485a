"""Composition of profiles: a document and those that it extends, read, checked and merged.

Reading a profile opens the documents that `extends` names and no other file, and constructs plain data only. Each value
is judged once: the schema checks its form, then the rule of its field or the bounds of its parameter its meaning.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Final

from dluxshera.documents import MAX_FAULTS, Document, Where, decoded, faults, parse_document, raise_all, read_text
from dluxshera.errors import DocumentError, near_matches
from dluxshera.profiles.format import MAX_ITEMS, MAX_PROFILE_BYTES, ProfileFormat, is_packaged_name, is_relative_file
from dluxshera.profiles.migration import MIGRATIONS, Migration, hash_faults, migrated
from dluxshera.profiles.overrides import override_setting
from dluxshera.profiles.profile import Profile
from dluxshera.profiles.setting import Setting, checked_setting

MAX_DOCUMENTS: Final = 32


def load_profile(
    source: str | Path,
    profile_format: ProfileFormat,
    overrides: Iterable[str] = (),
    migrations: Mapping[str, Migration] | None = None,
) -> Profile:
    """Read a profile and the documents that it extends, and compose them.

    Parameters
    ----------
    source : str or Path
        Name of a packaged profile, such as ``instrument/shera_flight``, or path of a file.
    profile_format : ProfileFormat
        Content that profiles may have; see `shera_profiles`.
    overrides : iterable of str
        ``key=value``, ``key=value unit`` or ``key=[v1, v2] unit``, applied last; a key without a dot is a configuration
        field.
    migrations : mapping, optional
        Migrations by version, instead of those of the package.

    Raises
    ------
    DocumentError
        For the first of all faults in all documents; the others are its notes.
    """
    composer = _Composer(profile_format, MIGRATIONS if migrations is None else migrations)
    path = profile_format.packaged_file(str(source)) if is_packaged_name(str(source)) else Path(source)
    if path is None:
        raise _no_such_profile(str(source), profile_format)
    composer.visit(path, ())
    return composer.compose(overrides)


def parse_profile(
    text: str | bytes, profile_format: ProfileFormat, file: str = "<text>", overrides: Iterable[str] = ()
) -> Profile:
    """Compose a profile from a string, as `load_profile` does from a file.

    Parameters
    ----------
    text : str or bytes
        The document.
    profile_format : ProfileFormat
        Content that profiles may have; see `shera_profiles`.
    file : str
        File name for messages; JSON if it ends in ``.json``, YAML otherwise.
    overrides : iterable of str
        Overrides, as for `load_profile`.

    Raises
    ------
    DocumentError
        For the first of all faults in all documents; the others are its notes.
    """
    composer = _Composer(profile_format, MIGRATIONS)
    raw = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    composer.take(parse_document(decoded(raw, file, MAX_PROFILE_BYTES), file), Path(file), ())
    return composer.compose(overrides)


class _Composer:
    """Documents, depth first and each once, and the faults of all of them."""

    def __init__(self, profile_format: ProfileFormat, migrations: Mapping[str, Migration]) -> None:
        self.format, self.migrations = profile_format, migrations
        self.documents: list[Document] = []
        self.settings: list[Setting] = []
        self.faults: list[DocumentError] = []
        self.visited: set[Path] = set()

    def visit(self, path: Path, chain: tuple[Path, ...]) -> None:
        self.take(parse_document(read_text(path, MAX_PROFILE_BYTES), str(path)), path, chain)

    def take(self, document: Document, path: Path, chain: tuple[Path, ...]) -> None:
        """Check one document and those that it extends, which come before it."""
        _check_size(document)
        document = migrated(document, self.migrations)
        errors = faults(document, self.format.form)
        self.faults += errors
        if not isinstance(document.data, dict):
            return
        self.faults += hash_faults(document)
        chain = (*chain, path)
        extends = document.data.get("extends", [])
        for i, name in enumerate(extends if isinstance(extends, list) else []):
            if isinstance(name, str):
                self._extend(document, ("extends", i), name, chain)
        self.documents.append(document)
        if len(errors) > MAX_FAULTS:
            return
        faulty = {error.where[:2] for error in errors}
        for setting in _settings(document):
            if setting.where not in faulty:
                self._check(setting)

    def _extend(self, document: Document, where: Where, name: str, chain: tuple[Path, ...]) -> None:
        if is_packaged_name(name):
            if (path := self.format.packaged_file(name)) is None:
                names = self.format.names()
                allowed = ", ".join(names)
                self.faults.append(
                    document.error(where, "no such packaged profile", allowed=allowed, got=name, candidates=names)
                )
                return
        elif not is_relative_file(name):
            return  # a fault by the schema
        else:
            path = chain[-1].parent / name
        try:
            real, resolved = path.resolve(), [part.resolve() for part in chain]
        except (OSError, RuntimeError, ValueError) as error:  # a name that is too long, links in a circle
            self.faults.append(document.error(where, f"cannot be read: {error!s:.80}"))
            return
        if real in resolved:
            circle = " -> ".join([*map(str, chain[resolved.index(real) :]), str(path)])
            self.faults.append(document.error(where, f"the profiles extend each other in a circle, {circle}"))
            return
        if real in self.visited:
            return
        self.visited.add(real)
        if len(self.visited) >= MAX_DOCUMENTS:
            raise document.error(where, f"more than {MAX_DOCUMENTS} documents are composed")
        try:
            text = read_text(path, MAX_PROFILE_BYTES)
        except DocumentError as error:
            self.faults.append(document.error(where, error.message.removesuffix("."), got=name))
            return
        self.take(parse_document(text, str(path)), path, chain)

    def _check(self, setting: Setting) -> None:
        try:
            self.settings.append(checked_setting(setting, self.format))
        except DocumentError as error:
            self.faults.append(error)

    def compose(self, overrides: Iterable[str]) -> Profile:
        system, spec = self._system(), self._last("spec")
        for text in overrides:
            try:
                self._check(override_setting(text, self.format))
            except DocumentError as error:
                self.faults.append(error)
        raise_all(self.faults)
        outermost = self.documents[-1].data  # one that is not a mapping is a fault
        return Profile(
            outermost["name"], outermost["kind"], system, spec, self._of("config"), self._of("parameters"),
            tuple(self.documents),
        )  # fmt: skip

    def _of(self, part: str) -> dict[str, Setting]:
        return {str(setting.where[1]): setting for setting in self.settings if setting.where[0] == part}

    def _last(self, name: str) -> Setting | None:
        settings = [Setting(item.data[name], item, (name,)) for item in self.documents if name in item.data]
        return settings[-1] if settings else None

    def _system(self) -> Setting | None:
        """Return the system, which is the same in all documents."""
        settings = [Setting(item.data["system"], item, ("system",)) for item in self.documents if "system" in item.data]
        for previous, setting in pairwise(settings):
            if setting.value != previous.value:
                problem = f"not the system of {previous.document.file}"
                self.faults.append(setting.error(problem, allowed=previous.value, got=setting.value))
        return settings[-1] if settings else None


def _settings(document: Document) -> Iterator[Setting]:
    for part in ("config", "parameters"):
        content = document.data.get(part, {})
        for name, value in content.items() if isinstance(content, dict) else ():
            yield Setting(value, document, (part, name))


def _no_such_profile(name: str, profile_format: ProfileFormat) -> DocumentError:
    near = near_matches(name, profile_format.names())
    return DocumentError(
        f"no such packaged profile (allowed {', '.join(profile_format.names())}"
        + (f"; did you mean {' or '.join(near)}?)" if near else ")"),
        file=name,
    )


def _check_size(document: Document) -> None:
    counts: dict[Where, int] = {}
    for where in document.places:
        if where:
            counts[where[:-1]] = counts.get(where[:-1], 0) + 1
            if counts[where[:-1]] > MAX_ITEMS:
                raise document.error(where[:-1], f"has more than {MAX_ITEMS} items")
