"""Arrays in files, FITS and ``.npy``. Sizes are read and checked first; nothing is unpickled or decompressed."""

from __future__ import annotations

import io
import warnings
from collections import ChainMap
from collections.abc import Callable, Mapping
from math import prod
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

import numpy as np

from dluxshera.errors import DataError
from dluxshera.optics.mask_file import is_file

FITS_SUFFIXES: Final = (".fits", ".fit", ".fts")
ARRAY_SUFFIXES: Final = (*FITS_SUFFIXES, ".npy")
MAX_ELEMENTS: Final = 8192**2  # the largest image and the largest map
MAX_FILE_BYTES: Final = 2**31
MAX_HEADER_BYTES: Final = 2**24  # of all headers of a FITS file

# Names of extensions that accompany an image: its flags, its errors and its weights.
FLAG_NAMES: Final = ("DQ", "MASK", "BPM")
_COMPANIONS: Final = (*FLAG_NAMES, "ERR", "ERROR", "VAR", "UNCERT", "WHT", "WGT")
_NPY_HEADERS: Final = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
COMPRESSED: Final = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"PK\x03\x04", b"\x1f\x9d", b"\x28\xb5\x2f\xfd")

ShapeCheck = Callable[[tuple[int, ...]], None]


class StoredArray(NamedTuple):
    """Array of a file. Returned by `read_stored`.

    Parameters
    ----------
    values : ndarray
        Array as it is stored.
    unit : str or None
        BUNIT of the FITS header; None without one.
    header : mapping
        Header of the FITS extension; empty for a ``.npy`` file.
    flags : ndarray or None
        Data-quality flags that accompany the image in the file, 0 for a good pixel.
    extension : str
        Name or number of the FITS extension; empty for a ``.npy`` file.
    """

    values: np.ndarray
    unit: str | None = None
    header: Mapping[str, Any] = {}
    flags: np.ndarray | None = None
    extension: str = ""


def read_array(path: str | Path, *, extension: str | int | None = None) -> tuple[np.ndarray, str | None]:
    """Read an array as it is stored, and the unit that the file's header names.

    Parameters
    ----------
    path : str or Path
        FITS file, or ``.npy`` file, which is never unpickled.
    extension : str or int, optional
        Name or number of the FITS extension. By default the only image of the file, masks and errors not counted.

    Raises
    ------
    DataError
        If the file does not exist, is compressed or too large, or has no such array; a FITS file with several images
        needs `extension`.
    """
    stored = read_stored(path, extension=extension)
    return stored.values, stored.unit


def read_stored(
    path: str | Path, *, extension: str | int | None = None, check_shape: ShapeCheck | None = None
) -> StoredArray:
    """Read an array with its unit, its header, and the flags that accompany it.

    Parameters
    ----------
    path : str or Path
        File, as for `read_array`.
    extension : str or int, optional
        Name or number of the FITS extension.
    check_shape : callable, optional
        Function that raises for a shape that is not accepted. It is called before the array is read.

    Raises
    ------
    DataError
        As `read_array`.
    """
    path = existing_file(path, ARRAY_SUFFIXES, "Convert it, or name the file by its format")
    if path.stat().st_size > MAX_FILE_BYTES:
        remedy = "Save the image alone, without the other extensions"
        raise DataError(str(path), expected=f"a file of at most {MAX_FILE_BYTES >> 30} GiB", remedy=remedy)
    if path.suffix.lower() == ".npy":
        if extension is not None:
            raise DataError(str(path), expected="a FITS file, because extension is set", remedy="Omit extension")
        return StoredArray(read_npy(path, check_shape))
    return _read_fits(path, extension, check_shape)


def check_suffix(path: Path, suffixes: tuple[str, ...], remedy: str) -> None:
    """Check that the name of a file ends with one of some suffixes, in capitals or not.

    Parameters
    ----------
    path : Path
        File.
    suffixes : tuple of str
        Accepted suffixes, with their dots.
    remedy : str
        Last part of the error message.

    Raises
    ------
    DataError
        If it ends otherwise.
    """
    if path.suffix.lower() not in suffixes:
        names = f"{', '.join(suffixes[:-1])} or {suffixes[-1]}"
        raise DataError(str(path), expected=f"a name that ends with {names}", remedy=remedy)


def existing_file(path: str | Path, suffixes: tuple[str, ...], remedy: str) -> Path:
    """Return the path of a file after a check of its name and its existence."""
    path = Path(path)
    check_suffix(path, suffixes, remedy)
    if not is_file(path):
        remedy = "Check the path; relative paths start at the working folder"
        raise DataError(str(path), expected="an existing file", remedy=remedy)
    return path


def _check_size(path: Path, shape: tuple[int, ...], check_shape: ShapeCheck | None) -> None:
    if check_shape is not None:
        check_shape(shape)
    if prod(shape) > MAX_ELEMENTS:
        side = int(MAX_ELEMENTS**0.5)
        got = f"{' x '.join(map(str, shape[:4]))}{' x ...' if shape[4:] else ''}"
        raise DataError(str(path), expected=f"at most {side} x {side} numbers", got=got, remedy="Cut or bin the array")


def read_npy(path: Path, check_shape: ShapeCheck | None = None) -> np.ndarray:
    """Return the array of a ``.npy`` file, after a check of the size that its header declares.

    Parameters
    ----------
    path : Path
        Existing file.
    check_shape : callable, optional
        Function that raises for a shape that is not accepted.

    Raises
    ------
    DataError
        If it is not an array of numbers, or too large.
    """
    try:
        with path.open("rb") as file:
            read_header = _NPY_HEADERS.get(np.lib.format.read_magic(file))
            if read_header is None:
                raise ValueError("its version of the format is for records, not for numbers")
            shape, _, dtype = read_header(file)
            _check_size(path, shape, check_shape)
            declared, present = prod(shape) * dtype.itemsize, path.stat().st_size - file.tell()
            if declared > present and not dtype.hasobject:
                raise ValueError(f"its header declares {declared} bytes, and {present} follow")
            file.seek(0)
            return np.lib.format.read_array(file, allow_pickle=False)
    except DataError:
        raise
    except Exception as error:  # NumPy parses the header as Python, with any of its errors
        remedy = f"Save a plain array with numpy.save: {error}"
        raise DataError(str(path), expected="an array of numbers in NumPy's format", remedy=remedy) from error


class _Headers(io.FileIO):
    """File whose bytes, read one block after the other as astropy does with headers, are bounded."""

    left = MAX_HEADER_BYTES

    def read(self, size: int | None = -1, /) -> bytes:
        block = super().read(size)
        self.left -= len(block)
        if self.left < 0:
            raise OSError(f"its headers have more than {MAX_HEADER_BYTES} bytes")
        return block


def _read_fits(path: Path, extension: str | int | None, check_shape: ShapeCheck | None) -> StoredArray:
    from astropy.io import fits  # slow to import

    try:
        with warnings.catch_warnings(), _Headers(path) as file:  # astropy does not close a file that it cannot read
            _check_start(path, file)
            warnings.filterwarnings("error", message="File may have been truncated")
            # Without image compression, an extension of compressed tiles is a table, and cannot inflate.
            with fits.open(file, memmap=False, lazy_load_hdus=True, disable_image_compression=True) as hdus:
                number = _chosen(path, list(hdus), extension)
                hdu = hdus[number]
                _check_size(path, hdu.shape, check_shape)
                flags = _flags_of(hdus, number)
                return StoredArray(
                    np.asarray(hdu.data),
                    hdu.header.get("BUNIT"),
                    ChainMap(hdu.header, hdus[0].header),
                    None if flags is None else np.asarray(flags.data),
                    hdu.name or str(number),
                )
    except DataError:
        raise
    except Exception as error:  # astropy raises many types for damaged files
        remedy = f"Write the file again: {error}"
        raise DataError(str(path), expected="a complete FITS file", remedy=remedy) from error


def _check_start(path: Path, file: BinaryIO) -> None:
    start = file.read(80)
    file.seek(0)
    if start.startswith(COMPRESSED):
        remedy = "Decompress it first, for example with gunzip"
        raise DataError(str(path), expected="a FITS file that is not compressed", remedy=remedy)
    if not start.startswith(b"SIMPLE  ="):
        raise DataError(str(path), expected="a FITS file", remedy="Write the file again: it does not begin with SIMPLE")


def _chosen(path: Path, hdus: list[Any], extension: str | int | None) -> int:
    """Return the number of the extension that holds the image."""
    images = {number: hdu for number, hdu in enumerate(hdus) if _is_image(hdu) and hdu.shape and prod(hdu.shape) > 0}
    names = [hdu.name or str(number) for number, hdu in images.items()]
    if extension is not None:
        for number, hdu in images.items():
            if str(extension) == str(number) or str(extension).upper() == hdu.name:
                return number
        remedy = f"Images of the file: {', '.join(names) or 'none'}"
        raise DataError(str(path), expected=f"an extension {extension} with an image", remedy=remedy)
    if not images:
        remedy = "Save the map as an image, not as a table"
        if any("ZIMAGE" in hdu.header for hdu in hdus):
            remedy = "Its image is compressed: decompress it first, for example with funpack"
        raise DataError(str(path), expected="an HDU with an image", remedy=remedy)
    candidates = [number for number, hdu in images.items() if hdu.name not in _COMPANIONS] or list(images)
    science = [number for number in candidates if hdus[number].name == "SCI"]
    if len(candidates) > 1 and len(science) != 1:
        remedy = "Choose one with extension (--extension)"
        got = ", ".join(hdus[number].name or str(number) for number in candidates)
        raise DataError(str(path), expected="one image", got=got, remedy=remedy)
    return science[0] if science else candidates[0]


def _is_image(hdu: Any) -> bool:
    """Return whether an HDU is an image, which one of compressed tiles is not."""
    from astropy.io import fits  # slow to import

    return isinstance(hdu, fits.PrimaryHDU | fits.ImageHDU)


def _flags_of(hdus: Any, number: int) -> Any:
    """Return the HDU of the flags that accompany an image: of its shape and its version, or None."""
    image = hdus[number]
    for other in hdus:
        are_flags = other is not image and _is_image(other) and other.name in FLAG_NAMES
        if are_flags and (other.shape, other.ver) == (image.shape, image.ver) and image.name not in FLAG_NAMES:
            return other
    return None
