"""The records of parameters and effects: complete, consistent, in one order, and the only table of keys."""

from __future__ import annotations

from dataclasses import fields, replace
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest

import dluxshera
from dluxshera.errors import ConfigError, ParameterError, UnknownKeyError
from dluxshera.systems import (
    ALPHA_CEN,
    CONFIG_CLASSES,
    CONFIGS,
    EFFECTS,
    PARAMETERS,
    SHERA_FLIGHT_CONFIG,
    SPEC_NAMES,
    TARGETS,
    DetectorHook,
    OptionalEffect,
    Parameter,
    ThreePlaneDesign,
    build_spec,
    design_keys,
    design_values,
    effects,
    effects_of,
    parameters,
    parameters_of,
    settable_parameters,
    target_keys,
    visit_keys,
)
from dluxshera.systems.defaults import default_of
from dluxshera.systems.parameters.kinds import FORWARD_DERIVED, IN_EVERY_SPEC, SpecKinds, in_systems
from dluxshera.systems.parameters.origins import (
    ApertureNumber,
    Constant,
    DesignAttribute,
    EvenlySpaced,
    ForwardSpec,
    NoDefault,
    TargetAttribute,
)
from dluxshera.systems.parameters.record import Computation
from dluxshera.systems.planes import SURFACES
from dluxshera.systems.table import table_of
from dluxshera.systems.transforms import focal_ratio
from support.key_tables import key_tables

PACKAGE = Path(dluxshera.__file__).parent
SOUND = dict(
    key="imaging.gain",
    title="Gain",
    doc="Electrons over data numbers.",
    symbol="G",
    units="",
    kinds=in_systems(IN_EVERY_SPEC),
    origin=Constant(1.0, "illustrative"),
)
RATIO = Computation(focal_ratio, ("system.focal_length_m", "system.m1_diameter_m"), "N = f / D")
DERIVED = SOUND | {"kinds": in_systems(FORWARD_DERIVED), "origin": NoDefault(), "computed": in_systems(RATIO)}

INCOMPLETE = {
    "no title": (SOUND | {"title": ""}, "expected a title"),
    "no doc": (SOUND | {"doc": ""}, "expected a doc"),
    "doc of half a sentence": (SOUND | {"doc": "Electrons"}, "whole sentences"),
    "no symbol": (SOUND | {"symbol": ""}, "expected a symbol"),
    "in no system": (SOUND | {"kinds": {}}, "its kind in the specs of a system"),
    "in an unknown system": (SOUND | {"kinds": {"shera_fiveplane": IN_EVERY_SPEC}}, "a system among shera_twoplane"),
    "in no spec": (SOUND | {"kinds": in_systems(SpecKinds())}, "a spec of shera_twoplane that has it"),
    "derived without a computation": (DERIVED | {"computed": {}}, "a computation for shera_twoplane, which derives it"),
    "computed but not derived": (SOUND | {"computed": in_systems(RATIO)}, "no computation for shera_twoplane"),
    "no equation": (DERIVED | {"computed": in_systems(replace(RATIO, equation=""))}, "expected an equation"),
    "primitive without an origin": (SOUND | {"origin": NoDefault()}, "the origin of its default in shera_twoplane"),
    "primitive from the forward spec": (SOUND | {"origin": ForwardSpec()}, "the origin of its default in shera_two"),
    "derived with a default": (DERIVED | {"origin": Constant(1.0, "x")}, r"the origin NoDefault\(\)"),
    "derived forward with a default": (
        DERIVED
        | {"kinds": in_systems(SpecKinds(forward="derived", inference="primitive")), "origin": Constant(1.0, "x")},
        r"the origin ForwardSpec\(\)",
    ),
    "structural without the aperture": (SOUND | {"kinds": in_systems(SpecKinds("structural"))}, "origin in the aper"),
    "primitive of the aperture": (
        SOUND | {"origin": ApertureNumber("open_fraction", "x")},
        "an origin in the aperture",
    ),
    "spaced, and no list": (SOUND | {"origin": EvenlySpaced(0.0, 1.0, "x")}, "a list whose length is a field"),
    "two widths": (SOUND | {"prior_sigma": 1.0, "relative_prior_sigma": 0.1}, "not both"),
}


@pytest.mark.parametrize("case", INCOMPLETE)
def test_an_incomplete_record_raises_and_names_its_key(case: str):
    parts, message = INCOMPLETE[case]
    with pytest.raises(ParameterError, match=message) as error:
        Parameter(**parts)
    assert error.value.key == "imaging.gain"


def test_a_record_without_one_of_its_parts_cannot_be_made():
    assert Parameter(**SOUND).key == Parameter(**DERIVED).key
    for part in SOUND:
        with pytest.raises(TypeError, match=f"missing .*required .*argument: '{part}'"):
            Parameter(**{name: value for name, value in SOUND.items() if name != part})


def test_a_table_raises_for_two_records_of_a_key_for_an_unknown_group_and_for_an_unknown_input():
    with pytest.raises(ParameterError, match="one record for each key"):
        table_of([Parameter(**SOUND), Parameter(**SOUND)])
    with pytest.raises(ParameterError, match=r"electronics\.gain: expected a group among binary"):
        table_of([Parameter(**SOUND | {"key": "electronics.gain"})])
    wrong = replace(RATIO, inputs=("system.focal_lenght_m", "system.m1_diameter_m"))
    with pytest.raises(ParameterError, match=r"imaging\.gain: .* Did you mean system\.focal_length_m"):
        table_of([*PARAMETERS.values(), Parameter(**DERIVED | {"computed": in_systems(wrong)})])


def test_a_design_or_target_without_the_attribute_of_a_record_raises():
    for origin, owner in ((DesignAttribute(), "ThreePlaneDesign"), (TargetAttribute(), "Target")):
        with pytest.raises(ConfigError, match=f"imaging.gain: expected an attribute gain of {owner}"):
            default_of(Parameter(**SOUND | {"origin": origin}), SHERA_FLIGHT_CONFIG, ALPHA_CEN)


def effect_of(**changes: object) -> OptionalEffect:
    record = Parameter(**SOUND | {"effect": "gain"} | changes.pop("record", {}))
    hook = DetectorHook((record,), lambda image, _, values: image * values[record.key])
    return OptionalEffect(**{"name": "gain", "doc": "A gain.", "parameters": (record,), "hook": hook} | changes)


def test_an_incomplete_effect_raises():
    assert effect_of().hook.margin(SHERA_FLIGHT_CONFIG) == 0
    for changes, message in (
        ({"name": "a gain"}, "a name of letters"),
        ({"doc": "A gain"}, "ends with a full stop"),
        ({"record": {"effect": ""}}, "Add effect='gain'"),
        ({"parameters": (*effect_of().parameters, Parameter(**SOUND))}, "parameters of effects"),
        ({"surfaces": 1}, "parameters of the systems shera_threeplane, shera_fourplane"),
    ):
        with pytest.raises(ConfigError, match=message):
            effect_of(**changes)


def modules_of(package) -> list:
    return [import_module(info.name) for info in iter_modules(package.__path__, f"{package.__name__}.")]


def test_every_record_and_every_effect_of_a_module_is_in_the_tables():
    """A record that no table has would be forgotten without a word."""
    definitions = [value for room in (parameters, effects) for m in modules_of(room) for value in vars(m).values()]
    records = {value for value in definitions if isinstance(value, Parameter)}
    assert {record.key for record in records if PARAMETERS.get(record.key) is not record} == set()
    optional = {value for value in definitions if isinstance(value, OptionalEffect)}
    assert {effect.name for effect in optional} == set(EFFECTS)
    assert [record.key for record in PARAMETERS.values() if record.effect and record.effect not in EFFECTS] == []


def test_each_effect_acts_through_parameters_that_its_model_has():
    for effect in EFFECTS.values():
        systems = [system for system, surfaces in SURFACES.items() if surfaces >= effect.surfaces]
        for system in systems:
            config = next(config for config in CONFIGS.values() if config.system_id == system)
            forward = {item.key for item in parameters_of(config.replace(effects=[effect.name]), "forward")}
            assert {item.key for item in effect.hook.reads} <= forward, effect.name
        names = {item.name for cls in CONFIG_CLASSES.values() for item in fields(cls)}
        assert set(effect.config_fields) <= names


def test_the_systems_of_the_records_are_those_of_the_configurations():
    assert {system: cls.surfaces for system, cls in CONFIG_CLASSES.items()} == SURFACES


# Order of the groups of a spec; within a group, that of the records.
ORDER = (
    *("binary.separation_as", "binary.position_angle_deg", "binary.x_position_as", "binary.y_position_as"),
    *("binary.log_flux_total", "binary.contrast", "binary.spectral_flux_density", "binary.log_flux_b"),
    *("system.m1_diameter_m", "system.pixel_pitch_m", "system.open_area_fraction", "system.focal_length_m"),
    *("system.plate_scale_as_per_pix", "system.diffraction_limit_as", "primary.zernike_coeffs_nm"),
    *("secondary.zernike_coeffs_nm", "tertiary.zernike_coeffs_nm", "band.wavelength_m"),
    *("band.effective_wavelength_m", "imaging.exposure_time_s", "imaging.full_well_margin"),
)


def test_all_specs_are_in_one_order_with_effects_last():
    faults = []
    for name, plain in CONFIGS.items():
        for config in (plain, plain.replace(effects=effects_of(plain.surfaces))):
            for spec_name in SPEC_NAMES:
                spec = build_spec(config, spec_name)
                table = [key for key in PARAMETERS if key in spec]
                landmarks = [key for key in ORDER if key in spec]
                effects_last = sorted(spec, key=lambda key, spec=spec: bool(spec[key].effect))
                if not list(spec) == table == effects_last:
                    faults.append((name, spec_name, "not the order of the table"))
                if [key for key in spec if key in landmarks] != landmarks:
                    faults.append((name, spec_name, "not the canonical order"))
    assert faults == []


def test_an_unknown_spec_raises():
    for call in (build_spec, parameters_of):
        with pytest.raises(UnknownKeyError, match="Did you mean forward"):
            call(SHERA_FLIGHT_CONFIG, "foward")


def test_targets_and_designs_have_the_keys_of_their_attributes():
    assert target_keys() == {
        "binary.separation_as": "separation_as",
        "binary.position_angle_deg": "position_angle_deg",
        "binary.contrast": "contrast",
        "binary.spectral_flux_density": "spectral_flux_density",
    }
    assert visit_keys() == {
        "imaging.exposure_time_s": "exposure_time_s",
        "imaging.frame_time_s": "frame_time_s",
    }
    for config in CONFIGS.values():
        attributes = [item.name for item in fields(config.design) if item.name != "sources"]
        assert list(design_keys(type(config)).values()) == attributes
        assert list(design_values(config).values()) == [getattr(config.design, name) for name in attributes]
    assert all(hasattr(target, name) for target in TARGETS.values() for name in target_keys().values())


def test_a_design_attribute_without_a_record_raises(monkeypatch: pytest.MonkeyPatch):
    from dataclasses import dataclass

    @dataclass(frozen=True, kw_only=True)
    class Wider(ThreePlaneDesign):
        gain: float

    monkeypatch.setattr(type(SHERA_FLIGHT_CONFIG), "design_type", Wider)
    with pytest.raises(ConfigError, match=r"design\.gain: expected an attribute that is the default of a parameter"):
        design_keys(type(SHERA_FLIGHT_CONFIG))


def test_profiles_set_what_some_spec_has_as_a_primitive():
    specs = [
        build_spec(config.replace(effects=effects_of(config.surfaces)), name)
        for config in CONFIGS.values()
        for name in SPEC_NAMES
    ]
    primitives = {key for spec in specs for key in spec.primitives if len(spec[key].shape) < 2}
    primitives |= {
        key for config in CONFIGS.values() for name in SPEC_NAMES for key in build_spec(config, name).primitives
    }
    assert set(settable_parameters()) == primitives


def test_no_other_module_has_a_table_of_keys():
    assert key_tables(PACKAGE, PARAMETERS) == []


PLANTED = {
    "tuple": 'KEYS = ("binary.separation_as", "binary.contrast")',
    "set": 'KEYS = frozenset({"binary.separation_as", "band.wavelength_m"})',
    "list": "def keys():\n    return ['binary.separation_as', 'system.pixel_pitch_m']",
    "dict": 'UNITS = {"binary.separation_as": "arcsec", "system.pixel_pitch_m": "m"}',
    "values": 'KEYS = {"scale": "system.plate_scale_as_per_pix", "pitch": "system.pixel_pitch_m"}',
}


@pytest.mark.parametrize("kind", PLANTED)
def test_a_planted_table_of_keys_is_found(tmp_path: Path, kind: str):
    (tmp_path / "systems" / "parameters").mkdir(parents=True)
    (tmp_path / "systems" / "parameters" / "binary.py").write_text(PLANTED[kind])
    (tmp_path / "fine.py").write_text(
        'text = ("binary.separation_as", "two words")\nscale = {"binary.contrast": 3.0}\n'
    )
    assert key_tables(tmp_path, PARAMETERS) == []
    (tmp_path / "planted.py").write_text(PLANTED[kind])
    faults = key_tables(tmp_path, PARAMETERS)
    assert len(faults) == 1
    assert faults[0].startswith("planted.py:")
