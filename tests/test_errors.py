"""The exceptions: one tree, one wording, parts that can be acted on."""

import inspect
import pickle
import re

import numpy as np

from dluxshera import errors
from dluxshera.errors import (
    ABSENT,
    BoundsError,
    ConfigError,
    DataError,
    DerivationError,
    DerivedKeyError,
    DocumentError,
    FitError,
    GraphError,
    InversionError,
    MissingKeyError,
    NonFiniteError,
    OutputError,
    ParameterError,
    ShapeError,
    SheraError,
    StaleValueError,
    UnknownKeyError,
    describe,
    first_index,
    near_matches,
)
from support.rows import each_row

KEYS = ("binary.separation_as", "binary.position_angle_deg", "primary.zernike_coeffs_nm", "system.separation_m")

EVERY = [
    ParameterError("band.n", expected="a whole number", got=2.5, remedy="Round it."),
    UnknownKeyError("binary.separaton_as", KEYS),
    MissingKeyError("band.n", remedy="Give it a value"),
    DerivedKeyError("a.scale", got=1.0, depends_on=("a.pitch", "a.length")),
    ShapeError("a.map", expected="shape (3,)", got=np.zeros((2, 2))),
    BoundsError("a.map", expected="numbers above 0", got=np.array([1.0, -2.0]), index=(1,)),
    NonFiniteError("a.map", got=np.array([[1.0, 2.0], [np.inf, np.nan]])),
    ConfigError("image_npix", expected="an even number", got=255),
    DataError("data", expected="an image of shape (4, 4)", got=np.zeros(3, dtype=np.float32)),
    DerivationError("these form a cycle", path=("a", "b", "c", "a")),
    DocumentError("expected a number", file="budget.yaml", line=3, column=7, key="terms[0].size"),
    FitError("the loss is not finite", result="non_finite", steps=4),
    StaleValueError((("a.scale", 2.0, 1.5), ("a.ratio", 3.0, 4.0))),
    InversionError("a.scale", "a.pitch", "a.pitch is an array", possible=("a.length",)),
    GraphError("the node failed", node="psf", path=("image", "psf"), remedy="Look at its inputs"),
    GraphError("expected a function", node="psf"),
    GraphError("expected a node"),
    OutputError("results/run", "No space left on device", number=28),
]


def test_every_exception_of_the_module_is_in_the_tree_and_tried_here():
    defined = {c for c in vars(errors).values() if inspect.isclass(c) and issubclass(c, Exception)}
    assert all(issubclass(c, SheraError) for c in defined)
    assert defined - {type(e) for e in EVERY} == {SheraError, errors.ExpectationError}


def test_the_tree_in_the_docstring_is_that_of_the_classes():
    def lines(cls: type, depth: int) -> list[str]:
        builtin = [base.__name__ for base in cls.__bases__ if base.__module__ == "builtins" and base is not Exception]
        head = "    " * depth + cls.__name__ + (f" ({builtin[0]})" if builtin else "")
        children = [child for child in cls.__subclasses__() if child.__module__ == errors.__name__]
        return [head, *(line for child in children for line in lines(child, depth + 1))]

    shown = [line.strip() for line in errors.__doc__.splitlines() if "─" in line or line.strip() == "SheraError"]
    depths = [(len(re.match(r"[│├└─ ]*", line)[0]) // 4, re.sub(r"^[│├└─ ]*", "", line)) for line in shown]
    assert ["    " * depth + name for depth, name in depths] == lines(SheraError, 0)


@each_row("error", EVERY, ids=lambda e: type(e).__name__)
def test_an_exception_survives_pickling_with_its_message_and_fields(error):
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert repr(vars(copy)) == repr(vars(error))


@each_row("error", EVERY, ids=lambda e: type(e).__name__)
def test_a_message_is_one_line_of_whole_sentences(error):
    text = str(error)
    assert text.endswith((".", "?"))
    assert "\n" not in text
    assert ".." not in text
    assert not text.startswith(("'", '"'))


@each_row(
    "error, text",
    [
        (EVERY[0], "band.n: expected a whole number, got 2.5. Round it."),
        (EVERY[1], "binary.separaton_as: expected a key of the spec, got 'binary.separaton_as'. "
                   "Did you mean binary.separation_as?"),
        (EVERY[2], "band.n: expected a value, got nothing. Give it a value."),
        (EVERY[3], "a.scale: expected no value, because it is derived, got 1.0. "
                   "Set the parameters that it is computed from: a.pitch, a.length."),
        (EVERY[4], "a.map: expected shape (3,), got an array of shape (2, 2) and dtype float64."),
        (EVERY[5], "a.map: expected numbers above 0, got -2.0 at index 1 of an array of shape (2,) and dtype float64."),
        (EVERY[6], "a.map: expected finite numbers, got inf at index (1, 0) of an array of shape (2, 2) and dtype "
                   "float64."),
        (EVERY[9], "a -> b -> c -> a: these form a cycle."),
        (EVERY[10], "budget.yaml:3:7: terms[0].size: expected a number."),
        (EVERY[11], "the loss is not finite after 4 steps."),
        (EVERY[14], "image -> psf: the node failed. Look at its inputs."),
        (EVERY[15], "psf: expected a function."),
        (EVERY[16], "expected a node."),
    ],
)  # fmt: skip
def test_messages(error, text):
    assert str(error) == text


def test_parts_are_fields():
    bounds = EVERY[5]
    assert (bounds.key, bounds.expected, bounds.index) == ("a.map", "numbers above 0", (1,))
    assert bounds.got[1] == -2.0
    assert EVERY[2].got is ABSENT
    assert EVERY[9].path == ("a", "b", "c", "a")
    assert (EVERY[14].node, EVERY[14].path, EVERY[14].reason) == ("psf", ("image", "psf"), "the node failed")
    assert (EVERY[10].file, EVERY[10].line, EVERY[10].column, EVERY[10].key) == ("budget.yaml", 3, 7, "terms[0].size")


def test_standard_exceptions_catch_them_too():
    for error, standard in [
        (EVERY[0], ValueError), (EVERY[1], KeyError), (EVERY[2], KeyError), (EVERY[7], ValueError),
        (EVERY[9], ValueError), (EVERY[10], ValueError), (EVERY[11], RuntimeError),
        (EVERY[14], ValueError),
    ]:  # fmt: skip
        assert isinstance(error, standard)


def test_an_unknown_key_without_a_near_match_lists_what_is_known():
    assert str(UnknownKeyError("x", KEYS[:2])).endswith("Known: binary.separation_as, binary.position_angle_deg.")
    assert str(UnknownKeyError("x", [f"a.{i}" for i in range(20)])).endswith("a.7, ... (20 in all).")
    assert str(UnknownKeyError("x", ())).endswith("Known: none.")


def test_a_document_error_says_only_what_it_knows():
    assert str(DocumentError("empty")) == "empty."
    assert str(DocumentError("empty", file="a.yaml")) == "a.yaml: empty."


def test_near_matches():
    assert near_matches("binary.seperation_as", KEYS)[0] == "binary.separation_as"
    assert near_matches("binary.seperation_as", [*KEYS, "binary.x_position_as"]) == ("binary.separation_as",)
    assert near_matches("separation_as", KEYS)[0] == "binary.separation_as"
    assert near_matches("primary.separation_m", KEYS)[0] == "system.separation_m"
    assert near_matches("binary.separation_az", [*KEYS, "binary.separation_bs"]) == (
        "binary.separation_as", "binary.separation_bs",
    )  # fmt: skip
    assert near_matches("binary.x", KEYS) == near_matches("q", KEYS) == near_matches("q", ()) == ()
    assert len(near_matches("keyx", [f"key{i}" for i in range(9)])) == 3


def test_first_index():
    negative = (0.0).__gt__
    assert first_index(-1.0, negative) == ()
    assert first_index(1.0, negative) is None
    assert first_index(np.array(-1.0), negative) == ()
    assert first_index([[1, 2], (3, -4)], negative) == (1, 1)
    assert first_index(np.arange(6.0).reshape(2, 3) - 4, lambda x: x == 0) == (1, 1)
    assert first_index(np.zeros((0, 3)), negative) is None


def test_describe_is_short_and_does_not_read_traced_values():
    import jax

    assert len(describe(list(range(10_000)))) < 80
    assert len(describe("x" * 10_000)) < 80
    assert describe(np.zeros((1000, 1000))) == "an array of shape (1000, 1000) and dtype float64"
    assert describe(np.array(-1.0)) == "array(-1.)"
    assert describe(np.array(-1.0), index=()) == "-1.0"
    seen = []
    jax.jit(lambda x: seen.append((describe(x), describe(x[0]))))(np.zeros(3, dtype=np.float32))
    assert seen[0][0] == "an array of shape (3,) and dtype float32"
