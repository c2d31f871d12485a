"""Composition of budget documents: rows added, changed and removed by identifier, each part with its own place."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from dluxshera.documents import Document, Where, faults, read_document
from dluxshera.error_budget.budget_table import TABLE, document_of_table
from dluxshera.error_budget.composed_document import ComposedDocument
from dluxshera.error_budget.document_schema import budget_schema
from dluxshera.error_budget.packaged import SUFFIXES, packaged_budgets
from dluxshera.error_budget.upgrade import upgraded
from dluxshera.errors import DocumentError

DEEPEST: Final = 16
_BY_NAME: Final = {"estimators": "id", "cases": "id", "exclusions": "key"}  # lists, and the name of their items
_WHOLE: Final = ("schema_version", "id", "title", "source", "licence", "requirement", "reference", "baseline",
                "correlations")  # fmt: skip


def read_composed(path: Path, errors: list[DocumentError]) -> Document:
    """Read a budget document, bring it to the current version, and compose it with those that it extends.

    Parameters
    ----------
    path : Path
        File of the document, or of a table of a published budget.
    errors : list of DocumentError
        List that receives the faults.

    Raises
    ------
    DocumentError
        If the file cannot be read or parsed.
    """
    return composed(read_document(path), errors)


def composed(document: Document, errors: list[DocumentError]) -> Document:
    """Return a budget document in the current version, composed with those that it extends.

    Parameters
    ----------
    document : Document
        Document, or table of a published budget.
    errors : list of DocumentError
        List that receives the faults.
    """
    return _composed(document, (Path(document.file),), errors)


def _composed(document: Document, chain: tuple[Path, ...], errors: list[DocumentError]) -> Document:
    if isinstance(document.data, dict) and TABLE in document.data:
        return document_of_table(document, errors)
    document = upgraded(document)
    if not isinstance(document.data, dict) or "extends" not in document.data:
        return document
    wrong = faults(document, budget_schema())
    errors += wrong
    base = _base(document, chain, errors)
    return document if base is None else _Merge(document, base, {error.where for error in wrong}, errors).result()


def _base(document: Document, chain: tuple[Path, ...], errors: list[DocumentError]) -> Document | None:
    """Return the document that one extends; None, with a fault, if there is none."""
    name, where = document.data["extends"], ("extends",)
    if not isinstance(name, str):
        return None  # a fault of the schema
    names = packaged_budgets()
    if name in names:
        path = names[name]
    elif name.endswith(SUFFIXES) and "\0" not in name:
        path = chain[-1].parent / name
    else:
        allowed = f"{', '.join(names)}, or the relative path of a .yaml, .yml or .json file"
        errors.append(document.error(where, "no such budget", allowed=allowed, got=name, candidates=names))
        return None
    try:
        real, resolved = path.resolve(), [part.resolve() for part in chain]
        if real in resolved:
            circle = " -> ".join(map(str, [*chain[resolved.index(real) :], path]))
            raise DocumentError(f"the budgets extend each other in a circle, {circle}")
        if len(chain) > DEEPEST:
            raise DocumentError(f"more than {DEEPEST} budgets extend one another")
        base = read_document(path)
    except DocumentError as error:
        if error.line is not None:  # a file that cannot be parsed
            errors.append(error)
        else:
            errors.append(document.error(where, error.message.removesuffix("."), got=name))
        return None
    except (OSError, RuntimeError) as error:  # a name that is too long, links in a circle
        errors.append(document.error(where, f"cannot be read: {error!s:.80}"))
        return None
    base = _composed(base, (*chain, path), errors)
    if not isinstance(base.data, dict) or "extends" not in base.data:
        errors += faults(base, budget_schema())
    return base if isinstance(base.data, dict) else None


def _rows(data: Any, name: str, key: str = "id") -> Iterator[tuple[int, dict[str, Any]]]:
    """Return the items of a list that have a name, with their indices."""
    items = data.get(name)
    for i, row in enumerate(items if isinstance(items, list) else []):
        if isinstance(row, dict) and isinstance(row.get(key), str):
            yield i, row


class _Merge:
    """A document on the one that it extends."""

    def __init__(self, document: Document, base: Document, faulty: set[Where], errors: list[DocumentError]) -> None:
        self.document, self.base, self.faulty, self.errors = document, base, faulty, errors
        self.data: dict[str, Any] = {}
        self.origins: dict[Where, tuple[Document, Where]] = {(): (document, ())}
        self.homes: dict[Where, Path] = {}  # folders that relative paths of profiles start at

    def result(self) -> ComposedDocument:
        for name in _WHOLE:
            if name in self.document.data:
                self._take(self.document, name)
            elif name in self.base.data and name not in ("source", "licence"):
                self._take(self.base, name)
        for name, key in _BY_NAME.items():
            if name in self.document.data or name in self.base.data:
                self._merge_by_name(name, key)
        self._merge_terms()
        self._move_profiles()
        return ComposedDocument(self.document.file, self.data, self.document.places, self.origins)

    def _take(self, source: Document, name: str) -> None:
        self.data[name] = source.data[name]
        self._note((name,), source, (name,))

    def _note(self, where: Where, source: Document, at: Where) -> None:
        self.homes[where] = Path(source.file).parent
        self.origins[where] = source.origin(at) if isinstance(source, ComposedDocument) else (source, at)

    def _append(self, name: str, row: dict[str, Any], source: Document, at: Where) -> None:
        place = (name, len(self.data[name]))
        self.data[name].append(row)
        self._note(place, source, at)
        if isinstance(source, ComposedDocument):  # fields that a document between changed
            for where in source.origins:
                if where[: len(at)] == at and len(where) > len(at):
                    self._note((*place, *where[len(at) :]), source, where)

    def _merge_by_name(self, name: str, key: str) -> None:
        """Merge a list whose items replace those with the same name."""
        self.data[name] = []
        own = {row[key]: (i, row) for i, row in _rows(self.document.data, name, key)}
        for i, row in _rows(self.base.data, name, key):
            if row[key] in own:
                k, replacement = own.pop(row[key])
                self._append(name, replacement, self.document, (name, k))
            else:
                self._append(name, row, self.base, (name, i))
        for k, row in own.values():
            self._append(name, row, self.document, (name, k))

    def _merge_terms(self) -> None:
        self.data["terms"] = []
        base = dict(_rows(self.base.data, "terms"))
        ids = {row["id"] for row in base.values()}
        removed, changed = self._named("remove", ids), self._named("change", ids)
        for name in sorted(removed.keys() & changed.keys()):
            self._fault(removed[name], "is also under `change`: keep one of the two", name)
        for i, row in base.items():
            if row["id"] in removed:
                continue
            changes = self._changes(row["id"]) if row["id"] in changed else {}
            self._append("terms", {**row, **changes}, self.base, ("terms", i))
            place = ("terms", len(self.data["terms"]) - 1)
            for key in changes:
                self._note((*place, key), self.document, ("change", row["id"], key))
        left = {row["id"] for row in self.data["terms"]}
        for i, row in _rows(self.document.data, "terms"):
            if row["id"] in left:
                self._fault(
                    ("terms", i, "id"), "`extends` has a row with this id: put its fields under `change`", row["id"]
                )
            else:
                self._append("terms", row, self.document, ("terms", i))
        for row in self.data["terms"]:
            if row.get("parent") in removed:
                self._fault(
                    removed[row["parent"]], f"the row {row['id']} is below it: remove or change that too", row["parent"]
                )

    def _changes(self, name: str) -> dict[str, Any]:
        """Return the changed fields of a row; those with a fault, which is noted already, are left out."""
        changes = self.document.data["change"][name]
        faulty = {where[:3] for where in self.faulty}
        return {
            key: value
            for key, value in (changes if isinstance(changes, dict) else {}).items()
            if ("change", name, key) not in faulty
        }

    def _named(self, part: str, ids: set[str]) -> dict[str, Where]:
        """Return the identifiers under `remove` or `change` with their paths, and note those that are unknown."""
        content = self.document.data.get(part, ())
        if isinstance(content, dict):
            named: list[tuple[Any, Where]] = [(name, (part, name)) for name in content]
        else:
            named = [(name, (part, i)) for i, name in enumerate(content if isinstance(content, list) else ())]
        places = {}
        for name, where in named:
            if name in ids:
                places[name] = where
            elif isinstance(name, str):
                allowed = ", ".join(sorted(ids))
                error = self.document.error(
                    where, "no such row in `extends`", allowed=allowed, got=name, candidates=ids,
                    at_key=part == "change",
                )  # fmt: skip
                self.errors.append(error)
        return places

    def _fault(self, where: Where, problem: str, got: str) -> None:
        at_key = where[0] == "change"
        self.errors.append(self.document.error(where, problem, got=got, at_key=at_key))

    def _move_profiles(self) -> None:
        """Make the paths of profiles relative to the folder of the extending document."""
        here = Path(self.document.file).parent
        for where, reference in self._references():
            profile, home = reference.get("profile"), self.homes[where[:2] if where[0] == "cases" else where]
            if isinstance(profile, str) and profile.endswith(SUFFIXES) and home.resolve() != here.resolve():
                self._replace(where, {**reference, "profile": os.path.relpath(home / profile, here)})

    def _references(self) -> Iterator[tuple[Where, dict[str, Any]]]:
        if isinstance(self.data.get("reference"), dict):
            yield ("reference",), self.data["reference"]
        for i, case in _rows(self.data, "cases"):
            if isinstance(case.get("reference"), dict):
                yield ("cases", i, "reference"), case["reference"]

    def _replace(self, where: Where, reference: dict[str, Any]) -> None:
        if where == ("reference",):
            self.data["reference"] = reference
        else:
            name, i, _ = where
            self.data[str(name)][i] = {**self.data[str(name)][i], "reference": reference}
