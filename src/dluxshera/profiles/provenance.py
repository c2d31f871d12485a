"""Provenance of a model as plain data with hashes, written into the record of a run. No jax."""

from __future__ import annotations

import hashlib
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
        ``design`` (its name), ``design_hash``, ``config`` (everything structural), ``config_hash``, and ``profiles``,
        with the hash of each document's content in the order of composition.
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
