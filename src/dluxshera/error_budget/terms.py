"""What an error budget consists of: `Budget`, its requirement, its estimators and its terms. Plain data, no jax."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from dluxshera.documents import Document

TermClass = Literal["random", "static", "drift"]
Rule = Literal["rss", "group", "linear", "informative"]
Direction: TypeAlias = Mapping[str, float | tuple[float, ...]]


@dataclass(frozen=True)
class Quantity:
    """A number with its unit, a VOUnit string."""

    value: float
    unit: str

    def as_dict(self) -> dict[str, Any]:
        """Return the quantity as plain data."""
        return {"value": self.value, "unit": self.unit}


@dataclass(frozen=True)
class Requirement:
    """The root of a budget: how well the answer must be known.

    Parameters
    ----------
    id, text, status : str
        The status says how far the value can be relied on.
    answer : str
        The parameter that is required, a key of the inference spec.
    limit : Quantity
        The largest 1-sigma error of it.
    """

    id: str
    text: str
    answer: str
    limit: Quantity
    status: str


@dataclass(frozen=True)
class Reference:
    """The point at which everything is evaluated.

    Parameters
    ----------
    text : str
        Why this point.
    system, design, target : str
        Names of what the models are built for.
    structure : mapping
        Fields of the configuration that differ from the design's.
    values : mapping of str to number or tuple
        Parameters of the forward spec that differ from its defaults.
    """

    text: str
    system: str
    design: str
    target: str
    structure: Mapping[str, Any]
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Estimator:
    """A way to fit the image: which parameters are free, all others being known.

    Parameters
    ----------
    id, title, note : str
        How it is called and what it assumes.
    free : tuple of str
        Keys of the inference spec.
    """

    id: str
    title: str
    free: tuple[str, ...]
    note: str


@dataclass(frozen=True)
class PhotonNoise:
    """The noise of the answer if all else were known.

    Parameters
    ----------
    keys : tuple of str
        Parameters of the forward spec that it depends on.
    closed_form : mapping of str to str, optional
        The keys of ``wavelength``, ``diameter``, ``log_photons`` and ``contrast`` for the floor of a clear circular
        pupil, which is shown beside it.
    """

    keys: tuple[str, ...]
    closed_form: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Marginalisation:
    """What the noise of the answer gains because other parameters are fitted with it."""


@dataclass(frozen=True)
class Step:
    """The truth is displaced along a direction of parameter space, and the estimator does not know.

    Parameters
    ----------
    model : {'forward', 'inference'}
        Whose parameters the direction names.
    direction : mapping of str to float or tuple
        What the term's magnitude is multiplied with.
    relative : bool
        The magnitude is a fraction of each parameter's value.
    """

    model: Literal["forward", "inference"]
    direction: Direction
    relative: bool = False


@dataclass(frozen=True)
class DerivedChange:
    """A step of the forward model, taken to act only by the relative change that it makes to one derived value.

    Parameters
    ----------
    derived : str
        The derived key of the forward spec.
    applied_to : str
        The parameter of the inference spec that is changed by the same fraction.
    direction : mapping of str to float or tuple
        The step, in parameters of the forward spec.
    """

    derived: str
    applied_to: str
    direction: Direction


Effect: TypeAlias = PhotonNoise | Marginalisation | Step | DerivedChange


@dataclass(frozen=True)
class Term:
    """One row of a budget.

    Parameters
    ----------
    id, name, parent : str
        The parent is the requirement or another term.
    acts : str
        How the perturbation acts, in prose.
    effect : PhotonNoise, Marginalisation, Step or DerivedChange
        The same, to be computed.
    magnitude : Quantity, optional
        The 1-sigma size of the perturbation; None where it follows from the reference point.
    evidence : mapping of str to str
        ``tag`` and ``source`` of the magnitude.
    term_class : {'random', 'static', 'drift'}
        Random terms fall with time, static ones cancel between visits, drifts do neither.
    rule : {'rss', 'group', 'linear', 'informative'}
        How it is combined (see `dluxshera.error_budget.rollup`); an informative row is left out of every sum.
    group : str, optional
        The correlation group.
    allocation : Quantity, optional
        What the budget grants it.
    owner, status, since, verification : str
        For the people who keep the budget.
    """

    id: str
    name: str
    parent: str
    acts: str
    effect: Effect
    magnitude: Quantity | None
    evidence: Mapping[str, str]
    term_class: TermClass
    rule: Rule
    group: str | None
    allocation: Quantity | None
    owner: str | None
    status: str
    since: str
    verification: str


@dataclass(frozen=True)
class Budget:
    """An error budget, as its document says it; `source` knows the place of each part in the file."""

    id: str
    title: str
    requirement: Requirement
    reference: Reference
    estimators: tuple[Estimator, ...]
    terms: tuple[Term, ...]
    source: Document = field(repr=False, compare=False)
