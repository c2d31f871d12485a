"""Profiles as files: their content with the unit of every value, its hash, and the text that gives it back exactly."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from dluxshera.documents import json_text
from dluxshera.files import write_text
from dluxshera.params import ParamField, floats, own_unit

PROFILE: Final = "dluxshera.profile"
VERSION: Final = "0.1.0"
HASH: Final = "content_hash"


def content_hash(data: Mapping[str, Any]) -> str:
    """Return the hash of a profile's content, ``sha256:...``: of everything but the hash itself and ``$schema``."""
    content = {name: value for name, value in data.items() if name not in (HASH, "$schema")}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def profile_data(
    kind: str,
    name: str,
    fields: Mapping[str, ParamField],
    *,
    config: Mapping[str, Any] | None = None,
    parameters: Mapping[str, Any] | None = None,
    **said: Any,
) -> dict[str, Any]:
    """Return the content of a profile, with the unit of each value and a hash.

    Parameters
    ----------
    kind, name : str
        What it is, and what it is called.
    fields : mapping of str to ParamField
        Give the units.
    config : mapping, optional
        Fields of the configuration.
    parameters : mapping, optional
        Key to number or sequence of numbers, in the parameter's own unit.
    **said
        ``description``, ``source``, ``extends``, ``system`` and ``spec``; what is None or empty is left out.
    """
    order = ("description", "source", "extends", "system", "spec")
    data: dict[str, Any] = {"schema": f"{PROFILE}/{VERSION}", "kind": kind, "name": name}
    data |= {part: said[part] for part in order if said.get(part)}
    if config:
        data["config"] = {key: list(v) if isinstance(v, tuple) else v for key, v in config.items()}
    if parameters:
        data["parameters"] = {key: {"value": floats(v), "unit": own_unit(fields[key])} for key, v in parameters.items()}
    return {**data, HASH: content_hash(data)}


def profile_text(data: Mapping[str, Any], *, schema: str = "", as_json: bool = False) -> str:
    """Return a profile as the text of a file.

    Parameters
    ----------
    data : mapping
        As `profile_data` gives it.
    schema : str
        Path or URL of the JSON Schema, for editors; empty for none.
    as_json : bool
        JSON instead of YAML.
    """
    if as_json:
        return json_text({**({"$schema": schema} if schema else {}), **data})
    lines = [f"# yaml-language-server: $schema={schema}"] if schema else []
    for name, value in data.items():
        if isinstance(value, dict):
            lines += [f"{name}:", *(f"  {key}: {_flow(item)}" for key, item in value.items())]
        else:
            lines.append(f"{name}: {_flow(value)}")
    return "\n".join(lines) + "\n"


def save_profile(path: Path, data: Mapping[str, Any], *, schema: str = "") -> None:
    """Write a profile whole or not at all, as JSON if the file's name ends in ``.json`` and as YAML otherwise."""
    write_text(path, profile_text(data, schema=schema, as_json=path.suffix.lower() == ".json"))


_PLAIN: Final = re.compile(r"[A-Za-z](?:[A-Za-z0-9_./ -]*[A-Za-z0-9_])?")
_WORDS: Final = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}  # the last six to older readers
_ESCAPED: Final = re.compile("[^\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


def _flow(value: Any) -> str:
    """Return plain data as YAML in one line; a number as the shortest text that gives it back."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_flow(key)}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, str):
        if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
            return value
        return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False))
    return json.dumps(value, allow_nan=False)
