"""Where values live: `ParameterStore`, an immutable mapping that is a JAX pytree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Self

import jax
import numpy as np
from jax import Array
from jax.tree_util import DictKey, register_pytree_with_keys_class

from dluxshera.errors import (
    BoundsError,
    DerivedKeyError,
    MissingKeyError,
    NonFiniteError,
    ParameterError,
    ShapeError,
    UnknownKeyError,
    first_index,
)
from dluxshera.params.astropy_units import from_quantity, is_quantity, to_quantity
from dluxshera.params.display import values_table
from dluxshera.params.field import ParamField
from dluxshera.params.spec import ParamSpec

Value = Array | np.ndarray | np.floating  # arithmetic turns an array of no dimension into a scalar


@register_pytree_with_keys_class
class ParameterStore(Mapping[str, Value]):
    """The values of a spec's primitives, checked when the store is made and immutable after.

    A store is a pytree whose leaves are its values, so it goes through `jax.jit`, `jax.grad` and `jax.vmap`. Traced
    values are checked for shape only; concrete ones also for finiteness and bounds.

    Parameters
    ----------
    values : mapping of str to array_like
        A value for each primitive, in the unit that the spec gives, or an astropy quantity. Integers become floats.
    spec : ParamSpec
        Says which keys there are.
    allow_derived : bool
        Accept values under derived keys as explicit overrides (see `overrides`). Off by default, so that no derived
        value can be stale.

    Raises
    ------
    UnknownKeyError, MissingKeyError, DerivedKeyError
        If the keys are not those of the spec.
    ShapeError, NonFiniteError, BoundsError, ParameterError
        If a value is not what its field says.

    Examples
    --------
    >>> from dluxshera.params.field import Bounds, ParamField
    >>> flux_ratio = {"default": 3.5, "bounds": Bounds(minimum=0), "source": "illustrative"}
    >>> contrast = ParamField("binary.contrast", "Contrast", "Flux ratio A / B.", **flux_ratio)
    >>> store = ParameterStore.from_spec_defaults(ParamSpec("a_telescope", "forward", (contrast,)))
    >>> float(store.replace({"binary.contrast": 3})["binary.contrast"])
    3.0
    >>> store.replace({"binary.contrast": -1})
    Traceback (most recent call last):
        ...
    dluxshera.errors.BoundsError: binary.contrast: expected >= 0, got -1.0. Flux ratio A / B.
    """

    __slots__ = ("_allow_derived", "_spec", "_values")

    def __init__(self, values: Mapping[str, Any], spec: ParamSpec, *, allow_derived: bool = False) -> None:
        values = _under_current_keys(values, spec)
        for key in values:
            _check_key(key, values[key], spec, allow_derived=allow_derived)
        missing = [key for key in spec.primitives if key not in values]
        if missing:
            raise MissingKeyError(
                missing[0],
                expected=f"a value for every primitive of the {spec.title} spec ({len(missing)} missing)",
                remedy="Start from ParameterStore.from_spec_defaults(spec) and replace what differs",
            )
        checked = {key: _checked(spec[key], values[key]) for key in spec if key in values}
        self._set(checked, spec, allow_derived)

    def _set(self, values: dict[str, Any], spec: ParamSpec, allow_derived: bool) -> None:
        object.__setattr__(self, "_values", values)
        object.__setattr__(self, "_spec", spec)
        object.__setattr__(self, "_allow_derived", allow_derived)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a ParameterStore is immutable: use store.replace({key: value})")

    @classmethod
    def from_spec_defaults(cls, spec: ParamSpec) -> Self:
        """Return the store of the defaults of a spec's primitives."""
        return cls(spec.defaults(), spec)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], spec: ParamSpec, *, allow_derived: bool = False) -> Self:
        """Return the store of the given values, which must be all that the spec asks for."""
        return cls(values, spec, allow_derived=allow_derived)

    @property
    def spec(self) -> ParamSpec:
        """The spec that the values belong to."""
        return self._spec  # type: ignore[attr-defined]  # set through __slots__

    @property
    def allow_derived(self) -> bool:
        """Whether derived keys are accepted as overrides."""
        return self._allow_derived  # type: ignore[attr-defined]

    @property
    def overrides(self) -> tuple[str, ...]:
        """The derived keys that hold an explicit value, which acts in place of the transform."""
        return tuple(key for key in self if self.spec[key].kind == "derived")

    def replace(self, updates: Mapping[str, Any]) -> Self:
        """Return a store with some values replaced.

        Parameters
        ----------
        updates : mapping of str to array_like
            New values, numbers in the spec's units or astropy quantities; a key that the spec does not have, and a
            derived key in a strict store, are rejected.

        Raises
        ------
        UnknownKeyError, DerivedKeyError, ShapeError, NonFiniteError, BoundsError, ParameterError
            As the constructor.

        Warns
        -----
        DeprecationWarning
            For a key that was renamed, and for a deprecated parameter.
        """
        updates = _under_current_keys(updates, self.spec)
        for key in updates:
            self.spec.warn_deprecated(key)
            _check_key(key, updates[key], self.spec, allow_derived=self.allow_derived)
        fresh = {key: _checked(self.spec[key], value) for key, value in updates.items()}
        both = {**self._values, **fresh}  # type: ignore[attr-defined]
        new = object.__new__(type(self))
        new._set({key: both[key] for key in self.spec if key in both}, self.spec, self.allow_derived)
        return new

    def with_derived_allowed(self) -> Self:
        """Return the same store, in which derived keys can be replaced as explicit overrides."""
        new = object.__new__(type(self))
        new._set(dict(self._values), self.spec, True)  # type: ignore[attr-defined]
        return new

    def strip_derived(self) -> Self:
        """Return a strict store of the primitives alone, without overrides."""
        new = object.__new__(type(self))
        new._set({key: self._values[key] for key in self.spec.primitives}, self.spec, False)  # type: ignore[attr-defined]
        return new

    def validate(self) -> None:
        """Check the values against the store's own spec: what JAX or `jax.tree.map` put in is not checked otherwise.

        Raises
        ------
        ShapeError, NonFiniteError, BoundsError, ParameterError
            As the constructor.
        """
        self.validate_against(self.spec, allow_derived=self.allow_derived)

    def quantity(self, key: str) -> Any:
        """Return a value as an astropy quantity in the unit of the spec; of a log10, the quantity itself.

        Raises
        ------
        MissingKeyError, UnknownKeyError
            If the store has no value for the key.
        """
        return to_quantity(self.spec[key], self[key])

    def validate_against(self, spec: ParamSpec, *, allow_derived: bool = False) -> None:
        """Check that the values are a full store of `spec`, which may be another than the store's own.

        Raises
        ------
        UnknownKeyError, MissingKeyError, DerivedKeyError, ShapeError, NonFiniteError, BoundsError, ParameterError
            As the constructor.
        """
        type(self)(self, spec, allow_derived=allow_derived)

    def as_dict(self) -> dict[str, Any]:
        """Return the values as plain floats and lists of floats, in the order of the spec."""
        return {key: np.asarray(value).tolist() for key, value in self.items()}

    def __getitem__(self, key: str) -> Value:
        try:
            return self._values[key]  # type: ignore[attr-defined]
        except KeyError:
            now = self.spec.current_key(key)
            if now != key:
                return self[now]
            if key in self.spec:
                field = self.spec[key]
                raise MissingKeyError(
                    key,
                    expected="a primitive",
                    remedy=f"It is {field.kind}: a binder's derived(store) gives its value",
                ) from None
            raise UnknownKeyError(key, self.spec, expected=f"a key of the {self.spec.title} spec") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)  # type: ignore[attr-defined]

    def __len__(self) -> int:
        return len(self._values)  # type: ignore[attr-defined]

    def __contains__(self, key: object) -> bool:
        return key in self._values  # type: ignore[attr-defined]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ParameterStore):
            return NotImplemented
        return (
            self.spec == other.spec
            and tuple(self) == tuple(other)
            and all(np.array_equal(self[key], other[key]) for key in self)
        )

    __hash__ = None  # type: ignore[assignment]  # it holds arrays

    def __reduce__(self) -> tuple[Any, ...]:  # the default sets attributes, which an immutable object refuses
        return type(self).tree_unflatten, self.tree_flatten()[::-1]

    def __repr__(self) -> str:
        width = max(map(len, self), default=0)
        overridden = set(self.overrides)
        rows = [
            f"  {key:{width}} = {value} {self.spec[key].units} {'(override)' if key in overridden else ''}".rstrip()
            for key, value in self.items()
        ]
        return "\n".join([f"ParameterStore of {self.spec.title}:", *rows])

    def _repr_html_(self) -> str:
        return values_table(f"ParameterStore of {self.spec.title}", self, self.spec, self.overrides)

    def tree_flatten_with_keys(self) -> tuple[list[tuple[DictKey, Value]], tuple[Any, ...]]:
        """Return the values with their keys, and what is static."""
        return [(DictKey(key), value) for key, value in self.items()], (tuple(self), self.spec, self.allow_derived)

    def tree_flatten(self) -> tuple[tuple[Value, ...], tuple[Any, ...]]:
        """Return the values, and what is static."""
        return tuple(self.values()), (tuple(self), self.spec, self.allow_derived)

    @classmethod
    def tree_unflatten(cls, static: tuple[Any, ...], leaves: tuple[Any, ...]) -> Self:
        """Rebuild without checks: JAX also puts batches and placeholders in the leaves' places."""
        keys, spec, allow_derived = static
        new = object.__new__(cls)
        new._set(dict(zip(keys, leaves, strict=True)), spec, allow_derived)
        return new


def _under_current_keys(values: Mapping[str, Any], spec: ParamSpec) -> dict[str, Any]:
    """Return the values under the keys that the spec has now; old keys give a warning."""
    current: dict[str, Any] = {}
    for key, value in values.items():
        now = spec.current_key(key)
        if now in current or (now != key and now in values):
            raise ParameterError(now, expected="one value", got=f"another under its former key {key}")
        current[now] = value
    return current


def _check_key(key: str, value: object, spec: ParamSpec, *, allow_derived: bool) -> None:
    field = spec[key]  # raises UnknownKeyError
    if field.kind == "derived" and not allow_derived:
        raise DerivedKeyError(
            key,
            got=value,
            depends_on=field.depends_on,
            remedy=f"Set what it is computed from ({', '.join(field.depends_on)}), or call with_derived_allowed() first"
            " to make it an explicit override",
        )
    if field.kind == "structural":
        raise ParameterError(
            key,
            expected=f"no value, for the configuration fixes it at {field.default}",
            got=value,
            remedy="Change the configuration and build the spec anew",
        )


def _checked(field: ParamField, value: Any) -> Value:
    if is_quantity(value):
        value = from_quantity(field, value)
    if not isinstance(value, jax.Array):
        try:
            array = np.asarray(value)
        except ValueError:  # a ragged list
            array = np.asarray(None)
        if array.dtype.kind not in "iuf":
            raise ParameterError(field.key, expected=f"a real number{_in(field)}", got=value)
        value = array.astype(np.float64)
    elif value.dtype.kind not in "iuf":
        raise ParameterError(field.key, expected=f"a real number{_in(field)}", got=value)
    elif value.dtype.kind != "f":
        value = value.astype(float)
    if value.shape != field.shape:
        what = "a single number" if not field.shape else f"an array of shape {field.shape}"
        raise ShapeError(field.key, expected=what, got=value, remedy=_components(field))
    if isinstance(value, jax.core.Tracer):
        return value
    concrete = np.asarray(value, dtype=np.float64)
    if not np.all(np.isfinite(concrete)):
        raise NonFiniteError(field.key, got=concrete)
    extremes = (concrete.min(), concrete.max()) if concrete.size > 1 else concrete.flat
    if not all(field.bounds.contains(float(number)) for number in extremes):
        index = first_index(concrete, lambda number: not field.bounds.contains(number))
        expected = f"{field.bounds}{_in(field)}"
        raise BoundsError(field.key, expected=expected, got=concrete, index=index, remedy=field.doc)
    if isinstance(value, np.ndarray):
        value.flags.writeable = False
    return value


def _in(field: ParamField) -> str:
    unit = f"log10({field.units})" if field.scale == "log10" else field.units
    return f" {unit}" if unit else ""


def _components(field: ParamField) -> str:
    return f"One coefficient each for {', '.join(field.components)}" if field.components else ""
