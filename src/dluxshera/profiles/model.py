"""`ProfileModel`: the configuration, spec and store that a profile describes. Only the use of the store needs jax.

The values of a profile that a design or a target has become the configuration's design and the spec's defaults, so that
derived values follow; every primitive of the spec that the profile sets is also set in the store.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import MISSING, dataclass, fields, replace
from functools import cached_property
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dluxshera.documents import raise_all
from dluxshera.errors import ConfigError, DocumentError, ExpectationError
from dluxshera.params import ParamSpec, check_shape
from dluxshera.profiles.composition import load_profile
from dluxshera.profiles.profile import Profile
from dluxshera.profiles.schema import shera_profiles
from dluxshera.profiles.setting import OVERRIDE, Setting
from dluxshera.systems import (
    ALPHA_CEN,
    CONFIG_CLASSES,
    CONFIGS,
    PARAMETERS,
    TABLE_SUFFIX,
    TARGETS,
    Design,
    SheraConfig,
    Target,
    acts_through_default,
    build_spec,
    design_keys,
    target_keys,
)

if TYPE_CHECKING:
    from dluxshera.params import ParameterStore


@dataclass(frozen=True, eq=False)
class ProfileModel:
    """Configuration, spec and values of a profile. Unpacks as ``config, spec, store``.

    Parameters
    ----------
    config : SheraConfig
        Configuration, with the design that the profile describes.
    spec : ParamSpec
        Spec of the configuration, with the target's values as defaults.
    values : mapping of str to float, sequence of float or array
        Value of each primitive of the spec.
    """

    config: SheraConfig
    spec: ParamSpec
    values: Mapping[str, Any]

    @cached_property
    def store(self) -> ParameterStore:
        """The values as a store. The first use imports jax."""
        from dluxshera.params import ParameterStore

        return ParameterStore.from_checked(self.values, self.spec)

    def __iter__(self) -> Iterator[Any]:
        return iter((self.config, self.spec, self.store))


def load_model(source: str | Path, *, spec: str | None = None, overrides: Iterable[str] = ()) -> ProfileModel:
    """Read a profile and return the configuration, spec and store that it describes.

    Parameters
    ----------
    source : str or Path
        Name of a packaged profile, such as ``observation/flight_alpha_cen``, or path of a file.
    spec : str, optional
        ``forward``, ``inference`` or ``physics_inference``; by default the spec that the profile names, or forward.
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
    """Return the configuration, spec and store that a composed profile describes.

    Parameters
    ----------
    profile : Profile
        Profile that names its system, as `load_profile` returns it.
    spec : str, optional
        Name of the spec, instead of the one that the profile names.

    Raises
    ------
    DocumentError
        For the first of all faults, with file, line and column; the others are its notes.
    """
    config_class = _system(profile)
    raise_all(_config_faults(profile, config_class))
    values = {key: setting.value for key, setting in profile.parameters.items()}
    name = _config_name(profile)
    design, faults = _design(profile, config_class, name, values)
    structure = {field: setting.value for field, setting in profile.config.items()} | _lengths(profile, config_class)
    try:
        config = config_class.from_checked(name, design, structure)
        spec_name = spec or (profile.spec.value if profile.spec else "forward")
        built = build_spec(config, spec_name, _target(profile, values))
    except (ExpectationError, ArithmeticError) as error:
        raise_all([*faults, _placed(profile, error)])
        raise
    raise_all([*faults, *_spec_faults(profile, config_class, built)])
    primitives = built.defaults() | {key: value for key, value in values.items() if key in built.primitives}
    raise_all(_constraint_faults(profile, built, primitives))
    return ProfileModel(config, built, primitives)


def _system(profile: Profile) -> type[SheraConfig]:
    if profile.system is None:
        problem = "no profile names the system; extend an instrument, or set system"
        raise profile.documents[-1].error((), problem, allowed=", ".join(CONFIG_CLASSES), at_key=True)
    return CONFIG_CLASSES[profile.system.value]


def _lengths(profile: Profile, config_class: type[SheraConfig]) -> dict[str, int]:
    """Return the fields for the lengths of lists, such as the rows of a table, that the profile leaves to its lists."""
    lengths: dict[str, int] = {}
    for key, setting in profile.parameters.items():
        name = PARAMETERS[key].length_field
        if not name or name in profile.config or name in lengths:
            continue
        with suppress(ConfigError):  # the list is too short or too long, which the check of its shape reports
            lengths[name] = config_class.rules()[name].check(name, len(setting.value))
    return lengths


def _config_name(profile: Profile) -> str:
    """Return the name of the last instrument that is composed, or of the profile."""
    instruments = [document for document in profile.documents if document.data["kind"] == "instrument"]
    return str(instruments[-1].data["name"]) if instruments else profile.name


def _config_faults(profile: Profile, config_class: type[SheraConfig]) -> list[DocumentError]:
    """Return the fields that the system does not have, and the relations between fields that do not hold."""
    names = list(config_class.rules())
    faults = [
        setting.error("unknown name", allowed=", ".join(names), got=name, candidates=names, at_key=True)
        for name, setting in profile.config.items()
        if name not in names
    ]
    defaults = {item.name: item.default for item in fields(config_class)}
    values = {**defaults, **{name: setting.value for name, setting in profile.config.items()}}
    for relation in config_class.relations():
        try:
            relation.check(values)
        except ExpectationError as error:
            faults.append(_placed(profile, error))
    return faults


def _design(
    profile: Profile, config_class: type[SheraConfig], name: str, values: Mapping[str, Any]
) -> tuple[Design, list[DocumentError]]:
    """Return the design that the values describe, or one of the catalogue's together with the faults."""
    keys = design_keys(config_class)
    optional = {item.name for item in fields(config_class.design_type) if item.default is not MISSING}
    whole = profile.documents[-1]
    faults = [
        whole.error((), f"{key} is missing: the design of {config_class.system_id} needs it", at_key=True)
        for key, attribute in keys.items()
        if key not in values and attribute not in optional
    ]
    attributes = {attribute: values[key] for key, attribute in keys.items() if key in values}
    if not faults:
        try:
            design = config_class.design_type(**attributes)
        except ExpectationError as error:
            by_attribute = {f"design.{attribute}": key for key, attribute in keys.items()}
            setting = profile.parameters.get(by_attribute.get(error.key, ""))
            faults.append(setting.placed(error) if setting else _placed(profile, error))
        else:
            named = CONFIGS.get(name)
            if type(named) is config_class and replace(named.design, sources=()) == design:
                return named.design, []  # with its sources
            return replace(design, sources=tuple((attribute, f"profile {name}") for attribute in attributes)), []
    return next(config.design for config in CONFIGS.values() if type(config) is config_class), faults


def _target(profile: Profile, parameters: Mapping[str, Any]) -> Target:
    """Return the target that the values describe: one of the catalogue, or one with the profile's name."""
    values = {attribute: parameters[key] for key, attribute in target_keys().items() if key in parameters}
    if not values:
        return ALPHA_CEN
    for target in TARGETS.values():
        if len(values) == len(target_keys()) and all(getattr(target, name) == value for name, value in values.items()):
            return target
    name = profile.name
    return replace(ALPHA_CEN, name=name, source=f"profile {name}", v_a=nan, v_b=nan, spectral_types="", **values)


def _spec_faults(profile: Profile, config_class: type[SheraConfig], spec: ParamSpec) -> list[DocumentError]:
    """Return the values of another shape than the spec has, and those that would have no effect."""
    faults = []
    for key, setting in profile.parameters.items():
        if key in spec.primitives:
            try:
                check_shape(spec[key], setting.value)
            except ExpectationError as error:
                faults.append(setting.placed(error))
            if (rows := f"{key}{TABLE_SUFFIX}") in spec.primitives and rows not in profile.parameters:
                problem = f"needs {rows} beside it, a wavelength for each of its values"
                faults.append(setting.error(problem, at_key=True))
        elif not acts_through_default(key, config_class):
            faults.append(_no_effect(key, setting, spec))
    return faults


def _constraint_faults(profile: Profile, spec: ParamSpec, values: Mapping[str, Any]) -> list[DocumentError]:
    """Return the constraints between parameters that do not hold, each at a value that takes part in it."""
    faults = []
    for constraint in spec.constraints:
        try:
            constraint.check(values)
        except ExpectationError as error:
            setting = next((profile.parameters[key] for key in constraint.keys if key in profile.parameters), None)
            if setting is None or error.key in profile.parameters:
                faults.append(_placed(profile, error))
            else:
                faults.append(setting.error(str(error).removesuffix(".")))
    return faults


def _no_effect(key: str, setting: Setting, spec: ParamSpec) -> DocumentError:
    reason, allowed = f"does nothing in the {spec.title} spec", "a parameter of it"
    if key in spec:
        reason, allowed = f"is derived in the {spec.title} spec", f"its inputs {', '.join(spec[key].depends_on)}"
    elif effect := PARAMETERS[key].effect:
        allowed = f"with {effect} among the effects of the configuration"
    return setting.error(reason, allowed=allowed, at_key=True)


def _placed(profile: Profile, error: Exception) -> DocumentError:
    """Return an error about the model, with the place of the value that it names.

    A value that is computed from the design has no place; the error then names the file.
    """
    key = error.key if isinstance(error, ExpectationError) else ""
    setting = profile.config.get(key) or profile.parameters.get(key)
    if setting and isinstance(error, ExpectationError):
        return setting.placed(error)
    reason = "a value is too large or too small to compute with" if isinstance(error, ArithmeticError) else str(error)
    settings = {**profile.config, **profile.parameters}
    overrides = [f"{key}={item.value}" for key, item in settings.items() if item.document.file == OVERRIDE]
    cause = f" With {OVERRIDE} {', '.join(overrides)}" if overrides else ""
    return DocumentError(f"the design gives no model: {reason.rstrip('.')}.{cause}", file=profile.documents[-1].file)
