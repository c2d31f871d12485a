"""Where a model comes from, as plain data with hashes, for the record of a run. No jax."""

from __future__ import annotations

import hashlib
from typing import Any

from dluxshera.profiles.format import Profile
from dluxshera.profiles.save import content_hash
from dluxshera.systems import SheraConfig, structural_hash_from_config


def provenance_of(config: SheraConfig, profile: Profile | None = None) -> dict[str, Any]:
    """Return what a model was built from.

    Parameters
    ----------
    config : SheraConfig
        Of any system.
    profile : Profile, optional
        That it was read from.

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
