"""The runner accepts a page that tells the truth, and names file and line of one that does not."""

from textwrap import indent

import jax
import pytest

from support.page_runner import Page, same_output
from support.rows import each_row

OUTPUT = "```{ .text .output .no-copy }\n"


@pytest.fixture
def run(tmp_path):
    def run_text(text: str) -> list[str]:
        path = tmp_path / "page.md"
        path.write_text(text, encoding="utf-8")
        return Page(path, figures=tmp_path / "figures").run(tmp_path)

    return run_text


def test_one_namespace_and_shown_output(run):
    assert (
        run(f"```python title='a.py' hl_lines='1'\nx = 2\n```\n\n```python\nprint(x / 3)\n```\n\n{OUTPUT}0.6667\n```\n")
        == []
    )


@each_row("shown, printed, same", [
    ("0.476", "0.4762", True),
    ("0.476", "0.4766", False),
    ("0.476", "0.477", False),                            # off by one in the last digit
    ("1.80e-06", "1.8013e-06", True),
    ("1.80e-06", "1.81e-06", False),
    ("(128, 128)", "(128, 129)", False),
    ("a 1.0", "b 1.0", False),
    ("1.0 2.0", "1.0", False),
    ("3", "3.0", False),
])  # fmt: skip
def test_numbers_at_the_digits_shown(shown, printed, same):
    assert same_output(shown, printed) is same


@pytest.mark.parametrize(("text", "line", "complaint"), [
    (f"# T\n\n```python\nprint(1.0)\n```\n\n{OUTPUT}2.0\n```\n", 7, "the output differs"),
    ("```python\nprint(1)\n```\n\n```python\nx = 1\n```\n", 5, "the block at line 1 printed"),
    (f"```python\nx = 1\n```\n\n{OUTPUT}1\n```\n", 5, "the output differs"),
    (f"{OUTPUT}1\n```\n", 1, "no run block above"),
    ("<!-- raises: ValueError -->\n```python\nx = 1\n```\n", 2, "nothing was raised"),
    (f"<!-- raises: ValueError -->\n```python\n{{}}[1]\n```\n\n{OUTPUT}KeyError: 1\n```\n", 2, "got KeyError"),
    ("```python\nx = 1\n```\n\n<!-- figure: none -->\n", 5, "expected one open figure"),
    ("<!-- run -->\n```bash\nfalse\n```\n", 2, "exit code 1"),
])  # fmt: skip
def test_a_page_that_lies_is_told_where(run, text, line, complaint):
    problems = run(text)
    assert len(problems) == 1
    assert f"page.md:{line}: " in problems[0]
    assert complaint in problems[0]


def test_print_at_the_end_without_output(run):
    assert "printed '1\\n'" in run("```python\nprint(1)\n```\n")[0]


def test_an_unexpected_error_names_the_line(run):
    with pytest.raises(ZeroDivisionError) as caught:
        run("# T\n\n```python\nx = 0\n1 / x\n```\n")
    assert "page.md:5: " in caught.value.__notes__[0]


def test_a_syntax_error_names_the_line(run):
    with pytest.raises(SyntaxError) as caught:
        run("# T\n\n```python\nx = 0\n1 /\n```\n")
    assert "page.md:5: " in caught.value.__notes__[0]


def test_an_expected_error_with_its_message(run):
    assert run(f"<!-- raises: KeyError -->\n```python\n{{}}[1]\n```\n\n{OUTPUT}KeyError: 1\n```\n") == []


def test_indented_blocks_run(run):
    page = f"```python\nif True:\n    print(1.5)\n```\n\n{OUTPUT}1.5\n```\n"
    assert run('=== "A"\n\n' + indent(page, "    ")) == []


def test_prompts_are_refused(run):
    with pytest.raises(ValueError, match=r"page\.md:3: pycon is not run"):
        run("# T\n\n```pycon\n>>> 1\n1\n```\n")


def test_commands_run_only_when_marked(run):
    assert run(f"```bash\nfalse\n```\n\n<!-- run -->\n```bash\necho 1.25\n```\n\n{OUTPUT}1.25\n```\n") == []


def test_figures_are_written_in_both_schemes_and_the_same_each_time(run, tmp_path):
    text = "```python\nimport matplotlib.pyplot as plt\n\nplt.plot([1, 2])\n```\n\n<!-- figure: line -->\n"
    assert run(text) == []
    first = {path.name: path.read_bytes() for path in (tmp_path / "figures").iterdir()}
    assert sorted(first) == ["line.dark.svg", "line.light.svg"]
    assert first["line.dark.svg"] != first["line.light.svg"]
    assert b"#010203" not in first["line.dark.svg"] + first["line.light.svg"]
    assert run(text) == []
    assert {path.name: path.read_bytes() for path in (tmp_path / "figures").iterdir()} == first


def test_precision_is_what_the_page_says(run):
    before = jax.config.jax_enable_x64
    double = 'import jax\n\njax.config.update("jax_enable_x64", True)\n'
    show = f"import jax.numpy as jnp\n\nprint(jnp.ones(1).dtype)\n```\n\n{OUTPUT}"
    assert run(f"```python\n{show}float32\n```\n") == []
    assert run(f"```python\n{double}{show}float64\n```\n") == []
    assert jax.config.jax_enable_x64 is before
