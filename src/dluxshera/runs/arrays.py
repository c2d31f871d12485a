"""Arrays by name as the content of an npz file: numbers and text only, never pickled objects."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile, ZipFile
from zlib import error as ZlibError

import numpy as np

from dluxshera.errors import DocumentError, ParameterError

FAULTS_OF_A_FILE: Final = (OSError, ValueError, KeyError, EOFError, BadZipFile, ZlibError, NotImplementedError)


def npz_of(arrays: Mapping[str, Any]) -> bytes:
    """Return `arrays`, by name, as the content of an npz file.

    Raises
    ------
    ParameterError
        If an array does not hold numbers or text.
    """
    columns = {name: np.asarray(value) for name, value in arrays.items()}
    for name, array in columns.items():
        if array.dtype.kind not in "biufcU":
            raise ParameterError(name, expected="an array of numbers", got=array)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **columns)
    return buffer.getvalue()


def arrays_in(raw: bytes) -> dict[str, np.ndarray]:
    """Return the arrays in `raw`, the content of an npz file, after a check that it is complete.

    Raises
    ------
    One of FAULTS_OF_A_FILE
        If the content is damaged or not that of an npz file.
    """
    with ZipFile(io.BytesIO(raw)) as whole:
        if (broken := whole.testzip()) is not None:
            raise BadZipFile(f"{broken} is damaged")
    with np.load(io.BytesIO(raw), allow_pickle=False) as arrays:
        return dict(arrays)


def read_arrays(path: Path, digest: str, remedy: str) -> dict[str, np.ndarray]:
    """Return the arrays of an npz file with a known hash.

    Parameters
    ----------
    path : Path
        File to read.
    digest : str
        SHA-256 of the file, in hexadecimal.
    remedy : str
        Last part of the error message.

    Raises
    ------
    DocumentError
        If the file cannot be read or its hash differs.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DocumentError(f"cannot be read: {error.strerror}; {remedy}", file=path) from error
    if hashlib.sha256(raw).hexdigest() != digest:
        raise DocumentError(f"is not the file that was written (its hash differs); {remedy}", file=path)
    try:
        return arrays_in(raw)
    except FAULTS_OF_A_FILE as error:
        raise DocumentError(f"is not a file of arrays ({error}); {remedy}", file=path) from error
