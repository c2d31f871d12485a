"""What every test runs under: float64, no display, caches under .cache, and nothing skipped in CI."""

import os
from pathlib import Path

import hypothesis
import hypothesis.database
import jax
import pytest

from support import compilation, covers

ROOT = Path(__file__).resolve().parents[1]
# jax traces under these names, whether or not a compiled program is found on disk afterwards.
TRACE_EVENT = "/jax/core/compile/jaxpr_trace_duration"
MAX_MAPS = 25_000
CI = os.environ.get("CI", "").lower() in {"1", "true"}
# In the environment, so that the processes which tests start share them. Not so float64: what runs on its own has to
# ask for it.
os.environ["MPLBACKEND"] = "Agg"
os.environ.setdefault("DLUXSHERA_CACHE_DIR", str(ROOT / ".cache" / "dluxshera"))
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(ROOT / ".cache" / "jax"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")

jax.config.update("jax_compilation_cache_dir", os.environ["JAX_COMPILATION_CACHE_DIR"])
jax.config.update(
    "jax_persistent_cache_min_compile_time_secs", float(os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"])
)
jax.config.update("jax_enable_x64", True)

hypothesis.settings.register_profile(
    "local", deadline=None, database=hypothesis.database.DirectoryBasedExampleDatabase(ROOT / ".cache" / "hypothesis")
)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("ci" if CI else "local")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(covers)
    if config.option.markexpr not in ("bench", "validation"):  # speed and evidence are those of a user's programs
        compilation.make_fast()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the benchmarks, so that none runs with the other tests."""
    for item in items:
        if ROOT / "tests" / "benchmarks" in item.path.parents:
            item.add_marker("bench")


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Under CI an absent optional part is a failure."""
    if CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.longrepr = f"{reason} (nothing may be skipped under CI)"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    report = yield
    _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector):
    report = yield
    _refuse_skip(report)
    return report


@pytest.fixture(scope="module", autouse=True)
def bounded_programs():
    """Forget the compiled programs of a long-lived worker: each maps memory, and a process may map 65,530 regions."""
    yield
    maps = Path("/proc/self/maps")
    if maps.exists() and maps.read_bytes().count(b"\n") > MAX_MAPS:
        jax.clear_caches()


@pytest.fixture
def optimised_programs():
    """Let XLA optimise what a test compiles, because it runs for longer than it takes to compile."""
    with compilation.optimised():
        yield


@pytest.fixture
def traces():
    """Names of the functions that jax traces while the test runs."""
    seen: list[str] = []

    def listen(event: str, _duration: float, **details) -> None:
        if event == TRACE_EVENT:
            seen.append(str(details.get("fun_name", "?")))

    jax.monitoring.register_event_duration_secs_listener(listen)
    yield seen
    jax.monitoring.unregister_event_duration_listener(listen)
