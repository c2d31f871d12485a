"""Records of where a model comes from: plain data with hashes and package versions. No jax."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from dluxshera.profiles.format import content_hash
from dluxshera.profiles.profile import Profile
from dluxshera.systems import SheraConfig, structural_hash_from_config


def provenance_of(config: SheraConfig, profile: Profile | None = None) -> dict[str, Any]:
    """Return the provenance of a model: its design, its configuration and the profiles that it was read from.

    Parameters
    ----------
    config : SheraConfig
        Configuration of any system.
    profile : Profile, optional
        Profile that the model was read from.

    Returns
    -------
    dict
        ``design`` (its name), ``design_hash``, ``config`` (every structural field), ``config_hash``, and ``profiles``,
        with the hash of each document's content in the order of composition. Each hash begins with ``sha256:``.
    """
    documents = profile.documents if profile else ()
    return {
        "design": config.name,
        "design_hash": f"sha256:{hashlib.sha256(repr(config.design).encode()).hexdigest()}",
        "config": config.structure(),
        "config_hash": f"sha256:{structural_hash_from_config(config)}",
        "profiles": [
            {"kind": document.data["kind"], "name": document.data["name"], "content_hash": content_hash(document.data)}
            for document in documents
        ],
    }


def package_versions(names: Iterable[str]) -> dict[str, str]:
    """Return the installed version of each package, by name and in the order of `names`.

    Parameters
    ----------
    names : iterable of str
        Distribution names, as on the package index. A package that is not installed is left out.
    """
    versions = {}
    for name in names:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions
