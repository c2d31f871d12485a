"""The record of a run: each benchmark adds its rows, and what is complete is written at the end."""

from __future__ import annotations

import json
import operator
import os
import time
from typing import Any

import pytest

from benchmarks.measure import ROOT, circumstances
from dluxshera.files import write_text
from dluxshera.reference import benchmarks

CASE = {
    "design": "shera_flight, diffractive pupil, Noll 4..11 on M1 and M2",
    "stars": 2,
    "wavelengths": "3, unless a row says that they are the default 8",
    "image": "256 x 256 pixels",
    "parameters": 23,
    "precision": "float64",
}
BASELINE = (
    "the same system of dLux's public layers, with 3 wavelengths: a pupil of 256 cells, whose cells carry the mask's "
    "step or do not, angular spectrum on a grid padded by 2, matrix Fourier transform to 3 x 3 samples in a pixel, "
    "down-sampled"
)
HOLDS = {"at least": operator.ge, "at most": operator.le, "under": operator.lt}
EXPECTED = 20  # rows of a complete run
TABLES = 5


class Record:
    """The rows and tables measured so far."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.tables: list[dict[str, Any]] = []

    def add_table(self, title: str, text: str, rows: list[dict[str, Any]]) -> None:
        """Add a table without goals; the names of its columns are the keys of its rows."""
        self.tables.append({"title": title, "text": text, "rows": rows})

    def add(self, quantity: str, goal: tuple[str, float, str], value: float, compared: str, **more: Any) -> None:
        """Add a row, and fail where the goal is missed; the row is written in either case."""
        relation, limit, unit = goal
        met = bool(HOLDS[relation](value, limit))
        self.rows.append(
            {
                "quantity": quantity,
                "goal": {"relation": relation, "value": limit, "unit": unit},
                "value": value,
                "met": met,
                "compared": compared,
                **more,
            }
        )
        assert met, f"{quantity}: {value:.3g} {unit}, and the goal is {relation} {limit:g}"


@pytest.fixture(scope="session")
def record():
    """Take rows and tables, and write ``docs/validation/benchmarks.json`` and its page when all of them are there."""
    started, begin, rows = circumstances(), time.monotonic(), Record()
    yield rows
    if (len(rows.rows), len(rows.tables)) == (EXPECTED, TABLES):
        after = {"load_after": round(os.getloadavg()[0], 1), "minutes": round((time.monotonic() - begin) / 60.0, 1)}
        made = {**started, **after, "case": CASE, "baseline": BASELINE, "rows": rows.rows, "tables": rows.tables}
        write_text(ROOT / benchmarks.RECORD, json.dumps(made, indent=1) + "\n")
        write_text(ROOT / benchmarks.PAGE, benchmarks.page(made))
