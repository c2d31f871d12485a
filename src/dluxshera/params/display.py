"""Tables of values for notebooks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

import numpy as np

from dluxshera.params.field import ParamField
from dluxshera.params.quantities import own_unit


def values_table(
    caption: str, values: Mapping[str, Any], fields: Mapping[str, ParamField], marked: Iterable[str] = ()
) -> str:
    """Return an HTML table of values with their units and names; `marked` keys are labelled as overrides.

    It has no style of its own but the alignment, so that it takes the notebook's.
    """
    overrides = set(marked)
    rows = []
    for key, value in values.items():
        field = fields[key]
        note = " <strong>override</strong>" if key in overrides else ""
        rows.append(
            f'<tr><th scope="row" style="text-align:left"><code>{escape(key)}</code>{note}</th>'
            f"<td>{escape(_shown(value, field))}</td><td>{escape(own_unit(field))}</td>"
            f'<td style="text-align:left" title="{escape(field.doc)}">{escape(field.title)}</td></tr>'
        )
    head = "".join(f'<th scope="col">{name}</th>' for name in ("Parameter", "Value", "Unit", "Name"))
    body = "".join(rows)
    return f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _shown(value: Any, field: ParamField) -> str:
    if isinstance(value, np.ndarray | np.generic) and value.shape == field.shape:
        numbers = np.atleast_1d(value).tolist()
        return ", ".join(
            f"{name} {number!r}" if name else repr(number)
            for name, number in zip(field.components or ("",), numbers, strict=True)
        )
    return str(value)  # a batch, or what JAX puts in a value's place
