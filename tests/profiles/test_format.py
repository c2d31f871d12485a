"""Profiles as documents: composed, overridden, converted, checked, saved; nothing here knows a telescope."""

import builtins
import json
import math
import os
import subprocess
import warnings
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dluxshera.errors import DocumentError
from dluxshera.params import in_own_unit
from dluxshera.profiles import (
    Migration,
    content_hash,
    load_profile,
    migration,
    parse_profile,
    profile_data,
    profile_text,
    save_profile,
    shera_profiles,
)
from dluxshera.systems import settable_parameters
from support.profile_fuzz import BOMBS, byte_string, fuzz, seeds

KNOWN = shera_profiles()
HEAD = "schema: dluxshera.profile/0.2.0\nkind: target\nname: x\n"
EXTREMES = [5e-324, -5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, -1.7976931348623157e308, -0.0, 0.1 + 0.2,
            1 / 3, 1e22, 123456789012345680.0, math.nextafter(1, 2), 1e16, 9007199254740993.0]  # fmt: skip


def refused(text: str, *overrides: str) -> list[str]:
    """Return every fault of a profile that is refused, the name of its file left out."""
    with pytest.raises(DocumentError) as error:
        parse_profile(text, KNOWN, "p.yaml", overrides)
    return [str(error.value), *getattr(error.value, "__notes__", [])]


def values(text: str, *overrides: str) -> dict[str, object]:
    return {key: s.value for key, s in parse_profile(text, KNOWN, overrides=overrides).parameters.items()}


def write(folder: Path, **texts: str) -> Path:
    for name, text in texts.items():
        (folder / f"{name}.yaml").write_text(f"schema: dluxshera.profile/0.2.0\nkind: target\nname: {name}\n{text}")
    return folder / f"{next(iter(texts))}.yaml"


# What comes out


def test_every_fault_is_told_with_its_place_what_is_allowed_and_what_was_meant():
    text = (
        "schema: dluxshera.profile/0.2.0\nkind: trget\nname: x\nparametrs: 3\nparameters:\n"
        "  system.pixel_pitch_m: {value: 4.6, unit: s}\n  binary.contrast: -3\n  system.focal_ratio: 3\n"
        "  binary.seperation_as: 1\nconfig: {image_npix: 15, obscuration: yes}\n"
        "extends: [instrument/shera_fligt, ./no.yaml]\n"
    )
    faults = refused(text)
    places = [tuple(map(int, fault.split(":")[1:3])) for fault in faults]
    assert places == [(2, 7), (4, 1), (6, 44), (7, 20), (8, 3), (9, 3), (10, 22), (10, 39), (11, 11), (11, 35)]
    assert faults[0] == (
        'p.yaml:2:7: kind: not an allowed value (allowed instrument, target, observation, numerics, got "trget"; did'
        " you mean target?)."
    )
    assert 'allowed a unit that converts to m, got "s"' in faults[2]
    assert "expected >= 1e-15 and <= 1e+15, got -3.0." in faults[3]
    assert "derived in every spec" in faults[4]
    assert "did you mean binary.separation_as?" in faults[5]
    assert "config.image_npix: expected an even integer from 2 to 8192, got 15. The nearest" in faults[6]
    assert 'got "yes"' in faults[7]  # text to YAML 1.2
    assert "did you mean instrument/shera_flight?" in faults[8]
    assert "No such file" in faults[9]


def test_every_fault_of_every_document_is_told(tmp_path: Path):
    path = write(tmp_path, a="extends: [b.yaml, c.yaml]\nkine: 1\n", b="config: {image_npix: 3}\n", c="config: 3\n")
    with pytest.raises(DocumentError) as error:
        load_profile(path, KNOWN)
    faults = [str(error.value), *error.value.__notes__]
    assert [Path(fault.split(":")[0]).name for fault in faults] == ["a.yaml", "b.yaml", "c.yaml"]


def test_a_flood_of_faults_is_cut():
    names = "".join(f"  binary.x{i}: 1\n" for i in range(900))
    assert 50 < len(refused(f"{HEAD}parameters:\n{names}")) <= 110


# Composition


def test_what_comes_later_wins_and_what_extends_wins_over_all(tmp_path: Path):
    path = write(
        tmp_path,
        top="extends: [one.yaml, two.yaml]\nparameters: {binary.contrast: 9}\n",
        one="parameters: {binary.contrast: 1, binary.separation_as: 1, binary.x_position_as: 1}\n",
        two="parameters: {binary.contrast: 2, binary.separation_as: 2}\n",
    )
    profile = load_profile(path, KNOWN)
    assert {key: s.value for key, s in profile.parameters.items()} == {
        "binary.contrast": 9.0, "binary.separation_as": 2.0, "binary.x_position_as": 1.0,
    }  # fmt: skip
    assert [d.data["name"] for d in profile.documents] == ["one", "two", "top"]
    assert profile.name == "top"
    assert Path(profile.parameters["binary.separation_as"].document.file).name == "two.yaml"


def test_a_document_that_is_reached_twice_counts_once(tmp_path: Path):
    """Otherwise the second time would undo what the first branch had changed."""
    path = write(
        tmp_path,
        top="extends: [one.yaml, two.yaml]\n",
        one="extends: [base.yaml]\nparameters: {binary.contrast: 1}\n",
        two="extends: [base.yaml]\n",
        base="parameters: {binary.contrast: 5}\n",
    )
    profile = load_profile(path, KNOWN)
    assert profile.parameters["binary.contrast"].value == 1.0
    assert len(profile.documents) == 4


def test_a_circle_is_refused_with_its_chain(tmp_path: Path):
    path = write(tmp_path, a="extends: [b.yaml]\n", b="extends: [c.yaml]\n", c="extends: [b.yaml]\n")
    with pytest.raises(DocumentError) as error:
        load_profile(path, KNOWN)
    b, c = tmp_path / "b.yaml", tmp_path / "c.yaml"
    assert str(error.value) == (f"{c}:4:11: extends[0]: the profiles extend each other in a circle, {b} -> {c} -> {b}.")


def test_a_profile_that_extends_itself_is_refused(tmp_path: Path):
    path = write(tmp_path, a="extends: [./a.yaml]\n")
    with pytest.raises(DocumentError, match="in a circle"):
        load_profile(path, KNOWN)


def test_the_number_of_documents_is_bounded(tmp_path: Path):
    texts = {f"p{i}": f"extends: [p{i + 1}.yaml, p{i + 2}.yaml]\n" for i in range(60)}
    path = write(tmp_path, **texts)
    with pytest.raises(DocumentError, match="more than 32 documents"):
        load_profile(path, KNOWN)


@pytest.mark.parametrize("name", ["/etc/passwd", "/etc/x.yaml", "~/x.yaml", "x.txt", "target/alpha_cen.yml/../x", ""])
def test_extends_takes_packaged_names_and_relative_documents_alone(name: str):
    assert any("extends[0]: not of the right form" in fault for fault in refused(f'{HEAD}extends: ["{name}"]\n'))


@pytest.mark.parametrize("name", ["instrument/" + "a" * 300, "a" * 900 + ".yaml", "a/" * 400 + "b.yaml", "nul\\0.yaml"])
def test_a_name_that_no_file_can_have_is_refused(name: str):
    assert "extends[0]" in refused(f'{HEAD}extends: ["{name}"]\n')[0]


def test_links_in_a_circle_are_refused(tmp_path: Path):
    (tmp_path / "loop.yaml").symlink_to(tmp_path / "loop.yaml")
    with pytest.raises(DocumentError, match="cannot be read"):
        load_profile(write(tmp_path, a="extends: [loop.yaml]\n"), KNOWN)


def test_two_systems_do_not_mix():
    text = f"{HEAD}extends: [instrument/shera_flight, instrument/shera_twoplane_flight]\n"
    (fault,) = refused(text)
    assert "system: not the system of" in fault
    assert 'allowed shera_threeplane, got "shera_twoplane"' in fault


def test_an_unknown_packaged_name_is_refused_with_what_was_meant():
    with pytest.raises(DocumentError, match=r"did you mean target/alpha_cen\?"):
        load_profile("target/alpha_cn", KNOWN)


def test_reading_opens_nothing_but_what_extends_names_and_runs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = write(tmp_path, a="extends: [b.yaml]\nconfig: {diffractive_pupil: /etc/passwd}\n", b="source: !!x y\n")
    opened = []
    real = Path.open

    def noted(self: Path, *arguments: object, **more: object):
        opened.append(self.name)
        return real(self, *arguments, **more)

    def never(*arguments: object, **more: object):
        raise AssertionError("something was run or opened")

    monkeypatch.setattr(Path, "open", noted)
    for module, names in {os: ["system", "popen"], subprocess: ["Popen"], builtins: ["eval", "open"]}.items():
        for name in names:
            monkeypatch.setattr(module, name, never)
    with pytest.raises(DocumentError, match="tags are not read"):
        load_profile(path, KNOWN)
    assert opened == ["a.yaml", "b.yaml"]


# Overrides


def test_overrides_win_over_everything():
    made = parse_profile(
        f"{HEAD}parameters: {{binary.contrast: 2}}\n", KNOWN,
        overrides=["binary.contrast=3", "system.m1_diameter_m=22cm", "primary.zernike_coeffs_nm=[1, -2.5] um",
                   "image_npix=64", "m1_noll=[4, 5]", "diffractive_pupil=null", "imaging.throughput=50 %"],
    )  # fmt: skip
    assert {key: s.value for key, s in made.parameters.items()} == {
        "binary.contrast": 3.0, "system.m1_diameter_m": 0.22, "primary.zernike_coeffs_nm": [1000.0, -2500.0],
        "imaging.throughput": 0.5,
    }  # fmt: skip
    assert {key: s.value for key, s in made.config.items()} == {
        "image_npix": 64, "m1_noll": (4, 5), "diffractive_pupil": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("x", "--set: x: expected key=value, or key=value unit."),
        ("=3", "--set: =3: expected key=value, or key=value unit."),
        ("binary.contrast=", "--set: binary.contrast=: expected key=value, or key=value unit."),
        ("binary.contrast=-1", "--set: binary.contrast: expected >= 1e-15 and <= 1e+15, got -1.0."),
        ("binary.contrast=[", "--set: binary.contrast: is not YAML"),
        (
            "system.m1_diameter_m=3kg",
            "--set: system.m1_diameter_m.unit: wrong unit (allowed a unit that converts to m,",
        ),
        ("system.m1_diameter_m=-3mm", "--set: system.m1_diameter_m.value: expected >= 0.001 and <= 100 m, got -0.003."),
        ("binary.contrst=1", "--set: binary.contrst: unknown name"),
        ("image_nix=64", "--set: image_nix: unknown name"),
        ("image_npix=65", "--set: image_npix: expected an even integer from 2 to 8192, got 65."),
    ],
)
def test_a_faulty_override_is_told(override: str, message: str):
    assert refused(HEAD, override)[0].startswith(message)


# Units


@pytest.mark.parametrize(
    ("key", "amount", "unit", "expected"),
    [
        ("system.pixel_pitch_m", 4.6, "um", 4.6e-6),  # rounded once
        ("band.wavelength_m", 550, "nm", 550e-9),
        ("system.m1_diameter_m", 22, "cm", 0.22),
        ("imaging.exposure_time_s", 0.5, "h", 1800.0),
        ("binary.separation_as", 9765, "mas", 9.765),
        ("imaging.throughput", 85, "%", 0.85),
        ("binary.log_flux_total", 11.5, "log10(ph)", 11.5),
        ("primary.zernike_coeffs_nm", [1, 2], "pm", [0.001, 0.002]),
    ],
)
def test_units_are_converted(key: str, amount: object, unit: str, expected: object):
    assert values(f"{HEAD}parameters:\n  {key}: {{value: {amount}, unit: '{unit}'}}\n") == {key: expected}


@pytest.mark.parametrize(
    ("key", "unit"),
    [
        ("system.m1_diameter_m", "s"), ("system.m1_diameter_m", ""), ("binary.contrast", "m"),
        ("system.m1_diameter_m", "furlong"), ("binary.log_flux_total", "ph"), ("system.m1_diameter_m", "m**9999999"),
        ("system.m1_diameter_m", "10**400 m"), ("system.m1_diameter_m", "mag"), ("imaging.throughput", "deg_C"),
        ("system.m1_diameter_m", "m m**-0.5 m**0.49"), ("system.m1_diameter_m", "(" * 30), ("binary.contrast", "1/0"),
    ],
)  # fmt: skip
def test_a_wrong_unit_is_refused_as_such(key: str, unit: str):
    faults = refused(f"{HEAD}parameters:\n  {key}: {{value: 1, unit: '{unit}'}}\n")
    assert "unit" in faults[0].split(": ", 1)[1]


def test_a_value_is_checked_against_its_bounds_in_any_unit():
    assert (
        "imaging.throughput.value: expected >= 1e-12 and <= 1, got 1.5"
        in refused(f"{HEAD}parameters: {{imaging.throughput: {{value: 150, unit: '%'}}}}")[0]
    )
    assert (
        "expected >= -360 and <= 360 deg, got 361.0"
        in refused(f"{HEAD}parameters: {{binary.position_angle_deg: {{value: 361, unit: deg}}}}")[0]
    )
    assert "too large in m" in refused(f"{HEAD}parameters: {{system.m1_diameter_m: {{value: 1e308, unit: km}}}}")[0]


def test_no_conversion_warns_and_a_value_in_its_own_unit_is_left_alone():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for value in EXTREMES:
            assert repr(in_own_unit(settable_parameters()["binary.x_position_as"], value, "arcsec")) == repr(value)


# Versions


def test_a_newer_version_is_refused_with_the_remedy():
    (fault,) = refused("schema: dluxshera.profile/0.3.0\nkind: target\nname: x\nsomething: new\n")
    assert fault == (
        "p.yaml:1:9: schema: was written against version 0.3.0, which is newer than this package: install a newer one"
        ' (allowed dluxshera.profile/0.2.0, got "dluxshera.profile/0.3.0").'
    )


def test_an_older_version_is_refused_with_what_changed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(migration, "HISTORY", {"0.0.9": "the first version", "0.1.0": "contrast became A over B"})
    (fault,) = refused("schema: dluxshera.profile/0.0.9\nkind: target\nname: x\n")
    assert "version 0.0.9, and there is no migration; changes since: 0.1.0: contrast became A over B" in fault


def test_an_older_version_is_migrated_step_by_step(tmp_path: Path):
    def renamed(data: dict) -> dict:
        return {**data, "parameters": {"binary.contrast": data["params"]["ratio"]}, "params": None}

    def without_params(data: dict) -> dict:
        return {key: value for key, value in data.items() if key != "params"}

    steps = {"0.0.8": Migration("0.0.9", renamed), "0.0.9": Migration("0.2.0", without_params)}
    path = tmp_path / "old.yaml"
    data = {"schema": "dluxshera.profile/0.0.8", "kind": "target", "name": "x", "params": {"ratio": 3}}
    path.write_text(json.dumps({**data, "content_hash": content_hash(data)}))
    assert load_profile(path, KNOWN, migrations=steps).parameters["binary.contrast"].value == 3.0
    path.write_text(json.dumps({**data, "content_hash": "sha256:" + "0" * 64}))
    with pytest.raises(DocumentError, match="changed after the profile was saved"):
        load_profile(path, KNOWN, migrations=steps)


@pytest.mark.parametrize("said", ["", "schema: 3\n", "schema: dluxshera.profile\n", "schema: other/0.1.0\n",
                                  "schema: dluxshera.profile/1\n"])  # fmt: skip
def test_what_is_no_profile_is_refused_as_such(said: str):
    faults = refused(f"{said}kind: target\nname: x\n")
    assert "schema" in faults[0]
    assert "allowed dluxshera.profile/0.2.0" in faults[0]


# Saving


LARGEST = 36000.0  # of a position, arcsec
NUMBERS = st.floats(-LARGEST, LARGEST) | st.sampled_from([number for number in EXTREMES if abs(number) < LARGEST])


@given(st.lists(NUMBERS, min_size=1, max_size=8), st.sampled_from(["yaml", "json"]))
def test_numbers_come_back_bit_by_bit(numbers: list[float], suffix: str):
    data = profile_data("target", "x", settable_parameters(), parameters={
        "binary.x_position_as": numbers[0], "primary.zernike_coeffs_nm": tuple(numbers),
    })  # fmt: skip
    assert data["parameters"]["binary.x_position_as"]["unit"] == "arcsec"
    profile = parse_profile(profile_text(data, as_json=suffix == "json"), KNOWN, f"x.{suffix}")
    assert list(map(float.hex, profile.parameters["primary.zernike_coeffs_nm"].value)) == list(map(float.hex, numbers))
    assert profile.parameters["binary.x_position_as"].value.hex() == numbers[0].hex()


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30), st.sampled_from(["yaml", "json"]))
def test_texts_come_back_too(text: str, suffix: str):
    data = profile_data(
        "target", "x", settable_parameters(), description=text, config={"diffractive_pupil": f"/{text}"}
    )
    profile = parse_profile(profile_text(data, as_json=suffix == "json"), KNOWN, f"x.{suffix}")
    assert profile.documents[0].data["description"] == text
    assert profile.config["diffractive_pupil"].value == f"/{text}"


def test_a_saved_profile_that_was_edited_is_noticed(tmp_path: Path):
    path = tmp_path / "a.yaml"
    save_profile(path, profile_data("target", "x", settable_parameters(), parameters={"binary.contrast": 3.0}))
    load_profile(path, KNOWN)
    path.write_text(path.read_text().replace("3.0", "3.5"))
    with pytest.raises(DocumentError, match=r"a.yaml:6:15: content_hash: the content changed after"):
        load_profile(path, KNOWN)


def test_saving_replaces_a_file_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "a.yaml"
    data = profile_data("target", "x", settable_parameters(), parameters={"binary.contrast": 3.0})
    save_profile(path, data, schema="x.json")
    assert path.read_text().startswith("# yaml-language-server: $schema=x.json\n")

    def fails(*arguments: object) -> None:
        raise OSError("no space")

    monkeypatch.setattr(Path, "replace", fails)
    with pytest.raises(OSError, match="no space"):
        save_profile(path, {**data, "name": "y"})
    assert "name: x" in path.read_text()


# Anything at all


def test_nothing_but_the_documented_error_comes_out(tmp_path: Path):
    import random

    rng, known = random.Random(3), seeds()
    found = fuzz([byte_string(rng, known) for _ in range(600)], tmp_path)
    assert found.failures == []
    assert found.refused > 400


@pytest.mark.parametrize("bomb", BOMBS, ids=lambda bomb: f"{bytes(bomb[:8])!r}")
def test_bombs_are_refused_in_bounded_time(bomb: bytes, tmp_path: Path):
    found = fuzz([bomb], tmp_path)
    assert found.failures == []
    assert found.read == 0
    assert found.slowest_s < 30.0
