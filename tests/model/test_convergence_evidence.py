"""The committed evidence of the numerics: of this code, complete, within its limits, and the same image again."""

import json

import numpy as np
import pytest

from dluxshera.model import binder_of
from dluxshera.systems import structural_hash_from_config
from support.evidence import FOLDER, hashes_of
from validation.convergence import MAX_L2, PROBES, jobs, judge, models, sources

RESULT = json.loads((FOLDER / "convergence.json").read_text(encoding="utf-8"))
RECORDS = {(record["observation"], record["figure"]): record for record in RESULT["result"]["records"]}


def test_it_is_of_the_code_as_it_stands():
    recorded, now = RESULT["sha256"], hashes_of(sources())
    changed = sorted(path for path in recorded.keys() | now.keys() if recorded.get(path) != now.get(path))
    command = "pytest -m validation tests/validation/test_convergence.py"
    assert not changed, f"gather it again with `{command}`: changed since are {', '.join(changed)}"


def test_it_is_complete_and_within_its_limits():
    assert list(RECORDS) == jobs()
    assert judge(list(RECORDS.values())) == []


def test_a_larger_error_is_named():
    record = RECORDS["flight", "none"]
    assert "of the image" in judge([record | {"l2": 1.1 * MAX_L2}])[0]
    assert "with 15 parameters" in judge([record | {"bias_uas": {"23": 0.05, "15": -0.2}}])[0]
    assert len(judge([record | {"l2": float("nan"), "bias_uas": {"14": float("nan")}}])) == 2


@pytest.mark.parametrize("observation", ["flight", "twoplane_testbed"])
def test_the_image_has_the_recorded_pixels_of_the_truth(observation):
    model, store, *_ = models(observation, "none")
    record = RECORDS[observation, "none"]
    assert record["structural_hash"] == structural_hash_from_config(model.config)
    assert record["spec"] == model.spec.digest()
    image = np.asarray(binder_of(model.config, model.spec, store).predict(store))
    pixels = image[PROBES, PROBES[::-1]]
    # The record has six digits; an error of 5e-6 of the image may be three times that at a pixel of average light.
    np.testing.assert_allclose(pixels, record["probes"], rtol=1e-6, atol=3 * MAX_L2 * np.sqrt(np.mean(image**2)))
