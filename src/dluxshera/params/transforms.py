"""Transforms that compute derived values, a registry of them for each optical system, and their resolver."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dluxshera.errors import DerivationError, ParameterError, UnknownKeyError
from dluxshera.params.spec import ParamSpec


@dataclass(frozen=True)
class Transform:
    """A derived value as a pure function of other values.

    Parameters
    ----------
    key : str
        Key of the derived parameter.
    inputs : tuple of str
        Keys of the arguments of the function, in its order.
    fn : callable
        Pure and traceable function: arithmetic and array-namespace functions only, no conversion to `float`.
    equation : str
        LaTeX without dollar signs, where the parameter's own equation does not hold in every system.
    optional : tuple of str
        Keys of further arguments, after the inputs; an argument is None where the spec does not have its key.
    """

    key: str
    inputs: tuple[str, ...]
    fn: Callable[..., Any]
    equation: str = ""
    optional: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The dotted name of the function, under which the API reference has it."""
        return f"{self.fn.__module__}.{self.fn.__qualname__}"

    def inputs_in(self, keys: Container[str]) -> tuple[str, ...]:
        """Return the keys from which the value is computed in a spec that has `keys`."""
        return (*self.inputs, *(key for key in self.optional if key in keys))

    def evaluate(self, inputs: Mapping[str, Any]) -> Any:
        """Return the derived value, given the values of `inputs_in` by key."""
        return self.fn(*(inputs[key] for key in self.inputs), *(inputs.get(key) for key in self.optional))


class TransformRegistry(Mapping[str, Transform]):
    """The transforms of one optical system: key to `Transform`.

    Parameters
    ----------
    system_id : str
        System to which the transforms apply.
    transforms : iterable of Transform
        First transforms; `add` and the decorator `transform` register more.

    Examples
    --------
    >>> registry = TransformRegistry("a_telescope")
    >>> @registry.transform("system.focal_ratio", inputs=("system.focal_length_m", "system.m1_diameter_m"))
    ... def focal_ratio(focal_length, diameter):
    ...     return focal_length / diameter
    >>> registry["system.focal_ratio"].fn(8.0, 0.5)
    16.0
    """

    def __init__(self, system_id: str, transforms: Iterable[Transform] = ()) -> None:
        self.system_id = system_id
        self._transforms: dict[str, Transform] = {}
        for item in transforms:
            self.add(item)

    def add(self, transform: Transform) -> None:
        """Register a transform.

        Raises
        ------
        ParameterError
            If the system has a transform for that key already.
        """
        if transform.key in self._transforms:
            registered = self._transforms[transform.key].name
            raise ParameterError(
                transform.key,
                expected=f"one transform for each key of {self.system_id}",
                got=transform.name,
                remedy=f"{registered} computes it already",
            )
        self._transforms[transform.key] = transform

    def transform(self, key: str, inputs: Iterable[str]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Register the decorated function as the transform of `key`, and return it unchanged."""

        def register(fn: Callable[..., Any]) -> Callable[..., Any]:
            self.add(Transform(key, tuple(inputs), fn))
            return fn

        return register

    def __getitem__(self, key: str) -> Transform:
        try:
            return self._transforms[key]
        except KeyError:
            raise UnknownKeyError(key, self._transforms, expected=f"a transform of {self.system_id}") from None

    def __contains__(self, key: object) -> bool:
        return key in self._transforms

    def __iter__(self) -> Iterator[str]:
        return iter(self._transforms)

    def __len__(self) -> int:
        return len(self._transforms)


class DerivedResolver:
    """Computes derived values, system by system, from the values of a store.

    Parameters
    ----------
    registries : iterable of TransformRegistry
        Registries, one for each system, isolated from each other.
    default_system : str
        System of the calls that name none.
    """

    def __init__(self, registries: Iterable[TransformRegistry], default_system: str) -> None:
        self._registries = {registry.system_id: registry for registry in registries}
        self.default_system = default_system
        self.registry()

    def registry(self, system_id: str | None = None) -> TransformRegistry:
        """Return the transforms of a system.

        Raises
        ------
        UnknownKeyError
            If there is no such system.
        """
        name = self.default_system if system_id is None else system_id
        try:
            return self._registries[name]
        except KeyError:
            raise UnknownKeyError(name, self._registries, expected="a system of the resolver") from None

    def transform(
        self, key: str, inputs: Iterable[str], system_id: str | None = None
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Register the decorated function as the transform of `key` in a system, by default the default system."""
        return self.registry(system_id).transform(key, inputs)

    def order(
        self,
        spec: ParamSpec,
        keys: Iterable[str] | None = None,
        available: Container[str] | None = None,
    ) -> tuple[Transform, ...]:
        """Return the transforms that compute derived values, each after those that compute its inputs.

        Parameters
        ----------
        spec : ParamSpec
            Spec that defines which keys are derived and which system's transforms apply.
        keys : iterable of str, optional
            Keys to compute; by default all derived keys of the spec.
        available : container of str, optional
            Keys that have a value; by default all keys of the spec that are not derived.

        Raises
        ------
        DerivationError
            If a transform or an input is missing or the transforms form a cycle. The error shows the path.
        UnknownKeyError
            If the spec does not have one of `keys`.
        """
        registry = self.registry(spec.system_id)
        values = {*spec.primitives, *spec.structural} if available is None else available
        ordered: dict[str, Transform] = {}

        def visit(key: str, path: tuple[str, ...]) -> None:
            if key in values or key in ordered:
                return
            if key in path:
                raise DerivationError("the transforms form a cycle", path=(*path, key))
            path = (*path, key)
            if key not in spec:
                remedy = "Add it, or leave out what needs it"
                raise DerivationError(f"{key} is not in the {spec.title} spec", path=path, remedy=remedy)
            if spec[key].kind != "derived":
                raise DerivationError(f"{key} has no value", path=path, remedy="Give it a value")
            if key not in registry:
                remedy = f"Register one for {key!r}"
                raise DerivationError(f"{key} has no transform in {spec.system_id}", path=path, remedy=remedy)
            for name in registry[key].inputs_in(spec):
                visit(name, path)
            ordered[key] = registry[key]

        for key in spec.derived if keys is None else keys:
            visit(spec[key].key, ())
        return tuple(ordered.values())

    def resolve(
        self,
        spec: ParamSpec,
        values: Mapping[str, Any],
        keys: Iterable[str] | None = None,
    ) -> dict[str, Any]:
        """Compute derived values.

        Parameters
        ----------
        spec : ParamSpec
            Spec that defines which keys are derived, which structural, and which system's transforms apply.
        values : mapping of str to array
            Values of the primitives. A value under a derived key is an explicit override: it takes the place of the
            computed value, also where other derived values depend on it.
        keys : iterable of str, optional
            Keys to compute; by default all derived keys of the spec.

        Returns
        -------
        dict of str to array
            Value of each of `keys`, in their order. Traced where the values are traced.

        Raises
        ------
        DerivationError
            If a transform or an input is missing or the transforms form a cycle; the error shows the path. If a value
            is too large or too small to compute with.
        UnknownKeyError
            If the spec does not have one of `keys`.
        """
        names = [spec[key].key for key in (spec.derived if keys is None else keys)]
        results: dict[str, Any] = {**spec.structural, **values}
        for transform in self.order(spec, names, available=results):
            inputs = {name: results[name] for name in transform.inputs_in(spec)}
            try:
                results[transform.key] = transform.evaluate(inputs)
            except ArithmeticError as error:  # of Python's numbers; those of arrays are infinite or NaN
                values_text = ", ".join(f"{name} = {value}" for name, value in inputs.items())
                raise DerivationError(
                    f"cannot be computed ({error}) from {values_text}",
                    path=(transform.key,),
                    remedy="Use values of plausible size",
                ) from error
        return {name: results[name] for name in names}

    def check(self, spec: ParamSpec) -> None:
        """Check, without values, that every derived key of a spec can be computed.

        Raises
        ------
        DerivationError
            If a transform or an input is missing or the transforms form a cycle. The error shows the path.
        """
        self.order(spec)
