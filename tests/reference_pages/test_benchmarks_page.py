"""The page of the benchmarks: what it says of a record, and that it is that of the record in the repository."""

import copy
import json

import pytest

from dluxshera.reference import benchmarks
from support.paths import ROOT

RECORD = {
    "made": "2027-01-02",
    "command": "make bench",
    "commit": "0123456789abcdef0123456789abcdef01234567",
    "uncommitted": [],
    "machine": {"cpu": "A processor", "cores": 2, "memory_gb": 16.0},
    "load": 0.3,
    "load_after": 1.2,
    "versions": {"python": "3.13.1", "jax": "0.9.0"},
    "case": {"design": "shera_flight", "stars": 2},
    "baseline": "a model of public layers",
    "rows": [
        {
            "quantity": "forward image",
            "goal": {"relation": "at least", "value": 5.0, "unit": "times"},
            "value": 8.0,
            "met": True,
            "compared": "the baseline's image",
            "rounds": 9,
            "seconds": [0.05, 0.4],
            "processor_seconds": [0.07, 0.6],
            "spread": [7.5, 8.25],
        },
        {
            "quantity": "image error",
            "goal": {"relation": "at most", "value": 1.5e-4, "unit": ""},
            "value": 1.2e-4,
            "met": True,
            "compared": "an independent model",
            "baseline": 2.8e-3,
        },
    ],
    "tables": [
        {"title": "Parts", "text": "Of an image:", "rows": [{"Part": "a_part", "Wall, ms": 2.51234, "Cells": 256}]}
    ],
}


def row_of(page: str, quantity: str) -> list[str]:
    (line,) = [line for line in page.splitlines() if line.startswith(f"| {quantity} |")]
    return [cell.strip().replace("\N{NO-BREAK SPACE}", " ") for cell in line.strip("|").split("|")]


def test_a_row_says_goal_result_spread_and_times():
    page = benchmarks.page(RECORD)
    said = ["forward image", "at least 5 ×", "8 ×", "met", "7.5 to 8.25", "the baseline's image"]
    assert row_of(page, "forward image") == [*said, "0.05 / 0.4", "0.07 / 0.6"]
    assert row_of(page, "image error")[1:4] == ["at most 0.00015", "0.00012", "met"]
    assert row_of(page, "image error")[5] == "an independent model; baseline: 0.0028"
    for word in ("2027-01-02", "A processor, 2 cores, 16 GB", "jax 0.9.0", "0123456789abcdef", "make bench"):
        assert word in page
    assert "All goals met" in page
    for load in ("Load before\n:   0.3\n", "Load after\n:   1.2\n"):
        assert load in page


def test_results_of_an_earlier_model_are_called_stale():
    stale = benchmarks.page(RECORD | {"stale": True, "commit": "fedcba9876543210"})
    assert '!!! warning "All goals met by an earlier version"' in stale
    assert "`fedcba9`" in stale


def test_a_table_without_goals():
    page = benchmarks.page(RECORD)
    assert '## Parts\n\nOf an image:\n\n<div class="dense-table" markdown>\n\n| Part | Wall, ms | Cells |\n' in page
    assert row_of(page, "a\\_part")[1:] == ["2.51", "256"]


@pytest.mark.parametrize(("row", "value"), [(0, 4.0), (1, 3e-4)])
def test_a_missed_goal_shows(row, value):
    record = copy.deepcopy(RECORD)
    record["rows"][row] |= {"value": value, "met": False}
    page = benchmarks.page(record)
    assert "1 of 2 goals missed" in page
    assert row_of(page, record["rows"][row]["quantity"])[3] == "**missed**"
    assert page.count('class="bar over"') == 1
    assert 'class="bar over"' not in benchmarks.page(RECORD)


def test_the_page_is_that_of_the_record():
    record = json.loads((ROOT / benchmarks.RECORD).read_text(encoding="utf-8"))
    assert (ROOT / benchmarks.PAGE).read_text(encoding="utf-8") == benchmarks.page(record)


def test_the_record_judges_itself_right():
    """What is called met is met."""
    rows = json.loads((ROOT / benchmarks.RECORD).read_text(encoding="utf-8"))["rows"]
    assert len({row["quantity"] for row in rows}) == len(rows)
    for row in rows:
        goal, value = row["goal"], row["value"]
        met = {"at least": value >= goal["value"], "at most": value <= goal["value"], "under": value < goal["value"]}
        assert row["met"] == met[goal["relation"]], row["quantity"]
