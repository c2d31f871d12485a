"""Public names: those of `import dluxshera as ds` are pinned, all are documented, and a wrong name gets help."""

import ast
import importlib
import inspect
import itertools
import re
from enum import Enum
from functools import cached_property
from pathlib import Path
from textwrap import dedent
from types import FunctionType

import pytest
from griffe import Docstring, DocstringSectionKind, Parser, parse

import dluxshera as ds
from repository.import_rules import front_doors, modules_of
from support.rows import each_row

PACKAGE = Path(__file__).resolve().parents[2] / "src" / "dluxshera"
PUBLIC = [
    "DLuxSystemNode",
    "DerivedResolver",
    "EigenThetaMap",
    "ModelParams",
    "ParamField",
    "ParamSpec",
    "ParameterStore",
    "SHERA_FLIGHT_CONFIG",
    "SHERA_TESTBED_CONFIG",
    "SheraFourPlaneBinder",
    "SheraFourPlaneConfig",
    "SheraThreePlaneBinder",
    "SheraThreePlaneConfig",
    "SheraThreePlane_Model",
    "SheraTwoPlaneBinder",
    "SheraTwoPlaneConfig",
    "SystemGraph",
    "TransformRegistry",
    "__version__",
    "build_forward_model_spec_from_config",
    "build_inference_spec_basic",
    "build_inference_spec_physics",
    "check_consistency",
    "clear_threeplane_optics_cache",
    "load_model",
    "pack_params",
    "refresh_derived",
    "save_model",
    "set_derived",
    "strip_derived",
    "structural_hash_from_config",
    "unpack_params",
]
DOCUMENTED = [name for name in PUBLIC if name != "__version__" and not name.isupper()]


def sections(function: object) -> dict[DocstringSectionKind, set[str]]:
    """Return the names in each section of a NumPy docstring; griffe is what the reference pages read it with."""
    found = {}
    for section in parse(Docstring(inspect.getdoc(function) or ""), Parser.numpy, warnings=False):
        rows = section.value if isinstance(section.value, list) else []
        found[section.kind] = {name.strip(" *") for row in rows for name in getattr(row, "name", "").split(",")}
    return found


def undocumented(function: object) -> list[str]:
    """Return what the docstring of a function or class leaves out: its summary, a parameter, the result.

    A parameter is described in a section of the docstring, or in that of a base class, or its name is in the text in
    backticks. The only parameter of a function may be described by the summary alone. A NamedTuple or a dataclass may
    describe a field in a string below it.
    """
    bases = [base for base in function.__mro__ if base.__module__.startswith("dluxshera")] if is_class(function) else []
    documented = [sections(item) for item in [function, *bases]]
    missing = [] if DocstringSectionKind.text in documented[0] else ["summary"]
    titles = re.findall(r"^(\w+)\n-{3,}$", inspect.getdoc(function) or "", re.MULTILINE)
    missing += [f"one section {title}" for title in set(titles) if titles.count(title) > 1]
    if is_class(function) and (issubclass(function, Exception | Enum) or getattr(function, "_is_protocol", False)):
        return missing  # raised and chosen, not constructed
    kinds = (DocstringSectionKind.parameters, DocstringSectionKind.attributes)
    described = set().union(*(found.get(kind, set()) for found in documented for kind in kinds))
    described |= set(re.findall(r"`(\w+)`", inspect.getdoc(function) or "")) | set().union(
        *map(described_fields, bases)
    )
    signature = inspect.signature(function)
    if is_class(function) or len(signature.parameters) > 1:
        missing += [name for name in signature.parameters if name not in described and not name.startswith("_")]
    gives = signature.return_annotation not in (None, "None", inspect.Signature.empty)
    answers = {DocstringSectionKind.returns, DocstringSectionKind.yields}
    if isinstance(function, FunctionType) and gives and not answers & set(documented[0]):
        first = (inspect.getdoc(function) or "").partition(" ")[0]
        missing += [] if first in {"Return", "Yield", "Draw", "Read", "Parse", "Compose", "Describe"} else ["returns"]
    return missing


def is_class(value: object) -> bool:
    return isinstance(value, type) and not hasattr(value, "__origin__")  # which aliases of types have


def described_fields(cls: type) -> set[str]:
    """Return the fields of a class that have a string below them."""
    tree = ast.parse(dedent(inspect.getsource(cls))).body[0]
    pairs = itertools.pairwise(tree.body)
    return {
        field.target.id
        for field, below in pairs
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and is_string(below)
    }


def is_string(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def test_the_public_names_are_pinned():
    assert sorted(ds.__all__) == sorted(PUBLIC)


def test_a_star_import_and_dir_give_the_public_names():
    names: dict[str, object] = {}
    exec("from dluxshera import *", names)
    assert set(PUBLIC) <= set(names)
    assert set(PUBLIC) <= set(dir(ds))


@each_row("name", PUBLIC)
def test_a_public_name_resolves_to_one_object_of_the_package(name: str):
    value = getattr(ds, name)
    assert value is getattr(ds, name)
    if isinstance(value, type | FunctionType):
        assert value.__module__.startswith("dluxshera.")
        assert value.__name__ == name


def public_objects() -> dict[str, object]:
    """Return the classes and functions that rooms offer: those of stubs, and of modules right below the package."""
    modules = {module: importlib.import_module(module) for module in modules_of(PACKAGE) if module.count(".") == 1}
    doors = [door for door in front_doors(PACKAGE) if door.count(".") == 2]
    objects = {door: getattr(modules[door.rpartition(".")[0]], door.rpartition(".")[2]) for door in doors}
    for home, module in modules.items():
        own = {name: value for name, value in vars(module).items() if getattr(value, "__module__", "") == home}
        objects |= {f"{home}.{name}": value for name, value in own.items() if not name.startswith("_")}
    objects = {name: value for name, value in objects.items() if is_class(value) or isinstance(value, FunctionType)}
    return {name: value for name, value in objects.items() if value.__module__.startswith("dluxshera.")}


def test_public_objects_of_all_rooms_are_documented():
    objects = public_objects()
    assert set(DOCUMENTED) <= {name.rpartition(".")[2] for name in objects}
    assert {name: missing for name, value in sorted(objects.items()) if (missing := undocumented(value))} == {}


def test_public_methods_of_public_classes_are_documented():
    missing = []
    for name, cls in public_objects().items():
        members = vars(cls).items() if isinstance(cls, type) else ()
        methods = {k: v for k, v in members if inspect.isroutine(v) or isinstance(v, property | cached_property)}
        missing += [f"{name}.{k}" for k, v in methods.items() if not k.startswith("_") and not inspect.getdoc(v)]
    assert missing == []


def test_what_a_docstring_leaves_out_is_found():
    def good(x: float, *rest: float) -> float:
        """Return the square.

        Parameters
        ----------
        x : float
            A number.
        *rest : float
            More.
        """

    def bad(x: float, y: float) -> float:
        """Square it.

        Parameters
        ----------
        y : float
            A number.
        """

    def plain(x: float) -> float:
        """Return the square of a number."""

    def twice(x: float) -> float:
        """Return the square of a number.

        Raises
        ------
        ValueError
            Never.

        Raises
        ------
        TypeError
            Never.
        """

    assert undocumented(good) == undocumented(plain) == []
    assert undocumented(twice) == ["one section Raises"]
    assert undocumented(bad) == ["x", "returns"]


@pytest.mark.parametrize(
    ("asked", "near"),
    [("ParamStore", "ParameterStore"), ("pack_parameters", "pack_params"), ("Paramspec", "ParamSpec")],
)
def test_an_unknown_name_says_what_was_meant(asked: str, near: str):
    with pytest.raises(AttributeError, match=rf"'dluxshera' has no attribute '{asked}'.*Did you mean .*\b{near}\b"):
        getattr(ds, asked)


def test_a_name_like_no_other_is_refused_plainly():
    assert not hasattr(ds, "zzz")
    with pytest.raises(AttributeError) as refused:
        ds.zzz  # noqa: B018 - the access is the test
    assert "Did you mean" not in str(refused.value)
