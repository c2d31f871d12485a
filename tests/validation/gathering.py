"""How the long evidence of the inference is gathered, kept and compared.

A piece of evidence is a function and the arguments of its many calls. They run in processes of their own, one thread
each, which on two cores is faster than one process with two threads. The results are committed in
``docs/validation/<name>.json``, one line for each call, with the hashes of the code that they came from.
"""

from __future__ import annotations

import inspect
import json
import multiprocessing
import os
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from dluxshera.files import write_text
from support.evidence import FOLDER, hashes_of, modules_behind
from validation import case

PROCESSES = 2
ONE_THREAD = {
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}
PACKAGES = ("dluxshera", "jax", "jaxlib", "numpy", "optax", "dLux", "dLuxToliman")


@dataclass(frozen=True)
class Evidence:
    """A piece of the long evidence.

    Parameters
    ----------
    name : str
        Of its file.
    about : str
        One sentence.
    work : callable
        A function of a module, from the arguments of one call to plain numbers by name.
    jobs : sequence of tuples
        The arguments of each call.
    judge : callable
        From the results to a line for each thing that speaks against what they are to show.
    """

    name: str
    about: str
    work: Callable[..., dict[str, Any]]
    jobs: Sequence[tuple[Any, ...]]
    judge: Callable[[list[dict[str, Any]]], list[str]]

    @property
    def path(self) -> Path:
        """The committed file."""
        return FOLDER / f"{self.name}.json"

    @property
    def command(self) -> str:
        """What gathers it again."""
        return f"pytest -m validation tests/validation/test_inference.py -k {self.name}"

    def provenance(self) -> dict[str, Any]:
        """What the evidence is of: code, parameters and structure."""
        files = {Path(inspect.getfile(self.work)), Path(case.__file__)}
        sources = {module for file in files for module in modules_behind(file)}
        return {**case.identity(), "sources": hashes_of(files | sources)}

    @cached_property
    def document(self) -> dict[str, Any]:
        """What was gathered, read from the file."""
        return json.loads(self.path.read_text(encoding="utf-8"))

    @property
    def records(self) -> list[dict[str, Any]]:
        """The results, in the order of the jobs."""
        return self.document["records"]

    def changed_since(self) -> list[str]:
        """What the evidence was gathered for and is no longer so; other versions of libraries are no reason."""
        then, now = self.document, self.provenance()
        files = sorted(then["sources"].keys() | now["sources"].keys())
        changed = [name for name in files if then["sources"].get(name) != now["sources"].get(name)]
        return changed + [name for name in now if name != "sources" and then.get(name) != now[name]]

    def gather(self) -> list[dict[str, Any]]:
        """Run all jobs, write the file, and return the results."""
        before, begin = self.provenance(), time.perf_counter()
        records = run(self.work, self.jobs, self.name)
        if self.provenance() != before:
            raise RuntimeError("the source changed while the evidence was gathered")
        head = {
            "about": self.about,
            "made": datetime.now(UTC).strftime("%Y-%m-%d"),
            "command": self.command,
            "seconds": round(time.perf_counter() - begin),
            "processes": PROCESSES,
            **before,
            "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        }
        self._write(head, [rounded(record) for record in records])
        return records

    def rebind(self, count: int = 10) -> list[str]:
        """Recompute some of the results and, if they agree with the file, bind the file to today's sources.

        For a change that moves code and leaves every number as it is. The file then names the calls that were
        recomputed beside the date on which all of them were gathered.

        Parameters
        ----------
        count : int
            Number of calls to recompute, evenly spread over the jobs.

        Returns
        -------
        list of str
            A line for each result that differs; the file is written only if there is none.
        """
        before = self.provenance()
        chosen = sorted({round(i * (len(self.jobs) - 1) / max(count - 1, 1)) for i in range(count)})
        results = run(self.work, [self.jobs[i] for i in chosen], self.name)
        differences = [
            f"{self.name}, call {i}: {line}"
            for i, result in zip(chosen, results, strict=True)
            for line in apart(rounded(result), self.records[i])
        ]
        if not differences:
            head = {name: value for name, value in self.document.items() if name != "records"}
            today = datetime.now(UTC).strftime("%Y-%m-%d")
            self._write(head | before | {"rebound": {"on": today, "recomputed": chosen}}, self.records)
        return differences

    def _write(self, head: dict[str, Any], records: list[dict[str, Any]]) -> None:
        self.__dict__.pop("document", None)
        lines = ",\n".join(f"  {json.dumps(record)}" for record in records)
        write_text(self.path, f'{json.dumps(head, indent=1)[:-2]},\n "records": [\n{lines}\n ]\n}}\n')


def run(work: Callable[..., Any], jobs: Sequence[tuple[Any, ...]], description: str) -> list[Any]:
    """Call `work` with the arguments of each job, in processes of their own, and return the results in that order."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
               TimeRemainingColumn())  # fmt: skip
    context = multiprocessing.get_context("spawn")
    with (
        _environment(ONE_THREAD),
        ProcessPoolExecutor(PROCESSES, mp_context=context, initializer=_double_precision) as pool,
        Progress(*columns, console=Console(stderr=True)) as progress,
    ):
        futures = [pool.submit(work, *job) for job in jobs]
        for done in progress.track(as_completed(futures), total=len(jobs), description=description):
            if done.exception():
                pool.shutdown(cancel_futures=True)
                raise done.exception()
    return [future.result() for future in futures]


AGREE = 2e-3  # sigma: two fits of the same data end within the tolerance of the fit, 1e-3, of the maximum


def apart(result: Any, record: Any, name: str = "result") -> list[str]:
    """Return a line for each number of a result that differs from the record by more than a fit's tolerance."""
    match result, record:
        case dict(), dict():
            if result.keys() != record.keys():
                return [f"{name} has {sorted(result)}, the record {sorted(record)}"]
            return [line for key in result for line in apart(result[key], record[key], key)]
        case list(), list():
            if len(result) != len(record):
                return [f"{name} has {len(result)} items, the record {len(record)}"]
            pairs = enumerate(zip(result, record, strict=True))
            return [line for i, (a, b) in pairs for line in apart(a, b, f"{name}[{i}]")]
        case float() | int(), float() | int() if not isinstance(result, bool) and float in (type(result), type(record)):
            near = abs(result - record) <= AGREE * max(1.0, abs(record))
        case _:
            near = result == record
    return [] if near else [f"{name} is {result}, the record says {record}"]


def rounded(value: Any) -> Any:
    """Return plain data with floats at six significant digits, so that the files stay readable."""
    match value:
        case float():
            return float(f"{value:.6g}")
        case dict():
            return {key: rounded(each) for key, each in value.items()}
        case list() | tuple():
            return [rounded(each) for each in value]
    return value


def _double_precision() -> None:
    jax.config.update("jax_enable_x64", True)


@contextmanager
def _environment(settings: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
