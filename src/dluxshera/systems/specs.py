"""The specs of each system, built from one set of field definitions. No jax.

The *forward* spec derives plate scale and flux from geometry and flux density. The *inference* spec (effective mode)
has both as primitive knobs, and no geometry behind them: there the detector is in focus, and any defocus is a Zernike
coefficient. The *physics-mode* inference spec has the geometry free and derives plate scale and defocus from it; flux
stays a knob. A two-plane system has no mirrors to derive its plate scale from: it is primitive in the forward spec, and
follows from a focal length and the pixel pitch in physics mode.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dluxshera.errors import ConfigError, UnknownKeyError
from dluxshera.params import Normal, ParamField, ParamSpec, TransformRegistry
from dluxshera.systems import effect_fields as e
from dluxshera.systems import fields as f
from dluxshera.systems.catalogue import ALPHA_CEN, SHERA_FLIGHT_CONFIG, Target
from dluxshera.systems.config import CONFIG_CLASSES, SheraConfig
from dluxshera.systems.effects import CURVES, DEFAULTS, EFFECT_OF, FIELD_STARS, MAPS, with_effects
from dluxshera.systems.layouts import LAYOUTS, Layout
from dluxshera.systems.registries import SHERA_RESOLVER
from dluxshera.systems.table import SPEC_NAMES

_OF_TARGET = (f.SEPARATION, f.POSITION_ANGLE, f.CONTRAST, f.FLUX_DENSITY)
_CENTRED = (f.X_POSITION, f.Y_POSITION)
_STRUCTURAL = (f.OPEN_FRACTION, f.PEAK_FRACTION)
_TEMPERATURES = (e.TEMPERATURE_A, e.TEMPERATURE_B)
_ZERNIKES = (f.M1_ZERNIKES, f.M2_ZERNIKES, f.M3_ZERNIKES)


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

    Raises
    ------
    UnknownKeyError
        If there is no such spec; near matches are named.
    ConfigError
        If the configuration is not one of a known system.
    """
    if name not in SPEC_NAMES:
        raise UnknownKeyError(name, SPEC_NAMES, expected="a spec")
    return _build(config, target, name, {} if name == "forward" else _computed(config, target))


def build_forward_model_spec_from_config(config: SheraConfig, target: Target = ALPHA_CEN) -> ParamSpec:
    """Return the spec in which plate scale, defocus and flux are derived from geometry and flux density.

    Parameters
    ----------
    config : SheraConfig
        Of any system. Gives the bases' sizes and the design values.
    target : Target
        Gives the defaults of the binary.

    Returns
    -------
    ParamSpec
        ``shera_threeplane.forward``, for example. Zernike coefficients are there if the configuration has a basis for
        them.
    """
    return build_spec(config, "forward", target)


def build_inference_spec_basic(config: SheraConfig = SHERA_FLIGHT_CONFIG, target: Target = ALPHA_CEN) -> ParamSpec:
    """Return the spec in which plate scale and log flux are primitive: the effective mode, for fits.

    Their defaults are the values that the forward spec derives from the same configuration and target. The detector is
    in focus; focus errors live in Noll 4 of the primary.

    Parameters
    ----------
    config : SheraConfig
        Of any system. Gives the bases' sizes and the design values.
    target : Target
        Gives the defaults of the binary.

    Returns
    -------
    ParamSpec
        ``shera_threeplane.inference``, for example.
    """
    return build_spec(config, "inference", target)


def build_inference_spec_physics(config: SheraConfig = SHERA_FLIGHT_CONFIG, target: Target = ALPHA_CEN) -> ParamSpec:
    """Return the spec for fits in which the geometry is free: plate scale and defocus follow from it, and both act.

    The lengths of a telescope are nearly degenerate in an image, so a fit frees few of them at a time, or has priors.

    Parameters
    ----------
    config : SheraConfig
        Of any system. Gives the bases' sizes and the design values.
    target : Target
        Gives the defaults of the binary.

    Returns
    -------
    ParamSpec
        ``shera_threeplane.physics_inference``, for example.
    """
    return build_spec(config, "physics_inference", target)


def _build(config: SheraConfig, target: Target, name: str, computed: Mapping[str, float]) -> ParamSpec:
    if CONFIG_CLASSES.get(config.system_id) is not type(config):
        known = ", ".join(cls.__name__ for cls in CONFIG_CLASSES.values())
        raise ConfigError("config", expected=f"one of {known}", got=config)
    layout = with_effects(LAYOUTS[config.system_id][name], config.effects, name)
    values, sources = _defaults(config, target, layout)
    values |= {key: value for key, value in computed.items() if key in layout.keys and key not in layout.derived}
    sources |= dict.fromkeys(computed, "computed from the design by the forward spec")
    registry = SHERA_RESOLVER.registry(config.system_id)
    made = [
        _derived(key, registry, layout) if key in layout.derived else _valued(key, values[key], config, sources)
        for key in layout.keys
        if key in layout.derived or key in values
    ]
    return ParamSpec(config.system_id, name, _with_action(made), f.GROUPS)


def _computed(config: SheraConfig, target: Target) -> dict[str, float]:
    """Return what the forward spec derives and another spec has as a primitive."""
    forward = build_forward_model_spec_from_config(config, target)
    knobs = (f.PLATE_SCALE, f.FOCAL_LENGTH, f.LOG_FLUX, e.DARK_SIGNAL, e.TOTAL_READ_NOISE)
    wanted = [key for key in knobs if key in forward and forward[key].kind == "derived"]
    derived = SHERA_RESOLVER.resolve(forward, forward.defaults(), wanted)
    return {key: float(value) for key, value in derived.items()}


def _defaults(config: SheraConfig, target: Target, layout: Layout) -> tuple[dict[str, Any], dict[str, str]]:
    from dluxshera.systems.aperture import (
        aperture_numbers,
    )  # needs NumPy, which whoever builds no spec does without

    values: dict[str, Any] = {key: getattr(target, key.partition(".")[2]) for key in _OF_TARGET}
    values |= dict.fromkeys(_CENTRED, 0.0)
    values |= zip(_STRUCTURAL, aperture_numbers(config), strict=True)
    values |= {key: (0.0,) * len(noll) for key in _ZERNIKES if (noll := config.bases.get(key.partition(".")[0]))}
    values |= {key: _full(key, value, config) for key, value in DEFAULTS.items()}
    values |= {key: getattr(target, key.partition(".")[2]) for key in _TEMPERATURES}
    of_design = [
        key
        for key in layout.keys
        if key not in values
        and key not in layout.derived
        and key not in (*_ZERNIKES, f.LOG_FLUX, e.DARK_SIGNAL, e.TOTAL_READ_NOISE)
        and (key != f.PLATE_SCALE or config.system_id == "shera_twoplane")
    ]
    values |= config.design.values(tuple(of_design))
    sources = dict.fromkeys(_OF_TARGET, f"{target.name}: {target.source}")
    sources |= dict.fromkeys(_TEMPERATURES, f"{target.name}: illustrative, for {target.spectral_types}")
    sources |= {key: said for key in of_design if (said := config.design.source_of(key))}
    return values, sources


def _full(key: str, value: float, config: SheraConfig) -> float | tuple[float, ...]:
    """Return the default of a list for each of its elements; that of a map stays one number."""
    return (value,) * len(_components(key, config)) or value


def _components(key: str, config: SheraConfig) -> tuple[str, ...]:
    """Return the names of the elements of a list; none for a number and for a map."""
    if key in _ZERNIKES:
        return tuple(f"Z{j}" for j in config.bases.get(key.partition(".")[0], ()))
    count = config.curve_samples if key in CURVES else config.n_field_stars if key in FIELD_STARS else 0
    return tuple(str(i) for i in range(count))


def _derived(key: str, registry: TransformRegistry, layout: Layout) -> ParamField:
    transform = registry[key]
    said: dict[str, Any] = {"equation": transform.equation} if transform.equation else {}
    return f.FIELDS[key](
        kind="derived",
        transform=transform.name,
        depends_on=transform.inputs_in(layout.keys),
        source="computed",
        default=None,
        effect=EFFECT_OF.get(key, ""),
        **said,
    )


def _valued(key: str, value: Any, config: SheraConfig, sources: Mapping[str, str]) -> ParamField:
    said: dict[str, Any] = {"default": value, "equation": "", "effect": EFFECT_OF.get(key, "")}
    if key in sources:
        said["source"] = sources[key]
    if isinstance(value, tuple):
        said |= {"shape": (len(value),), "components": _components(key, config)}
    if key in MAPS:
        said["shape"] = (getattr(config, MAPS[key]),) * 2
    if key in _STRUCTURAL:
        said["kind"] = "structural"
    if key in f.PRIOR_SIGMA:
        said["prior"] = Normal(value[0] if isinstance(value, tuple) else value, f.PRIOR_SIGMA[key])
    if key in f.RELATIVE_PRIOR_SIGMA:
        said["prior"] = Normal(value, f.RELATIVE_PRIOR_SIGMA[key] * value)
    return f.FIELDS[key](**said)


def _with_action(made: list[ParamField]) -> tuple[ParamField, ...]:
    """Return the fields, those that an acting derived value is computed from marked as acting too."""
    by_key = {item.key: item for item in made}
    ahead = [item.key for item in made if item.kind == "derived" and item.acts_on]
    while ahead:
        for key in by_key[ahead.pop()].depends_on:
            item = by_key[key]
            if item.kind != "structural" and not item.acts_on:
                by_key[key] = replace(item, acts_on=("image",))
                ahead.append(key)
    return tuple(by_key.values())
