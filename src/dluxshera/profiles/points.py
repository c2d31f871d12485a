"""From plain data to a point: a configuration, a spec and values, checked by the code alone. No jax, no documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields, replace
from math import isfinite, nan
from typing import Any, Final, NamedTuple

from dluxshera.errors import (
    BoundsError,
    ConfigError,
    NonFiniteError,
    ParameterError,
    ShapeError,
    UnknownKeyError,
)
from dluxshera.params import ParamField, ParamSpec, floats, is_amount
from dluxshera.profiles.schema import LARGEST, LISTS, config_fields, settable
from dluxshera.systems import (
    ALPHA_CEN,
    CONFIG_CLASSES,
    CONFIGS,
    EFFECT_OF,
    TARGETS,
    SheraConfig,
    Target,
    build_forward_model_spec_from_config,
    build_inference_spec_basic,
    build_inference_spec_physics,
)
from dluxshera.systems import fields as f

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


def build_point(
    system: str,
    spec: str,
    config: Mapping[str, Any],
    parameters: Mapping[str, Any],
    *,
    name: str = "unnamed",
    target_name: str = "unnamed",
) -> Point:
    """Return the point that plain data describes, checked by the code alone and by no JSON Schema.

    Parameters
    ----------
    system, spec : str
        Which spec of which system.
    config : mapping
        Structural fields, as JSON has them.
    parameters : mapping
        Key to number or list of numbers, in the parameter's own unit.
    name, target_name : str
        Of the configuration, and of a target that is none of the known ones.

    Raises
    ------
    ExpectationError
        If the data is not possible: `ConfigError`, `ParameterError` or one of their kinds.
    """
    if system not in CONFIG_CLASSES:
        raise UnknownKeyError(system, CONFIG_CLASSES, expected="a system")
    cls = CONFIG_CLASSES[system]
    values = {key: _checked(key, value) for key, value in parameters.items()}
    made = config_of(cls, name, config, values)
    built = spec_of(made, spec, _target(target_name, values))
    given = {}
    for key, value in values.items():
        kind = built[key].kind if key in built else "absent"
        if kind == "primitive":
            _check_shape(built[key], value)
            given[key] = value
        elif not only_a_default(key, cls):
            reason = "no value, for it is derived" if kind == "derived" else "no value, for it does nothing"
            remedy = f"Set one of {', '.join(built[key].depends_on)}" if kind == "derived" else ""
            if kind == "absent" and key in EFFECT_OF:
                remedy = f"Add {EFFECT_OF[key]} to the effects of the configuration"
            raise ParameterError(key, expected=f"{reason} in the {built.title} spec", got=value, remedy=remedy)
    return Point(made, built, built.defaults() | given)


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


def design_keys(cls: type[SheraConfig]) -> dict[str, str]:
    """Return the keys of the parameters that a system's design has, with its attributes."""
    attributes = [item.name for item in fields(cls.design_type) if item.name != "sources"]
    by_attribute = {key.partition(".")[2]: key for key in f.FIELDS if not key.endswith(("zernike_coeffs_nm", "map_nm"))}
    return {by_attribute[name]: name for name in attributes}


def only_a_default(key: str, cls: type[SheraConfig]) -> bool:
    """Return whether a key acts on a spec that does not have it as a primitive: through a design or a target."""
    return key in design_keys(cls) or key in _TARGET_KEYS


def design_values(config: SheraConfig) -> dict[str, Any]:
    """Return the values of a configuration's design by key."""
    return {key: getattr(config.design, attribute) for key, attribute in design_keys(type(config)).items()}


def _checked(key: str, value: Any) -> Any:
    """Return a parameter's value as a float or a list of floats, if it is possible in some spec."""
    known = settable()
    if key not in known:
        raise UnknownKeyError(key, known, expected="a parameter that profiles set")
    if isinstance(value, list) != (key in LISTS) or not is_amount(value):
        what = "a list of numbers" if key in LISTS else "a number"
        raise ParameterError(key, expected=what, got=value)
    numbers = floats(value)
    for i, number in enumerate(numbers if isinstance(numbers, list) else [numbers]):
        if not isfinite(number):
            raise NonFiniteError(key, got=number)
        if not known[key].bounds.contains(number):
            index = (i,) if isinstance(numbers, list) else None
            raise BoundsError(key, expected=str(known[key].bounds), got=numbers, index=index)
    return numbers


def _check_shape(item: ParamField, value: Any) -> None:
    shape = (len(value),) if isinstance(value, list) else ()
    if shape != item.shape:
        raise ShapeError(item.key, expected=f"an array of shape {item.shape}", got=value)


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


def _target(name: str, parameters: Mapping[str, Any]) -> Target:
    values = {key.partition(".")[2]: parameters[key] for key in _TARGET_KEYS if key in parameters}
    if not values:
        return ALPHA_CEN
    for target in TARGETS.values():
        if len(values) == len(_TARGET_KEYS) and all(getattr(target, name) == value for name, value in values.items()):
            return target
    return replace(ALPHA_CEN, name=name, source=f"profile {name}", v_a=nan, v_b=nan, spectral_types="", **values)


def _of_type(name: str, value: Any, expected: str) -> Any:
    """Return JSON data as a field of a configuration has it; a whole number such as 256.0 is an integer to JSON."""
    if isinstance(value, float) and value.is_integer() and "int" in expected:
        value = int(value)
    whole = isinstance(value, int) and not isinstance(value, bool)
    for element in ("int", "str"):
        if expected == f"tuple[{element}, ...]" and isinstance(value, list):
            return tuple(_of_type(name, item, element) for item in value)
    if expected == "float" and (whole or isinstance(value, float)):
        return float(value)
    if (value is None and "None" in expected) or (expected.startswith("int") and whole):
        return value
    if expected.startswith("str") and isinstance(value, str) and 0 < len(value) <= 1000:
        return value
    raise ConfigError(name, expected=f"a value of type {expected}", got=value)
