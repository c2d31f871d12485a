"""The tutorials as scripts and notebooks to take away, made of the very blocks that their pages show."""

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
REFERENCE = re.compile(r"\[(?P<said>[^\[\]]+)\]\[[\w.\-]*\]")
LOCAL_LINK = re.compile(r"(?<!!)\[(?P<said>[^\[\]]+)\]\((?!https?:)[^()\s]*\)")
SHOW = "import matplotlib.pyplot as plt\n\nplt.show()\n"


@dataclass(frozen=True)
class Cell:
    """A block of code, or the prose between two."""

    kind: Literal["code", "markdown"]
    source: str


def cells(page: str) -> list[Cell]:
    """Return the cells of a page: its Python fences as they are, and its prose without what only a site can show."""
    found: list[Cell] = []
    prose: list[str] = []

    def close() -> None:
        if said := prose_of("\n".join(prose)):
            found.append(Cell("markdown", said))
        prose.clear()

    lines = iter(FRONT_MATTER.sub("", page).splitlines())
    for line in lines:
        opening = FENCE.fullmatch(line)
        if opening is None:
            prose.append(line)
            continue
        body = list(fenced(lines, opening["fence"]))
        if ".output" in opening["info"]:
            continue  # whoever runs the code sees it
        if re.match(r"\{?[ \t]*\.?py(?:thon)?\b", opening["info"]):
            close()
            found.append(Cell("code", "\n".join(body) + "\n"))
        else:
            prose += [line, *body, opening["fence"]]
    close()
    return found


def fenced(lines: Iterator[str], fence: str) -> Iterator[str]:
    """Yield the lines up to the one that closes a fence."""
    for line in lines:
        if line.startswith(fence) and not line.strip(fence[0] + " "):
            return
        yield line


def prose_of(said: str) -> str:
    """Return prose that reads well outside the site."""
    said = DOWNLOADS.sub("", DIRECTIVE.sub("", IMAGE.sub("", said)))
    said = ADMONITION.sub(lambda found: f"**{found['title']}**\n" if found["title"] else "", said)
    said = re.sub(r"^ {4}", "", said, flags=re.M)
    said = LOCAL_LINK.sub(r"\g<said>", REFERENCE.sub(r"\g<said>", said))
    return re.sub(r"\n{3,}", "\n\n", said).strip("\n")


def script(page: str, source: Path) -> str:
    """Return the page as a Python script whose cells editors know by their ``# %%`` lines."""
    parts = [f"# {text.GENERATED}\n# The code and the prose of {source.as_posix()}.\n"]
    for cell in cells(page):
        if cell.kind == "code":
            parts.append(f"# %%\n{cell.source}")
        else:
            commented = "\n".join(f"# {line}".rstrip() for line in cell.source.splitlines())
            parts.append(f"# %% [markdown]\n{commented}\n")
    if "<!-- figure:" in page:
        parts.append(f"# %% [markdown]\n# The figures.\n\n# %%\n{SHOW}")
    return "\n".join(parts)


def notebook(page: str) -> str:
    """Return the page as a Jupyter notebook that has not been run."""
    made = []
    for i, cell in enumerate(cells(page)):
        shared = {"cell_type": cell.kind, "id": f"cell-{i}", "metadata": {}}
        source = cell.source.rstrip("\n").splitlines(keepends=True)
        more: dict[str, Any] = {"execution_count": None, "outputs": []} if cell.kind == "code" else {}
        made.append(shared | more | {"source": source})
    document = {
        "cells": made,
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
    """Return the text of each script and notebook by its path, which is beside the page."""
    made = {}
    for path in sorted((root / TUTORIALS).glob("*.md")):
        page = path.read_text(encoding="utf-8")
        if path.name != "index.md":
            made[path.with_suffix(".py")] = script(page, path.relative_to(root))
            made[path.with_suffix(".ipynb")] = notebook(page)
    return made
