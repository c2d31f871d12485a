"""Upkeep of generated files: the ones that differ from their new content, and why."""

import json
import os
from pathlib import Path

from dluxshera.documents import outdated_documents, outdated_texts


def test_documents_are_compared_as_numbers_and_texts_by_their_letters(tmp_path: Path):
    same, moved, missing, other = (tmp_path / f"{name}.json" for name in ("same", "moved", "missing", "other"))
    same.write_text(json.dumps({"a": 1.0, "version": 1}))
    moved.write_text(json.dumps({"a": 1.1, "version": 1}))
    other.write_text("[")
    document = {"a": 1.0 + 1e-9, "version": 2}
    outdated = outdated_documents(
        dict.fromkeys((same, moved, missing, other), document),
        relative=1e-6,
        compared=lambda content: {"a": content["a"]},
    )
    assert [(file.path, file.reason.split(":")[0]) for file in outdated] == [
        (moved, "a"), (missing, "the file is missing"), (other, "the file is not such a document"),
    ]  # fmt: skip
    assert all(json.loads(file.text) == document for file in outdated)
    assert same.read_text() == json.dumps({"a": 1.0, "version": 1})

    os.mkfifo(tmp_path / "pipe")
    for path, reason in (
        (tmp_path / "pipe", "it is not a regular file"),
        (tmp_path, "it is not a regular file"),
        (tmp_path / ("x" * 300), "the file cannot be read: File name too long"),
        (same / "x", "the file cannot be read: Not a directory"),
    ):
        assert [file.reason for file in outdated_documents({path: document}, relative=0.0)] == [reason]

    texts = {same: same.read_text(), moved: "new", missing: "new"}
    assert [tuple(file) for file in outdated_texts(texts, "a reason")] == [
        (moved, "new", "a reason"), (missing, "new", "a reason"),
    ]  # fmt: skip
