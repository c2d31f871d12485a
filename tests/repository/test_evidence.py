"""The hash of the code that evidence came from: changed by a statement, and not by a comment or a docstring."""

import ast
import textwrap

import pytest

from support.evidence import PACKAGE, ROOT, code_of, hashes_of, modules_behind

SOURCE = textwrap.dedent('''\
    """What it is."""

    from math import pi  # the ratio


    class Circle:
        """Round; ünïcode."""

        name = "é # no comment"  # é comment

        def area(self, r):  # noqa: D102
            """Return the area.

            In m^2.
            """
            # why
            text = f"{r!r:>{10}} # no comment"
            return pi * r**2, text, """not a
            docstring"""
    ''')
CODE = textwrap.dedent('''\
    from math import pi
    class Circle:
        name = "é # no comment"
        def area(self, r):
            text = f"{r!r:>{10}} # no comment"
            return pi * r**2, text, """not a
            docstring"""
    ''')


def test_comments_docstrings_and_blank_lines_are_gone_and_nothing_else():
    assert code_of(SOURCE) == CODE


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ("# why", "# another reason", False),
        ("        # why\n", "", False),
        ("Return the area.", "Return the area; or so.", False),
        ("ünïcode", "long " * 30, False),
        ("\n\n\nclass", "\n\nclass", False),
        ("r**2", "r**3", True),
        ("é # no", "é # some", True),
        ("!r:>{10}", "!r:>{11}", True),
        ("not a\n", "not a \n\n", False),
        ("not a\n", "not  a\n", True),
    ],
)
def test_what_changes_the_hash(tmp_path, old, new, changes):
    file = tmp_path / "circle.py"
    file.write_text(SOURCE)
    before = hashes_of([file], tmp_path)
    assert SOURCE.count(old) == 1
    file.write_text(SOURCE.replace(old, new))
    assert (hashes_of([file], tmp_path) != before) is changes


def test_the_code_of_every_module_is_what_python_compiles():
    """The syntax tree without docstrings is that of the code, where a body that was all docstring gets a `...`."""

    def bare(tree):
        for node in ast.walk(tree):
            match node:
                case ast.Module() | ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                    if ast.get_docstring(node) is not None:
                        node.body = node.body[1:]
        return ast.dump(tree)

    compared = 0
    for file in sorted(PACKAGE.rglob("*.py")):
        source = file.read_text("utf-8")
        try:
            code = ast.parse(code_of(source))
        except SyntaxError:
            continue  # a body that was all docstring
        compared += ast.dump(code) == bare(ast.parse(source))
    assert compared > 60


def test_the_modules_behind_a_file_are_those_of_the_import_graph(tmp_path):
    package = tmp_path / "src" / "pack"
    for name, text in {
        "__init__": "from pack import unused",
        "unused": "",
        "a": "from pack.room.b import thing",
        "room/__init__": "",
        "room/b": "def f():\n    from . import c",
        "room/c": "",
    }.items():
        (path := package / f"{name}.py").parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (file := tmp_path / "evidence.py").write_text("import numpy\nfrom pack.a import something\n")
    names = [path.relative_to(package).as_posix() for path in modules_behind(file, package)]
    assert names == ["a.py", "room/__init__.py", "room/b.py", "room/c.py"]
    file.write_text("import pack\n")
    with pytest.raises(ValueError, match="import names from their modules"):
        modules_behind(file, package)


def test_the_recovery_rests_on_the_optics_and_not_on_pages():
    names = {path.relative_to(PACKAGE).as_posix() for path in modules_behind(ROOT / "tests" / "validation" / "case.py")}
    assert {"model/binder.py", "inference/fisher.py", "optics/relay.py", "systems/parameters/binary.py"} <= names
    assert not any(name.startswith(("reference/", "plot/", "cli/", "error_budget/")) for name in names)
