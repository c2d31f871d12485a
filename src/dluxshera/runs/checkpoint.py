"""Checkpoints: the last state of a solver or sampler in a file, complete even if the process is killed."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from types import FunctionType, MethodType
from typing import Any, Final

import equinox as eqx
import jax
import numpy as np

from dluxshera.errors import DocumentError, OutputError, ParameterError
from dluxshera.files import OutputWarning, remove_parts, write_bytes
from dluxshera.inference import SamplerState, SolverState
from dluxshera.params import ParameterStore, ParamSpec
from dluxshera.runs.arrays import FAULTS_OF_A_FILE, arrays_in, npz_of, opened
from dluxshera.runs.record import read_record
from dluxshera.runs.run import HEAD

FORMAT: Final = "dluxshera.checkpoint/1"
NAME: Final = "checkpoint.npz"
_HEAD: Final = "head"
_MAX_HEAD: Final = 4 * 2**20
_REMEDY: Final = "move or delete it to start again"


def problem_of(posterior: Any, **settings: Any) -> dict[str, str]:
    """Return a hash of each part of an inference problem: data, noise, priors, model, labels, and solver settings.

    Parameters
    ----------
    posterior : AbstractPosterior
        Posterior to solve or sample.
    **settings
        Plain data, such as the solver's name, its tolerance, and the seed of the start. Leave out settings that do not
        change the path of the solver, such as the largest number of steps.

    Returns
    -------
    dict
        Hashes by name of the part; equal in every process for equal problems.
    """
    hashes = {field.name: _content(getattr(posterior, field.name)) for field in dataclasses.fields(posterior)}
    hashes["spec"] = _digest([spec.digest() for spec in _specs(posterior)])
    hashes["labels"] = _digest(list(posterior.labels))
    return hashes | {name: _digest(value) for name, value in settings.items()}


def _content(tree: Any) -> str:
    """Return a hash of a pytree: its structure, its numbers, and the closures of its functions."""
    leaves, structure = jax.tree_util.tree_flatten_with_path(tree)
    # Addresses of functions differ between processes.
    digest = hashlib.sha256(re.sub(r" at 0x[0-9a-f]+", "", str(structure)).encode())
    for path, leaf in leaves:
        digest.update(jax.tree_util.keystr(path).encode())
        match leaf:
            case MethodType():
                digest.update(_content((leaf.__func__, leaf.__self__)).encode())
            case functools.partial():
                digest.update(_content((leaf.func, leaf.args, leaf.keywords)).encode())
            case FunctionType():
                closure = tuple(cell.cell_contents for cell in leaf.__closure__ or ())
                digest.update(f"{leaf.__module__}.{leaf.__qualname__} {_content(closure)}".encode())
            case ParamSpec():
                digest.update(leaf.digest().encode())
            case np.ndarray() | np.generic() | jax.Array() | int() | float():
                array = np.asarray(leaf)
                digest.update(f"{array.dtype} {array.shape}".encode())
                digest.update(np.ascontiguousarray(array).tobytes())
            case _:
                digest.update(re.sub(r" at 0x[0-9a-f]+", "", repr(leaf)).encode())
    return digest.hexdigest()


def _specs(value: Any) -> Iterator[ParamSpec]:
    """Yield the specs in a tree of modules, stores and containers, in its order."""
    match value:
        case ParamSpec():
            yield value
        case ParameterStore():
            yield value.spec
        case Mapping():
            for item in value.values():
                yield from _specs(item)
        case tuple() | list():
            for item in value:
                yield from _specs(item)
        case eqx.Module():
            for field in dataclasses.fields(value):
                yield from _specs(getattr(value, field.name))


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def check_problem(place: Path, problem: Mapping[str, str], recorded: Mapping[str, str]) -> None:
    """Check that a run or a checkpoint is of a problem.

    Parameters
    ----------
    place : Path
        Folder or file named in the message.
    problem, recorded : mapping of str to str
        Hashes of `problem_of`: of the problem, and those that the file has.

    Raises
    ------
    ParameterError
        If they differ; the parts that do are named.
    """
    names = list(dict.fromkeys([*problem, *recorded]))
    if other := [name for name in names if problem.get(name) != recorded.get(name)]:
        raise ParameterError(
            str(place),
            expected="the problem of this fit",
            got="another problem",
            remedy=f"They differ in {', '.join(other)}. Repeat that one, name another folder, or pass force (--force)"
            " to replace it",
        )


class Checkpoint:
    """File with the last state of a solver or sampler: its ``checkpoint=``.

    Writing is atomic. After the process is killed the file has the last state or the one before, complete. If a state
    cannot be written, because the disk is full, the fit continues; the first such failure is an `OutputWarning`.

    Parameters
    ----------
    folder : path
        Folder of the file, created with the first state.
    problem : mapping of str to str
        Hashes of the problem, from `problem_of`.
    kinds : tuple of NamedTuple classes
        Classes that a state may consist of. By default `SolverState` and `SamplerState`.
    force : bool
        Replace the checkpoint of another problem in the folder, or write beside a run of another problem.
    """

    def __init__(
        self,
        folder: Path | str,
        problem: Mapping[str, str],
        kinds: tuple[type, ...] = (SolverState, SamplerState),
        *,
        force: bool = False,
    ) -> None:
        self.path = Path(folder) / NAME
        self.problem = dict(problem)
        self._kinds = {kind.__name__: kind for kind in kinds}
        self._force, self._wrote, self._warned = force, False, False

    def __call__(self, state: Any) -> None:
        """Write a state.

        Raises
        ------
        ParameterError
            If a part of the state is not an array, a number, a text, or of one of the kinds; or, before the first
            state, if the folder has a checkpoint or a run of another problem, or other files of these names.
        """
        arrays: dict[str, np.ndarray] = {}
        tree = _encode(state, "state", arrays, self._kinds)
        head = json.dumps({"format": FORMAT, "problem": self.problem, "state": tree})
        if len(head) > _MAX_HEAD:
            raise ParameterError("state", expected=f"at most {_MAX_HEAD / 2**20:.0f} MiB besides arrays", got=len(head))
        raw = npz_of({_HEAD: np.frombuffer(head.encode(), np.uint8), **arrays})
        if not self._wrote:
            self._check_place()
            remove_parts(self.path)
            self._wrote = True
        try:
            write_bytes(self.path, raw)
        except OutputError as error:
            if not self._warned:
                warnings.warn(f"{error} The fit continues without a checkpoint", OutputWarning, stacklevel=3)
            self._warned = True

    def resume(self) -> Any:
        """Return the state to continue from, a solver's ``state=``; None without a file.

        Raises
        ------
        DocumentError
            If the file is damaged, no checkpoint, or larger than 1 GiB.
        ParameterError
            If it belongs to another problem; the parts that differ are named.
        """
        if not self.path.exists():
            return None
        with _faults(self.path), opened(self.path) as file:
            head = _head(file, self.path)
            check_problem(self.path, self.problem, head["problem"])
            file.seek(0)
            return _decode(head["state"], arrays_in(file), self._kinds)

    def _check_place(self) -> None:
        """Check that the folder has no checkpoint and no run, or those of the same problem."""
        record = self.path.with_name(HEAD)
        place = self.path if self.path.exists() else record
        if not place.exists():
            return
        try:
            recorded = recorded_problem(place) if place == self.path else read_record(place).get("problem", {})
        except DocumentError as error:
            raise ParameterError(
                str(place),
                expected="a file of a run, or no file",
                got="another file",
                remedy="Move it, or name another folder",
            ) from error
        if not self._force:
            check_problem(place, self.problem, recorded)


def recorded_problem(path: Path) -> dict[str, str]:
    """Return the hashes of the problem that a checkpoint belongs to; its state is not read.

    Raises
    ------
    DocumentError
        If the file is damaged or no checkpoint.
    """
    with _faults(path), opened(path) as file:
        return {str(name): str(value) for name, value in _head(file, path)["problem"].items()}


def _head(file: BufferedReader, path: Path) -> dict[str, Any]:
    head = json.loads(bytes(arrays_in(file, (_HEAD,), _MAX_HEAD)[_HEAD]))
    if head["format"] != FORMAT:
        raise DocumentError(f"has the format {head['format']!r:.80}, not {FORMAT}; {_REMEDY}", file=path)
    return dict(head)


@contextmanager
def _faults(path: Path) -> Iterator[None]:
    """Raise each fault of the content of a file as a `DocumentError`."""
    try:
        yield
    except (DocumentError, ParameterError):
        raise
    except (*FAULTS_OF_A_FILE, TypeError, AttributeError) as error:
        raise DocumentError(f"is not a checkpoint, or damaged ({error}); {_REMEDY}", file=path) from error


def _encode(value: Any, name: str, arrays: dict[str, np.ndarray], kinds: Mapping[str, type]) -> Any:
    """Return a value as JSON, and move its arrays to `arrays` under the name of their place."""
    match value:
        case np.ndarray() | np.generic() | jax.Array():
            array = np.asarray(value)
            if array.dtype.kind in "biufc":
                arrays[name] = array
                return {"scalar" if isinstance(value, np.generic) else "array": name}
        case None | bool() | int():
            return value
        case float():
            return {"float": value.hex()}  # exact, and NaN and infinity too
        case str() if type(value) is str:
            return value
        case tuple() if type(value).__name__ in kinds and type(value) is kinds[type(value).__name__]:
            named = zip(type(value)._fields, value, strict=True)  # type: ignore[attr-defined]  # a NamedTuple
            fields = {field: _encode(item, f"{name}.{field}", arrays, kinds) for field, item in named}
            return {"kind": type(value).__name__, "fields": fields}
        case tuple() | list() if type(value) in (tuple, list):
            items = [_encode(item, f"{name}[{i}]", arrays, kinds) for i, item in enumerate(value)]
            return {type(value).__name__: items}
        case dict():
            return {"dict": {str(key): _encode(item, f"{name}.{key}", arrays, kinds) for key, item in value.items()}}
    raise ParameterError(
        name, expected="an array of numbers, a number, a text, or a tuple of them", got=value,
        remedy=f"Named tuples can be written if they are one of {', '.join(kinds)}",
    )  # fmt: skip


def _decode(tree: Any, arrays: Mapping[str, np.ndarray], kinds: Mapping[str, type]) -> Any:
    match tree:
        case {"array": name}:
            return arrays[name]
        case {"scalar": name}:
            return arrays[name][()]
        case {"float": text}:
            return float.fromhex(text)
        case {"kind": name, "fields": fields}:
            return kinds[name](**{field: _decode(item, arrays, kinds) for field, item in fields.items()})
        case {"tuple": items}:
            return tuple(_decode(item, arrays, kinds) for item in items)
        case {"list": items}:
            return [_decode(item, arrays, kinds) for item in items]
        case {"dict": items}:
            return {key: _decode(item, arrays, kinds) for key, item in items.items()}
    return tree
