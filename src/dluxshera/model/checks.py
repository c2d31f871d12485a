"""Checks that a configuration, a spec and a store belong together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dluxshera.errors import ConfigError, NonFiniteError, ParameterError
from dluxshera.graph import is_traced
from dluxshera.optics import check_table
from dluxshera.params import ParameterStore, ParamSpec, check_numbers
from dluxshera.systems import BANDWIDTH, EFFECTS, PARAMETERS, WAVELENGTH, BandHook, SheraConfig


def check_spec(config: SheraConfig, spec: ParamSpec) -> None:
    """Check that a spec has the system, the Zernike bases and the effects of a configuration.

    Raises
    ------
    ConfigError
        If they differ.
    """
    if spec.system_id != config.system_id:
        raise ConfigError("spec", expected=f"a spec of {config.system_id}", got=spec.title)
    for key, basis in _bases(config):
        noll = getattr(config, basis)
        components = spec[key].components if key in spec else ()
        if components != tuple(f"Z{j}" for j in noll):
            raise ConfigError(
                "spec",
                expected=f"{key} with one coefficient for each Noll index of the configuration, {noll}",
                got=components,
                remedy="Build the spec from the same configuration",
            )
    check_effects(config, spec)


def _bases(config: SheraConfig) -> list[tuple[str, str]]:
    """Return the keys of the Zernike coefficients of a system, with the fields of the configuration for their bases."""
    return [(key, item.basis) for key, item in PARAMETERS.items() if item.basis and config.system_id in item.kinds]


def check_effects(config: SheraConfig, spec: ParamSpec) -> None:
    """Check that a spec has the parameters of the configuration's effects and of no other, with their shapes.

    Raises
    ------
    ConfigError
        If they differ.
    """
    parameters = [
        (name, item) for name in config.effects for item in EFFECTS[name].parameters_in(spec.system_id, spec.name)
    ]
    keys = {parameter.key for _, parameter in parameters}
    for key, item in spec.items():
        if item.effect and key not in keys:
            raise ConfigError(
                "config",
                expected=f"the effect {item.effect}, because the spec has {key}",
                got=config.effects,
                remedy="Build the spec from the same configuration",
            )
    for name, parameter in parameters:
        key, side = parameter.key, parameter.map_side
        if key not in spec:
            raise ConfigError(
                "spec",
                expected=f"{key}, because the configuration has the effect {name}",
                got=spec.title,
                remedy="Build the spec from the same configuration",
            )
        size = (getattr(config, side),) * 2 if side else spec[key].shape
        if spec[key].shape != size:
            raise ConfigError("spec", expected=f"{key} of shape {size}, as the configuration", got=spec[key].shape)


def tables_of(config: SheraConfig) -> tuple[str, ...]:
    """Return the keys of the wavelengths of the tables that a configuration's effects read."""
    hooks = [EFFECTS[name].hook for name in config.effects]
    return tuple(item.key for hook in hooks if isinstance(hook, BandHook) for item in hook.tables)


def check_tables(tables: tuple[str, ...], values: Mapping[str, Any]) -> None:
    """Check that the rows of each table ascend and have the whole band between them, where no value is traced.

    Parameters
    ----------
    tables : tuple of str
        Keys of the wavelengths of the tables, as `tables_of` returns them.
    values : mapping of str to array
        Values by key.

    Raises
    ------
    DataError
        If a table does not; it is named with its limits and those of the band. A traced one gives NaN.
    """
    for key in tables:
        rows, centre, width = (values[name] for name in (key, WAVELENGTH.key, BANDWIDTH.key))
        if not any(isinstance(value, jax.core.Tracer) for value in (rows, centre, width)):
            check_table(rows, centre, width, key)


def check_derived(spec: ParamSpec, key: str, values: Mapping[str, Any]) -> None:
    """Check that a concrete derived value is finite and within its bounds.

    Parameters
    ----------
    spec : ParamSpec
        Spec of the values.
    key : str
        Derived key.
    values : mapping of str to number or array
        Values by key.

    Raises
    ------
    ParameterError
        If it is not: values that pass alone contradict each other. The error names the inputs of the derived value.
    """
    field = spec[key]
    try:
        check_numbers(field, np.asarray(values[key], float))
    except ParameterError as error:
        remedy = f"It follows from {', '.join(field.depends_on)}: change one of them. {error.remedy}".strip()
        raise ParameterError(key, expected=error.expected, got=error.got, remedy=remedy) from None


def check_finite(name: str, result: Any, values: Mapping[str, Any], built_with: Mapping[str, Any]) -> None:
    """Check that a concrete output of a model is finite.

    Parameters
    ----------
    name : str
        Name of the output.
    result : pytree of Array
        The output; a traced one is not checked.
    values : mapping of str to number or array
        Values that it was computed from.
    built_with : mapping of str to number or array
        Values of the store that the model was built with.

    Raises
    ------
    NonFiniteError
        If a number of it is not finite. The error names the parameter that differs most from the model's base store.
    """
    leaves = jax.tree.leaves(result)
    if is_traced(leaves) or np.isfinite([float(jnp.sum(leaf)) for leaf in leaves]).all():
        return
    key = moved_most(values, values, built_with)
    leaf = next((leaf for leaf in leaves if not np.all(np.isfinite(leaf))), leaves[0])
    raise NonFiniteError(
        name,
        got=np.asarray(leaf),
        expected="finite photons",
        remedy=f"{key} = {number_text(values[key])} differs most from the store that the model was built with: check"
        " its unit, or compute in double precision",
    )


def moved_most(keys: Iterable[str], values: Mapping[str, Any], built_with: Mapping[str, Any]) -> str:
    """Return the key among those of the values that differs most from the store that a model was built with.

    A derived value has moved where none of the others has.

    Parameters
    ----------
    keys : iterable of str
        Keys to choose from, with a value for at least one of them.
    values, built_with : mapping of str to number or array
        Values by key, and those of the store.
    """

    def change(key: str) -> float:
        if key not in built_with:
            return 1e-12
        old, new = np.asarray(built_with[key], float), np.asarray(values[key], float)
        return float(np.max(np.abs(new - old)) / (np.max(np.abs(old)) or 1.0)) if new.size else -1.0

    return max((key for key in keys if key in values), key=change)


def number_text(value: Any) -> str:
    """Return a number or the first numbers of an array as text."""
    return np.array2string(np.asarray(value, float), precision=6, threshold=8)


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
