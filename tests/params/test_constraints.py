"""Constraints between parameters: in the spec, its schema, and the store; traced values pass."""

import dataclasses
import pickle

import jax
import pytest
from jsonschema import Draft202012Validator

from dluxshera.documents import Document, faults
from dluxshera.errors import BoundsError, ParameterError
from dluxshera.params import Below, Bounds, ParameterStore, spec_schema
from support.rows import each_row
from support.toys import CONTRAST, DIAMETER, LENGTH, PITCH, telescope

SHORTER = Below(DIAMETER, LENGTH, "A lens is longer than wide", factor=2.0)
AT_MOST = Below(PITCH, DIAMETER, "A pixel lies behind the lens", inclusive=True)
SPEC = dataclasses.replace(telescope(), constraints=(SHORTER, AT_MOST))
STORE = ParameterStore.from_spec_defaults(SPEC)  # length 8, pitch 0.25, diameter 0.5


@each_row(
    "updates, key",
    [
        ({DIAMETER: 16.0}, DIAMETER), ({DIAMETER: 20}, DIAMETER), ({LENGTH: 0.25}, DIAMETER), ({PITCH: 0.501}, PITCH),
        ({DIAMETER: 0.2}, PITCH), ({LENGTH: 1e-9}, DIAMETER),
    ],
)  # fmt: skip
def test_a_store_refuses_values_that_contradict_each_other(updates, key):
    with pytest.raises(BoundsError) as refused:
        STORE.replace(updates)
    assert refused.value.key == key
    both = {**{name: STORE[name] for name in SPEC.primitives}, **updates}
    with pytest.raises(BoundsError, match=key):
        ParameterStore(both, SPEC)
    with pytest.raises(BoundsError, match=key):
        STORE.replace({CONTRAST: 2.0}).replace(updates)


def test_the_error_has_both_sides_and_the_reason():
    with pytest.raises(BoundsError) as refused:
        STORE.replace({DIAMETER: 20})
    message = "lens.diameter_m: expected below 2 lens.length_m = 16, got 20.0. A lens is longer than wide."
    assert str(refused.value) == message


def test_values_that_agree_are_accepted_at_the_limit_and_together():
    assert STORE.replace({PITCH: 0.5})[PITCH] == 0.5
    assert STORE.replace({DIAMETER: 15.999})[DIAMETER] == 15.999
    assert STORE.replace({DIAMETER: 40.0, LENGTH: 30.0})[DIAMETER] == 40.0  # each alone would not do


def test_traced_values_pass_and_carry_gradients():
    gradient = jax.grad(lambda x: STORE.replace({DIAMETER: x})[DIAMETER] ** 2)(20.0)
    assert gradient == 40.0


def test_a_spec_keeps_the_constraints_of_its_keys_alone():
    assert SPEC.subset([DIAMETER, LENGTH]).constraints == (SHORTER,)
    assert SPEC.without([DIAMETER]).constraints == ()
    assert SPEC.subset([LENGTH]).merge(SPEC.subset([DIAMETER, LENGTH])).constraints == (SHORTER,)
    renamed = SPEC.rename(LENGTH, "lens.focal_m", removal="9.0.0")
    assert [each.keys for each in renamed.constraints] == [(DIAMETER, "lens.focal_m"), (PITCH, DIAMETER)]
    again = pickle.loads(pickle.dumps(SPEC))
    assert again == SPEC
    assert hash(again) == hash(SPEC)
    assert telescope() != SPEC
    with pytest.raises(ParameterError, match="constraints of the spec's keys"):
        dataclasses.replace(telescope().subset([PITCH]), constraints=(SHORTER,))


@each_row(
    "values, held",
    [
        ({}, True), ({DIAMETER: 16.0, LENGTH: 8.0}, False), ({DIAMETER: 15.9, LENGTH: 8}, True),
        ({PITCH: 0.5, DIAMETER: 0.5}, True), ({PITCH: 0.6, DIAMETER: 0.5}, False), ({DIAMETER: 40.0}, True),
        ({DIAMETER: 40.0, LENGTH: 30.0}, True), ({DIAMETER: "wide", LENGTH: 1.0}, True),
    ],
)  # fmt: skip
def test_the_schema_states_and_enforces_them(values, held):
    schema = spec_schema(SPEC, "A toy.")
    assert schema["x-constraints"] == [SHORTER.text, AT_MOST.text]
    assert schema["x-constraints"][0] == "lens.diameter_m is below 2 lens.length_m. A lens is longer than wide."
    assert "x-constraints" not in spec_schema(telescope(), "A toy.")
    of_keyword = [fault for fault in faults(Document("a.json", values), schema) if "wrong type" not in str(fault)]
    assert (of_keyword == []) == held
    if not held:
        assert " lens." in str(of_keyword[0])
    assert Draft202012Validator(schema).is_valid({DIAMETER: 16.0, LENGTH: 8.0})  # by one without the keyword


@each_row("period", [0.0, -1.0, 721.0, float("inf")])
def test_a_period_fits_into_finite_bounds(period):
    field = telescope()[PITCH]
    with pytest.raises(ParameterError, match="hold a period"):
        dataclasses.replace(field, bounds=Bounds(minimum=-360, maximum=360), period=period)
    with pytest.raises(ParameterError, match="hold a period"):
        dataclasses.replace(field, period=1.0)
