"""JSON and YAML read with places: what is data, what is refused and where."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dluxshera.documents import parse_yaml
from dluxshera.documents.document import MAX_BYTES
from dluxshera.documents.json import parse_json
from dluxshera.documents.reader import read_document
from dluxshera.errors import DocumentError

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc\"\\é😀", max_size=4), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(PLAIN, st.sampled_from([None, 2]), st.booleans())
def test_json_is_read_as_the_standard_library_reads_it(data, indent, ascii_only):
    text = json.dumps(data, indent=indent, ensure_ascii=ascii_only)
    document = parse_json(text)
    assert repr(document.data) == repr(json.loads(text))
    lines = text.split("\n")
    for where, (_, place) in document.places.items():
        value = document.data
        for part in where:
            value = value[part]
        rest = "\n".join([lines[place.line - 1][place.column - 1 :], *lines[place.line :]])
        assert repr(json.JSONDecoder().raw_decode(rest)[0]) == repr(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "t.json:1:1: the document is empty."),
        ('{"a": 1,\n "a": 2}', "t.json:2:2: a: the key is repeated (first in line 1)."),
        ("[1,]", "t.json:1:4: [1]: is not JSON: expected a value."),
        ('{"a" 1}', "t.json:1:6: a: is not JSON: expected ':'."),
        ('{a: 1}', "t.json:1:2: is not JSON: expected a name in double quotes."),
        ("[1 2]", "t.json:1:4: is not JSON: expected ',' or ']'."),
        ("[01]", "t.json:1:2: [0]: is not JSON: expected a value."),
        ("[1e999]", "t.json:1:2: [0]: is not a finite number."),
        ("[NaN]", "t.json:1:2: [0]: is not JSON: expected a value."),
        ('"\\ud800"', "t.json:1:1: half of a surrogate pair is not text."),
        ('"abc', "t.json:1:1: is not JSON: Unterminated string starting at."),
        ("[1] 2", "t.json:1:5: only one document is read."),
        ("[" * 60, "t.json:1:52: [0][0][0]: is nested deeper than 50 levels."),
        ("9" * 400, "t.json:1:1: is an integer of more than 300 digits."),
    ],
)  # fmt: skip
def test_what_json_is_refused_and_where(text: str, message: str):
    with pytest.raises(DocumentError) as refused:
        parse_json(text, "t.json")
    assert str(refused.value) == message


@pytest.mark.parametrize("text", ['a: "\\UFFFFFFFF"', 'a: "\\ud800"', '"\\udfff": 1', "%YAML 99999999999.1\n---\na: 1"])
def test_yaml_that_no_text_can_hold_is_refused(text: str):
    with pytest.raises(DocumentError):
        parse_yaml(text)


def test_only_regular_files_of_bounded_size_are_read(tmp_path: Path):
    with pytest.raises(DocumentError, match="is not a file"):
        read_document(tmp_path)
    with pytest.raises(DocumentError, match="is not a file"):
        read_document(Path("/dev/zero"))
    with pytest.raises(DocumentError, match="No such file"):
        read_document(tmp_path / "absent.yaml")
    with pytest.raises(DocumentError, match="cannot be read"):
        read_document(tmp_path / "nul\0.yaml")
    large = tmp_path / "large.yaml"
    large.write_bytes(b" " * (MAX_BYTES + 1))
    with pytest.raises(DocumentError, match="is too large"):
        read_document(large)
    large.write_bytes(b"\xff")
    with pytest.raises(DocumentError, match="not UTF-8 at byte 0"):
        read_document(large)


def test_the_name_of_a_file_tells_its_format(tmp_path: Path):
    for name, text in {"a.json": '{"a": 1}', "a.yaml": "a: 1", "a.JSON": '{"a":\t1}'}.items():
        (tmp_path / name).write_text(text)
        assert read_document(tmp_path / name).data == {"a": 1}
