"""The committed evidence of the search for planets: of this code, within its bands, and the same in a sample."""

import copy
import json

import numpy as np
import pytest

from support.evidence import FOLDER, hashes_of
from validation import planet_search

RECORD = json.loads((FOLDER / "planet-search.json").read_text(encoding="utf-8"))
RESULT = RECORD["result"]


def test_it_is_of_the_code_as_it_stands():
    recorded, now = RECORD["sha256"], hashes_of(planet_search.sources())
    changed = sorted(path for path in recorded.keys() | now.keys() if recorded.get(path) != now.get(path))
    command = "pytest -m validation tests/validation/test_planet_search.py"
    assert not changed, f"gather it again with `{command}`: changed since are {', '.join(changed)}"


def test_rates_are_within_three_standard_deviations():
    assert planet_search.judge(RESULT) == []
    assert RESULT["null"]["series"] == 10_000
    assert [part["series"] for part in RESULT["planets"].values()] == [1_000] * 3
    assert planet_search.judge({**RESULT, "null": RESULT["threshold_of_one_period"]})


@pytest.mark.parametrize("rate", [0.005, 0.015])
def test_a_wrong_rate_is_named(rate):
    """1,000 series would pass a true rate of half or of one and a half per cent; 10,000 do not."""
    wrong = copy.deepcopy(RESULT)
    wrong["null"]["detected"] = [int(250 * rate)] * 20 + [int(250 * rate) + 1] * 20
    wrong["null"]["rate"] = sum(wrong["null"]["detected"]) / 10_000
    (line,) = planet_search.judge(wrong)
    assert line.startswith("without a planet: ")


def test_the_first_missions_give_the_recorded_counts():
    threshold = planet_search.mission().search.threshold(planet_search.FALSE_ALARM_RATE)
    assert threshold == pytest.approx(RESULT["threshold"], rel=1e-5)
    assert np.sum(planet_search.null_series(0) > threshold) == RESULT["null"]["detected"][0]
    period = planet_search.PERIODS_YR[1]
    assert np.sum(planet_search.planet_series(0, period) > threshold) == RESULT["planets"]["1 years"]["detected"][0]
