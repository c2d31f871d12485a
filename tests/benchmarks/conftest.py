"""The record of a run: each benchmark adds its rows, and what is complete is written at the end."""

from __future__ import annotations

import json
import operator
from typing import Any

import pytest

from benchmarks.measure import ROOT, circumstances
from dluxshera.files import write_text
from dluxshera.reference import benchmarks

CASE = {
    "design": "shera_flight, diffractive pupil, Noll 4..11 on M1 and M2",
    "stars": 2,
    "wavelengths": 3,
    "image": "256 x 256 pixels",
    "parameters": 23,
    "precision": "float64",
}
BASELINE = (
    "the same system of dLux's public layers: angular spectrum on a grid padded by 2, matrix Fourier transform to "
    "3 x 3 samples in a pixel, down-sampled"
)
HOLDS = {"at least": operator.ge, "at most": operator.le, "under": operator.lt}
EXPECTED = 16  # rows of a complete run


class Record:
    """The rows measured so far."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

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
    """Take rows, and write ``docs/validation/benchmarks.json`` and its page when all of them are there."""
    started, rows = circumstances(), Record()
    yield rows
    if len(rows.rows) == EXPECTED:
        made = {**started, "case": CASE, "baseline": BASELINE, "rows": rows.rows}
        write_text(ROOT / benchmarks.RECORD, json.dumps(made, indent=1) + "\n")
        write_text(ROOT / benchmarks.PAGE, benchmarks.page(made))
