"""Runs the code of a Markdown page exactly as the page shows it, and compares what it prints with what the page shows.

One namespace for each page. The conventions are plain Markdown:

* a ``python`` fence runs, whatever its title or attributes;
* a fence ``{ .text .output .no-copy }`` is what the block above printed, with numbers compared at the digits shown;
* ``<!-- raises: Name -->`` before a block: it must raise that error, and its output shows ``Name: message``;
* ``<!-- figure: NAME -->`` after a block: its figure becomes ``_generated/NAME.light.svg`` and ``NAME.dark.svg``;
* ``<!-- run -->`` before a ``bash`` fence: its commands must end with exit code 0.
"""

from __future__ import annotations

import contextlib
import difflib
import io
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sybil import Document, Example, Region
from sybil.parsers.markdown.lexers import RawFencedCodeBlockLexer

from support.paths import ROOT

FIGURES = ROOT / "docs" / "_generated"

INFO = re.compile(r"[ \t]*(?P<info>[^\n]*)\n")
LANGUAGE = re.compile(r"\{?[ \t]*\.?(?P<name>[\w-]*)")
DIRECTIVE = re.compile(r"^[ \t]*<!--[ \t]*(?P<name>raises|figure|run)(?:: *(?P<value>[\w.-]+))?[ \t]*-->", re.M)
FLOAT = re.compile(r"[+-]?(?:\d+\.\d*|\.\d+|\d+(?=[eE][+-]?\d))(?:[eE][+-]?\d+)?")

# Drawn in a colour that nothing else has, which each scheme replaces by its own.
SENTINEL = "#010203"
INK = {"light": "#1b2431", "dark": "#dde4ec"}
STYLE: dict[str, Any] = {
    "svg.fonttype": "path",
    "svg.hashsalt": "dluxshera",
    "figure.figsize": (6.4, 3.6),
    "figure.constrained_layout.use": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    **dict.fromkeys(
        ["text.color", "axes.edgecolor", "axes.labelcolor", "axes.titlecolor", "xtick.color", "ytick.color"], SENTINEL
    ),
}
LINES = ["#3d85c6", "#d9822b", "#2f9e77", "#a667c9", "#d4587a"]  # 3:1 at least on both backgrounds


def pages() -> list[Path]:
    """Return every page whose code runs."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def same_output(shown: str, printed: str) -> bool:
    """Tell whether the texts agree, with floats rounded to the digits that `shown` gives."""
    shown, printed = ("\n".join(line.rstrip() for line in text.strip("\n").splitlines()) for text in (shown, printed))
    if shown == printed:
        return True
    pairs = list(zip(FLOAT.findall(shown), FLOAT.findall(printed), strict=False))
    return FLOAT.sub("0.", shown) == FLOAT.sub("0.", printed) and all(same_number(a, b) for a, b in pairs)


def same_number(shown: str, printed: str) -> bool:
    mantissa, _, exponent = shown.lower().partition("e")
    last_digit = 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))
    return abs(float(shown) - float(printed)) <= 0.5 * last_digit * (1 + 1e-9)


class Page:
    """The blocks of one page, and what running them leaves behind."""

    def __init__(self, path: Path, *, figures: Path = FIGURES) -> None:
        self.path, self.figures = path, figures
        self.document = Document.parse(str(path), self._regions)
        self._expected: Example | None = None
        self._run_next = False
        self._printed: tuple[int, str] | None = None

    def blocks(self) -> list[str]:
        """Return the source of each Python block."""
        return [str(example.parsed) for example in self.document if example.region.evaluator == self._python]

    def figure_names(self) -> list[str]:
        return [example.parsed for example in self.document if example.region.evaluator == self._figure]

    def figure_files(self) -> list[Path]:
        return [self.figures / f"{name}.{scheme}.svg" for name in self.figure_names() for scheme in INK]

    def run(self, folder: Path) -> list[str]:
        """Run the page in `folder`; return what is wrong, each with file and line. An unexpected error ends the run."""
        problems = []
        with contextlib.chdir(folder), _fresh_state():
            for example in self.document:
                evaluate: Callable[[Example], str | None] = example.region.evaluator
                try:
                    problem = evaluate(example)
                except Exception as error:
                    line = _line_of(error, self.path) or example.line
                    error.add_note(f"{self.path}:{line}: raised by the code of this page")
                    raise
                if problem:
                    problems.append(f"{self.path}:{example.line}: {problem}")
            problems += self._unshown()
        return problems

    def _regions(self, document: Document) -> Iterator[Region]:
        spans = []
        evaluators = {"raises": self._expect, "figure": self._figure, "run": self._run}
        for region in RawFencedCodeBlockLexer(info_pattern=INFO)(document):
            spans.append((region.start, region.end))
            info, source = region.lexemes["info"], region.lexemes["source"]
            language = LANGUAGE.match(info)["name"]
            if ".output" in info:
                region.evaluator = self._output
            elif language in ("python", "py"):
                region.evaluator = self._python
            elif language in ("bash", "sh", "shell", "console"):
                region.evaluator = self._bash
            elif language in ("pycon", "python3"):
                line = document.text.count("\n", 0, region.start) + 1
                raise ValueError(f"{document.path}:{line}: {language} is not run; use python and an output block")
            else:
                continue
            region.parsed = source
            yield region
        for found in DIRECTIVE.finditer(document.text):
            if not any(start < found.start() < end for start, end in spans):
                yield Region(found.start(), found.end(), found["value"], evaluators[found["name"]])

    def _python(self, example: Example) -> str | None:
        problems = self._unshown()
        expected, self._expected = self._expected, None
        printed = io.StringIO()
        code = compile("\n" * example.line + example.parsed, example.path, "exec", dont_inherit=True)
        try:
            with contextlib.redirect_stdout(printed):
                exec(code, example.namespace)
        except Exception as error:
            if expected is None:
                raise
            name = type(error).__name__
            if name != expected.parsed:
                problems.append(f"expected {expected.parsed}, got {name}: {error}")
            printed.write(f"{name}: {error}\n")
        else:
            if expected:
                problems.append(f"expected {expected.parsed}, and nothing was raised")
        self._printed = (example.line, printed.getvalue())
        return "; ".join(problems) or None

    def _output(self, example: Example) -> str | None:
        if self._printed is None:
            return "an output block with no run block above it"
        (_, printed), self._printed = self._printed, None
        if same_output(str(example.parsed), printed):
            return None
        lines = difflib.unified_diff(
            example.parsed.splitlines(), printed.splitlines(), "shown", "printed", lineterm="", n=9
        )
        return "the output differs\n" + "\n".join(lines)

    def _expect(self, example: Example) -> None:
        self._expected = example

    def _bash(self, example: Example) -> str | None:
        if not self._run_next:
            return None
        self._run_next = False
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", str(example.parsed)],
            capture_output=True, text=True, timeout=600, env=os.environ | {"PATH": path}, check=False,
        )  # fmt: skip
        problems = self._unshown()
        if done.returncode:
            problems.append(f"exit code {done.returncode}\n{textwrap.indent(done.stderr[-2000:], '  ')}")
        if self._output_follows(example):
            self._printed = (example.line, done.stdout)
        return "; ".join(problems) or None

    def _run(self, example: Example) -> None:
        self._run_next = True

    def _figure(self, example: Example) -> str | None:
        import matplotlib.pyplot as plt

        if len(plt.get_fignums()) != 1:
            return f"expected one open figure for {example.parsed!r}, got {len(plt.get_fignums())}"
        drawn = io.StringIO()
        plt.gcf().savefig(drawn, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
        plt.close("all")
        self.figures.mkdir(parents=True, exist_ok=True)
        for scheme, ink in INK.items():
            file, text = self.figures / f"{example.parsed}.{scheme}.svg", drawn.getvalue().replace(SENTINEL, ink)
            if not file.exists() or file.read_text(encoding="utf-8") != text:
                file.write_text(text, encoding="utf-8")
        return None

    def _output_follows(self, example: Example) -> bool:
        """Tell whether only blank lines stand between this block and an output block."""
        text = self.document.text[example.end :].lstrip()
        return bool(re.match(r"(`{3,}|~{3,})[ \t]*\{[^}\n]*\.output", text))

    def _unshown(self) -> list[str]:
        """Return the complaint about printed text for which the page shows no output block."""
        if self._printed is None or not self._printed[1]:
            return []
        (line, text), self._printed = self._printed, None
        return [f"the block at line {line} printed {text!r}, and the page shows no output for it"]


def _line_of(error: BaseException, path: Path) -> int | None:
    """Return the last line of the page in the error's traceback; a syntax error carries its own."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return error.lineno
    line, trace = None, error.__traceback__
    while trace:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


@contextlib.contextmanager
def _fresh_state() -> Iterator[None]:
    """Give a page the state of a new process: default style, single precision, no figure; put things back after."""
    import jax
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt

    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", False)
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE | {"axes.prop_cycle": mpl.cycler(color=LINES)})
        try:
            yield
        finally:
            plt.close("all")
            jax.config.update("jax_enable_x64", before)
