"""Packaged profiles give the named designs back; models go through files bit by bit; schema and code agree."""

import math
import random
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

import dluxshera.profiles.packaged as exports
from dluxshera.errors import DocumentError
from dluxshera.params import ParameterStore
from dluxshera.profiles import (
    load_model,
    load_profile,
    model_of,
    parse_profile,
    profile_of,
    save_model,
    shera_profiles,
)
from dluxshera.systems import (
    CONFIGS,
    SHERA_FLIGHT_CONFIG,
    SPEC_NAMES,
    TARGETS,
    build_spec,
    structural_hash_from_config,
)
from support.helpers import run_fresh
from support.profile_documents import disagreement, documents, python_accepts
from support.rows import each_row

KNOWN = shera_profiles()
SMALL = {"image_npix": 32, "diffractive_pupil": None}
EXTREMES = [5e-324, -2.2250738585072014e-308, 35999.999999999993, -36000.0, -0.0, 0.1 + 0.2, 1 / 3]


def small(name: str):
    return CONFIGS[name].replace(**SMALL)


@each_row("name", KNOWN.names())
def test_a_packaged_profile_is_what_the_designs_say(name: str):
    assert (KNOWN.packaged / f"{name}.yaml").read_text() == exports.packaged_files()[f"{name}.yaml"]
    load_profile(name, KNOWN)


def test_every_design_and_target_is_packaged():
    names = set(KNOWN.names())
    assert {f"{name}.yaml" for name in names} == set(exports.packaged_files())
    assert {f"instrument/{name}" for name in CONFIGS} <= names
    assert sum(name.startswith("target/") for name in names) == len(TARGETS) == 7


@each_row("name", CONFIGS)
def test_a_packaged_observation_is_the_named_configuration(name: str):
    config, spec, store = load_model(f"observation/{name.removeprefix('shera_')}_alpha_cen")
    assert config == CONFIGS[name]
    assert spec == build_spec(CONFIGS[name], "forward")
    assert store == ParameterStore.from_spec_defaults(spec)


@each_row("target", TARGETS.values(), ids=lambda target: target.name)
def test_a_packaged_target_gives_its_defaults_and_the_size_of_its_image(target):
    text = (
        "schema: dluxshera.profile/0.2.0\nkind: observation\nname: x\n"
        f"extends: [instrument/shera_flight, target/{exports.identifier(target.name)}]\n"
    )
    model = model_of(parse_profile(text, KNOWN, overrides=["diffractive_pupil=null"]))
    assert model.config.image_npix == target.image_npix
    assert model.values["binary.separation_as"] == target.separation_as
    assert target.name in model.spec["binary.contrast"].source


@each_row("name, spec_name, suffix", product(CONFIGS, SPEC_NAMES, ["yaml", "json"]))
def test_a_store_goes_through_a_file_bit_by_bit(tmp_path: Path, name: str, spec_name: str, suffix: str):
    config, rng = small(name), random.Random(name + spec_name)
    spec = build_spec(config, spec_name)
    values = {
        key: [rng.choice([*EXTREMES, rng.gauss(0, 1)]) for _ in range(spec[key].shape[0])]
        if spec[key].shape
        else spec[key].default * (1 + rng.choice([0, 1e-7 * rng.gauss(0, 1)]))
        for key in spec.primitives
    }
    values["binary.x_position_as"] = rng.choice(EXTREMES)
    store = ParameterStore(values, spec)
    path = tmp_path / name / spec_name / f"saved.{suffix}"
    path.parent.mkdir(parents=True, exist_ok=True)
    save_model(path, config, store, spec, name="saved")
    back = load_model(path)
    assert back.spec.title == spec.title
    assert list(back.store) == list(store)
    for key in store:
        assert np.asarray(back.store[key]).tobytes() == np.asarray(store[key]).tobytes(), key
    assert structural_hash_from_config(back.config) == structural_hash_from_config(config)
    again = profile_of(back.config, back.store, back.spec, name="saved")
    assert again == profile_of(config, store, spec, name="saved")


def test_grids_of_a_saved_model_follow_from_its_store(tmp_path: Path):
    """The values of the store become the design, and what the configuration leaves to be derived stays so."""
    config = SHERA_FLIGHT_CONFIG.replace(**SMALL)
    spec = build_spec(config, "forward")
    store = ParameterStore.from_spec_defaults(spec).replace({"system.m1_diameter_m": 0.1})
    save_model(tmp_path / "x.yaml", config, store, spec, name="x")
    back = load_model(tmp_path / "x.yaml").config
    assert (back.pupil_npix, back.gap_npix, back.pixel_nodes, back.n_wavelengths) == (None, None, None, None)
    assert back.design.m1_diameter_m == 0.1


def test_what_a_profile_says_of_the_design_moves_what_follows_from_it():
    overrides = ["diffractive_pupil=null"]
    base = load_model("observation/flight_alpha_cen", spec="inference", overrides=overrides)
    moved = load_model(
        "observation/flight_alpha_cen", spec="inference", overrides=[*overrides, "system.pixel_pitch_m=9.2 um"]
    )
    ratio = moved.store["system.plate_scale_as_per_pix"] / base.store["system.plate_scale_as_per_pix"]
    assert math.isclose(float(ratio), 2.0, rel_tol=1e-14)


def test_the_spec_is_that_of_the_profile_unless_another_is_asked_for(tmp_path: Path):
    config = small("shera_flight")
    spec = build_spec(config, "inference")
    save_model(tmp_path / "a.yaml", config, ParameterStore.from_spec_defaults(spec), spec, name="a")
    profile = load_profile(tmp_path / "a.yaml", KNOWN)
    assert model_of(profile).spec.name == "inference"
    with pytest.raises(
        DocumentError, match=r"system\.plate_scale_as_per_pix: is derived in the shera_threeplane\.forward"
    ):
        model_of(profile, spec="forward")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("parameters: {binary.contrast: 2}", "names the system"),
        (
            "system: shera_threeplane",
            "p.yaml:1:1: system.m1_diameter_m is missing: the design of shera_threeplane",
        ),
        (
            "extends: [instrument/shera_flight]\nconfig: {gap_npix: 500, pupil_npix: 512}",
            "p.yaml:5:20: config.gap_npix: expected at least pupil_npix = 512, got 500. The grid between",
        ),
        (
            "extends: [instrument/shera_twoplane_flight]\nconfig: {gap_npix: 300}",
            "p.yaml:5:10: config.gap_npix: unknown name",
        ),
        (
            "extends: [instrument/shera_flight]\nparameters: {primary.zernike_coeffs_nm: [1, 2]}",
            "p.yaml:5:41: parameters.primary.zernike_coeffs_nm: expected an array of shape (8,), got [1.0, 2.0]. One",
        ),
        (
            "extends: [instrument/shera_flight]\nparameters: {system.m3_power_per_m: 0}",
            "p.yaml:5:14: parameters.system.m3_power_per_m: does nothing in the shera_threeplane.forward spec",
        ),
        (
            "extends: [instrument/shera_flight]\nconfig: {diffractive_pupil: absent.npy}",
            "p.yaml:5:29: config.diffractive_pupil: expected 'dLuxToliman', the path of a .npy file, or None",
        ),
    ],
)
def test_a_profile_that_fits_no_system_is_refused_at_its_place(text: str, message: str):
    profile = parse_profile(f"schema: dluxshera.profile/0.2.0\nkind: target\nname: x\n{text}\n", KNOWN, "p.yaml")
    with pytest.raises(DocumentError) as error:
        model_of(profile)
    assert message in str(error.value)


def test_several_faults_of_a_spec_are_all_told():
    text = (
        "schema: dluxshera.profile/0.2.0\nkind: target\nname: x\nextends: [instrument/shera_flight]\n"
        "parameters: {primary.zernike_coeffs_nm: [1], secondary.zernike_coeffs_nm: [1], system.focal_length_m: 3}\n"
    )
    with pytest.raises(DocumentError) as error:
        model_of(parse_profile(text, KNOWN))
    assert len([error.value, *error.value.__notes__]) == 3


def test_a_design_of_a_known_name_and_other_values_is_another_design():
    config = load_model("instrument/shera_flight", overrides=["system.m1_diameter_m=0.23"]).config
    assert config.design.source_of("system.m1_diameter_m") == "profile shera_flight"
    assert replace(config.design, m1_diameter_m=0.22, sources=()) == replace(SHERA_FLIGHT_CONFIG.design, sources=())


def test_a_sample_of_documents_is_judged_alike_by_schema_python_and_loader():
    accepted = {True: 0, False: 0}
    for valid, document in documents(11, 120):
        assert disagreement(document) is None
        accepted[valid] += python_accepts(document)
    assert accepted[True] == 60
    assert accepted[False] < 15


def test_a_model_needs_no_jax_before_its_store():
    code = """
        import sys
        from dluxshera.profiles import load_profile
        from dluxshera.profiles import shera_profiles
        from dluxshera.profiles import model_of
        model_of(load_profile("observation/flight_alpha_cen", shera_profiles())).values
        print(*({"jax", "astropy", "equinox"} & set(sys.modules)))
    """
    assert run_fresh(code).split() == []
