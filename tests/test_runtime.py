"""The persistent compilation cache, from one process to the next."""

import json
import os
import sys
from pathlib import Path

import pytest

from dluxshera import runtime
from dluxshera.errors import ConfigError
from support.compilation import AS_USERS
from support.helpers import run_fresh

# As a user's process has it: without what the tests set for themselves.
PLAIN = {
    "JAX_COMPILATION_CACHE_DIR": "",
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "1",
    "DLUXSHERA_CACHE_DIR": "",
    "DLUXSHERA_CACHE_DISABLED": "",
    **AS_USERS,
}
MODEL = """
    import json, sys
    import jax
    from dluxshera.runtime import enable_compilation_cache

    jax.config.update("jax_enable_x64", True)
    before = jax.jit(lambda x: x + 1)(1.0)  # has JAX look for its cache before there is one
    counts = {"hits": 0, "misses": 0}

    def count(event, **_):
        for name in counts:
            counts[name] += event == f"/jax/compilation_cache/cache_{name}"

    jax.monitoring.register_event_listener(count)
    {enable}
    import dluxshera as ds
    config = ds.SHERA_FLIGHT_CONFIG.replace(image_npix=32)
    binder = ds.SheraThreePlaneBinder(config, ds.build_inference_spec_basic(config))
    counts["image"] = float(binder.predict(binder.store)[3, 5])
    print(json.dumps(counts))
"""


def run_model(enable: str, env: dict[str, str] | None = None) -> dict[str, float]:
    return json.loads(run_fresh(MODEL.replace("{enable}", enable), {**PLAIN, **(env or {})}))


def entries(folder: Path) -> dict[str, int]:
    """Return the entries, with the inodes that tell whether one was written again."""
    return {path.name: path.stat().st_ino for path in folder.rglob("*.entry")}


def test_a_second_process_loads_what_the_first_compiled(tmp_path):
    folder = tmp_path / "new" / "cache"
    enable = f"enable_compilation_cache({str(folder)!r})"
    first = run_model(enable)
    stored = entries(folder)
    second = run_model(enable)
    assert stored
    assert first["hits"] == 0
    assert second["hits"] == len(stored)
    assert entries(folder) == stored
    assert second["image"] == first["image"]


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="the folder of other platforms follows no variable")
def test_by_default_in_the_folder_of_the_users_caches(tmp_path):
    run_model("enable_compilation_cache()", {"XDG_CACHE_HOME": str(tmp_path)})
    assert entries(tmp_path / "dluxshera" / "jax")


def test_importing_switches_nothing_on(tmp_path):
    """A model stores the pupil that it built, as it may without being asked, and no compiled program."""
    caches = {"XDG_CACHE_HOME": str(tmp_path)}
    run_fresh("import dluxshera", {**PLAIN, **caches})
    assert not list(tmp_path.iterdir())
    counted = run_model("pass", caches)
    assert counted["hits"] == counted["misses"] == 0
    assert not (tmp_path / "dluxshera" / "jax").exists()
    said = run_fresh("import dluxshera.runtime, sys; print('jax' in sys.modules)")
    assert said.split() == ["False"]


@pytest.mark.parametrize(("platform", "env", "folder"), [
    ("linux", {}, "~/.cache"),
    ("linux", {"XDG_CACHE_HOME": "/caches"}, "/caches"),
    ("linux", {"XDG_CACHE_HOME": "relative"}, "~/.cache"),
    ("darwin", {"XDG_CACHE_HOME": "/caches"}, "~/Library/Caches"),
    ("win32", {}, "~/AppData/Local"),
    ("win32", {"LOCALAPPDATA": "/local"}, "/local"),
])  # fmt: skip
def test_the_folder_of_each_platform(monkeypatch, platform, env, folder):
    monkeypatch.setattr(sys, "platform", platform)
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA", "DLUXSHERA_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert runtime.default_compilation_cache() == Path(folder).expanduser() / "dluxshera" / "jax"


@pytest.mark.parametrize("named", ["/caches", "~/caches", "relative"])
def test_the_environment_names_the_folder(monkeypatch, named):
    monkeypatch.setenv("DLUXSHERA_CACHE_DIR", named)
    assert runtime.default_compilation_cache() == Path(named).expanduser().absolute() / "jax"


PROGRAM = """
    import json, stat, sys, warnings
    from pathlib import Path
    import jax
    import jax.numpy as jnp
    from dluxshera import runtime

    runtime._WORTH_STORING_S = 0.0
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        {enable}
        values = [float(jax.jit(lambda x, n=n: jnp.sin(n * x).sum())(jnp.arange(5.0))) for n in range(1, 4)]
    print(json.dumps({
        "values": values, "warnings": [str(w.message) for w in caught],
        "classes": sorted({w.category.__name__ for w in caught}),
        "x64": bool(jax.config.x64_enabled), "folder": jax.config.jax_compilation_cache_dir,
    }))
"""
SET_UP = "runtime.set_up_command()"


def run_program(enable: str, folder: Path, **env: str) -> dict[str, object]:
    variables = {**PLAIN, "DLUXSHERA_CACHE_DIR": str(folder), **env}
    return json.loads(run_fresh(PROGRAM.replace("{enable}", enable), variables))


def test_damaged_programs_are_compiled_again_with_one_warning(tmp_path):
    first = run_program(SET_UP, tmp_path)
    stored = entries(tmp_path / "jax")
    assert len(stored) >= 3
    assert first["warnings"] == []
    for name in stored:
        path = tmp_path / "jax" / name
        raw = path.read_bytes()
        path.write_bytes(raw[: len(raw) // 2] + bytes(len(raw) - len(raw) // 2))
    second = run_program(SET_UP, tmp_path)
    assert second["values"] == first["values"]
    assert len(second["warnings"]) == 1
    assert second["classes"] == ["CacheWarning"]
    assert "an entry is damaged" in second["warnings"][0]
    third = run_program(SET_UP, tmp_path)  # repaired
    assert third == first
    assert set(entries(tmp_path / "jax")) == set(stored)


def test_programs_that_cannot_be_stored_are_one_warning(tmp_path):
    limit = "import resource; runtime.set_up_command(); resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))"
    found = run_program(limit, tmp_path)
    assert len(found["warnings"]) == 1
    assert "an entry cannot be stored" in found["warnings"][0]
    assert entries(tmp_path) == {}
    assert found["values"] == run_program("jax.config.update('jax_enable_x64', True)", tmp_path)["values"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps permissions in access lists")
def test_a_command_does_without_a_folder_that_others_can_write(tmp_path):
    (tmp_path / "jax").mkdir()
    (tmp_path / "jax").chmod(0o777)
    found = run_program(SET_UP, tmp_path)
    assert [text.partition(":")[0] for text in found["warnings"]] == ["compiled programs are not cached"]
    assert found["classes"] == ["CacheWarning"]
    assert entries(tmp_path) == {}
    assert not found["folder"]
    with pytest.raises(ConfigError, match="no other user can write to"):
        runtime.enable_compilation_cache(tmp_path / "jax")


def test_a_command_computes_in_double_precision_with_a_private_cache(tmp_path):
    found = run_program(SET_UP, tmp_path / "new")
    folder = tmp_path / "new" / "jax"
    assert found["x64"]
    assert found["folder"] == str(folder)
    if sys.platform != "win32":
        modes = {path.stat().st_mode & 0o777 for path in (folder.parent, folder)}
        assert modes == {0o700}
        assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


@pytest.mark.parametrize(("name", "value"), [
    ("DLUXSHERA_CACHE_DISABLED", "1"), ("JAX_ENABLE_COMPILATION_CACHE", "0"), ("JAX_COMPILATION_CACHE_DIR", "named"),
])  # fmt: skip
def test_the_environment_switches_it_off_or_names_jaxs_own(tmp_path, name, value):
    value = str(tmp_path / value) if value == "named" else value
    found = run_program(SET_UP, tmp_path / "new", **{name: value})
    assert not (tmp_path / "new").exists()
    assert (found["folder"] or "") == (value if name == "JAX_COMPILATION_CACHE_DIR" else "")
    assert found["x64"]


def test_the_bound_holds(tmp_path):
    run_program("runtime.enable_compilation_cache(max_bytes=10_000)", tmp_path)
    sizes = [path.stat().st_size for path in (tmp_path / "jax").iterdir()]
    run_program("runtime.enable_compilation_cache()", tmp_path)
    assert 0 < sum(sizes) <= 10_000
    assert sum(path.stat().st_size for path in (tmp_path / "jax").iterdir()) > 10_000


def test_another_processor_has_programs_of_its_own(tmp_path):
    """Machine code for one model of processor can end a process on another."""
    run_program(SET_UP, tmp_path)
    stored = entries(tmp_path / "jax")
    run_program("runtime._machine = lambda: 'another'; " + SET_UP, tmp_path)
    assert len(entries(tmp_path / "jax")) == 2 * len(stored)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"folder: expected a folder that can be created"):
        runtime.enable_compilation_cache(tmp_path / "file" / "cache")
    assert "JAX_COMPILATION_CACHE_DIR" in os.environ  # and the tests' own cache is still the one in use
    import jax

    assert jax.config.jax_compilation_cache_dir == os.environ["JAX_COMPILATION_CACHE_DIR"]
