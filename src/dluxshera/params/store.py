"""`ParameterStore`, an immutable mapping of parameter values that is a JAX pytree."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, Mapping, ValuesView
from typing import Any, Self

import numpy as np
from jax import Array
from jax.tree_util import DictKey, register_pytree_with_keys_class

from dluxshera.errors import DerivedKeyError, MissingKeyError, ParameterError, UnknownKeyError
from dluxshera.params.constraints import check_together
from dluxshera.params.display import values_table
from dluxshera.params.quantities import to_quantity
from dluxshera.params.spec import ParamSpec
from dluxshera.params.values import check_value

Value = Array | np.ndarray | np.floating  # arithmetic turns an array of no dimension into a scalar


@register_pytree_with_keys_class
class ParameterStore(Mapping[str, Value]):
    """Values of a spec's primitives, checked when the store is created, and immutable.

    A store is a pytree whose leaves are its values, so it goes through `jax.jit`, `jax.grad` and `jax.vmap`. Traced
    values are checked for shape only; concrete ones also for finiteness and bounds.

    Parameters
    ----------
    values : mapping of str to array_like
        Value of each primitive, in the unit of the spec or with a unit (see `dluxshera.units.measured`). Integers
        become floats.
    spec : ParamSpec
        Spec with the keys.
    allow_derived : bool
        Accept values under derived keys as explicit overrides (see `overrides`). Off by default, so that no derived
        value can be stale.

    Raises
    ------
    UnknownKeyError, MissingKeyError, DerivedKeyError
        If the keys are not those of the spec.
    ShapeError, NonFiniteError, BoundsError, ParameterError
        If a field does not accept a value, or a constraint of the spec does not hold.

    Examples
    --------
    >>> from dluxshera.params import Bounds, ParamField, ParamSpec
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
        checked = {key: check_value(spec[key], values[key]) for key in spec if key in values}
        check_together(spec.constraints, checked)
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
        """Return the store of values, one for each primitive of the spec."""
        return cls(values, spec, allow_derived=allow_derived)

    @classmethod
    def from_checked(cls, values: Mapping[str, Any], spec: ParamSpec) -> Self:
        """Return the store of values that were checked one by one, without another check.

        Parameters
        ----------
        values : mapping of str to array_like
            Values that `check_value` accepts, one for each primitive of the spec: numbers in the spec's units.
        spec : ParamSpec
            The spec whose primitives they are.
        """
        arrays = {key: np.array(values[key], dtype=np.float64) for key in spec.primitives}
        for array in arrays.values():
            array.flags.writeable = False
        new = object.__new__(cls)
        new._set(arrays, spec, False)
        return new

    @property
    def spec(self) -> ParamSpec:
        """The spec that the values belong to."""
        return self._spec  # type: ignore[attr-defined]  # set through __slots__

    @property
    def allow_derived(self) -> bool:
        """True if derived keys are accepted as overrides."""
        return self._allow_derived  # type: ignore[attr-defined]  # set through __slots__

    @property
    def overrides(self) -> tuple[str, ...]:
        """The derived keys that hold an explicit value, which acts in place of the transform."""
        return tuple(key for key in self if self.spec[key].kind == "derived")

    def replace(self, updates: Mapping[str, Any]) -> Self:
        """Return a store with some values replaced.

        Parameters
        ----------
        updates : mapping of str to array_like
            New values, numbers in the spec's units or with a unit; a key that the spec does not have, and a derived key
            in a strict store, are rejected.

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
        fresh = {key: check_value(self.spec[key], value) for key, value in updates.items()}
        both = {**self._values, **fresh}  # type: ignore[attr-defined]  # set through __slots__
        check_together((each for each in self.spec.constraints if not fresh.keys().isdisjoint(each.keys)), both)
        new = object.__new__(type(self))
        new._set({key: both[key] for key in self.spec if key in both}, self.spec, self.allow_derived)
        return new

    def with_derived_allowed(self) -> Self:
        """Return the same store, with derived keys accepted as explicit overrides."""
        new = object.__new__(type(self))
        new._set(dict(self._values), self.spec, True)  # type: ignore[attr-defined]  # set through __slots__
        return new

    def strip_derived(self) -> Self:
        """Return a strict store of the primitives alone, without overrides."""
        new = object.__new__(type(self))
        new._set({key: self._values[key] for key in self.spec.primitives}, self.spec, False)  # type: ignore[attr-defined]
        return new

    def validate(self) -> None:
        """Check the values against the store's own spec. Values that `jax.tree.map` put in are not checked otherwise.

        Raises
        ------
        ShapeError, NonFiniteError, BoundsError, ParameterError
            As the constructor.
        """
        self.validate_against(self.spec, allow_derived=self.allow_derived)

    def quantity(self, key: str) -> Any:
        """Return a value as an astropy quantity in the unit of the spec; a logarithm becomes the quantity itself.

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
            return self._values[key]  # type: ignore[attr-defined]  # set through __slots__
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
        return iter(self._values)  # type: ignore[attr-defined]  # set through __slots__

    def __len__(self) -> int:
        return len(self._values)  # type: ignore[attr-defined]  # set through __slots__

    def __contains__(self, key: object) -> bool:
        return key in self._values  # type: ignore[attr-defined]  # set through __slots__

    # The methods of `Mapping` look up each key, and a model reads all values for each image.

    def values(self) -> ValuesView[Any]:
        """Return the values, in the order of the spec."""
        return self._values.values()  # type: ignore[attr-defined]  # set through __slots__

    def items(self) -> ItemsView[str, Any]:
        """Return the keys with their values, in the order of the spec."""
        return self._values.items()  # type: ignore[attr-defined]  # set through __slots__

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ParameterStore):
            return NotImplemented
        return (
            self.spec == other.spec
            and tuple(self) == tuple(other)
            and all(np.array_equal(self[key], other[key]) for key in self)
        )

    __hash__ = None  # type: ignore[assignment]  # it holds arrays

    def __reduce__(self) -> tuple[Any, ...]:  # the default sets attributes of an immutable object
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
        """Return the values with their keys, and the static part."""
        return [(DictKey(key), value) for key, value in self.items()], (tuple(self), self.spec, self.allow_derived)

    def tree_flatten(self) -> tuple[tuple[Value, ...], tuple[Any, ...]]:
        """Return the values, and the static part."""
        return tuple(self.values()), (tuple(self), self.spec, self.allow_derived)

    @classmethod
    def tree_unflatten(cls, static: tuple[Any, ...], leaves: tuple[Any, ...]) -> Self:
        """Rebuild without checks, because JAX also puts batches and placeholders in place of the leaves."""
        keys, spec, allow_derived = static
        new = object.__new__(cls)
        new._set(dict(zip(keys, leaves, strict=True)), spec, allow_derived)
        return new


def _under_current_keys(values: Mapping[str, Any], spec: ParamSpec) -> dict[str, Any]:
    """Return the values under the current keys of the spec; former keys give a warning."""
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
            expected=f"no value, because the configuration fixes it at {field.default}",
            got=value,
            remedy="Change the configuration and rebuild the spec",
        )
