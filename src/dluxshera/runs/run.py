"""Runs on disk: a folder that holds what a fit found and where it came from, and is read again.

Numbers are in ``arrays.npz`` (and ``samples.npz``), bit by bit; what they are and whence is in ``run.json``. A folder
appears when all of it is written. What is read is what was fitted: nothing is computed anew from it.
"""

from __future__ import annotations

import hashlib
import json
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from math import isfinite
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Float

from dluxshera.documents import json_text, read_text
from dluxshera.errors import DocumentError, ParameterError
from dluxshera.files import whole_folder, write_text
from dluxshera.inference import FitResult, FitStep, Solution
from dluxshera.params import ParameterStore, ParamSpec
from dluxshera.runs.arrays import npz_of, read_arrays
from dluxshera.runs.checkpoint import NAME, Checkpoint

FORMAT: Final = "dluxshera.run/1"
HEAD, ARRAYS, SAMPLES = "run.json", "arrays.npz", "samples.npz"
AGAIN: Final = "make the run again, or take the folder from a copy"
PACKAGES: Final = ("dluxshera", "jax", "jaxlib", "equinox", "optax", "numpy", "dLux")


@dataclass(frozen=True, eq=False)
class Run:
    """A run as its folder has it.

    Parameters
    ----------
    folder : Path
    result : FitResult
        How the fit ended.
    labels : tuple of str
        A name for each element of theta.
    theta : ndarray, shape (n,)
        What was fitted.
    covariance : ndarray, shape (n, n)
        As of `Solution`.
    loss : float
        At theta.
    history : tuple of FitStep
        From the start to theta.
    stores : tuple of dict
        The full store of each exposure at theta, explicit overrides of derived keys among them.
    at_bound : tuple of str
        Labels of the elements that a bound held.
    diagnostics : dict
        Numbers that the solver gave.
    spec : dict
        ``title`` and ``digest`` of the spec that the stores belong to, the meaning of each of its ``fields``, and which
        stores allow derived keys.
    provenance : dict
        Command, versions, seeds, hashes: what `save_run` was given and what it found.
    truth : ndarray, shape (n,), or None
        If it was known.
    images : dict
        Arrays by name: ``data`` and ``model``, as a rule.
    samples : dict
        Arrays by name; empty if nothing was sampled.
    """

    folder: Path
    result: FitResult
    labels: tuple[str, ...]
    theta: Float[np.ndarray, " n"]
    covariance: Float[np.ndarray, "n n"]
    loss: float
    history: tuple[FitStep, ...]
    stores: tuple[dict[str, np.ndarray], ...]
    at_bound: tuple[str, ...]
    diagnostics: dict[str, Any]
    spec: dict[str, Any]
    provenance: dict[str, Any]
    truth: Float[np.ndarray, " n"] | None
    images: dict[str, np.ndarray]
    samples: dict[str, np.ndarray]

    @property
    def sigma(self) -> Float[np.ndarray, " n"]:
        """The marginal 1-sigma uncertainty of each element of theta."""
        return np.sqrt(np.diag(self.covariance))

    @property
    def steps(self) -> int:
        """How many steps the fit took."""
        return max(len(self.history) - 1, 0)

    @property
    def pulls(self) -> Float[np.ndarray, " n"] | None:
        """(estimate - truth) / sigma of each element of theta, if the truth was known."""
        return None if self.truth is None else (self.theta - self.truth) / self.sigma

    def store(self, spec: ParamSpec, exposure: int = 0) -> ParameterStore:
        """Return the store of an exposure at theta, as it was.

        Parameters
        ----------
        spec : ParamSpec
            The one of the fit, built again.
        exposure : int

        Raises
        ------
        DocumentError
            If a key of the spec has not the meaning that it had: the store would not be what was fitted.
        """
        then, now = self.spec["fields"], _meanings(spec)
        if other := [key for key in {**then, **now} if then.get(key) != now.get(key)]:
            raise DocumentError(
                f"the run was of a {self.spec['title']} spec in which {', '.join(other[:3])} means something else than"
                f" in this {spec.title}; build the spec from the same configuration, with the package of then,"
                f" {self.provenance['versions'].get('dluxshera')}",
                file=self.folder / HEAD,
                key="spec",
            )
        allowed = self.spec["allow_derived"][exposure]
        return ParameterStore.from_dict(self.stores[exposure], spec, allow_derived=allowed)


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
    """Write the folder of a run, whole or not at all. One that is there is replaced.

    Parameters
    ----------
    folder : Path
    solution : Solution
        What a solver gave, whatever its result.
    stores : sequence of ParameterStore, optional
        Of several exposures, in place of the solution's own: ``posterior.stores_at(solution.theta)``.
    truth : array_like, shape (n,), optional
        If it is known.
    images : mapping of str to array_like, optional
        ``data`` and ``model`` (at the solution), which figures of the run show, and any other.
    samples : mapping of str to array_like, optional
        Draws from the posterior and what goes with them.
    provenance : mapping, optional
        Plain data: seeds, configuration, hashes of profiles. It is put beside the solution's own.
    command : str, optional
        By default that of this process.
    texts : mapping of str to str, optional
        More files, by name.
    checkpoint : Checkpoint, optional
        Its file is kept in the folder if the fit did not converge, to be continued from.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    ParameterError
        If an array is not of numbers, the truth has another shape, the provenance is not plain data, or the folder is
        there and holds something else than a run.
    """
    stores = stores or (solution.store,)
    arrays: dict[str, Any] = {"theta": solution.theta, "covariance": solution.covariance, "loss": solution.loss}
    for name in FitStep._fields:
        arrays[f"history.{name}"] = np.array([getattr(step, name) for step in solution.history])
    for i, store in enumerate(stores):
        arrays |= {f"store[{i}].{key}": value for key, value in store.items()}
    arrays |= {f"image.{name}": image for name, image in (images or {}).items()}
    if truth is not None:
        arrays["truth"] = np.asarray(truth, dtype=float)
        if arrays["truth"].shape != np.shape(solution.theta):
            raise ParameterError("truth", expected=f"a vector of {len(solution.labels)} numbers", got=arrays["truth"])
    content = {ARRAYS: npz_of(arrays)} | ({SAMPLES: npz_of(samples)} if samples else {})
    spec = stores[0].spec
    head = {
        "format": FORMAT,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]) if command is None else command,
        "versions": _versions(),
        "result": solution.result.name,
        "steps": max(len(solution.history) - 1, 0),
        "labels": list(solution.labels),
        "at_bound": list(solution.at_bound),
        "spec": {
            "title": spec.title,
            "digest": spec.digest(),
            "fields": _meanings(spec),
            "allow_derived": [store.allow_derived for store in stores],
            "overrides": [list(store.overrides) for store in stores],
        },
        "diagnostics": {name: _tagged(value) for name, value in solution.diagnostics.items()},
        "provenance": {**solution.provenance, **(provenance or {})},
        "files": {name: hashlib.sha256(raw).hexdigest() for name, raw in content.items()},
    }
    try:
        text = json_text(head)
    except (TypeError, ValueError) as error:
        raise ParameterError("provenance", expected=f"plain data of finite numbers ({error})") from error
    folder = Path(folder)
    if folder.exists() and not is_run(folder):
        raise ParameterError(str(folder), expected="a new folder or one of a run", remedy="Name another folder")
    with whole_folder(folder) as making:
        for name, raw in content.items():
            (making / name).write_bytes(raw)
        for name, more in (texts or {}).items():
            write_text(making / name, more)
        if checkpoint and not solution.converged and checkpoint.path.exists():
            shutil.copyfile(checkpoint.path, making / NAME)
        write_text(making / HEAD, text)
    return folder


def is_run(folder: Path) -> bool:
    """Return whether a folder is empty or holds a run, ended or not, and so may be replaced by one."""
    if not folder.is_dir():
        return False
    names = {path.name for path in folder.iterdir()}
    return bool(names & {HEAD, NAME}) or all(name.startswith(f".{NAME}.") for name in names)


def read_run(folder: Path | str) -> Run:
    """Read the folder of a run.

    Raises
    ------
    DocumentError
        If there is none, it is not finished, or a file in it is missing, damaged or of another format; the file and
        the remedy are named.
    """
    folder = Path(folder)
    path = folder / HEAD
    if not path.exists():
        if (folder / NAME).exists():
            raise DocumentError("has not ended; repeat its command with --resume to continue it", file=folder)
        what = "has no run.json" if folder.is_dir() else "is not there"
        raise DocumentError(f"{what}; name the folder that a run was written to", file=folder)
    try:
        head = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        fault = f"is not JSON: {error.msg}; {AGAIN}"
        raise DocumentError(fault, file=path, line=error.lineno, column=error.colno) from error
    except RecursionError as error:
        raise DocumentError(f"is nested too deep; {AGAIN}", file=path) from error
    if not isinstance(head, dict) or head.get("format") != FORMAT:
        found = head.get("format") if isinstance(head, dict) else head
        raise DocumentError(
            f"has the format {found!r}, not {FORMAT}; read it with the package that wrote it", file=path
        )
    try:
        files = head["files"]
        samples = read_arrays(folder / SAMPLES, files[SAMPLES], AGAIN) if SAMPLES in files else {}
        return _run(folder, head, read_arrays(folder / ARRAYS, files[ARRAYS], AGAIN), samples)
    except DocumentError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise DocumentError(f"does not say what a run says ({error!r}); {AGAIN}", file=path) from error


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


def _meanings(spec: ParamSpec) -> dict[str, list[Any]]:
    """Return what the value of each key means: what a text about it, its default and its prior do not change."""
    return {
        item.key: [
            item.kind, item.units, item.scale, list(item.shape), list(item.components), item.transform,
            item.default if item.kind == "structural" else None,
        ]
        for item in spec.fields
    }  # fmt: skip


def _scalar(value: np.ndarray | np.generic) -> Any:
    return value if np.ndim(value) else value.item()


def _tagged(value: Any) -> Any:
    """Return a number as JSON has it: those that are not finite by name."""
    plain = value.item() if isinstance(value, np.generic | np.ndarray) else value
    return {"float": str(plain)} if isinstance(plain, float) and not isfinite(plain) else plain


def _untagged(value: Any) -> Any:
    return float(value["float"]) if isinstance(value, dict) else value


def _versions() -> dict[str, str]:
    found = {"python": ".".join(map(str, sys.version_info[:3]))}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
