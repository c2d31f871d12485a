"""Compatibility API for existing scripts: `SheraThreePlane_Model`, and `ModelParams`, which accepts their names.

Both are thin. Values are in a `ParameterStore`, derived values are resolved at each access, and the image comes from a
`SheraThreePlaneBinder`. Old names are accepted with a warning until version `REMOVAL`. New code needs neither.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, Self

from jax import Array
from jax.tree_util import GetAttrKey, register_pytree_with_keys_class
from jaxtyping import Float

from dluxshera.errors import ConfigError, ParameterError, UnknownKeyError
from dluxshera.model import SheraThreePlaneBinder
from dluxshera.params import ParameterStore, ParamSpec
from dluxshera.systems import (
    CONTRAST,
    LOG_FLUX,
    M1_DIAMETER,
    M1_FOCAL_LENGTH,
    M1_M2_SEPARATION,
    M2_DIAMETER,
    M2_FOCAL_LENGTH,
    PLATE_SCALE,
    POSITION_ANGLE,
    SEPARATION,
    SHERA_FLIGHT_CONFIG,
    SHERA_RESOLVER,
    X_POSITION,
    Y_POSITION,
    SheraThreePlaneConfig,
    build_inference_spec_basic,
)

REMOVAL: Final = "1.0.0"

# Key -> its old names. The units are equal: a key states the unit that its old names implied.
_FORMERLY: Final = {
    SEPARATION.key: ("separation", "binary.separation"),
    POSITION_ANGLE.key: ("position_angle", "binary.position_angle"),
    X_POSITION.key: ("x_position", "binary.x_position"),
    Y_POSITION.key: ("y_position", "binary.y_position"),
    CONTRAST.key: ("contrast",),
    LOG_FLUX.key: ("log_flux", "binary.log_flux"),
    PLATE_SCALE.key: ("psf_pixel_scale", "imaging.psf_pixel_scale"),
    M1_DIAMETER.key: ("m1.diameter",),
    M2_DIAMETER.key: ("m2.diameter",),
    M1_FOCAL_LENGTH.key: ("m1.focal_length",),
    M2_FOCAL_LENGTH.key: ("m2.focal_length",),
    M1_M2_SEPARATION.key: ("system.plane_separation",),
}
OLD_NAMES: Final[Mapping[str, str]] = MappingProxyType({old: key for key, all_ in _FORMERLY.items() for old in all_})


class OldNameWarning(FutureWarning):
    """An old name was used.

    It is a FutureWarning because Python hides a DeprecationWarning outside ``__main__``. By default it is printed once
    for each line of code.
    """


def _old(name: str) -> Any:
    """Return the property of an old name; its warnings point at the calling line."""

    def write(self: ModelParams, value: Any) -> None:
        self._store = self._store.replace({self._key(name): value})

    return property(lambda self: self._value(self._key(name)), write, doc=f"Old name of ``{OLD_NAMES[name]}``.")


@register_pytree_with_keys_class
class ModelParams:
    """Mutable parameters by old names or by keys, around an immutable store.

    They are a pytree whose leaves are the store's values: `jax.grad` by them returns `ModelParams` of derivatives.
    Values set inside a traced function stay inside it.

    Parameters
    ----------
    values : mapping of str to array_like, optional
        Values that differ from the defaults.
    config : SheraThreePlaneConfig
        Configuration with the defaults.
    spec : ParamSpec, optional
        Spec of the same configuration. By default `build_inference_spec_basic`, in which plate scale and flux are
        primitives. In the forward spec they are derived from geometry and flux density.

    Raises
    ------
    UnknownKeyError
        If no parameter has the name or key; near matches are named.
    ParameterError
        If the spec does not have the parameter or rejects the value; DerivedKeyError for a derived parameter.

    Warns
    -----
    OldNameWarning
        For each use of an old name, with its key and the version that removes the name.

    Examples
    --------
    >>> params = ModelParams({"binary.separation_as": 9.0})
    >>> params.set("binary.contrast", 3.0)
    >>> float(params.get("binary.separation_as")), float(params.store["binary.contrast"])
    (9.0, 3.0)
    """

    __slots__ = ("_store",)

    separation = _old("separation")
    position_angle = _old("position_angle")
    x_position = _old("x_position")
    y_position = _old("y_position")
    contrast = _old("contrast")
    log_flux = _old("log_flux")
    psf_pixel_scale = _old("psf_pixel_scale")

    def __init__(
        self,
        values: Mapping[str, Any] = MappingProxyType({}),
        config: SheraThreePlaneConfig = SHERA_FLIGHT_CONFIG,
        spec: ParamSpec | None = None,
    ) -> None:
        self._store = ParameterStore.from_spec_defaults(build_inference_spec_basic(config) if spec is None else spec)
        self._store = self._store.replace(self._by_key(values))

    @classmethod
    def from_store(cls, store: ParameterStore) -> Self:
        """Return the parameters of a store."""
        new = object.__new__(cls)
        new._store = store
        return new

    @property
    def store(self) -> ParameterStore:
        """The current values as an immutable store, which the rest of the package takes."""
        return self._store

    def get(self, name: str) -> Any:
        """Return a value. A derived value, such as the plate scale, is computed from the current store."""
        return self._value(self._key(name))

    def set(self, name: str, value: Any) -> None:
        """Set a value in place. For a derived parameter, DerivedKeyError names the parameters to set instead."""
        self._store = self._store.replace({self._key(name): value})

    __getitem__, __setitem__ = get, set

    def update(self, values: Mapping[str, Any]) -> None:
        """Set several values in place, all or none. Raises ParameterError if two names are of one parameter."""
        self._store = self._store.replace(self._by_key(values))

    def copy(self) -> Self:
        """Return an independent copy."""
        return self.from_store(self._store)

    def as_dict(self) -> dict[str, Any]:
        """Return every value by key, derived values computed from the current store."""
        return {**self._store, **SHERA_RESOLVER.resolve(self.store.spec, self._store)}

    def __repr__(self) -> str:
        return f"ModelParams of a {self._store!r}"

    def __iter__(self) -> Iterator[str]:
        return iter(self.store.spec)

    def _by_key(self, values: Mapping[str, Any]) -> dict[str, Any]:
        updates: dict[str, Any] = {}
        for name, value in values.items():
            key = self._key(name, stacklevel=4)
            if key in updates:
                raise ParameterError(key, expected="one value", got=f"another under the name {name}")
            updates[key] = value
        return updates

    def _key(self, name: str, stacklevel: int = 3) -> str:
        key, spec, is_old = OLD_NAMES.get(name, name), self.store.spec, name in OLD_NAMES
        if is_old and key not in spec:
            remedy = "spec=build_forward_model_spec_from_config(config) has the whole geometry"
            raise ParameterError(name, expected=f"a parameter of the {spec.title} spec", got=key, remedy=remedy)
        if spec.current_key(key) not in spec:
            raise UnknownKeyError(name, (*spec, *OLD_NAMES), expected=f"a key of the {spec.title} spec or an old name")
        if is_old:
            text = f"{name} is an old name, accepted until version {REMOVAL}: use {key}"
            warnings.warn(text, OldNameWarning, stacklevel=stacklevel)
        return key

    def _value(self, key: str) -> Any:
        return SHERA_RESOLVER.resolve(self.store.spec, self._store, (key,))[key]

    def tree_flatten_with_keys(self) -> tuple[tuple[tuple[GetAttrKey, ParameterStore]], None]:
        """Return the store as the only child."""
        return ((GetAttrKey("store"), self._store),), None

    @classmethod
    def tree_unflatten(cls, static: None, children: tuple[ParameterStore]) -> Self:
        """Rebuild around a store."""
        return cls.from_store(*children)


@register_pytree_with_keys_class
class SheraThreePlane_Model:
    """Three-plane model under its old name.

    It is a pytree whose leaves are the values of the parameters: `jax.grad` by a model returns a model of derivatives.

    Parameters
    ----------
    params : ModelParams, optional
        Parameters. By default those of the configuration. The model keeps this object, so that later changes to it take
        effect.
    config : SheraThreePlaneConfig
        Configuration of the system.

    Raises
    ------
    ConfigError
        If `params` is not `ModelParams` of the configuration.

    Examples
    --------
    >>> import jax; jax.config.update("jax_enable_x64", True)
    >>> import dluxshera as ds
    >>> model = ds.SheraThreePlane_Model(config=ds.SHERA_FLIGHT_CONFIG.replace(image_npix=32))
    >>> model.model().shape
    (32, 32)
    """

    __slots__ = ("config", "params")

    def __init__(self, params: ModelParams | None = None, config: SheraThreePlaneConfig = SHERA_FLIGHT_CONFIG) -> None:
        self.params = ModelParams(config=config) if params is None else params
        self.config = config
        if not isinstance(self.params, ModelParams):
            raise ConfigError("params", expected="ModelParams", got=params, remedy="ModelParams(values) takes a dict")
        SheraThreePlaneBinder(config, self.params.store.spec)  # raises if the spec is not that of the configuration

    @property
    def binder(self) -> SheraThreePlaneBinder:
        """The binder of the current parameters, which new code builds instead of a model."""
        return SheraThreePlaneBinder(self.config, self.params.store.spec, self.params.store)

    def model(self) -> Float[Array, "image image"]:
        """Return the expected image of the current parameters, photons per pixel in one exposure."""
        binder = self.binder
        return binder.predict(binder.store)

    def tree_flatten_with_keys(self) -> tuple[tuple[tuple[GetAttrKey, ModelParams]], SheraThreePlaneConfig]:
        """Return the parameters as the only child, and the configuration."""
        return ((GetAttrKey("params"), self.params),), self.config

    @classmethod
    def tree_unflatten(cls, config: SheraThreePlaneConfig, children: tuple[ModelParams]) -> Self:
        """Rebuild without checks, as JAX requires."""
        new = object.__new__(cls)
        new.config, (new.params,) = config, children
        return new
