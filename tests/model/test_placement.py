"""Built optics are on the device: a warm call transfers parameters, and nothing else."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dluxshera as ds
from dluxshera.inference import make_posterior
from dluxshera.model import binder_of
from dluxshera.systems import CONFIGS
from support.helpers import run_fresh

SYSTEMS = ("shera_twoplane_flight", "shera_flight", "shera_fourplane_example")


def small(name: str = "shera_flight"):
    return CONFIGS[name].replace(image_npix=16, n_wavelengths=2)


@pytest.fixture(params=SYSTEMS)
def binder(request):
    config = small(request.param)
    return binder_of(config, ds.build_inference_spec_basic(config))


def test_the_optics_are_arrays_on_the_default_device(binder):
    leaves = jax.tree.leaves(binder.optics)
    assert len(leaves) >= 3
    for leaf in leaves:
        assert isinstance(leaf, jax.Array)
        assert leaf.devices() == jnp.zeros(()).devices()
        assert not leaf.committed  # it follows the other arguments to where they are


@pytest.mark.parametrize("output", ["image", "energy"])
def test_a_warm_call_transfers_nothing_but_parameters(binder, output):
    """Under a guard that raises at the first transfer, with the parameters on the device before."""
    program, values = binder._evaluator._program, {**binder.store, **binder.derived(binder.store)}
    placed = jax.device_put({key: jnp.asarray(value, float) for key, value in values.items()})
    before = jax.block_until_ready(program.output(output, binder.optics, placed))
    with jax.transfer_guard("disallow"):
        after = jax.block_until_ready(program.output(output, binder.optics, placed))
    for one, other in zip(jax.tree.leaves(before), jax.tree.leaves(after), strict=True):
        np.testing.assert_array_equal(one, other)
    on_host = jax.tree.map(np.asarray, binder.optics)  # the twin that must fail: optics that travel with each call
    program.output(output, on_host, placed)
    with jax.transfer_guard("disallow"), pytest.raises(Exception, match="Disallowed host-to-device transfer"):
        program.output(output, on_host, placed)


def test_optics_built_while_a_function_is_traced_are_arrays():
    config = small()
    spec = ds.build_inference_spec_basic(config)
    expected = np.asarray(binder_of(config, spec).predict(ds.ParameterStore.from_spec_defaults(spec)))
    ds.clear_threeplane_optics_cache()

    @jax.jit
    def image(factor):
        binder = binder_of(config, spec)
        return factor * binder.predict(binder.store)

    np.testing.assert_allclose(image(1.0), expected, rtol=1e-12, atol=1e-12 * expected.max())
    assert all(type(leaf) is type(jnp.zeros(())) for leaf in jax.tree.leaves(binder_of(config, spec).optics))


def test_each_device_has_its_own_optics():
    """In a process with two devices."""
    code = """
        import jax
        jax.config.update("jax_num_cpu_devices", 2)
        import dluxshera as ds
        from dluxshera.model import binder_of
        config = ds.SHERA_FLIGHT_CONFIG.replace(image_npix=8)
        spec = ds.build_inference_spec_basic(config)
        first, second = jax.devices()
        on_first = binder_of(config, spec).optics
        with jax.default_device(second):
            on_second = binder_of(config, spec).optics
        placed = [{d for leaf in jax.tree.leaves(o) for d in leaf.devices()} for o in (on_first, on_second)]
        print(placed == [{first}, {second}], binder_of(config, spec).optics is on_first)
    """
    assert run_fresh(code).split() == ["True", "True"]


def test_a_posterior_compares_no_optics(caplog):
    """Arrays on the device are compared by compiled programs, which a fit would wait for."""
    config = small()
    spec = ds.build_inference_spec_basic(config).subset(["binary.separation_as"])
    binder = binder_of(config, ds.build_inference_spec_basic(config))
    image = np.asarray(binder.predict(binder.store))
    jax.clear_caches()
    with jax.log_compiles(), caplog.at_level("WARNING"):
        make_posterior(binder.predict, spec, binder.store, image)
    programs = [record.getMessage() for record in caplog.records]
    assert not [text for text in programs if "jit(equal)" in text or "jit(_reduce_all)" in text]
