"""The lock of a folder: one fit at a time writes to it. The system releases it when its process ends in any way."""

from __future__ import annotations

import errno
import json
import os
import socket
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from dluxshera.errors import OutputError, ParameterError

LOCK: Final = ".run.lock"
FORMAT: Final = "dluxshera.lock/1"

_guard = threading.Lock()
_holders: dict[str, tuple[int, int]] = {}  # folder -> process and thread that hold its lock


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder while the block runs. A thread may claim a folder again that it holds.

    Parameters
    ----------
    folder : Path
        Folder, created if missing. If it is empty after the block, it is removed again.

    Raises
    ------
    ParameterError
        If another process or thread holds the lock, or the name of the lock is that of another file.
    OutputError
        If the folder cannot be created or written to.
    """
    real = Path(os.path.realpath(folder))
    key, own = os.path.normcase(real), (os.getpid(), threading.get_ident())
    with _guard:
        holder = _holders.get(key)
        if holder is None or holder[0] != own[0]:  # a forked process inherits the entries, not the locks
            _holders[key] = own
    if holder == own:
        yield
        return
    if holder is not None and holder[0] == own[0]:
        raise _busy(folder, "another thread of this process")
    try:
        with _existing(folder, real), _locked(folder, real / LOCK):
            yield
    finally:
        with _guard:
            _holders.pop(key, None)


def is_lock(path: Path) -> bool:
    """Return True if a file is the lock of a folder, held or left by a process that was killed."""
    try:
        if not path.is_file():  # reading a pipe would wait for ever
            return False
        with path.open("rb") as opened:
            raw = opened.read(1000)
        return not raw or json.loads(raw)["format"] == FORMAT
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False


@contextmanager
def _existing(folder: Path, real: Path) -> Iterator[None]:
    """Create a folder with its parents, and remove those again that are empty after the block."""
    missing = [place for place in (real, *real.parents) if not place.exists()]
    try:
        real.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        if isinstance(error, OutputError) or real.is_dir():
            raise
        raise OutputError(folder, error.strerror or str(error), number=error.errno) from error
    finally:
        with suppress(OSError):
            for place in missing:
                place.rmdir()


@contextmanager
def _locked(folder: Path, path: Path) -> Iterator[None]:
    descriptor = _acquire(folder, path)
    try:
        yield
    finally:
        if sys.platform == "win32":  # where an open file cannot be removed
            os.close(descriptor)
            with suppress(OSError):
                path.unlink()
        else:
            with suppress(OSError):
                path.unlink()
            os.close(descriptor)


def _acquire(folder: Path, path: Path) -> int:
    """Return the descriptor of the locked file, which has its name still."""
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
        except OSError as error:
            raise OutputError(path, error.strerror or str(error), number=error.errno) from error
        try:
            _lock(descriptor)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK):
                os.close(descriptor)
                raise _busy(folder, _holder(path)) from None
            warnings.warn(f"{folder}: its file system has no locks ({error.strerror})", UserWarning, stacklevel=5)
        try:
            if not is_lock(path):
                raise ParameterError(
                    str(path),
                    expected="the lock of a folder",
                    got="another file",
                    remedy="Move it, or name another folder",
                )
            status, current = os.fstat(descriptor), path.stat()
            if (status.st_ino, status.st_dev) == (current.st_ino, current.st_dev):
                holder = {"format": FORMAT, "process": os.getpid(), "host": socket.gethostname()}
                holder["since"] = datetime.now(UTC).isoformat(timespec="seconds")
                os.ftruncate(descriptor, 0)
                os.write(descriptor, json.dumps(holder).encode())
                return descriptor
        except FileNotFoundError:
            pass  # its former holder has removed it in the meantime
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _holder(path: Path) -> str:
    try:
        holder = json.loads(path.read_text(encoding="utf-8"))
        return f"process {holder['process']} on {holder['host']}, since {holder['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"


def _busy(folder: Path, holder: str) -> ParameterError:
    return ParameterError(
        str(folder),
        expected="a folder that no other fit writes to",
        got="a folder in use",
        remedy=f"It is in use by {holder}. Wait until it ends, or name another folder",
    )
