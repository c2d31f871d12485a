"""Patterns of schemas mean what they mean in ECMA-262, whose rules JSON Schema has."""

import pytest

from dluxshera.documents import faults, matches, parse_json
from support.rows import each_row


@each_row("pattern, text, expected", [
    ("^[a-z]+$", "mine", True),
    ("^[a-z]+$", "mine\n", False),
    ("^[a-z]+$", "mine\n\n", False),
    ("^(a|b$)", "b\n", False),
    ("^(a|b$)", "a\n", True),
    (r"^a\$$", "a$", True),
    (r"^a\$$", "a$\n", False),
    ("^[$a]$", "$", True),
    ("^[$a]$", "$\n", False),
    (r"^[\]$]$", "]", True),
    (r"^[\]$]$", "$\n", False),
    (r"^\d+$", "12", True),
    (r"^\d+$", "١٢", False),  # digits of Unicode are no \d of ECMA-262
    (r"^\w$", "é", False),
    ("^x-(?!(?:unit|form)$)", "x-unit\n", True),
    ("^x-(?!(?:unit|form)$)", "x-unit", False),
    ("b", "abc", True),
])  # fmt: skip
def test_matches(pattern, text, expected):
    assert matches(pattern, text) is expected


@each_row("schema, text", [
    ({"pattern": "^[a-z]+$"}, '"mine\\n"'),
    ({"items": {"pattern": "^[a-z]+$"}}, '["mine\\n"]'),
    ({"propertyNames": {"pattern": "^[a-z]+$"}}, '{"mine\\n": 1}'),
    ({"patternProperties": {"^x-(?!unit$)": False}}, '{"x-unit\\n": 1}'),
    ({"anyOf": [{"pattern": "^a$"}, {"pattern": "^b$"}]}, '"a\\n"'),
])  # fmt: skip
def test_a_final_newline_is_a_fault(schema, text):
    assert len(faults(parse_json(text), schema)) == 1
    assert faults(parse_json(text.replace("\\n", "")), schema) == []


@pytest.mark.parametrize("value", [5, None, ["mine\n"], {"mine\n": 1}])
def test_patterns_are_for_texts(value):
    import json

    assert faults(parse_json(json.dumps(value)), {"pattern": "^[a-z]+$"}) == []
