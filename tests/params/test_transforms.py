"""Transforms and their resolver: recursion, faults with the path to them, isolation of systems, tracing, threads."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dluxshera.errors import DerivationError, ParameterError, UnknownKeyError
from dluxshera.params import DerivedResolver, ParameterStore, ParamField, ParamSpec, Transform, TransformRegistry
from support.helpers import central_difference
from support.rows import each_row
from support.toys import (
    AREA,
    DIAMETER,
    LENGTH,
    OPEN,
    PITCH,
    RATIO,
    SCALE,
    SYSTEM,
    TRANSFORMS,
    defaults,
    ratio,
    resolver,
    scale,
    telescope,
)


def test_a_transform_has_the_dotted_name_of_its_function():
    assert TRANSFORMS[1].name == f"{scale.__module__}.scale"


def test_a_registry_is_a_mapping_from_key_to_transform():
    registry = TransformRegistry(SYSTEM, TRANSFORMS)
    assert registry.system_id == SYSTEM
    assert list(registry) == [AREA, SCALE, RATIO]
    assert len(registry) == 3
    assert registry[SCALE] is TRANSFORMS[1]
    assert SCALE in registry
    assert PITCH not in registry
    with pytest.raises(UnknownKeyError, match=r"lens\.scal: expected a transform of toy_telescope.*mean lens\.scale"):
        registry["lens.scal"]


def test_a_key_has_one_transform():
    registry = TransformRegistry(SYSTEM, TRANSFORMS)
    message = rf"{re.escape(SCALE)}: expected one transform .*toy_telescope, got .*ratio.*scale computes it already"
    with pytest.raises(ParameterError, match=message):
        registry.add(Transform(SCALE, (), ratio))
    assert registry[SCALE].fn is scale


def test_the_decorator_registers_and_gives_the_function_back():
    registry = TransformRegistry(SYSTEM)

    def double(length):
        return 2 * length

    assert registry.transform(SCALE, inputs=[LENGTH])(double) is double
    assert registry[SCALE] == Transform(SCALE, (LENGTH,), double)


def test_the_resolver_registers_in_the_default_system_or_the_one_named():
    one, two = TransformRegistry("one"), TransformRegistry("two")
    both = DerivedResolver([one, two], default_system="two")

    @both.transform(SCALE, inputs=(LENGTH,))
    def double(length):
        return 2 * length

    @both.transform(SCALE, inputs=(LENGTH,), system_id="one")
    def triple(length):
        return 3 * length

    assert both.registry() is two
    assert both.registry("one") is one
    assert two[SCALE].fn is double
    assert one[SCALE].fn is triple


def test_an_unknown_system_is_refused():
    with pytest.raises(UnknownKeyError, match=r"one: expected a system of the resolver.*toy_telescope"):
        resolver().registry("one")
    with pytest.raises(UnknownKeyError, match="a system of the resolver"):
        DerivedResolver([TransformRegistry("one")], default_system="two")
    with pytest.raises(UnknownKeyError, match="other: expected a system of the resolver"):
        resolver().resolve(telescope("other"), defaults())


def test_it_resolves_recursively_in_any_order():
    """The area needs both others, which stand behind it in the spec, and the structural open fraction."""
    values = resolver().resolve(telescope(), defaults())
    assert values == {AREA: 0.75 * (0.25 / 8 * 8 / 0.5) ** 2, SCALE: 0.25 / 8, RATIO: 16.0}
    assert list(values) == [AREA, SCALE, RATIO]


def test_it_computes_only_what_is_asked_for_and_each_value_once():
    calls = []

    def counted(name):
        def fn(*inputs):
            calls.append(name)
            return sum(inputs)

        return fn

    registry = TransformRegistry(SYSTEM, [Transform(t.key, t.inputs, counted(t.key)) for t in TRANSFORMS])
    counting = DerivedResolver([registry], SYSTEM)
    assert list(counting.resolve(telescope(), defaults(), [RATIO])) == [RATIO]
    assert calls == [RATIO]
    calls.clear()
    assert list(counting.resolve(telescope(), defaults(), [SCALE, AREA])) == [SCALE, AREA]
    assert sorted(calls) == sorted([SCALE, RATIO, AREA])
    with pytest.raises(UnknownKeyError, match=r"Did you mean lens\.scale"):
        counting.resolve(telescope(), defaults(), ["lens.scala"])


def test_the_order_has_each_transform_once_after_those_of_its_inputs():
    of, spec = resolver(), telescope()
    assert [transform.key for transform in of.order(spec)] == [SCALE, RATIO, AREA]
    assert [transform.key for transform in of.order(spec, [RATIO, SCALE])] == [RATIO, SCALE]
    assert [transform.key for transform in of.order(spec, [AREA], available={*spec.primitives, OPEN, SCALE})] == [
        RATIO,
        AREA,
    ]
    with pytest.raises(DerivationError, match=rf"{AREA} -> {SCALE} -> {LENGTH}: {LENGTH} has no value"):
        of.order(spec, [AREA], available={PITCH, DIAMETER, OPEN})


def test_an_override_is_taken_as_it_is_and_others_follow_it():
    values = resolver().resolve(telescope(), defaults() | {SCALE: 2.0})
    assert values == {AREA: 0.75 * (2.0 * 16.0) ** 2, SCALE: 2.0, RATIO: 16.0}


@each_row("key, values", [
    (SCALE, {LENGTH: 0.0}), (RATIO, {DIAMETER: 0.0}), (AREA, {SCALE: 1e300}), (AREA, {DIAMETER: 1e-300}),
])  # fmt: skip
def test_a_value_that_cannot_be_computed_names_its_key_and_inputs(key, values):
    with pytest.raises(DerivationError) as error:
        resolver().resolve(telescope(), defaults() | values)
    assert str(error.value).startswith(f"{key}: cannot be computed (")
    assert "Use values of plausible size" in str(error.value)
    assert f"{next(iter(values if key != AREA else [SCALE]))} = " in str(error.value)


def test_two_systems_with_the_same_keys_never_see_each_other():
    other = TransformRegistry("other", [Transform(t.key, t.inputs, lambda *_: -1.0) for t in TRANSFORMS])
    both = DerivedResolver([TransformRegistry(SYSTEM, TRANSFORMS), other], default_system="other")
    assert both.resolve(telescope(), defaults())[RATIO] == 16.0
    assert both.resolve(telescope("other"), defaults()) == {AREA: -1.0, SCALE: -1.0, RATIO: -1.0}
    bare = DerivedResolver([TransformRegistry(SYSTEM), other], default_system="other")
    with pytest.raises(DerivationError, match=f"{re.escape(AREA)} has no transform in toy_telescope"):
        bare.resolve(telescope(), defaults())


def spec_of(*keys: str) -> ParamSpec:
    """A spec in which every key is derived."""
    made = [ParamField(key, "t", "d", kind="derived", transform="x.y", source="computed") for key in keys]
    return ParamSpec("s", "forward", tuple(made))


def graph(**inputs: str) -> tuple[ParamSpec, DerivedResolver]:
    """Keys k.a, k.b, ... each computed from the letters given."""
    registry = TransformRegistry(
        "s", [Transform(f"k.{name}", tuple(f"k.{i}" for i in of), lambda *x: sum(x)) for name, of in inputs.items()]
    )
    return spec_of(*registry), DerivedResolver([registry], "s")


def both_ways(spec: ParamSpec, of: DerivedResolver, values=None):
    """Resolve with values, and check without."""
    return [lambda: of.resolve(spec, values or {}), lambda: of.check(spec)]


def test_a_cycle_shows_the_path_to_itself():
    for ask in both_ways(*graph(a="b", b="cd", c="b", d="")):
        with pytest.raises(
            DerivationError, match=r"k\.a -> k\.b -> k\.c -> k\.b: the transforms form a cycle"
        ) as found:
            ask()
        assert found.value.path == ("k.a", "k.b", "k.c", "k.b")
    for ask in both_ways(*graph(a="a")):
        with pytest.raises(DerivationError, match=r"k\.a -> k\.a: the transforms form a cycle"):
            ask()


def test_what_is_needed_twice_is_no_cycle():
    spec, of = graph(a="bc", b="d", c="d", d="")
    assert of.resolve(spec, {"k.d": 1.0}) == {"k.a": 2.0, "k.b": 1.0, "k.c": 1.0, "k.d": 1.0}
    of.check(spec)


def test_an_override_cuts_a_cycle():
    spec, of = graph(a="b", b="a")
    assert of.resolve(spec, {"k.b": 3.0}) == {"k.a": 3.0, "k.b": 3.0}


def test_a_missing_input_shows_the_path_to_itself():
    for ask in both_ways(*graph(a="b", b="z")):
        with pytest.raises(DerivationError, match=r"k\.a -> k\.b -> k\.z: k\.z .*\. .*[Aa]dd it") as found:
            ask()
        assert found.value.path == ("k.a", "k.b", "k.z")


def test_a_primitive_without_a_value_shows_the_path_to_itself():
    few = {key: value for key, value in defaults().items() if key != LENGTH}
    with pytest.raises(DerivationError, match=rf"{AREA} -> {SCALE} -> {LENGTH}: {LENGTH} has no value\. Give it"):
        resolver().resolve(telescope(), few)
    resolver().check(telescope())  # needs no values


def test_a_missing_transform_shows_the_path_to_itself():
    bare = DerivedResolver([TransformRegistry(SYSTEM, TRANSFORMS[:2])], SYSTEM)
    for ask in both_ways(telescope(), bare, defaults()):
        with pytest.raises(DerivationError, match=rf"{AREA} -> {RATIO}: {RATIO} has no transform in {SYSTEM}") as found:
            ask()
        assert found.value.path == (AREA, RATIO)


def test_gradients_go_through_it():
    """grad of a value two transforms away, against a central difference."""
    spec, of = telescope(), resolver()
    start = {key: jnp.asarray(defaults()[key]) for key in (LENGTH, PITCH, DIAMETER)}

    def f(values):
        return jnp.log(of.resolve(spec, values, [AREA])[AREA])

    slope = jax.jit(jax.grad(f))(start)
    for key, value in start.items():
        difference = central_difference(lambda h, key=key: f({**start, key: start[key] + h}), 1e-3 * float(value))
        np.testing.assert_allclose(slope[key], difference, rtol=1e-9, atol=1e-9, err_msg=key)
    np.testing.assert_allclose(slope[PITCH], 2 / 0.25, rtol=1e-12)  # the area goes with pitch squared


def test_it_resolves_a_traced_store_and_a_batch_of_them():
    of = resolver()
    store = ParameterStore.from_spec_defaults(telescope())
    many = jax.vmap(lambda length: store.replace({LENGTH: length}))(jnp.arange(1.0, 5.0))
    ratios = jax.jit(jax.vmap(lambda s: of.resolve(s.spec, s)[RATIO]))(many)
    np.testing.assert_allclose(ratios, np.arange(1.0, 5.0) / 0.5)


def test_a_structural_value_comes_from_the_spec():
    assert telescope().structural[OPEN] == 0.75
    assert resolver().resolve(telescope(), defaults(), [OPEN]) == {OPEN: 0.75}


def test_threads_do_not_disturb_each_other():
    """Each thread stops inside a transform until all are there, and still gets its own values."""
    threads = 8
    meeting = threading.Barrier(threads, timeout=20)

    def slow_scale(pitch, length):
        meeting.wait()
        return scale(pitch, length)

    registry = TransformRegistry(
        SYSTEM, [t if t.key != SCALE else Transform(SCALE, (PITCH, LENGTH), slow_scale) for t in TRANSFORMS]
    )
    shared, spec = DerivedResolver([registry], SYSTEM), telescope()
    lengths = np.arange(1.0, 1.0 + threads)
    with ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(lambda x: shared.resolve(spec, defaults() | {LENGTH: x}), lengths))
    for length, values in zip(lengths, found, strict=True):
        assert values == resolver().resolve(spec, defaults() | {LENGTH: length})
