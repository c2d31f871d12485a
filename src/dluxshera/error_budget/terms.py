"""Error budgets as plain data: `Budget`, its reference point and its terms. No jax."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from dluxshera.documents import Document
from dluxshera.error_budget.exclusion import Exclusion
from dluxshera.error_budget.perturbation import Perturbation
from dluxshera.error_budget.requirement import Estimator, Quantity, Requirement
from dluxshera.error_budget.spec_check import ModelName

TermClass: TypeAlias = Literal["random", "static", "drift"]
CombinationRule: TypeAlias = Literal["rss", "group", "linear", "informative"]


@dataclass(frozen=True)
class ReferencePoint:
    """The point at which a budget is evaluated: a profile, with overrides.

    Parameters
    ----------
    text : str
        Reason for the choice.
    profile : str
        Name of a packaged profile, or path of a file relative to the budget document.
    overrides : tuple of str
        ``key=value`` or ``key=value unit``, applied to the profile in this order.
    """

    text: str
    profile: str
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True)
class Term:
    """One row of a budget.

    Parameters
    ----------
    id, name, parent : str
        Identifier, short name, and identifier of the requirement or of another term.
    acts : str
        Mechanism of the perturbation, in prose.
    perturbation : Perturbation
        Mechanism of the perturbation, as the computation needs it.
    magnitude : Quantity, optional
        1-sigma size of the perturbation; None where the reference point fixes it.
    evidence : mapping of str to str
        ``tag`` and ``source`` of the magnitude.
    term_class : {'random', 'static', 'drift'}
        Behaviour in time: random terms fall with time, static ones cancel between visits, drifts do neither.
    rule : {'rss', 'group', 'linear', 'informative'}
        Rule of combination (see `dluxshera.error_budget.rollup`); an informative row is left out of every sum.
    group : str, optional
        Correlation group.
    allocation : Quantity, optional
        Largest error that the budget grants the term.
    owner, status, since, verification : str
        Records for the people who maintain the budget.
    """

    id: str
    name: str
    parent: str
    acts: str
    perturbation: Perturbation
    magnitude: Quantity | None
    evidence: Mapping[str, str]
    term_class: TermClass
    rule: CombinationRule
    group: str | None
    allocation: Quantity | None
    owner: str | None
    status: str
    since: str
    verification: str


@dataclass(frozen=True)
class Budget:
    """An error budget.

    Parameters
    ----------
    id, title : str
        Identifier and title.
    requirement : Requirement
        Root of the budget.
    reference : ReferencePoint
        Point at which the budget is evaluated.
    estimators : tuple of Estimator
        Ways to fit the image.
    terms : tuple of Term
        Rows, in the order of the document.
    source : Document
        Document of the budget, with the place of each part in its file.
    exclusions : tuple of Exclusion
        Parameters that no term needs to cover, each with its reason.
    """

    id: str
    title: str
    requirement: Requirement
    reference: ReferencePoint
    estimators: tuple[Estimator, ...]
    terms: tuple[Term, ...]
    source: Document = field(repr=False, compare=False)
    exclusions: tuple[Exclusion, ...] = ()

    def moved(self, model: ModelName) -> tuple[str, ...]:
        """Return the parameters of a model by which the terms need the image differentiated."""
        return tuple(dict.fromkeys(key for term in self.terms for key in term.perturbation.moved(model)))
