"""The committed evidence on outputs and records: of the sources as they are, complete, and what it claims."""

import json

import pytest

from support.evidence import FOLDER, STALE, hashes_of
from support.kills import WRITERS
from support.output_evidence import COMMANDS, SOURCES

RECORDS = {name: json.loads((FOLDER / f"{name}.json").read_text()) for name in SOURCES}


@pytest.mark.parametrize("name", SOURCES)
def test_it_is_of_the_sources_as_they_are(name: str):
    recorded, now = RECORDS[name]["sha256"], hashes_of(SOURCES[name])
    changed = sorted(path for path in recorded.keys() | now.keys() if recorded.get(path) != now.get(path))
    assert bool(changed) is (name in STALE), f"gather the evidence again with `{COMMANDS[name]}`: {', '.join(changed)}"


def test_every_writer_was_killed_at_200_moments_and_lost_nothing():
    result = RECORDS["killed-writers"]["result"]
    assert set(result["writers"]) == set(WRITERS)
    for counts in result["writers"].values():
        assert counts["killed"] + counts["ended"] == counts["old"] + counts["new"] == result["moments_of_each"] == 200


def test_no_edited_record_brought_out_another_exception():
    result = RECORDS["edited-records"]["result"]
    assert result["read"] + result["rejected"] == result["records"] == 1000
    assert result["other_exceptions"] == 0
