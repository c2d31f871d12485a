"""Rows that do not satisfy the schema, with neutral values in place of the faulty fields. No jax.

The other fields of such a row can then be checked in the same pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from dluxshera.documents import Document, Where

_NEUTRAL: Final = {
    "name": "-",
    "acts": "-",
    "perturbation": {"kind": "given"},
    "evidence": {"tag": "derived", "source": "-"},
    "class": "static",
    "rule": "rss",
    "status": "draft",
    "since": "-",
}


def partial_rows(document: Document, faulty: Iterable[Where]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Return the rows with faults that have an identifier and a parent, with neutral values for the faulty fields.

    Parameters
    ----------
    document : Document
        Budget document.
    faulty : iterable of tuple
        Paths of the faults that the schema finds.
    """
    paths = [where for where in faulty if where[:1] == ("terms",) and len(where) > 1]
    rows = document.data.get("terms")
    for i in dict.fromkeys(where[1] for where in paths):
        row = rows[i] if isinstance(rows, list) and isinstance(i, int) else None
        if isinstance(i, int) and isinstance(row, dict):
            fields = {where[2] for where in paths if where[1] == i and len(where) > 2}
            if all(isinstance(row.get(name), str) and name not in fields for name in ("id", "parent")):
                kept = {name: value for name, value in row.items() if name not in fields}
                magnitude = _magnitude(
                    row.get("magnitude"), [where[3:] for where in paths if where[1:3] == (i, "magnitude")]
                )
                yield i, {**_NEUTRAL, **kept, **({} if magnitude is None else {"magnitude": magnitude})}


def hidden(error_at: Where, faulty: Iterable[Where]) -> bool:
    """Return whether a fault of a row follows from the neutral value of a faulty field.

    Parameters
    ----------
    error_at : tuple of str and int
        Path of the fault.
    faulty : iterable of tuple
        Paths of the faults that the schema finds.
    """
    for where in faulty:
        if where[:2] != error_at[:2] or where[:1] != ("terms",):
            continue
        fields = {where[2]} if len(where) > 2 else set(_NEUTRAL)  # the schema does not say which field is missing
        if "perturbation" in fields:
            fields.add("magnitude")
        is_amount = where[2:3] == ("magnitude",) and error_at[3:4] in (("unit",), ("value",))
        if error_at[2] in fields and not (is_amount and where[:4] != error_at[:4]):
            return True
    return False


def _magnitude(content: Any, faulty: list[Where]) -> dict[str, Any] | None:
    """Return a magnitude without its faulty fields; None if it has no number or no unit."""
    if not isinstance(content, dict) or not faulty:
        return None
    names = {where[0] for where in faulty if where}
    kept = {name: value for name, value in content.items() if name not in names}
    is_whole = "value" in kept and "unit" in kept and len(names) == len({where[:1] for where in faulty})
    return kept if is_whole else None
