"""The long tier of what is said of outputs: writers killed at 200 moments each, and 1,000 edited records of runs."""

import time
from pathlib import Path

import pytest

from support import kills, record_attack
from support.evidence import write_evidence
from support.output_evidence import SOURCES
from support.toy_runs import saved

pytestmark = pytest.mark.validation

MOMENTS, RECORDS = 200, 1000


def test_a_writer_that_is_killed_at_any_moment_leaves_the_old_content_or_the_new():
    start = time.perf_counter()
    results = kills.results(MOMENTS, seed=20)
    assert set(results) == set(kills.WRITERS)
    for counts in results.values():
        assert counts["killed"] + counts["ended"] == counts["old"] + counts["new"] == MOMENTS
        assert counts["killed"] > MOMENTS // 2
        assert min(counts["old"], counts["new"]) > 0
    result = {"moments_of_each": MOMENTS, "seed": 20, "writers": results, "seconds": round(time.perf_counter() - start)}
    write_evidence("killed-writers", result, SOURCES["killed-writers"], ("numpy",))


def test_edited_records_bring_out_no_exception_but_those_of_the_package(tmp_path: Path):
    start = time.perf_counter()
    folder = saved(
        tmp_path / "run", provenance={"seed": 1, "design": "x", "config_hash": "sha256:0", "tolerance": 1e-3}
    )
    counts = record_attack.attack(folder, tmp_path / "all.csv", RECORDS, seed=21)
    assert counts["rejected"] > RECORDS // 3
    assert counts["read"] > RECORDS // 20
    result = {"records": RECORDS, "seed": 21, **counts, "other_exceptions": 0}
    result["seconds"] = round(time.perf_counter() - start)
    write_evidence("edited-records", result, SOURCES["edited-records"], ("jsonschema", "rich"))
