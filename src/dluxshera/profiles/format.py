"""The format of profiles: its version, the schema of a document, and the fields and parameters that it can set.

Nothing here knows a system: the names and their checks come with a `ProfileFormat`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from dluxshera.documents import without_limits
from dluxshera.params import ParamField
from dluxshera.systems import Rule

PROFILE: Final = "dluxshera.profile"
VERSION: Final = "0.2.0"
HASH: Final = "content_hash"
KINDS: Final = ("instrument", "target", "observation", "numerics")

MAX_PROFILE_BYTES: Final = 200_000  # of one document
MAX_ITEMS: Final = 1_000  # of one mapping or list

_PACKAGED: Final = re.compile(rf"(?:{'|'.join(KINDS)})/[a-z0-9_]{{1,60}}")


@dataclass(frozen=True)
class ProfileFormat:
    """The content that profiles may have.

    Parameters
    ----------
    schema : dict
        JSON Schema of one document, as it is published: with the limits of values, for editors.
    rules : mapping of str to Rule
        Check of each configuration field.
    fields : mapping of str to ParamField
        Unit, scale and bounds of each parameter. Shapes and defaults have no meaning here.
    packaged : Path
        Folder of the packaged profiles, ``<kind>/<name>.yaml``.
    """

    schema: dict[str, Any]
    rules: Mapping[str, Rule]
    fields: Mapping[str, ParamField]
    packaged: Path

    @cached_property
    def form(self) -> dict[str, Any]:
        """The schema without the limits of values, which the rules and the fields check."""
        properties = self.schema["properties"]
        judged = {part: without_limits(properties[part]) for part in ("config", "parameters")}
        return {**self.schema, "properties": {**properties, **judged}}

    def names(self) -> tuple[str, ...]:
        """Return the names of the packaged profiles."""
        return tuple(f"{kind}/{path.stem}" for kind in KINDS for path in sorted((self.packaged / kind).glob("*.yaml")))

    def packaged_file(self, name: str) -> Path | None:
        """Return the file of a packaged profile, or None if there is no such profile."""
        path = self.packaged / f"{name}.yaml"
        return path if path.is_file() else None


def is_packaged_name(name: str) -> bool:
    """Return whether a name has the form of a packaged profile's, such as ``instrument/shera_flight``."""
    return _PACKAGED.fullmatch(name) is not None


def is_relative_file(name: str) -> bool:
    """Return whether a name in `extends` is the relative path of a document."""
    return name.endswith((".yaml", ".yml", ".json")) and not name.startswith(("/", "~")) and "\0" not in name


def content_hash(data: Mapping[str, Any]) -> str:
    """Return the hash of a profile's content, ``sha256:...``, without the hash itself and ``$schema``."""
    content = {name: value for name, value in data.items() if name not in (HASH, "$schema")}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
