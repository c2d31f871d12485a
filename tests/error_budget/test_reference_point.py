"""The reference point of a budget: any system and target, by its profile; and faults in it, with their places."""

from __future__ import annotations

import re
from math import hypot
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from dluxshera.documents import parse_yaml
from dluxshera.error_budget import ReferenceModels, evaluate, parse_budget, report_schema
from dluxshera.errors import DocumentError
from dluxshera.profiles import MigrationWarning, load_model

BUDGET = """\
schema_version: 0.1.0
id: any
title: Any system
requirement:
  {id: EB-0, text: Any., answer: binary.separation_as, value: 1.0, unit: arcsec, status: draft}
reference:
  text: Any.
  profile: PROFILE
  overrides: [n_wavelengths=1]
estimators:
  - id: free
    title: Free scale
    free:
      - binary.separation_as
      - binary.position_angle_deg
      - binary.x_position_as
      - binary.y_position_as
      - binary.log_flux_total
      - binary.contrast
      - system.plate_scale_as_per_pix
  - id: fixed
    title: Fixed scale
    free:
      - binary.separation_as
      - binary.position_angle_deg
      - binary.x_position_as
      - binary.y_position_as
      - binary.log_flux_total
      - binary.contrast
terms:
  - id: EB-1
    name: Photon noise
    parent: EB-0
    acts: Noise.
    perturbation: {kind: photon_noise, keys: [imaging.exposure_time_s, imaging.throughput]}
    magnitude: null
    evidence: {tag: computed, source: none}
    class: random
    rule: rss
    status: draft
    since: 0.1.0
  - id: EB-2
    name: Penalty
    parent: EB-0
    acts: Noise.
    perturbation: {kind: marginalisation}
    magnitude: null
    evidence: {tag: computed, source: none}
    class: random
    rule: rss
    status: draft
    since: 0.1.0
  - id: EB-3
    name: Plate scale
    parent: EB-0
    acts: Scale.
    perturbation:
      {kind: step, model: inference, direction: {system.plate_scale_as_per_pix: 1}, relative: true}
    magnitude: {value: 1.0e-3, unit: "%"}
    evidence: {tag: illustrative, source: none}
    class: static
    rule: rss
    status: draft
    since: 0.1.0
"""
OWN_PROFILE = """\
schema: dluxshera.profile/0.2.0
kind: observation
name: mine
extends: [instrument/shera_flight, numerics/fast, target/61_cyg, observation/visit]
parameters:
  imaging.exposure_time_s: {value: 900.0, unit: s}
"""
# The reference budget evaluates three planes; a three-plane target is below.
OBSERVATIONS = [f"observation/{name}_alpha_cen" for name in ("fourplane_example", "twoplane_flight")]


def check(report: dict[str, Any], separation: float) -> None:
    """Compare with closed forms; a scale change biases the separation by itself, to the width of the patterns."""
    Draft202012Validator(report_schema()).validate(report)
    noise, penalty, scale = report["terms"]
    assert noise["elasticities"] == pytest.approx(
        {"imaging.exposure_time_s": -0.5, "imaging.throughput": -0.5}, rel=1e-8
    )
    for estimator in report["estimators"]:
        parts = [row["results"][estimator["id"]]["sigma"]["value"] for row in (noise, penalty)]
        assert hypot(*parts) == pytest.approx(estimator["sigma"]["value"], rel=1e-8)
    assert scale["results"]["free"]["bias"]["value"] == 0.0
    assert scale["results"]["fixed"]["bias"]["value"] == pytest.approx(-separation * 1e-5, rel=0.2)


def test_observations_of_other_systems_are_reference_points(tmp_path: Path):
    """The flight telescopes of two and four planes form nearly the same image, and so have the same noise."""
    assert {load_model(name).config.system_id for name in OBSERVATIONS} == {"shera_twoplane", "shera_fourplane"}
    path, sigmas = tmp_path / "budget.yaml", {}
    for name in OBSERVATIONS:
        path.write_text(
            BUDGET.replace("PROFILE", name).replace("[n_wavelengths=1]", "[n_wavelengths=1, image_npix=96]")
        )
        report = evaluate(path)
        config = load_model(name).config
        reference = report["budget"]["reference"]
        assert (reference["system"], reference["design"]) == (config.system_id, config.name)
        assert reference["target"] == "alpha Cen"
        check(report, 9.765)
        sigmas[name] = [estimator["sigma"]["value"] for estimator in report["estimators"]]
    four_planes, two_planes = (sigmas[name] for name in OBSERVATIONS)
    assert two_planes == pytest.approx(four_planes, rel=0.01)


def test_another_target_is_a_profile_beside_the_budget(tmp_path: Path):
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "mine.yaml").write_text(OWN_PROFILE)
    text = BUDGET.replace("PROFILE", "profiles/mine.yaml").replace(
        "[n_wavelengths=1]", "[n_wavelengths=1, image_npix=288]"
    )
    (tmp_path / "budget.yaml").write_text(text)
    report = evaluate(tmp_path / "budget.yaml")
    assert report["budget"]["reference"]["target"] == "61 Cyg"
    assert report["budget"]["reference"]["image"] == "288 x 288 pixels"
    assert report["provenance"]["profiles"][-1]["name"] == "mine"
    check(report, 32.185)


def test_profiles_of_an_earlier_version_are_a_reference_point(tmp_path: Path):
    """The grids that the old profile of numerics states are left out with a warning; its wavelengths stay."""
    earlier = Path(__file__).parents[1] / "profiles" / "earlier" / "0.1.0" / "numerics" / "fast.yaml"
    (tmp_path / "fast.yaml").write_text(earlier.read_text())
    old = OWN_PROFILE.replace("profile/0.2.0", "profile/0.1.0").replace("numerics/fast", "fast.yaml")
    (tmp_path / "mine.yaml").write_text(old)
    text = BUDGET.replace("PROFILE", "mine.yaml").replace("[n_wavelengths=1]", "[image_npix=32]")
    with pytest.warns(MigrationWarning, match=r"fast\.yaml: dluxshera\.profile/0\.1\.0: left out"):
        reference = ReferenceModels.of(parse_budget(parse_yaml(text, str(tmp_path / "budget.yaml"))))
    assert (reference.config.pupil_npix, reference.config.n_wavelengths) == (None, 3)
    assert float(reference.store["imaging.exposure_time_s"]) == 900.0


# Profile of the reference point, overrides, the fragment that is pointed at, and the rest of the message.
FAULTS = {
    "near match": (
        "observation/flight_alfa_cen",
        "[]",
        "observation/flight_alfa_cen",
        r"reference\.profile: no such profile \(allowed .*did you mean observation/flight_alpha_cen",
    ),
    "no such file": (
        "no.yaml",
        "[]",
        "no.yaml",
        r"reference\.profile: fault in the profile: \S*no\.yaml: cannot be read",
    ),
    "incomplete": (
        "target/alpha_cen",
        "[]",
        "target/alpha_cen",
        r"reference\.profile: fault in the profile: \S*alpha_cen\.yaml:2:1: no profile names the system",
    ),
    "unknown key": (
        "observation/flight_alpha_cen",
        "[primary.zernike_coefs_nm=1]",
        "primary.zernike_coefs_nm=1",
        r"reference\.overrides\[0\]: primary\.zernike_coefs_nm: unknown name .*did you mean primary\.zernike_coeffs_nm",
    ),
    "components": (
        "observation/flight_alpha_cen",
        '["primary.zernike_coeffs_nm=[0.6, -0.4]", n_wavelengths=1]',
        '"primary.zernike_coeffs_nm=',
        r"reference\.overrides\[0\]: primary\.zernike_coeffs_nm: ",
    ),
    "range": (
        "observation/flight_alpha_cen",
        "[imaging.throughput=150 %]",
        "imaging.throughput=150",
        r"reference\.overrides\[0\]: imaging\.throughput\S*: .*>= 1e-12 and <= 1",
    ),
    "derived": (
        "observation/flight_alpha_cen",
        "[system.plate_scale_as_per_pix=0.1]",
        "system.plate_scale_as_per_pix=0.1",
        r"reference\.overrides\[0\]: system\.plate_scale_as_per_pix: .*is derived",
    ),
    "second of two": (  # the range is checked before the kind of the key
        "observation/flight_alpha_cen",
        "[system.plate_scale_as_per_pix=0.1, imaging.throughput=2]",
        "imaging.throughput=2",
        r"reference\.overrides\[1\]: imaging\.throughput: .*>= 1e-12 and <= 1",
    ),
    "too coarse": (  # such as budgets of earlier versions state
        "observation/flight_alpha_cen",
        "[n_wavelengths=1, pupil_npix=64]",
        "pupil_npix=64",
        r"reference\.overrides\[1\]: pupil_npix: expected at least 1\d\d, the least that the image needs, got 64\."
        r" Raise it, or leave it out to derive it",
    ),
    "stop across the beam": (
        "observation/flight_alpha_cen",
        "[system.m2_diameter_m=18 mm]",
        "system.m2_diameter_m=18",
        r"reference\.overrides\[0\]: system\.m2_diameter_m: expected at least 0\.0\d+ m, .* got 0\.018\. Enlarge it",
    ),
    "form": (
        "observation/flight_alpha_cen",
        "[n_wavelengths]",
        "n_wavelengths]",
        r"reference\.overrides\[0\]: n_wavelengths: expected key=value",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_the_reference_point_is_at_its_place_in_the_budget(name: str, tmp_path: Path):
    profile, overrides, fragment, message = FAULTS[name]
    text = BUDGET.replace("PROFILE", profile).replace("[n_wavelengths=1]", overrides)
    before = text[: text.index(fragment)]
    file = tmp_path / "budget.yaml"
    with pytest.raises(DocumentError) as raised:
        ReferenceModels.of(parse_budget(parse_yaml(text, str(file))))
    place = (before.count("\n") + 1, len(before) - before.rfind("\n"))
    assert (raised.value.file, raised.value.line, raised.value.column) == (str(file), *place)
    assert re.search(message, str(raised.value)), str(raised.value)


def test_faults_inside_a_profile_have_their_own_places_too(tmp_path: Path):
    profile = tmp_path / "mine.yaml"
    profile.write_text(OWN_PROFILE.replace("value: 900.0", "value: -900.0").replace("unit: s", "unt: s"))
    budget = tmp_path / "budget.yaml"
    budget.write_text(BUDGET.replace("PROFILE", "mine.yaml"))
    with pytest.raises(DocumentError) as raised:
        evaluate(budget)
    assert str(raised.value).startswith(f"{budget}:8:12: reference.profile: fault in the profile: {profile}:6:")
    assert len(raised.value.__notes__) >= 1
    assert all(note.startswith(f"{profile}:6:") for note in raised.value.__notes__)


def test_a_term_that_moves_the_truth_beyond_the_model_is_told_at_its_place(tmp_path: Path):
    """M2 shrinks until its edge stops light that the detector sees, which the model does not draw."""
    coefficients = "[0.5, 0, 0, 0, 0, 0, 0, 0] nm"
    values = f'system.m2_diameter_m=20 mm, "secondary.zernike_coeffs_nm={coefficients}"'
    overrides = f"[n_wavelengths=1, image_npix=96, {values}]"
    text = BUDGET.replace("PROFILE", "observation/flight_alpha_cen").replace("[n_wavelengths=1]", overrides)
    scale = "{kind: step, model: inference, direction: {system.plate_scale_as_per_pix: 1}, relative: true}"
    step = "{kind: step, model: forward, direction: {system.m2_diameter_m: -1}, relative: true}"
    assert scale in text
    shrunk = text.replace(scale, step).replace('value: 1.0e-3, unit: "%"', 'value: 20, unit: "%"')
    (tmp_path / "budget.yaml").write_text(shrunk)
    with pytest.raises(
        DocumentError, match=r"terms\[2\]\.perturbation: moves the truth beyond .*m2_diameter_m: expected"
    ):
        evaluate(tmp_path / "budget.yaml")
