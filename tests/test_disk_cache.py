"""Caches on disk: whole or nothing, private, bounded, and never a reason for another result."""

import multiprocessing
import os
import resource
import stat
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from dluxshera import disk_cache
from dluxshera.disk_cache import CacheWarning, DiskCache, cached_arrays, private_folder
from dluxshera.errors import ConfigError
from support.helpers import run_fresh

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps permissions in access lists")
ARRAYS = {
    "matrix": np.random.default_rng(1).normal(size=(7, 5)),
    "columns": np.asfortranarray(np.arange(12, dtype=np.float32).reshape(3, 4)),
    "peak": 0.1 + 0.2,
    "index": np.arange(4),
    "empty": np.zeros((0, 3)),
    "signed": np.array([-0.0, 5e-324]),
}


class Builder:
    """A function that builds `ARRAYS` and counts its calls."""

    def __init__(self, scale: float = 1.0) -> None:
        self.calls, self.scale = 0, scale

    def __call__(self):
        self.calls += 1
        return {name: np.asarray(value) * np.asarray(self.scale).astype(np.asarray(value).dtype)
                for name, value in ARRAYS.items()}  # fmt: skip


def assert_built(arrays, scale: float = 1.0):
    assert list(arrays) == list(ARRAYS)
    for name, value in Builder(scale)().items():
        assert arrays[name].dtype == value.dtype
        assert arrays[name].shape == value.shape
        assert arrays[name].tobytes() == value.tobytes()
        assert not arrays[name].flags.writeable


@pytest.fixture(autouse=True)
def enabled(monkeypatch):
    monkeypatch.delenv(disk_cache.DISABLED_VARIABLE, raising=False)
    disk_cache._array_cache.cache_clear()
    yield
    disk_cache._array_cache.cache_clear()


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "own" / "arrays"


def entries(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.entry"))


# Arrays


def test_arrays_are_built_once_and_read_bit_by_bit(folder):
    build = Builder()
    for _ in range(3):
        assert_built(cached_arrays("key", build, folder))
    assert build.calls == 1
    assert len(entries(folder)) == 1


@posix
def test_folders_and_files_are_private_under_any_umask(folder):
    old = os.umask(0o002)
    try:
        cached_arrays("key", Builder(), folder)
    finally:
        os.umask(old)
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (folder.parent, folder, *entries(folder))]
    assert modes == [0o700, 0o700, 0o600]


def test_another_key_is_another_entry(folder):
    builders = {"a": Builder(1.0), "b": Builder(2.0), "a b": Builder(3.0), "": Builder(4.0), "µ" * 5000: Builder(5.0)}
    for _ in range(2):
        for key, build in builders.items():
            assert_built(cached_arrays(key, build, folder), build.scale)
    assert [build.calls for build in builders.values()] == [1] * 5


def test_an_entry_under_another_name_is_not_taken(folder):
    """Whoever can rename files cannot pass one key's arrays off as another's."""
    cached_arrays("a", Builder(1.0), folder)
    (one,) = entries(folder)
    cached_arrays("b", Builder(2.0), folder)
    (other,) = set(entries(folder)) - {one}
    one.replace(other)
    build = Builder(2.0)
    with pytest.warns(CacheWarning, match="an entry is damaged"):
        assert_built(cached_arrays("b", build, folder), 2.0)
    assert build.calls == 1


@pytest.mark.parametrize("damage", [
    lambda raw: b"",
    lambda raw: raw[:20],
    lambda raw: raw[:-1],
    lambda raw: raw + b"x",
    lambda raw: raw[:-9] + bytes([raw[-9] ^ 1]) + raw[-8:],
    lambda raw: bytes([raw[0] ^ 1]) + raw[1:],
    lambda raw: raw[: len(raw) // 2] + bytes(len(raw) - len(raw) // 2),
], ids=["empty", "hash-cut", "cut", "longer", "bit", "bit-of-hash", "zeros"])  # fmt: skip
def test_a_damaged_entry_is_built_again_with_one_warning(folder, damage):
    for key in "ab":
        cached_arrays(key, Builder(), folder)
    for path in entries(folder):
        path.write_bytes(damage(path.read_bytes()))
    build = Builder()
    with pytest.warns(CacheWarning, match=r"an entry is damaged\. Its content is computed again") as caught:
        both = [cached_arrays(key, build, folder) for key in "ab"]
    assert len(caught) == 1
    for arrays in both:
        assert_built(arrays)
    assert build.calls == 2
    for key in "ab":  # repaired
        assert_built(cached_arrays(key, build, folder))
    assert build.calls == 2


def test_an_entry_without_arrays_is_built_again(folder):
    DiskCache(folder).write("arrays", b"intact, and no file of arrays")
    build = Builder()
    with pytest.warns(CacheWarning, match="an entry has no arrays"):
        assert_built(cached_arrays("arrays", build, folder))
    assert_built(cached_arrays("arrays", build, folder))
    assert build.calls == 1


def test_arrays_that_are_not_finite_are_returned_and_not_stored(folder):
    for bad in (np.nan, np.inf):
        found = cached_arrays("key", lambda bad=bad: {"a": [1.0, bad]}, folder)
        np.testing.assert_array_equal(found["a"], [1.0, bad])
    assert entries(folder) == []


def test_objects_are_not_stored(folder):
    """A pickle would be a program."""
    with pytest.raises(TypeError):
        cached_arrays("key", lambda: {"a": np.array([{}], dtype=object)}, folder)


def test_an_error_of_the_builder_is_raised_and_nothing_is_stored(folder):
    def fail():
        raise ZeroDivisionError("of the builder")

    for _ in range(2):
        with pytest.raises(ZeroDivisionError, match="of the builder"):
            cached_arrays("key", fail, folder)
    assert_built(cached_arrays("key", Builder(), folder))


@pytest.mark.parametrize(("value", "disabled"), [("1", True), ("true", True), ("0", False), ("", False)])
def test_the_environment_disables_it(folder, monkeypatch, value, disabled):
    monkeypatch.setenv("DLUXSHERA_CACHE_DISABLED", value)
    build = Builder()
    for _ in range(2):
        assert_built(cached_arrays("key", build, folder))
    assert build.calls == (2 if disabled else 1)
    assert folder.exists() is not disabled


def test_the_environment_names_the_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("DLUXSHERA_CACHE_DIR", str(tmp_path / "elsewhere"))
    cached_arrays("key", Builder())
    assert len(entries(tmp_path / "elsewhere" / "arrays")) == 1


# Threads and processes


def test_threads_build_once(folder):
    calls = []

    def build():
        calls.append(threading.get_ident())
        time.sleep(0.05)
        return ARRAYS

    with ThreadPoolExecutor(8) as pool:
        for arrays in pool.map(lambda _: cached_arrays("key", build, folder), range(16)):
            assert_built(arrays)
    assert len(calls) == 1


def many_arrays(folder: str, seed: int) -> int:
    warnings.simplefilter("error")
    order = np.random.default_rng(seed).permutation(40) % 10
    for key in map(int, order):
        found = cached_arrays(f"{key}", lambda key=key: {"a": np.full(20_000 + key, key)}, Path(folder))
        np.testing.assert_array_equal(found["a"], np.full(20_000 + key, key))
        DiskCache(Path(folder), 600_000).write("other", b"x" * 10_000)  # trims to three of the ten
    return len(order)


def test_processes_share_a_folder_that_is_trimmed_meanwhile(folder):
    """Four processes read, write and remove the same entries; `many_arrays` checks each result."""
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        assert pool.starmap(many_arrays, [(str(folder), seed) for seed in range(4)]) == [40] * 4
    assert {path.suffix for path in folder.iterdir()} == {".entry"}


# The bound


def test_the_entries_used_last_stay_and_other_files_are_left_alone(folder):
    cache = DiskCache(folder, max_bytes=3 * (1000 + 32))
    foreign = [folder / "notes.txt", folder / ("g" * 64 + ".entry"), folder / "sub" / ("0" * 64 + ".entry")]
    foreign[2].parent.mkdir()
    for path in foreign:
        path.write_bytes(bytes(5000))
    outside = folder.parent / ("0" * 64 + ".entry")
    outside.write_bytes(bytes(5000))
    for age, key in enumerate("abc"):
        cache.write(key, key.encode() * 1000)
        os.utime(cache._path(key), (1e9 + age, 1e9 + age))
    assert cache.read("a") == b"a" * 1000  # used now
    cache.write("d", b"d" * 1000)
    assert [cache.read(key) is not None for key in "abcd"] == [True, False, True, True]
    assert all(path.stat().st_size == 5000 for path in (*foreign, outside))


def test_content_beyond_the_bound_is_not_stored_and_removes_nothing(folder):
    cache = DiskCache(folder, max_bytes=500)
    cache.write("small", b"1")
    cache.write("large", bytes(501))
    assert cache.read("large") is None
    assert cache.read("small") == b"1"


def test_what_killed_writers_left_is_removed_after_an_hour(folder):
    cache = DiskCache(folder)
    parts = [folder / f".{'0' * 64}.entry.{i * 32}.part" for i in "12"]
    for part, age in zip(parts, (60.0, 4000.0), strict=True):
        part.touch()
        os.utime(part, (time.time() - age,) * 2)
    cache.write("key", b"x")
    assert [part.exists() for part in parts] == [True, False]


# Folders that are refused


@posix
@pytest.mark.parametrize("mode", [0o777, 0o770, 0o722, 0o702, 0o1777])
def test_a_folder_that_others_can_write_is_refused(folder, mode):
    folder.mkdir(parents=True)
    folder.chmod(mode)
    with pytest.raises(ConfigError, match=r"no other user can write to, got .* mode"):
        private_folder(folder)
    build = Builder()
    with pytest.warns(CacheWarning, match="arrays are not cached: folder") as caught:
        both = [cached_arrays("key", build, folder) for _ in range(2)]
    assert len(caught) == 1
    for arrays in both:
        assert_built(arrays)
    assert build.calls == 2
    assert list(folder.iterdir()) == []
    assert stat.S_IMODE(folder.stat().st_mode) == mode  # not changed either


@posix
@pytest.mark.parametrize("mode", [0o700, 0o755, 0o711])
def test_a_folder_that_others_can_only_read_is_taken(folder, mode):
    folder.mkdir(parents=True)
    folder.chmod(mode)
    assert private_folder(folder) == folder.resolve()


@posix
def test_a_folder_of_another_user_is_refused(folder, monkeypatch):
    folder.mkdir(parents=True)
    monkeypatch.setattr(os, "geteuid", lambda: folder.stat().st_uid + 1)
    with pytest.raises(ConfigError, match="a folder of the user"):
        private_folder(folder)


@posix
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
def test_links_and_files_of_another_user_are_refused(folder):
    own = folder / "own"
    own.mkdir(parents=True)
    link = folder / "link"
    link.symlink_to(own)
    assert private_folder(link) == own.resolve()  # the user's own link
    os.lchown(link, 12345, 12345)
    with pytest.raises(ConfigError, match="a folder of the user"):
        private_folder(link)
    cache = DiskCache(own)
    cache.write("key", b"content")
    os.chown(cache._path("key"), 12345, 12345)
    with pytest.warns(CacheWarning, match="can have been written by others"):
        assert cache.read("key") is None


@posix
def test_a_file_that_others_can_write_or_a_link_is_not_read(folder):
    for spoil in (
        lambda path: path.chmod(0o666),
        lambda path: path.chmod(0o620),
        lambda path: path.rename(folder / "kept") and path.symlink_to(folder / "kept"),
    ):
        cache = DiskCache(folder)
        cache.write("key", b"content")
        assert cache.read("key") == b"content"
        spoil(cache._path("key"))
        with pytest.warns(CacheWarning, match="an entry cannot be read"):
            assert cache.read("key") is None
        cache.write("key", b"content")  # replaces it
        assert cache.read("key") == b"content"


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to(tmp_path / "nothing")
    for folder in (tmp_path / "file", tmp_path / "file" / "cache", tmp_path / "dangling"):
        with pytest.raises(ConfigError, match="a folder that can be created and written to"):
            private_folder(folder)
        with pytest.warns(CacheWarning, match="arrays are not cached"):
            assert_built(cached_arrays("key", Builder(), folder))


def test_a_read_only_folder_is_refused(folder, monkeypatch):
    folder.mkdir(parents=True)
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)  # root may write anywhere
    with pytest.raises(ConfigError, match=r"written to, got .*DLUXSHERA_CACHE_DIR"):
        private_folder(folder)


# Failures while writing


@posix
def test_a_full_disk_is_one_warning_and_leaves_nothing(folder):
    """A limit on the size of files stands for the disk: `write` fails in the middle."""
    said = run_fresh(f"""
        import resource, sys, warnings
        from pathlib import Path
        import numpy as np
        from dluxshera.disk_cache import cached_arrays
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for key in "abc":
                found = cached_arrays(key, lambda: {{"a": np.arange(5000)}}, Path({str(folder)!r}))
                assert np.array_equal(found["a"], np.arange(5000))
        print(len(caught), caught[0].category.__name__, caught[0].message)
    """)  # fmt: skip
    assert said.startswith("1 CacheWarning")
    assert "an entry cannot be stored" in said
    assert list(folder.iterdir()) == []
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 10_000


def test_a_failure_to_write_is_one_warning(folder, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    build = Builder()
    monkeypatch.setattr(Path, "replace", fail)
    with pytest.warns(CacheWarning, match="No space left on device") as caught:
        results = [cached_arrays("key", build, folder) for _ in range(3)]
    monkeypatch.undo()
    assert len(caught) == 1
    for arrays in results:
        assert_built(arrays)
    assert list(folder.iterdir()) == []
    assert_built(cached_arrays("key", build, folder))
    assert build.calls == 4


def test_importing_imports_no_numpy():
    said = run_fresh("import dluxshera.disk_cache, sys; print({'jax', 'numpy'} & set(sys.modules))")
    assert said.strip() == "set()"
