"""Profiles as other programs and other folders read them: numbers of YAML 1.1, paths of masks, names with newlines."""

import json
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import dluxshera as ds
from dluxshera.errors import ConfigError, DocumentError
from dluxshera.profiles import (
    load_profile,
    model_of,
    parse_profile,
    profile_data,
    profile_text,
    save_model,
    shera_profiles,
)
from dluxshera.systems import settable_parameters
from support.foreign_quantities import Pint
from support.rows import each_row

KNOWN = shera_profiles()
HEAD = "schema: dluxshera.profile/0.2.0\nkind: observation\nname: mine\nextends: [instrument/shera_flight]\n"


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_readers_of_yaml_1_1_read_the_same_numbers(numbers):
    """PyYAML follows YAML 1.1, in which 1e-05 is text."""
    keys = {"binary.x_position_as": numbers[0], "primary.zernike_coeffs_nm": numbers}
    text = profile_text(profile_data("target", "x", settable_parameters(), parameters=keys))
    data = yaml.safe_load(text)["parameters"]
    assert float.hex(data["binary.x_position_as"]["value"]) == numbers[0].hex()
    assert list(map(float.hex, data["primary.zernike_coeffs_nm"]["value"])) == list(map(float.hex, numbers))


@each_row("number, text", [
    (1e-5, "1.0e-05"), (-1e-5, "-1.0e-05"), (1e22, "1.0e+22"), (1.5e-9, "1.5e-09"), (5e-324, "5.0e-324"), (0.1, "0.1"),
    (1e16, "1.0e+16"), (3.0, "3.0"),
])  # fmt: skip
def test_how_a_number_is_written(number, text):
    written = profile_text(
        profile_data("target", "x", settable_parameters(), parameters={"binary.x_position_as": number})
    )
    assert f"binary.x_position_as: {{value: {text}, unit: arcsec}}" in written


def test_packaged_profiles_are_the_same_to_yaml_1_1():
    for path in KNOWN.packaged.rglob("*.yaml"):
        other = yaml.safe_load(path.read_text())
        assert other == load_profile(path, KNOWN).documents[-1].data, path


@each_row("part, value", [
    ("name", "mine\\n"),
    ("extends", ["instrument/shera_flight\\n"]),
    ("extends", ["base.yaml\\n"]),
    ("schema", "dluxshera.profile/0.2.0\\n"),
    ("kind", "target\\n"),
    ("content_hash", f"sha256:{'0' * 64}\\n"),
])  # fmt: skip
def test_a_final_newline_is_no_part_of_a_name(part, value):
    document = {"schema": "dluxshera.profile/0.2.0", "kind": "target", "name": "mine", part: value}
    text = json.dumps(document).replace("\\\\n", "\\n")
    with pytest.raises(DocumentError):
        parse_profile(text, KNOWN, "p.json")


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """A working folder and a folder of profiles, each with a mask of the same name."""
    for name, value in (("work", 0), ("profiles", 1)):
        (tmp_path / name).mkdir()
        mask = np.zeros((2, 2))
        mask[0, 0] = value
        np.save(tmp_path / name / "mask.npy", mask)
    (tmp_path / "profiles" / "p.yaml").write_text(f"{HEAD}config: {{diffractive_pupil: mask.npy}}\n")
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path


@each_row("source", ["../profiles/p.yaml", "{}/profiles/p.yaml", "{}/work/../profiles/p.yaml"])
def test_a_mask_is_relative_to_its_document(source, folders):
    config = model_of(load_profile(source.format(folders), KNOWN)).config
    assert Path(config.diffractive_pupil).resolve() == folders / "profiles" / "mask.npy"
    assert Path(config.diffractive_pupil).is_absolute()


def test_a_mask_of_an_extended_document_is_relative_to_that_one(folders):
    (folders / "work" / "q.yaml").write_text(HEAD.replace("instrument/shera_flight", "../profiles/p.yaml"))
    assert model_of(load_profile("q.yaml", KNOWN)).config.diffractive_pupil == str(
        folders / "work" / "../profiles" / "mask.npy"
    )
    (folders / "work" / "q.yaml").write_text(
        HEAD.replace("instrument/shera_flight", "../profiles/p.yaml") + "config: {diffractive_pupil: mask.npy}\n"
    )
    assert model_of(load_profile("q.yaml", KNOWN)).config.diffractive_pupil == str(folders / "work" / "mask.npy")


def test_an_override_and_python_are_relative_to_the_working_folder(folders):
    profile = load_profile(folders / "profiles" / "p.yaml", KNOWN, ["diffractive_pupil=mask.npy"])
    expected = str(folders / "work" / "mask.npy")
    assert model_of(profile).config.diffractive_pupil == expected
    assert ds.SHERA_FLIGHT_CONFIG.replace(diffractive_pupil="mask.npy").diffractive_pupil == expected
    assert ds.SHERA_FLIGHT_CONFIG.replace(diffractive_pupil=Path("mask.npy")).diffractive_pupil == expected


def test_a_saved_model_keeps_its_mask_in_another_folder(folders, monkeypatch):
    config, spec, store = ds.load_model(folders / "profiles" / "p.yaml")
    (folders / "elsewhere").mkdir()
    save_model(folders / "elsewhere" / "saved.yaml", config, store, spec, name="saved")
    monkeypatch.chdir(folders / "elsewhere")
    assert ds.load_model("saved.yaml").config.diffractive_pupil == config.diffractive_pupil
    relative = ds.SHERA_FLIGHT_CONFIG.replace(diffractive_pupil="../work/mask.npy")
    monkeypatch.chdir(folders)
    assert ds.structural_hash_from_config(relative) != ds.structural_hash_from_config(config)  # still the other file


def test_names_and_faults_of_masks(folders):
    assert ds.SHERA_FLIGHT_CONFIG.diffractive_pupil == "dLuxToliman"
    (folders / "profiles" / "q.yaml").write_text(f"{HEAD}config: {{diffractive_pupil: none.npy}}\n")
    with pytest.raises(DocumentError, match=r"q\.yaml:5:29: config\.diffractive_pupil: .*got '.*profiles/none\.npy'"):
        model_of(load_profile(folders / "profiles" / "q.yaml", KNOWN))
    with pytest.raises(ConfigError, match="diffractive_pupil: expected a name or a path"):
        ds.SHERA_FLIGHT_CONFIG.replace(diffractive_pupil="")


@each_row("value", ["4.6 µm", "4.6 μm", "46000 Å"])
def test_another_spelling_of_a_unit_is_offered(value):
    spelling = "Angstrom" if "Å" in value else "um"
    with pytest.raises(DocumentError, match=f"no such unit, write {spelling} "):
        parse_profile(HEAD, KNOWN, overrides=[f"system.pixel_pitch_m={value}"])
    number, unit = value.split()
    with pytest.raises(DocumentError, match=rf"<text>:\d+:\d+: .*no such unit, write {spelling} "):
        parse_profile(f"{HEAD}parameters: {{system.pixel_pitch_m: {{value: {number}, unit: {unit}}}}}\n", KNOWN)


@each_row("value", [9700 * u.mas, Pint(9.7, "arcsecond"), np.float32(9.7), np.array(9.7), 9.7])
def test_a_profile_is_written_from_values_with_a_unit(value):
    data = profile_data("target", "x", settable_parameters(), parameters={"binary.separation_as": value})
    number = data["parameters"]["binary.separation_as"]["value"]
    assert type(number) is float
    assert number == pytest.approx(9.7, rel=1e-6)
    lists = {"primary.zernike_coeffs_nm": np.arange(3.0)}
    data = profile_data("target", "x", settable_parameters(), parameters=lists)
    assert data["parameters"]["primary.zernike_coeffs_nm"]["value"] == [0.0, 1.0, 2.0]


@each_row(
    "value", [np.int64(256), np.int32(256), np.uint8(64), np.float32(256), np.float64(256.0), np.array(256), 256.0]
)
def test_whole_numbers_of_numpy_are_whole_numbers(value):
    config = ds.SHERA_FLIGHT_CONFIG.replace(image_npix=value)
    assert type(config.image_npix) is int
    assert config.image_npix == int(value)


@each_row("indices", [np.arange(4, 8), np.array([4.0, 5.0]), [np.int64(4), np.float32(5)], range(4, 6)])
def test_noll_indices_of_numpy(indices):
    config = ds.SHERA_FLIGHT_CONFIG.replace(m1_noll=indices)
    assert config.m1_noll == tuple(int(index) for index in indices)
    assert all(type(index) is int for index in config.m1_noll)


@each_row("value", [np.array([256]), np.array(256.5), np.bool_(True), np.array(True), np.ma.masked, np.array("256")])
def test_what_is_no_whole_number(value):
    with pytest.raises(ConfigError, match="image_npix: expected an even integer"):
        ds.SHERA_FLIGHT_CONFIG.replace(image_npix=value)
