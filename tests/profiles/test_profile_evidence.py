"""The committed evidence on profiles: of the sources as they stand, complete, and what it claims."""

import json

import pytest

from support.evidence import FOLDER, STALE, hashes_of
from support.profile_evidence import COMMANDS, SOURCES

RECORDS = {name: json.loads((FOLDER / f"{name}.json").read_text()) for name in SOURCES}


@pytest.mark.parametrize("name", SOURCES)
def test_it_is_of_the_sources_as_they_stand(name: str):
    recorded, now = RECORDS[name]["sha256"], hashes_of(SOURCES[name])
    changed = sorted(path for path in recorded.keys() | now.keys() if recorded.get(path) != now.get(path))
    if commit := STALE.get(name):
        assert changed, (
            f"{name} is of the sources as they stand, not of {commit}: take it off the list of stale records"
        )
        return
    assert not changed, f"gather the evidence again with `{COMMANDS[name]}`: changed since are {', '.join(changed)}"


def test_schema_and_code_agreed_on_every_document():
    result = RECORDS["schema-agreement"]["result"]
    assert result["documents"] == result["made_valid"] + result["made_broken"] == 10_000
    assert result["made_valid"] == result["made_broken"]
    assert result["disagreements"] == 0
    assert result["broken_that_both_accept"] < 0.2 * result["made_broken"]


def test_nothing_but_the_documented_error_came_out_of_any_byte_string():
    result = RECORDS["profile-fuzz"]["result"]
    assert result["read"] + result["refused"] == result["byte_strings"] + result["bombs"] >= 100_000
    assert result["other_exceptions"] == 0
    assert result["slowest_seconds"] < 60.0
    assert result["memory_grown_mib"] < 500.0
