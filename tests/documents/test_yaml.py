"""YAML by its core schema, with the place of each part, and documents against schemas."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dluxshera.documents import Place, parse_yaml, read_yaml, spelled, validate
from dluxshera.errors import DocumentError
from support.rows import each_row

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    # YAML limits a key to 1024 characters, escapes included.
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=80), children, max_size=4),
    max_leaves=12,
)


@each_row(
    "text, value",
    [
        ("1e-5", 1e-5),
        ("1.5E3", 1500.0),
        (".5", 0.5),
        ("1.", 1.0),
        ("-12", -12),
        ("012", 12),
        ("0o17", 15),
        ("0x1F", 31),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("on", "on"),
        ("no", "no"),
        ("Yes", "Yes"),
        ("1:30", "1:30"),
        ("1_000", "1_000"),
        ("2026-01-01", "2026-01-01"),
        ("0.1.0", "0.1.0"),
        ("'1'", "1"),
        ('"true"', "true"),
        ("e5", "e5"),
        ("0b1", "0b1"),
        ("-", None),
    ],
)
def test_scalars_are_those_of_the_core_schema(text: str, value: object):
    if text == "-":
        assert parse_yaml("-").data == [None]
        return
    found = parse_yaml(f"a: {text}").data["a"]
    assert found == value
    assert type(found) is type(value)


@settings(max_examples=40)
@given(plain)
def test_json_is_yaml(value):
    assert parse_yaml(json.dumps({"value": value})).data == {"value": value}


def test_each_part_has_its_place():
    text = "# a comment\na:\n  b: [1, two]\n  'c.d':\n- not here\n".replace("- not here\n", "")
    document = parse_yaml(text)
    assert document.data == {"a": {"b": [1, "two"], "c.d": None}}
    assert document.places[("a", "b")] == (Place(3, 3), Place(3, 6))
    assert document.places[("a", "b", 1)] == (Place(3, 10), Place(3, 10))
    assert document.places[("a", "c.d")] == (Place(4, 3), Place(4, 3))
    assert document.places[()] == (Place(2, 1), Place(2, 1))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb:\n  c: 1\n  c: 2", "f.yaml:4:3: b.c: the key is repeated (first in line 3)."),
        ("a: &x 1\nb: 2", "f.yaml:1:4: a: anchors and aliases are not read; write the value out."),
        ("a: 1\nb: *a", "f.yaml:2:4: b: anchors and aliases are not read; write the value out."),
        (
            "a: !!python/object:os.system x",
            'a: tags are not read (got "tag:yaml.org,2002:python/object:os.system").',
        ),
        ("a: !!int '3'", "f.yaml:1:4: a: tags are not read"),
        ("a: .inf", 'f.yaml:1:4: a: is not a finite number (got ".inf").'),
        ("a: 1e999", 'f.yaml:1:4: a: is not a finite number (got "1e999").'),
        ("a: .nan", "f.yaml:1:4: a: is not a finite number"),
        ("? [1]\n: 2", "f.yaml:1:3: a key is a plain name."),
        ("--- 1\n--- 2", "f.yaml:2:1: only one document is read."),
        ("%YAML 1.1\n---\na: on", "only YAML 1.2 is read."),
        ("", "f.yaml:1:1: the document is empty."),
        ("# nothing", "f.yaml:1:1: the document is empty."),
        ("a: [1", "f.yaml:1:6: is not YAML: "),
        ("a: b: c", "f.yaml:1:5: is not YAML: mapping values are not allowed here."),
        ("a: \x01", "f.yaml: is not YAML: unacceptable character #x0001"),
        ('a: "\\ud800"', "f.yaml:1:4: a: half of a surrogate pair is not text."),
        ("[" * 100_000, "is nested deeper than 50 levels."),
    ],
)
def test_what_is_not_read_is_refused_with_its_place(text: str, message: str):
    with pytest.raises(DocumentError) as refused:
        parse_yaml(text, "f.yaml")
    assert message in str(refused.value)
    assert str(refused.value).startswith("f.yaml:")


def test_a_file_is_read_as_utf_8_and_only_so(tmp_path: Path):
    path = tmp_path / "a.yaml"
    path.write_bytes("\ufeffname: α Cen".encode())
    assert read_yaml(path).data == {"name": "α Cen"}
    path.write_bytes(b"name: \xff")
    with pytest.raises(DocumentError, match="is not UTF-8 at byte 6"):
        read_yaml(path)
    path.write_bytes(b"#" * 1_000_001)
    with pytest.raises(DocumentError, match="is too large"):
        read_yaml(path)
    with pytest.raises(DocumentError, match="is not a file"):
        read_yaml(tmp_path)


def test_an_error_points_at_the_key_the_value_or_what_is_around_it():
    document = parse_yaml("a:\n  list: [1, 2]\n", "f.yaml")
    assert str(document.error(("a", "list"), "wrong")) == "f.yaml:2:9: a.list: wrong."
    assert str(document.error(("a", "list"), "wrong", at_key=True)) == "f.yaml:2:3: a.list: wrong."
    assert str(document.error(("a", "list", 7), "wrong", got=[1])) == "f.yaml:2:9: a.list[7]: wrong (got [1])."
    hinted = document.error(("a",), "unknown", allowed="x, yes", got="yess", candidates=["x", "yes"])
    assert str(hinted) == 'f.yaml:2:3: a: unknown (allowed x, yes, got "yess"; did you mean yes?).'
    assert spelled(("terms", 2, "name")) == "terms[2].name"


# --- Schemas ---------------------------------------------------------------------------------------------------------

SCHEMA = {
    "type": "object",
    "required": ["name", "size"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "pattern": "^[a-z]+$", "x-form": "small letters"},
        "size": {"type": "number", "exclusiveMinimum": 0, "maximum": 9},
        "kind": {"enum": ["near", "far"]},
        "list": {"type": ["array", "null"], "minItems": 2},
    },
}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: a\nsize: 0", "f:2:7: size: out of range (allowed > 0, got 0)."),
        ("name: a\nsize: 10", "f:2:7: size: out of range (allowed <= 9, got 10)."),
        ("name: a\nsize: '1'", 'f:2:7: size: wrong type (allowed number, got "1").'),
        ("name: a\nsize: true", "f:2:7: size: wrong type (allowed number, got true)."),
        ("name: A\nsize: 1", 'f:1:7: name: not of the right form (allowed small letters, got "A").'),
        ("name: a", "f:1:1: size is missing."),
        (
            "name: a\nsize: 1\nkind: farr",
            'f:3:7: kind: not an allowed value (allowed near, far, got "farr"; did you mean far?).',
        ),
        (
            "name: a\nsize: 1\nknid: far",
            'f:3:1: knid: unknown name (allowed name, size, kind, list, got "knid"; did you mean kind?).',
        ),
        ("name: a\nsize: 1\nlist: [1]", "f:3:7: list: of the wrong size (allowed at least 2 items, got [1])."),
        ("name: a\nsize: 1\nlist: 3", "f:3:7: list: wrong type (allowed array or null, got 3)."),
    ],
)
def test_a_fault_against_a_schema_is_explained(text: str, message: str):
    with pytest.raises(DocumentError) as refused:
        validate(parse_yaml(text, "f"), SCHEMA)
    assert str(refused.value) == message
    assert not getattr(refused.value, "__notes__", [])


def test_all_faults_are_told_in_the_order_of_the_file():
    with pytest.raises(DocumentError) as refused:
        validate(parse_yaml("size: -1\nother: 2\nkind: 3", "f"), SCHEMA)
    told = [str(refused.value), *refused.value.__notes__]
    assert [line.split(" ")[0] for line in told] == ["f:1:1:", "f:1:7:", "f:2:1:", "f:3:7:"]
    validate(parse_yaml("name: a\nsize: 9\nlist: null"), SCHEMA)
