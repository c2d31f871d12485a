"""Budget documents of earlier versions, brought to the current one: as data for reading, and as text for writing."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, MutableMapping
from copy import deepcopy
from io import StringIO
from pathlib import Path
from typing import Any, Final

from dluxshera.documents import Document, json_text, parse_json, parse_yaml, read_text
from dluxshera.error_budget.schema_columns import BUDGET_VERSION
from dluxshera.errors import DocumentError
from dluxshera.files import write_text

CHANGES: Final[dict[str, str]] = {  # version -> its changes, oldest first
    "0.1.0": "the first version",
    "0.2.0": "rows with a correlation group are independent unless they name a common cause; magnitudes state their"
    " distribution; a verification is a record; budgets extend others and have cases",
}

_TAG: Final = "tag:yaml.org,2002"


class BudgetVersionWarning(UserWarning):
    """A budget document of an earlier version has rows that are combined in another way now."""


def upgraded(document: Document) -> Document:
    """Return a budget document in the current version of the schema.

    Warns
    -----
    BudgetVersionWarning
        If the document has rows whose rule of combination has changed.

    Raises
    ------
    DocumentError
        If the version is newer than this package, or there is no migration from it.
    """
    data = document.data
    version = data.get("schema_version") if isinstance(data, dict) else None
    if not isinstance(version, str) or version == BUDGET_VERSION:
        return document  # a missing version is a fault of the schema
    if version not in _STEPS:
        raise _no_step(document, version)
    data = deepcopy(data)
    while version != BUDGET_VERSION:
        if note := _STEPS[version](data):
            warnings.warn(f"{document.file}: version {version}: {note}.", BudgetVersionWarning, stacklevel=2)
        version = data["schema_version"]
    return Document(document.file, data, document.places)


def upgraded_text(text: str, file: str = "<text>") -> str:
    """Return the text of a YAML budget document in the current version of the schema, with its comments.

    Parameters
    ----------
    text : str
        The document.
    file : str
        File name for messages.

    Raises
    ------
    DocumentError
        If the text is not YAML, the document has no version, or there is no migration from it.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.representer import RoundTripRepresenter

    class Representer(RoundTripRepresenter):
        """Representer of null as `null`, and of a new record in one line."""

    Representer.add_representer(type(None), lambda dumper, _: dumper.represent_scalar(f"{_TAG}:null", "null"))
    Representer.add_representer(
        dict, lambda dumper, record: dumper.represent_mapping(f"{_TAG}:map", record, flow_style=True)
    )
    document = parse_yaml(text, file)
    yaml = YAML(typ="rt")
    yaml.Representer = Representer
    yaml.preserve_quotes = True
    yaml.width = 1_000_000  # lines stay as they are
    yaml.indent(mapping=2, sequence=4, offset=2)
    data = yaml.load(text)
    version = data.get("schema_version") if isinstance(data, MutableMapping) else None
    if version not in {*_STEPS, BUDGET_VERSION}:
        raise _no_step(document, version)
    while data["schema_version"] != BUDGET_VERSION:
        _STEPS[data["schema_version"]](data)
    stream = StringIO()
    yaml.dump(data, stream)
    return stream.getvalue()


def upgrade_file(path: Path, output: Path | None = None) -> bool:
    """Write a budget document in the current version of the schema.

    Parameters
    ----------
    path : Path
        Document: JSON if the name ends in ``.json``, YAML otherwise, with its comments kept.
    output : Path, optional
        File to write; by default the document itself.

    Returns
    -------
    bool
        True if the document changed.

    Raises
    ------
    DocumentError
        If the document cannot be read, has no version, or there is no migration from it.
    OutputError
        If the file cannot be written.
    """
    text = read_text(path)
    if path.name.lower().endswith(".json"):
        document = upgraded(parse_json(text, str(path)))
        version = document.data.get("schema_version") if isinstance(document.data, dict) else None
        if version != BUDGET_VERSION:
            raise _no_step(document, version)
        new = json_text(document.data)
    else:
        new = upgraded_text(text, str(path))
    if output is not None or new != text:
        write_text(path if output is None else output, new)
    return new != text


def _to_0_2_0(data: MutableMapping[str, Any]) -> str:
    """Change a document of version 0.1.0 to one of version 0.2.0; return a note about changed meanings."""
    data["schema_version"] = "0.2.0"
    terms = data.get("terms")
    rows = [row for row in terms if isinstance(row, MutableMapping)] if isinstance(terms, list) else []
    groups = Counter(str(row["group"]) for row in rows if row.get("rule") == "group" and row.get("group") is not None)
    for row in rows:
        row.pop("group", None)
        if row.get("rule") == "group":
            row["rule"] = "rss"
        if isinstance(row.get("verification"), str):
            row["verification"] = {"text": row["verification"]}
    shared = [name for name, count in groups.items() if count > 1]
    if not shared:
        return ""
    return (
        f"the rows of the group {' and of the group '.join(shared)} are taken as independent; if they have a common"
        " cause, name it under `cause`"
    )


_STEPS: Final[Mapping[str, Callable[[MutableMapping[str, Any]], str]]] = {"0.1.0": _to_0_2_0}


def _no_step(document: Document, version: object) -> DocumentError:
    if isinstance(version, str) and re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,4}){2}", version):
        number, newest = (tuple(map(int, text.split("."))) for text in (version, BUDGET_VERSION))
        problem = "is newer than this package: install a newer one" if number > newest else "has no migration"
        later = [f"{name}: {text}" for name, text in CHANGES.items() if tuple(map(int, name.split("."))) > number]
        changes = f"; changes since: {'; '.join(later)}" if later else ""
    else:
        problem, changes = "not a version of the schema", ""
    return document.error(("schema_version",), problem + changes, allowed=", ".join(CHANGES), got=version)
