"""The persistent compilation cache, from one process to the next."""

import json
import os
import sys
from pathlib import Path

import pytest

from dluxshera import runtime
from dluxshera.errors import ConfigError
from support.helpers import run_fresh

# As a user's process has it: without what the tests set for themselves.
PLAIN = {"JAX_COMPILATION_CACHE_DIR": "", "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "1"}
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
    return {path.name: path.stat().st_mtime_ns for path in folder.rglob("*-cache")}


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
    counted = run_model("pass", {"XDG_CACHE_HOME": str(tmp_path)})
    assert counted["hits"] == counted["misses"] == 0
    assert not list(tmp_path.iterdir())
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
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert runtime.default_compilation_cache() == Path(folder).expanduser() / "dluxshera" / "jax"


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"folder: expected a folder that can be created"):
        runtime.enable_compilation_cache(tmp_path / "file" / "cache")
    assert "JAX_COMPILATION_CACHE_DIR" in os.environ  # and the tests' own cache is still the one in use
    import jax

    assert jax.config.jax_compilation_cache_dir == os.environ["JAX_COMPILATION_CACHE_DIR"]
