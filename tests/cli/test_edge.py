"""The edge of the command line: exceptions as lines and exit codes, streams that cannot be written, hostile paths."""

import errno
import json
import os
import subprocess
import sys

import pytest

from dluxshera import cli
from dluxshera.errors import DerivationError, DocumentError, ParameterError
from support.command_attack import attack, call
from support.rows import each_row

PER_TEST = ("LC_", "LANG", "PYTHONIO", "PYTHONUTF8", "PYTHONUNBUFFERED")
CODE = "import sys; from dluxshera.cli import main; sys.argv = ['dluxshera', *sys.argv[1:]]; main()"

# Exception -> exit code and a part of its line, which the remedy ends.
EXCEPTIONS = [
    (OSError(errno.ENOSPC, "No space left on device", "a/b"), 2, "a/b: No space left on device. Free some space"),
    (PermissionError(errno.EACCES, "Permission denied", "a"), 2, "a: Permission denied. Check the permissions"),
    (IsADirectoryError(errno.EISDIR, "Is a directory", b"a"), 2, "a: Is a directory. Name a file"),
    (FileNotFoundError(errno.ENOENT, "No such file", "a"), 2, "a: No such file. Check the name"),
    (NotADirectoryError(errno.ENOTDIR, "Not a directory", "a/b"), 2, "a/b: Not a directory. A part of the path is a"),
    (OSError(errno.ENAMETOOLONG, "File name too long", "a"), 2, "a: File name too long. Shorten"),
    (OSError(errno.ELOOP, "Too many levels of symbolic links", "a"), 2, "form a loop"),
    (OSError(errno.EBUSY, "Device or resource busy", "."), 2, ".: Device or resource busy. The path is in use"),
    (OSError("a reason alone"), 2, "a reason alone. Check the path"),
    (MemoryError(), 2, "not enough memory. Use smaller grids, such as image_npix=128"),
    (RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes"), 2, "not enough memory"),
    (OverflowError(34, "Numerical result out of range"), 2, "too large or too small to compute with"),
    (ZeroDivisionError("float division by zero"), 2, "Check the values of the profile and of --set"),
    (FloatingPointError("underflow"), 2, "too large or too small"),
    ("\u00b5".encode, 2, "a text is not valid in ascii: ordinal not in range(128). Use names and files in UTF-8"),
    (ValueError("embedded\nnull byte"), 2, "embedded null byte. Check the arguments"),
    (ParameterError("x", expected="y", got=1, remedy="Use y"), 2, "x: expected y, got 1. Use y"),
    (DerivationError("cannot be computed", path=("x",)), 2, "x: cannot be computed."),
    (DocumentError("is wrong", file="a.yaml", line=3, column=1), 1, "a.yaml:3:1: is wrong."),
]  # fmt: skip


@each_row("error, code, text", EXCEPTIONS)
def test_an_exception_is_one_line_with_its_remedy(error, code, text, monkeypatch):
    def fail():
        if callable(error):
            error("ascii")
        raise error

    monkeypatch.setattr(cli, "app", fail)
    outcome = call("anything")
    assert outcome.code == code
    assert outcome.errors.count("\n") == 1
    assert outcome.errors.startswith("error: ")
    assert text in outcome.errors


@each_row(
    "error", [TypeError("x"), KeyError("x"), AttributeError("x"), AssertionError("x"), RuntimeError("x")], ids=repr
)
def test_a_fault_of_the_package_keeps_its_traceback(error, monkeypatch):
    def fail():
        raise error

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(type(error)):
        call("anything")


def shell(command: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    variables = {name: value for name, value in os.environ.items() if not name.startswith(PER_TEST)}
    run = f'"{sys.executable}" -c "$CODE" {command}'
    return subprocess.run(["bash", "-c", run], env=variables | {"CODE": CODE} | environment, capture_output=True)


MICRO = "profile validate $'\\xc2\\xb5.yaml'"


@pytest.mark.parametrize(
    ("command", "environment", "code", "output", "errors"),
    [
        pytest.param("params list >/dev/full", {}, 2, b"", b"error: No space left on device. Free some", id="full"),
        pytest.param("--version >/dev/full", {}, 2, b"", b"error: standard output: No space left", id="flush"),
        pytest.param("params list >&-", {}, 2, b"", b"error: standard output: is closed", id="closed"),
        pytest.param(MICRO, {"PYTHONIOENCODING": "ascii"}, 1, b"\\xb5.yaml: cannot be read", b"", id="ascii"),
        pytest.param(MICRO, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, 1, b".yaml: cannot be read",
                     b"", id="C locale"),
        pytest.param("profile validate $'\\xff.yaml'", {"PYTHONIOENCODING": "utf-8:strict"}, 1,
                     b"\\udcff.yaml: cannot be read", b"", id="not UTF-8"),
        pytest.param("params list", {"PYTHONIOENCODING": "ascii"}, 0, b"binary.separation_as", b"", id="ascii table"),
    ],
)  # fmt: skip
def test_a_stream_that_cannot_take_the_output(command, environment, code, output, errors):
    done = shell(command, **environment)
    assert done.returncode == code
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr
    assert output in done.stdout
    assert done.stderr.startswith(errors)
    assert done.stderr.count(b"\n") == bool(errors)


@each_row("command", [["params", "list"], ["params", "list", "--json"], ["--version"], ["--help"]])
def test_a_reader_that_is_gone_ends_the_command_without_a_word(command):
    reading, writing = os.pipe()
    os.close(reading)
    run, environment = [sys.executable, "-c", CODE, *command], {**os.environ, "PYTHONUNBUFFERED": ""}
    done = subprocess.run(run, stdout=writing, stderr=subprocess.PIPE, env=environment, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")


def test_json_on_an_ascii_terminal_is_json():
    done = shell(f"{MICRO} --json", PYTHONIOENCODING="ascii")
    (name,) = json.loads(done.stdout)["faults"]
    assert name == "\u00b5.yaml"


@each_row(
    "arguments, text",
    [
        (["profile", "validate", "none.yaml"], "none.yaml: cannot be read: No such file or directory. Check the name."),
        (["profile", "validate", "/"], "/: is not a file; name a file, not a folder"),
        (["profile", "show", "/dev/null/x.yaml"], "Not a directory. A part of the path is a file"),
        (["profile", "show", "m" * 300], "File name too long. Shorten the name"),
        (["budget", "report", "--budget", "none.yaml"], "No such file or directory. Check the name."),
        (["run", "show", "none"], "none: does not exist; name the folder"),
        (["run", "show", "/dev/null/none"], "does not exist; name the folder"),
        (["schema", "check", "--directory", "/dev/null"], "Not a directory. A part of the path is a file"),
    ],
)
def test_a_file_that_cannot_be_read_has_a_remedy(arguments, text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = call(*arguments)
    assert outcome.code in (1, 2)
    assert text in outcome.output + outcome.errors
    assert (outcome.output + outcome.errors).count("\n") == 1


@each_row("arguments, text", [
    (["profile", "show", "observation/flight_alpha_cen", "--set", f"{key}={value}"], key)
    for key, value in [
        ("system.m1_diameter_m", "1e308"), ("system.m1_diameter_m", "5e-324"), ("system.m1_focal_length_m", "1e308"),
        ("system.m1_m2_separation_m", "1e300"), ("band.wavelength_m", "1e-300"), ("imaging.exposure_time_s", "1e308"),
        ("binary.separation_as", "1e308"), ("binary.spectral_flux_density", "1e308"), ("image_npix", "1" + "0" * 30),
    ]
])  # fmt: skip
def test_an_absurd_number_is_named(arguments, text):
    outcome = call(*arguments)
    assert outcome.code in (0, 1, 2)
    if outcome.code:
        assert text in outcome.errors
    assert outcome.errors.count("\n") <= 1


def test_hostile_paths_change_nothing_and_raise_nothing(tmp_path):
    """A sample of `make validate`: each command once."""
    wrong, codes = attack(tmp_path, seed=0, count=41)
    assert not wrong, "\n".join(wrong)
    assert codes.get(1, 0) + codes.get(2, 0) > 20
