"""What `import dluxshera as ds` offers: pinned, documented, and helpful about a name that it does not have."""

import inspect
import re
from functools import cached_property
from types import FunctionType

import pytest
from griffe import Docstring, DocstringSectionKind, Parser, parse

import dluxshera as ds
from support.rows import each_row

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
    """Return what the docstring of a function or class leaves out: its summary, a parameter, what it returns."""
    found = sections(function)
    missing = [] if DocstringSectionKind.text in found else ["summary"]
    signature = inspect.signature(function)
    named = found.get(DocstringSectionKind.parameters, set()) | found.get(DocstringSectionKind.attributes, set())
    missing += [name for name in signature.parameters if name not in named and not name.startswith("_")]
    gives = signature.return_annotation not in (None, "None", inspect.Signature.empty)
    answers = {DocstringSectionKind.returns, DocstringSectionKind.yields}
    if isinstance(function, FunctionType) and gives and not answers & set(found):
        missing += [] if re.match(r"(Return|Yield|Whether)", inspect.getdoc(function) or "") else ["returns"]
    return missing


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


@each_row("name", DOCUMENTED)
def test_a_public_object_is_documented(name: str):
    assert undocumented(getattr(ds, name)) == []


@each_row("name", DOCUMENTED)
def test_the_public_methods_of_a_public_class_are_documented(name: str):
    cls = getattr(ds, name)
    members = vars(cls).items() if isinstance(cls, type) else ()
    methods = {k: v for k, v in members if inspect.isroutine(v) or isinstance(v, property | cached_property)}
    assert [name for name, method in methods.items() if not name.startswith("_") and not inspect.getdoc(method)] == []


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

    assert undocumented(good) == []
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
