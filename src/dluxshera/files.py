"""Atomic writing: files and folders that appear complete or not at all, written beside their place and then renamed."""

from __future__ import annotations

import errno
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4


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
    UnicodeEncodeError
        If the text has a lone surrogate; the old file stays.
    """
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes, mode: int = 0o666) -> None:
    """Write a file; a reader sees the old content or the new, even if the writing process is killed.

    Parameters
    ----------
    path : Path
        File to write. Missing parent folders are created.
    content : bytes
        Its content.
    mode : int
        Permissions of the file, which the process's umask restricts further.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{uuid4().hex}.part")
    try:
        part.touch(mode)
        part.write_bytes(content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def remove_parts(path: Path) -> None:
    """Delete the partial files that killed writers of `path` left beside it."""
    for part in path.parent.glob(f".{path.name}.*.part"):
        part.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Fill a folder that takes its name only if the block ends without an exception.

    Parameters
    ----------
    path : Path
        Folder to create. An existing one is replaced, or kept unchanged if the block fails.

    Yields
    ------
    Path
        An empty folder beside `path` to write to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        yield part
        part.chmod(0o755)
        if path.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{path.name}.old.", dir=path.parent))
            path.replace(old / path.name)
            part.replace(path)
            shutil.rmtree(old)
        else:
            part.replace(path)
    finally:
        shutil.rmtree(part, ignore_errors=True)


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
        raise OSError(errno.EINVAL, "is not a file", str(path))
    with path.open("rb") as file:
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise OSError(errno.EFBIG, f"is too large (more than {max_bytes} bytes)", str(path))
    return content
