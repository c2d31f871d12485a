"""From profiles to configuration, spec and store, and back. Only `model_of` needs jax, for the store.

What a profile says of a design or a target becomes the configuration's design and the spec's defaults, so that derived
values follow; every parameter of the spec that it gives is also set in the store.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from dluxshera.documents import Document, Place, Where, faults, raise_all
from dluxshera.errors import DocumentError, ExpectationError, ParameterError
from dluxshera.params import ParamSpec, spec_schema
from dluxshera.profiles.format import Profile, Setting, load_profile
from dluxshera.profiles.points import (
    Point,
    build_point,
    config_of,
    design_values,
    only_a_default,
    spec_of,
)
from dluxshera.profiles.save import profile_data, save_profile
from dluxshera.profiles.schema import config_fields, config_schema, settable, shera_profiles
from dluxshera.systems import CONFIG_CLASSES, CONFIGS, MAPS, SheraConfig

if TYPE_CHECKING:
    from dluxshera.params import ParameterStore


class ProfileModel(NamedTuple):
    """What a model is built from."""

    config: SheraConfig
    spec: ParamSpec
    store: ParameterStore


def load_model(source: str | Path, *, spec: str | None = None, overrides: Iterable[str] = ()) -> ProfileModel:
    """Read a profile and return what a model is built from.

    Parameters
    ----------
    source : str or Path
        The name of a packaged profile, such as ``observation/flight_alpha_cen``, or the path of a file.
    spec : str, optional
        ``forward``, ``inference`` or ``physics_inference``; by default what the profile says, or forward.
    overrides : iterable of str
        ``key=value`` or ``key=value unit``, applied last.

    Returns
    -------
    ProfileModel
        ``config, spec, store``.

    Raises
    ------
    DocumentError
        For the first of all faults, with file, line and column; the others are its notes.

    Examples
    --------
    >>> config, spec, store = load_model("observation/flight_alpha_cen", overrides=["binary.separation_as=9.8 arcsec"])
    >>> float(store["binary.separation_as"])
    9.8
    """
    return model_of(load_profile(source, shera_profiles(), overrides), spec=spec)


def model_of(profile: Profile, *, spec: str | None = None) -> ProfileModel:
    """Return configuration, spec and store of a composed profile; arguments and errors as `load_model`."""
    from dluxshera.params import ParameterStore

    point = point_of(profile, spec=spec)
    return ProfileModel(point.config, point.spec, ParameterStore(point.values, point.spec))


def point_of(profile: Profile, *, spec: str | None = None) -> Point:
    """Return configuration, spec and values of a composed profile, without jax.

    Parameters
    ----------
    profile : Profile
        As `load_profile` gives it.
    spec : str, optional
        In place of what the profile says.

    Raises
    ------
    DocumentError
        For the first of all faults; the others are its notes.
    """
    cls = _system(profile)
    raise_all(_config_faults(profile, cls))
    try:
        point = build_point(
            cls.system_id,
            spec or (profile.spec.value if profile.spec else "forward"),
            {name: setting.value for name, setting in profile.config.items()},
            {key: setting.value for key, setting in profile.parameters.items()},
            name=_config_name(profile),
            target_name=profile.name,
        )
    except ExpectationError as error:
        raise_all(_value_faults(profile, cls, spec))  # the faults that a schema sees have better places
        raise _with_place(profile, error) from error
    return point


def profile_of(
    config: SheraConfig, store: Mapping[str, Any], spec: ParamSpec, *, name: str, kind: str = "observation"
) -> dict[str, Any]:
    """Return the content of a profile that gives a configuration, a spec and the values of a store back, bit by bit.

    Parameters
    ----------
    config : SheraConfig
        Of any system.
    store : mapping
        A store, or plain values: one for each primitive of the spec.
    spec : ParamSpec
        That the values belong to.
    name, kind : str
        Of the profile.

    Returns
    -------
    dict
        As `save_profile` takes it. The values of the store become the design, so that where they change the grid
        between the planes, the grid is written out.

    Raises
    ------
    ParameterError
        If the store has a map that is not its default: a profile holds no maps.

    Examples
    --------
    >>> config, spec, store = load_model("observation/flight_alpha_cen")
    >>> profile_of(config, store, spec, name="mine")["parameters"]["system.pixel_pitch_m"]
    {'value': 4.6e-06, 'unit': 'm'}
    """
    values = {key: _plain(store[key]) for key in spec.primitives if not _is_default_map(key, store, spec)}
    of_design = design_values(config)
    structure = {name: getattr(config, name) for name in config_fields(type(config))}
    if "gap_npix" in structure and any(values.get(key, value) != value for key, value in of_design.items()):
        structure["gap_npix"] = config.gap_grid  # type: ignore[attr-defined]  # a system that has the field has both
    return profile_data(
        kind,
        name,
        settable(),
        system=config.system_id,
        spec=spec.name,
        config=structure,
        parameters={**of_design, **values},
    )


def save_model(path: Path, config: SheraConfig, store: Mapping[str, Any], spec: ParamSpec, *, name: str) -> None:
    """Write a profile that `load_model` turns back into the same values, whole or not at all.

    Parameters
    ----------
    path : Path
        Ending in ``.yaml``, ``.yml`` or ``.json``.
    config : SheraConfig
        Of any system.
    store : mapping
        A store, or plain values: one for each primitive of the spec.
    spec : ParamSpec
        That the values belong to.
    name : str
        Of the profile.
    """
    save_profile(path, profile_of(config, store, spec, name=name), schema=schema_file().as_uri())


def schema_file() -> Path:
    """Return the installed JSON Schema of profiles, for the first line of a profile."""
    return shera_profiles().packaged / "profile.schema.json"


def _is_default_map(key: str, store: Mapping[str, Any], spec: ParamSpec) -> bool:
    """Return whether a value is a map that says nothing; refuse one that does."""
    if key not in MAPS:
        return False
    if (store[key] != spec[key].default).any():
        raise ParameterError(
            key,
            expected="the default, for a profile holds no maps",
            got=store[key],
            remedy="Write the map to a file (dluxshera.optics.write_map), and set it in the store again",
        )
    return True


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value


def _config_name(profile: Profile) -> str:
    """Return the name of the last instrument that is composed, or of the profile."""
    instruments = [document for document in profile.documents if document.data["kind"] == "instrument"]
    return str(instruments[-1].data["name"]) if instruments else profile.name


def _system(profile: Profile) -> type[SheraConfig]:
    if profile.system is None:
        last = profile.documents[-1]
        allowed = ", ".join(CONFIG_CLASSES)
        raise last.error(
            (), "no profile names the system; extend an instrument, or say system", allowed=allowed, at_key=True
        )
    return CONFIG_CLASSES[profile.system.value]


def _config_faults(profile: Profile, cls: type[SheraConfig]) -> list[DocumentError]:
    schema = config_schema(cls)
    alone = {name: schema[name] for name in ("type", "additionalProperties", "properties")}
    found = [fault for name, setting in profile.config.items() for fault in _faults(name, setting, alone)]
    together = {name: setting.value for name, setting in profile.config.items()}
    if not found and faults(Document("", together), schema):
        setting = profile.config.get("gap_npix") or profile.config["pupil_npix"]
        found.append(
            setting.error("the grid between the planes is smaller than the pupil", allowed="gap_npix >= pupil_npix")
        )
    return found


def _value_faults(profile: Profile, cls: type[SheraConfig], spec: str | None) -> list[DocumentError]:
    """Return the faults of parameters by the schema of the spec, where the configuration alone is fine."""
    named = next(config for config in CONFIGS.values() if type(config) is cls)
    try:
        config = config_of(cls, named.name, {k: v.value for k, v in profile.config.items()}, design_values(named))
        made = spec_of(config, spec or (profile.spec.value if profile.spec else "forward"))
    except ExpectationError:
        return []
    schema = spec_schema(made, "")
    found = []
    for key, setting in profile.parameters.items():
        if key in made.primitives:
            found += _faults(key, setting, schema)
        elif not only_a_default(key, cls):
            inputs = f"its inputs {', '.join(made[key].depends_on)}" if key in made else "a parameter of it"
            reason = "is derived" if key in made else "does nothing"
            found.append(setting.error(f"{reason} in the {made.title} spec", allowed=inputs, at_key=True))
    return found


def _faults(name: str, setting: Setting, schema: dict[str, Any]) -> list[DocumentError]:
    """Return the faults of one value, at its place in the document that gives it."""
    where, places = setting.where, setting.document.places
    here: dict[Where, tuple[Place, Place]] = {}
    for at, place in places.items():
        if at[: len(where)] == where:
            rest = at[len(where) :]
            here[(name, *(rest[1:] if rest[:1] == ("value",) else rest))] = place
    if not here:  # an override
        wrong = faults(Document(setting.document.file, {name: setting.value}), schema)
        return [DocumentError(fault.message, file=setting.document.file, key=fault.key) for fault in wrong]
    return faults(Document(setting.document.file, {name: setting.value}, here), schema)


def _with_place(profile: Profile, error: ExpectationError) -> DocumentError:
    setting = profile.parameters.get(error.key) or profile.config.get(error.key)
    if setting is None:
        return DocumentError(str(error), file=profile.documents[-1].file)
    return setting.error(str(error).removeprefix(f"{error.key}: ").removesuffix("."))
