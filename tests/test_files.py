"""Files and folders that appear whole or not at all."""

import ast
import stat
from pathlib import Path

import pytest

import dluxshera
from dluxshera.files import remove_parts, whole_folder, write_bytes, write_text


class Stop(BaseException):
    """Like KeyboardInterrupt, not an Exception."""


def names(folder: Path) -> set[str]:
    """Everything below a folder, hidden or not."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def test_a_file_is_written_as_utf8_with_plain_line_ends(tmp_path):
    path = tmp_path / "a" / "b" / "text.json"
    write_text(path, "µas\nend\n")
    assert path.read_bytes() == b"\xc2\xb5as\nend\n"
    assert names(tmp_path) == {"a", "a/b", "a/b/text.json"}


def test_a_file_can_be_read_by_whom_the_system_lets_read_new_files(tmp_path):
    plain = tmp_path / "plain"
    plain.write_text("x")
    write_text(tmp_path / "whole", "x")
    assert stat.S_IMODE((tmp_path / "whole").stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


def test_a_file_that_is_there_is_replaced(tmp_path):
    path = tmp_path / "text"
    write_text(path, "a long first version")
    write_text(path, "short")
    assert path.read_text() == "short"
    assert names(tmp_path) == {"text"}


def test_text_that_cannot_be_written_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "text"
    write_text(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "x" * 100_000 + "\ud800")
    assert path.read_text() == "old"
    assert names(tmp_path) == {"text"}


def test_bytes_are_written_as_they_are(tmp_path):
    content = bytes(range(256)) + b"\r\n"
    write_bytes(tmp_path / "a" / "raw", content)
    assert (tmp_path / "a" / "raw").read_bytes() == content
    assert names(tmp_path) == {"a", "a/raw"}


def test_what_a_killed_writer_left_is_removed_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "text"
    write_text(path, "old")
    with monkeypatch.context() as patch:  # a kill: neither the rename nor the cleaning runs
        patch.setattr(Path, "replace", lambda part, target: None)
        patch.setattr(Path, "unlink", lambda part, missing_ok: None)
        write_text(path, "new")
        write_text(tmp_path / "text2", "new")
    assert len(names(tmp_path)) == 3
    remove_parts(path)
    left = names(tmp_path) - {"text"}
    assert path.read_text() == "old"
    assert len(left) == 1
    assert left.pop().startswith(".text2.")


@pytest.mark.parametrize("failure", [OSError, Stop])
def test_a_failure_before_the_last_moment_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, failure):
    path = tmp_path / "text"
    write_text(path, "old")

    def fail(made, target):
        assert made.read_text() == "new"  # whole, beside the old one
        assert made.stat().st_dev == target.stat().st_dev
        raise failure

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(failure):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert names(tmp_path) == {"text"}


def test_a_folder_appears_when_all_is_in_it(tmp_path):
    path = tmp_path / "results" / "run"
    with whole_folder(path) as making:
        (making / "one").write_text("1")
        (making / "deep").mkdir()
        (making / "deep" / "two").write_text("2")
        assert not path.exists()
    assert names(tmp_path) == {"results", "results/run", "results/run/one", "results/run/deep", "results/run/deep/two"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o755


def test_a_folder_that_is_there_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "run"
    for name in ("one", "two"):
        with whole_folder(path) as making:
            (making / name).write_text(name)
            assert path.exists() is (name == "two")
    assert names(tmp_path) == {"run", "run/two"}


@pytest.mark.parametrize("failure", [ValueError, Stop])
@pytest.mark.parametrize("old", [True, False])
def test_a_failure_leaves_the_old_folder_as_it_was_and_nothing_else(tmp_path, failure, old):
    path = tmp_path / "run"
    if old:
        with whole_folder(path) as making:
            (making / "one").write_text("old")
    with pytest.raises(failure), whole_folder(path) as making:  # noqa: PT012 - both statements are the block
        (making / "one").write_text("new")
        raise failure
    assert names(tmp_path) == ({"run", "run/one"} if old else set())
    assert not old or (path / "one").read_text() == "old"


def written_by_hand(source: str) -> list[str]:
    """Return the places in a source that write a file without the functions of `dluxshera.files`."""
    return [
        ast.unparse(node)
        for node in ast.walk(ast.parse(source))
        if (isinstance(node, ast.Attribute) and node.attr in {"write_text", "write_bytes", "mkdtemp", "mkstemp"})
        or (isinstance(node, ast.Call) and ast.unparse(node.func).endswith("open") and "'w" in ast.unparse(node))
        or (isinstance(node, ast.Attribute) and node.attr == "replace" and ast.unparse(node.value) == "os")
    ]


def test_no_other_module_writes_files_itself():
    package = Path(dluxshera.__file__).parent
    sources = {path.relative_to(package).as_posix(): path.read_text() for path in package.rglob("*.py")}
    assert written_by_hand(sources.pop("files.py"))
    assert {name: places for name, source in sources.items() if (places := written_by_hand(source))} == {}


@pytest.mark.parametrize(
    "source",
    ["path.write_text('x')", "part.write_bytes(raw)", "open(path, 'w')", "tempfile.mkdtemp()", "os.replace(a, b)"],
)
def test_a_planted_writer_is_found(source):
    assert len(written_by_hand(source)) == 1
    assert written_by_hand(f"from dluxshera.files import write_text\nwrite_text(path, {source!r})") == []
