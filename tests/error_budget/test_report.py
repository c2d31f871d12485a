"""The computed report: its numbers against geometry, its shape against its schema, its links against derivatives."""

from __future__ import annotations

import hashlib
import json
import re
from math import copysign, hypot, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator

import dluxshera as ds
from dluxshera.documents import difference
from dluxshera.error_budget import read_budget, reference_budget, report_schema, reproducible
from dluxshera.errors import DocumentError
from error_budget.conftest import SMALL, Case, case

ROOT = Path(__file__).resolve().parents[2]
COMMITTED = ROOT / "docs" / "reference" / "data" / "error-budget-report.json"
ESTIMATORS = ("full", "calibrated_m2", "fixed_scale")

# Of the flight design, in metres, and the separation of alpha Cen in microarcseconds.
F1, F2, S, RHO = 0.604353, -0.0545, 0.554130, 9.765e6
L = (1 - S / F1) / (1 / F1 + 1 / F2 - S / (F1 * F2))
B = S + L * (1 - S / F2)


def results(report: dict[str, Any], term: str) -> dict[str, dict[str, Any]]:
    return next(row["results"] for row in report["terms"] if row["id"] == term)


# --- At full size ----------------------------------------------------------------------------------------------------


def test_the_committed_report_is_what_the_command_writes(full_report: dict[str, Any]):
    committed = json.loads(COMMITTED.read_text())
    tolerance = full_report["provenance"]["relative_tolerance"]
    assert difference(reproducible(committed), reproducible(full_report), relative=tolerance) is None
    ranges = [
        (term["id"], name, result["linear_range"]["value"], other["results"][name]["linear_range"]["value"])
        for term, other in zip(committed["terms"], full_report["terms"], strict=True)
        for name, result in term["results"].items()
        if result["linear_range"]
    ]
    assert [item for item in ranges if item[2] != pytest.approx(item[3], rel=0.05)] == []


def test_the_provenance_is_that_of_the_design_and_the_document(full_report: dict[str, Any]):
    provenance, config = full_report["provenance"], ds.SHERA_FLIGHT_CONFIG
    content = json.dumps(read_budget(reference_budget()).source.data, sort_keys=True, separators=(",", ":"))
    assert provenance["package_version"] == ds.__version__
    hashes = {
        "spec_hash": ds.build_forward_model_spec_from_config(config).digest(),
        "config_hash": ds.structural_hash_from_config(config),
        "design_hash": hashlib.sha256(repr(config.design).encode()).hexdigest(),
        "budget_hash": hashlib.sha256(content.encode()).hexdigest(),
    }
    assert {name: provenance[name] for name in hashes} == {name: f"sha256:{hashes[name]}" for name in hashes}
    assert [f"{item['kind']}/{item['name']}" for item in provenance["profiles"]] == [
        "instrument/shera_flight", "numerics/reference", "target/alpha Cen", "observation/visit",
        "observation/flight_alpha_cen",
    ]  # fmt: skip
    assert set(provenance["created_with"]) == {"jax", "dLux", "numpy"}
    assert not re.search(r"\b20\d\d-\d\d", json.dumps(full_report))


def test_a_report_of_full_size_is_as_its_schema_says(full_report: dict[str, Any]):
    Draft202012Validator(report_schema()).validate(full_report)


def test_the_estimators_are_the_three_of_the_document(full_report: dict[str, Any]):
    found = {estimator["id"]: estimator["n_parameters"] for estimator in full_report["estimators"]}
    assert found == dict(zip(ESTIMATORS, (23, 15, 14), strict=True))
    sigma = [e["sigma"]["value"] for e in full_report["estimators"]]
    assert sigma == sorted(sigma, reverse=True)  # what is known need not be paid for


def test_a_scale_change_costs_the_separation_times_itself_or_nothing(full_report: dict[str, Any]):
    """Within 2 %: the patterns of the stars scale too."""
    found = results(full_report, "EB-2.0")
    assert [found[name]["bias"]["value"] for name in ESTIMATORS[:2]] == [0.0, 0.0]
    assert [found[name]["stealth"] for name in ESTIMATORS[:2]] == [None, None]
    assert found["fixed_scale"]["bias"]["value"] == pytest.approx(-RHO * 1e-7, rel=0.02)


@pytest.mark.parametrize(
    ("term", "per_metre"),
    [
        ("EB-2.1a", (1 - L / F2 + 1 - S / F2) / B),
        ("EB-2.1b", (1 - L / F2) / B),
        ("EB-2.1c", 1 / (F1 + F2 - S)),
    ],
    ids=["tied", "held", "refocused"],
)
def test_a_step_of_the_spacing_acts_as_the_ray_matrices_say(full_report: dict[str, Any], term: str, per_metre: float):
    """By the logarithmic derivative of B, the image scale in metres per radian; of the focal length for the trap."""
    found = results(full_report, term)
    assert [found[name]["bias"]["value"] for name in ESTIMATORS[:2]] == [0.0, 0.0]
    assert found["fixed_scale"]["sensitivity"]["value"] == pytest.approx(RHO * per_metre * 1e-9, rel=0.02)
    assert found["fixed_scale"]["sensitivity"]["unit"] == "uarcsec/nm"


def test_the_trap_overstates_the_true_sensitivity_by_far_and_with_the_wrong_sign(full_report: dict[str, Any]):
    true, wrong = (results(full_report, t)["fixed_scale"]["bias"]["value"] for t in ("EB-2.1a", "EB-2.1c"))
    assert true == pytest.approx(0.030, abs=0.002)
    assert -100 < wrong / true < -50


def test_the_noise_stands_above_the_floor(full_report: dict[str, Any]):
    row = next(row for row in full_report["terms"] if row["id"] == "EB-1.1")
    floor = {check["name"]: check["value"] for check in row["checks"]}
    photons = full_report["budget"]["reference"]["photons"]["value"]
    assert floor["photon floor, midpoint fitted"] == pytest.approx(0.566 * sqrt(4.83e11 / photons), rel=1e-3)
    assert row["results"]["full"]["sigma"]["value"] > floor["photon floor, midpoint known"]


# --- On small grids --------------------------------------------------------------------------------------------------


def test_a_small_report_is_as_its_schema_says(small_report: dict[str, Any]):
    validator = Draft202012Validator(report_schema())
    validator.validate(small_report)
    assert not validator.is_valid({**small_report, "made": "2026-01-01"})


def test_the_same_budget_gives_the_same_report(short_text: str):
    first, second = (case(short_text) for _ in range(2))
    assert first.report() == second.report()


def test_noise_and_penalty_make_up_the_formal_error(small_report: dict[str, Any]):
    for estimator in small_report["estimators"]:
        parts = [results(small_report, term)[estimator["id"]]["sigma"]["value"] for term in ("EB-1.1", "EB-1.2")]
        assert hypot(*parts) == pytest.approx(estimator["sigma"]["value"], rel=1e-8)


def test_each_row_follows_from_its_bias(small_report: dict[str, Any]):
    sigma = {e["id"]: e["sigma"]["value"] for e in small_report["estimators"]}
    biased: list[str] = []
    for row in small_report["terms"]:
        for name, found in row["results"].items():
            if row["allocation"]:
                assert found["margin"]["value"] == pytest.approx(
                    row["allocation"]["value"] - found["contribution"]["value"]
                )
            if found["bias"] is None:
                continue
            bias, size = found["bias"]["value"], row["magnitude"]["value"]
            assert found["contribution"]["value"] == abs(bias)
            assert abs(bias) <= 1.01 * sigma[name] * found["significance"]  # a refit may have a second order
            if found["linear_range"] is None or size > found["linear_range"]["value"]:
                continue
            if found["sensitivity"]["value"]:  # zero where the image changes with the square of the magnitude
                assert bias == pytest.approx(found["sensitivity"]["value"] * size)
            if found["stealth"] is not None:
                assert found["stealth"] == pytest.approx(abs(bias) / sigma[name] / found["residual"], rel=1e-7)
            assert found["linear_range"]["unit"] == row["magnitude"]["unit"]
            biased += [row["id"]] * (name == "fixed_scale")
    steps = ["EB-2.0", "EB-2.1a", "EB-2.1b", "EB-2.1c", *(f"EB-2.{n}" for n in ("2", "2b", "3", "4", "5", "6", "7"))]
    others = ["EB-3.1", "EB-3.4", "EB-3.4b", "EB-3.5", "EB-4.3", "EB-4.5", "EB-4.6", "EB-5.1", "EB-7.1"]
    assert biased == steps + others


def test_the_rows_add_up(small_report: dict[str, Any]):
    """Rows of a cause with their signs, and all others by the root of the sum of the squares."""
    for estimator in small_report["estimators"]:
        name, total = estimator["id"], small_report["rollup"][estimator["id"]]
        values = {
            row["id"]: (row["results"][name]["bias"] or row["results"][name]["contribution"])["value"]
            for row in small_report["terms"]
            if row["rule"] != "informative"
        }
        group = sum(values.pop(row["id"]) for row in small_report["terms"] if row["group"])
        assert total["total"]["value"] == pytest.approx(hypot(group, *values.values()))
        assert total["margin"]["value"] == pytest.approx(3.0 - total["total"]["value"])
        noise = hypot(*(values[term] for term in ("EB-1.1", "EB-1.2", "EB-1.3")))
        assert total["by_class"]["random"]["value"] == pytest.approx(noise)
        assert total["illustrative"]
    allocations = [
        row["allocation"]["value"]
        for row in small_report["terms"]
        if row["allocation"] and row["parent"] == "EB-0" and row["rule"] == "rss"
    ]
    left = 9 - sum(value**2 for value in allocations)
    assert small_report["budget"]["reserve"]["value"] == pytest.approx(copysign(sqrt(abs(left)), left))


def test_all_rows_of_the_design_are_there(small_report: dict[str, Any]):
    ids = {row["id"] for row in small_report["terms"]}
    expected = {1: 3, 2: 7, 3: 5, 4: 6, 5: 1, 6: 1, 7: 1}
    numbers = {f"EB-{group}.{number + 1}" for group, count in expected.items() for number in range(count)}
    today = {"EB-1.1", "EB-1.2", "EB-2.0", "EB-2.1a", "EB-2.1b", "EB-2.1c", "EB-6.1"}
    assert ids >= (numbers - {"EB-2.1"}) | today
    assert all(row["evidence"]["source"] for row in small_report["terms"])


def test_what_photons_bring_has_the_exponent_of_a_count(small_report: dict[str, Any]):
    row = small_report["terms"][0]
    assert list(row["elasticities"]) == row["keys"]
    for key in ("binary.spectral_flux_density", "imaging.exposure_time_s", "imaging.throughput"):
        assert row["elasticities"][key] == pytest.approx(-0.5, rel=1e-8)


# --- Every link is real ----------------------------------------------------------------------------------------------


def test_each_driving_key_of_a_term_moves_the_model(small: Case, small_report: dict[str, Any]):
    """By finite differences of the image, whatever the derivatives said."""
    levels = {"imaging.full_well", "imaging.frame_time_s", "detector.read_noise", "detector.dark_current"}
    models = [*small.evaluation.models(), small.inference]
    for key in {key for row in small_report["terms"] for key in row["keys"]} - levels:
        model = next(model for model in models if key in model.store)
        value = np.asarray(model.store[key])
        size = 0.1 if key in ("imaging.jitter_as", "field.background") else 1e-9
        ramp = np.linspace(1.0, 2.0, value.size).reshape(value.shape)  # the scale of a spectrum does not act
        updates = {key: value * (1 + 1e-6 * ramp) + size * ramp * (value == 0)}
        if key.startswith("field.ghost"):
            model, updates = models[0], {"field.ghost_flux_ratio": 1e-3, **updates}
        moved = model.predict(model.store.replace(updates))
        assert not np.array_equal(np.asarray(moved), np.asarray(model.predict(model.store))), key


DEAD = """
  - id: DEAD
    name: A link that is not real
    parent: EB-0
    acts: It does not.
    perturbation: PERTURBATION
    magnitude: {value: 1, unit: UNIT}
    evidence: {tag: illustrative, source: none}
    class: drift
    rule: rss
    status: draft
    since: 0.1.0
"""
REFOCUSED = (
    "{kind: derived_change, derived: system.refocused_plate_scale_as_per_pix,"
    " applied_to: system.plate_scale_as_per_pix, direction: {KEY: 1}}"
)


@pytest.mark.parametrize(
    ("perturbation", "unit", "dead"),
    [
        ("{kind: step, model: forward, direction: {imaging.exposure_time_s: 1, KEY: 1}}", "s", "imaging.frame_time_s"),
        (REFOCUSED, "nm", "system.m2_detector_separation_m"),
        ("{kind: photon_noise, keys: [imaging.exposure_time_s, KEY]}", "", "imaging.frame_time_s"),
    ],
    ids=["step", "derived", "noise"],
)
def test_a_declared_key_that_does_not_act_is_refused(small_text: str, perturbation: str, unit: str, dead: str):
    added = DEAD.replace("PERTURBATION", perturbation.replace("KEY", dead)).replace("UNIT", unit)
    head = small_text.partition("terms:\n")[0]
    text = head + "terms:\n" + (added if unit else added.replace("{value: 1, unit: }", "null"))
    planted = case(text)
    with pytest.raises(DocumentError, match="does not act: the derivative is zero") as refused:
        planted.report()
    lines = text.splitlines()
    assert lines[refused.value.line - 1][refused.value.column - 1 :].startswith(dead)


def test_the_sigmas_hardly_depend_on_the_aberrations_of_the_reference_point(small: Case, small_text: str):
    """As the document says; here on small grids."""
    plain = case(re.sub(r"    - \w+\.zernike_coeffs_nm=.*\n", "", small_text))
    assert plain.budget.reference.overrides == SMALL
    for estimator in small.budget.estimators:
        assert plain.evaluation.sigma(estimator) == pytest.approx(small.evaluation.sigma(estimator), rel=1e-3)
