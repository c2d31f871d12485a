"""Folders of runs, written as a whole and read back bit by bit.

Numbers are in ``arrays.npz`` and ``samples.npz``; labels, provenance and the hashes of the other files in ``run.json``.
Reading recomputes nothing.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import Any, Final

import numpy as np

from dluxshera.errors import DocumentError, OutputError, ParameterError
from dluxshera.files import inside, store_result, write_bytes
from dluxshera.inference import FitResult, FitStep, Solution
from dluxshera.params import ParameterStore
from dluxshera.profiles import package_versions
from dluxshera.runs.arrays import npz_of, read_arrays
from dluxshera.runs.checkpoint import NAME, Checkpoint, recorded_problem
from dluxshera.runs.lock import claimed
from dluxshera.runs.ownership import check_output, content_of, write_files
from dluxshera.runs.record import ARRAYS, FORMAT, RESTORE, read_record, record_text
from dluxshera.runs.run import HEAD, Run, field_meanings

SAMPLES: Final = "samples.npz"
PACKAGES: Final = ("dluxshera", "jax", "jaxlib", "equinox", "optax", "numpy", "dLux")


def save_run(
    folder: Path | str,
    solution: Solution,
    *,
    stores: Sequence[ParameterStore] | None = None,
    truth: Any = None,
    images: Mapping[str, Any] | None = None,
    samples: Mapping[str, Any] | None = None,
    provenance: Mapping[str, Any] | None = None,
    command: str | None = None,
    texts: Mapping[str, str] | None = None,
    checkpoint: Checkpoint | None = None,
    force: bool = False,
) -> Path:
    """Write the folder of a run, complete or not at all.

    Only files of an older run are replaced: those that its record lists and that have not changed since. Other files
    stay. At every moment the folder has the old run or the new one.

    Parameters
    ----------
    folder : path
        Folder to write.
    solution : Solution
        Solution of any result code.
    stores : sequence of ParameterStore, optional
        Stores of several exposures, ``posterior.stores_at(solution.theta)``, in place of the solution's own.
    truth : array_like, shape (n,), optional
        True values, if known.
    images : mapping of str to array_like, optional
        Images by name. Figures of the run show ``data`` and ``model``, the model at the solution.
    samples : mapping of str to array_like, optional
        Draws from the posterior and arrays that belong to them.
    provenance : mapping, optional
        Plain data, such as seeds, configuration and hashes of profiles, added to the solution's own provenance.
    command : str, optional
        Command line that made the run. By default that of this process.
    texts : mapping of str to str, optional
        Additional text files, by name.
    checkpoint : Checkpoint, optional
        Checkpoint of the fit. Its file is kept in the folder if the fit did not converge, so that it can be resumed.
        The record keeps its hashes of the problem, and a run of the same problem is replaced without `force`.
    force : bool
        Replace another run in the folder.

    Returns
    -------
    Path
        The folder. If it cannot be written, because the disk is full, the run is stored beside it, in the working
        folder, or in the folder for temporary files, and this is the path of that folder.

    Raises
    ------
    ParameterError
        If an array is not numeric, the truth has another shape, the provenance is not plain data, the folder has other
        files and no run, it has another run and `force` is not set, or a file to write is there and not the run's.
    OutputError
        If the run cannot be stored anywhere.

    Warns
    -----
    OutputWarning
        If the run is stored in another folder.
    """
    folder = Path(folder)
    stores = stores or (solution.store,)
    content = {ARRAYS: npz_of(_arrays(solution, stores, truth, images or {}))}
    if samples:
        content[SAMPLES] = npz_of(samples)
    content |= _texts(texts or {}, folder)
    command = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]) if command is None else command
    head = {
        "format": FORMAT,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command.encode("utf-8", "backslashreplace").decode(),  # names of files may have bytes of no text
        "versions": {"python": ".".join(map(str, sys.version_info[:3])), **package_versions(PACKAGES)},
        "result": solution.result.name,
        "steps": max(len(solution.history) - 1, 0),
        "labels": list(solution.labels),
        "at_bound": list(solution.at_bound),
        "spec": _spec_record(stores),
        "diagnostics": {name: _tagged(value) for name, value in solution.diagnostics.items()},
        "provenance": {**solution.provenance, **(provenance or {})},
        **({"problem": checkpoint.problem} if checkpoint else {}),
    }
    record_text({**head, "files": {ARRAYS: "0" * 64}})  # raises before anything is written
    keep = {NAME} if checkpoint and not solution.converged and checkpoint.path.exists() else set()

    def write(place: Path) -> None:
        replace = force or _continues(place, checkpoint)
        check_output(place, content, replace=replace)
        with claimed(place):
            write_files(check_output(place, content, replace=replace), head, content, keep)
            if keep and checkpoint and not _same_file(checkpoint.path, place / NAME):
                with suppress(OSError):
                    write_bytes(place / NAME, checkpoint.path.read_bytes())

    return store_result(folder, write, (OutputError, ParameterError) if checkpoint else (OutputError,))


def _texts(texts: Mapping[str, str], folder: Path) -> dict[str, bytes]:
    """Return the content of additional files, after a check of their names."""
    reserved = {name.casefold() for name in (HEAD, ARRAYS, SAMPLES, NAME)}
    for name in texts:
        if inside(folder, name).name.casefold() in reserved or name.startswith("."):
            raise ParameterError(
                name, expected="a name that no file of the run has, without a dot at its start", got=name
            )
    return {name: text.encode("utf-8", "backslashreplace") for name, text in texts.items()}


def _same_file(one: Path, two: Path) -> bool:
    return two.exists() and one.samefile(two)


def _continues(folder: Path, checkpoint: Checkpoint | None) -> bool:
    """Return True if the checkpoint or the run in a folder is of the problem of a checkpoint."""
    if checkpoint is None:
        return False
    content = content_of(folder)
    if content.checkpoint:
        return recorded_problem(folder / NAME) == checkpoint.problem
    return content.record is not None and bool(content.record.get("problem") == checkpoint.problem)


def check_run_folder(folder: Path | str, *, force: bool = False) -> None:
    """Check before a fit that `save_run` can write its run to a folder, without a change on the disk.

    Parameters
    ----------
    folder : path
        Folder to write, which need not exist.
    force : bool
        Accept the folder of another run.

    Raises
    ------
    ParameterError
        If the folder has other files and no run, or another run and `force` is not set, or a file to write is there and
        not the run's.
    OutputError
        If the folder cannot be created or written to, its name is too long, or the disk is full.
    """
    check_output(Path(folder), (ARRAYS, SAMPLES), replace=force)


def is_run(folder: Path) -> bool:
    """Return True if `folder` has a run, complete or unfinished, by the content of its files."""
    return folder.is_dir() and content_of(folder).is_run


def can_resume(folder: Path) -> bool:
    """Return True if `folder` has the checkpoint of a fit, so that it can be continued."""
    return folder.is_dir() and content_of(folder).checkpoint


def read_run(folder: Path | str) -> Run:
    """Read a run.

    Parameters
    ----------
    folder : path
        Folder of the run.

    Raises
    ------
    DocumentError
        If there is no run, the run has not ended, or one of its files is missing, damaged or of another format; the
        message names the file and the remedy.
    """
    folder = Path(folder)
    path = folder / HEAD
    if not _exists(path):
        if _exists(folder / NAME):
            raise DocumentError("has not ended; repeat its command with --resume to continue it", file=folder)
        fault = f"has no {HEAD}" if _exists(folder) else "does not exist"
        raise DocumentError(f"{fault}; name the folder that a run was written to", file=folder)
    head = read_record(path)
    stored_as = {name: name for name in head["files"]} | head.get("stored_as", {})
    try:
        files = {name: read_arrays(inside(folder, stored_as[name]), digest, RESTORE)
                 for name, digest in head["files"].items() if name in (ARRAYS, SAMPLES)}  # fmt: skip
        return _run(folder, head, files[ARRAYS], files.get(SAMPLES, {}))
    except DocumentError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        raise DocumentError(f"is not the record of a run ({error!r}); {RESTORE}", file=path) from error


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # of a name that is too long, or has a NUL
        return False


def _arrays(
    solution: Solution, stores: Sequence[ParameterStore], truth: Any, images: Mapping[str, Any]
) -> dict[str, Any]:
    arrays: dict[str, Any] = {"theta": solution.theta, "covariance": solution.covariance, "loss": solution.loss}
    for name in FitStep._fields:
        arrays[f"history.{name}"] = np.array([getattr(step, name) for step in solution.history])
    for i, store in enumerate(stores):
        arrays |= {f"store[{i}].{key}": value for key, value in store.items()}
    arrays |= {f"image.{name}": image for name, image in images.items()}
    if truth is not None:
        arrays["truth"] = np.asarray(truth, dtype=float)
        if arrays["truth"].shape != np.shape(solution.theta):
            raise ParameterError("truth", expected=f"a vector of {len(solution.labels)} numbers", got=arrays["truth"])
    return arrays


def _spec_record(stores: Sequence[ParameterStore]) -> dict[str, Any]:
    spec = stores[0].spec
    return {
        "title": spec.title,
        "digest": spec.digest(),
        "fields": field_meanings(spec),
        "allow_derived": [store.allow_derived for store in stores],
        "overrides": [list(store.overrides) for store in stores],
    }


def _run(folder: Path, head: dict[str, Any], arrays: dict[str, np.ndarray], samples: dict[str, np.ndarray]) -> Run:
    n = len(head["labels"])
    shapes = {"theta": (n,), "covariance": (n, n), "loss": (), "truth": (n,)}
    for name, shape in shapes.items():
        if name in arrays and arrays[name].shape != shape:
            raise ValueError(f"{name} has the shape {arrays[name].shape}, not {shape}")
        if name in arrays and arrays[name].dtype.kind not in "fiu":
            raise ValueError(f"{name} has no real numbers")
    if arrays["history.theta"].shape[1:] != (n,):
        raise ValueError(f"history.theta has the shape {arrays['history.theta'].shape}")
    columns = [arrays[f"history.{name}"] for name in FitStep._fields]
    history = (FitStep(*(_scalar(item) for item in row)) for row in zip(*columns, strict=True))
    stores: list[dict[str, np.ndarray]] = [{} for _ in head["spec"]["allow_derived"]]
    for name, value in arrays.items():
        if name.startswith("store["):
            number, _, key = name.removeprefix("store[").partition("].")
            stores[int(number)][key] = value
    return Run(
        folder=folder,
        result=FitResult[head["result"]],
        labels=tuple(head["labels"]),
        theta=arrays["theta"],
        covariance=arrays["covariance"],
        loss=float(arrays["loss"]),
        history=tuple(history),
        stores=tuple(stores),
        at_bound=tuple(head["at_bound"]),
        diagnostics={name: _untagged(value) for name, value in head["diagnostics"].items()},
        spec=head["spec"],
        provenance={name: head[name] for name in ("created", "command", "versions")} | head["provenance"],
        truth=arrays.get("truth"),
        images={name.removeprefix("image."): item for name, item in arrays.items() if name.startswith("image.")},
        samples=samples,
    )


def _scalar(value: np.ndarray | np.generic) -> Any:
    return value if np.ndim(value) else value.item()


def _tagged(value: Any) -> Any:
    """Return a number for JSON, which has no NaN and no infinity: ``{"float": "nan"}`` in their place."""
    plain = value.item() if isinstance(value, np.generic | np.ndarray) else value
    return {"float": str(plain)} if isinstance(plain, float) and not isfinite(plain) else plain


def _untagged(value: Any) -> Any:
    return float(value["float"]) if isinstance(value, dict) else value
