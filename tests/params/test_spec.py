"""Fields and specs: what they refuse, how they compare, and what they say of themselves."""

import dataclasses
import math
import pickle
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import dluxshera as ds
from dluxshera.errors import ParameterError, UnknownKeyError
from dluxshera.params import Below, Bounds, Normal, ParamField, ParamSpec
from support.helpers import run_fresh
from support.rows import each_row
from support.toys import AREA, COEFFS, CONTRAST, DIAMETER, FLUX, GROUPS, LENGTH, OPEN, PITCH, RATIO, SCALE, telescope

limit = st.none() | st.integers(-3, 3) | st.floats(-3, 3)


@given(st.builds(Bounds, *[limit] * 4), st.integers(-4, 4) | st.floats(-4, 4))
@example(Bounds(minimum=1), 1)
@example(Bounds(maximum=1), 1)
@example(Bounds(exclusive_minimum=1), 1)
@example(Bounds(exclusive_maximum=1), 1)
def test_bounds_hold_what_json_schema_says_of_their_keywords(bounds, value):
    assert bounds.contains(value) == Draft202012Validator(bounds.as_dict()).is_valid(value)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_bounds_hold_no_number_that_is_not_finite(value):
    assert not Bounds().contains(value)
    assert str(Bounds()) == "any finite number"


def test_bounds_read_as_a_phrase():
    assert str(Bounds(minimum=-1.5, exclusive_maximum=2)) == ">= -1.5 and < 2"


def field(**changes) -> ParamField:
    said = dict(key="star.flux", title="Flux", doc="Of the star.", default=1.0, source="illustrative") | changes
    return ParamField(**said)


ARRAY = {"shape": (2,), "components": ("Z4", "Z5"), "default": (0.0, 1.0)}
COMPUTED = {"kind": "derived", "default": None, "transform": "toys.scale"}


@pytest.mark.parametrize("changes", [{}, ARRAY, COMPUTED, {"kind": "structural"}])
def test_a_consistent_field_is_accepted(changes):
    assert field(**changes).group == "star"


@each_row(
    "changes, about, expected",
    [
        *[({"key": key}, "key", "dotted name") for key in ("flux", "star.", ".flux", "star.flux.total", "star.a b")],
        (COMPUTED | {"default": 1.0}, "star.flux", "no default"),
        (COMPUTED | {"transform": ""}, "star.flux", "a transform"),
        ({"default": None}, "star.flux", "a default"),
        ({"transform": "toys.scale"}, "star.flux", "no transform"),
        ({"depends_on": ("star.other",)}, "star.flux", "no transform"),
        ({"kind": "structural", "default": None}, "star.flux", "structural"),
        ({"components": ("Z4",)}, "star.flux", "0 component names"),
        (ARRAY | {"components": ("Z4",)}, "star.flux", "2 component names"),
        (COMPUTED | {"shape": (1, 2), "components": ("Z4",)}, "star.flux", "component names"),
        (ARRAY | {"default": (0.0,)}, "star.flux", r"shape \(2,\)"),
        (ARRAY | {"default": 0.0}, "star.flux", r"shape \(2,\)"),
        ({"default": (0.0,)}, "star.flux", r"shape \(\)"),
        ({"bounds": Bounds(exclusive_minimum=1)}, "star.flux", "> 1"),
        (ARRAY | {"bounds": Bounds(maximum=0)}, "star.flux", "<= 0"),
        ({"default": math.nan}, "star.flux", "finite"),
        ({"default": math.inf}, "star.flux", "finite"),
    ],
)
def test_a_field_whose_parts_contradict_each_other_is_refused(changes, about, expected):
    with pytest.raises(ParameterError, match=expected) as refused:
        field(**changes)
    assert refused.value.key == about


def test_a_field_and_a_spec_are_immutable():
    for thing, name in ((field(), "default"), (telescope(), "fields"), (Bounds(), "minimum"), (Normal(0, 1), "mean")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(thing, name, 2)


def test_labels_name_each_number():
    assert field().labels == ("star.flux",)
    assert field(**ARRAY).labels == ("star.flux[Z4]", "star.flux[Z5]")
    spec = telescope().subset([COEFFS, FLUX])
    assert spec.labels == (f"{COEFFS}[Z4]", f"{COEFFS}[Z5]", f"{COEFFS}[Z6]", FLUX)


def test_a_spec_is_a_mapping_in_the_order_of_its_fields():
    spec = telescope()
    assert list(spec) == [item.key for item in spec.fields] == list(spec.keys())
    assert len(spec) == len(spec.fields) == 10
    assert list(spec.values()) == list(spec.fields)
    assert FLUX in spec
    assert "star.fluxx" not in spec
    assert spec.title == "toy_telescope.forward"
    assert repr(spec.subset([PITCH, FLUX])) == "ParamSpec(toy_telescope.forward: lens.pitch_m, star.log_flux)"


def test_a_spec_sorts_its_keys_by_kind():
    spec = telescope()
    assert spec.primitives == (FLUX, CONTRAST, LENGTH, PITCH, DIAMETER, COEFFS)
    assert spec.derived == (AREA, SCALE, RATIO)
    assert spec.structural == {OPEN: 0.75}


@pytest.mark.parametrize(
    "ask", [lambda spec, key: spec[key], lambda spec, key: spec.subset([key]), lambda spec, key: spec.without([key])]
)
def test_an_unknown_key_is_refused_with_near_matches(ask):
    with pytest.raises(UnknownKeyError, match=r"toy_telescope\.forward spec.*Did you mean lens\.length_m") as refused:
        ask(telescope(), "lens.lenght_m")
    assert refused.value.matches[0] == LENGTH


def test_a_key_stands_once():
    with pytest.raises(ParameterError, match=f"{re.escape(FLUX)}: expected each key once"):
        telescope().subset([FLUX, PITCH, FLUX])


def test_every_group_is_described_or_none():
    with pytest.raises(ParameterError, match=r"groups: expected a text for \['mirror'\]"):
        ParamSpec("toy", "forward", telescope().fields, GROUPS[:2])
    assert ParamSpec("toy", "forward", telescope().fields).groups == ()


def test_subset_takes_the_order_that_it_is_given_and_without_keeps_that_of_the_spec():
    spec = telescope()
    assert list(spec.subset([DIAMETER, COEFFS, FLUX])) == [DIAMETER, COEFFS, FLUX]
    assert list(spec.without([DIAMETER, FLUX])) == [key for key in spec if key not in (DIAMETER, FLUX)]
    assert spec.subset(list(spec)) == spec == spec.without([])
    assert len(spec.subset([])) == 0
    assert spec.subset([FLUX]).groups == spec.groups


def test_specs_are_equal_if_they_say_the_same_in_the_same_order():
    spec = telescope()
    assert spec == telescope()
    assert hash(spec) == hash(telescope())
    others = [
        spec.subset(reversed(list(spec))),
        telescope("other"),
        dataclasses.replace(spec, name="inference"),
        dataclasses.replace(spec, groups=()),
        spec.without([FLUX]),
        dict(spec),
    ]
    assert all(spec != other for other in others)


def changed(value):
    """Another value for an attribute of a field, of the same kind."""
    match value:
        case None:
            return Normal(0.0, 1.0)
        case str():
            return value + "x"
        case tuple():
            return (*value, "image")
        case Bounds():
            return Bounds(minimum=-9)
        case Normal():
            return Normal(value.mean, 2 * value.sigma)
    return value + 1


def test_the_digest_changes_with_whatever_a_field_says():
    spec = telescope().subset([FLUX, CONTRAST])
    seen = [spec.digest()]
    for said in dataclasses.fields(ParamField):
        if said.name not in (
            "kind",
            "scale",
            "shape",
            "components",
            "transform",
            "depends_on",
            "status",
            "deprecated",
            "formerly",
            "period",
        ):
            value = changed(getattr(spec[FLUX], said.name))
            seen.append(dataclasses.replace(spec, fields=(dataclasses.replace(spec[FLUX], **{said.name: value}),
                                                          spec[CONTRAST])).digest())  # fmt: skip
    scale = dataclasses.replace(spec[FLUX], scale="linear")
    seen += [
        dataclasses.replace(spec, fields=(scale, spec[CONTRAST])).digest(),
        spec.subset([CONTRAST, FLUX]).digest(),
        dataclasses.replace(spec, name="inference").digest(),
        dataclasses.replace(spec, system_id="other").digest(),
        dataclasses.replace(spec, constraints=(Below(FLUX, CONTRAST, "A reason"),)).digest(),
    ]
    turning = dataclasses.replace(spec[FLUX], bounds=Bounds(minimum=-9, maximum=9), period=9.0)
    seen.append(dataclasses.replace(spec, fields=(turning, spec[CONTRAST])).digest())
    assert len(set(seen)) == len(seen)
    assert telescope().subset([FLUX, CONTRAST]).digest() == seen[0]


def test_the_digest_ignores_the_last_bits_of_a_number():
    """Processors differ in the last bits of a computed default, and the digest has to name the same spec on all."""
    field = telescope()[CONTRAST]

    def digest(default: float) -> str:
        prior = Normal(default, abs(default))
        return ParamSpec("a", "b", (dataclasses.replace(field, default=default, prior=prior),)).digest()

    for default in (3.5, 1 / 3, 1e-9, 123456789.0):
        assert digest(math.nextafter(default, 10 * default)) == digest(default)
        assert digest(default * (1 + 1e-11)) != digest(default)


def test_another_process_finds_the_same_digest_and_reads_a_pickled_spec():
    """Hashes of strings differ between processes, so that neither may rest on them."""
    spec = ds.build_inference_spec_basic(ds.SHERA_TESTBED_CONFIG)
    assert hash(spec)  # kept by the spec from here on
    told = run_fresh(
        f"""
        import pickle, dluxshera as ds
        spec = ds.build_inference_spec_basic(ds.SHERA_TESTBED_CONFIG)
        print(spec.digest(), pickle.loads({pickle.dumps(spec)!r}) == spec)
        """,
        env={"PYTHONHASHSEED": "12345"},
    )
    assert told.split() == [spec.digest(), "True"]
