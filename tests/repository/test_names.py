"""Names of the package: each public name has one meaning, modules have distinct names, and closed sets stay closed."""

import importlib
from pathlib import Path
from textwrap import dedent

import pytest

from repository import names
from repository.import_rules import front_doors, modules_of

PACKAGE = Path(__file__).resolve().parents[2] / "src" / "dluxshera"
LIMIT = 350

# Exceptions, each with its reason.
TWO_ROOMS = {
    "main": "the entry point of `dluxshera`, and of `python -m dluxshera.reference`",
}
SIMILAR = {
    ("document", "documents"): "the room is named after its central module",
    ("run", "runs"): "the room is named after its central module",
    ("profile", "profiles"): "cli.profile is the command `dluxshera profile`",
    ("model", "models"): "scripts of the seed import `dluxshera.models`",
}
LONG: dict[str, str] = {}
OPEN = {
    "dluxshera.documents.yaml": "the events are those of the YAML parser, which may get more",
    "dluxshera.runs.checkpoint": "a loss function may hold objects of any class",
}


def test_every_public_name_exists():
    missing = []
    for door in sorted(front_doors(PACKAGE)):
        home, _, name = door.rpartition(".")
        if not hasattr(importlib.import_module(home), name):
            missing.append(door)
    assert missing == []


def test_no_public_name_has_a_second_meaning():
    assert names.public_names_twice(PACKAGE) + names.names_of_two_rooms(PACKAGE, TWO_ROOMS) == []


def test_no_module_has_the_name_of_a_public_object_of_its_room():
    assert names.hidden_modules(PACKAGE) == []


def test_the_names_of_modules_are_not_one_letter_apart():
    assert names.similar_modules(PACKAGE, SIMILAR) == []


def test_a_long_module_has_a_reason():
    assert names.long_modules(PACKAGE, LIMIT, LONG) == []


def test_a_match_over_a_closed_set_has_no_case_for_the_rest():
    assert names.open_matches(PACKAGE, OPEN) == []


def test_no_exception_is_left_over():
    modules = modules_of(PACKAGE)
    stems = {module.rpartition(".")[2] for module in modules}
    twice = " ".join(names.names_of_two_rooms(PACKAGE, {}))
    left = [name for name in TWO_ROOMS if f"{name} is defined" not in twice]
    left += [pair for pair in SIMILAR if not stems.issuperset(pair)]
    left += [module for module in LONG if not any(module in line for line in names.long_modules(PACKAGE, LIMIT, {}))]
    left += [module for module in OPEN if not any(module in line for line in names.open_matches(PACKAGE, {}))]
    assert left == []


@pytest.fixture
def planted(tmp_path: Path):
    """Return a function that makes a package from a table of sources."""

    def plant(sources: dict[str, str]) -> Path:
        for name, source in {"__init__.py": "", **sources}.items():
            path = tmp_path / "dluxshera" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(source))
        return tmp_path / "dluxshera"

    return plant


def test_a_public_name_of_two_rooms_is_found(planted):
    stub = "from .a import Step as Step"
    package = planted({"__init__.pyi": "from .params import Step as Step", "params/__init__.pyi": stub})
    assert names.public_names_twice(package) == []
    planted({"inference/__init__.pyi": stub})
    assert names.public_names_twice(package) == ["Step is public in inference and params"]


@pytest.mark.parametrize(
    "source", ["class Step: ...", "def Step(): ...", "Step = 1", "Step: int = 1", "Step, other = 1, 2"]
)
def test_a_name_that_two_rooms_define_is_found(planted, source: str):
    package = planted(
        {"params/a.py": source, "params/b.py": source, "optics/c.py": "_Step = 1\ndef f():\n    Step = 1"}
    )
    assert names.names_of_two_rooms(package, {}) == []
    planted({"optics/d.py": source})
    fault = "Step is defined in dluxshera.optics.d and dluxshera.params.a and dluxshera.params.b"
    assert fault in names.names_of_two_rooms(package, {})
    assert not any(fault.startswith("Step ") for fault in names.names_of_two_rooms(package, {"Step": "a reason"}))


def test_a_module_with_the_name_of_a_public_object_is_found(planted):
    package = planted({"params/__init__.pyi": "from .a import solve as solve", "params/a.py": ""})
    assert names.hidden_modules(package) == []
    planted({"params/solve.py": ""})
    assert names.hidden_modules(package) == ["dluxshera.params.solve"]


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("priors", "prior"),
        ("mass", "masses"),
        ("query", "queries"),
        ("theta", "theto"),
        ("spec", "spek"),
        ("fit", "fits"),
    ],
)
def test_similar_names_of_modules_are_found(planted, a: str, b: str):
    assert names.similar(a, b)
    assert names.similar(b, a)
    package = planted({f"params/{a}.py": "", f"inference/{b}.py": ""})
    assert len(names.similar_modules(package, {})) == 1
    assert names.similar_modules(package, {tuple(sorted((a, b))): "a reason"}) == []


@pytest.mark.parametrize(
    ("a", "b"), [("prior", "theta_prior"), ("map", "curve"), ("schema", "schema"), ("store", "spec")]
)
def test_distinct_names_pass(a: str, b: str):
    assert not names.similar(a, b)


def test_a_long_module_is_found(planted):
    package = planted({"params/a.py": "\n" * LIMIT})
    assert names.long_modules(package, LIMIT, {}) == []
    planted({"params/a.py": "\n" * (LIMIT + 1)})
    assert names.long_modules(package, LIMIT, {}) == [f"dluxshera.params.a: {LIMIT + 1} lines"]


MATCH = """
from typing import assert_never

def f(x):
    match x:
        case {first}:
            return 1
        case {last}:
            return {rest}
"""


@pytest.mark.parametrize("first", ["int()", "Step(size=s)", "'step'", "'a' | 'b'", "Kind.STEP", "None", "int() as n"])
@pytest.mark.parametrize("last", ["_", "other"])
def test_an_open_case_of_a_closed_set_is_found(planted, first: str, last: str):
    package = planted({"params/a.py": MATCH.format(first=first, last=last, rest="2")})
    assert names.open_matches(package, {}) == ["dluxshera.params.a:5: match x"]
    planted({"params/a.py": MATCH.format(first=first, last=last, rest="assert_never(x)")})
    assert names.open_matches(package, {}) == []


@pytest.mark.parametrize(
    ("first", "last"), [("int()", "str()"), ("[a, b]", "_"), ("{'a': b}", "_"), ("int()", "_ if x")]
)
def test_other_matches_pass(planted, first: str, last: str):
    assert names.open_matches(planted({"params/a.py": MATCH.format(first=first, last=last, rest="2")}), {}) == []
