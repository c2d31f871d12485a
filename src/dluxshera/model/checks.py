"""Checks that a configuration, a spec and a store belong together."""

from __future__ import annotations

from dluxshera.errors import ConfigError, ParameterError
from dluxshera.params import ParameterStore, ParamSpec
from dluxshera.systems import EFFECTS, MAPS, SheraConfig


def check_spec(config: SheraConfig, spec: ParamSpec) -> None:
    """Check that a spec has the system, the Zernike bases and the effects of a configuration.

    Raises
    ------
    ConfigError
        If they differ.
    """
    if spec.system_id != config.system_id:
        raise ConfigError("spec", expected=f"a spec of {config.system_id}", got=spec.title)
    for group, noll in config.bases.items():
        key = f"{group}.zernike_coeffs_nm"
        components = spec[key].components if key in spec else ()
        if components != tuple(f"Z{j}" for j in noll):
            raise ConfigError(
                "spec",
                expected=f"{key} with one coefficient for each Noll index of the configuration, {noll}",
                got=components,
                remedy="Build the spec from the same configuration",
            )
    check_effects(config, spec)


def check_effects(config: SheraConfig, spec: ParamSpec) -> None:
    """Check that a spec has the parameters of the configuration's effects and of no other, with their shapes.

    Raises
    ------
    ConfigError
        If they differ.
    """
    for key, item in spec.items():
        if item.effect and not any(key in getattr(EFFECTS[name], spec.name).keys for name in config.effects):
            raise ConfigError(
                "config",
                expected=f"the effect {item.effect}, because the spec has {key}",
                got=config.effects,
                remedy="Build the spec from the same configuration",
            )
    for name in config.effects:
        for key in getattr(EFFECTS[name], spec.name).keys:
            if key not in spec:
                raise ConfigError(
                    "spec",
                    expected=f"{key}, because the configuration has the effect {name}",
                    got=spec.title,
                    remedy="Build the spec from the same configuration",
                )
            size = (getattr(config, MAPS[key]),) * 2 if key in MAPS else spec[key].shape
            if spec[key].shape != size:
                raise ConfigError("spec", expected=f"{key} of shape {size}, as the configuration", got=spec[key].shape)


def check_store(spec: ParamSpec, store: object) -> None:
    """Check that `store` is a `ParameterStore` of a spec.

    Raises
    ------
    ParameterError
        If it is not.
    """
    if isinstance(store, ParameterStore) and (store.spec is spec or store.spec == spec):
        return
    raise ParameterError(
        "store",
        expected=f"a ParameterStore of the binder's {spec.title} spec",
        got=f"one of {store.spec.title}" if isinstance(store, ParameterStore) else store,
        remedy="Vary the base store: binder.store.replace({key: value})",
    )
