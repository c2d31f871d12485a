"""What a process may switch on for itself. Importing this module changes nothing and does not import jax."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from dluxshera.errors import ConfigError

# A program of a small model takes some tenths of a second to compile, loading it some hundredths.
_WORTH_STORING_S = 0.1


def default_compilation_cache() -> Path:
    """Return where compiled programs are kept by default: in the folder that the platform has for a user's caches.

    ``$XDG_CACHE_HOME`` or ``~/.cache`` on Linux, ``~/Library/Caches`` on macOS, ``%LOCALAPPDATA%`` on Windows; below
    it ``dluxshera/jax``.
    """
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        named = Path(os.environ.get("XDG_CACHE_HOME", ""))
        base = named if named.is_absolute() else Path.home() / ".cache"  # a relative one is to be ignored
    return base / "dluxshera" / "jax"


def enable_compilation_cache(folder: str | Path | None = None) -> Path:
    """Keep compiled programs on disk, so that the next process loads them instead of compiling again.

    Nothing does this unasked. It is JAX's persistent cache, for this process, with thresholds at which the programs of
    a model are stored; it holds for all that is compiled afterwards. A program is found again only by the same versions
    of JAX and XLA on the same kind of processor, so a cache is safe to keep and to delete.

    Parameters
    ----------
    folder : path, optional
        Made if it is not there; by default `default_compilation_cache`.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    ConfigError
        If the folder cannot be made or written to.

    """
    import jax
    from jax.experimental.compilation_cache import compilation_cache

    path = (default_compilation_cache() if folder is None else Path(folder).expanduser()).absolute()
    try:
        path.mkdir(parents=True, exist_ok=True)
        usable = os.access(path, os.W_OK | os.X_OK)
    except OSError:
        usable = False
    if not usable:
        raise ConfigError(
            "folder",
            expected="a folder that can be made and written to",
            got=str(path),
            remedy="Name another folder, or go without the cache",
        )
    for name, value in {
        "jax_enable_compilation_cache": True,
        "jax_compilation_cache_dir": str(path),
        "jax_persistent_cache_min_compile_time_secs": _WORTH_STORING_S,
        "jax_persistent_cache_min_entry_size_bytes": 0,
    }.items():
        jax.config.update(name, value)  # type: ignore[no-untyped-call]  # untyped in jax
    compilation_cache.reset_cache()  # JAX looks at the folder once, when it first compiles
    return path
