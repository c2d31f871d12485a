"""The model under jit, grad, vmap and single precision; processes of their own where what came before would matter."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dluxshera.model import binder_of
from support.helpers import relative_l2, rounding, run_fresh
from support.scenes import ABERRATED, CONFIGS, M2_FOCAL_LENGTH, SEPARATION, SPECS, X, scene

SMALL = {"image_npix": 32, "n_wavelengths": 1}
UPDATES = {**ABERRATED, SEPARATION: 2.0, M2_FOCAL_LENGTH: -0.0545 * (1.0 + 5e-5)}  # aberrated and out of focus

# What a process of its own runs before anything else was built there.
FRESH = """
import sys, warnings
import jax
import jax.numpy as jnp
import numpy as np
{precision}
import dluxshera as ds
config = ds.{config}.replace({changes})
spec = ds.{spec}(config)
store = ds.ParameterStore.from_spec_defaults(spec)
store = store.replace({{key: np.array(value) for key, value in {updates}.items()}})
"""


def plain(updates) -> dict[str, list | float]:
    return {key: np.asarray(value).tolist() for key, value in updates.items()}


def fresh(
    changes: dict,
    updates: dict,
    code: str,
    *,
    design: str = "flight",
    spec: str = "forward",
    x64: bool = True,
    **env: str,
) -> str:
    head = FRESH.format(
        precision='jax.config.update("jax_enable_x64", True)' if x64 else "",
        config={"flight": "SHERA_FLIGHT_CONFIG", "testbed": "SHERA_TESTBED_CONFIG"}[design],
        spec=SPECS[spec].__name__,
        changes=", ".join(f"{key}={value!r}" for key, value in changes.items()),
        updates=plain(updates),
    )
    return run_fresh(head + code, env={"JAX_ENABLE_X64": "0", **env})


@pytest.fixture(scope="module")
def model():
    return scene(CONFIGS["flight"], "forward", UPDATES, **SMALL)


def test_jit_of_everything_in_a_fresh_process(model, tmp_path):
    """Optics are first built inside a trace, with no cache to help: what a warm cache would hide.

    The gradients are compared with those of a model built alike, with the defaults: a model built with `model`'s store
    has another sampling, and the derivative by the separation differs by 2e-6, the error of such a sampling.
    """
    code = f"""
def image(store):
    return ds.SheraThreePlaneBinder(config, spec, None).predict(store)

def total(store):
    return jnp.sum(image(store) ** 2)

gradient = jax.jit(jax.grad(total))(store)
binder = ds.SheraThreePlaneBinder(config, spec, store)
np.savez(
    {str(tmp_path / "fresh.npz")!r},
    of_method=jax.jit(binder.predict)(store),
    gradient=gradient["binary.separation_as"],
    zernikes=gradient["primary.zernike_coeffs_nm"],
)
"""
    fresh(SMALL, UPDATES, code, JAX_COMPILATION_CACHE_DIR=str(tmp_path / "empty"))
    found = np.load(tmp_path / "fresh.npz")
    assert relative_l2(found["of_method"], model.image()) < rounding(float, 64**2, condition=100)
    binder = type(model.binder)(model.binder.config, model.binder.spec)
    gradient = jax.grad(lambda store: jnp.sum(binder.predict(store) ** 2))(model.store)
    assert found["gradient"] == pytest.approx(float(gradient[SEPARATION]), rel=1e-9)
    np.testing.assert_allclose(found["zernikes"], np.asarray(gradient["primary.zernike_coeffs_nm"]), rtol=1e-8)


@pytest.mark.parametrize("method", ["predict", "energy", "derived"])
def test_methods_go_through_jit(model, method):
    function = getattr(model.binder, method)
    eager, jitted = function(model.store), jax.jit(function)(model.store)
    tight = rounding(float, 64**2, condition=150)
    for one, other in zip(jax.tree.leaves(eager), jax.tree.leaves(jitted), strict=True):
        np.testing.assert_allclose(
            np.asarray(one), np.asarray(other), rtol=tight, atol=tight * float(np.abs(one).max())
        )


def test_vmap_is_a_loop(model):
    offsets = [0.0, 0.1, -0.2]
    stores = [model.store.replace({X: offset}) for offset in offsets]
    stacked = jax.tree.map(lambda *leaves: jnp.stack([jnp.asarray(leaf) for leaf in leaves]), *stores)
    images = np.asarray(jax.vmap(model.binder.predict)(stacked))
    over_one_key = np.asarray(jax.vmap(lambda x: model.binder.predict(model.store.replace({X: x})))(jnp.array(offsets)))
    for store, one, other in zip(stores, images, over_one_key, strict=True):
        alone = model.binder.predict(store)
        assert relative_l2(one, alone) < rounding(float, 64**2, condition=100)
        assert relative_l2(other, alone) < rounding(float, 64**2, condition=100)


def test_no_retrace_over_20_calls(model, traces):
    """New values, new stores, NumPy and jax numbers, a second binder of the same structure: one trace for all."""

    def call(i: int):
        number = [0.01 * i, np.float64(0.01 * i), jnp.asarray(0.01 * i)][i % 3]
        store = model.store.replace({X: number, M2_FOCAL_LENGTH: -0.0545 * (1.0 + 1e-6 * i)})
        return model.binder.predict(store).block_until_ready()

    call(0), call(1), call(2)
    del traces[:]
    images = [np.asarray(call(i)) for i in range(20)]
    assert traces == []
    assert relative_l2(images[0], images[19]) > 1e-3  # and each was computed

    other = binder_of(model.binder.config.replace(name="another"), model.binder.spec, model.binder.store)
    del traces[:]
    np.asarray(other.predict(other.store))
    np.asarray(other.predict(other.store.replace({X: 0.2})))
    assert traces == []


def test_trace_listener_hears_traces(traces):
    """The twin that must fail: a function that is traced anew is seen."""
    jax.jit(lambda x: x + 1.0)(1.0)
    assert traces


def in_single_precision(path: str, name: str, spec: str, updates: dict) -> np.ndarray:
    code = f"""
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    binder = ds.SheraThreePlaneBinder(config, spec, store)
    ds.SheraThreePlaneBinder(config, spec, store)
said = [w for w in caught if type(w.message).__name__ == "PrecisionWarning"]
assert len(said) == 1, said
image = binder.predict(store)
assert image.dtype == jnp.float32, image.dtype
np.save({path!r}, image)
"""
    fresh({"image_npix": 64}, updates, code, design=name, spec=spec, x64=False)
    return np.load(path)


@pytest.mark.parametrize("spec", ["forward", "inference"])
@pytest.mark.parametrize("name", CONFIGS)
def test_single_precision(name, spec, tmp_path):
    """Within 1e-5 of the peak, aberrated, and out of focus in the forward model; the model says once that it is single.

    In the forward model this needs the defocus, a zero made of terms of size L / |f2| = 12, to be derived in float64:
    single precision alone would leave 0.06 nm rms of it, and 5e-4 of the peak.
    """
    model = scene(CONFIGS[name], spec, ABERRATED, image_npix=64)
    updates = dict(ABERRATED)
    if spec == "forward":
        updates[M2_FOCAL_LENGTH] = float(model.store[M2_FOCAL_LENGTH]) * (1.0 + 5e-5)
    single = in_single_precision(str(tmp_path / "image.npy"), name, spec, updates)
    double = model.image(updates)
    assert np.abs(single - double).max() < 1e-5 * double.max()


def test_import_does_not_choose_a_precision():
    code = "import jax, dluxshera, dluxshera.model.binder; assert not jax.config.jax_enable_x64"
    run_fresh(code, env={"JAX_ENABLE_X64": "0"})
