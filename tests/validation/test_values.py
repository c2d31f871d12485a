"""The long tier of what is said of values: every key of every spec at and beyond its bounds, and 2,000 random pairs."""

import inspect
import time
from pathlib import Path

import pytest

from support import value_attack
from support.evidence import modules_behind, write_evidence
from validation.gathering import run

pytestmark = pytest.mark.validation
PAIRS, CHUNK = 2000, 50


def test_no_value_gives_a_raw_exception_or_an_image_that_is_not_finite():
    start = time.perf_counter()
    singles = run(value_attack.attack_singles, [(i,) for i in range(len(value_attack.TARGETS))], "Keys of each spec")
    jobs = [(1000 + i, CHUNK) for i in range(PAIRS // CHUNK)]
    pairs = run(value_attack.attack_pairs, jobs, f"Pairs, {CHUNK} at a time")
    results = {"singles": singles, "pairs": pairs}
    assert [fault for parts in results.values() for part in parts for fault in part["faults"]] == []
    totals = {
        name: {count: sum(part[count] for part in parts) for count in ("tries", "refused", "finite")}
        for name, parts in results.items()
    }
    assert totals["pairs"]["tries"] == PAIRS
    assert all(total["finite"] > 0.05 * total["tries"] for total in totals.values())
    result = {
        **totals, "specs": len(value_attack.TARGETS), "pixels": value_attack.NPIX, "seeds": f"1000 to {jobs[-1][0]}",
        "seconds": round(time.perf_counter() - start),
    }  # fmt: skip
    file = Path(inspect.getfile(value_attack))
    write_evidence("value-attack", result, [*modules_behind(file), file], ("jax", "numpy"))
