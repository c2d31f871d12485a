"""Settings of a process: JAX's precision and its persistent compilation cache. The module does not import jax."""

from __future__ import annotations

import platform
import re
import warnings
from pathlib import Path
from typing import Final

from dluxshera.disk_cache import MAX_CACHE_BYTES, CacheWarning, DiskCache, cache_folder, caches_disabled
from dluxshera.errors import ConfigError

# Compiling the program of a small model takes tenths of a second, loading it hundredths.
_WORTH_STORING_S: Final = 0.05


def default_compilation_cache() -> Path:
    """Return the default folder of compiled programs: ``jax`` in `dluxshera.disk_cache.cache_folder`."""
    return cache_folder() / "jax"


def enable_compilation_cache(folder: str | Path | None = None, max_bytes: int = MAX_CACHE_BYTES) -> Path:
    """Keep compiled programs on disk, so that the next process loads them instead of compiling again.

    The function switches on JAX's persistent cache for everything that this process compiles afterwards, with
    thresholds at which the programs of a model are stored. Programs are reused only by the same versions of JAX and XLA
    on the same model of processor, so a cache is safe to keep and to delete.

    The folder has to be private, because its programs run with the rights of the user: it is created with mode 0700. A
    damaged program is compiled again, and one that does not fit on the disk is not stored; the first such failure is a
    `CacheWarning`.

    Parameters
    ----------
    folder : path, optional
        Folder of the cache, created if missing. By default `default_compilation_cache`.
    max_bytes : int
        Largest size of the cache; programs that were not used for the longest time are removed.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    ConfigError
        If the folder cannot be created or written to, belongs to another user, or can be written by others.
    """
    import jax
    from jax.experimental.compilation_cache import compilation_cache

    path = (default_compilation_cache() if folder is None else Path(folder).expanduser()).absolute()
    cache = DiskCache(path, max_bytes)
    for name, value in {
        "jax_enable_compilation_cache": True,
        "jax_compilation_cache_dir": str(cache.folder),
        "jax_persistent_cache_min_compile_time_secs": _WORTH_STORING_S,
        "jax_persistent_cache_min_entry_size_bytes": 0,
    }.items():
        jax.config.update(name, value)  # type: ignore[no-untyped-call]  # untyped in jax
    compilation_cache.reset_cache()  # JAX reads the setting only once, when it first compiles
    _install(cache)
    return path


def set_up_command() -> None:
    """Set JAX up for a command: double precision, and the compilation cache in its default folder.

    The cache stays off where the environment variable ``DLUXSHERA_CACHE_DISABLED`` is set, and JAX's own settings
    (``JAX_COMPILATION_CACHE_DIR``, ``JAX_ENABLE_COMPILATION_CACHE=0``) take precedence.

    Warns
    -----
    CacheWarning
        If the folder is not private or not usable; programs are then compiled and not stored.
    """
    import jax

    jax.config.update("jax_enable_x64", True)  # type: ignore[no-untyped-call]  # untyped in jax
    enabled: bool = jax.config.jax_enable_compilation_cache  # type: ignore[attr-defined]  # unknown to its stubs
    named: str | None = jax.config.jax_compilation_cache_dir  # type: ignore[attr-defined]  # unknown to its stubs
    if caches_disabled() or named or not enabled:
        return
    try:
        enable_compilation_cache()
    except ConfigError as error:
        warnings.warn(f"compiled programs are not cached: {error}", CacheWarning, stacklevel=2)


def _install(cache: DiskCache) -> None:
    """Let JAX store its programs in `cache`.

    JAX's own store reads a truncated entry of another process, never replaces a damaged one, and needs another package
    to bound its size. It has no public way to name another store; a test fails if a release of JAX ignores this one.
    """
    from jax._src import compilation_cache
    from jax._src.compilation_cache_interface import CacheInterface

    machine = _machine()

    class Programs(CacheInterface):
        _path = cache.folder

        def get(self, key: str) -> bytes | None:
            return cache.read(f"{machine}/{key}")

        def put(self, key: str, value: bytes) -> None:
            cache.write(f"{machine}/{key}", value)

    compilation_cache._cache = Programs()


def _machine() -> str:
    """Return a description of the processor. JAX's keys have none, and machines may share a folder."""
    try:
        first, _, _ = Path("/proc/cpuinfo").read_text(encoding="utf-8").partition("\n\n")
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    identifiers = re.findall(r"^(?:model name|flags|Features|CPU part)\s*: (.*)$", first, re.MULTILINE)
    return " ".join([platform.machine(), *identifiers])
