"""Theta: the order of its elements, and the round trip between it and a store."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dluxshera.errors import (
    BoundsError,
    DerivedKeyError,
    MissingKeyError,
    NonFiniteError,
    ParameterError,
    ShapeError,
    UnknownKeyError,
)
from dluxshera.params import ParameterStore, pack_params, unpack_params
from support.toys import COEFFS, CONTRAST, FLUX, LENGTH, PITCH, SCALE, telescope

SPEC = telescope()
STORE = ParameterStore.from_spec_defaults(SPEC)
VALUES = {key: st.floats(0.5, 9.5) for key in SPEC.primitives} | {
    COEFFS: st.lists(st.floats(-9.5, 9.5), min_size=3, max_size=3)
}

keys = st.lists(st.sampled_from(SPEC.primitives), unique=True)
values = st.fixed_dictionaries(VALUES)


@given(keys, values, values)
def test_round_trip_of_a_store(keys, values, others):
    """What is free comes from theta and the rest from the store that is given."""
    free, store, other = SPEC.subset(keys), ParameterStore(values, SPEC), ParameterStore(others, SPEC)
    theta = pack_params(store, free)
    assert theta.shape == (len(free.labels),)
    back = unpack_params(theta, free, other)
    assert back == other.replace({key: store[key] for key in free})
    assert list(back) == list(SPEC.primitives)


@given(keys, st.data())
def test_round_trip_of_theta(keys, data):
    free = SPEC.subset(keys)
    values = data.draw(st.lists(st.floats(0.5, 9.5), min_size=len(free.labels), max_size=len(free.labels)))
    theta = jnp.asarray(values, dtype=float)
    np.testing.assert_array_equal(pack_params(unpack_params(theta, free, STORE), free), theta)


@given(keys, values)
def test_the_labels_name_the_elements_in_the_order_of_the_subset(keys, values):
    free, store = SPEC.subset(keys), ParameterStore(values, SPEC)
    named = dict(zip(free.labels, pack_params(store, free), strict=True))
    assert list(dict.fromkeys(label.partition("[")[0] for label in named)) == list(free)
    for label, number in named.items():
        key, _, component = label.rstrip("]").partition("[")
        assert number == np.atleast_1d(store[key])[SPEC[key].components.index(component) if component else 0]


def test_the_order_is_written_out_once():
    free = SPEC.subset([CONTRAST, COEFFS, FLUX])
    assert free.labels == (CONTRAST, f"{COEFFS}[Z4]", f"{COEFFS}[Z5]", f"{COEFFS}[Z6]", FLUX)
    np.testing.assert_array_equal(pack_params(STORE, free), [2.5, 0.5, -1.0, 2.0, 3.0])
    back = unpack_params(jnp.asarray([1.0, 2.0, 3.0, 4.0, 5.0]), free, STORE)
    assert back == STORE.replace({CONTRAST: 1.0, COEFFS: [2.0, 3.0, 4.0], FLUX: 5.0})


@pytest.mark.parametrize("theta", [np.zeros(4), np.zeros(6), np.zeros((5, 1)), 1.0, np.zeros((1, 5))])
def test_a_wrong_length_is_refused(theta):
    with pytest.raises(ShapeError, match=r"theta: expected a vector of 5 numbers, got ") as refused:
        unpack_params(jnp.asarray(theta), SPEC.subset([CONTRAST, COEFFS, FLUX]), STORE)
    assert refused.value.key == "theta"


def test_an_integer_theta_truncates_nothing():
    """Theta of integers becomes floats, and so does what is computed with it."""
    free = SPEC.subset([FLUX, COEFFS])
    back = unpack_params(jnp.asarray([3, 4, 5, 6]), free, STORE)
    assert back == STORE.replace({FLUX: 3.0, COEFFS: [4.0, 5.0, 6.0]})
    assert all(back[key].dtype == np.float64 for key in free)
    assert float((back.replace({FLUX: back[FLUX] + 0.5}))[FLUX]) == 3.5
    packed = pack_params(STORE.replace({FLUX: 3, COEFFS: [1, 2, 3]}), free)
    assert packed.dtype == np.float64
    traced = jax.jit(lambda theta: pack_params(unpack_params(theta, free, STORE), free) + 0.25)(jnp.arange(4))
    np.testing.assert_array_equal(traced, np.arange(4) + 0.25)


@pytest.mark.parametrize("theta", [np.array([1j, 2, 3]), np.array([True, False, True])])
def test_a_theta_of_no_real_numbers_is_refused(theta):
    with pytest.raises(ParameterError, match=r"mirror\.coeffs_nm: expected a real number nm"):
        unpack_params(jnp.asarray(theta), SPEC.subset([COEFFS]), STORE)


def test_concrete_values_are_checked():
    free = SPEC.subset([CONTRAST, COEFFS])
    with pytest.raises(BoundsError, match=r"star\.contrast: expected >= 0, got -1.0"):
        unpack_params(jnp.asarray([-1.0, 0.0, 0.0, 0.0]), free, STORE)
    with pytest.raises(NonFiniteError, match=r"mirror\.coeffs_nm: expected finite numbers, got nan at index 1"):
        unpack_params(jnp.asarray([1.0, 0.0, np.nan, 0.0]), free, STORE)


def test_nothing_free_is_an_empty_theta():
    free = SPEC.subset([])
    assert pack_params(STORE, free).shape == (0,)
    assert unpack_params(jnp.zeros(0), free, STORE) == STORE


def test_a_derived_key_can_be_free_only_as_an_override():
    free = SPEC.subset([PITCH, SCALE])
    with pytest.raises(MissingKeyError, match=r"lens\.scale: expected a primitive.*derived"):
        pack_params(STORE, free)
    with pytest.raises(DerivedKeyError, match=SCALE):
        unpack_params(jnp.asarray([1.0, 2.0]), free, STORE)
    overridden = STORE.with_derived_allowed().replace({SCALE: 4.0})
    np.testing.assert_array_equal(pack_params(overridden, free), [0.25, 4.0])
    assert unpack_params(jnp.asarray([1.0, 2.0]), free, overridden).overrides == (SCALE,)


def test_a_key_of_another_spec_is_refused():
    other = SPEC.without([LENGTH])
    with pytest.raises(UnknownKeyError, match=LENGTH):
        pack_params(ParameterStore.from_spec_defaults(other), SPEC.subset([LENGTH]))


def test_gradients_and_batches_go_through():
    free = SPEC.subset([FLUX, COEFFS])

    def f(theta):
        store = unpack_params(theta, free, STORE)
        return store[FLUX] * jnp.sum(store[COEFFS] ** 2)

    theta = pack_params(STORE, free)
    np.testing.assert_allclose(jax.jit(jax.grad(f))(theta), [5.25, 3.0, -6.0, 12.0])
    np.testing.assert_allclose(jax.vmap(f)(jnp.stack([theta, 2 * theta])), [15.75, 8 * 15.75])


def test_a_numpy_theta_gives_numpy_values():
    """In double precision whatever JAX's setting, which derived values need; another array gives JAX values."""
    spec = telescope()
    store, free = ParameterStore.from_spec_defaults(spec), spec.subset([COEFFS, FLUX])
    theta = np.array([0.1, 0.2, 0.3, 3.0 + 1e-12])
    with jax.enable_x64(False):
        assert unpack_params(theta, free, store)[FLUX] == 3.0 + 1e-12
    for kind in (np.asarray, jnp.asarray):
        back = unpack_params(kind(theta), free, store)
        assert isinstance(back[COEFFS], np.ndarray) is (kind is np.asarray)
        np.testing.assert_array_equal(back[COEFFS], theta[:3])
