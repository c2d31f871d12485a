"""Records of runs that were edited, arrays that declare more than they hold, and bombs: errors, without the memory."""

import io
import json
import struct
import subprocess
import sys
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

from dluxshera.errors import DocumentError, ParameterError
from dluxshera.inference import SolverState
from dluxshera.runs import (
    Checkpoint,
    arrays_in,
    can_resume,
    npz_of,
    print_run,
    read_run,
    run_data,
    run_figures,
    save_run,
)
from dluxshera.runs import arrays as arrays_module
from dluxshera.runs.record import RUN_SCHEMA
from support import record_attack
from support.rows import each_row, every_row
from support.toy_runs import saved, solution

GIB = 2**30


def edit(folder: Path, **changes) -> None:
    head = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(head | changes))


@pytest.fixture
def folder(tmp_path):
    return saved(tmp_path / "run", provenance={"seed": 1, "design": "x", "config_hash": "sha256:0", "tolerance": 1e-3})


# An edit, and the place and a part of the message.
EDITS = [
    ({"versions": ["1"]}, r":1:\d+: versions: wrong type \(allowed object"),
    ({"versions": {"numpy": 2}}, r"versions\.numpy: wrong type"),
    ({"created": 5}, r"created: wrong type"),
    ({"command": None}, r"command: wrong type"),
    ({"result": "converged"}, r"result: not an allowed value .*got \"converged\""),
    ({"labels": "ab"}, r"labels: wrong type"),
    ({"labels": [1, 2]}, r"labels\[0\]: wrong type"),
    ({"labels": ["a", "b", "c"]}, r"theta has the shape \(2,\), not \(3,\)"),
    ({"labels": []}, r"theta has the shape"),
    ({"labels": ["fault", "b"]}, r"labels\[0\]: is not set here \(allowed the label of a parameter"),
    ({"spec": []}, r"spec: wrong type"),
    ({"spec": {}}, r"spec: title is missing"),
    ({"diagnostics": {"misfit": {"float": "x"}}}, r"diagnostics\.misfit\.float: not an allowed value"),
    ({"diagnostics": {"misfit": [1]}}, r"diagnostics\.misfit: wrong type"),
    ({"diagnostics": 3}, r"diagnostics: wrong type"),
    ({"provenance": {"plate_scale_as_per_pix": "x"}}, r"plate_scale_as_per_pix: wrong type"),
    ({"provenance": {"plate_scale_as_per_pix": 0}}, r"plate_scale_as_per_pix: out of range"),
    ({"provenance": {"tolerance": "x"}}, r"tolerance: not of the right form"),
    ({"provenance": {"design": {"a": 1}}}, r"design: wrong type"),
    ({"provenance": None}, r"provenance: wrong type"),
    ({"files": {"arrays.npz": "0"}}, r"files\.arrays\.npz: not of the right form \(allowed a SHA-256"),
    ({"files": []}, r"files: wrong type"),
    ({"steps": -1}, r"steps: out of range"),
    ({"problem": {"data": 1}}, r"problem\.data: wrong type"),
    ({"at_bound": {}}, r"at_bound: wrong type"),
    ({"superseded": {"a/b": "0" * 64}}, r"superseded\.a/b: not the name of a file in the folder"),
]


@each_row("changes, message", EDITS, ids=lambda row: str(row[0]))
def test_an_edit_is_an_error_with_its_place_and_the_remedy(changes, message, tmp_path):
    folder = saved(tmp_path / str(len(list(tmp_path.iterdir()))))
    edit(folder, **changes)
    with pytest.raises(DocumentError, match=rf"(?s)run\.json.*{message}.*repeat the run, or restore the folder"):
        read_run(folder)


@each_row("text", ["NaN", "1e999", "9" * 5000, '"\\ud800"', '{"a": 1, "a": 2}', "[" * 60, "nul"])
def test_a_text_that_is_no_plain_value_is_an_error_with_its_place(text, tmp_path):
    folder = saved(tmp_path / str(len(list(tmp_path.iterdir()))), provenance={"seed": 12345})
    head = (folder / "run.json").read_text()
    (folder / "run.json").write_text(head.replace("12345", text))
    with pytest.raises(DocumentError, match=r"run\.json:\d+:\d+: provenance\.seed.*repeat the run"):
        read_run(folder)


def test_a_record_that_no_reader_takes_is_not_written(tmp_path):
    deep: dict[str, object] = {}
    for _ in range(60):
        deep = {"a": deep}
    with every_row() as row:
        for provenance in ({"x": deep}, {"x": 10**400}, {"plate_scale_as_per_pix": "x"}, {"x": "y" * 11_000_000}):
            with row(str(provenance)[:40]), pytest.raises(ParameterError, match=r"provenance: expected plain data"):
                save_run(tmp_path / "run", solution(), provenance=provenance)
    assert list(tmp_path.iterdir()) == []


def test_edited_records_bring_out_no_other_exception(folder, tmp_path):
    """A sample of the validation, see tests/validation/test_kills.py."""
    counts = record_attack.attack(folder, tmp_path / "all.csv", 40, seed=3)
    assert counts["rejected"] > 15
    assert counts["read"] > 5


def test_the_attack_finds_a_reader_without_a_schema(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("dluxshera.runs.record.validate", lambda document, schema: None)
    edit(folder, versions=["1"])
    with pytest.raises(AttributeError):
        record_attack.readers(folder, tmp_path / "all.csv")


def test_a_run_with_numbers_that_are_not_finite_is_json(tmp_path):
    made = solution(np.nan)
    data = run_data(read_run(save_run(tmp_path / "run", made, truth=[0.0, np.inf])))
    text = json.dumps(data, allow_nan=False)
    assert json.loads(text)["parameters"][1]["truth"] is None
    edit(tmp_path / "run", diagnostics={"misfit": {"float": "nan"}, "steps": 3})
    assert run_data(read_run(tmp_path / "run"))["diagnostics"] == {"misfit": None, "steps": 3}


def test_labels_are_no_formulas_of_a_figure(folder):
    edit(folder, labels=["$\\frac{", "a$b$c"])
    for _, figure in run_figures(read_run(folder)):
        figure.savefig(io.BytesIO())
        plt.close(figure)


def test_a_foreign_run_cannot_move_the_cursor(tmp_path, capsys):
    folder = saved(tmp_path / "run", provenance={"design": "\x1b[2J", "seed": "\x9b31m", "x": "\u202e"})
    edit(folder, labels=["\x1b]0;title\x07", "b\r\n"], command="\x1b[31mrm -rf /")
    print_run(read_run(folder))
    out = capsys.readouterr().out
    assert not set(out) - {"\n"} & set(map(chr, [*range(32), *range(127, 160), 0x202E]))
    assert r"\x1b]0;title\x07" in out
    assert r"\x9b31m" in out


# Arrays: sizes first.


def bomb_of(size: int, declared: int) -> bytes:
    """A zip file of a member of zeros, of one MiB again and again, whose directory declares a size."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    header = npy_header((size - len(npy_header((size,), "|u1")),), "|u1")
    assert size % 2**20 == 0
    first = packer.compress(header + bytes(2**20 - len(header))) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)
    content = first + again * (size // 2**20 - 1) + packer.flush()
    check = zlib.crc32(header + bytes(2**20 - len(header)))
    for _ in range(size // 2**20 - 1):
        check = zlib.crc32(bytes(2**20), check)
    sizes = struct.pack("<HHHIIIHH", 8, 0, 33, check, len(content), declared, 8, 0)
    local = b"PK\x03\x04" + struct.pack("<HH", 20, 0) + sizes + b"head.npy" + content
    entry = b"PK\x01\x02" + struct.pack("<HHH", 20, 20, 0) + sizes + struct.pack("<HHHII", 0, 0, 0, 0, 0) + b"head.npy"
    return local + entry + b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(entry), len(local), 0)


def zip_of(name: str, header: bytes, chunks, method=zipfile.ZIP_DEFLATED) -> bytes:
    """A zip file with one member, written in chunks."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive, archive.open(name, "w", force_zip64=True) as member:
        member.write(header)
        for chunk in chunks:
            member.write(chunk)
    return buffer.getvalue()


def npy_header(shape, dtype="<f8") -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": dtype, "fortran_order": False, "shape": shape})
    return buffer.getvalue()


def zeros(size: int):
    return (bytes(2**20) for _ in range(size // 2**20))


def inflating() -> bytes:
    """3 GiB in 3 MB."""
    return bomb_of(3 * GIB, 3 * GIB)


def declaring() -> bytes:
    return zip_of("head.npy", npy_header((10**6, 10**6)), [b"x"])


def negative() -> bytes:
    return zip_of("head.npy", npy_header((-1, -8)), [bytes(64)])


def overflowing() -> bytes:
    return zip_of("head.npy", npy_header((2**40, 2**40)), [b"x"])


def empty_and_huge() -> bytes:
    return zip_of("head.npy", npy_header((0, 2**62)), [])


def without_bound() -> bytes:
    """A compression that zipfile inflates at once, whatever size is declared."""
    size = 300 * 2**20
    raw = zip_of("head.npy", npy_header((size,), "|u1"), zeros(size), zipfile.ZIP_BZIP2)
    declared = (size + len(npy_header((size,), "|u1"))).to_bytes(4, "little")
    return raw.replace(declared, (136).to_bytes(4, "little"))


def lying() -> bytes:
    """A directory that declares 8 bytes for a member of 300 MiB."""
    return bomb_of(300 * 2**20, 136)


def many() -> bytes:
    """A directory of two million entries, which zipfile would keep in memory."""
    entry = zip_of("head.npy", npy_header((0,)), [])
    start = entry.index(b"PK\x01\x02")
    one = entry[start : entry.index(b"PK\x05\x06")]
    end = struct.pack("<HHHHIIH", 0, 0, 0, 0, len(one) * 2_000_000, start, 0)
    return entry[:start] + one * 2_000_000 + b"PK\x05\x06" + end


def objects() -> bytes:
    return zip_of("head.npy", npy_header((1,), "|O"), [b"cos\nsystem\n(S'true'\ntR."])


def nested_header() -> bytes:
    text = ("(" * 5000).encode()
    return zip_of("head.npy", b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text, [])


BOMBS = (
    *(inflating, declaring, negative, overflowing, empty_and_huge, without_bound, lying, many, objects),
    nested_header,
)

REFUSE = """
import resource, sys
from pathlib import Path
import numpy as np
from dluxshera.errors import SheraError
from dluxshera.runs import Checkpoint, can_resume, read_run

folder = Path(sys.argv[1])
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
for name in ("warm", *sys.argv[2:]):
    before = peak()
    for read in (lambda: Checkpoint(folder / name, {}).resume(), lambda: can_resume(folder / name)):
        try:
            print(name, "read", read())
        except SheraError as error:
            print(name, "rejected", type(error).__name__)
    print(name, "grew", peak() - before)
"""


def test_bombs_are_rejected_without_the_memory(tmp_path):
    for bomb in BOMBS:
        (tmp_path / bomb.__name__).mkdir()
        (tmp_path / bomb.__name__ / "checkpoint.npz").write_bytes(bomb())
    Checkpoint(tmp_path / "warm", {"data": "1"})(SolverState(*(np.ones(3),) * 6))
    names = [bomb.__name__ for bomb in BOMBS]
    done = subprocess.run([sys.executable, "-c", REFUSE, tmp_path, *names], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    with every_row() as row:
        for name in names:
            with row(name):
                assert [name, "rejected", "DocumentError"] in lines
                assert [name, "read", "False"] in lines
                (grown,) = (float(line[2]) for line in lines if line[:2] == [name, "grew"])
                assert grown < 200


def test_a_run_whose_arrays_are_a_bomb_is_an_error(tmp_path):
    import hashlib

    folder = saved(tmp_path / "run")
    raw = declaring()
    (folder / "arrays.npz").write_bytes(raw)
    edit(folder, files={"arrays.npz": hashlib.sha256(raw).hexdigest()})
    tracemalloc.start()
    with pytest.raises(DocumentError, match=r"arrays\.npz: is not a file of arrays .*declares 8000000000000 bytes"):
        read_run(folder)
    assert tracemalloc.get_traced_memory()[1] < 50e6
    tracemalloc.stop()


def test_a_file_beyond_the_bound_is_not_read(tmp_path):
    folder = saved(tmp_path / "run")
    with (folder / "arrays.npz").open("ab") as file:
        file.truncate(2 * GIB)  # a sparse file
    with pytest.raises(DocumentError, match=r"arrays\.npz: cannot be read: it has 2048 MiB, more than 1024 MiB"):
        read_run(folder)
    (tmp_path / "fit").mkdir()
    (tmp_path / "fit" / "checkpoint.npz").symlink_to("/dev/zero")
    with pytest.raises(DocumentError, match="it is not a file"):
        Checkpoint(tmp_path / "fit", {}).resume()
    assert not can_resume(tmp_path / "fit")


def test_what_is_written_can_be_read(monkeypatch):
    monkeypatch.setattr(arrays_module, "MAX_ARRAY_BYTES", 100_000)
    monkeypatch.setattr(arrays_module, "MAX_ARRAYS", 10)
    for size in (1, 12_000):
        np.testing.assert_array_equal(arrays_in(npz_of({"a": np.ones(size)}))["a"], np.ones(size))
    with pytest.raises(ParameterError, match="at most 0 MiB in one file"):
        npz_of({"a": np.ones(20_000)})
    with pytest.raises(ParameterError, match="at most 10 arrays in one file"):
        npz_of({str(i): np.ones(1) for i in range(11)})


@each_row("array", [
    np.zeros((0, 3)), np.array(1.5), np.asfortranarray(np.arange(6.0).reshape(2, 3)), np.arange(4, dtype=">i2"),
    np.array(["a", "bc"]), np.array([True, False]), np.array([1 + 2j], np.complex64), np.arange(5, dtype=np.uint8)[::2],
], ids=repr)  # fmt: skip
def test_arrays_of_every_kind_come_back(array):
    back = arrays_in(npz_of({"x": array}))["x"]
    np.testing.assert_array_equal(back, array)
    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    assert back.flags.writeable
    assert back.flags.f_contiguous == np.load(io.BytesIO(npz_of({"x": array})))["x"].flags.f_contiguous


def test_the_schema_is_one(folder):
    from jsonschema import Draft202012Validator

    Draft202012Validator.check_schema(RUN_SCHEMA)
    assert Draft202012Validator(RUN_SCHEMA).is_valid(json.loads((folder / "run.json").read_text()))
