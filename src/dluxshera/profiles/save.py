"""Profiles as files: content with the unit of every value and a hash, as text that keeps every bit of a number."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from dluxshera.documents import json_text
from dluxshera.errors import ParameterError
from dluxshera.files import write_text
from dluxshera.params import ParamField, ParamSpec, bare_value, floats, own_unit
from dluxshera.profiles.format import HASH, MAX_ITEMS, PROFILE, VERSION, content_hash
from dluxshera.profiles.schema import schema_file
from dluxshera.systems import PARAMETERS, SheraConfig, design_values, settable_parameters


def profile_data(
    kind: str,
    name: str,
    fields: Mapping[str, ParamField],
    *,
    config: Mapping[str, Any] | None = None,
    parameters: Mapping[str, Any] | None = None,
    **texts: Any,
) -> dict[str, Any]:
    """Return the content of a profile, with the unit of each value and a hash.

    Parameters
    ----------
    kind, name : str
        Kind and name of the profile.
    fields : mapping of str to ParamField
        Parameters, for their units.
    config : mapping, optional
        Fields of the configuration.
    parameters : mapping, optional
        Number or sequence of numbers by key, in the parameter's own unit or with a unit.
    **texts
        ``description``, ``source``, ``extends``, ``system`` and ``spec``; None and empty ones are left out.
    """
    order = ("description", "source", "extends", "system", "spec")
    data: dict[str, Any] = {"schema": f"{PROFILE}/{VERSION}", "kind": kind, "name": name}
    data |= {part: texts[part] for part in order if texts.get(part)}
    if config:
        data["config"] = {key: list(v) if isinstance(v, tuple) else v for key, v in config.items()}
    if parameters:
        values = {key: floats(_plain(bare_value(fields[key], value))) for key, value in parameters.items()}
        data["parameters"] = {key: {"value": value, "unit": own_unit(fields[key])} for key, value in values.items()}
    return {**data, HASH: content_hash(data)}


def profile_of(
    config: SheraConfig, store: Mapping[str, Any], spec: ParamSpec, *, name: str, kind: str = "observation"
) -> dict[str, Any]:
    """Return the content of a profile from which `load_model` returns the same configuration, spec and values.

    Parameters
    ----------
    config : SheraConfig
        Configuration of any system.
    store : mapping
        Store, or plain values: one for each primitive of the spec.
    spec : ParamSpec
        Spec of the values.
    name, kind : str
        Name and kind of the profile.

    Returns
    -------
    dict
        Content for `save_profile`. The values of the store become the design.

    Raises
    ------
    ParameterError
        If the store has a map that is not its default, or a list that is too long: a profile holds neither.

    Examples
    --------
    >>> import dluxshera as ds
    >>> config, spec, store = ds.load_model("observation/flight_alpha_cen")
    >>> profile_of(config, store, spec, name="mine")["parameters"]["system.pixel_pitch_m"]
    {'value': 4.6e-06, 'unit': 'm'}
    """
    values = {
        key: _checked_length(key, _plain(store[key]))
        for key in spec.primitives
        if not _is_default_map(key, store, spec)
    }
    design = design_values(config)
    structure = {name: getattr(config, name) for name in type(config).rules()}
    return profile_data(
        kind,
        name,
        settable_parameters(),
        system=config.system_id,
        spec=spec.name,
        config=structure,
        parameters={**design, **values},
    )


def profile_text(data: Mapping[str, Any], *, schema: str = "", as_json: bool = False) -> str:
    """Return a profile as the text of a file.

    Parameters
    ----------
    data : mapping
        Content, as `profile_data` returns it.
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
    """Write a profile, whole or not at all: as JSON if the file name ends in ``.json``, as YAML otherwise.

    Parameters
    ----------
    path : Path
        File to write.
    data : mapping
        Content of the profile.
    schema : str
        Address of the schema for the first line or ``$schema``; empty for none.
    """
    write_text(path, profile_text(data, schema=schema, as_json=path.suffix.lower() == ".json"))


def save_model(path: Path, config: SheraConfig, store: Mapping[str, Any], spec: ParamSpec, *, name: str) -> None:
    """Write a profile from which `load_model` returns the same values, whole or not at all.

    Parameters
    ----------
    path : Path
        File ending in ``.yaml``, ``.yml`` or ``.json``.
    config : SheraConfig
        Configuration of any system.
    store : mapping
        Store, or plain values: one for each primitive of the spec.
    spec : ParamSpec
        Spec of the values.
    name : str
        Name of the profile.
    """
    save_profile(path, profile_of(config, store, spec, name=name), schema=schema_file().as_uri())


def _is_default_map(key: str, store: Mapping[str, Any], spec: ParamSpec) -> bool:
    """Return whether a value is a map in its default, which a profile leaves out; raise for any other map."""
    if not PARAMETERS[key].is_map:
        return False
    if (store[key] != spec[key].default).any():
        raise ParameterError(
            key,
            expected="the default, because a profile holds no maps",
            got=store[key],
            remedy="Write the map to a file (dluxshera.optics.write_map), and set it in the store again",
        )
    return True


def _checked_length(key: str, value: Any) -> Any:
    """Return a value after a check that a profile may have a list of its length."""
    if isinstance(value, list | tuple) and len(value) > MAX_ITEMS:
        raise ParameterError(
            key,
            expected=f"at most {MAX_ITEMS} numbers, because a profile holds no longer list",
            got=f"{len(value)} numbers",
            remedy="Cut the table to the band (dluxshera.optics.cut_curve), or set it in the store again after loading",
        )
    return value


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value


_PLAIN: Final = re.compile(r"[A-Za-z](?:[A-Za-z0-9_./ -]*[A-Za-z0-9_])?")
_WORDS: Final = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}  # the last six to older readers
_ESCAPED: Final = re.compile("[^\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


def _flow(value: Any) -> str:
    """Return plain data as YAML in one line; a number as the shortest text that keeps every bit."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_flow(key)}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, str):
        if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
            return value
        return _ESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(value, ensure_ascii=False))
    text = json.dumps(value, allow_nan=False)
    mantissa, e, exponent = text.partition("e")
    return f"{mantissa}.0e{exponent}" if e and "." not in mantissa else text  # 1e-05 is text to readers of YAML 1.1
