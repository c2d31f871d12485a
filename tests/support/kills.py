"""Writers killed with SIGKILL at seeded moments, and the content that each leaves: run as a program of its own.

The program forks for every moment, before JAX has started a thread. A child writes a new version over an old one, and
is killed at a random time or at a random event of the file system. Afterwards the old or the new version has to be
complete, and the next writer has to succeed and to leave nothing behind.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dluxshera.documents import read_document
from dluxshera.files import store_result, write_text
from dluxshera.profiles import save_profile
from dluxshera.runs import Checkpoint, read_run, write_csv
from dluxshera.runs.ownership import add_files
from support.paths import PACKAGE, ROOT
from support.toy_runs import saved

SIZE = 20_000  # of the numbers in each file, so that writing takes milliseconds


class Writer(NamedTuple):
    """A writer of versions, a reader that checks that all parts are of one version, and the names that it may leave."""

    write: Callable[[Path, int], object]
    read: Callable[[Path], int]
    names: frozenset[str]


def _one(numbers) -> int:
    (version,) = {int(number) for number in numbers}
    return version


def _random(version: int) -> np.ndarray:
    return np.random.default_rng(version).normal(size=SIZE)


def _write_run(folder: Path, version: int) -> None:
    saved(folder / "run", float(version), samples={"draws": _random(version)}, force=True)


def _read_run(folder: Path) -> int:
    run = read_run(folder / "run")
    np.testing.assert_array_equal(run.samples["draws"], _random(int(run.loss)))
    return _one([run.loss, *run.theta, *run.images["data"].ravel()])


def _write_figures(folder: Path, version: int) -> None:
    if not (folder / "run").exists():
        saved(folder / "run", 1.0)
    add_files(folder / "run", {"image.png": _random(version).tobytes()})


def _read_figures(folder: Path) -> int:
    assert read_run(folder / "run").loss == 1.0
    raw = (folder / "run" / "image.png").read_bytes()
    return next(version for version in range(1000) if _random(version).tobytes() == raw)


def _write_checkpoint(folder: Path, version: int) -> None:
    Checkpoint(folder, {}, kinds=())([_random(version), version])


def _read_checkpoint(folder: Path) -> int:
    numbers, version = Checkpoint(folder, {}, kinds=()).resume()
    np.testing.assert_array_equal(numbers, _random(version))
    return int(version)


def _write_profile(folder: Path, version: int) -> None:
    save_profile(folder / "mine.yaml", {"name": "mine", "numbers": [version] * SIZE})


def _read_profile(folder: Path) -> int:
    data = (folder / "mine.yaml").read_text()
    assert data.endswith("]\n")
    return _one(data.split("[")[1].rstrip("]\n").split(", "))


def _write_report(folder: Path, version: int) -> None:
    text = json.dumps({"numbers": [version] * SIZE})
    store_result(folder / "report.json", partial(write_text, text=text))


def _read_report(folder: Path) -> int:
    return _one(read_document(folder / "report.json").data["numbers"])


def _write_table(folder: Path, version: int) -> None:
    write_csv(folder / "all.csv", [{"folder": "a", "fault": "", "loss": version}] * (SIZE // 4))


def _read_table(folder: Path) -> int:
    lines = (folder / "all.csv").read_text().splitlines()
    assert len(lines) == SIZE // 4 + 1
    return _one(line.split(",")[2] for line in lines[1:])


_RUN = frozenset({"run", "run/run.json", "run/arrays.npz", "run/profile.yaml"})
WRITERS = {
    "run": Writer(_write_run, _read_run, _RUN | {"run/samples.npz"}),
    "figures": Writer(_write_figures, _read_figures, _RUN | {"run/image.png"}),
    "checkpoint": Writer(_write_checkpoint, _read_checkpoint, frozenset({"checkpoint.npz"})),
    "profile": Writer(_write_profile, _read_profile, frozenset({"mine.yaml"})),
    "report": Writer(_write_report, _read_report, frozenset({"report.json"})),
    "table": Writer(_write_table, _read_table, frozenset({"all.csv"})),
}
EVENTS = ("open", "os.", "shutil.")  # beginnings of the audit events at which a child may be killed


def names(folder: Path) -> set[str]:
    """Everything below a folder, but the partial files of plain files, which stay until their writer comes again."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def forked(work: Callable[[], None]) -> int:
    """Start `work` in a child, and return its process once it is about to begin."""
    ready, begin = os.pipe()
    process = os.fork()
    if process == 0:
        try:
            os.write(begin, b"x")
            work()
            os._exit(0)
        except BaseException as error:
            print(repr(error), file=sys.stderr)
            os._exit(1)
    os.read(ready, 1)
    os.close(ready)
    os.close(begin)
    return process


def killing_at(number: int) -> Callable[[str, object], None]:
    """Return an audit hook that kills its process at the event of this number."""
    left = [number]

    def hook(event: str, arguments: object) -> None:
        if event.startswith(EVENTS) and event != "os.kill":
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return hook


def events_of(work: Callable[[], None]) -> int:
    """Return the number of events of the file system while `work` runs in a child."""
    counted, reported = os.pipe()

    def counting() -> None:
        seen = [0]
        sys.addaudithook(lambda event, arguments: seen.__setitem__(0, seen[0] + event.startswith(EVENTS)))
        work()
        os.write(reported, str(seen[0]).encode())

    assert os.waitpid(forked(counting), 0)[1] == 0
    return int(os.read(counted, 20))


def attack(name: str, moments: int, seed: int) -> dict[str, int]:
    """Kill a writer at so many moments; return how often it was killed, and how often each version was left."""
    writer, rng = WRITERS[name], random.Random(seed)
    counts = {"killed": 0, "ended": 0, "old": 0, "new": 0}
    folder = Path(tempfile.mkdtemp())
    try:
        writer.write(folder, 1)
        begin = time.perf_counter()
        writer.write(folder, 2)
        duration = time.perf_counter() - begin
        events = events_of(lambda: writer.write(folder, 2))
        for version in range(3, 3 + moments):

            def work(version: int = version, kill: int = rng.randrange(events + 1)) -> None:
                if version % 2:
                    sys.addaudithook(killing_at(kill))
                writer.write(folder, version)

            process = forked(work)
            if version % 2 == 0:
                time.sleep(rng.uniform(0, duration))
                os.kill(process, signal.SIGKILL)
            _, status = os.waitpid(process, 0)
            assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
            counts["killed" if os.WIFSIGNALED(status) else "ended"] += 1
            left = writer.read(folder)
            assert left in (version - 1, version), (name, version, left)
            counts["new" if left == version else "old"] += 1
            writer.write(folder, version)  # the next writer meets what the killed one left
            assert writer.read(folder) == version
            parts = {part for part in names(folder) if part.endswith(".part")}
            assert names(folder) - parts == writer.names, names(folder)
            for part in parts if name in ("profile", "report", "table") else ():
                (folder / part).unlink()
            parts = parts if name in ("run", "figures", "checkpoint") else set()
            assert not parts, (name, version, parts)
    finally:
        shutil.rmtree(folder)
    return counts


def results(moments: int, seed: int) -> dict[str, dict[str, int]]:
    """Attack every writer, in a process without threads; return the counts of each."""
    command = [sys.executable, "-m", "support.kills", str(moments), str(seed)]
    paths = os.pathsep.join([str(PACKAGE.parent), str(ROOT / "tests")])
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # jax warns of every fork, and no thread of it runs
    print(json.dumps({name: attack(name, int(sys.argv[1]), int(sys.argv[2])) for name in sys.argv[3:] or WRITERS}))
