"""Writing: files that have their old or their new content at every moment, and checks of places before the work.

A file is written beside its place and then renamed. A symbolic link is followed, a device or pipe is written through,
and permissions stay as they are. A failure is an `OutputError`.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final
from uuid import uuid4

from dluxshera._partial_files import LONG, PART, part_of, stem_of
from dluxshera.errors import OutputError, ParameterError

_NEW_FILE: Final = 0o666
_OPEN_FILE: Final = re.compile(r"/dev/(fd/.*|stdin|stdout|stderr)|/proc/.*")  # names of files that a process has open


class OutputWarning(UserWarning):
    """A result could not be stored at its place, and was stored at another one, which the warning names."""


def write_text(path: Path, text: str) -> None:
    r"""Write a text file, UTF-8 with ``\n`` at line ends. See `write_bytes`.

    Parameters
    ----------
    path : Path
        File to write.
    text : str
        Its content.

    Raises
    ------
    OutputError
        If the file cannot be written, or the text has a lone surrogate; the old file stays.
    """
    try:
        content = text.encode("utf-8")
    except UnicodeEncodeError as error:
        fault = f"its text has a character without UTF-8 code, {text[error.start]!r} at {error.start}"
        raise OutputError(path, fault, "Remove the character, or a file name with bytes that are not UTF-8") from error
    write_bytes(path, content)


def write_bytes(path: Path, content: bytes, mode: int = _NEW_FILE) -> None:
    """Write a file; a reader sees the old content or the new, even if the writing process is killed.

    Parameters
    ----------
    path : Path
        File to write. Missing parent folders are created. The target of a symbolic link is written, not the link;
        content for a character device or a pipe is written to it.
    content : bytes
        Its content.
    mode : int
        Permissions of the file, which the process's umask restricts further. By default those of the file that it
        replaces.

    Raises
    ------
    OutputError
        If the file cannot be written; the old file stays.
    """
    with _translated(path):
        target, status = _target(path)
        if status is not None and (not stat.S_ISREG(status.st_mode) or _is_open_file(path)):
            with path.open("wb") as opened:
                opened.write(content)
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        part = part_of(target)
        try:
            part.touch(mode, exist_ok=False)
            part.write_bytes(content)
            if status is not None and mode == _NEW_FILE:
                _keep_permissions(part, status)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)


def store_result(
    path: Path, write: Callable[[Path], None], faults: tuple[type[Exception], ...] = (OutputError,)
) -> Path:
    """Store a result at its place, or where that fails beside it, with a warning.

    Parameters
    ----------
    path : Path
        File or folder for the result.
    write : callable
        Function that writes it to the path that it is called with, and removes what it wrote if it fails.
    faults : tuple of exception classes
        Failures at `path` after which another place is tried.

    Returns
    -------
    Path
        `path`, or else the first place where writing succeeded: beside it, in the working folder, in the folder for
        temporary files, or in the home folder.

    Raises
    ------
    Exception
        The failure at `path`, if no other place can be written either.

    Warns
    -----
    OutputWarning
        If the result is stored at another place.
    """
    try:
        write(path)
    except faults as error:
        for place in _other_places(path):
            with suppress(OSError):
                write(place)
                warnings.warn(f"{error} The result is stored in {place}", OutputWarning, stacklevel=3)
                return place
        raise
    return path


def read_bytes(path: Path, max_bytes: int) -> bytes:
    """Read a file of bounded size. Devices and pipes, which may have no end, are not read.

    Parameters
    ----------
    path : Path
        File to read.
    max_bytes : int
        Largest size.

    Raises
    ------
    OSError
        If it cannot be read, is not a regular file, or is larger.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "is not a file; name a file, not a folder, a device or a pipe", str(path))
    with path.open("rb") as file:
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise OSError(errno.EFBIG, f"is too large (more than {max_bytes} bytes)", str(path))
    return content


def check_file(path: Path, size: int = 0) -> None:
    """Check that a file can be written, without a change on the disk.

    Parameters
    ----------
    path : Path
        File to write; it may exist.
    size : int
        Size of its content in bytes, about.

    Raises
    ------
    OutputError
        If the path is a folder or another thing that is no file, its name is too long, a folder above it is missing
        its rights, or the disk is full.
    """
    with _translated(path):
        target, status = _target(path)
        if status is None or (stat.S_ISREG(status.st_mode) and not _is_open_file(path)):
            _check_place(target.parent, (target.name, part_of(target).name), size)


def check_folder(path: Path, names: Sequence[str] = (), size: int = 0) -> Path:
    """Check that files can be written to a folder, without a change on the disk.

    Parameters
    ----------
    path : Path
        Folder, which need not exist.
    names : sequence of str
        Names of the files.
    size : int
        Size of all of them in bytes, about.

    Returns
    -------
    Path
        The folder without symbolic links.

    Raises
    ------
    OutputError
        If the path is no folder, a name is too long, a folder cannot be created or written to, or the disk is full.
    """
    with _translated(path):
        folder = Path(os.path.realpath(path))
        status = _status(path)
        if status is None and path.is_symlink() and not folder.parent.is_dir():
            raise FileNotFoundError(errno.ENOENT, "it is a symbolic link into a folder that does not exist")
        if status is not None and not stat.S_ISDIR(status.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, "it is a file, not a folder")
        _check_place(folder, [text for name in names for text in (name, part_of(folder / name).name)], size)
    return folder


def inside(folder: Path, name: str) -> Path:
    """Return the path of a file in a folder, after a check that its name is one.

    Parameters
    ----------
    folder : Path
        Folder of the file.
    name : str
        Name of the file.

    Raises
    ------
    ParameterError
        If the name is empty, has a separator of paths or a control character, or means another folder.
    """
    if not is_plain_name(name):
        raise ParameterError(name or "name", expected="the name of a file, without a folder", got=name)
    return folder / name


def is_plain_name(name: str) -> bool:
    """Return True if a name is that of a file in its folder on every system, and never of another folder."""
    return name not in ("", ".", "..") and not re.search(r"[/\\:\x00-\x1f\x7f]", name)


def remove_parts(path: Path) -> None:
    """Delete the partial files that killed writers of `path` left beside its target."""
    target = Path(os.path.realpath(path))
    stem = stem_of(target.name)
    with suppress(OSError):
        for part in list(target.parent.iterdir()):
            if (match := PART.fullmatch(part.name)) and match[1] == stem:
                part.unlink(missing_ok=True)


def check_space(folder: Path, size: int) -> None:
    """Check by trial that a folder takes files; nothing stays.

    Parameters
    ----------
    folder : Path
        Folder to write to.
    size : int
        Size of the files in bytes.

    Raises
    ------
    OutputError
        If it does not: no rights, a full disk, or a quota.
    """
    with _translated(folder):
        part = part_of(folder / "space")
        try:
            with part.open("xb") as opened:
                for start in range(0, size, 2**20):
                    opened.write(b"\xa5" * min(2**20, size - start))  # a file without data takes no space
        finally:
            part.unlink(missing_ok=True)


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Raise each failure of the operating system as an `OutputError` about a path."""
    try:
        yield
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(path, error.strerror or str(error), number=error.errno) from error
    except ValueError as error:  # a name with a NUL
        raise OutputError(path, str(error)) from error


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _is_open_file(path: Path) -> bool:
    return _OPEN_FILE.fullmatch(str(path.absolute())) is not None


def _target(path: Path) -> tuple[Path, os.stat_result | None]:
    """Return the file that a path means, without links, and its status if it exists; raise if it is not writable."""
    status, target = _status(path), Path(os.path.realpath(path))
    if status is None:
        if path.is_symlink() and not target.parent.is_dir():
            raise FileNotFoundError(errno.ENOENT, "it is a symbolic link into a folder that does not exist")
        return target, None
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder; name a file in it")
    if stat.S_ISBLK(status.st_mode) or stat.S_ISSOCK(status.st_mode):
        raise OSError(errno.EINVAL, "it is a disk or a socket, not a file")
    if not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, "it is read-only")
    return target, status


def _keep_permissions(part: Path, status: os.stat_result) -> None:
    part.chmod(stat.S_IMODE(status.st_mode) & 0o777)
    own = part.stat()
    if hasattr(os, "chown") and (own.st_uid, own.st_gid) != (status.st_uid, status.st_gid):
        with suppress(OSError):  # only root may give a file to another user
            os.chown(part, status.st_uid, status.st_gid)


def _check_place(folder: Path, names: Sequence[str], size: int) -> None:
    """Raise an OSError if files of these names cannot be created in a folder, itself created if missing."""
    there, missing = folder, []
    while _status(there) is None and there != there.parent:
        missing.append(there.name)
        there = there.parent
    if not there.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, f"{there} is not a folder")
    for name in (*missing, *names):
        _status(there / name)  # raises for a name that is too long
    for name in names:
        _status(folder / name)  # and for a path that is
    if not os.access(there, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, f"the folder {there} cannot be written to")
    free = shutil.disk_usage(there).free
    if free < max(size, 1):
        raise OSError(errno.ENOSPC, f"{size / 1e6:.1f} MB are needed and {free / 1e6:.1f} MB are free in {there}")


def _other_places(path: Path) -> Iterator[Path]:
    tag, name = uuid4().hex[:8], Path(os.path.realpath(path)).name
    stem, suffix = (Path(name).stem, Path(name).suffix) if len(os.fsencode(name)) <= LONG else ("result", "")
    temporary: list[Callable[[], Path]] = [Path.cwd, lambda: Path(tempfile.gettempdir()), Path.home]
    for folder in (lambda: Path(os.path.realpath(path)).parent, *temporary):
        with suppress(OSError, RuntimeError):  # of a working folder that was removed, or a user without a home
            yield folder() / f"{stem or 'result'}-{tag}{suffix}"
