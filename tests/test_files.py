"""Files that appear whole or not at all, in any place, and checks of places before the work."""

import ast
import errno
import os
import pickle
import resource
import shutil
import stat
import threading
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

import dluxshera
from dluxshera.errors import OutputError, ParameterError
from dluxshera.files import (
    OutputWarning,
    check_file,
    check_folder,
    check_space,
    inside,
    remove_parts,
    store_result,
    write_bytes,
    write_text,
)
from support.rows import each_row, every_row
from support.toy_runs import tree


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
    with pytest.raises(OutputError, match=r"without UTF-8 code, '\\ud800' at 100000\. Remove"):
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


# Ownership of the place: what is no regular file is written through or left, and links are followed.


def link_to_file(folder: Path) -> Path:
    (folder / "real").write_text("old")
    (folder / "name").symlink_to("real")
    return folder / "real"


def link_to_nothing(folder: Path) -> Path:
    (folder / "name").symlink_to("new")
    return folder / "new"


def link_through_links(folder: Path) -> Path:
    (folder / "deep").mkdir()
    (folder / "deep" / "one").symlink_to(folder / "two")
    (folder / "two").write_text("old")
    (folder / "name").symlink_to("deep/one")
    return folder / "two"


def link_in_a_folder_of_a_link(folder: Path) -> Path:
    (folder / "real").mkdir()
    (folder / "real" / "file").write_text("old")
    (folder / "other").symlink_to("real")
    (folder / "name").symlink_to("other/file")
    return folder / "real" / "file"


@each_row("place", (link_to_file, link_to_nothing, link_through_links, link_in_a_folder_of_a_link))
def test_a_link_is_followed_and_stays(place, tmp_path):
    folder = tmp_path / place.__name__
    folder.mkdir()
    target = place(folder)
    links = {name: item for name, item in tree(folder).items() if item[0] == stat.S_IFLNK}
    check_file(folder / "name")
    write_text(folder / "name", "new")
    assert target.read_text() == "new"
    assert not target.is_symlink()
    assert {name: item for name, item in tree(folder).items() if item[0] == stat.S_IFLNK} == links
    assert not list(folder.rglob("*.part"))


def test_a_pipe_gets_the_content_and_stays_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    for name in ("pipe", "link"):
        received = []
        reader = threading.Thread(target=lambda: received.append((tmp_path / "pipe").read_bytes()))  # noqa: B023
        reader.start()
        check_file(tmp_path / name)
        write_bytes(tmp_path / name, b"content")
        reader.join(10)
        assert received == [b"content"]
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    assert {path.name for path in tmp_path.iterdir()} == {"pipe", "link"}


def test_a_device_gets_the_content_and_stays_a_device(tmp_path):
    master, slave = os.openpty()
    try:
        (tmp_path / "device").symlink_to(os.ttyname(slave))  # as /dev/null, which a failure here would replace
        check_file(tmp_path / "device")
        write_bytes(tmp_path / "device", b"content")
        assert os.read(master, 100) == b"content"
        assert stat.S_ISCHR((tmp_path / "device").stat().st_mode)
    finally:
        os.close(master)
        os.close(slave)


def a_folder(folder: Path) -> Path:
    return folder


def a_loop(folder: Path) -> Path:
    (folder / "name").symlink_to("other")
    (folder / "other").symlink_to("name")
    return folder / "name"


def below_a_file(folder: Path) -> Path:
    (folder / "file").write_text("mine")
    return folder / "file" / "name"


def deep_below_a_file(folder: Path) -> Path:
    (folder / "file").write_text("mine")
    return folder / "file" / "a" / "b" / "name"


def a_link_into_no_folder(folder: Path) -> Path:
    (folder / "name").symlink_to("unmounted/disk/name")
    return folder / "name"


def a_long_name(folder: Path) -> Path:
    return folder / ("x" * 256)


def a_long_folder(folder: Path) -> Path:
    return folder / "new" / ("é" * 128) / "name"


def a_long_path(folder: Path) -> Path:
    return folder.joinpath(*["x" * 200] * 30)


def a_nul(folder: Path) -> Path:
    return folder / "a\0b"


# What no file can be written to, and a part of the message.
IMPOSSIBLE = {
    a_folder: "it is a folder",
    a_loop: "symbolic links",
    below_a_file: "(Not a directory|is not a folder)",
    deep_below_a_file: "(Not a directory|is not a folder)",
    a_link_into_no_folder: "link into a folder that does not exist",
    a_long_name: "too long",
    a_long_folder: "too long",
    a_long_path: "too long",
    a_nul: "null",
}


def test_an_impossible_place_is_an_error_before_the_work_and_when_writing(tmp_path):
    with every_row() as row:
        for place, message in IMPOSSIBLE.items():
            folder = tmp_path / place.__name__
            folder.mkdir()
            path = place(folder)
            before = tree(folder)
            for write in (check_file, lambda path: write_text(path, "new")):
                with (
                    row(place.__name__),
                    pytest.raises(OutputError, match=rf"(?i)cannot be written: .*{message}.*\. Name"),
                ):
                    write(path)
                if place is not a_long_folder:  # its parents are created on the way
                    assert tree(folder) == before


def test_an_impossible_folder_is_an_error_before_the_work(tmp_path):
    (tmp_path / "file").write_text("mine")
    places = {
        tmp_path / "file": "it is a file, not a folder",
        tmp_path / "file" / "a": "(Not a directory|is not a folder)",
        tmp_path / ("x" * 256): "too long",
        tmp_path / "new" / ("x" * 256): "too long",
        a_loop(tmp_path): "symbolic links",
    }
    before = tree(tmp_path)
    with every_row() as row:
        for place, message in places.items():
            with row(place.name[:10]), pytest.raises(OutputError, match=f"(?i){message}"):
                check_folder(place, ["arrays.npz"])
        with row("long name in it"), pytest.raises(OutputError, match="too long"):
            check_folder(tmp_path / "new", ["x" * 256])
        with row("long path in it"), pytest.raises(OutputError, match="too long"):
            check_folder(tmp_path.joinpath(*["x" * 200] * 20), ["arrays.npz"])
    assert tree(tmp_path) == before
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert check_folder(tmp_path / "link", ["arrays.npz"]) == tmp_path / "real"


@pytest.mark.parametrize("check", [check_file, lambda path, size=0: check_folder(path.parent, [path.name], size)])
def test_rights_and_free_space_are_checked_before_the_work(check, tmp_path, monkeypatch):
    check(tmp_path / "name", 1000)
    with pytest.raises(OutputError, match=r"1000000000000\.0 MB are needed and .* MB are free"):
        check(tmp_path / "name", 10**18)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=0))
        with pytest.raises(OutputError, match=r"0\.0 MB are free"):
            check(tmp_path / "name")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(OutputError, match="cannot be written to"):
        check(tmp_path / "new" / "name")
    assert list(tmp_path.iterdir()) == []


def test_a_read_only_file_is_not_replaced(tmp_path, monkeypatch):
    path = tmp_path / "name"
    path.write_text("old")
    monkeypatch.setattr(os, "access", lambda place, mode: Path(place) != path)
    for write in (check_file, lambda place: write_text(place, "new")):
        with pytest.raises(OutputError, match="it is read-only"):
            write(path)
    assert path.read_text() == "old"


def test_a_name_of_the_longest_length_is_written(tmp_path):
    for name in ("x" * 255, "é" * 127, "x" * 250 + ".yaml"):
        check_file(tmp_path / name)
        write_text(tmp_path / name, "new")
        write_text(tmp_path / name, "newer")
        assert (tmp_path / name).read_text() == "newer"
    assert len(list(tmp_path.iterdir())) == 3


@each_row("umask, mode", [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664), (0o027, 0o640)])
def test_a_new_file_has_the_permissions_of_the_umask(umask, mode, tmp_path):
    before = os.umask(umask)
    try:
        write_text(tmp_path / f"{umask}", "x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / f"{umask}").stat().st_mode) == mode


@each_row("mode", [0o600, 0o640, 0o755, 0o666])
def test_a_file_keeps_its_permissions(mode, tmp_path):
    path = tmp_path / f"{mode}"
    path.write_text("old")
    path.chmod(mode)
    write_text(path, "new")
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_the_owner_of_a_file_stays(tmp_path, monkeypatch):
    path, calls = tmp_path / "name", []
    path.write_text("old")
    status = path.stat()
    monkeypatch.setattr(os, "chown", lambda part, uid, gid: calls.append((uid, gid)))
    other = os.stat_result((*status[:4], 1234, 5678, *status[6:10]))
    monkeypatch.setattr(dluxshera.files, "_status", lambda place: other)
    write_text(path, "new")
    assert calls == [(1234, 5678)]


@each_row("name", ["", ".", "..", "../x", "a/b", "/etc/x", "a\\b", "C:x", "a\0", "a\n", "..\\x"])
def test_a_name_that_leaves_its_folder_is_an_error(name, tmp_path):
    with pytest.raises(ParameterError, match="the name of a file, without a folder"):
        inside(tmp_path, name)
    assert inside(tmp_path, "profile.yaml") == tmp_path / "profile.yaml"


def test_only_partial_files_of_the_writer_are_removed(tmp_path):
    kept = {".name.mine.part", ".name.part", f".name2.{'0' * 32}.part", f".name.{'g' * 32}.part", "name.part"}
    for name in (*kept, f".name.{'0' * 32}.part"):
        (tmp_path / name).write_text("x")
    remove_parts(tmp_path / "name")
    assert {path.name for path in tmp_path.iterdir()} == kept


@contextmanager
def small_files(size: int):
    """Let no file grow beyond a size, as a full disk does."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_trial_leaves_nothing_and_meets_a_full_disk(tmp_path):
    check_space(tmp_path, 3 * 2**20 + 5)
    write_text(tmp_path / "old", "old")
    with small_files(2**20):
        check_space(tmp_path, 2**19)
        for write in (lambda: check_space(tmp_path, 2**21), lambda: write_bytes(tmp_path / "old", bytes(2**21))):
            with pytest.raises(OutputError, match="File too large"):
                write()
    assert (tmp_path / "old").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


def test_a_result_that_cannot_be_stored_there_is_stored_beside(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(path: Path) -> None:
        if path.parent in full:
            raise OutputError(path, "No space left on device", number=errno.ENOSPC)
        write_text(path, "result")

    place = tmp_path / "results" / "table.csv"
    place.parent.mkdir()
    full: set[Path] = set()
    assert store_result(place, write) == place
    for path in (tmp_path / "results" / "other.csv", place):
        path.unlink(missing_ok=True)
    with pytest.warns(
        OutputWarning, match=r"embedded null byte.*The result is stored in .*/results/table-[0-9a-f]{8}\.csv"
    ):
        beside = store_result(place, lambda path: write(path) if path != place else write_text(path / "a\0", ""))
    assert beside.read_text() == "result"
    assert beside.parent == place.parent
    full.add(place.parent)
    with pytest.warns(OutputWarning, match="The result is stored in"):
        assert store_result(place, write).parent == tmp_path
    with pytest.raises(OutputError, match="No space left"):
        store_result(place, lambda path: write(tmp_path / "results" / "x"))


def test_an_output_error_survives_pickling_and_is_an_os_error():
    error = pickle.loads(pickle.dumps(OutputError("a/b", "No space left on device", number=errno.ENOSPC)))
    assert isinstance(error, OSError)
    assert str(error) == "a/b: cannot be written: No space left on device. Name another place to write to."
    assert (error.path, error.reason) == ("a/b", "No space left on device")


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
