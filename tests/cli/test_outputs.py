"""Options that name a file or a folder to write, as a script gives them: one line, exit code 2, and nothing changed."""

import io
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from dluxshera import cli, runs
from dluxshera.console import json_for_terminal, print_table, printable
from dluxshera.files import OutputWarning
from dluxshera.runs import profile_fit, read_run
from support.rows import each_row, every_row
from support.toy_runs import saved, tree

SOURCE = "observation/flight_alpha_cen"


@pytest.fixture
def call(monkeypatch, capsys):
    """Call the command line as a script does; return the exit code, and standard output and error."""

    def called(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["dluxshera", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        return (left.value.code or 0, *capsys.readouterr())

    return called


@pytest.fixture
def no_work(monkeypatch):
    """Nothing is computed, so that a command can only fail before its work."""

    def work(*_, **__):
        raise AssertionError("the work has begun")

    monkeypatch.setattr(profile_fit, "load_profile", work)
    monkeypatch.setattr(runs, "simulate_profile", work)
    monkeypatch.setattr("dluxshera.error_budget.evaluate", work)
    monkeypatch.setattr(runs, "runs_table", work)
    monkeypatch.setattr("dluxshera.runs.figures.run_figures", work)


def places(folder: Path) -> dict[str, Path]:
    """Places that cannot be written to, for a file as for a folder."""
    (folder / "file").write_text("mine")
    (folder / "loop").symlink_to("loop")
    (folder / "unmounted").symlink_to("nothing/there")
    return {
        "file": folder / "file",
        "below a file": folder / "file" / "x",
        "loop": folder / "loop",
        "link into nothing": folder / "unmounted",
        "long name": folder / ("x" * 256),
        "long folder": folder / ("é" * 128) / "x",
        "bytes": folder / os.fsdecode(b"a" * 250 + b"\xff" * 10),
    }


def test_a_place_that_cannot_be_written_to_ends_a_command_before_its_work(no_work, call, tmp_path):
    run = saved(tmp_path / "run")
    commands = (
        ("run", "fit", SOURCE, "--output"),
        ("simulate", SOURCE, "--force", "--output"),
        ("run", "plot", run, "--output"),
        ("run", "table", run, "--csv"),
        ("budget", "report", "--output"),
    )
    found = places(tmp_path)
    before = tree(tmp_path)
    with every_row() as row:
        for command in commands:
            for name, place in found.items():
                if (command[0], name) == ("simulate", "file"):
                    continue  # which it may replace
                with row(*command[:2], name):
                    code, out, err = call(*command, place)
                    assert (code, out) == (2, "")
                    assert err.startswith("error: ")
                    assert err.count("\n") == 1
                    assert "." in err
        for place in (run / "run.json", run / "profile.yaml", tmp_path / "file"):
            for command in commands[3:]:
                with row(*command[:2], place.name):
                    code, _, err = call(*command, place)
                    assert (code, err.count("\n")) == (2, 1)
                    assert "another file" in err
    assert tree(tmp_path) == before


@each_row("tolerance", ["0", "-1", "nan", "inf", "-inf", "1e-400"])
def test_a_tolerance_that_no_fit_reaches_is_wrong_usage(tolerance, no_work, call, tmp_path):
    code, _, err = call("run", "fit", SOURCE, f"--tolerance={tolerance}", "--output", tmp_path / "run")
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith("error: --tolerance: expected a positive number of sigma, got ")
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_fit_says_how_to_continue(call, tmp_path, monkeypatch):
    def interrupted(source, output, **_):
        if "after" in str(output):
            runs.Checkpoint(output, {}, kinds=())([1.0])
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "fit_profile", interrupted)
    code, out, err = call("run", "fit", SOURCE, "--set", "image_npix=32", "--output", tmp_path / "af ter", "--force")
    assert (code, out) == (130, "")
    assert err == "interrupted before the first step; nothing was written\n"
    code, out, err = call("run", "fit", SOURCE, "--output", tmp_path / "after it", "--force")
    after = shlex.quote(str(tmp_path / "after it"))
    assert (code, out) == (130, "")
    assert err == f"interrupted; to continue: dluxshera run fit {SOURCE} --output {after} --resume\n"


def test_a_fit_that_is_interrupted_by_the_keyboard_can_be_continued(tmp_path):
    """The signal itself, in the middle of a fit."""
    code = "import sys; from dluxshera.cli import main; sys.argv = ['dluxshera', *sys.argv[1:]]; main()"
    arguments = [
        *("run", "fit", SOURCE, "--set", "image_npix=16", "--set", "n_wavelengths=1", "--free", "binary.separation_as"),
        *("--free", "primary.zernike_coeffs_nm", "--tolerance", "1e-9", "--output", str(tmp_path / "run")),
    ]
    running = subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while not (tmp_path / "run" / "checkpoint.npz").exists() and running.poll() is None:
        threading.Event().wait(0.01)
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=120)
    if running.returncode == 130:  # or it had ended before the signal
        assert "Traceback" not in err
        assert (
            err.strip().splitlines()[-1]
            == f"interrupted; to continue: {shlex.join(['dluxshera', *arguments])} --resume"
        )
        assert {path.name for path in (tmp_path / "run").iterdir()} == {"checkpoint.npz"}
    else:
        assert running.returncode == 0


@pytest.mark.filterwarnings("always::dluxshera.files.OutputWarning")
def test_a_run_that_is_stored_elsewhere_is_named_and_ends_with_2(call, tmp_path, monkeypatch):
    beside = saved(tmp_path / "beside")

    def stored_beside(source, output, **_):
        import warnings

        warnings.warn("The disk is full. The result is stored in x", OutputWarning, stacklevel=2)
        return read_run(beside)

    monkeypatch.setattr(runs, "fit_profile", stored_beside)
    code, out, err = call("run", "fit", SOURCE, "--output", tmp_path / "run")
    assert code == 2
    assert "star.log_flux" in out
    assert err.splitlines() == [
        "warning: The disk is full. The result is stored in x",
        f"error: {tmp_path / 'run'} could not be written; the run is in {beside}",
    ]


def test_a_table_goes_to_a_pipe_through_links_and_into_names_of_250_characters(call, tmp_path):
    run = saved(tmp_path / "run")
    os.mkfifo(tmp_path / "pipe")
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    assert call("run", "table", run, "--csv", tmp_path / "pipe")[0] == 0
    reader.join()
    (tmp_path / "real.csv").write_text("")
    (tmp_path / "link.csv").symlink_to("real.csv")
    long = tmp_path / ("x" * 250)
    for path in (tmp_path / "link.csv", long, long):
        assert call("run", "table", run, "--csv", path)[0] == 0
        assert path.read_bytes() == received[0]
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "pipe").is_fifo()


def test_names_of_bytes_that_are_no_text_are_printed_and_recorded(call, tmp_path):
    run = saved(tmp_path / os.fsdecode(b"a\xff"), command=os.fsdecode(b"dluxshera \xff"))
    assert json.loads((run / "run.json").read_text())["command"] == r"dluxshera \udcff"
    for command in (("run", "show", run), ("run", "show", run, "--json"), ("run", "table", run)):
        code, out, _ = call(*command)
        assert code == 0
        assert "udcff" in out
    assert call("run", "table", run, "--csv", tmp_path / "all.csv")[0] in (0, 2)


def test_a_terminal_without_the_characters_gets_escapes(tmp_path, monkeypatch):
    """In a process of its own with an encoding of ASCII: the micro sign of a label, and the lines of a table."""
    run = saved(tmp_path / "µas", provenance={"design": "α Cen", "seed": "µ"})
    code = "import sys; from dluxshera.cli import main; sys.argv = ['dluxshera', *sys.argv[1:]]; main()"
    for arguments in (["show", run], ["show", run, "--json"], ["table", run], ["show", tmp_path / "ü"]):
        done = subprocess.run(
            [sys.executable, "-c", code, "run", *arguments],
            env=os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"},
            capture_output=True,
            check=False,
        )
        assert b"Traceback" not in done.stderr
        text = (done.stdout + done.stderr).decode("ascii")
        assert r"\xb5" in text or r"\u00b5" in text or r"\xfc" in text or r"\udcc3" in text
        if "--json" in arguments:
            assert json.loads(done.stdout)["provenance"]["design"] == "α Cen"


@each_row("text, shown", [
    ("plain µ α 漢 𝛼", "plain µ α 漢 𝛼"), ("\x1b[31mred", r"\x1b[31mred"), ("\x9b2J", r"\x9b2J"), ("a\r\nb", r"a\r\nb"),
    ("\x07\x08\x7f", r"\x07\x08\x7f"), ("\u202etxt.exe", r"\u202etxt.exe"), ("\x1b]8;;http://x\x07", r"\x1b]8;;http://x\x07"),
])  # fmt: skip
def test_a_text_is_printed_without_its_control_characters(text, shown, capsys):
    assert printable(text) == shown
    print_table((f"head {text}", "[/red]"), [(text, "[bold]x[/bold]")])
    out = capsys.readouterr().out
    assert shown in out
    assert "[/red]" in out
    assert json.loads(json_for_terminal(json.dumps({"a": text}, ensure_ascii=False))) == {"a": text}
    assert set(json_for_terminal(json.dumps({"a": text}, ensure_ascii=False))).isdisjoint("\x1b\x9b\x7f\u202e")


def test_an_error_about_a_foreign_file_is_one_line_without_control_characters(call, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text('{"format": "\\u001b[2J\\n\\u009b"}')
    for name in ("run", "\x1b[31m\n"):
        code, out, err = call("run", "show", tmp_path / name)
        assert (code, out) == (1, "")
        assert set(err).isdisjoint("\x1b\x9b")
        assert err.count("\n") == 1


def test_json_for_a_terminal_of_ascii_is_ascii(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    text = json_for_terminal('{\n "µ": "𝛼"\n}')
    assert text.isascii()
    assert json.loads(text) == {"µ": "𝛼"}
