"""Ownership of the files in a folder of a run, and their replacement with the record as the moment of change.

A run owns the files that its record lists with their hashes, a checkpoint, a lock and partial files. Every other file
is left as it is. A new run is written beside the old one; replacing ``run.json`` makes it the run of the folder, so
that one of the two is complete whenever the process is killed.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from dluxshera._partial_files import is_part
from dluxshera.errors import DocumentError, OutputError, ParameterError
from dluxshera.files import check_folder, inside, write_bytes, write_text
from dluxshera.runs.checkpoint import NAME, recorded_problem
from dluxshera.runs.lock import LOCK, claimed, is_lock
from dluxshera.runs.record import read_record, record_text
from dluxshera.runs.run import HEAD

PENDING: Final = f".{HEAD}.pending"  # the record of the run that is being written


@dataclass(frozen=True)
class FolderContent:
    """Files of a folder, by their owner.

    Parameters
    ----------
    folder : Path
        Folder, which need not exist.
    record : dict or None
        Record of the run in the folder, if it has one that is valid.
    checkpoint : bool
        True if the folder has the checkpoint of a fit.
    own : frozenset of str
        Names of the files of the run.
    others : tuple of str
        Names of all other files and folders. A file that a record lists, but which has changed since, is one of them.
    """

    folder: Path
    record: dict[str, Any] | None
    checkpoint: bool
    own: frozenset[str]
    others: tuple[str, ...]

    @property
    def is_run(self) -> bool:
        """True if the folder has a run, complete or unfinished."""
        return self.record is not None or self.checkpoint


def content_of(folder: Path) -> FolderContent:
    """Return the files of a folder by their owner.

    Raises
    ------
    OutputError
        If the folder cannot be read.
    """
    try:
        names = {path.name for path in folder.iterdir()} if folder.exists() else set()
    except OSError as error:
        raise OutputError(folder, error.strerror or str(error), number=error.errno) from error
    own = {name for name in names if is_part(name)} | {name for name in names & {LOCK} if is_lock(folder / name)}
    records = {name: record for name in (HEAD, PENDING) if name in names and (record := _record(folder / name))}
    for name, record in records.items():
        own |= {name, *(listed for listed, digest in _listed(record) if _has_hash(folder / listed, digest))}
    if checkpoint := NAME in names and _is_checkpoint(folder / NAME):
        own.add(NAME)
    return FolderContent(folder, records.get(HEAD), checkpoint, frozenset(own), tuple(sorted(names - own)))


def check_output(folder: Path, names: Iterable[str] = (), *, replace: bool = False, size: int = 0) -> FolderContent:
    """Check that a run may be written to a folder, without a change on the disk.

    Parameters
    ----------
    folder : Path
        Folder to write to.
    names : iterable of str
        Names of the files to write.
    replace : bool
        Accept the folder of another run.
    size : int
        Size of the files in bytes, about.

    Returns
    -------
    FolderContent
        Files of the folder.

    Raises
    ------
    ParameterError
        If the folder has other files and no run, or has a run and `replace` is not set, or one of the names is that of
        a file which is not the run's, or is no name of a file.
    OutputError
        If the folder cannot be created or written to, a name is too long, or the disk is full.
    """
    names = [inside(folder, name).name for name in names]
    check_folder(folder, [*names, HEAD, PENDING, NAME, *(f"{name}.{'0' * 8}" for name in names)], size)
    content = content_of(folder)
    if content.others and not content.is_run:
        shown = ", ".join(content.others[:3]) + (", ..." if len(content.others) > 3 else "")
        raise ParameterError(
            str(folder),
            expected="a new folder or the folder of a run",
            got=f"other files: {shown}",
            remedy="Name another folder",
        )
    if content.is_run and not replace:
        raise ParameterError(
            str(folder),
            expected="a new folder",
            got="a run",
            remedy="Pass resume (--resume) to continue it, or force (--force) to replace it",
        )
    taken = {os.path.normcase(name) for name in content.others}
    if clashes := [name for name in (*names, HEAD, PENDING, NAME, LOCK) if os.path.normcase(name) in taken]:
        raise ParameterError(
            str(folder / clashes[0]),
            expected="a file of the run in its folder, unchanged since it was written",
            got="another file",
            remedy="Move it, or name another folder",
        )
    return content


def write_files(present: FolderContent, record: Mapping[str, Any], files: Mapping[str, bytes], keep: set[str]) -> None:
    """Write the files of a run and its record; the folder is claimed and checked.

    Parameters
    ----------
    present : FolderContent
        Files of the folder, of `check_output`.
    record : mapping
        Record without the hashes of the files.
    files : mapping of str to bytes
        Content of the files, by name.
    keep : set of str
        Names of files of the old run that the new one keeps.

    Raises
    ------
    OutputError
        If a file cannot be written; the old run stays.
    ParameterError
        If the record cannot be read again.
    """
    folder, old = present.folder, present.own - {HEAD, LOCK, NAME}
    current = () if present.record is None else _names(present.record)
    _remove(folder, old - {*current})  # of writers that were killed
    plain = {**record, "files": {name: hashlib.sha256(raw).hexdigest() for name, raw in files.items()}}
    if present.record is None:
        _commit(folder, record_text(plain), files)
    else:
        tag = uuid4().hex[:8]
        aside = {name: f"{name}.{tag}" for name in files}
        superseded = {name: digest for name, digest in _listed(present.record) if name in current}
        text = record_text({**plain, "stored_as": aside, "superseded": superseded})
        _commit(folder, text, {aside[name]: raw for name, raw in files.items()})
        with suppress(OutputError):  # the new run is complete; only the names of its files stay longer
            for name, raw in files.items():
                write_bytes(folder / name, raw)
            write_text(folder / HEAD, record_text(plain))
            _remove(folder, aside.values())
    _remove(folder, (old | (present.own & {NAME})) - {*files, *keep} | {PENDING})


def _commit(folder: Path, text: str, files: Mapping[str, bytes]) -> None:
    """Write new files and then their record, whose pending copy makes them the run's meanwhile."""
    try:
        write_text(folder / PENDING, text)
        for name, raw in files.items():
            write_bytes(folder / name, raw)
        write_text(folder / HEAD, text)
    except BaseException:
        _remove(folder, [*files, PENDING])
        raise


def add_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Add files to the run in a folder, or replace those that it has.

    Parameters
    ----------
    folder : Path
        Folder of a run.
    files : mapping of str to bytes
        Content of the files, by name.

    Raises
    ------
    ParameterError
        If the folder has no run, or one of the names is that of a file which is not the run's.
    OutputError
        If a file cannot be written.
    """
    check_output(folder, files, replace=True)
    with claimed(folder):
        present = check_output(folder, files, replace=True)
        if (record := present.record) is None:
            raise ParameterError(str(folder), expected="the folder of a run", got="no complete run")
        _remove(folder, present.own - {HEAD, LOCK, NAME, *_names(record)})  # of writers that were killed
        listed = {**record["files"], **{name: hashlib.sha256(raw).hexdigest() for name, raw in files.items()}}
        text = record_text({**record, "files": listed})
        write_text(folder / PENDING, text)
        for name, raw in files.items():
            write_bytes(folder / name, raw)
        write_text(folder / HEAD, text)
        _remove(folder, [PENDING])


def _remove(folder: Path, names: Iterable[str]) -> None:
    for name in names:
        with suppress(OSError):
            (folder / name).unlink()


def _record(path: Path) -> dict[str, Any] | None:
    try:
        return read_record(path)
    except DocumentError:
        return None


def _listed(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the name on the disk and the hash of each file of a record, of its copies and of those that it replaced."""
    stored_as = record.get("stored_as", {})
    for name, digest in record["files"].items():
        yield name, digest
        yield stored_as.get(name, name), digest
    yield from record.get("superseded", {}).items()


def _names(record: Mapping[str, Any]) -> set[str]:
    """Return the names on the disk of the files of a record."""
    return {record.get("stored_as", {}).get(name, name) for name in record["files"]}


def _has_hash(path: Path, digest: str) -> bool:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return False
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == digest
    except OSError:
        return False


def _is_checkpoint(path: Path) -> bool:
    try:
        recorded_problem(path)
    except DocumentError:
        return False
    return True
