"""A run owns the files that its record lists: every other file in its folder stays, or nothing in it changes."""

import json
import os
import shutil
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

from dluxshera.errors import DocumentError, OutputError, ParameterError
from dluxshera.files import OutputWarning
from dluxshera.inference import FitResult
from dluxshera.runs import (
    Checkpoint,
    can_resume,
    check_run_folder,
    figures,
    is_run,
    ownership,
    profile_fit,
    read_run,
    save_run,
    write_figures,
)
from dluxshera.runs import checkpoint as checkpoints
from dluxshera.runs.lock import LOCK, claimed
from dluxshera.runs.ownership import PENDING, check_output, content_of
from support import kills
from support.rows import each_row, every_row
from support.toy_runs import saved, solution, tree

FILES = {"run.json", "arrays.npz", "profile.yaml"}


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def foreign(folder: Path) -> dict[str, tuple[object, ...]]:
    """Everything below a folder but the files of the run in its folder ``run``."""
    return {name: item for name, item in tree(folder).items() if name not in {f"run/{file}" for file in FILES}}


def notes(folder: Path) -> None:
    (folder / "notes.txt").write_text("mine")


def hidden(folder: Path) -> None:
    (folder / ".notes").write_text("mine")
    (folder / ".run.json.part").write_text("mine")
    (folder / ".arrays.npz.0123.part").write_text("mine")


def deep(folder: Path) -> None:
    (folder / "thesis" / "chapters").mkdir(parents=True)
    (folder / "thesis" / "run.json").write_text("{}")
    (folder / "thesis" / "chapters" / "one.tex").write_text("years of work")


def similar(folder: Path) -> None:
    for name in ("arrays.npz.old", "run.json~", "checkpoint.npy", "samples.npz", "image.svg", "arrays.npz.0123abcd"):
        (folder / name).write_text("mine")


def links(folder: Path) -> None:
    (folder.parent / "elsewhere").write_text("mine")
    (folder / "link").symlink_to(folder.parent / "elsewhere")
    (folder / "broken").symlink_to("nothing")


def special(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    (folder / "empty").mkdir()
    (folder / "private").write_text("mine")
    (folder / "private").chmod(0o400)


FOREIGN = (notes, hidden, deep, similar, links, special)


@each_row("add", FOREIGN)
def test_a_new_run_leaves_every_other_file_in_the_folder(add, tmp_path):
    folder = saved(tmp_path / add.__name__ / "run", 1.0)
    add(folder)
    before = foreign(tmp_path / add.__name__)
    saved(folder, 2.0, force=True)
    assert read_run(folder).loss == 2.0
    assert (folder / "profile.yaml").read_text() == "x: 2.0\n"
    assert foreign(tmp_path / add.__name__) == before


@each_row("add", FOREIGN)
def test_a_folder_with_other_files_and_no_run_is_left_as_it_is(add, tmp_path):
    folder = tmp_path / add.__name__ / "run"
    folder.mkdir(parents=True)
    add(folder)
    before = tree(folder.parent)
    for force in (False, True):
        with pytest.raises(ParameterError, match=r"a new folder or the folder of a run, got 'other files: "):
            saved(folder, force=force)
    assert not is_run(folder)
    assert tree(folder.parent) == before


# Files that the record of a run cannot own, each under a name that a run writes, and that name.
def another_record(folder: Path) -> str:
    (folder / "run.json").write_text('{"hello": 1}')
    return "run.json"


def a_record_of_another_format(folder: Path) -> str:
    (folder / "run.json").write_text('{"format": "dluxshera.run/9"}')
    return "run.json"


def a_damaged_record(folder: Path) -> str:
    (folder / "run.json").write_bytes((folder / "run.json").read_bytes()[:-40])
    return "run.json"


def edited_arrays(folder: Path) -> str:
    (folder / "arrays.npz").write_bytes(b"mine")
    return "arrays.npz"


def an_edited_profile(folder: Path) -> str:
    with (folder / "profile.yaml").open("a") as file:
        file.write("# an hour of work\n")
    return "profile.yaml"


def a_folder_of_the_name(folder: Path) -> str:
    (folder / "profile.yaml").unlink()
    (folder / "profile.yaml").mkdir()
    (folder / "profile.yaml" / "thesis").write_text("mine")
    return "profile.yaml"


def another_checkpoint(folder: Path) -> str:
    np.savez(folder / "checkpoint.npz", weights=np.ones(3))
    return "checkpoint.npz"


def another_lock(folder: Path) -> str:
    (folder / LOCK).write_text("mine")
    return LOCK


def a_pipe_as_lock(folder: Path) -> str:
    os.mkfifo(folder / LOCK)
    return LOCK


def pipes(folder: Path) -> str:
    for name in ("arrays.npz", "profile.yaml"):
        (folder / name).unlink()
        os.mkfifo(folder / name)
    return "arrays.npz"


def another_pending_record(folder: Path) -> str:
    (folder / PENDING).write_text("mine")
    return PENDING


def a_link_to_the_thesis(folder: Path) -> str:
    (folder.parent / "thesis").write_text("mine")
    (folder / "profile.yaml").unlink()
    (folder / "profile.yaml").symlink_to(folder.parent / "thesis")
    return "profile.yaml"


TAKEN = (
    *(another_record, a_record_of_another_format, a_damaged_record, edited_arrays, an_edited_profile),
    *(
        a_folder_of_the_name,
        another_checkpoint,
        another_lock,
        another_pending_record,
        a_link_to_the_thesis,
        a_pipe_as_lock,
        pipes,
    ),
)


@each_row("spoil", TAKEN)
def test_a_file_that_is_not_the_runs_is_never_replaced_even_by_force(spoil, tmp_path):
    folder = saved(tmp_path / spoil.__name__ / "run", 1.0)
    name = spoil(folder)
    before = tree(folder.parent)
    with pytest.raises(ParameterError, match=r"other files: |a file of the run in its folder.*Move it") as error:
        saved(folder, 2.0, force=True)
    assert name in str(error.value)
    assert tree(folder.parent) == before


@pytest.fixture
def no_work(monkeypatch):
    """No profile is loaded, so that a fit can only fail before its work."""

    def work(*_):
        raise AssertionError("the work has begun")

    monkeypatch.setattr(profile_fit, "load_profile", work)


def test_a_fit_looks_at_its_folder_before_the_work(no_work, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with every_row() as row:
        for spoil in TAKEN:
            folder = saved(tmp_path / spoil.__name__ / "run", 1.0)
            spoil(folder)
            before = tree(folder.parent)
            for options in ({"force": True}, {"resume": True}):
                with row(spoil.__name__, *options), pytest.raises(ParameterError):
                    profile_fit.fit_profile("x", folder, **options)
                assert tree(folder.parent) == before
        (tmp_path / "file").write_text("mine")
        (tmp_path / "loop").symlink_to("loop")
        before = tree(tmp_path)
        for place in ("file", "file/run", "x" * 256, "loop", "new/" + "x" * 256, "a\0b", "."):
            with row(place[:20]), pytest.raises((OutputError, ParameterError)):
                profile_fit.fit_profile("x", place)
        with row("long path"), pytest.raises(OutputError, match="too long"):
            profile_fit.fit_profile("x", "/".join(["x" * 200] * 20))
        monkeypatch.setattr(os, "access", lambda path, mode: False)
        with row("rights"), pytest.raises(OutputError, match="cannot be written to"):
            profile_fit.fit_profile("x", "new")
        monkeypatch.undo()
        monkeypatch.setattr(shutil, "disk_usage", lambda path: os.terminal_size((1, 0)) and type("", (), {"free": 0}))
        with row("full"), pytest.raises(OutputError, match="are free"):
            profile_fit.fit_profile("x", tmp_path / "new")
    assert tree(tmp_path) == before


def test_names_of_files_stay_in_the_folder(tmp_path):
    before = tree(tmp_path)
    with every_row() as row:
        for name in ("../x", "/etc/x", "a/b", "..", "", "a\\b", "x\0"):
            with row(name), pytest.raises(ParameterError, match="the name of a file, without a folder"):
                save_run(tmp_path / "run", solution(), texts={name: "x"})
        for name in ("run.json", "ARRAYS.npz", "checkpoint.npz", ".run.lock", ".run.json.pending"):
            with row(name), pytest.raises(ParameterError, match="a name that no file of the run has"):
                save_run(tmp_path / "run", solution(), texts={name: "x"})
    assert tree(tmp_path) == before
    folder = saved(tmp_path / "run")
    record = json.loads((folder / "run.json").read_text())
    (tmp_path / "thesis").write_text("mine")
    thesis = tree(tmp_path)["thesis"][2]
    for part, files in (("files", {"../thesis": thesis}), ("superseded", {"../thesis": thesis})):
        (folder / "run.json").write_text(json.dumps(record | {part: record["files"] | files}))
        with pytest.raises(DocumentError, match=r"\.\./thesis: not the name of a file in the folder"):
            read_run(folder)
    (folder / "run.json").write_text(json.dumps(record | {"stored_as": {"arrays.npz": "../run/arrays.npz"}}))
    with pytest.raises(DocumentError, match="not the name of a file in the folder"):
        read_run(folder)


def current_folder(folder: Path) -> Path:
    folder.mkdir()
    os.chdir(folder)
    return Path()


def a_link(folder: Path) -> Path:
    folder.mkdir()
    folder.with_name("link").symlink_to(folder)
    return folder.with_name("link")


def a_link_to_nothing(folder: Path) -> Path:
    folder.with_name("link2").symlink_to(folder)
    return folder.with_name("link2")


def a_folder_that_cannot_be_renamed(folder: Path) -> Path:
    folder.mkdir()
    return folder


@each_row("place", [current_folder, a_link, a_link_to_nothing, a_folder_that_cannot_be_renamed])
def test_contents_are_replaced_in_a_folder_of_any_kind(place, tmp_path, monkeypatch):
    """No folder is ever renamed, so that a mount point and the working folder serve as well."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / place.__name__
    path = place(folder)
    rename = Path.replace
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", lambda one, two: pytest.fail("renamed") if one.is_dir() else rename(one, two))
        saved(path, 1.0)
        inode = folder.stat().st_ino
        saved(path, 2.0, force=True)
    assert read_run(folder).loss == 2.0
    assert names(folder) == FILES
    assert folder.stat().st_ino == inode
    assert not folder.is_symlink()
    assert not [path for path in folder.parent.iterdir() if ".old" in path.name]


@each_row("umask, mode", [(0o022, 0o755), (0o077, 0o700), (0o002, 0o775)])
def test_the_folder_of_a_run_has_the_permissions_of_the_umask_and_keeps_its_own(umask, mode, tmp_path):
    folder = tmp_path / f"{umask}" / "run"
    before = os.umask(umask)
    try:
        saved(folder)
        assert stat.S_IMODE(folder.stat().st_mode) == mode
        folder.chmod(0o750)
        saved(folder, 2.0, force=True)
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o750
    assert stat.S_IMODE((folder / "arrays.npz").stat().st_mode) == mode & 0o666


@each_row("failing", range(9))
def test_a_failure_at_any_step_leaves_a_complete_run_and_the_next_one_cleans_up(failing, tmp_path, monkeypatch):
    folder = saved(tmp_path / f"{failing}" / "run", 1.0)
    notes(folder)
    write, calls = ownership.write_bytes, []

    def fail(path, content):
        calls.append(path)
        if len(calls) > failing:
            raise OutputError(path, "No space left on device")
        write(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(ownership, "write_bytes", fail)
        patch.setattr(ownership, "write_text", lambda path, text: fail(path, text.encode()))
        patch.chdir(tmp_path)
        patch.setattr("dluxshera.files._other_places", lambda path: ())
        try:
            saved(folder, 2.0, force=True)
            assert read_run(folder).loss == 2.0
        except OutputError:
            assert read_run(folder).loss == 1.0
    saved(folder, 3.0, force=True)
    assert read_run(folder).loss == 3.0
    assert names(folder) == FILES | {"notes.txt"}


def test_a_result_that_cannot_be_stored_is_stored_beside(tmp_path, monkeypatch):
    folder = saved(tmp_path / "run", 1.0)
    an_edited_profile(folder)
    before = tree(folder)
    keep = Checkpoint(folder, {"data": "1"}, kinds=(), force=True)
    with pytest.warns(OutputWarning, match=r"profile\.yaml.*another file.* The result is stored in .*/run-[0-9a-f]{8}"):
        beside = saved(folder, 2.0, force=True, checkpoint=keep)
    assert beside.parent == tmp_path
    assert read_run(beside).loss == 2.0
    assert tree(folder) == before


@each_row("result", [FitResult.MAX_STEPS, FitResult.CONVERGED])
def test_the_checkpoint_of_an_unfinished_fit_is_stored_with_its_run(result, tmp_path):
    keep = Checkpoint(tmp_path / result.name / "fit", {"data": "1"}, kinds=())
    keep([1.5])
    assert can_resume(keep.path.parent)
    folder = save_run(tmp_path / result.name / "other", solution(result=result), checkpoint=keep)
    assert can_resume(folder) is (result is FitResult.MAX_STEPS)
    assert read_run(folder).result is result


@pytest.fixture
def small_figures(monkeypatch):
    """Figures that are drawn in no time."""
    monkeypatch.setattr(figures, "run_figures", lambda run: ((name, plt.figure()) for name in ("image", "convergence")))


def test_files_of_an_older_run_that_the_new_one_has_not_are_removed(small_figures, tmp_path):
    folder = saved(tmp_path / "run", 1.0, samples={"draws": np.ones(3)})
    write_figures(read_run(folder))
    assert {"samples.npz", "image.png", "convergence.png"} <= names(folder)
    assert not content_of(folder).others
    saved(folder, 2.0, force=True)
    assert names(folder) == FILES


def test_figures_never_replace_another_file(small_figures, tmp_path):
    folder = saved(tmp_path / "run")
    (folder / "image.png").write_text("mine")
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "pulls.svg").write_text("mine")
    (tmp_path / "figures" / "convergence.svg").write_text("mine")
    before = tree(tmp_path)
    with pytest.raises(ParameterError, match=r"image\.png: expected a file of the run.*another file"):
        write_figures(read_run(folder))
    with pytest.raises(ParameterError, match=r"convergence\.svg: expected no file of this name.*--force"):
        write_figures(read_run(folder), tmp_path / "figures", "svg")
    with pytest.raises(OutputError, match="it is a file, not a folder"):
        write_figures(read_run(folder), tmp_path / "figures" / "pulls.svg", "svg")
    assert tree(tmp_path) == before
    write_figures(read_run(folder), tmp_path / "figures", "svg", force=True)
    assert (tmp_path / "figures" / "convergence.svg").read_text().startswith("<?xml")
    assert (tmp_path / "figures" / "pulls.svg").read_text() == "mine"
    for _ in range(2):  # their own figures they replace
        (folder / "image.png").unlink(missing_ok=True)
        write_figures(read_run(folder))


# The lock, and the identity of the problem.


HOLD = """
import sys, time
from pathlib import Path
from dluxshera.runs.lock import claimed

with claimed(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_fit_into_a_folder_is_an_error_and_a_dead_one_does_not_hold_it(tmp_path):
    other = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path / "run")], stdout=subprocess.PIPE, text=True)
    assert other.stdout.readline() == "held\n"
    before = tree(tmp_path)
    for write in (lambda: saved(tmp_path / "run"), lambda: claimed(tmp_path / "run").__enter__()):
        with pytest.raises(ParameterError, match=rf"no other fit writes to.* in use by process {other.pid} on .*Wait"):
            write()
    assert tree(tmp_path) == before
    other.kill()
    other.communicate()
    assert names(tmp_path / "run") == {LOCK}  # it was killed with the lock
    saved(tmp_path / "run")
    assert names(tmp_path / "run") == FILES


def test_threads_wait_for_each_other_and_one_may_claim_twice(tmp_path):
    faults = []

    def other() -> None:
        try:
            saved(tmp_path / "run")
        except ParameterError as error:
            faults.append(str(error))

    with claimed(tmp_path / "run"):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        saved(tmp_path / "run", 1.0)
    assert len(faults) == 1
    assert "another thread of this process" in faults[0]
    assert names(tmp_path / "run") == FILES


def test_the_lock_of_a_folder_that_stays_empty_leaves_nothing(tmp_path):
    for failure in (None, KeyboardInterrupt, ValueError):
        try:
            with claimed(tmp_path / "a" / "b" / "run"):
                assert names(tmp_path / "a" / "b" / "run") == {LOCK}
                if failure:
                    raise failure
        except (KeyboardInterrupt, ValueError):
            pass
        assert list(tmp_path.iterdir()) == []


def test_many_processes_take_turns(tmp_path):
    """The lock file is removed by each holder, and none of them may lock a file that has lost its name."""
    inside, most, errors = [], [], []

    def work(number: int) -> None:
        for _ in range(30):
            try:
                with claimed(tmp_path):
                    inside.append(number)
                    most.append(len(inside))
                    time.sleep(1e-4)
                    inside.remove(number)
            except ParameterError:
                time.sleep(1e-4)
            except BaseException as error:
                errors.append(error)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert set(most) == {1}
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_replaces_none_of_another_problem_and_no_other_file(tmp_path):
    state = [1.0]
    Checkpoint(tmp_path / "a", {"data": "1"}, kinds=())(state)
    with pytest.raises(ParameterError, match=r"another problem.* differ in data"):
        Checkpoint(tmp_path / "a", {"data": "2"}, kinds=())(state)
    Checkpoint(tmp_path / "a", {"data": "2"}, kinds=(), force=True)(state)
    keep = Checkpoint(tmp_path / "b", {"data": "1"}, kinds=())
    saved(tmp_path / "b", checkpoint=keep)
    with pytest.raises(ParameterError, match=r"another problem.* differ in data"):
        Checkpoint(tmp_path / "b", {"data": "2"}, kinds=())(state)
    keep(state)  # of the same problem
    (tmp_path / "c").mkdir()
    another_checkpoint(tmp_path / "c")
    for force in (False, True):
        with pytest.raises(ParameterError, match=r"checkpoint\.npz: expected a file of a run, or no file"):
            Checkpoint(tmp_path / "c", {"data": "1"}, kinds=(), force=force)(state)


def test_a_fit_survives_a_checkpoint_that_cannot_be_written(tmp_path, monkeypatch):
    keep = Checkpoint(tmp_path, {}, kinds=())
    keep([1.0])

    def fail(path, content):
        raise OutputError(path, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "write_bytes", fail)
        with pytest.warns(OutputWarning, match="No space left on device.* The fit continues without a checkpoint"):
            keep([2.0])
        keep([3.0])  # it warns once
    assert keep.resume() == [1.0]


def test_a_run_is_replaced_without_force_only_by_one_of_the_same_problem(tmp_path):
    one, two = ({"data": name} for name in "12")
    folder = saved(tmp_path / "run", 1.0, checkpoint=Checkpoint(tmp_path / "run", one))
    assert json.loads((folder / "run.json").read_text())["problem"] == one
    saved(folder, 2.0, checkpoint=Checkpoint(folder, one))
    assert read_run(folder).loss == 2.0
    for options in ({}, {"checkpoint": Checkpoint(tmp_path / "x", two)}):
        before = tree(folder)
        if options:
            with pytest.warns(OutputWarning, match="The result is stored in"):
                assert read_run(saved(folder, 3.0, **options)).loss == 3.0
        else:
            with pytest.raises(ParameterError, match=r"expected a new folder, got 'a run'"):
                saved(folder, 3.0)
        assert tree(folder) == before


def test_a_script_can_check_the_folder_before_its_fit(tmp_path):
    check_run_folder(tmp_path / "new")
    folder = saved(tmp_path / "run")
    with pytest.raises(ParameterError, match=r"expected a new folder, got 'a run'"):
        check_run_folder(folder)
    check_run_folder(folder, force=True)
    an_edited_profile(folder)
    edited_arrays(folder)
    with pytest.raises(ParameterError, match="another file"):
        check_run_folder(folder, force=True)
    with pytest.raises(OutputError, match="it is a file"):
        check_run_folder(folder / "run.json")


def test_check_output_changes_nothing(tmp_path):
    folder = saved(tmp_path / "run")
    before = tree(tmp_path)
    assert check_output(folder, ["arrays.npz"], replace=True).record is not None
    assert check_output(tmp_path / "new" / "run", ["arrays.npz"]).record is None
    assert tree(tmp_path) == before


# Planted faults.


def test_a_planted_writer_in_two_renames_is_caught(tmp_path, monkeypatch):
    """A writer that writes files under their own names at once loses the old run when it fails in between."""

    def plant(present, record, files, keep):
        plain = {**record, "files": {}}
        for name, raw in files.items():
            ownership.write_bytes(present.folder / name, raw)
        raise OutputError(present.folder, f"killed {plain['format']}")

    folder = saved(tmp_path / "run", 1.0)
    monkeypatch.setattr("dluxshera.runs.folder.write_files", plant)
    monkeypatch.setattr("dluxshera.files._other_places", lambda path: ())
    with pytest.raises(OutputError):
        saved(folder, 2.0, force=True)
    with pytest.raises(DocumentError, match="hash differs"):
        read_run(folder)


def test_a_writer_that_is_killed_leaves_the_old_content_or_the_new():
    """A sample of the validation, see tests/validation/test_kills.py."""
    results = kills.results(4, seed=1)
    assert set(results) == set(kills.WRITERS)
    for name, counts in results.items():
        assert counts["killed"] + counts["ended"] == 4, name
    assert sum(counts["killed"] for counts in results.values()) > 12
