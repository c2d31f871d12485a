"""Files and folders that appear whole or not at all: written under a temporary name, then renamed."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def write_text(path: Path, text: str) -> None:
    """Write a text file; a reader sees the old content or the new, never half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as making:
        made = Path(making) / path.name
        made.write_text(text, encoding="utf-8", newline="\n")
        made.replace(path)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Fill a folder that takes its name only when the block ends without an exception.

    Parameters
    ----------
    path : Path
        The folder to make. One that is there already is replaced, and stays as it was if the block fails.

    Yields
    ------
    Path
        An empty folder beside it, to write to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        yield making
        making.chmod(0o755)
        if path.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{path.name}.old.", dir=path.parent))
            path.replace(old / path.name)
            making.replace(path)
            shutil.rmtree(old)
        else:
            making.replace(path)
    finally:
        shutil.rmtree(making, ignore_errors=True)
