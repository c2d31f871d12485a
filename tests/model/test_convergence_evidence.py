"""The committed evidence of the numerics: of this code, complete, within its bounds, and the same image again."""

import json

import numpy as np
import pytest

from dluxshera.error_budget import numerics_record, perturbation_kinds, read_budget, reference_budget
from dluxshera.systems import structural_hash_from_config
from support.evidence import FOLDER, hashes_of
from validation import convergence, refinement
from validation.convergence import CASES, MAX_L2, predicted, probes

RESULT = json.loads((FOLDER / "convergence.json").read_text(encoding="utf-8"))
IMAGES, CHOICES = RESULT["result"]["images"], RESULT["result"]["choices"]


def test_it_is_of_the_code_as_it_stands():
    recorded, now = RESULT["sha256"], hashes_of(refinement.sources())
    changed = sorted(path for path in recorded.keys() | now.keys() if recorded.get(path) != now.get(path))
    command = "pytest -m validation tests/validation/test_convergence.py"
    assert not changed, f"gather it again with `{command}`: changed since are {', '.join(changed)}"


def test_it_is_complete_and_within_its_bounds():
    assert [record["case"] for record in IMAGES] == [case.name for case in CASES]
    assert convergence.judge(IMAGES) == []
    assert refinement.judge(CHOICES) == []
    assert RESULT["result"]["sum_uas"] == pytest.approx(refinement.summed(CHOICES), rel=1e-4)
    for case, record in zip(CASES, IMAGES, strict=True):
        own = case.config.n_wavelengths or 0
        assert record["wavelengths"] == own if case.equal else record["wavelengths"] >= 18


def test_the_budget_has_the_sum_of_all_choices():
    assert numerics_record() == refinement.bounds(RESULT["result"])
    (term,) = (term for term in read_budget(reference_budget()).terms if term.id == "EB-6.1")
    assert type(term.perturbation) is perturbation_kinds()["numerics"]


def test_a_larger_error_is_named():
    def faults(place, **changes):
        return convergence.judge([*IMAGES[:place], IMAGES[place] | changes, *IMAGES[place + 1 :]])

    assert "flight, l2" in faults(0, l2=1.1 * MAX_L2)[0]
    assert "15 parameters" in faults(0, bias_uas={"23": 0.05, "15": -0.2})[0]
    assert len(faults(1, l2=float("nan"), photons=-1e-4, bias_uas={"14": float("nan")})) == 3
    assert "the Sun" in faults(len(CASES) - 2, bias_uas={"23": 0.6})[0]
    larger = [CHOICES[0] | {"choice": "another", "bias_uas": {"23": -0.6, "15": 0.0, "14": 0.0}}]
    assert "23 parameters" in refinement.judge([*CHOICES, *larger])[0]


@pytest.mark.parametrize("name", ["flight", "twoplane_testbed", "flight, 64 pixels, 5 nm, 3 wavelengths"])
def test_the_image_has_the_recorded_pixels_of_the_truth(name):
    (case,) = (case for case in CASES if case.name == name)
    (record,) = (record for record in IMAGES if record["case"] == name)
    config, spec, _ = case.model("forward")
    assert record["structural_hash"] == structural_hash_from_config(config)
    assert record["spec"] == spec.digest()
    image = predicted(case)
    # The record has six digits; an error of 5e-6 of the image may be three times that at a pixel of average light.
    atol = 3 * MAX_L2 * np.sqrt(np.mean(image**2))
    np.testing.assert_allclose(image[probes(case)], record["probes"], rtol=1e-6, atol=atol)
