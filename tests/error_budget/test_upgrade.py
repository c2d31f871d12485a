"""Documents of version 0.1.0: read as before, and written in the current version with their comments."""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path

import pytest

from dluxshera.documents import parse_yaml
from dluxshera.error_budget import (
    BudgetVersionWarning,
    parse_budget,
    read_budget,
    reference_budget,
    upgrade_file,
    upgraded_text,
)
from dluxshera.errors import DocumentError
from support.rows import each_row

EARLIER = Path(__file__).parent / "earlier" / "0.1.0" / "reference-budget.yaml"


def test_a_document_of_version_010_is_read_with_a_warning_about_its_groups():
    with pytest.warns(BudgetVersionWarning, match=r"reference-budget\.yaml: version 0\.1\.0: .*group scale .*`cause`"):
        budget = read_budget(EARLIER)
    terms = {term.id: term for term in budget.terms}
    assert len(terms) == 7
    assert {terms[name].rule for name in ("EB-2.0", "EB-2.1a")} == {"rss"}
    assert all(term.cause is None for term in budget.terms)
    assert terms["EB-2.1b"].verification.text == "Ray matrices of the relay"
    assert terms["EB-2.1b"].verification.method is None
    assert terms["EB-2.0"].magnitude.standard_deviation().value == 1e-7


def test_a_converted_document_is_the_same_budget_and_keeps_its_comments():
    text = EARLIER.read_text(encoding="utf-8")
    converted = upgraded_text(text, str(EARLIER))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        budget = parse_budget(parse_yaml(converted))
    with pytest.warns(BudgetVersionWarning):
        assert budget == parse_budget(parse_yaml(text))
    assert upgraded_text(converted) == converted
    for line in text.splitlines():
        if "#" in line:
            assert line in converted
    changed = {line.split(":")[0].strip() for line in set(converted.splitlines()) - set(text.splitlines())}
    assert changed == {"schema_version", "verification"}


def test_the_packaged_budget_has_the_current_version():
    text = reference_budget().read_text(encoding="utf-8")
    assert upgraded_text(text) == text
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_budget(reference_budget())


def test_faults_of_an_earlier_document_have_the_places_of_its_file():
    text = EARLIER.read_text(encoding="utf-8").replace("    class: static\n    group: scale", "    class: statik", 1)
    with pytest.raises(DocumentError, match=r"b\.yaml:(\d+):12: terms\[2\]\.class: not an allowed value") as raised:
        parse_budget(parse_yaml(text, "b.yaml"))
    assert "statik" in text.splitlines()[raised.value.line - 1]


def test_a_group_of_one_row_has_no_warning():
    text = EARLIER.read_text(encoding="utf-8").replace("group: scale", "group: other", 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parse_budget(parse_yaml(text))


@each_row(
    "old, new, message",
    [
        ("schema_version: 0.1.0", "schema_version: 0.3.0", r"is newer than this package: install a newer one"),
        ("schema_version: 0.1.0", "schema_version: 0.0.1", r"has no migration; changes since: 0\.1\.0"),
        ("schema_version: 0.1.0", "schema_version: one", r"not a version of the schema"),
        ("schema_version: 0.1.0\n", "", r"not a version of the schema"),
        ("terms:\n", "terms: [\n", r"is not YAML"),
    ],
)
def test_a_text_that_cannot_be_converted_is_a_fault(old: str, new: str, message: str):
    text = EARLIER.read_text(encoding="utf-8").replace(old, new, 1)
    with pytest.raises(DocumentError, match=message) as raised:
        upgraded_text(text, "b.yaml")
    assert re.match(r"b\.yaml:\d+:\d+: ", str(raised.value))


def test_an_empty_document_is_a_fault():
    with pytest.raises(DocumentError):
        upgraded_text("")


def test_a_file_is_converted_in_place_or_to_another(tmp_path: Path):
    text = EARLIER.read_text(encoding="utf-8")
    path, other = tmp_path / "budget.yaml", tmp_path / "new.yaml"
    path.write_text(text, encoding="utf-8")
    assert upgrade_file(path, other)
    assert path.read_text(encoding="utf-8") == text
    assert upgrade_file(path)
    assert path.read_text(encoding="utf-8") == other.read_text(encoding="utf-8") == upgraded_text(text)
    assert not upgrade_file(path)

    as_json = tmp_path / "budget.json"
    as_json.write_text(json.dumps(parse_yaml(text).data), encoding="utf-8")
    with pytest.warns(BudgetVersionWarning):
        assert upgrade_file(as_json)
    assert read_budget(as_json) == read_budget(path)
    assert not upgrade_file(as_json)
    as_json.write_text("[]", encoding="utf-8")
    with pytest.raises(DocumentError, match="not a version of the schema"):
        upgrade_file(as_json)
