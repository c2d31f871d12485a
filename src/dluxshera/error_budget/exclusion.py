"""Parameters that a budget leaves out on purpose, each with its reason. No jax."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from dluxshera.documents import Document
from dluxshera.error_budget.schema_parts import KEY, list_schema, record_schema, text_schema


@dataclass(frozen=True)
class Exclusion:
    """A parameter without a term.

    Parameters
    ----------
    key : str
        Key of the parameter.
    reason : str
        Reason why no term is needed, as a sentence.
    """

    key: str
    reason: str


def exclusions_schema() -> dict[str, Any]:
    """Return the schema of the list of exclusions in a budget document."""
    item = record_schema("A parameter without a term.", {"key": KEY, "reason": text_schema("Reason, as a sentence.")})
    return list_schema("Parameters that no term needs to cover.", item)


def exclusions_of(document: Document) -> tuple[Exclusion, ...]:
    """Return the exclusions of a document that satisfies the schema.

    Raises
    ------
    DocumentError
        If a key is excluded twice.
    """
    exclusions: dict[str, Exclusion] = {}
    for i, item in enumerate(document.data.get("exclusions", ())):
        if item["key"] in exclusions:
            raise document.error(("exclusions", i, "key"), "excluded twice", got=item["key"])
        exclusions[item["key"]] = Exclusion(item["key"], item["reason"])
    return tuple(exclusions.values())


def check_exclusions(document: Document, exclusions: Iterable[Exclusion], keys: Iterable[str]) -> None:
    """Check that each excluded key is a parameter.

    Parameters
    ----------
    document : Document
        Document of the budget; it has the place of a fault.
    exclusions : iterable of Exclusion
        Exclusions of the document, in its order.
    keys : iterable of str
        Keys of the parameters.

    Raises
    ------
    DocumentError
        For the first key that is none.
    """
    names = list(keys)
    for i, exclusion in enumerate(exclusions):
        if exclusion.key not in names:
            problem = "not a primitive parameter of the forward model or of an optional effect"
            raise document.error(("exclusions", i, "key"), problem, got=exclusion.key, candidates=names)
