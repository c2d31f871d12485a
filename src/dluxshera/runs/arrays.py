"""Arrays by name as the content of an npz file: numbers and text only, never pickled objects, and of bounded size.

Sizes are read before the content, so that a file that would fill the memory is rejected without using it.
"""

from __future__ import annotations

import hashlib
import io
import math
import stat
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from io import BufferedReader, BytesIO
from lzma import LZMAError
from pathlib import Path
from tokenize import TokenError
from typing import Any, Final
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo
from zlib import error as ZlibError

import numpy as np

from dluxshera.errors import DocumentError, ParameterError

FAULTS_OF_A_FILE: Final = (
    *(OSError, ValueError, KeyError, EOFError, MemoryError, OverflowError, RecursionError),
    *(SyntaxError, TokenError, BadZipFile, ZlibError, LZMAError, NotImplementedError, RuntimeError),
)
MAX_ARRAY_BYTES: Final = 2**30  # of all arrays of a file
MAX_ARRAYS: Final = 100_000
_ENTRY: Final = b"PK\x01\x02"  # starts each entry of the directory of a zip file
_ENTRY_BYTES: Final = 46  # of the shortest entry


def npz_of(arrays: Mapping[str, Any]) -> bytes:
    """Return `arrays`, by name, as the content of an npz file.

    Raises
    ------
    ParameterError
        If an array does not hold numbers or text, or all of them are more than 100,000 or larger than 1 GiB.
    """
    columns = {name: np.asarray(value) for name, value in arrays.items()}
    for name, array in columns.items():
        if array.dtype.kind not in "biufcU":
            raise ParameterError(name, expected="an array of numbers", got=array)
    if len(columns) > MAX_ARRAYS:
        raise ParameterError("arrays", expected=f"at most {MAX_ARRAYS} arrays in one file", got=len(columns))
    if (size := sum(array.nbytes + 1000 for array in columns.values())) > MAX_ARRAY_BYTES:
        raise ParameterError(
            "arrays",
            expected=f"at most {MAX_ARRAY_BYTES / 2**20:.0f} MiB in one file",
            got=f"{size / 2**20:.0f} MiB",
            remedy="Thin the samples, or keep them in a file of your own",
        )
    buffer = BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **columns)
    return buffer.getvalue()


def arrays_in(
    content: bytes | BytesIO | BufferedReader, names: Collection[str] | None = None, max_bytes: int = MAX_ARRAY_BYTES
) -> dict[str, np.ndarray]:
    """Return the arrays of an npz file, after a check that it is complete.

    Parameters
    ----------
    content : bytes or binary file
        Content of the file, or the file itself, open at its start.
    names : collection of str, optional
        Names of the arrays to return. By default all; the others are neither returned nor checked.
    max_bytes : int
        Largest size of the arrays.

    Raises
    ------
    One of FAULTS_OF_A_FILE
        If the content is damaged or not that of an npz file, declares more than `max_bytes`, or lacks one of the names.
    """
    file = BytesIO(content) if isinstance(content, bytes) else content
    if (entries := _count_entries(file)) > MAX_ARRAYS:
        raise ValueError(f"it has {entries} arrays, more than {MAX_ARRAYS}")
    with ZipFile(file) as archive:
        members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        if len(members) < len(archive.infolist()):
            raise ValueError("two of its arrays have one name")
        chosen = members if names is None else {name: members[name] for name in names}
        if any(info.compress_type not in (ZIP_STORED, ZIP_DEFLATED) for info in chosen.values()):
            raise ValueError("it has a compression that no array of this package has")  # and that zipfile cannot bound
        if (size := sum(info.file_size for info in chosen.values())) > max_bytes:
            raise ValueError(f"it declares {size / 2**20:.0f} MiB of arrays, more than {max_bytes / 2**20:.0f} MiB")
        return {name: _array(archive, info) for name, info in chosen.items()}


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
        If the file cannot be read, its hash differs, or its arrays are larger than 1 GiB.
    """
    try:
        with opened(path) as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != digest:
                raise DocumentError(f"is not the file that was written (its hash differs); {remedy}", file=path)
            file.seek(0)
            try:
                return arrays_in(file)
            except FAULTS_OF_A_FILE as error:
                raise DocumentError(f"is not a file of arrays ({error}); {remedy}", file=path) from error
    except OSError as error:
        raise DocumentError(f"cannot be read: {error.strerror or error}; {remedy}", file=path) from error


@contextmanager
def opened(path: Path) -> Iterator[BufferedReader]:
    """Open a regular file of at most `MAX_ARRAY_BYTES` to read it.

    Raises
    ------
    OSError
        If the file cannot be read, is larger, or is no regular file: a device or pipe may have no end.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise OSError("it is not a file")
    if status.st_size > MAX_ARRAY_BYTES:
        raise OSError(f"it has {status.st_size / 2**20:.0f} MiB, more than {MAX_ARRAY_BYTES / 2**20:.0f} MiB")
    with path.open("rb") as file:
        yield file


def _count_entries(file: BytesIO | BufferedReader) -> int:
    """Return the number of entries of a zip file, or a larger one, without holding them in memory."""
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    if size < MAX_ARRAYS * _ENTRY_BYTES:
        return 0
    count, rest = 0, b""
    while chunk := file.read(2**20):
        count += (rest + chunk).count(_ENTRY)
        rest = chunk[1 - len(_ENTRY) :]
    file.seek(0)
    return count


def _array(file: ZipFile, info: ZipInfo) -> np.ndarray:
    """Return one array, after a check that its header declares the size that the file has for it."""
    with file.open(info) as member:
        version = np.lib.format.read_magic(member)
        read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        if version not in read_header:
            raise ValueError(f"{info.filename} has the format {version}")
        shape, is_fortran, dtype = read_header[version](member)
        if dtype.kind not in "biufcU":
            raise ValueError(f"{info.filename} has no numbers")
        size = math.prod(shape) * dtype.itemsize
        if min(shape, default=0) < 0 or size != info.file_size - member.tell():
            raise ValueError(f"{info.filename} declares {size} bytes of numbers and has another size")
        content = member.read(size + 1)  # past the end, where the checksum is compared
    array = np.frombuffer(content, dtype).reshape(shape, order="F" if is_fortran else "C")
    return array.copy(order="K")
