"""The marker ``covers``: what it demands of a test, and what the reference pages read from it."""

from pathlib import Path

import pytest

from dluxshera.errors import DocumentError
from dluxshera.reference.coverage import MARKER, MarkedTest, covering_tests
from dluxshera.reference.inputs import read_schemas
from support import covers
from support.page_runner import ROOT

OPEN_AREA = "dluxshera.systems.transforms.open_area"
FOCAL_RATIO = "dluxshera.systems.transforms.focal_ratio"
HEAD = """\
import functools
import jax
import pytest
from dluxshera.systems import transforms
TABLE = {"area": functools.partial(transforms.open_area, open_fraction=0.5)}
traced = jax.jit(transforms.open_area)
traced(1.0, 1.0)
called_on_import = transforms.open_area(1.0, 1.0)
"""
# Body of a test that is marked as covering open_area -> whether it calls it.
BODIES = {
    "transforms.open_area(1.0, 1.0)": True,
    "TABLE['area'](1.0)": True,
    "jax.grad(transforms.open_area)(1.0, 1.0)": True,
    "jax.jit(lambda d: transforms.open_area(d, 1.0))(1.0)": True,
    "pass": False,
    "transforms.open_area": False,
    "transforms.focal_ratio(1.0, 1.0)": False,
    "traced(1.0, 1.0)": False,  # compiled before
    "assert called_on_import": False,
    "transforms.diffraction_limit(1.0, 1.0)  # 'open_area'": False,
}
SEVERAL = f"""
@pytest.mark.covers("{OPEN_AREA}", "{FOCAL_RATIO}")
@pytest.mark.parametrize("diameter", [1.0, 2.0])
def test_of_two(diameter):
    transforms.open_area(diameter, 1.0)
    if diameter > 1:
        transforms.focal_ratio(diameter, 1.0)

@pytest.fixture
def area():
    return transforms.open_area(1.0, 1.0)

@pytest.mark.covers("{OPEN_AREA}")
def test_of_a_fixture(area):
    assert area

@pytest.mark.covers("{OPEN_AREA}")
def test_that_fails():
    assert transforms.open_area(1.0, 1.0) == 12
"""
# Name of a marker -> the fault.
BAD_NAMES = {
    "dluxshera.systems.transforms.open_aera": "no such function",
    "dluxshera.sistems.open_area": "no such function",
    "open area": "no such function",
    "dluxshera.systems.SHERA_FLIGHT_CONFIG": "expected a function, got a SheraThreePlaneConfig",
    "dluxshera.ParameterStore.from_dict": "is defined as dluxshera.params.store.ParameterStore.from_dict",
}


def outcomes(path: Path, source: str) -> tuple[pytest.ExitCode, dict[str, str]]:
    """Run pytest on a file of this source, and return its exit code and the outcome of each test."""
    path.write_text(source, encoding="utf-8")
    results: dict[str, str] = {}

    class Recorder:
        def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
            if report.when == "call" or report.failed:
                results[report.nodeid.rpartition("::")[2]] = f"{report.outcome} {report.longrepr or ''}".strip()

    settings = path.with_suffix(".ini")
    settings.write_text(f"[pytest]\nmarkers = {MARKER}\n", encoding="utf-8")
    options = ["-q", "-p", "no:cacheprovider", "--import-mode=importlib", "-c", str(settings)]
    return pytest.main([*options, str(path)], plugins=[covers, Recorder()]), results


def test_a_marked_test_fails_unless_it_calls_the_function(tmp_path):
    tests = [
        f"@pytest.mark.covers('{OPEN_AREA}')\ndef test_{number}():\n    {body}\n" for number, body in enumerate(BODIES)
    ]
    code, results = outcomes(tmp_path / "test_planted.py", HEAD + "\n".join(tests) + SEVERAL)
    assert code == pytest.ExitCode.TESTS_FAILED
    for number, (body, calls) in enumerate(BODIES.items()):
        missing = f"failed marked as covering {OPEN_AREA}, which it did not call"
        assert results[f"test_{number}"] == ("passed" if calls else missing), body
    assert results["test_of_two[2.0]"] == "passed"
    assert results["test_of_two[1.0]"] == f"failed marked as covering {FOCAL_RATIO}, which it did not call"
    assert "which it did not call" in results["test_of_a_fixture"]  # only the call of the test itself counts
    assert "== 12" in results["test_that_fails"]
    assert "which it did not call" not in results["test_that_fails"]


def test_a_marker_that_names_no_function_is_an_error(tmp_path, capfd):
    tests = [f"@pytest.mark.covers({name!r})\ndef test_{n}():\n    pass\n" for n, name in enumerate(BAD_NAMES)]
    code, results = outcomes(tmp_path / "test_nameless.py", HEAD + "\n".join(tests))
    assert (code, results) == (pytest.ExitCode.USAGE_ERROR, {})
    message = capfd.readouterr().err
    for number, (name, fault) in enumerate(BAD_NAMES.items()):
        assert f"test_nameless.py::test_{number}: {name}: {fault}" in message


def test_markers_are_read_with_file_test_and_line(tmp_path):
    folder = tmp_path / "tests" / "systems"
    folder.mkdir(parents=True)
    (folder / "test_b.py").write_text(
        "import pytest\n\n\n@pytest.mark.covers('a.f', 'a.g')\n@pytest.mark.slow\ndef test_two():\n    pass\n\n\n"
        "class TestIt:\n    @pytest.mark.covers('a.f')\n    def test_in_a_class(self):\n        'a.h'\n"
    )
    (folder / "test_a.py").write_text("import pytest\n@pytest.mark.covers('a.g')\ndef test_one(): pass\n")
    (folder / "helper.py").write_text("import pytest\n@pytest.mark.covers('a.g')\ndef test_none(): pass\n")
    two = MarkedTest("tests/systems/test_b.py", "test_two", 6)
    in_class = MarkedTest("tests/systems/test_b.py", "TestIt::test_in_a_class", 12)
    one = MarkedTest("tests/systems/test_a.py", "test_one", 3)
    assert covering_tests(tmp_path) == {"a.f": [two, in_class], "a.g": [one, two]}
    assert in_class.node == "tests/systems/test_b.py::TestIt::test_in_a_class"


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("@pytest.mark.covers(open_area)\ndef test_it(): pass", r"test_it\.py:2:21: .*as strings, got open_area"),
        ("@pytest.mark.covers\ndef test_it(): pass", r"test_it\.py:2:2: .*with arguments, on a test function"),
        ("@pytest.mark.covers('a.f')\ndef helper(): pass", r"test_it\.py:2:2: .*on a test function"),
        ("pytestmark = pytest.mark.covers('a.f')", r"test_it\.py:2:14: .*on a test function"),
    ],
)
def test_a_marker_that_cannot_be_read_is_an_error(tmp_path, source, complaint):
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_it.py").write_text(f"import pytest\n{source}\n")
    with pytest.raises(DocumentError, match=complaint):
        covering_tests(tmp_path)


def test_pytest_and_the_pages_read_the_same_markers(request):
    """Of the tests that this session collected, which may be a part of all."""
    by_pages = {(name, test.node) for name, tests in covering_tests(ROOT).items() for test in tests}
    by_pytest = {
        (name, item.nodeid.partition("[")[0])
        for item in request.session.items
        for name in covers.marked_functions(item)
    }
    assert by_pytest <= by_pages
    for name, _ in by_pages:
        covers.code_of(name)


def test_each_transform_of_a_schema_is_covered():
    catalogue = read_schemas(ROOT / "schemas")
    names = {entry.get("x-transform") for p in catalogue.parameters.values() for entry in p.by_spec.values()} - {None}
    uncovered = sorted(names - covering_tests(ROOT).keys())
    assert uncovered == [], 'mark a test that compares it with an independent truth: @pytest.mark.covers("...")'
