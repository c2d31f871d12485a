"""Caches on disk: byte strings and arrays under keys, in private folders of bounded size. No jax.

An entry carries the SHA-256 hash of its key and content, and is read only if it is intact and only the user can have
written it. A damaged, full or unusable cache never changes a result: the content is computed again, with one warning.
"""

from __future__ import annotations

import os
import re
import stat
import sys
import threading
import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dluxshera.errors import ConfigError
from dluxshera.files import write_bytes

if TYPE_CHECKING:
    import numpy as np

FOLDER_VARIABLE: Final = "DLUXSHERA_CACHE_DIR"
DISABLED_VARIABLE: Final = "DLUXSHERA_CACHE_DISABLED"
MAX_CACHE_BYTES: Final = 256 * 2**20

_FORMAT = "1"  # part of each name, so that a release with another layout of entries does not read these
_NAME = re.compile(r"[0-9a-f]{64}\.entry")
_PART = re.compile(r"\.[0-9a-f]{64}\.entry\.[0-9a-f]{32}\.part")
_ABANDONED_S = 3600.0  # age at which a partial file is that of a killed writer
_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


class CacheWarning(UserWarning):
    """A cache on disk is not used, or one of its entries is damaged. The content is computed again."""


def cache_folder() -> Path:
    """Return the folder of all caches of the package; it need not exist.

    By default it is ``dluxshera`` in the platform's folder for caches: ``$XDG_CACHE_HOME`` or ``~/.cache`` on Linux,
    ``~/Library/Caches`` on macOS, and ``%LOCALAPPDATA%`` on Windows. The environment variable ``DLUXSHERA_CACHE_DIR``
    names another one.
    """
    if named := os.environ.get(FOLDER_VARIABLE):
        return Path(named).expanduser().absolute()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        xdg = Path(os.environ.get("XDG_CACHE_HOME", ""))
        base = xdg if xdg.is_absolute() else Path.home() / ".cache"  # the XDG specification ignores relative paths
    return base / "dluxshera"


def caches_disabled() -> bool:
    """Return whether the environment variable ``DLUXSHERA_CACHE_DISABLED`` is set, and neither empty nor ``0``."""
    return os.environ.get(DISABLED_VARIABLE, "0") not in ("", "0")


def private_folder(folder: Path) -> Path:
    """Return a folder, without symbolic links, after checking that only the user can write to it.

    Parameters
    ----------
    folder : Path
        Folder. Missing ones, parents included, are created with mode 0700.

    Raises
    ------
    ConfigError
        If the folder cannot be created or written to, belongs to another user, or can be written by others.
    """
    unusable = ConfigError(
        "folder",
        expected="a folder that can be created and written to",
        got=str(folder),
        remedy=f"Name another folder, in {FOLDER_VARIABLE} or as an argument, or work without the cache",
    )
    try:
        for parent in reversed([folder, *folder.parents]):
            if not parent.exists():
                parent.mkdir(mode=0o700, exist_ok=True)
        real = folder.resolve(strict=True)
        named, status = folder.lstat(), real.stat()
    except OSError:
        raise unusable from None
    if not (real.is_dir() and os.access(real, os.R_OK | os.W_OK | os.X_OK)):
        raise unusable
    if not (_owned(named) and _owned(status)) or _open_to_others(status):
        raise ConfigError(
            "folder",
            expected="a folder of the user that no other user can write to",
            got=f"{folder}, mode {stat.S_IMODE(status.st_mode):04o} of user {status.st_uid}",
            remedy="Compiled programs run with the rights of their user. Delete the folder, or name another one",
        )
    return real


class DiskCache:
    """Byte strings under keys, in a private folder of bounded size. Safe under threads and processes.

    The entries that were not used for the longest time are removed when the folder grows beyond its bound. Other files
    in the folder are left alone. Failures after construction are warnings, the first of each cache only.

    Parameters
    ----------
    folder : Path
        Folder, created if missing.
    max_bytes : int
        Largest size of all entries. A larger content is not stored.

    Raises
    ------
    ConfigError
        If the folder is not usable or not private, see `private_folder`.
    """

    def __init__(self, folder: Path, max_bytes: int = MAX_CACHE_BYTES) -> None:
        self.folder, self.max_bytes = private_folder(folder), max_bytes
        self._lock = threading.Lock()
        self._warned = False

    def read(self, key: str) -> bytes | None:
        """Return the content of a key; None if there is none, or if the entry is damaged, which removes it."""
        path = self._path(key)
        try:
            hashed, content = _split(_private_content(path))
        except FileNotFoundError:
            return None
        except OSError as error:
            self.warn(f"an entry cannot be read: {error}")
            return None
        if hashed != _hash(key, content):
            self.discard(key, "an entry is damaged")
            return None
        with suppress(OSError):
            os.utime(path)  # the time of the last use
        return content

    def write(self, key: str, content: bytes) -> None:
        """Store the content of a key; without effect, but for a warning, where that fails."""
        entry = _hash(key, content) + content
        if len(entry) > self.max_bytes:
            return
        path = self._path(key)
        try:
            with suppress(FileNotFoundError):
                status = path.lstat()
                if stat.S_ISLNK(status.st_mode) or status.st_mode & _BY_OTHERS:
                    path.unlink()  # a link would be followed, and permissions kept
            write_bytes(path, entry, mode=0o600)
            self._remove_oldest()
        except OSError as error:
            self.warn(f"an entry cannot be stored: {error}")

    def discard(self, key: str, reason: str) -> None:
        """Remove the entry of a key, and warn."""
        with suppress(OSError):
            self._path(key).unlink()
        self.warn(reason)

    def warn(self, reason: str) -> None:
        """Warn about a failure, the first time only."""
        with self._lock:
            first, self._warned = not self._warned, True
        if first:
            text = (
                f"the cache {self.folder}: {reason}. Its content is computed again; further failures are not reported"
            )
            warnings.warn(text, CacheWarning, stacklevel=3)

    def _path(self, key: str) -> Path:
        return self.folder / f"{sha256(f'{_FORMAT}/{key}'.encode()).hexdigest()}.entry"

    def _remove_oldest(self) -> None:
        """Remove partial files of killed writers, and the entries beyond the bound."""
        entries, now = [], time.time()
        with os.scandir(self.folder) as files:
            for file in files:
                with suppress(FileNotFoundError):  # another process removed it
                    if _NAME.fullmatch(file.name):
                        status = file.stat(follow_symlinks=False)
                        entries.append((status.st_mtime_ns, status.st_size, file.path))
                    elif _PART.fullmatch(file.name) and now - file.stat().st_mtime > _ABANDONED_S:
                        Path(file.path).unlink()
        size = sum(bytes_ for _, bytes_, _ in entries)
        for _, bytes_, path in sorted(entries):
            if size <= self.max_bytes:
                break
            Path(path).unlink(missing_ok=True)
            size -= bytes_


def cached_arrays(
    key: str, build: Callable[[], Mapping[str, Any]], folder: Path | None = None
) -> dict[str, np.ndarray]:
    """Return arrays from the cache on disk, or build and store them.

    Threads that ask at the same time wait for each other, so that one of them builds. Processes may build the same
    arrays side by side; each stores them whole. The environment variable ``DLUXSHERA_CACHE_DISABLED`` disables the
    cache. Arrays with an element that is not finite are returned, but not stored.

    Parameters
    ----------
    key : str
        Everything that the arrays depend on, as text of any length: settings, hashes of files, and a version of the
        algorithm, to be increased when it builds other numbers.
    build : callable
        Function that returns the arrays by name; called only if they are not in the cache.
    folder : Path, optional
        Folder of the cache. By default ``arrays`` in `cache_folder`.

    Returns
    -------
    dict of str to ndarray
        Read-only arrays by name, bit by bit those that `build` returned.

    Warns
    -----
    CacheWarning
        If the folder is not private or not usable, or an entry is damaged or cannot be stored: once for each folder.
    """
    if caches_disabled():
        return _arrays(build())
    with _building:
        store = _array_cache((cache_folder() / "arrays" if folder is None else folder).absolute())
        if store is None:
            return _arrays(build())
        if content := store.read(key):
            with suppress(Exception):  # any error of a file of another version of NumPy
                return _unpacked(content)
            store.discard(key, "an entry has no arrays")
        arrays = _arrays(build())
        if content := _packed(arrays):
            store.write(key, content)
        return arrays


_building = threading.RLock()  # a function that builds arrays may use others from the cache


@cache  # so that each folder warns once
def _array_cache(folder: Path) -> DiskCache | None:
    try:
        return DiskCache(folder)
    except ConfigError as error:
        warnings.warn(f"arrays are not cached: {error}", CacheWarning, stacklevel=3)
        return None


def _arrays(values: Mapping[str, Any]) -> dict[str, np.ndarray]:
    import numpy as np

    arrays = {name: np.asarray(value) for name, value in values.items()}
    for array in arrays.values():
        array.setflags(write=False)
    return arrays


def _packed(arrays: Mapping[str, np.ndarray]) -> bytes | None:
    """Return the arrays as the bytes of an ``.npz`` file, or None if not all elements are finite."""
    import numpy as np

    if not all(np.all(np.isfinite(array)) for array in arrays.values()):
        return None
    file = BytesIO()
    np.savez(file, allow_pickle=False, **arrays)
    return file.getvalue()


def _unpacked(content: bytes) -> dict[str, np.ndarray]:
    import numpy as np

    with np.load(BytesIO(content), allow_pickle=False) as file:
        return _arrays({name: file[name] for name in file.files})


def _hash(key: str, content: bytes) -> bytes:
    hasher = sha256(f"{len(key)} {key}".encode())
    hasher.update(content)
    return hasher.digest()


def _split(entry: bytes) -> tuple[bytes, bytes]:
    return entry[:32], entry[32:]


def _private_content(path: Path) -> bytes:
    """Return the content of a file that only the user can have written; its folder may have been replaced."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not _owned(status) or _open_to_others(status):
            raise PermissionError(f"{path.name} can have been written by others")
        return file.read()


def _owned(status: os.stat_result) -> bool:
    return sys.platform == "win32" or status.st_uid == os.geteuid()


def _open_to_others(status: os.stat_result) -> bool:
    return sys.platform != "win32" and bool(status.st_mode & _BY_OTHERS)
