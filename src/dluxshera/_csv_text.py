"""Text of CSV files whose cells a spreadsheet does not read as formulas."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from typing import Any, Final

# The first characters of formulas, their full-width forms, and blanks before them, which some programs strip.
_FORMULA: Final = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n]")


def csv_text(rows: Iterable[Iterable[Any]]) -> str:
    """Return rows as CSV, numbers with all their digits.

    A text that a spreadsheet would read as a formula, because it begins with ``=``, ``+``, ``-`` or ``@``, has an
    apostrophe before it.

    Parameters
    ----------
    rows : iterable of iterable
        Cells of each row, the titles of the columns first.
    """
    return "".join(map(_line, rows))


def _line(values: Iterable[Any]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(map(_cell, values))  # ends with CR LF, and so quotes both in cells
    return text.getvalue().removesuffix("\r\n") + "\n"


def _cell(value: Any) -> Any:
    """Return a value for a cell of CSV, a text that begins as a formula with an apostrophe before it."""
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value
