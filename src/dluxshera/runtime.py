"""Settings of a process: JAX's persistent compilation cache, opt-in. The module does not import jax."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from dluxshera.errors import ConfigError

# Compiling the program of a small model takes tenths of a second, loading it hundredths.
_WORTH_STORING_S = 0.1


def default_compilation_cache() -> Path:
    """Return the default folder of compiled programs: ``dluxshera/jax`` in the platform's folder for caches.

    The latter is ``$XDG_CACHE_HOME`` or ``~/.cache`` on Linux, ``~/Library/Caches`` on macOS, and ``%LOCALAPPDATA%`` on
    Windows.
    """
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        named = Path(os.environ.get("XDG_CACHE_HOME", ""))
        base = named if named.is_absolute() else Path.home() / ".cache"  # the XDG specification ignores relative paths
    return base / "dluxshera" / "jax"


def enable_compilation_cache(folder: str | Path | None = None) -> Path:
    """Keep compiled programs on disk, so that the next process loads them instead of compiling again.

    The function switches on JAX's persistent cache for everything that this process compiles afterwards, with
    thresholds at which the programs of a model are stored. Programs are reused only by the same versions of JAX and XLA
    on the same kind of processor, so a cache is safe to keep and to delete.

    Parameters
    ----------
    folder : path, optional
        Folder of the cache, created if missing. By default `default_compilation_cache`.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    ConfigError
        If the folder cannot be created or written to.
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
            expected="a folder that can be created and written to",
            got=str(path),
            remedy="Name another folder, or work without the cache",
        )
    for name, value in {
        "jax_enable_compilation_cache": True,
        "jax_compilation_cache_dir": str(path),
        "jax_persistent_cache_min_compile_time_secs": _WORTH_STORING_S,
        "jax_persistent_cache_min_entry_size_bytes": 0,
    }.items():
        jax.config.update(name, value)  # type: ignore[no-untyped-call]  # untyped in jax
    compilation_cache.reset_cache()  # JAX reads the setting only once, when it first compiles
    return path
