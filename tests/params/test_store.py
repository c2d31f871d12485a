"""The store: what it refuses and how it says so, that it is immutable, and that it is a pytree."""

import copy
import pickle
from decimal import Decimal

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jax.tree_util import DictKey, tree_flatten_with_path

import dluxshera as ds
from dluxshera.errors import (
    BoundsError,
    DerivedKeyError,
    MissingKeyError,
    NonFiniteError,
    ParameterError,
    ShapeError,
    UnknownKeyError,
)
from dluxshera.params import Bounds, ParameterStore, ParamSpec
from support.rows import each_row
from support.toys import (
    COEFFS,
    CONTRAST,
    DIAMETER,
    FLUX,
    LENGTH,
    OPEN,
    PITCH,
    RATIO,
    SCALE,
    defaults,
    parameter,
    resolver,
    telescope,
)

SPEC = telescope()


@pytest.fixture
def store() -> ParameterStore:
    return ParameterStore.from_spec_defaults(SPEC)


def test_it_holds_the_defaults_of_the_primitives_in_the_order_of_the_spec(store):
    assert tuple(store) == SPEC.primitives
    assert len(store) == 6
    assert store.as_dict() == {key: list(d) if isinstance(d := SPEC[key].default, tuple) else d for key in store}
    shuffled = dict(reversed(defaults().items()))
    assert list(ParameterStore(shuffled, SPEC)) == list(store)
    assert list(store.replace({DIAMETER: 1, FLUX: 1})) == list(store)
    assert ParameterStore.from_dict(shuffled, SPEC) == store
    assert ParameterStore.from_dict(store.as_dict(), SPEC) == store


NAN_AT_2 = np.array([1.0, 2.0, np.nan])

REFUSED = [
    pytest.param({"lens.lenght_m": 1.0}, UnknownKeyError, "lens.lenght_m",
                 ["a key of the toy_telescope.forward spec", "got 'lens.lenght_m'", "Did you mean lens.length_m"],
                 id="unknown"),
    pytest.param({SCALE: 0.03}, DerivedKeyError, SCALE,
                 ["no value, because it is derived", "got 0.03", f"({PITCH}, {LENGTH})", "with_derived_allowed()"],
                 id="derived"),
    pytest.param({OPEN: 0.5}, ParameterError, OPEN,
                 ["the configuration fixes it at 0.75", "got 0.5", "Change the configuration"], id="structural"),
    pytest.param({CONTRAST: [1.0, 2.0]}, ShapeError, CONTRAST,
                 ["expected a single number", "shape (2,)"], id="array for a number"),
    pytest.param({CONTRAST: [1.0]}, ShapeError, CONTRAST, ["expected a single number"], id="list of one"),
    pytest.param({COEFFS: 1.0}, ShapeError, COEFFS, ["an array of shape (3,)", "Z4, Z5, Z6"], id="number for an array"),
    pytest.param({COEFFS: np.zeros(4)}, ShapeError, COEFFS,
                 ["an array of shape (3,)", "got an array of shape (4,)", "One coefficient each for Z4, Z5, Z6"],
                 id="too long"),
    pytest.param({COEFFS: np.zeros((3, 1))}, ShapeError, COEFFS, ["shape (3,)", "shape (3, 1)"], id="too deep"),
    pytest.param({CONTRAST: np.nan}, NonFiniteError, CONTRAST, ["finite numbers", "got nan"], id="NaN"),
    pytest.param({COEFFS: NAN_AT_2}, NonFiniteError, COEFFS, ["finite numbers", "nan at index 2"], id="NaN element"),
    pytest.param({FLUX: jnp.inf}, NonFiniteError, FLUX, ["finite numbers", "got inf"], id="infinite"),
    pytest.param({CONTRAST: -1e-9}, BoundsError, CONTRAST,
                 ["expected >= 0", "got -1e-09", "Flux ratio A / B."], id="contrast below 0"),
    pytest.param({CONTRAST: jnp.asarray(-1.0)}, BoundsError, CONTRAST, ["got -1.0"], id="JAX value out of bounds"),
    pytest.param({LENGTH: 0}, BoundsError, LENGTH, ["expected > 0 m", "got 0.0"], id="on an open bound"),
    pytest.param({COEFFS: [0, 50, 51]}, BoundsError, COEFFS,
                 [">= -50 and < 50 nm", "got 50.0 at index 1"], id="element out of bounds"),
    *[pytest.param({FLUX: value}, ParameterError, FLUX, ["a real number log10(ph)", text], id=f"{value!r}")
      for value, text in [("3", "got '3'"), (True, "got True"), (1 + 0j, "got (1+0j)"), (None, "got None"),
                          (b"3", "got b'3'"), (Decimal(3), "got Decimal('3')"), ({}, "got {}")]],
    pytest.param({FLUX: jnp.asarray(True)}, ParameterError, FLUX, ["a real number"], id="JAX bool"),
    pytest.param({FLUX: jnp.asarray(1j)}, ParameterError, FLUX, ["a real number"], id="JAX complex"),
    pytest.param({COEFFS: [[1.0], [1.0, 2.0], [3.0]]}, ParameterError, COEFFS, ["a real number nm"], id="ragged"),
    pytest.param({COEFFS: ["a", "b", "c"]}, ParameterError, COEFFS, ["a real number nm", "'a'"], id="strings"),
    pytest.param({COEFFS: [True, False, True]}, ParameterError, COEFFS, ["a real number nm"], id="bools"),
]  # fmt: skip


@each_row("updates, kind, key, texts", REFUSED)
def test_bad_input_is_refused_by_name(store, updates, kind, key, texts):
    made = [
        lambda: ParameterStore({**store, **updates}, SPEC),
        lambda: ParameterStore.from_dict({**store, **updates}, SPEC),
        lambda: store.replace(updates),
    ]
    for make in made:
        with pytest.raises(kind) as refused:
            make()
        error = refused.value
        assert type(error) is kind
        assert error.key == key
        assert str(error).startswith(f"{key}: expected ")
        for text in texts:
            assert text in str(error)


def test_a_negative_flux_is_refused():
    """The flux of a system of the package; the total is a logarithm, which may be negative."""
    spec = ds.build_forward_model_spec_from_config(ds.SHERA_FLIGHT_CONFIG)
    store = ParameterStore.from_spec_defaults(spec)
    for value in (-1.0, 0.0):
        with pytest.raises(
            BoundsError, match=rf"binary.spectral_flux_density: expected >= 1e-10 and \S+ \S+ \S+, got {value}"
        ):
            store.replace({"binary.spectral_flux_density": value})
        with pytest.raises(BoundsError, match=rf"binary.contrast: expected >= 1e-15 and <= 1e\+15, got {value}"):
            store.replace({"binary.contrast": value})


def test_a_missing_key_is_named_and_where_to_start_from():
    few = {key: value for key, value in defaults().items() if key not in (LENGTH, COEFFS)}
    with pytest.raises(MissingKeyError, match=r"2 missing\), got nothing\. Start from .*from_spec_defaults") as refused:
        ParameterStore(few, SPEC)
    assert refused.value.key == LENGTH


def test_reading_a_key_that_it_does_not_hold_says_why(store):
    with pytest.raises(MissingKeyError, match=r"lens\.scale: expected a primitive.*It is derived: .*derived\(store\)"):
        store[SCALE]
    with pytest.raises(MissingKeyError, match="It is structural"):
        store[OPEN]
    with pytest.raises(UnknownKeyError, match=f"Did you mean {CONTRAST}"):
        store["star.contrats"]
    assert SCALE not in store
    assert store.get(SCALE) is None  # as any Mapping


def test_integers_become_floats(store):
    for value in (3, np.int32(3), np.asarray(3), jnp.asarray(3), jnp.asarray(3, dtype=jnp.int8), np.float32(3)):
        got = store.replace({CONTRAST: value})[CONTRAST]
        assert got.dtype == np.float64
        assert got.shape == ()
        assert got == 3.0
    for values in ([1, 2, 3], (1, 2, 3), np.arange(1, 4), jnp.arange(1, 4)):
        got = store.replace({COEFFS: values})[COEFFS]
        assert got.dtype == np.float64
        np.testing.assert_array_equal(got, [1.0, 2.0, 3.0])


def test_it_is_immutable(store):
    mine = np.array([1.0, 2.0, 3.0])
    made = store.replace({COEFFS: mine})
    mine[:] = -9.0
    np.testing.assert_array_equal(made[COEFFS], [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="read-only"):
        made[COEFFS][0] = 1.0
    with pytest.raises(AttributeError, match=r"immutable: use store\.replace"):
        store.spec = SPEC
    with pytest.raises(AttributeError, match="immutable"):
        store.anything = 1
    with pytest.raises(TypeError, match="item assignment"):
        store[FLUX] = 1.0
    assert store == ParameterStore.from_spec_defaults(SPEC)  # replace left it alone


def test_a_refused_replace_changes_nothing(store):
    with pytest.raises(BoundsError):
        store.replace({FLUX: 9.0, CONTRAST: -1.0})
    assert store == ParameterStore.from_spec_defaults(SPEC)


def test_equality(store):
    assert store == store.replace({})
    assert store == store.replace({COEFFS: jnp.asarray([0.5, -1.0, 2.0])})  # whatever library holds the numbers
    assert store != store.replace({CONTRAST: 2.5 + 1e-15})
    assert store != store.replace({COEFFS: [0.5, -1.0, 2.1]})
    assert store != ParameterStore.from_spec_defaults(telescope("other"))
    assert store != ParameterStore.from_spec_defaults(SPEC.subset(reversed(list(SPEC))))
    assert store != store.as_dict()
    assert store != store.with_derived_allowed().replace({SCALE: 1.0})
    with pytest.raises(TypeError, match="unhashable"):
        hash(store)


def test_repr_shows_keys_values_units_and_overrides(store):
    shown = repr(store.with_derived_allowed().replace({SCALE: 0.125}))
    assert shown.splitlines() == [
        "ParameterStore of toy_telescope.forward:",
        "  star.log_flux    = 3.0 ph",
        "  star.contrast    = 2.5",
        "  lens.length_m    = 8.0 m",
        "  lens.pitch_m     = 0.25 m",
        "  lens.scale       = 0.125  (override)",
        "  lens.diameter_m  = 0.5 m",
        "  mirror.coeffs_nm = [ 0.5 -1.   2. ] nm",
    ]
    assert "override" not in repr(store)


def test_a_log_scale_shows_in_repr_and_errors(store):
    with pytest.raises(ParameterError, match=r"log10\(ph\)"):
        store.replace({FLUX: "bright"})


def test_an_override_is_explicit_listed_and_acts_in_the_resolver(store):
    assert store.overrides == ()
    assert not store.allow_derived
    allowed = store.with_derived_allowed()
    assert allowed == store
    assert allowed.allow_derived
    assert allowed.overrides == ()
    overridden = allowed.replace({SCALE: 0.5})
    assert overridden.overrides == (SCALE,)
    assert store.overrides == allowed.overrides == ()
    values = resolver().resolve(SPEC, overridden)
    assert values[SCALE] == 0.5
    assert values["lens.area"] == 0.75 * (0.5 * 16.0) ** 2  # follows it
    made = ParameterStore({**store, RATIO: 2, SCALE: 1}, SPEC, allow_derived=True)
    assert made.overrides == (SCALE, RATIO)  # in the order of the spec
    assert ParameterStore.from_dict(dict(made), SPEC, allow_derived=True) == made
    with pytest.raises(ParameterError, match="the configuration fixes it"):
        allowed.replace({OPEN: 0.5})


def test_an_override_is_checked_like_any_value(store):
    with pytest.raises(NonFiniteError, match=SCALE):
        store.with_derived_allowed().replace({SCALE: np.nan})


def test_an_override_acts_in_the_image_in_place_of_the_transform():
    """The plate scale of a three-plane model halved by hand: the star moves to twice the pixel, not the geometry's."""
    config = ds.SHERA_FLIGHT_CONFIG.replace(image_npix=32, n_wavelengths=1, diffractive_pupil=None)
    binder = ds.SheraThreePlaneBinder(config, ds.build_forward_model_spec_from_config(config))
    key = "system.plate_scale_as_per_pix"
    computed = binder.derived(binder.store)[key]
    base = binder.store.replace({"binary.separation_as": 1.0})
    override = base.with_derived_allowed().replace({key: computed / 2})
    assert override.overrides == (key,)
    assert binder.derived(override)[key] == computed / 2
    image = np.asarray(binder.predict(override))
    np.testing.assert_allclose(image, binder.predict(override.replace({"system.pixel_pitch_m": 1e-6})), rtol=1e-12)
    stars = [np.unravel_index(np.argmax(np.asarray(binder.predict(s))), (32, 32)) for s in (base, override)]
    x, y = (1.0 * f(np.deg2rad(14.508)) / 2 / computed for f in (np.sin, np.cos))
    assert stars == [(round(15.5 - y), round(15.5 - x)), (round(15.5 - 2 * y), round(15.5 - 2 * x))]


def test_validate_against_another_spec(store):
    store.validate_against(SPEC)
    with pytest.raises(UnknownKeyError, match=r"star\.log_flux: expected a key of the toy_telescope\.forward spec"):
        store.validate_against(SPEC.without([FLUX]))
    with pytest.raises(MissingKeyError, match="1 missing"):
        ParameterStore.from_spec_defaults(SPEC.without([FLUX])).validate_against(SPEC)
    overridden = store.with_derived_allowed().replace({SCALE: 1.0})
    overridden.validate_against(SPEC, allow_derived=True)
    with pytest.raises(DerivedKeyError, match=SCALE):
        overridden.validate_against(SPEC)


def test_it_is_a_pytree_whose_paths_are_its_keys(store):
    leaves, structure = tree_flatten_with_path(store)
    assert [path for path, _ in leaves] == [(DictKey(key),) for key in store]
    assert jax.tree_util.keystr(leaves[0][0]) == f"['{FLUX}']"
    assert jax.tree.unflatten(structure, [leaf for _, leaf in leaves]) == store
    for one in (store, store.with_derived_allowed().replace({SCALE: 1.0})):
        again = jax.tree_util.tree_map_with_path(lambda _, value: value, one)
        assert again == one
        assert again.allow_derived == one.allow_derived
    assert jax.tree.structure(store) == jax.tree.structure(store.replace({FLUX: 1.0}))
    assert jax.tree.structure(store) != jax.tree.structure(store.with_derived_allowed())
    assert jax.tree.structure(store) != jax.tree.structure(ParameterStore.from_spec_defaults(telescope("other")))
    doubled = jax.tree.map(lambda value: 2 * value, store)
    assert isinstance(doubled, ParameterStore)
    assert doubled[CONTRAST] == 5.0
    assert doubled.spec is store.spec


def test_it_goes_through_jit_without_a_new_trace_for_new_values(store):
    traces = []

    @jax.jit
    def total(store):
        traces.append(1)
        return store[FLUX] * store[CONTRAST] + store[COEFFS].sum(), store.replace({FLUX: 7})

    values, given_back = total(store)
    assert values == 3.0 * 2.5 + 1.5
    assert isinstance(given_back, ParameterStore)
    assert given_back == store.replace({FLUX: 7.0})
    assert total(store.replace({FLUX: 4}))[0] == 4.0 * 2.5 + 1.5
    assert len(traces) == 1


def test_it_goes_through_grad(store):
    def f(store):
        return store[FLUX] ** 2 * store[CONTRAST] + jnp.sum(store[COEFFS] ** 3)

    slope = jax.grad(f)(store)
    assert isinstance(slope, ParameterStore)
    expected = dict.fromkeys(store, 0.0) | {FLUX: 15.0, CONTRAST: 9.0, COEFFS: 3 * np.array([0.25, 1.0, 4.0])}
    for key, value in expected.items():
        np.testing.assert_allclose(slope[key], value, err_msg=key)


def test_it_goes_through_vmap(store):
    contrasts = jnp.arange(4.0)
    many = jax.vmap(lambda contrast: store.replace({CONTRAST: contrast}))(contrasts)
    assert many[CONTRAST].shape == (4,)
    assert many[COEFFS].shape == (4, 3)
    np.testing.assert_allclose(jax.vmap(lambda s: s[CONTRAST] * s[FLUX] + s[COEFFS][1])(many), 3 * contrasts - 1)


def test_traced_values_are_checked_for_shape_and_kind(store):
    with pytest.raises(ShapeError, match=r"star\.contrast: expected a single number, got an array of shape \(2,\)"):
        jax.jit(lambda x: store.replace({CONTRAST: x}))(jnp.ones(2))
    with pytest.raises(ParameterError, match="a real number"):
        jax.jit(lambda x: store.replace({CONTRAST: x}))(True)
    with pytest.raises(UnknownKeyError):
        jax.jit(lambda x: store.replace({"star.contrats": x}))(1.0)
    assert jax.jit(lambda x: store.replace({CONTRAST: x})[CONTRAST])(3) == 3.0  # an integer, and out of no bounds


@given(
    st.floats(0, 1e6),
    st.lists(st.floats(-50, 50, exclude_max=True), min_size=3, max_size=3),
    st.floats(-300, 300),
)
def test_what_is_in_bounds_comes_back_as_it_was(contrast, coefficients, flux):
    store = ParameterStore.from_spec_defaults(SPEC).replace({CONTRAST: contrast, COEFFS: coefficients, FLUX: flux})
    assert store.as_dict() == ParameterStore.from_spec_defaults(SPEC).as_dict() | {
        CONTRAST: contrast,
        COEFFS: coefficients,
        FLUX: flux,
    }


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda store: pickle.loads(pickle.dumps(store))])
def test_copies_and_pickles_are_equal_stores(store, duplicate):
    for one in (store, store.with_derived_allowed().replace({SCALE: 1.0})):
        other = duplicate(one)
        assert isinstance(other, ParameterStore)
        assert other == one
        assert other.allow_derived == one.allow_derived


def test_a_store_of_checked_values_is_the_store_of_the_constructor(store):
    plain = {key: np.asarray(value).tolist() for key, value in store.items()}
    same = ParameterStore.from_checked(plain, store.spec)
    assert same == store
    assert [value.dtype for value in same.values()] == [np.dtype(np.float64)] * len(store)
    assert not any(value.flags.writeable for value in same.values())
    assert not same.allow_derived


def test_a_map_is_checked_as_a_whole_and_its_fault_found_by_index(monkeypatch):
    """Not element by element: a map of 256 x 256 would take a second, at each change of any value."""
    opd = parameter("lens.map", "Map", "OPD.", shape=(256, 256), default=0.0, bounds=Bounds(minimum=-1))
    spec = ParamSpec("a", "b", (opd,))
    calls = []
    contains = Bounds.contains
    monkeypatch.setattr(Bounds, "contains", lambda self, number: calls.append(number) or contains(self, number))
    values = np.linspace(-1.0, 1.0, 256**2).reshape(256, 256)
    store = ParameterStore({"lens.map": values}, spec)
    assert calls == [-1.0, 1.0]
    values[3, 5] = -1.5
    with pytest.raises(BoundsError, match=r"-1.5 at index \(3, 5\) of an array of shape"):
        store.replace({"lens.map": values})
