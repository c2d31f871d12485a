"""From profiles to configuration, spec and store, and back. Only `model_of` needs jax, for the store.

What a profile says of a design or a target becomes the configuration's design and the spec's defaults, so that derived
values follow; every parameter of the spec that it gives is also set in the store.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields, replace
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from dluxshera.errors import ConfigError, DocumentError, ExpectationError, UnknownKeyError
from dluxshera.params.profile_files import profile_data, save_profile
from dluxshera.params.profiles import Profile, Setting, load_profile
from dluxshera.params.schema import spec_schema
from dluxshera.params.serialize import Document, Place, Where
from dluxshera.params.spec import ParamSpec
from dluxshera.params.validate import faults, raise_all
from dluxshera.systems import fields as f
from dluxshera.systems.config import CONFIG_CLASSES, SheraConfig
from dluxshera.systems.designs import ALPHA_CEN, CONFIGS, TARGETS, Target
from dluxshera.systems.documents import LARGEST, config_fields, config_schema, settable, shera_profiles
from dluxshera.systems.specs import (
    build_forward_model_spec_from_config,
    build_inference_spec_basic,
    build_inference_spec_physics,
)

if TYPE_CHECKING:
    from dluxshera.params.store import ParameterStore

BUILDERS: Final = {
    "forward": build_forward_model_spec_from_config,
    "inference": build_inference_spec_basic,
    "physics_inference": build_inference_spec_physics,
}
_TARGET_KEYS: Final = (f.SEPARATION, f.POSITION_ANGLE, f.CONTRAST, f.FLUX_DENSITY)


class Point(NamedTuple):
    """What a profile stands for: a configuration, a spec, and a value for each of the spec's primitives."""

    config: SheraConfig
    spec: ParamSpec
    values: dict[str, Any]


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
    from dluxshera.params.store import ParameterStore

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
        config = config_of(
            cls,
            _config_name(profile),
            {name: setting.value for name, setting in profile.config.items()},
            {key: setting.value for key, setting in profile.parameters.items()},
        )
        name = spec or (profile.spec.value if profile.spec else "forward")
        made = spec_of(config, name, _target(profile))
    except ExpectationError as error:
        raise _with_place(profile, error) from error
    given = _given(profile, config, made)
    raise_all(_value_faults(given, made))
    values = {key: made[key].default for key in made.primitives}
    return Point(config, made, values | {key: setting.value for key, setting in given.items()})


def spec_of(config: SheraConfig, name: str, target: Target = ALPHA_CEN) -> ParamSpec:
    """Return a spec of a configuration by its name.

    Parameters
    ----------
    config : SheraConfig
        Of any system.
    name : str
        ``forward``, ``inference`` or ``physics_inference``.
    target : Target
        Gives the defaults of the binary.

    Raises
    ------
    UnknownKeyError
        If there is no such spec.
    """
    if name not in BUILDERS:
        raise UnknownKeyError(name, BUILDERS, expected="a spec")
    return BUILDERS[name](config, target)


def config_of(
    cls: type[SheraConfig], name: str, config: Mapping[str, Any], parameters: Mapping[str, Any]
) -> SheraConfig:
    """Return the configuration that plain data describes.

    Parameters
    ----------
    cls : type of SheraConfig
        Of the system.
    name : str
        Of the configuration.
    config : mapping
        Structural fields, as JSON has them.
    parameters : mapping
        Key to value; those that the system's design has become the design.

    Raises
    ------
    ConfigError, UnknownKeyError
        If a field is unknown or has a value that is not possible, or the design lacks one.
    """
    known = config_fields(cls)
    for field_name in config:
        if field_name not in known:
            raise UnknownKeyError(field_name, known, expected=f"a field of {cls.__name__}")
    types = {item.name: str(item.type) for item in fields(cls)}
    plain = {key: _of_type(key, value, types[key]) for key, value in config.items()}
    for key, value in plain.items():
        most = LARGEST.get("noll" if key.endswith("_noll") else key)
        numbers = value if isinstance(value, tuple) else (value,)
        if most is not None and any(number is not None and number > most for number in (*numbers, len(numbers))):
            raise ConfigError(key, expected=f"at most {most}", got=value)
    design = _design(cls, name, parameters)
    return cls(name=name, design=design, **plain)


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

    Examples
    --------
    >>> config, spec, store = load_model("observation/flight_alpha_cen")
    >>> profile_of(config, store, spec, name="mine")["parameters"]["system.pixel_pitch_m"]
    {'value': 4.6e-06, 'unit': 'm'}
    """
    values = {key: _plain(store[key]) for key in spec.primitives}
    of_design = {key: getattr(config.design, attribute) for key, attribute in design_keys(type(config)).items()}
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
    config, store, spec, name
        As `profile_of` takes them.
    """
    save_profile(path, profile_of(config, store, spec, name=name), schema=schema_file().as_uri())


def schema_file() -> Path:
    """Return the installed JSON Schema of profiles, for the first line of a profile."""
    return shera_profiles().packaged / "profile.schema.json"


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value


def design_keys(cls: type[SheraConfig]) -> dict[str, str]:
    """Return the keys of the parameters that a system's design has, with its attributes."""
    attributes = [item.name for item in fields(cls.design_type) if item.name != "sources"]
    by_attribute = {key.partition(".")[2]: key for key in f.FIELDS if not key.endswith("zernike_coeffs_nm")}
    return {by_attribute[name]: name for name in attributes}


def _design(cls: type[SheraConfig], name: str, parameters: Mapping[str, Any]) -> Any:
    keys = design_keys(cls)
    for item in fields(cls.design_type):
        key = next((key for key, attribute in keys.items() if attribute == item.name), None)
        if key and key not in parameters and item.default is MISSING:
            raise ConfigError(key, expected=f"a value, for the design of {cls.system_id} needs it")
    said = {attribute: parameters[key] for key, attribute in keys.items() if key in parameters}
    for key, attribute in keys.items():
        if attribute in said and not isinstance(said[attribute], float):
            raise ConfigError(key, expected="a number", got=said[attribute])
    design = cls.design_type(**said)
    named = CONFIGS.get(name)
    if named is not None and type(named) is cls and replace(named.design, sources=()) == design:
        return named.design  # with its sources
    return replace(design, sources=tuple((attribute, f"profile {name}") for attribute in said))


def _target(profile: Profile) -> Target:
    said = {key: profile.parameters[key] for key in _TARGET_KEYS if key in profile.parameters}
    values = {key.partition(".")[2]: setting.value for key, setting in said.items()}
    if not values:
        return ALPHA_CEN
    for target in TARGETS.values():
        if all(getattr(target, name) == value for name, value in values.items()) and len(values) == len(_TARGET_KEYS):
            return target
    files = ", ".join(dict.fromkeys(_name(setting.document) for setting in said.values()))
    return replace(
        ALPHA_CEN, name=profile.name, source=f"profile {files}", v_a=nan, v_b=nan, spectral_types="", **values
    )


def _name(document: Document) -> str:
    return str(document.data.get("name", document.file))


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


def _of_type(name: str, value: Any, expected: str) -> Any:
    """Return JSON data as a field of a configuration has it; a whole number such as 256.0 is an integer to JSON."""
    if isinstance(value, float) and value.is_integer() and "int" in expected:
        value = int(value)
    whole = isinstance(value, int) and not isinstance(value, bool)
    if expected == "tuple[int, ...]" and isinstance(value, list):
        return tuple(_of_type(name, item, "int") for item in value)
    if expected == "float" and (whole or isinstance(value, float)):
        return float(value)
    if (value is None and "None" in expected) or (expected.startswith("int") and whole):
        return value
    if expected.startswith("str") and isinstance(value, str) and 0 < len(value) <= 1000:
        return value
    raise ConfigError(name, expected=f"a value of type {expected}", got=value)


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


def _given(profile: Profile, config: SheraConfig, spec: ParamSpec) -> dict[str, Setting]:
    """Return the settings of the spec's own parameters; one that would have no effect at all is refused."""
    design = design_keys(type(config))
    given: dict[str, Setting] = {}
    wrong = []
    for key, setting in profile.parameters.items():
        kind = spec[key].kind if key in spec else "absent"
        if kind == "primitive":
            given[key] = setting
        elif key not in design and key not in _TARGET_KEYS:
            reason = "is derived" if kind == "derived" else "does nothing"
            problem = f"{reason} in the {spec.title} spec"
            inputs = ", ".join(spec[key].depends_on) if key in spec else ""
            wrong.append(setting.error(problem, allowed=inputs and f"its inputs {inputs}", at_key=True))
    raise_all(wrong)
    return given


def _value_faults(given: Mapping[str, Setting], spec: ParamSpec) -> list[DocumentError]:
    schema = spec_schema(spec, "")
    return [fault for key, setting in given.items() for fault in _faults(key, setting, schema)]


def _with_place(profile: Profile, error: ExpectationError) -> DocumentError:
    setting = profile.parameters.get(error.key) or profile.config.get(error.key)
    if setting is None:
        return DocumentError(str(error), file=profile.documents[-1].file)
    return setting.error(str(error).removeprefix(f"{error.key}: ").removesuffix("."))
