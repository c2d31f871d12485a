"""The long tier of what is said of profiles: 10,000 documents judged twice, and 100,000 byte strings."""

import random
import resource
import time
from pathlib import Path

import pytest
from rich.progress import track

from support.evidence import write_evidence
from support.profile_documents import disagreement, documents, python_accepts
from support.profile_evidence import SOURCES
from support.profile_fuzz import BOMBS, byte_string, fuzz, seeds

pytestmark = pytest.mark.validation


def test_schema_and_code_agree_on_ten_thousand_documents():
    accepted = {True: 0, False: 0}
    start = time.perf_counter()
    for seed in track(range(20), "Documents, 500 at a time"):
        for valid, document in documents(1000 + seed, 500):
            assert disagreement(document) is None
            accepted[valid] += python_accepts(document)
    assert accepted[True] == 5000
    assert accepted[False] < 1000
    result = {
        "documents": 10_000,
        "made_valid": 5000,
        "made_broken": 5000,
        "seeds": "1000 to 1019",
        "disagreements": 0,
        "broken_that_both_accept": accepted[False],
        "seconds": round(time.perf_counter() - start),
    }
    write_evidence("schema-agreement", result, SOURCES["schema-agreement"], ("jsonschema", "numpy", "jax"))


def test_nothing_but_the_documented_error_comes_out_of_a_hundred_thousand_byte_strings(tmp_path: Path):
    rng, known = random.Random(7), seeds()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    read = refused = 0
    slowest = 0.0
    for batch in track(range(20), "Byte strings, 5,000 at a time"):
        strings = [byte_string(rng, known) for _ in range(5000)]
        found = fuzz([*strings, *(BOMBS if batch == 0 else ())], tmp_path)
        assert found.failures == []
        read, refused, slowest = read + found.read, refused + found.refused, max(slowest, found.slowest_s)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert slowest < 60.0
    assert grown < 500.0
    result = {
        "byte_strings": 100_000,
        "bombs": len(BOMBS),
        "seed": 7,
        "read": read,
        "refused": refused,
        "other_exceptions": 0,
        "slowest_seconds": round(slowest, 2),
        "memory_grown_mib": round(grown),
        "seconds": round(time.perf_counter() - start),
    }
    write_evidence("profile-fuzz", result, SOURCES["profile-fuzz"], ("ruamel.yaml", "jsonschema"))
