"""Command lines with hostile paths, run in one process in a scratch folder that is compared before and after."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import random
import signal
import socket
import stat
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dluxshera import cli

SECONDS = 120  # for one command, compilation included
SMALL = ["observation/flight_alpha_cen", "--set", "image_npix=16", "--set", "n_wavelengths=1",
         "--free", "binary.log_flux_total", "--max-steps", "1"]  # fmt: skip
PROFILE = "schema: dluxshera.profile/0.2.0\nkind: target\nname: x\n"

# P is a hostile path, O one to write to, which is no pipe that waits for a reader, N a new name in the scratch folder,
# and S a fit of few pixels.
COMMANDS = (
    "params show P", "params list --system P", "params list --spec P", "params graph --system P",
    "profile new O", "profile new O/x.yaml", "profile new N.yaml --extends P", "profile new N.yaml --name P",
    "profile validate P", "profile validate P P", "profile validate target/alpha_cen --set P", "profile show P",
    "profile show target/alpha_cen --set P=1", "profile diff P P", "profile diff target/alpha_cen P",
    "schema check --directory P", "schema export --check --directory P --profiles P",
    "schema export --directory N --profiles P --check",
    "budget report --budget P --output N", "budget report --budget P",
    "run fit P --output N", "run fit S --data P --output N", "run fit S --data P.fits --output N",
    "run fit S --set effects=P --output N", "run fit S --free P --output N", "run fit S --tolerance P --output N",
    "run fit S --misfit-limit P --output N", "run fit S --output O", "run fit S --output O --force",
    "run fit S --output O --resume", "run show P", "run show P --json", "run plot P", "run plot P --output N",
    "run plot P --output O --force", "run table P", "run table P P --csv N", "run table P --csv O",
    "run table P --parameter P",
)  # fmt: skip


class Outcome(NamedTuple):
    """Exit code, output and errors of a command line."""

    arguments: list[str]
    code: object
    output: str
    errors: str


def call(*arguments: str) -> Outcome:
    """Run a command line in this process, with a limit on its time; an exception other than SystemExit propagates."""
    output, errors = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="") for _ in range(2))
    errors.reconfigure(errors="backslashreplace")
    argv, sys.argv = sys.argv, ["dluxshera", *arguments]
    code: object = None
    try:
        with (
            contextlib.redirect_stdout(output),
            contextlib.redirect_stderr(errors),
            _limit(),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            cli.main()
    except SystemExit as end:
        code = end.code or 0
    finally:
        sys.argv = argv
    texts = []
    for stream in (output, errors):
        stream.flush()
        texts.append(stream.buffer.getvalue().decode())
    return Outcome(list(arguments), code, *texts)


@contextlib.contextmanager
def _limit() -> Iterator[None]:
    def late(*_: object) -> None:
        raise AssertionError(f"the command takes more than {SECONDS} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def prepare(folder: Path) -> list[str]:
    """Fill a folder with a user's files and with traps; return hostile paths, some of which do not exist."""
    rng = np.random.default_rng(0)
    files = {
        "thesis.tex": b"years of work", "notes.yaml": b"a: [1\n", "latin.yaml": "name: \u00e9".encode("latin-1"),
        "empty.yaml": b"", "nul.yaml": b"\0" * 100, "deep.yaml": b"[" * 50_000, "list.yaml": b"- 1\n",
        "numbers.npy": rng.bytes(500), "huge.npy": _npy_header(10**6), "image.fits": rng.bytes(3000),
        "short.fits": b"SIMPLE  =                    T", "data.npz": rng.bytes(64), "table.csv": b"a,b\n1",
        "self.yaml": PROFILE.encode() + b"extends: [self.yaml]\n",
        "huge.yaml": PROFILE.encode() + b"parameters: {system.m1_diameter_m: 1e308}\n",
        "tiny.yaml": PROFILE.encode() + b"parameters: {system.m1_diameter_m: 5e-324}\n",
        "outside.yaml": PROFILE.encode() + b"extends: [../../../etc/passwd]\n",
        "hello/run.json": b'{"hello": 1}', "hello/thesis.tex": b"more work", "bad/run.json": b"\xff",
        "cut/checkpoint.npz": rng.bytes(100), "cut/notes.txt": b"by the user",
        "line\nbreak.yaml": b"x", "-dash": b"x", "=1+1.csv": b"x", "\x1b[31mred.yaml": b"x", "\u00b5.yaml": b"\xb5",
        "n" * 250: b"x",
    }  # fmt: skip
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    Path(os.fsdecode(os.fsencode(folder) + b"/bytes\xff.yaml")).write_bytes(b"x")
    for name in ("folder.yaml", "folder.npy", "folder.fits", "empty"):
        (folder / name).mkdir()
    (folder / "loop.yaml").symlink_to("loop.yaml")
    (folder / "dangling.yaml").symlink_to("nowhere/else.yaml")
    (folder / "link.yaml").symlink_to("thesis.tex")
    (folder / "link.npy").symlink_to("/dev/zero")
    for name in ("pipe.yaml", "pipe.npy", "pipe.fits"):
        os.mkfifo(folder / name)
    with contextlib.chdir(folder), socket.socket(socket.AF_UNIX) as unix:  # the name of a socket is short
        unix.bind("socket.yaml")
    with (folder / "sparse.npy").open("wb") as sparse:
        sparse.truncate(2**40)
    names = [path.name for path in folder.iterdir()]
    return [*names, "", " ", ".", "..", "~", "no/such/file.yaml", "thesis.tex/inside.yaml", "m" * 300,
            "d/" * 2100 + "x", "hello/run.json", "hello/", "/dev/zero", "/proc/self/mem", "a\u0000b", "\u202e.yaml",
            "1e999", "nan", "%s%n",
            "system.m1_diameter_m=1e308", "system.m1_diameter_m=5e-324", "image_npix=99999999999999999999",
            "binary.separation_as=1e308", "system.m1_m2_separation_m=-1e308", "band.wavelength_m=1e-300"]  # fmt: skip


def _npy_header(side: int) -> bytes:
    content = io.BytesIO()
    header = {"descr": "<f8", "fortran_order": False, "shape": (side, side)}
    np.lib.format.write_array_header_1_0(content, header)
    return content.getvalue()


def command_lines(rng: random.Random, paths: list[str], count: int) -> list[list[str]]:
    """Return command lines, each command in turn, with paths drawn at random."""
    lines = []
    for i in range(count):
        words = []
        for word in COMMANDS[i % len(COMMANDS)].split():
            if word == "S":
                words += SMALL
            elif word.startswith("N"):
                words.append(f"new-{i}{word[1:]}")
            elif word.startswith(("P", "O")) or word.endswith("=P"):
                mark = "O" if word.startswith("O") else "P"
                possible = [path for path in paths if mark == "P" or not path.startswith("pipe")]
                words.append(word.replace(mark, rng.choice(possible), 1))
            else:
                words.append(word)
        lines.append(words)
    return lines


def contents(folder: Path) -> dict[str, object]:
    """Return the kind, permissions and content of each file below a folder."""
    found: dict[str, object] = {}
    for parent, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            path = Path(parent) / name
            state = path.lstat()
            content: object = None
            if stat.S_ISLNK(state.st_mode):
                content = str(path.readlink())
            elif stat.S_ISREG(state.st_mode):
                content = state.st_size if state.st_size > 2**30 else hashlib.sha256(path.read_bytes()).hexdigest()
            found[str(path.relative_to(folder))] = (oct(state.st_mode), content)
    return found


def faults(outcome: Outcome) -> list[str]:
    """Return a line for each way in which a command ended that a user should not see."""
    lines = outcome.errors.splitlines()
    wrong = []
    if outcome.code not in (0, 1, 2):
        wrong.append(f"exit code {outcome.code}")
    if "Traceback" in outcome.errors or "Traceback" in outcome.output:
        wrong.append("a traceback")
    if outcome.code == 2 and not lines:
        wrong.append("exit code 2 without a message")
    return [f"{outcome.arguments}: {text}" for text in wrong]


def attack(folder: Path, seed: int, count: int) -> tuple[list[str], dict[object, int]]:
    """Run command lines in a folder; return a line for each fault, and how many commands ended with each code."""
    paths = prepare(folder)
    before, wrong, codes = contents(folder), [], {}
    with contextlib.chdir(folder):
        for arguments in command_lines(random.Random(seed), paths, count):
            try:
                outcome = call(*arguments)
            except Exception as error:
                wrong.append(f"{arguments}: {type(error).__name__}: {error}")
            else:
                wrong += faults(outcome)
                codes[outcome.code] = codes.get(outcome.code, 0) + 1
            after = contents(folder)
            wrong += [f"{arguments}: changed {name!r}" for name in before if after.get(name) != before[name]]
            before = after
    return wrong, codes
