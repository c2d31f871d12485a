"""JSON as text, and compared."""

from __future__ import annotations

import json

import pytest

from dluxshera.documents import difference, json_text
from support.rows import each_row


@each_row(
    "old, new, found",
    [
        ({"a": 1.0}, {"a": 1.0 + 1e-9}, None),
        ({"a": 1}, {"a": 1.0}, None),
        ({"a": 1.0}, {"a": 1.01}, "a: 1.0 became 1.01"),
        ({"a": 0.0}, {"a": 1e-30}, "a: 0.0 became 1e-30"),
        ({"a": True}, {"a": 1}, "a: True became 1"),
        ({"a": None}, {"a": 0.0}, "a: None became 0.0"),
        ({"a": "x"}, {"a": "y"}, "a: 'x' became 'y'"),
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}, "a[1].b: 2 became 3"),
        ({"a": [1]}, {"a": [1, 2]}, "a: 1 items became 2"),
        ({"a": 1}, {"b": 1}, "the document: not in both: a, b"),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, "the document: another order of names"),
        ({"a": {}}, {"a": []}, "a: {} became []"),
    ],
)
def test_documents_are_compared(old: dict, new: dict, found: str | None):
    assert difference(old, new, relative=1e-6) == found


def test_the_text_keeps_letters_and_refuses_what_json_has_not():
    assert json.loads(json_text({"α": [1.0, 2]})) == {"α": [1.0, 2]}
    assert "α" in json_text({"α": 1})
    assert json_text({}).endswith("\n")
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_text({"a": float("nan")})
