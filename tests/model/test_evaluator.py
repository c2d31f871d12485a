"""The evaluator: one path for derived values, one compiled program for each structure, and a short way to the image."""

import copy
import pickle
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dluxshera as ds
from dluxshera.model import SheraBinder
from dluxshera.model.derived import derived_nodes
from dluxshera.model.evaluator import _Program
from dluxshera.params import Normal
from dluxshera.systems import CONFIGS, SHERA_RESOLVER, effects_of
from support.helpers import (
    CENTRAL_STEP,
    central_difference,
    probe_step,
    relative_l2,
    rounding,
    run_fresh,
    within_reach,
)

BINDERS = {
    "shera_twoplane": ds.SheraTwoPlaneBinder,
    "shera_threeplane": ds.SheraThreePlaneBinder,
    "shera_fourplane": ds.SheraFourPlaneBinder,
}
SPECS = {
    "forward": ds.build_forward_model_spec_from_config,
    "inference": ds.build_inference_spec_basic,
    "physics_inference": ds.build_inference_spec_physics,
}
SYSTEMS = ("shera_twoplane_flight", "shera_flight", "shera_fourplane_example")
CASES = list(zip(SYSTEMS, ("physics_inference", "forward", "inference"), strict=True))
SEPARATION, CONTRAST = "binary.separation_as", "binary.contrast"
M2_FOCAL_LENGTH, DEFOCUS = "system.m2_focal_length_m", "system.defocus_nm"
SCALE, LOG_FLUX = "system.plate_scale_as_per_pix", "binary.log_flux_total"


def small(name: str = "shera_flight", **changes):
    sizes = {"image_npix": 16, "n_wavelengths": 2}
    if CONFIGS[name].surfaces:
        sizes |= {"m1_map_npix": 16, "surface_map_npix": 16}
    return CONFIGS[name].replace(**{**sizes, **changes})


def model(config=None, spec: str = "forward") -> SheraBinder:
    config = small() if config is None else config
    return BINDERS[config.system_id](config, SPECS[spec](config))


def out_of_focus(binder: SheraBinder) -> ds.ParameterStore:
    return binder.store.replace({SEPARATION: 1.3, M2_FOCAL_LENGTH: -0.0545 * (1.0 + 5e-5)})


@contextmanager
def calls_of(nodes):
    """Count the calls of nodes while the context is open."""
    counts, functions = Counter(), {node: node.fn for node in nodes}

    def counted(node):
        return lambda *values: (counts.update([node.name]), functions[node](*values))[1]

    for node in nodes:
        object.__setattr__(node, "fn", counted(node))
    try:
        yield counts
    finally:
        for node, fn in functions.items():
            object.__setattr__(node, "fn", fn)


# One path for derived values


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("name", SYSTEMS)
def test_predict_and_the_graph_run_the_same_nodes(name, spec):
    binder = model(small(name), spec)
    nodes, store = derived_nodes(binder.spec), binder.store
    assert [binder.graph.nodes[node.name] for node in nodes] == list(nodes)
    needed = dict.fromkeys(set(binder.graph.needs("image")) & set(binder.spec.derived), 1)
    assert (SCALE in needed) == (SCALE in binder.spec.derived)
    with calls_of(nodes) as counts:
        for run, expected in (
            (lambda: binder.predict(store), needed),
            (lambda: binder.predict(store), needed),
            (lambda: binder.graph.value("image", store), needed),
            (lambda: binder.derived(store), dict.fromkeys(binder.spec.derived, 1)),
            (lambda: jax.eval_shape(binder.predict, store), needed),
        ):
            run()
            assert counts == expected
            counts.clear()


def test_an_overridden_node_is_not_run():
    binder = model()
    store = binder.store.with_derived_allowed().replace({SCALE: 0.12})
    with calls_of(derived_nodes(binder.spec)) as counts:
        binder.predict(store)
        assert counts == {LOG_FLUX: 1, DEFOCUS: 1}
    assert binder.derived(store)[SCALE] == 0.12
    followed = binder.derived(binder.store.with_derived_allowed().replace({LOG_FLUX: 3.0}))
    assert followed["imaging.photons_per_frame"] == pytest.approx(1e3 * 0.05 / 1800.0, rel=1e-12)


@pytest.mark.parametrize("name", SYSTEMS)
def test_concrete_derived_values_are_those_of_the_resolver_and_the_graph(name):
    config = small(name, effects=effects_of(CONFIGS[name].surfaces))
    binder = model(config)
    derived = binder.derived(binder.store)
    resolved = SHERA_RESOLVER.resolve(binder.spec, binder.store)
    graphed = binder.graph.evaluate(binder.spec.derived, binder.store)
    assert tuple(derived) == binder.spec.derived
    for key, value in derived.items():
        assert isinstance(value, np.ndarray | np.floating), key
        assert value.dtype == np.float64
        assert value == resolved[key] == graphed[key], key


@pytest.mark.filterwarnings("ignore:the model is built in single precision")
def test_derived_values_of_a_single_precision_model_have_all_digits():
    """A defocus computed in single precision would be wrong by 0.06 nm, which is seen in the image."""
    double = model()
    truth = double.derived(out_of_focus(double))
    with jax.enable_x64(False):
        single = model()
        store = out_of_focus(single)
        derived = single.derived(store)
        image = single.predict(store)
        overridden = store.with_derived_allowed().replace(truth)
        from_truth = single.predict(overridden)
        rounded = {key: np.float32(value) for key, value in store.items()}
        spoiled = SHERA_RESOLVER.resolve(single.spec, rounded)[DEFOCUS]
    for key, value in truth.items():
        assert derived[key].dtype == np.float64
        assert derived[key] == value, key
    assert image.dtype == np.float32
    np.testing.assert_array_equal(image, from_truth)
    assert abs(spoiled - truth[DEFOCUS]) > 1e-3  # the test can fail


@pytest.mark.parametrize("name", SYSTEMS)
def test_derivatives_of_derived_values_by_their_inputs(name):
    """The traced nodes, against finite differences of the concrete nodes, for every scalar input of every node."""
    binder = model(small(name, effects=effects_of(CONFIGS[name].surfaces)))
    store = binder.store
    scalars = {key: jnp.asarray(value) for key, value in store.items() if not np.shape(value)}
    slopes = jax.jacfwd(lambda values: binder.derived(store.replace(values)))(scalars)
    compared = 0
    for node in derived_nodes(binder.spec):
        for key in scalars.keys() & set(node.inputs):
            start = float(store[key])

            def along(step, key=key, node=node, start=start):
                return binder.derived(store.replace({key: start + step}))[node.name]

            step = CENTRAL_STEP * (abs(start) or 1e-3)
            slope, noise = central_difference(along, step), 1e-14 * abs(float(along(0.0))) / step
            assert float(slopes[node.name][key]) == pytest.approx(slope, rel=1e-6, abs=noise), (node.name, key)
            compared += 1
    assert compared > 15


@pytest.mark.parametrize("name", ["shera_flight", "shera_fourplane_example"])
def test_the_gradient_of_the_image_by_inputs_of_derived_values(name):
    """The traced path, against finite differences of the concrete path."""
    binder = model(small(name))
    weights = np.random.default_rng(2).normal(size=(16, 16))
    focal_length = np.asarray(binder.store[M2_FOCAL_LENGTH])
    store = binder.store.replace({SEPARATION: 1.3, M2_FOCAL_LENGTH: focal_length * (1.0 + 5e-5)})
    gradient = jax.grad(lambda store: jnp.vdot(weights, binder.predict(store)))(store)
    for key in (M2_FOCAL_LENGTH, "system.m1_focal_length_m", "system.pixel_pitch_m", "imaging.exposure_time_s"):
        start = np.asarray(store[key])

        def moved(step, key=key, start=start):
            return np.asarray(binder.predict(store.replace({key: start * (1.0 + step)})))

        slope = np.vdot(weights, central_difference(moved, probe_step(within_reach(moved), 0.1, 1e-4)))
        assert float(gradient[key]) * start == pytest.approx(slope, rel=1e-5), key


# One compiled program for each structure


def variants(config):
    """Return binders that differ in name, design, defaults, priors or texts, and not in structure.

    The plate scales of the designs differ by 0.07 %, so that their models have one sampling: see the twin below.
    """
    slower = config.replace(design=replace(config.design, exposure_time_s=900.0, m1_focal_length_m=0.60435))
    for spec in SPECS:
        original = SPECS[spec](config)
        fields = tuple(
            replace(item, default=2.5, prior=Normal(2.5, 0.1), doc="Other text.") if item.key == CONTRAST else item
            for item in original.fields
        )
        yield (
            spec,
            [
                ds.SheraThreePlaneBinder(config, original),
                model(config.replace(name="another"), spec),
                model(slower, spec),
                ds.SheraThreePlaneBinder(config, replace(original, fields=fields)),
            ],
        )


def test_configurations_of_one_structure_compile_once(traces):
    for spec, (first, *others) in variants(small(strut_width=0.0123)):  # a structure that no other test has
        assert {other.optics.sampling for other in others} == {first.optics.sampling}
        stores = [first.store, first.store]
        image, energy, batch = first.predict(first.store), first.energy(first.store), first.predict_batch(stores)
        del traces[:]
        for other in others:
            other.predict(other.store)
            other.energy(other.store)
            other.predict_batch([other.store, other.store])
            assert traces == []
        renamed, slower, brighter = others
        np.testing.assert_array_equal(renamed.predict(renamed.store), image)
        np.testing.assert_array_equal(renamed.predict_batch([renamed.store] * 2), batch)
        assert renamed.energy(renamed.store) == energy
        for other in (slower, brighter):  # whose defaults act
            expected = other.graph.value("image", other.store)
            assert relative_l2(other.predict(other.store), expected) < rounding(float, 32**2, condition=10)
            assert relative_l2(expected, image) > 1e-3 or (spec, other) == ("inference", slower)


def test_another_structure_compiles_again(traces):
    """The twin that must fail. A design of another plate scale, by 1.3 %, has another sampling, and compiles too."""
    config = small(strut_width=0.0123)
    first = model(config)
    first.predict(first.store)
    wider = {"design": replace(config.design, m1_focal_length_m=0.6043)}
    for change in ({"n_wavelengths": 3}, {"pixel_nodes": 4}, {"effects": ("background",)}, {"m2_noll": (4, 5)}, wider):
        other = model(small(strut_width=0.0123, **change))
        del traces[:]
        other.predict(other.store)
        assert "output" in traces, change


@pytest.mark.parametrize(("name", "spec"), CASES)
def test_a_trace_depends_on_the_structure_alone(name, spec):
    """Configurations that share a program have the same jaxpr, with every effect."""
    config = small(name, effects=effects_of(CONFIGS[name].surfaces))
    other = config.replace(name="another", diffractive_pupil=None, design=replace(config.design, exposure_time_s=900.0))
    binders = [model(each, spec) for each in (config, other)]
    assert binders[0]._evaluator._program is binders[1]._evaluator._program
    texts = []
    for binder in binders:
        values = {**binder.store, **binder.derived(binder.store)}
        program = _Program(binder.config, binder.spec)  # not the one that they share
        trace = jax.make_jaxpr(program.output, static_argnums=0)
        texts.append([str(trace(output, binder.optics, values)) for output in ("image", "energy")])
    assert texts[0] == texts[1]


def test_a_hundred_stores_are_traced_once(traces):
    """New values of every primitive, as NumPy and as JAX numbers, in stores of equal and of copied specs."""
    binder = model(small(effects=effects_of(1), n_wavelengths=1))
    copied = pickle.loads(pickle.dumps(binder.store))
    kinds = [lambda v: v, jnp.asarray]

    def image(i):
        factor = 1.0 - 1e-6 * i
        values = {key: kinds[i % 2](np.asarray(value) * factor) for key, value in binder.store.items()}
        return float(binder.predict((binder.store, copied)[i % 3 == 0].replace(values)).sum())

    image(0), image(1)
    del traces[:]
    sums = {image(i) for i in range(2, 102)}
    assert [name for name in traces if name == "output"] == []
    assert len(sums) == 100


# The binder as an object


def test_copies_share_the_evaluator_and_the_program(traces):
    binder = model()
    image = binder.predict(binder.store)
    del traces[:]
    for other in (pickle.loads(pickle.dumps(binder)), copy.deepcopy(binder), model()):
        assert other is not binder
        assert other != binder
        assert other._evaluator is binder._evaluator
        assert (other.config, other.spec, other.store) == (binder.config, binder.spec, binder.store)
        np.testing.assert_array_equal(other.predict(other.store), image)
    assert set(traces) <= {"copy"}  # JAX's own, of the arrays of the deep copy
    assert hash(binder) == id(binder)


def test_a_binder_is_a_pytree(traces):
    """As an argument of compiled functions: an equal one makes no new trace, and its optics have derivatives."""
    config = small(image_npix=8, n_wavelengths=1)
    binder = model(config)
    image = binder.predict(binder.store)

    @eqx.filter_jit
    def total(binder):
        return binder.predict(binder.store).sum()

    # The traced defocus, a difference of large terms, is off by 1e-10 nm, and this image far from the stars by 1.3e-12.
    assert float(total(binder)) == pytest.approx(float(image.sum()), rel=1e-11)
    del traces[:]
    total(model(config))
    assert traces == []
    gradient = jax.grad(total)(binder)
    assert float(gradient.store["imaging.exposure_time_s"]) * 1800.0 == pytest.approx(float(image.sum()), rel=1e-9)
    assert np.any(np.asarray(gradient.optics.clear))
    twice = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), binder)
    for one in jax.vmap(lambda binder: binder.predict(binder.store))(twice):
        assert relative_l2(one, image) < rounding(float, 32**2, condition=100)


def test_threads_share_one_evaluator():
    config = small(strut_width=0.0321)  # a structure that no other test has
    truth = [np.asarray(model().predict(model().store.replace({SEPARATION: 1.0 + 0.1 * i}))) for i in range(4)]
    assert relative_l2(truth[0], truth[1]) > 1e-3

    def work(i):
        binder = model(config)
        return binder._evaluator, np.asarray(binder.predict(binder.store.replace({SEPARATION: 1.0 + 0.1 * (i % 4)})))

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(work, range(16)))
    serial = [work(i)[1] for i in range(4)]
    for i, (evaluator, image) in enumerate(results):
        assert evaluator is results[0][0]
        np.testing.assert_array_equal(image, serial[i % 4])


# Batches


def batch_stores(binder, n: int = 7) -> list[ds.ParameterStore]:
    return [out_of_focus(binder).replace({SEPARATION: 0.5 + 0.1 * i}) for i in range(n)]


@pytest.mark.parametrize("chunk", [None, 1, 2, 20])
def test_a_batch_is_bit_by_bit_the_single_images_in_order(chunk, traces):
    binder = model()
    kinds = [lambda v: v, float, jnp.asarray, np.float32]  # numbers of any library
    stores = [store.replace({CONTRAST: kinds[i % 4](0.5)}) for i, store in enumerate(batch_stores(binder))]
    singles = np.stack([binder.predict(store) for store in stores])
    assert relative_l2(singles[0], singles[-1]) > 1e-3
    batch = binder.predict_batch(stores, chunk)
    assert isinstance(batch, jax.Array)
    assert batch.dtype == singles.dtype
    np.testing.assert_array_equal(batch, singles)
    del traces[:]
    binder.predict_batch(stores[:3], chunk)  # another size is no other program
    assert "output" not in traces


@pytest.mark.filterwarnings("ignore:the model is built in single precision")
def test_a_batch_follows_settings_of_the_callers_thread():
    with jax.enable_x64(False):
        binder = model()
        stores = batch_stores(binder, 3)
        batch = binder.predict_batch(stores)
        assert batch.dtype == np.float32
        np.testing.assert_array_equal(batch, np.stack([binder.predict(store) for store in stores]))


def test_images_of_a_batch_run_side_by_side_and_no_more_than_the_chunk(monkeypatch):
    running, most, barrier, lock = [0], [0], threading.Barrier(3), threading.Lock()
    binder = model()

    class Compiled:
        def __call__(self, optics, row):
            with lock:
                running[0] += 1
                most[0] = max(most[0], running[0])
            barrier.wait(30)  # passes only if three calls are inside at once
            with lock:
                running[0] -= 1
            return np.full((16, 16), float(row[SEPARATION]))

    class Lowered:
        out_info = jax.ShapeDtypeStruct((16, 16), np.float64)

        def compile(self):
            return Compiled()

    class Output:
        def lower(self, *_):
            return Lowered()

    monkeypatch.setattr(_Program, "output", Output())
    batch = binder.predict_batch(batch_stores(binder, 9), 3)
    assert most == [3]
    np.testing.assert_allclose(batch[:, 0, 0], 0.5 + 0.1 * np.arange(9), rtol=1e-12)


def test_an_exception_in_a_batch_reaches_the_caller(monkeypatch):
    binder = model()
    calls = []

    class Compiled:
        def __call__(self, optics, row):
            calls.append(float(row[SEPARATION]))
            if len(calls) == 1:
                raise ZeroDivisionError("in a thread")
            time.sleep(0.05)
            return np.zeros((16, 16))

    class Output:
        def lower(self, *_):
            return self

        def compile(self):
            return Compiled()

        out_info = jax.ShapeDtypeStruct((16, 16), np.float64)

    monkeypatch.setattr(_Program, "output", Output())
    threads = threading.active_count()
    with pytest.raises(ZeroDivisionError, match="in a thread"):
        binder.predict_batch(batch_stores(binder, 50), 1)
    assert len(calls) < 50  # the others are cancelled
    assert threading.active_count() == threads


def test_a_batch_inside_jit_and_grad_and_vmap():
    binder = model()
    stores = batch_stores(binder, 3)
    singles = np.stack([binder.predict(store) for store in stores])

    def images(separation):
        return binder.predict_batch([stores[0].replace({SEPARATION: separation}), *stores[1:]])

    for batch in (jax.jit(images)(0.5), jax.jit(lambda: binder.predict_batch(stores))()):
        assert relative_l2(batch, singles) < rounding(float, 32**2, condition=10)
    several = jax.vmap(images)(jnp.array([0.5, 0.6]))
    assert relative_l2(several[:, 0], singles[:2]) < rounding(float, 32**2, condition=100)
    slope = jax.jacfwd(lambda x: images(x)[0])(0.5)
    expected = jax.jacfwd(lambda x: binder.predict(stores[0].replace({SEPARATION: x})))(0.5)
    assert relative_l2(slope, expected) < rounding(float, 32**2, condition=100)


# The overhead of a call

COUNT = """
import sys
import jax
jax.config.update("jax_enable_x64", True)
import dluxshera as ds
config = ds.SHERA_FLIGHT_CONFIG.replace(image_npix=16, n_wavelengths=1)
spec = ds.{builder}(config)
binder = ds.SheraThreePlaneBinder(config, spec)
binder.predict(binder.store)
store, calls = binder.store, []

def profile(frame, event, _):
    module = frame.f_globals.get("__name__", "")
    if event == "call" and module.startswith("dluxshera"):
        calls.append(f"{{module}}.{{frame.f_code.co_qualname}}")

sys.setprofile(profile)
binder.predict(store)
sys.setprofile(None)
print("\\n".join(calls))
"""


@pytest.mark.parametrize(("spec", "budget"), [("forward", 99), ("inference", 63)])
def test_a_warm_image_takes_few_calls_of_the_package(spec, budget):
    """In a process without the type checker of the tests, whose wrappers count too.

    The budgets are just above the 96 and 60 calls that were counted. 48 and 39 of them are the check that the store
    keeps within the limits of the model's sampling, 6 are the checks of process, derived values and image, and the
    others are mostly of its values and the derived ones.
    """
    calls = run_fresh(COUNT.format(builder=SPECS[spec].__name__), env={"JAX_ENABLE_X64": "0"}).split()
    assert "dluxshera.model.evaluator.Evaluator.output" in calls
    assert len(calls) <= budget, calls
