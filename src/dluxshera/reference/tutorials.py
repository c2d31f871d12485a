"""Tutorials as scripts and notebooks to download, generated from the code blocks of their pages."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from dluxshera.reference import text

TUTORIALS = Path("docs/tutorials")
FENCE = re.compile(r"(?P<fence>`{3,}|~{3,})[ \t]*(?P<info>.*)")
FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.S)
DIRECTIVE = re.compile(r"^<!--.*?-->\n?", re.M | re.S)
DOWNLOADS = re.compile(r"^.*\]\([\w-]+\.ipynb\).*\n", re.M)
IMAGE = re.compile(r"^!\[.*\n?", re.M)
ADMONITION = re.compile(r'^(?:!!!|\?\?\?\+?) \w+(?: "(?P<title>[^"]*)")?\n', re.M)
REFERENCE = re.compile(r"\[(?P<text>[^\[\]]+)\]\[[\w.\-]*\]")
LOCAL_LINK = re.compile(r"(?<!!)\[(?P<text>[^\[\]]+)\]\((?!https?:)[^()\s]*\)")
SHOW = "import matplotlib.pyplot as plt\n\nplt.show()\n"


@dataclass(frozen=True)
class Cell:
    """A block of code, or the prose between two blocks."""

    kind: Literal["code", "markdown"]
    source: str


def cells(page: str) -> list[Cell]:
    """Return the cells of a page: its Python fences unchanged, and its prose without the markup of the site."""
    page_cells: list[Cell] = []
    prose: list[str] = []

    def close() -> None:
        if words := prose_of("\n".join(prose)):
            page_cells.append(Cell("markdown", words))
        prose.clear()

    lines = iter(FRONT_MATTER.sub("", page).splitlines())
    for line in lines:
        opening = FENCE.fullmatch(line)
        if opening is None:
            prose.append(line)
            continue
        body = list(fenced(lines, opening["fence"]))
        if ".output" in opening["info"]:
            continue  # running the code prints it
        if re.match(r"\{?[ \t]*\.?py(?:thon)?\b", opening["info"]):
            close()
            page_cells.append(Cell("code", "\n".join(body) + "\n"))
        else:
            prose += [line, *body, opening["fence"]]
    close()
    return page_cells


def fenced(lines: Iterator[str], fence: str) -> Iterator[str]:
    """Yield the lines up to the one that closes a fence."""
    for line in lines:
        if line.startswith(fence) and not line.strip(fence[0] + " "):
            return
        yield line


def prose_of(markdown: str) -> str:
    """Return Markdown without the parts that only the site can show: links between pages, figures, admonitions."""
    words = DOWNLOADS.sub("", DIRECTIVE.sub("", IMAGE.sub("", markdown)))
    words = ADMONITION.sub(lambda match: f"**{match['title']}**\n" if match["title"] else "", words)
    words = re.sub(r"^ {4}", "", words, flags=re.M)
    words = LOCAL_LINK.sub(r"\g<text>", REFERENCE.sub(r"\g<text>", words))
    return re.sub(r"\n{3,}", "\n\n", words).strip("\n")


def script(page: str, source: Path) -> str:
    """Return the page as a Python script with the ``# %%`` lines by which editors find cells."""
    parts = [f"# {text.GENERATED}\n# Code and text of {source.as_posix()}.\n"]
    for cell in cells(page):
        if cell.kind == "code":
            parts.append(f"# %%\n{cell.source}")
        else:
            commented = "\n".join(f"# {line}".rstrip() for line in cell.source.splitlines())
            parts.append(f"# %% [markdown]\n{commented}\n")
    if "<!-- figure:" in page:
        parts.append(f"# %% [markdown]\n# Show the figures.\n\n# %%\n{SHOW}")
    return "\n".join(parts)


def notebook(page: str) -> str:
    """Return the page as a Jupyter notebook without outputs."""
    notebook_cells = []
    for i, cell in enumerate(cells(page)):
        shared = {"cell_type": cell.kind, "id": f"cell-{i}", "metadata": {}}
        source = cell.source.rstrip("\n").splitlines(keepends=True)
        more: dict[str, Any] = {"execution_count": None, "outputs": []} if cell.kind == "code" else {}
        notebook_cells.append(shared | more | {"source": source})
    document = {
        "cells": notebook_cells,
        "metadata": {
            "dluxshera": text.GENERATED,
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def downloads(root: Path) -> dict[Path, str]:
    """Return the text of each script and notebook by its path, beside the page."""
    files = {}
    for path in sorted((root / TUTORIALS).glob("*.md")):
        page = path.read_text(encoding="utf-8")
        if path.name != "index.md":
            files[path.with_suffix(".py")] = script(page, path.relative_to(root))
            files[path.with_suffix(".ipynb")] = notebook(page)
    return files
