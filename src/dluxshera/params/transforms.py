"""How derived values follow from others: transforms, registered for each optical system, and their resolver."""

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
        What it computes.
    inputs : tuple of str
        The keys whose values the function takes, in its order.
    fn : callable
        Pure and traceable: arithmetic and array-namespace functions only, no conversion to `float`.
    equation : str
        LaTeX, without dollar signs, where the parameter's own equation does not hold in every system.
    optional : tuple of str
        Keys that the function takes after the inputs, in their order, where the spec has them, and None where not.
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
        """Return what the value is computed from in a spec that has these keys."""
        return (*self.inputs, *(key for key in self.optional if key in keys))

    def evaluate(self, inputs: Mapping[str, Any]) -> Any:
        """Return the value for the values of `inputs_in`, by key."""
        return self.fn(*(inputs[key] for key in self.inputs), *(inputs.get(key) for key in self.optional))


class TransformRegistry(Mapping[str, Transform]):
    """The transforms of one optical system: key to `Transform`.

    Parameters
    ----------
    system_id : str
        The system that they belong to.
    transforms : iterable of Transform
        More can be added with `add` or the decorator `transform`.

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
            had = self._transforms[transform.key].name
            raise ParameterError(
                transform.key,
                expected=f"one transform for each key of {self.system_id}",
                got=transform.name,
                remedy=f"{had} computes it already",
            )
        self._transforms[transform.key] = transform

    def transform(self, key: str, inputs: Iterable[str]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Register the decorated function as the transform of `key`; the function itself is returned unchanged."""

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
        One for each system; they never see each other's transforms.
    default_system : str
        The system that is meant where none is named.
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
        """Register the decorated function as the transform of `key` in one system, the default one if none is named."""
        return self.registry(system_id).transform(key, inputs)

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
            Says which keys are derived, which structural, and which system's transforms apply.
        values : mapping of str to array
            The primitives. A value under a derived key is an explicit override: it is taken as it is, and what is
            computed from that key follows it.
        keys : iterable of str, optional
            What to compute; by default all that the spec calls derived.

        Returns
        -------
        dict of str to array
            A value for each of `keys`, in their order. Traced where the values are traced.

        Raises
        ------
        DerivationError
            If a transform or an input is missing or the transforms form a cycle; the path to it is shown.
        UnknownKeyError
            If the spec does not have one of `keys`.
        """
        registry = self.registry(spec.system_id)
        known: dict[str, Any] = {**spec.structural, **values}

        def value(key: str, path: tuple[str, ...]) -> Any:
            if key in known:
                return known[key]
            if key in path:
                raise DerivationError("the transforms form a cycle", path=(*path, key))
            path = (*path, key)
            if key not in spec or spec[key].kind != "derived":
                raise DerivationError(
                    f"{key} has no value", path=path, remedy=f"Give it a value, or add it to the {spec.title} spec"
                )
            if key not in registry:
                raise DerivationError(
                    f"{key} has no transform in {spec.system_id}", path=path, remedy=f"Register one for {key!r}"
                )
            transform = registry[key]
            known[key] = transform.evaluate({name: value(name, path) for name in transform.inputs_in(spec)})
            return known[key]

        return {key: value(spec[key].key, ()) for key in (spec.derived if keys is None else keys)}

    def check(self, spec: ParamSpec) -> None:
        """Check, without values, that every derived key of a spec can be computed.

        Raises
        ------
        DerivationError
            If a transform or an input is missing or the transforms form a cycle; the path to it is shown.
        """
        registry = self.registry(spec.system_id)

        def visit(key: str, path: tuple[str, ...]) -> None:
            if key in path:
                raise DerivationError("the transforms form a cycle", path=(*path, key))
            path = (*path, key)
            if key not in spec:
                raise DerivationError(
                    f"{key} is not in the {spec.title} spec", path=path, remedy="Add it, or leave out what needs it"
                )
            if spec[key].kind != "derived":
                return
            if key not in registry:
                raise DerivationError(f"{key} has no transform in {spec.system_id}", path=path)
            for name in registry[key].inputs_in(spec):
                visit(name, path)

        for key in spec.derived:
            visit(key, ())
