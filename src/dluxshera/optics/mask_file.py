"""Where the file of a diffractive pupil is. The standard library alone, so that a configuration needs no NumPy."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from dluxshera.errors import ConfigError

TOLIMAN = "dLuxToliman"  # names the mask that this installed package carries


def diffractive_pupil_file(source: str) -> Path:
    """Return the file of a diffractive pupil: the mask in `dLuxToliman` under that name, otherwise a path.

    Raises
    ------
    ConfigError
        If there is no such file.
    """
    path = Path(source)
    if source == TOLIMAN:
        spec = find_spec(TOLIMAN)  # finds the package without importing it, which would bring jax
        folders = (spec.submodule_search_locations if spec else None) or [source]
        path = Path(folders[0]) / "diffractive_pupil.npy"
    if not path.is_file():
        raise ConfigError(
            "diffractive_pupil",
            expected=f"{TOLIMAN!r}, the path of a .npy file, or None",
            got=str(source),
            remedy="Give the path of an existing file",
        )
    return path
