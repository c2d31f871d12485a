"""The specs of each system: the records of parameters, filtered for a system and a spec. No jax.

The *forward* spec derives plate scale and flux from geometry and flux density. The *inference* spec (effective mode)
has both as primitives, and no geometry behind them: there the detector is in focus, and any defocus is a Zernike
coefficient. The *physics-mode* inference spec has the geometry free and derives plate scale and defocus from it; flux
stays a primitive. A two-plane system has no mirrors to derive its plate scale from: it is primitive in the forward
spec, and follows from a focal length and the pixel pitch in physics mode.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from dluxshera.errors import ConfigError, UnknownKeyError
from dluxshera.params import Normal, ParamField, ParamSpec
from dluxshera.systems.catalogue import ALPHA_CEN, SHERA_FLIGHT_CONFIG, Target
from dluxshera.systems.config import CONFIG_CLASSES, SheraConfig
from dluxshera.systems.defaults import components_of, default_of, source_of
from dluxshera.systems.effects import EFFECTS
from dluxshera.systems.parameters import COMMON, GROUPS
from dluxshera.systems.parameters.kinds import SPEC_NAMES
from dluxshera.systems.parameters.origins import ForwardSpec
from dluxshera.systems.parameters.record import Parameter
from dluxshera.systems.resolver import SHERA_RESOLVER


def build_spec(config: SheraConfig, name: str, target: Target = ALPHA_CEN) -> ParamSpec:
    """Return a spec of a configuration by its name.

    Parameters
    ----------
    config : SheraConfig
        Configuration of any system. It has the sizes of the Zernike bases and the values of the design.
    name : str
        One of `SPEC_NAMES`: ``forward``, ``inference`` or ``physics_inference``.
    target : Target
        Binary star with the default values of separation, position angle, flux ratio and flux density.

    Returns
    -------
    ParamSpec
        Spec such as ``shera_threeplane.forward``. A parameter that the forward spec derives and another spec has as a
        primitive has the derived value as its default there.

    Raises
    ------
    UnknownKeyError
        If there is no such spec; near matches are named.
    ConfigError
        If the configuration is not one of a known system.
    """
    if CONFIG_CLASSES.get(config.system_id) is not type(config):
        names = ", ".join(cls.__name__ for cls in CONFIG_CLASSES.values())
        raise ConfigError("config", expected=f"one of {names}", got=config)
    system = config.system_id
    parameters = parameters_of(config, name)
    keys = {parameter.key for parameter in parameters}
    derived = [parameter for parameter in parameters if parameter.in_specs(system)[name] == "derived"]
    computed = [item for item in parameters if item not in derived and item.is_derived_forward(system)]
    values = _forward_values(computed, config, target)
    spec_fields = {
        **{parameter.key: _derived_field(parameter, system, keys) for parameter in derived},
        **{
            parameter.key: _field_with_value(parameter, name, config, target, values.get(parameter.key))
            for parameter in parameters
            if parameter not in derived
        },
    }
    primitives = {parameter.key for parameter in parameters if parameter.in_specs(system)[name] == "primitive"}
    constraints = tuple(
        each for parameter in parameters for each in parameter.constraints if primitives.issuperset(each.keys)
    )
    with_action = _with_action([spec_fields[parameter.key] for parameter in parameters])
    return ParamSpec(system, name, with_action, GROUPS, constraints)


def parameters_of(config: SheraConfig, name: str) -> tuple[Parameter, ...]:
    """Return the parameters in a spec of a configuration, in the order of the spec.

    Parameters
    ----------
    config : SheraConfig
        Configuration of any system.
    name : str
        One of `SPEC_NAMES`.

    Raises
    ------
    UnknownKeyError
        If there is no such spec; near matches are named.
    """
    if name not in SPEC_NAMES:
        raise UnknownKeyError(name, SPEC_NAMES, expected="a spec")
    effects = [EFFECTS[effect] for effect in config.effects]
    replaced = {parameter for effect in effects for parameter in effect.replaces}
    parameters = dict.fromkeys((*COMMON, *(parameter for effect in effects for parameter in effect.parameters)))
    return tuple(
        parameter
        for parameter in parameters
        if parameter not in replaced
        and name in parameter.in_specs(config.system_id)
        and (not parameter.basis or getattr(config, parameter.basis))
    )


def build_forward_model_spec_from_config(config: SheraConfig, target: Target = ALPHA_CEN) -> ParamSpec:
    """Return the spec in which plate scale, defocus and flux are derived from geometry and flux density.

    Parameters
    ----------
    config : SheraConfig
        Configuration of any system. It has the sizes of the Zernike bases and the values of the design.
    target : Target
        Binary star with the default values of separation, position angle, flux ratio and flux density.

    Returns
    -------
    ParamSpec
        Spec such as ``shera_threeplane.forward``. Zernike coefficients are in it if the configuration has a basis for
        them.
    """
    return build_spec(config, "forward", target)


def build_inference_spec_basic(config: SheraConfig = SHERA_FLIGHT_CONFIG, target: Target = ALPHA_CEN) -> ParamSpec:
    """Return the spec in which plate scale and log flux are primitive: the effective mode, for fits.

    Their defaults are the values that the forward spec derives from the same configuration and target. The detector is
    in focus; focus errors are part of Noll 4 of the primary.

    Parameters
    ----------
    config : SheraConfig
        Configuration of any system. It has the sizes of the Zernike bases and the values of the design.
    target : Target
        Binary star with the default values of separation, position angle, flux ratio and flux density.

    Returns
    -------
    ParamSpec
        Spec such as ``shera_threeplane.inference``.
    """
    return build_spec(config, "inference", target)


def build_inference_spec_physics(config: SheraConfig = SHERA_FLIGHT_CONFIG, target: Target = ALPHA_CEN) -> ParamSpec:
    """Return the spec for fits in which the geometry is free: plate scale and defocus follow from it, and both act.

    The lengths of a telescope are nearly degenerate in an image, so a fit frees few of them at a time, or has priors.

    Parameters
    ----------
    config : SheraConfig
        Configuration of any system. It has the sizes of the Zernike bases and the values of the design.
    target : Target
        Binary star with the default values of separation, position angle, flux ratio and flux density.

    Returns
    -------
    ParamSpec
        Spec such as ``shera_threeplane.physics_inference``.
    """
    return build_spec(config, "physics_inference", target)


def _forward_values(parameters: list[Parameter], config: SheraConfig, target: Target) -> dict[str, float]:
    """Return the values that the forward spec derives, by key."""
    if not parameters:
        return {}
    forward = build_spec(config, "forward", target)
    derived = SHERA_RESOLVER.resolve(forward, forward.defaults(), [parameter.key for parameter in parameters])
    return {key: float(value) for key, value in derived.items()}


def _derived_field(parameter: Parameter, system: str, keys: set[str]) -> ParamField:
    transform = SHERA_RESOLVER.registry(system)[parameter.key]
    return parameter.spec_field(
        kind="derived",
        transform=transform.name,
        depends_on=transform.inputs_in(keys),
        equation=transform.equation,
        source="computed",
    )


def _field_with_value(
    parameter: Parameter, name: str, config: SheraConfig, target: Target, computed: float | None
) -> ParamField:
    """Return the field of a primitive or structural parameter; `computed` is its value in the forward spec."""
    if computed is None:
        value, source = default_of(parameter, config, target), source_of(parameter, config, target)
    else:
        value, source = computed, ForwardSpec().source
    parts: dict[str, Any] = {"default": value, "source": source}
    if parameter.is_list:
        components = components_of(parameter, config)
        parts |= {"shape": (len(components),), "components": components}
    if parameter.map_side:
        parts["shape"] = (getattr(config, parameter.map_side),) * 2
    width = parameter.prior_width(first := value[0] if isinstance(value, tuple) else value)
    if width is not None:
        parts["prior"] = Normal(first, width)
    return parameter.spec_field(kind=parameter.in_specs(config.system_id)[name], **parts)


def _with_action(spec_fields: Iterable[ParamField]) -> tuple[ParamField, ...]:
    """Return the fields, the inputs of derived values that act on the image marked as acting on it too."""
    by_key = {item.key: item for item in spec_fields}
    ahead = [item.key for item in by_key.values() if item.kind == "derived" and item.acts_on]
    while ahead:
        for key in by_key[ahead.pop()].depends_on:
            item = by_key[key]
            if item.kind != "structural" and not item.acts_on:
                by_key[key] = replace(item, acts_on=("image",))
                ahead.append(key)
    return tuple(by_key.values())
