"""The location of the file of a diffractive pupil. Standard library only: a configuration must not import NumPy."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from dluxshera.errors import ConfigError

TOLIMAN = "dLuxToliman"  # the package that contains TOLIMAN's mask, and the name of that mask


def is_file(path: Path) -> bool:
    """Return whether a path is a regular file; False for a path that the system does not accept."""
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that is too long, or has a NUL
        return False


def diffractive_pupil_file(source: str) -> Path:
    """Return the file of a diffractive pupil.

    Parameters
    ----------
    source : str
        Name of TOLIMAN's mask, ``dLuxToliman``, which that installed package contains; any other text is a path.

    Raises
    ------
    ConfigError
        If the file does not exist.
    """
    path = Path(source)
    if source == TOLIMAN:
        spec = find_spec(TOLIMAN)  # does not import the package, which would import jax
        folders = (spec.submodule_search_locations if spec else None) or [source]
        path = Path(folders[0]) / "diffractive_pupil.npy"
    if not is_file(path):
        raise ConfigError(
            "diffractive_pupil",
            expected=f"{TOLIMAN!r}, the path of a .npy file, or None",
            got=str(source),
            remedy="Give the path of an existing file",
        )
    return path
