"""The packaged budgets, by name: documents, and tables of published budgets."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Final

SUFFIXES: Final = (".yaml", ".yml", ".json")


@cache
def packaged_budgets() -> Mapping[str, Path]:
    """Return the files of the packaged budgets by name: ``reference``, and the published budgets."""
    folder = Path(str(files("dluxshera") / "error_budget" / "data"))
    documents = {path.stem.removesuffix("-budget"): path for path in sorted(folder.glob("*-budget.yaml"))}
    published = {path.stem: path for path in sorted((folder / "published").glob("*.yaml"))}
    return MappingProxyType({**documents, **published})


def reference_budget() -> Path:
    """Return the packaged reference budget."""
    return packaged_budgets()["reference"]


def budget_file(source: Path | str) -> Path:
    """Return the file of a budget.

    Parameters
    ----------
    source : path or str
        Name of a packaged budget, or path of a file.
    """
    return packaged_budgets().get(str(source), Path(source))
