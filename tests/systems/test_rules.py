"""Rules of configuration fields: check and schema agree, values come out in normal form, mistakes name the field."""

import json
import math
import random
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jaxtyping import TypeCheckError
from jsonschema import Draft202012Validator

from dluxshera.errors import ConfigError
from dluxshera.params import Bounds
from dluxshera.profiles.schema import config_schema
from dluxshera.systems import (
    CONFIG_CLASSES,
    CONFIGS,
    SHERA_FLIGHT_CONFIG,
    SheraConfig,
    design_keys,
    settable_parameters,
)
from dluxshera.systems.rules import EffectNames, Integer, MaskSource, NollIndices, Number, Rule

NAMES = EffectNames({"ghosts": "A ghost.", "motion": "Jitter."})
RULES: list[Rule] = [
    Integer(1, 9), Integer(0, 64), Integer(2, 2048, even=True), Integer(2, 32768, even=True, optional=True),
    Integer(3, 3), Number("a finite angle", unit="deg"), Number("a fraction", Bounds(minimum=0, exclusive_maximum=1)),
    Number("a positive length", Bounds(exclusive_minimum=0), "m"), Number("a cosine", Bounds(minimum=-1, maximum=1)),
    Number("a positive angle", Bounds(exclusive_minimum=0), "arcsec", optional=True), Number("a number", optional=True),
    NollIndices(1000), NollIndices(3), NAMES, MaskSource(1000), MaskSource(1),
]  # fmt: skip
NUMBERS: list[Any] = [
    *(0, -0.0, 1, -1, 2, 3, 4, 9, 10, 64, 65, 1000, 1001, 2048, 2050, 32768, 32770, 10**400, -(10**400)),
    *(0.5, 1.5, 2.0, 1.0, 255.0, 1e300, 5e-324, -5e-324, np.nextafter(1, 0), np.nextafter(1, 2), 2.0000000000000004),
]
OTHERS: list[Any] = [
    *(None, True, False, "", "1", "x" * 1000, "x" * 1001, "ghosts", {}, {"a": 1}, {"ghosts": 1}),
    *([], [1], [4, 5], [4, 4], [4, 4.0], [0], [1000], [1001], [1.5], ["4"], [True], [None], [[4]], [1, 2, 3, 4]),
    *(["ghosts"], ["ghosts", "motion"], ["motion", "ghosts"], ["ghosts", "ghosts"], ["gohsts"], ["ghosts", 3]),
    *(list(range(1, 1001)), list(range(1, 1002))),
]
SCALARS = (np.int8, np.int64, np.uint16, np.float16, np.float32, np.float64, np.longdouble)


def accepts(rule: Rule, value: Any) -> bool:
    """Return the verdict of a check; an error without its field, its expectation or a remedy fails the test."""
    error = None
    try:
        rule.check("field", value)
    except ConfigError as raised:
        error = raised
    assert error is None or (str(error).startswith(f"field: expected {rule.form}, got ") and error.remedy)
    return error is None


def generated(rng: random.Random, rule: Rule) -> list[Any]:
    """Return values on, beside and between the limits that the schema of a rule has."""
    keywords = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength")
    limits = [rule.schema()[name] for name in keywords if name in rule.schema()]
    near = [limit + step for limit in limits for step in (-2, -1, -1e-9, 0, 1e-9, 1, 2)]
    small = [number for number in NUMBERS if abs(number) < 1e308]  # `jsonschema` compares no larger ones with floats
    lists = [[rng.choice([*small, 4, 5, 6, 7]) for _ in range(rng.randint(0, 4))] for _ in range(50)]
    return [*near, *(rng.uniform(-3, 3) for _ in range(20)), *(rng.randint(-5, 3000) for _ in range(50)), *lists]


def test_check_and_schema_accept_the_same_values():
    """`jsonschema` is the independent judge. Not a number and infinity have no JSON: only the check sees them."""
    rng, faults, verdicts = random.Random(1), [], {True: 0, False: 0}
    for rule in RULES:
        validator = Draft202012Validator(rule.schema())
        for value in [*NUMBERS, *OTHERS, *generated(rng, rule)]:
            by_schema, by_check = validator.is_valid(value), accepts(rule, value)
            overflows = isinstance(value, int) and abs(value) > 1e308  # JSON has numbers beyond the floats
            verdicts[by_check] += 1
            if by_schema != by_check and not overflows:
                faults.append(f"{rule}: schema {by_schema}, check {by_check} for {value!r:.80}")
    assert faults == []
    assert min(verdicts.values()) > 200


def test_numbers_of_numpy_are_accepted_like_those_of_python():
    faults = []
    for rule in RULES:
        for number in (0, 1, 2, 4, 0.5, -1, 100):
            for scalar in SCALARS:
                value = np.array(number).astype(scalar)[()]
                if value != number:
                    continue
                if accepts(rule, value) != accepts(rule, number):
                    faults.append(f"{rule}: {value!r}")
                elif accepts(rule, number) and type(rule.check("f", value)) is not type(rule.check("f", number)):
                    faults.append(f"{rule}: {value!r} comes out as {type(rule.check('f', value))}")
            if isinstance(rule, NollIndices) and number in (1, 2) and not accepts(rule, [np.int32(number)]):
                faults.append(f"{rule}: a list of NumPy integers")
        faults += [f"{rule}: {value!r}" for value in (np.bool_(True), np.nan, np.inf, -np.inf) if accepts(rule, value)]
    assert faults == []


def test_values_come_out_in_normal_form():
    assert repr(Integer(2, 512, even=True).check("f", 256.0)) == "256"
    assert repr(Integer(2, 512, even=True).check("f", np.int64(256))) == "256"
    assert repr(Number("a fraction").check("f", 0)) == "0.0"
    assert repr(Number("a fraction").check("f", np.float32(0.25))) == "0.25"
    assert NollIndices(20).check("f", range(4, 7)) == NollIndices(20).check("f", [4.0, np.int8(5), 6]) == (4, 5, 6)
    assert NAMES.check("f", ["motion", "ghosts"]) == ("ghosts", "motion")
    assert MaskSource(20).check("f", Path("a") / "b.npy") == str(Path("a") / "b.npy")


@pytest.mark.parametrize(
    ("rule", "value", "index", "remedy"),
    [
        (NollIndices(20), [4, 5, 4], (2,), "Remove the second one."),
        (NollIndices(20), [4, "5"], (1,), "Noll indices count from 1, the piston."),
        (NAMES, ["motion", "gohsts"], (1,), "Did you mean ghosts?"),
        (NAMES, ["motion", "motion"], (1,), "Remove the second motion."),
        (Integer(2, 8, even=True), 3, None, "The nearest such value is 4."),
        (Integer(2, 8, even=True), 99, None, "The nearest such value is 8."),
        (Number("a length", Bounds(exclusive_minimum=0), "m"), -1, None, "Give a number in m, > 0."),
    ],
)
def test_an_error_names_the_element_and_a_remedy(rule: Rule, value: Any, index: Any, remedy: str):
    with pytest.raises(ConfigError) as error:
        rule.check("field", value)
    assert error.value.index == index
    assert str(error.value).endswith(remedy)


@pytest.mark.parametrize("cls", CONFIG_CLASSES.values(), ids=lambda cls: cls.__name__)
def test_a_class_and_its_schema_agree_on_fields_and_relations(cls: type[SheraConfig]):
    """The class is the judge that Python users meet. `faults` knows ``x-at-least``, which `jsonschema` does not."""
    from dluxshera.documents import Document, faults

    rng, schema = random.Random(cls.__name__), config_schema(cls)
    named = next(config for config in CONFIGS.values() if type(config) is cls)
    plain = json.loads(json.dumps({name: getattr(named, name) for name in cls.rules()}))
    disagreements, verdicts = [], {True: 0, False: 0}
    for _ in range(400):
        changes = {}
        for name in rng.sample(list(cls.rules()), rng.choice([1, 1, 2])):
            changes[name] = rng.choice([*generated(rng, cls.rules()[name]), *OTHERS, None, 256, 254, "m2_maps"])
        if rng.random() < 0.2:
            changes["effects"] = rng.sample(["ghosts", "m2_maps", "m3_maps", "motion"], 2)
        if "gap_npix" in cls.rules() and rng.random() < 0.2:
            changes |= {
                "gap_npix": rng.choice([None, 254, 256, 300]),
                "pupil_npix": rng.choice([None, 252, 256, 298, 302]),
            }
        by_schema = not faults(Document("", {**plain, **changes}), schema)
        by_class = True
        try:
            named.replace(**changes)
        except ConfigError:
            by_class = False
        verdicts[by_class] += 1
        if by_schema != by_class:
            disagreements.append(f"schema {by_schema}, class {by_class}: {changes!r:.200}")
    assert disagreements == []
    assert min(verdicts.values()) > 20


def test_every_field_but_name_and_design_has_a_rule():
    for cls in CONFIG_CLASSES.values():
        assert {item.name for item in fields(cls)} - set(cls.rules()) == {"name", "design"}


def test_the_classes_accept_a_configuration_without_its_checks_only_by_name():
    """`from_checked` trusts its caller, and gives what the constructor gives."""
    flight = SHERA_FLIGHT_CONFIG
    values = {name: getattr(flight, name) for name in type(flight).rules()}
    again = type(flight).from_checked(flight.name, flight.design, values)
    assert again == flight
    assert hash(again) == hash(flight)
    assert type(flight).from_checked("x", flight.design, {}) == type(flight)(name="x", design=flight.design)


def test_a_design_accepts_what_the_bounds_of_its_parameters_hold():
    """The records of the parameters are the one table of limits: a design has none of its own."""
    faults, fields_of = [], settable_parameters()
    for config in CONFIGS.values():
        for key, attribute in design_keys(type(config)).items():
            for value in (-1e-3, 0.0, -0.0, 1e-3, 1.0, 2.0, 5e-324, 1e300, math.nan, math.inf, True, "1", None):
                held = isinstance(value, float) and fields_of[key].bounds.contains(value)
                error = None
                try:
                    replace(config.design, **{attribute: value})
                except (ConfigError, TypeCheckError) as raised:  # the type checker of the tests comes first
                    error = raised
                together = isinstance(error, ConfigError) and "a number" not in error.expected
                if held == (error is not None and not together):  # a value may contradict the others of its design
                    faults.append(f"{config.name}: {attribute} = {value!r} gives {error}")
    assert faults == []


def test_an_error_of_a_design_names_attribute_bounds_and_unit():
    flight = SHERA_FLIGHT_CONFIG.design
    with pytest.raises(ConfigError) as error:
        replace(flight, pixel_pitch_m=-4.6e-6)
    limits = ">= 1e-07 and <= 0.01"
    message = f"design.pixel_pitch_m: expected a number {limits}, got -4.6e-06. Give a number in m, {limits}."
    assert str(error.value) == message
    assert repr(replace(flight, exposure_time_s=60).exposure_time_s) == "60.0"
