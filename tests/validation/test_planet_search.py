"""The long evidence of the search for planets: 10,000 missions without a planet, 1,000 with one at each period."""

import time

import pytest

from support.evidence import write_evidence
from validation import planet_search
from validation.gathering import rounded


@pytest.mark.validation
def test_false_alarms_and_completeness_are_as_stated():
    begin = time.perf_counter()
    result = planet_search.gather()
    assert planet_search.judge(result) == []
    twin = {**result, "null": result["threshold_of_one_period"]}
    assert "without a planet" in planet_search.judge(twin)[0]
    result = {"seconds": round(time.perf_counter() - begin), **rounded(result)}
    write_evidence("planet-search", result, planet_search.sources(), ("numpy", "scipy", "pyerfa"))
