"""Overrides of derived values: none acts stale unseen, each can be taken off, computed anew or held against others."""

import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dluxshera as ds
from dluxshera.errors import BoundsError, DerivedKeyError, StaleValueError
from dluxshera.params import DerivedResolver, Transform, TransformRegistry
from dluxshera.systems import CONFIGS, SHERA_RESOLVER
from support import keys as f

PITCH, SCALE, RATIO, DEFOCUS = f.PIXEL_PITCH, f.PLATE_SCALE, f.FOCAL_RATIO, f.DEFOCUS


@pytest.fixture
def store():
    return ds.ParameterStore.from_spec_defaults(ds.build_forward_model_spec_from_config(ds.SHERA_FLIGHT_CONFIG))


def computed(store, key):
    return float(SHERA_RESOLVER.resolve(store.spec, store.strip_derived(), (key,))[key])


@pytest.mark.parametrize("name", CONFIGS)
def test_a_store_of_primitives_has_nothing_to_refresh(name):
    for build in (ds.build_forward_model_spec_from_config, ds.build_inference_spec_physics):
        plain = ds.ParameterStore.from_spec_defaults(build(CONFIGS[name]))
        assert ds.check_consistency(plain) == ()
        assert ds.refresh_derived(plain) is plain
        assert ds.strip_derived(plain) == plain


@pytest.mark.parametrize("name", CONFIGS)
def test_what_the_transforms_give_is_consistent(name):
    spec = ds.build_forward_model_spec_from_config(CONFIGS[name])
    plain = ds.ParameterStore.from_spec_defaults(spec)
    full = plain.with_derived_allowed().replace(SHERA_RESOLVER.resolve(spec, plain))
    assert full.overrides == spec.derived
    assert ds.check_consistency(full) == ()
    assert ds.refresh_derived(full) == full
    assert ds.strip_derived(full) == plain


def test_each_stale_override_is_named_with_both_values(store):
    stale = store.with_derived_allowed().replace(
        {SCALE: 0.2, RATIO: 30.0, f.FOCAL_LENGTH: computed(store, f.FOCAL_LENGTH)}
    )
    found = ds.check_consistency(stale, throw=False)
    assert [(one.key, one.stored) for one in found] == [(RATIO, 30.0), (SCALE, 0.2)]
    assert [one.computed for one in found] == [computed(store, RATIO), computed(store, SCALE)]
    with pytest.raises(StaleValueError) as refused:
        ds.check_consistency(stale)
    for text in (RATIO, SCALE, "30.0", "0.2", repr(computed(store, SCALE)), "refresh_derived(store)"):
        assert text in str(refused.value)
    assert pickle.loads(pickle.dumps(refused.value)).stale == refused.value.stale == found


def test_a_primitive_that_moves_makes_an_override_stale_and_refresh_mends_it(store):
    held = store.with_derived_allowed().replace({SCALE: computed(store, SCALE)})
    moved = held.replace({PITCH: 5e-6})
    assert [one.key for one in ds.check_consistency(moved, throw=False)] == [SCALE]
    fresh = ds.refresh_derived(moved)
    assert fresh.overrides == (SCALE,)
    assert float(fresh[SCALE]) == computed(moved, SCALE) == pytest.approx(computed(store, SCALE) * 5 / 4.6, rel=1e-12)
    assert ds.check_consistency(fresh) == ()


def test_refresh_computes_from_the_primitives_and_never_from_another_override(store):
    stale = store.with_derived_allowed().replace({f.FOCAL_LENGTH: 1.0, RATIO: 1.0})
    fresh = ds.refresh_derived(stale)
    assert float(fresh[RATIO]) == computed(store, RATIO)
    assert float(fresh[RATIO]) == float(fresh[f.FOCAL_LENGTH]) / float(store[f.M1_DIAMETER])


def test_stripped_stores_are_strict_again(store):
    stripped = ds.strip_derived(store.with_derived_allowed().replace({SCALE: 0.2}))
    assert stripped == store
    assert not stripped.allow_derived
    with pytest.raises(DerivedKeyError):
        stripped.replace({SCALE: 0.2})


def test_tolerances(store):
    near = store.with_derived_allowed().replace({SCALE: computed(store, SCALE) * (1 + 1e-7), DEFOCUS: 1e-6})
    assert [one.key for one in ds.check_consistency(near, throw=False)] == [SCALE, DEFOCUS]
    assert [one.key for one in ds.check_consistency(near, rtol=1e-6, throw=False)] == [DEFOCUS]
    assert ds.check_consistency(near, rtol=1e-6, atol=1e-5) == ()


def test_an_impossible_value_is_not_refreshed_in_silence(store):
    held = store.with_derived_allowed().replace({SCALE: 0.1})
    backwards = held.replace({f.M2_DETECTOR_SEPARATION: 1e-4, f.M1_M2_SEPARATION: 1e-4})
    assert computed(backwards, SCALE) > 0
    registry = TransformRegistry("shera_threeplane", [Transform(SCALE, (PITCH,), lambda pitch: -pitch)])
    with pytest.raises(BoundsError, match=SCALE):
        ds.refresh_derived(held, DerivedResolver([registry], "shera_threeplane"))


def test_refresh_is_traced_and_carries_gradients(store):
    held = store.with_derived_allowed().replace({SCALE: 0.1})

    def scale(pitch):
        return ds.refresh_derived(held.replace({PITCH: pitch}))[SCALE]

    slope = jax.jit(jax.grad(scale))(4.6e-6)
    assert float(slope) == pytest.approx(computed(store, SCALE) / 4.6e-6, rel=1e-12)
    many = jax.vmap(scale)(jnp.array([4.6e-6, 9.2e-6]))
    np.testing.assert_allclose(many, computed(store, SCALE) * np.array([1.0, 2.0]), rtol=1e-12)
    batched = jax.vmap(lambda pitch: ds.strip_derived(held.replace({PITCH: pitch})))(jnp.array([1e-6, 2e-6]))
    assert batched[PITCH].shape == (2,)
