"""Budget documents: YAML or JSON, composed, brought to the current version, and checked. No jax."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from dluxshera.documents import Document, faults, raise_all
from dluxshera.error_budget.composition import composed, read_composed
from dluxshera.error_budget.consistency import draft_faults
from dluxshera.error_budget.document_schema import budget_schema
from dluxshera.error_budget.draft import Draft
from dluxshera.error_budget.model_free import given_results
from dluxshera.error_budget.packaged import budget_file
from dluxshera.error_budget.terms import Budget
from dluxshera.error_budget.tree import deficits, open_sums
from dluxshera.errors import DocumentError


class Validation(NamedTuple):
    """Faults of a budget document, and a summary of a valid one.

    Parameters
    ----------
    faults : tuple of DocumentError
        Faults in the order of file and place; a budget with faults cannot be evaluated.
    deficits : tuple of DocumentError
        Allocations that those below them exceed; a budget with deficits can be evaluated.
    budget : Budget, optional
        The budget; None if there are faults.
    """

    faults: tuple[DocumentError, ...]
    deficits: tuple[DocumentError, ...]
    budget: Budget | None

    @property
    def summary(self) -> dict[str, int]:
        """The numbers of rows, of cases, of rows to be determined and of rows with illustrative magnitudes."""
        terms = self.budget.terms if self.budget else ()
        return {
            "terms": len(terms),
            "cases": 1 + len(self.budget.cases) if self.budget else 0,
            "to be determined": sum(term.to_be_determined for term in terms),
            "illustrative": sum(term.evidence["tag"] == "illustrative" for term in terms),
        }


def read_budget(source: Path | str) -> Budget:
    """Read a budget document, or the table of a published budget: JSON if the file's name ends in ``.json``, else YAML.

    Parameters
    ----------
    source : path or str
        Name of a packaged budget (see `packaged_budgets`), or path of a file.

    Raises
    ------
    DocumentError
        For the first of all faults, with file, line and column; the others are its notes. Nothing is computed before.
    """
    errors: list[DocumentError] = []
    return _valid(_read(read_composed(budget_file(source), errors), errors), errors)


def parse_budget(document: Document) -> Budget:
    """Return the budget that a document describes.

    Parameters
    ----------
    document : Document
        Document, or table of a published budget. Relative paths start at the folder of its file.

    Raises
    ------
    DocumentError
        For the first of all faults; the others are its notes.
    """
    errors: list[DocumentError] = []
    return _valid(_read(composed(document, errors), errors), errors)


def import_budget(source: Path | str) -> str:
    """Return the budget document of the table of a published budget, as the text of a YAML file.

    Parameters
    ----------
    source : path or str
        Name of a packaged budget, or path of a file.

    Raises
    ------
    DocumentError
        For the first of all faults, a sum that does not close among them; the others are its notes.
    """
    from io import StringIO

    from ruamel.yaml import YAML

    budget = read_budget(source)
    yaml, stream = YAML(), StringIO()
    yaml.width = 120
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.dump(budget.source.data, stream)
    return stream.getvalue()


def validate_budget(source: Path | str) -> Validation:
    """Check a budget document in itself, without its model.

    Parameters
    ----------
    source : path or str
        Name of a packaged budget, or path of a file.

    Returns
    -------
    Validation
        Faults and deficits, and the budget if it has no fault.
    """
    errors: list[DocumentError] = []
    try:
        budget = _read(read_composed(budget_file(source), errors), errors)
    except DocumentError as error:  # a file that cannot be read or parsed
        errors.append(error)
        budget = None
    if budget is None:
        return Validation(tuple(_ordered(errors)), (), None)
    return Validation((), tuple(_ordered([error for case in _cases(budget) for error in deficits(case)])), budget)


def _read(document: Document, errors: list[DocumentError]) -> Budget | None:
    """Return the budget of a document; None, with the faults added to those of its composition, if it has any."""
    if not isinstance(document.data, dict) or document.data or not errors:
        wrong = faults(document, budget_schema())
        errors += wrong
        if isinstance(document.data, dict):
            draft = Draft.of(document, [error.where for error in wrong])
            errors += draft_faults(draft)
            if not errors:
                budget = draft.budget()
                errors += [error for case in _cases(budget) for error in open_sums(case, given_results(case))]
                return None if errors else budget
    return None


def _valid(budget: Budget | None, errors: list[DocumentError]) -> Budget:
    raise_all(errors)
    assert budget is not None  # without a fault there is a budget
    return budget


def _cases(budget: Budget) -> Iterator[Budget]:
    yield budget
    for case in budget.cases:
        yield budget.case(case.id)


def _ordered(errors: list[DocumentError]) -> list[DocumentError]:
    """Return errors in the order of file and place, each once."""
    by_text = {str(error): error for error in errors}
    return sorted(by_text.values(), key=lambda error: (error.file, error.line or 0, error.column or 0))
