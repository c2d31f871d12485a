"""Error budgets as plain data: `Budget`, its reference point, its terms and its cases. No jax."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias

from dluxshera.documents import Document, Where
from dluxshera.error_budget.composed_document import ComposedDocument
from dluxshera.error_budget.exclusion import Exclusion
from dluxshera.error_budget.magnitude import Magnitude
from dluxshera.error_budget.perturbation import Perturbation
from dluxshera.error_budget.requirement import Estimator, Quantity, Requirement
from dluxshera.error_budget.schema_columns import TO_BE_DETERMINED
from dluxshera.error_budget.spec_check import ModelName
from dluxshera.errors import UnknownKeyError

TermClass: TypeAlias = Literal["random", "static", "drift"]
CombinationRule: TypeAlias = Literal["rss", "linear", "informative", "separate"]
TimeScale: TypeAlias = Literal["frame", "1 s", "30 s", "visit", "visit difference"]

REFERENCE_CASE: Final = "reference"


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
    where : tuple of str and int
        Path of the reference point in the document.
    """

    text: str
    profile: str
    overrides: tuple[str, ...] = ()
    where: Where = ("reference",)


@dataclass(frozen=True)
class Verification:
    """Record of the verification of a row.

    Parameters
    ----------
    method : {'test', 'analysis', 'inspection', 'demonstration'}, optional
        Method.
    phase, evidence, result, text : str
        Phase of the project, document or test with the evidence, result, and description; empty where there is none.
    """

    method: str | None = None
    phase: str = ""
    evidence: str = ""
    result: str = ""
    text: str = ""


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
    magnitude : Magnitude, optional
        Size of the perturbation; None where the reference point fixes it, or while it is to be determined.
    evidence : mapping of str to str
        ``tag`` and ``source`` of the magnitude.
    term_class : {'random', 'static', 'drift'}
        Behaviour in time: random terms fall with time, static ones cancel between visits, drifts do neither.
    rule : {'rss', 'linear', 'informative', 'separate'}
        Rule of combination (see `dluxshera.error_budget.rollup`).
    status, since : str
        Status of the row, and version of the budget that introduced it.
    cause : str, optional
        Common cause: the errors of the rows that have it add with their signs.
    allocation : Quantity, optional
        Largest error that the budget grants the term, in the requirement's unit.
    allocation_source : str
        Source of the allocation.
    role : {'knowledge', 'stability', 'control'}, optional
        Error of the knowledge of a parameter, of its stability, or of its control.
    maturity : str, optional
        Maturity of the estimate.
    factor : float
        Model-uncertainty factor of the estimate.
    owner, note : str, optional
        Responsible role, and reason of the last change.
    verification : Verification
        Record of the verification.
    time : mapping, optional
        Behaviour in time, as in the document.
    """

    id: str
    name: str
    parent: str
    acts: str
    perturbation: Perturbation
    magnitude: Magnitude | None
    evidence: Mapping[str, str]
    term_class: TermClass
    rule: CombinationRule
    status: str
    since: str
    cause: str | None = None
    allocation: Quantity | None = None
    allocation_source: str = ""
    role: str | None = None
    maturity: str | None = None
    factor: float = 1.0
    owner: str | None = None
    note: str = ""
    verification: Verification = field(default_factory=Verification)
    time: Mapping[str, object] | None = None

    @property
    def to_be_determined(self) -> bool:
        """True if the row is marked ``to be determined``, by its status or by its evidence."""
        return TO_BE_DETERMINED in (self.status, self.evidence["tag"])

    @property
    def is_evaluated(self) -> bool:
        """True if the row has what its evaluation needs; False for one whose magnitude is to be determined."""
        return self.magnitude is not None or not self.perturbation.has_magnitude

    @property
    def is_added(self) -> bool:
        """True if the row has an error of its own that enters the total."""
        return self.rule in ("rss", "linear") and self.is_evaluated


@dataclass(frozen=True)
class Correlation:
    """Correlation of the perturbations of two rows.

    Parameters
    ----------
    first, second : str
        Identifiers of the rows.
    r : float, optional
        Correlation coefficient; None if it is unknown.
    source : str
        Source of the coefficient.
    """

    first: str
    second: str
    r: float | None
    source: str = ""


@dataclass(frozen=True)
class Case:
    """A target, time scale, estimator or set of magnitudes for which the rows of a budget are evaluated.

    Parameters
    ----------
    id, title : str
        Identifier and name.
    reference : ReferencePoint, optional
        Reference point, if it is not the budget's.
    estimator : str, optional
        Identifier of the estimator that is judged, if it is not the budget's baseline.
    time : str
        Time scale.
    limit : Quantity, optional
        Largest error of the answer, if it is not the budget's; in the unit of the requirement.
    terms : mapping of str to Term
        Rows that differ from the budget's, by identifier.
    note : str
        Remark.
    """

    id: str
    title: str
    reference: ReferencePoint | None = None
    estimator: str | None = None
    time: TimeScale = "visit"
    limit: Quantity | None = None
    terms: Mapping[str, Term] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True)
class Budget:
    """An error budget.

    Parameters
    ----------
    id, title : str
        Identifier and title.
    requirement : Requirement
        Root of the budget.
    reference : ReferencePoint, optional
        Point at which the budget is evaluated; None for a budget without a model.
    estimators : tuple of Estimator
        Ways to fit the image; none in a budget without a model.
    terms : tuple of Term
        Rows, in the order of the document.
    source : Document
        Document of the budget, with the place of each part in its file.
    baseline : str, optional
        Identifier of the estimator that is judged; None in a budget without a model.
    cases : tuple of Case
        Cases besides the document itself.
    correlations : tuple of Correlation
        Correlations between rows without a common cause.
    time : str
        Time scale.
    publication, licence : str
        Publication that the budget was taken from, and its licence; empty for a budget of one's own.
    exclusions : tuple of Exclusion
        Parameters that no term needs to cover, each with its reason.
    case_id : str
        Identifier of the case; ``reference`` for the document itself.
    """

    id: str
    title: str
    requirement: Requirement
    reference: ReferencePoint | None
    estimators: tuple[Estimator, ...]
    terms: tuple[Term, ...]
    source: Document = field(repr=False, compare=False)
    baseline: str | None = None
    cases: tuple[Case, ...] = ()
    correlations: tuple[Correlation, ...] = ()
    time: TimeScale = "visit"
    publication: str = ""
    licence: str = ""
    case_id: str = REFERENCE_CASE
    exclusions: tuple[Exclusion, ...] = ()

    def moved(self, model: ModelName) -> tuple[str, ...]:
        """Return the parameters of a model by which the terms need the image differentiated."""
        evaluated = [term for term in self.terms if term.is_evaluated]
        return tuple(dict.fromkeys(key for term in evaluated for key in term.perturbation.moved(model)))

    @property
    def point(self) -> ReferencePoint:
        """The reference point.

        Raises
        ------
        DocumentError
            If the budget has no model.
        """
        if self.reference is None:
            problem = "the budget has no model: add reference and estimators, or evaluate it by its given numbers"
            raise self.source.error((), problem)
        return self.reference

    @property
    def undetermined(self) -> tuple[str, ...]:
        """The identifiers of the rows that are marked ``to be determined``."""
        return tuple(term.id for term in self.terms if term.to_be_determined)

    def case(self, name: str) -> Budget:
        """Return the budget of a case: the same rows with its reference point, limit, estimator and magnitudes.

        Parameters
        ----------
        name : str
            Identifier of the case; ``reference`` for the document itself.

        Raises
        ------
        UnknownKeyError
            If there is no such case.
        """
        if name == REFERENCE_CASE:
            return replace(self, cases=())
        by_id = {case.id: case for case in self.cases}
        if name not in by_id:
            raise UnknownKeyError(name, [REFERENCE_CASE, *by_id], expected="a case of the budget")
        case = by_id[name]
        number = list(by_id).index(name)
        return replace(
            self,
            source=self._case_source(number, case),
            requirement=replace(self.requirement, limit=case.limit or self.requirement.limit),
            reference=case.reference or self.reference,
            terms=tuple(case.terms.get(term.id, term) for term in self.terms),
            baseline=case.estimator or self.baseline,
            time=case.time,
            cases=(),
            case_id=name,
        )

    def _case_source(self, number: int, case: Case) -> Document:
        """Return the document with the parts of a case in their places, so that errors name the lines of the case."""
        content = self.source.data["cases"][number]
        origins: dict[Where, tuple[Document, Where]] = {(): (self.source, ())}
        if case.reference is not None:
            origins["reference",] = (self.source, ("cases", number, "reference"))
        if case.limit is not None:
            origins["requirement",] = (self.source, ("cases", number, "requirement"))
        for i, term in enumerate(self.terms):
            for name in content.get("terms", {}).get(term.id, ()):
                origins["terms", i, name] = (self.source, ("cases", number, "terms", term.id, name))
        return ComposedDocument(self.source.file, self.source.data, self.source.places, origins)

    def digest(self) -> str:
        """Return the SHA-256 of the content, parts of other documents included: ``sha256:`` and hexadecimal digits."""
        text = json.dumps(self.source.data, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
