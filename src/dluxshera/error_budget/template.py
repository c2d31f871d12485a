"""The text of a new budget document. No jax."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Final

from dluxshera.documents import parse_yaml
from dluxshera.error_budget.document import parse_budget
from dluxshera.errors import ParameterError

_IDENTIFIER: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")


def new_budget_text(name: str, title: str) -> str:
    """Return the text of a new budget document with comments: a requirement, an estimator and three terms.

    Parameters
    ----------
    name : str
        Identifier of the budget.
    title : str
        Title of the budget.

    Returns
    -------
    str
        YAML, which `parse_budget` accepts.

    Raises
    ------
    ParameterError
        If the name is no identifier or the title is empty.
    """
    if not _IDENTIFIER.fullmatch(name):
        raise ParameterError("id", expected="a letter, then letters, digits, '.', '_' or '-'", got=name)
    if not title.strip() or not title.isprintable():
        raise ParameterError("title", expected="one line of text", got=title)
    template = (files("dluxshera") / "error_budget" / "data" / "template.yaml").read_text(encoding="utf-8")
    quoted = "'" + title.replace("'", "''") + "'"
    text = template.replace("BUDGET_ID", name, 1).replace("BUDGET_TITLE", quoted, 1)
    parse_budget(parse_yaml(text, "new budget"))
    return text
