"""Folders of runs, written as a whole and read back bit by bit.

Numbers are in ``arrays.npz`` and ``samples.npz``; labels, provenance and the hashes of the other files in ``run.json``.
Reading recomputes nothing.
"""

from __future__ import annotations

import hashlib
import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import Any, Final

import numpy as np

from dluxshera.documents import json_text, read_text
from dluxshera.errors import DocumentError, ParameterError
from dluxshera.files import whole_folder, write_bytes, write_text
from dluxshera.inference import FitResult, FitStep, Solution
from dluxshera.params import ParameterStore
from dluxshera.profiles import package_versions
from dluxshera.runs.arrays import npz_of, read_arrays
from dluxshera.runs.checkpoint import NAME, Checkpoint
from dluxshera.runs.run import HEAD, Run, field_meanings

FORMAT: Final = "dluxshera.run/1"
ARRAYS, SAMPLES = "arrays.npz", "samples.npz"
PACKAGES: Final = ("dluxshera", "jax", "jaxlib", "equinox", "optax", "numpy", "dLux")
RESTORE: Final = "repeat the run, or restore the folder from a copy"


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
) -> Path:
    """Write the folder of a run, complete or not at all. An older run in the folder is replaced.

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

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    ParameterError
        If an array is not numeric, the truth has another shape, the provenance is not plain data, or the folder exists
        and is not that of a run.
    """
    folder = Path(folder)
    stores = stores or (solution.store,)
    content = {ARRAYS: npz_of(_arrays(solution, stores, truth, images or {}))}
    if samples:
        content[SAMPLES] = npz_of(samples)
    head = {
        "format": FORMAT,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]) if command is None else command,
        "versions": {"python": ".".join(map(str, sys.version_info[:3])), **package_versions(PACKAGES)},
        "result": solution.result.name,
        "steps": max(len(solution.history) - 1, 0),
        "labels": list(solution.labels),
        "at_bound": list(solution.at_bound),
        "spec": _spec_record(stores),
        "diagnostics": {name: _tagged(value) for name, value in solution.diagnostics.items()},
        "provenance": {**solution.provenance, **(provenance or {})},
        "files": {name: hashlib.sha256(raw).hexdigest() for name, raw in content.items()},
    }
    try:
        text = json_text(head)
    except (TypeError, ValueError) as error:
        raise ParameterError("provenance", expected=f"plain data of finite numbers ({error})") from error
    check_folder(folder)
    if checkpoint and not solution.converged and checkpoint.path.exists():
        content[NAME] = checkpoint.path.read_bytes()
    with whole_folder(folder) as part:
        for name, raw in content.items():
            write_bytes(part / name, raw)
        for name, more in (texts or {}).items():
            write_text(part / name, more)
        write_text(part / HEAD, text)
    return folder


def is_run(folder: Path) -> bool:
    """Return True if `folder` is empty or has a complete or unfinished run, so that a run may replace it."""
    if not folder.is_dir():
        return False
    names = {path.name for path in folder.iterdir()}
    return bool(names & {HEAD, NAME}) or all(name.startswith(f".{NAME}.") for name in names)


def check_folder(folder: Path, *, replace: bool = True) -> None:
    """Check that a run may be written to a folder.

    Parameters
    ----------
    folder : Path
        Folder to write to.
    replace : bool
        Accept the folder of another run.

    Raises
    ------
    ParameterError
        If the path exists and is not the folder of a run, or is one and `replace` is not set.
    """
    if not folder.exists():
        return
    if not is_run(folder):
        raise ParameterError(
            str(folder), expected="a new folder or the folder of a run", got="other files", remedy="Name another folder"
        )
    if not replace and any(folder.iterdir()):
        raise ParameterError(
            str(folder),
            expected="a new folder",
            got="a run",
            remedy="Pass resume (--resume) to continue it, or force (--force) to replace it",
        )


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
    if not path.exists():
        if (folder / NAME).exists():
            raise DocumentError("has not ended; repeat its command with --resume to continue it", file=folder)
        fault = f"has no {HEAD}" if folder.is_dir() else "does not exist"
        raise DocumentError(f"{fault}; name the folder that a run was written to", file=folder)
    head = _read_head(path)
    try:
        files = head["files"]
        samples = read_arrays(folder / SAMPLES, files[SAMPLES], RESTORE) if SAMPLES in files else {}
        return _run(folder, head, read_arrays(folder / ARRAYS, files[ARRAYS], RESTORE), samples)
    except DocumentError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise DocumentError(f"is not the record of a run ({error!r}); {RESTORE}", file=path) from error


def _read_head(path: Path) -> dict[str, Any]:
    try:
        head = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        fault = f"is not JSON: {error.msg}; {RESTORE}"
        raise DocumentError(fault, file=path, line=error.lineno, column=error.colno) from error
    except RecursionError as error:
        raise DocumentError(f"is nested too deep; {RESTORE}", file=path) from error
    if not isinstance(head, dict) or head.get("format") != FORMAT:
        other = head.get("format") if isinstance(head, dict) else head
        raise DocumentError(
            f"has the format {other!r}, not {FORMAT}; read it with the version that wrote it", file=path
        )
    return head


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
