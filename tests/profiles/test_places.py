"""Each value of a profile is judged once, and a fault has the file, line and column of its value or element."""

import json
from collections import Counter
from pathlib import Path

import pytest

from dluxshera.errors import ConfigError, DocumentError
from dluxshera.params import Bounds, ParamField
from dluxshera.profiles import load_model, load_profile, model_of, parse_profile, shera_profiles
from dluxshera.systems import CONFIG_CLASSES, CONFIGS, ThreePlaneDesign, settable_parameters
from dluxshera.systems.relations import AtLeast, SystemEffects
from dluxshera.systems.rules import EffectNames, Integer, MaskSource, NollIndices, Number

HEAD = {"schema": "dluxshera.profile/0.2.0", "kind": "observation", "name": "x"}
FLIGHT = ["instrument/shera_flight"]
KEY = "primary.zernike_coeffs_nm"
PITCH = "system.pixel_pitch_m"
FAULTS = [  # content, path of the faulty part, message
    ({"config": {"image_npix": 15}}, ("config", "image_npix"), "expected an even integer from 2 to 8192, got 15"),
    ({"config": {"pupil_npix": 4098}}, ("config", "pupil_npix"), "an even integer from 2 to 4096, or None, got 4098"),
    ({"config": {"obscuration": 1}}, ("config", "obscuration"), "expected a fraction from 0 to below 1, got 1"),
    ({"config": {"m1_noll": [4, 5, 4]}}, ("config", "m1_noll", 2), "got 4 at index 2 of [4, 5, 4]. Remove the second"),
    ({"config": {"effects": ["motion", "gohsts"]}}, ("config", "effects", 1), "Did you mean ghosts?"),
    ({"config": {"effects": ["motion", "m3_maps"]}}, ("config", "effects"), "shera_threeplane, got 'm3_maps'"),
    (
        {"config": {"gap_npix": 300, "pupil_npix": 512}},
        ("config", "gap_npix"),
        "expected at least pupil_npix = 512, got 300",
    ),
    ({"parameters": {"binary.contrast": -3}}, ("parameters", "binary.contrast"), "<= 1e+15, got -3.0"),
    ({"parameters": {PITCH: {"value": -3, "unit": "um"}}}, ("parameters", PITCH, "value"), "<= 0.01 m, got -3e-06"),
    ({"parameters": {PITCH: {"value": 3, "unit": "s"}}}, ("parameters", PITCH, "unit"), "converts to m, got \"s\""),
    ({"parameters": {KEY: [1, 2]}}, ("parameters", KEY), "expected an array of shape (8,), got [1.0, 2.0]"),
    (
        {"parameters": {KEY: {"value": [1, 2], "unit": "um"}}},
        ("parameters", KEY, "value"),
        "expected an array of shape (8,), got [1000.0, 2000.0]",
    ),
    (
        {"config": {"effects": ["spectra"], "spectrum_a_rows": 2}, "parameters": {"sources.spectrum_a": [1, -1]}},
        ("parameters", "sources.spectrum_a", 1),
        "and <= 1e+30, got -1.0 at index 1",
    ),
]  # fmt: skip


def spectrum_key() -> str:
    return next(key for key in settable_parameters() if key.endswith("spectrum_a"))


def block(value: object, indent: int = 0) -> str:
    """Return plain data as block YAML, one value to a line."""
    pad = "\n" + " " * indent
    if isinstance(value, dict):
        return "".join(f"{pad}{key}:{block(item, indent + 2)}" for key, item in value.items())
    if isinstance(value, list):
        return "".join(f"{pad}-{block(item, indent + 2)}" for item in value)
    return f" {json.dumps(value)}"


def raised(text: str, file: str) -> DocumentError:
    with pytest.raises(DocumentError) as error:
        model_of(parse_profile(text, shera_profiles(), file))
    return error.value


@pytest.mark.parametrize("suffix", ["yaml", "json"])
def test_a_fault_has_the_line_and_column_of_its_value(suffix: str):
    """Every value has a line of its own: the test counts lines, and searches the line for the value."""
    wrong = []
    for content, where, message in FAULTS:
        content = json.loads(json.dumps(content).replace("sources.spectrum_a", spectrum_key()))
        where = tuple(spectrum_key() if part == "sources.spectrum_a" else part for part in where)
        document = {**HEAD, "extends": FLIGHT, **content}
        text = json.dumps(document, indent=1) if suffix == "json" else block(document).lstrip() + "\n"
        lines = text.splitlines()
        value = document
        for part in where:
            value = value[part]
        number = next(i for i, line in enumerate(lines) if line.lstrip(' "').startswith(where[1]))
        for part in where[2:]:
            number += list(_parent(document, where)).index(part) + 1 if isinstance(part, str) else part + 1
        shown = lines[number]
        if isinstance(value, list) and suffix == "yaml":
            number, shown = number + 1, lines[number + 1]
            column = shown.index("-") + 1
        elif isinstance(value, list):
            column = shown.index("[") + 1
        else:
            column = shown.rindex(json.dumps(value)) + 1
        error = raised(text, f"p.{suffix}")
        if (error.line, error.column) != (number + 1, column) or message not in str(error):
            wrong.append(f"{where}: expected {number + 1}:{column} {message}, got {error}")
        if error.where != where:
            wrong.append(f"{where}: the path is {error.where}")
        if getattr(error, "__notes__", []):
            wrong.append(f"{where}: more than one fault, {error.__notes__}")
    assert wrong == []


def _parent(document: dict, where: tuple[str | int, ...]) -> dict:
    for part in where[:-1]:
        document = document[part]
    return document


def test_a_design_that_its_class_rejects_is_a_fault_at_the_value(monkeypatch: pytest.MonkeyPatch):
    """The bounds of the parameters are narrower than a design's own checks, so the test makes those stricter."""

    def strict(self: ThreePlaneDesign) -> None:
        if self.pixel_pitch_m > 5e-6:
            raise ConfigError("design.pixel_pitch_m", expected="at most 5e-06", got=self.pixel_pitch_m)

    monkeypatch.setattr(ThreePlaneDesign, "__post_init__", strict)
    values = {PITCH: {"value": 6, "unit": "um"}, KEY: [1]}
    error = raised(json.dumps({**HEAD, "extends": FLIGHT, "parameters": values}, indent=1), "p.json")
    assert (error.line, error.where) == (10, ("parameters", PITCH, "value"))
    assert "expected at most 5e-06, got 6e-06" in str(error)
    assert "expected an array of shape (8,)" in error.__notes__[0]


def test_a_design_that_gives_no_numbers_is_a_documented_error():
    for override in ("system.m2_focal_length_m=-0.001", "system.m1_focal_length_m=9000"):
        with pytest.raises(DocumentError, match="the design gives no model: "):
            load_model("observation/flight_alpha_cen", overrides=[override])


def test_everything_that_the_design_needs_is_listed_at_once():
    error = raised(json.dumps({**HEAD, "system": "shera_threeplane"}), "p.json")
    texts = [str(error), *error.__notes__]
    missing = {key for key in settable_parameters() if any(f" {key} is missing" in text for text in texts)}
    assert missing == {
        "system.m1_diameter_m", "system.m2_diameter_m", "system.m1_focal_length_m", "system.m2_focal_length_m",
        "system.m1_m2_separation_m", "system.pixel_pitch_m", "band.wavelength_m", "band.bandwidth_m",
        "imaging.throughput", "imaging.full_well",
    }  # fmt: skip


def test_faults_of_form_and_of_meaning_are_reported_together():
    text = json.dumps({
        **HEAD, "extends": FLIGHT, "kine": 1, "config": {"image_npix": "15", "pupil_npix": 15, "pupil_nix": 2},
        "parameters": {"binary.contrast": True, PITCH: -1, "binary.separation_as": {"value": 1}, "binary.contrst": 1},
    }, indent=1)  # fmt: skip
    error = raised(text, "p.json")
    assert [str(text).split(": ")[1] for text in [error, *error.__notes__]] == [
        "kine", "config.image_npix", "config.pupil_npix", "config.pupil_nix", "parameters.binary.contrast",
        f"parameters.{PITCH}", "parameters.binary.separation_as", "parameters.binary.contrst",
    ]  # fmt: skip


def counted(monkeypatch: pytest.MonkeyPatch) -> Counter:
    """Count the calls of the checks, by the name of the field or the key of the parameter."""
    calls: Counter = Counter()
    for rule in (Integer, Number, NollIndices, EffectNames, MaskSource):
        real = rule.check

        def check(self: object, name: str, value: object, real=real) -> object:
            calls[name] += 1
            return real(self, name, value)

        monkeypatch.setattr(rule, "check", check)
    for relation in (AtLeast, SystemEffects):
        real_relation = relation.check

        def check_relation(self: object, values: object, real=real_relation) -> object:
            calls[type(self).__name__] += 1
            return real(self, values)

        monkeypatch.setattr(relation, "check", check_relation)
    from dluxshera.params import values
    from dluxshera.profiles import model, setting

    for name, modules in {"check_numbers": (values, setting), "check_shape": (values, model)}.items():
        real_check = getattr(values, name)

        def count(field: ParamField, value: object, real=real_check, name=name) -> object:
            calls[f"{name} {field.key}"] += 1
            return real(field, value)

        for module in modules:
            monkeypatch.setattr(module, name, count)
    return calls


def test_a_value_of_a_file_is_judged_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Once by its rule or its bounds, once for its shape, and no more when configuration and store are built."""
    content = {
        **HEAD, "extends": FLIGHT, "config": {"gap_npix": 512, "effects": ["motion"], "m2_noll": [4]},
        "parameters": {"binary.contrast": 3, KEY: [1, 2, 3, 4, 5, 6, 7, 8]},
    }  # fmt: skip
    path = tmp_path / "p.json"
    path.write_text(json.dumps(content))
    model_of(load_profile("instrument/shera_flight", shera_profiles()))  # fill the caches
    calls = counted(monkeypatch)
    model = load_model(path)
    assert len(model.store) > 20
    both = load_profile(path, shera_profiles())
    instrument = set(load_profile("instrument/shera_flight", shera_profiles()).config)
    calls.clear()
    load_model(path).store.as_dict()
    settings = {name: 1 + (name in content["config"] and name in instrument) for name in both.config}
    assert {name: calls[name] for name in settings} == settings
    assert (calls["AtLeast"], calls["SystemEffects"]) == (1, 1)
    assert {key: calls[f"check_numbers {key}"] for key in both.parameters} == dict.fromkeys(both.parameters, 1)
    assert calls[f"check_shape {KEY}"] == calls["check_shape binary.contrast"] == 1
    assert max(calls.values()) <= 2


def test_the_limits_of_a_rule_hold_for_documents_and_for_python_alike(monkeypatch: pytest.MonkeyPatch):
    """A narrower rule in a class is all that it takes: there is no second table."""
    config_class = CONFIG_CLASSES["shera_threeplane"]
    monkeypatch.setitem(config_class.__dataclass_fields__, "n_struts", _with_rule(config_class, Integer(0, 3)))
    with pytest.raises(ConfigError, match="from 0 to 3"):
        CONFIGS["shera_flight"].replace(n_struts=4)
    assert config_class.rules()["n_struts"].schema()["maximum"] == 3


def _with_rule(config_class: type, rule: Integer) -> object:
    from copy import copy

    item = copy(config_class.__dataclass_fields__["n_struts"])
    item.metadata = {**item.metadata, "rule": rule}
    return item


def test_the_form_has_no_limit_of_a_value_left():
    form = shera_profiles().form["properties"]
    text = json.dumps([form["config"], form["parameters"]])
    assert not [word for word in ("imum", "multipleOf", "maxItems", "Length", "uniqueItems", '"if"') if word in text]
    assert '"additionalProperties": false' in text
    assert '"required": ["value", "unit"]' in text
    assert form["name"] == shera_profiles().schema["properties"]["name"]
    assert Bounds(minimum=0).as_dict().keys() == {"minimum"}
