"""Who may import whom, what importing brings along, and that it changes nothing."""

import ast
from pathlib import Path
from textwrap import dedent

import pytest

from repository.import_rules import ROOMS, cycle, imports_of, modules_of, read_at_import, room, violations
from support.helpers import run_fresh

PACKAGE = Path(__file__).resolve().parents[2] / "src" / "dluxshera"
HEAVY = {"jax", "jaxlib", "dLux", "equinox", "optax", "astropy", "matplotlib", "scipy"}
CONFIGURES = ("os.environ", "os.getenv", "environ", "getenv", "jax.config.update", "plt.style.use", "plt.rcParams")


@pytest.fixture
def planted(tmp_path: Path):
    """Make a package from a table of sources."""

    def plant(sources: dict[str, str]) -> Path:
        package = tmp_path / "dluxshera"
        for name, source in {"__init__.py": "", **sources}.items():
            path = package / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(source))
        return package

    return plant


def test_each_room_imports_only_what_it_may():
    assert violations(PACKAGE) == []


def test_the_list_names_only_rooms_that_there_are():
    assert set(ROOMS) - {room(module) for module in modules_of(PACKAGE)} == set()


def test_no_module_imports_itself_by_a_detour():
    assert cycle(PACKAGE) == []


def test_the_reader_sees_the_imports_that_the_interpreter_follows():
    """Compare with a run: whatever of ours a module loads is reached by the imports read from the source."""
    loaded = run_fresh(
        "import sys, dluxshera.params.store; print(*(m for m in sys.modules if m.startswith('dluxshera')))"
    ).split()
    edges: dict[str, set[str]] = {}
    for found in imports_of(PACKAGE):
        edges.setdefault(found.module, set()).add(found.target)
    reached, ahead = set(), {"dluxshera.params.store"}
    while ahead:
        reached |= ahead
        parents = {m.rpartition(".")[0] for m in ahead} - {""}
        ahead = (set().union(*(edges.get(m, set()) for m in ahead)) | parents) - reached
    assert set(loaded) <= reached


@pytest.mark.parametrize(
    "source",
    [
        "from dluxshera.params.spec import ParamSpec",
        "import dluxshera.params.spec",
        "from dluxshera import params",
        "from ..params.spec import ParamSpec",
        "from .. import params",
        "def f():\n    from dluxshera.params import spec",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from dluxshera.params.spec import ParamSpec",
        "import importlib\nimportlib.import_module('dluxshera.params.spec')",
        "from dluxshera import ParamSpec",
        "from dluxshera.cli import main",
        "from dluxshera.params import ParamSpec",
    ],
)
def test_a_planted_violation_is_found(planted, source: str):
    files = {"params/__init__.py": "", "params/spec.py": "ParamSpec = 1", "cli.py": "", "optics/__init__.py": ""}
    files |= {"__init__.pyi": "from .params import ParamSpec", "params/__init__.pyi": "from .spec import ParamSpec"}
    assert violations(planted(files)) == []
    assert len(violations(planted({**files, "optics/relay.py": source}))) == 1


def test_a_room_that_the_list_does_not_know_is_found(planted):
    assert violations(planted({"universe.py": ""})) == ["dluxshera.universe: the room 'universe' is not in the list"]


def test_nothing_imports_from_the_command_line(planted):
    main = {"cli/__init__.py": "from dluxshera.models import Model"}
    assert violations(planted({**main, "models.py": ""})) == []
    found = violations(planted({**main, "models.py": "from dluxshera.cli import main"}))
    assert found == ["dluxshera.models:1 imports dluxshera.cli"]


TESTS_OF_THE_COMMAND = ("tests/cli", "tests/benchmarks")
SCHEMAS_OF_ALL_ROOMS = {"tests/profiles/test_schemas.py"}  # the command alone puts them together


def from_cli(source: str) -> list[str]:
    """Return the imports from the command line in a source, except ``app`` and ``main``, which are the command."""
    return [
        ast.unparse(node)
        for node in ast.walk(ast.parse(source))
        if (isinstance(node, ast.Import) and any(name.name.startswith("dluxshera.cli") for name in node.names))
        or (isinstance(node, ast.ImportFrom) and (node.module or "").startswith("dluxshera.cli."))
        or (
            isinstance(node, ast.ImportFrom)
            and node.module == "dluxshera.cli"
            and {name.name for name in node.names} - {"app", "main"}
        )
    ]


def test_tests_of_the_library_import_no_function_from_the_command_line():
    root = PACKAGE.parents[1]
    paths = {path.relative_to(root).as_posix(): path for path in (root / "tests").rglob("*.py")}
    tests = {name: path for name, path in paths.items() if not name.startswith(TESTS_OF_THE_COMMAND)}
    assert len(tests) > 100
    faults = {name: from_cli(path.read_text()) for name, path in tests.items() if name not in SCHEMAS_OF_ALL_ROOMS}
    assert {name: imports for name, imports in faults.items() if imports} == {}


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("from dluxshera.cli.run import write_figures", 1),
        ("def test():\n    from dluxshera.cli import models_of", 1),
        ("import dluxshera.cli.common as common", 1),
        ("from dluxshera.cli import app, main", 0),
    ],
)
def test_a_planted_import_from_the_command_line_is_found(source: str, count: int):
    assert len(from_cli(source)) == count


def test_only_one_module_of_the_runs_sees_models(planted):
    files = {"model/__init__.py": "", "runs/__init__.py": ""}
    assert violations(planted({**files, "runs/profile_fit.py": "import dluxshera.model"})) == []
    assert len(violations(planted({**files, "runs/folder.py": "import dluxshera.model"}))) == 1


def test_only_one_module_of_the_budget_sees_models(planted):
    files = {"model/__init__.py": "", "error_budget/__init__.py": ""}
    use = "import dluxshera.model"
    assert violations(planted({**files, "error_budget/reference.py": use})) == []
    assert len(violations(planted({**files, "error_budget/report.py": use}))) == 1


def test_missions_know_no_images_and_no_documents(planted):
    files = {f"{name}/__init__.py": "" for name in ("units", "documents", "model", "profiles", "mission")}
    assert violations(planted({**files, "mission/binary.py": "import dluxshera.units"})) == []
    for name in ("documents", "model", "profiles"):
        assert len(violations(planted({**files, "mission/binary.py": f"import dluxshera.{name}"}))) == 1, name


def test_a_planted_cycle_is_found(planted):
    files = {"params/__init__.py": "", "params/a.py": "from . import b", "params/b.py": "def f():\n    from . import a"}
    assert set(cycle(planted(files))) == {"dluxshera.params.a", "dluxshera.params.b"}


def test_a_package_loads_its_own_modules_lazily_or_not_at_all(planted):
    files = {"params/__init__.py": "from .a import x", "params/a.py": "x = 1", "params/b.py": "from .a import x"}
    assert cycle(planted(files)) == []


def test_nothing_is_configured_or_read_from_the_environment_at_import():
    assert read_at_import(PACKAGE, CONFIGURES) == []


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("import os\nx = os.environ.get('A')", 1),
        ("import os\ndef f(x=os.getenv('A')): ...", 1),
        ("import os\nclass C:\n    x = os.environ['A']", 1),
        ("import jax\nif True:\n    jax.config.update('jax_enable_x64', True)", 1),
        ("import os\ndef f():\n    return os.environ['A']", 0),
        ("import os\nf = lambda: os.environ['A']", 0),
    ],
)
def test_a_planted_read_is_found(planted, source: str, count: int):
    assert len(read_at_import(planted({"a.py": source}), CONFIGURES)) == count


# From light to heavy, since what one loads stays loaded.
WITHOUT_JAX = [
    "import dluxshera; dluxshera.__version__; dir(dluxshera)",
    "import dluxshera.errors",
    "import dluxshera.params.spec",
    "import dluxshera.reference",
    "from dluxshera.cli import main; sys.argv[1:] = ['--help']; main()",
    "from dluxshera.cli import main; sys.argv[1:] = ['schema', 'export']; main()",
    "from dluxshera.cli import main; sys.argv[1:] = ['profile', 'show', 'instrument/shera_flight']; main()",
]
WITHOUT_ARRAYS = [
    f"from dluxshera.cli import main; sys.argv[1:] = {arguments!r}; main()"
    for arguments in (["--help"], ["profile", "validate", "target/alpha_cen"])
]


def test_metadata_schemas_and_help_need_no_jax(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert loaded(WITHOUT_JAX, HEAVY) == {code: set() for code in WITHOUT_JAX}


def test_what_names_no_system_needs_no_arrays():
    """A profile of a target has values and their bounds, and nothing to draw an aperture for."""
    assert loaded(WITHOUT_ARRAYS, HEAVY | {"numpy", "pydantic", "dLuxToliman"}) == {c: set() for c in WITHOUT_ARRAYS}


def test_what_is_loaded_is_seen():
    codes = ["import sys", "import numpy", "sys.exit()"]
    assert list(loaded(codes, {"numpy", "scipy"}).values()) == [set(), {"numpy"}, {"numpy"}]


def loaded(codes: list[str], heavy: set[str]) -> dict[str, set[str]]:
    """Return which of the heavy packages are loaded after each piece of code, run in order in one new interpreter."""
    report = run_fresh(f"""
        import sys
        for code in {codes!r}:
            try:
                exec(code, {{'sys': sys}})
            except SystemExit:
                pass
            print('loaded:', *({heavy!r} & set(sys.modules)))
    """)
    lines = [line.split()[1:] for line in report.splitlines() if line.startswith("loaded:")]
    return {code: set(packages) for code, packages in zip(codes, lines, strict=True)}


def test_importing_every_module_changes_no_setting():
    modules = [m for m in modules_of(PACKAGE) if not m.endswith("__main__")]
    assert {room(m) for m in modules} >= {"errors", "params", "optics", "systems"}
    code = f"""
        import importlib, os, warnings
        import dLux, dLuxToliman, equinox, jax, matplotlib, numpy, optax, scipy.optimize, scipy.special

        def settings():
            shown = dict(matplotlib.rcParams), numpy.get_printoptions()
            return dict(jax.config.values), dict(os.environ), numpy.geterr(), shown

        filters = list(warnings.filters)
        before = settings()
        for module in {modules!r}:
            importlib.import_module(module)
        assert settings() == before
        assert [f for f in warnings.filters if f not in filters] == []
    """
    run_fresh(code)
