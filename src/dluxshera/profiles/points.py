"""From plain data to a point: a configuration, a spec and values, checked by the code alone. No jax, no documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields, replace
from math import isfinite, nan
from typing import Any, NamedTuple

from dluxshera.errors import (
    BoundsError,
    ConfigError,
    NonFiniteError,
    ParameterError,
    ShapeError,
    UnknownKeyError,
)
from dluxshera.params import ParamField, ParamSpec, floats, is_amount
from dluxshera.profiles.schema import LARGEST, config_fields
from dluxshera.systems import (
    ALPHA_CEN,
    CONFIG_CLASSES,
    CONFIGS,
    PARAMETERS,
    TARGETS,
    SheraConfig,
    Target,
    acts_through_default,
    build_spec,
    design_keys,
    settable_parameters,
    target_keys,
)


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
    built = build_spec(made, spec, _target(target_name, values))
    given = {}
    for key, value in values.items():
        kind = built[key].kind if key in built else "absent"
        if kind == "primitive":
            _check_shape(built[key], value)
            given[key] = value
        elif not acts_through_default(key, cls):
            reason = "no value, for it is derived" if kind == "derived" else "no value, for it does nothing"
            remedy = f"Set one of {', '.join(built[key].depends_on)}" if kind == "derived" else ""
            if kind == "absent" and PARAMETERS[key].effect:
                remedy = f"Add {PARAMETERS[key].effect} to the effects of the configuration"
            raise ParameterError(key, expected=f"{reason} in the {built.title} spec", got=value, remedy=remedy)
    return Point(made, built, built.defaults() | given)


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


def _checked(key: str, value: Any) -> Any:
    """Return a parameter's value as a float or a list of floats, if it is possible in some spec."""
    known = settable_parameters()
    if key not in known:
        raise UnknownKeyError(key, known, expected="a parameter that profiles set")
    if isinstance(value, list) != PARAMETERS[key].is_list or not is_amount(value):
        what = "a list of numbers" if PARAMETERS[key].is_list else "a number"
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
    values = {attribute: parameters[key] for key, attribute in target_keys().items() if key in parameters}
    if not values:
        return ALPHA_CEN
    for target in TARGETS.values():
        if len(values) == len(target_keys()) and all(getattr(target, name) == value for name, value in values.items()):
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
