"""Arrays in files: sizes before content, extensions by name, flags, and the memory of rejecting hostile files."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from dluxshera.errors import ConfigError, DataError
from dluxshera.optics import (
    diffractive_pupil_raster,
    read_array,
    read_curve,
    read_image,
    read_map,
    read_stored,
    write_map,
)
from support.rows import each_row

LARGE = 10**6
READERS = {
    "array": read_array,
    "map": lambda path: read_map(path, 32, unit="nm"),
    "image": read_image,
    "pupil": lambda path: diffractive_pupil_raster(str(path)),
    "curve": lambda path: read_curve(path, unit="nm"),
}


def npy(path, shape, descr="<f8", size=0):
    """Write a header of NumPy's format, and `size` bytes that a sparse file holds without space on the disk."""
    header = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    with path.open("wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
        file.truncate(file.tell() + size)


def fits_header(path, shape, size=0, end=True):
    cards = {"SIMPLE": True, "BITPIX": -64, "NAXIS": len(shape), **{f"NAXIS{i + 1}": n for i, n in enumerate(shape)}}
    text = "".join(str(fits.Card(name, value)) for name, value in cards.items())
    text += "END" if end else ""
    with path.open("wb") as file:
        file.write(text.ljust(-(-len(text) // 2880) * 2880).encode())
        file.truncate(file.tell() - (-size // 2880) * 2880)


def bombs(folder: Path) -> dict[str, str]:
    """Write files that take gigabytes if they are believed; return the reader of each."""
    npy(folder / "declared.npy", (LARGE, LARGE))
    npy(folder / "sparse.npy", (100_000, 100_000), size=8 * 10**10)
    npy(folder / "dimensions.npy", (2,) * 60)
    npy(folder / "wide.npy", (1, 60_000_000), size=480_000_000)
    npy(folder / "items.npy", (4, 4), descr="|V1000000000")
    npy(folder / "pupil.npy", (LARGE, LARGE), descr="|b1")
    fits_header(folder / "declared.fits", (LARGE, LARGE))
    fits_header(folder / "sparse.fits", (100_000, 100_000), size=8 * 10**10)
    fits_header(folder / "wide.fits", (60_000_000, 1), size=480_000_000)
    fits_header(folder / "endless.fits", (4, 4), size=2_000_000_000, end=False)
    comments = str(fits.Card("COMMENT", "x" * 60)) * 36
    fits_header(folder / "comments.fits", (4, 4), end=False)
    with (folder / "comments.fits").open("ab") as file:
        file.write(comments.encode() * 20_000)  # 58 MB of cards, each an object to astropy
    member = gzip.compress(bytes(2**24))
    for name in ("inflates.fits", "inflates.csv", "inflates.ecsv", "inflates.npy"):
        (folder / name).write_bytes(member * 400)  # 6.7 GB
    tiles = fits.CompImageHDU(np.zeros((2000, 2000), np.uint8), compression_type="GZIP_1")
    fits.HDUList([fits.PrimaryHDU(), tiles]).writeto(folder / "tiles.fits")
    with (folder / "long.csv").open("wb") as file:
        file.write(b"wavelength [nm], value\n500,1\n")
        file.truncate(10**10)
    (folder / "comments.ecsv").write_text(
        "# %ECSV 1.0\n# ---\n# meta:\n" + "# - [a, b, c]\n" * 500_000 + "a,b\n1,2\n3,4\n"
    )
    (folder / "deep.ecsv").write_text("# %ECSV 1.0\n# ---\n# meta: " + "[" * 100_000 + "\na,b\n1,2\n3,4\n")
    readers = {".csv": "curve", ".ecsv": "curve"}
    table = {path.name: readers.get(path.suffix, "array") for path in sorted(folder.iterdir())}
    return {**table, "wide.npy": "map", "wide.fits": "map", "pupil.npy": "pupil", "inflates.fits": "image"}


PEAKS = """
import json, sys
from pathlib import Path
import astropy.table
from optics.test_array_files import READERS, npy
from dluxshera.errors import SheraError

def peak():
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) // 1024

folder, table = Path(sys.argv[1]), json.loads(sys.argv[2])
npy(folder / "small.npy", (4, 4), size=128)
READERS["array"](folder / "small.npy")
idle, rows = peak(), {}
for name, reader in table.items():
    try:
        READERS[reader](folder / name)
        fault = "read"
    except SheraError as error:
        fault = str(error)
    rows[name] = [peak() - idle, fault]
print(json.dumps(rows))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read from /proc")
def test_rejecting_a_bomb_takes_little_memory(tmp_path):
    table = bombs(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", PEAKS, str(tmp_path), json.dumps(table)],
        capture_output=True, text=True, timeout=120, env={**os.environ, "PYTHONPATH": ":".join(sys.path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert set(rows) == set(table)
    faults = {name: fault for name, (_, fault) in rows.items()}
    assert [name for name, fault in faults.items() if name not in fault] == []
    assert {name: size for name, (size, _) in rows.items() if size > 200} == {}
    for name, words in {
        "declared.npy": "at most 8192 x 8192 numbers, got '1000000 x 1000000'",
        "sparse.npy": "at most 2 GiB",
        "wide.npy": "a square map of two dimensions, got an array of shape (1, 60000000)",
        "wide.fits": "a square map of two dimensions",
        "items.npy": "declares 16000000000 bytes, and 0 follow",
        "inflates.fits": "not compressed",
        "tiles.fits": "funpack",
        "comments.fits": "headers have more than",
        "inflates.csv": "it is compressed; decompress it first",
        "long.csv": "is too large (more than 20000000 bytes)",
    }.items():
        assert words in faults[name]


def test_a_header_that_declares_more_than_the_file_holds(tmp_path):
    npy(tmp_path / "short.npy", (100, 100), size=79_999)
    with pytest.raises(DataError, match="declares 80000 bytes, and 79999 follow"):
        read_array(tmp_path / "short.npy")
    npy(tmp_path / "whole.npy", (100, 100), size=80_000)
    assert read_array(tmp_path / "whole.npy")[0].shape == (100, 100)
    with pytest.raises(ConfigError, match=r"diffractive_pupil: expected a \.npy file of numbers"):
        diffractive_pupil_raster(str(tmp_path / "short.npy"))


def extensions(path, *hdus):
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(path)
    return path


def image(value, name="", ver=1, dtype=float):
    return fits.ImageHDU(np.full((2, 2), value, dtype=dtype), name=name, ver=ver)


@each_row("names, extension, expected", [
    (["SCI", "ERR", "DQ"], None, 1.0),
    (["ERR", "SCI"], None, 2.0),
    (["A", "B"], "B", 2.0),
    (["A", "B"], "b", 2.0),
    (["A", "B"], 1, 1.0),
    (["A", "B"], "2", 2.0),
    (["A", "VAR", "WHT"], None, 1.0),
    (["DQ"], None, 1.0),
    (["SCI", "ERR"], "ERR", 2.0),
    (["", "MASK"], None, 1.0),
])  # fmt: skip
def test_the_extension_is_the_only_image_or_named(names, extension, expected, tmp_path):
    path = tmp_path / f"{'_'.join(names)}{extension}.fits"
    extensions(path, *(image(i + 1.0, name) for i, name in enumerate(names)))
    assert read_array(path, extension=extension)[0][0, 0] == expected


@each_row("names, extension, message", [
    (["A", "B"], None, r"one image, got 'A, B'\. Choose one with extension"),
    (["SCI", "SCI"], None, "one image, got 'SCI, SCI'"),
    (["A", "B"], "C", "an extension C with an image, got nothing. Images of the file: A, B"),
    (["A"], 0, "an extension 0 with an image"),
    (["A"], "-1", "an extension -1 with an image"),
])  # fmt: skip
def test_an_extension_is_not_guessed(names, extension, message, tmp_path):
    path = tmp_path / f"{'_'.join(names)}{extension}.fits"
    extensions(path, *(image(i + 1.0, name) for i, name in enumerate(names)))
    with pytest.raises(DataError, match=message):
        read_array(path, extension=extension)


def test_flags_are_those_of_the_same_version_and_shape(tmp_path):
    path = extensions(
        tmp_path / "two.fits",
        image(1.0, "SCI"), image(0, "DQ", dtype=int), image(2.0, "SCI", 2), image(4, "DQ", 2, int),
    )  # fmt: skip
    assert read_stored(path, extension=1).flags[0, 0] == 0
    assert read_stored(path, extension=3).flags[0, 0] == 4
    other = fits.ImageHDU(np.ones((3, 3), int), name="DQ")
    path = extensions(tmp_path / "shapes.fits", image(1.0, "SCI"), other)
    assert read_stored(path).flags is None


@each_row("content, message", [
    (b"", "expected a FITS file|complete FITS"),
    (b"\x1f\x8b" + bytes(100), "not compressed.*gunzip"),
    (b"BZh9" + bytes(100), "not compressed"),
    (b"\xfd7zXZ\x00" + bytes(100), "not compressed"),
    (b"PK\x03\x04" + bytes(100), "not compressed"),
    (b"text", "does not begin with SIMPLE"),
])  # fmt: skip
def test_files_that_are_not_fits(content, message, tmp_path):
    path = tmp_path / "image.fits"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_array(path)


@each_row("name", ["none.npy", "x" * 5000 + ".npy", "a\0b.npy", "folder.npy", "pipe.npy", "loop.npy", "file.npy/x.npy"])
def test_paths_that_are_no_files(name, tmp_path):
    (tmp_path / "folder.npy").mkdir(exist_ok=True)
    (tmp_path / "file.npy").touch()
    if not (tmp_path / "pipe.npy").exists():
        os.mkfifo(tmp_path / "pipe.npy")
        (tmp_path / "loop.npy").symlink_to("loop.npy")
    with pytest.raises(DataError, match="expected an existing file"):
        read_array(tmp_path / name)
    with pytest.raises(ConfigError, match="diffractive_pupil: expected"):
        diffractive_pupil_raster(str(tmp_path / name))


def test_damaged_files_raise_data_errors(tmp_path):
    """Bytes changed at random places of valid files, with a fixed seed."""
    rng = np.random.default_rng(5)
    extensions(tmp_path / "a.fits", image(1.0, "SCI"), image(0, "DQ", dtype=np.int16))
    np.save(tmp_path / "a.npy", np.ones((3, 3)))
    (tmp_path / "a.csv").write_text("wavelength [nm], value\n500,1\n600,1\n")
    (tmp_path / "a.ecsv").write_text(
        "# %ECSV 1.0\n# ---\n# datatype:\n# - {name: w, unit: nm, datatype: float64}\n"
        "# - {name: v, datatype: float64}\nw v\n500 1\n600 1\n"
    )
    write_map(tmp_path / "a.map.fits", np.ones((3, 3)))
    np.save(tmp_path / "a.map.npy", np.ones((3, 3)))
    readers = {
        "a.fits": read_image, "a.npy": read_image, "a.csv": read_curve, "a.ecsv": read_curve,
        "a.map.fits": lambda path: read_map(path, 3), "a.map.npy": lambda path: read_map(path, 3, unit="nm"),
    }  # fmt: skip
    escaped = []
    for name, reader in readers.items():
        whole = (tmp_path / name).read_bytes()
        path = tmp_path / f"b{Path(name).suffix}"
        for _ in range(60):
            content = bytearray(whole)
            for place in rng.integers(0, min(len(content), 400), size=rng.integers(1, 6)):
                content[place] = rng.integers(256)
            path.write_bytes(bytes(content[: rng.integers(1, len(content) + 1)] if rng.random() < 0.3 else content))
            try:
                reader(path)
            except DataError:
                pass
            except Exception as error:
                escaped.append(f"{name}: {error!r}")
    assert escaped == []
