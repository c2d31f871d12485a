"""Defaults of parameters, from the design and the aperture of a configuration, a target, or plain numbers. No jax."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, assert_never

from dluxshera.errors import ConfigError
from dluxshera.systems.catalogue import Target
from dluxshera.systems.config import SheraConfig
from dluxshera.systems.parameters.origins import (
    ApertureNumber,
    Constant,
    DesignAttribute,
    EvenlySpaced,
    ForwardSpec,
    NoDefault,
    TargetAttribute,
)
from dluxshera.systems.parameters.record import Cells, Coefficients, Elements, Parameter
from dluxshera.systems.table import PARAMETERS, target_keys


def design_keys(config_class: type[SheraConfig]) -> dict[str, str]:
    """Return the keys of the parameters that a system's design has, with its attributes, in the design's order.

    Parameters
    ----------
    config_class : type of SheraConfig
        Class of the configurations of a system.

    Raises
    ------
    ConfigError
        If an attribute of the design is the default of no parameter.
    """
    keys = {
        parameter.name: key for key, parameter in PARAMETERS.items() if isinstance(parameter.origin, DesignAttribute)
    }
    attributes = [item.name for item in fields(config_class.design_type) if item.name != "sources"]
    for name in attributes:
        if name not in keys:
            raise ConfigError(
                f"design.{name}",
                expected="an attribute that is the default of a parameter",
                got=config_class.design_type.__name__,
                remedy="Add a record with origin=DesignAttribute() for it",
            )
    return {keys[name]: name for name in attributes}


def design_values(config: SheraConfig) -> dict[str, Any]:
    """Return the values of a configuration's design by key.

    Parameters
    ----------
    config : SheraConfig
        Configuration of any system.
    """
    return {key: getattr(config.design, attribute) for key, attribute in design_keys(type(config)).items()}


def acts_through_default(key: str, config_class: type[SheraConfig]) -> bool:
    """Return whether a value acts even on a spec that does not have its key as a primitive.

    It does where a design or a target has it: the spec's defaults follow.

    Parameters
    ----------
    key : str
        Key of a parameter.
    config_class : type of SheraConfig
        Class of the configurations of a system.
    """
    return key in design_keys(config_class) or key in target_keys()


def default_of(parameter: Parameter, config: SheraConfig, target: Target) -> float | tuple[float, ...]:
    """Return the default of a parameter in a spec of a configuration: a number, or a tuple for a list.

    Parameters
    ----------
    parameter : Parameter
        Record of a parameter that is primitive or structural in the spec and that the forward spec does not derive.
    config : SheraConfig
        Configuration of any system.
    target : Target
        Binary star.

    Raises
    ------
    ConfigError
        If the design or the target lacks the attribute.
    """
    match parameter.origin:
        case Constant(value):
            count = len(components_of(parameter, config))
            return (value,) * count if parameter.is_list else value
        case EvenlySpaced(first, last):
            count = len(components_of(parameter, config))
            return tuple(first + (last - first) * i / (count - 1) for i in range(count))
        case TargetAttribute():
            return _attribute(target, parameter)
        case DesignAttribute():
            return _attribute(config.design, parameter)
        case ApertureNumber(attribute):
            from dluxshera.systems.aperture import aperture_numbers  # imports NumPy, which only building a spec needs

            return float(getattr(aperture_numbers(config), attribute))
        case ForwardSpec() | NoDefault():
            raise AssertionError(parameter.key)  # excluded by the checks of the record
        case unknown:
            assert_never(unknown)


def source_of(parameter: Parameter, config: SheraConfig, target: Target) -> str:
    """Return the source of a parameter's default; arguments as `default_of`."""
    match parameter.origin:
        case TargetAttribute(source):
            return source.format(**vars(target))
        case DesignAttribute(source):
            return config.design.source_of(parameter.key) or source
        case EvenlySpaced(source=source):
            return source
        case Constant(source=source) | ApertureNumber(source=source) | ForwardSpec(source) | NoDefault(source):
            return source
        case unknown:
            assert_never(unknown)


def components_of(parameter: Parameter, config: SheraConfig) -> tuple[str, ...]:
    """Return the names of the elements of a list; none for a number and for a map."""
    match parameter.size:
        case Coefficients(name):
            return tuple(f"Z{j}" for j in getattr(config, name))
        case Elements(name):
            return tuple(str(i) for i in range(getattr(config, name)))
        case Cells() | None:
            return ()
        case unknown:
            assert_never(unknown)


def _attribute(owner: object, parameter: Parameter) -> float:
    try:
        return getattr(owner, parameter.name)
    except AttributeError:
        raise ConfigError(
            parameter.key,
            expected=f"an attribute {parameter.name} of {type(owner).__name__}, the origin of its default",
            remedy=f"Add the attribute to {type(owner).__name__}, or change origin=... in the record of the parameter",
        ) from None
