r"""Behaviour of a term in time: variance of an average, and of the difference of two averages. No jax.

A budget is reported for an average over a frame, 1 s, 30 s or a visit, and for the difference of two visits. For a
process with the one-sided power spectral density :math:`S(f)` their variances are, with averages over :math:`T` that
start :math:`D` apart,

.. math:: \operatorname{var}(\bar x_T) = \int_0^\infty S(f) \operatorname{sinc}^2(f T) \, df, \qquad
    \operatorname{var}(\bar x_{T,D} - \bar x_T) = \int_0^\infty S(f) \operatorname{sinc}^2(f T)
    \, 4 \sin^2(\pi f D) \, df,

where :math:`\operatorname{sinc}(x) = \sin(\pi x) / (\pi x)`. The second exists for processes of infinite variance, such
as a random walk, too.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, sqrt
from typing import Any, ClassVar, Final, Self

import numpy as np
from jaxtyping import Float

from dluxshera.error_budget.schema_parts import choice_schema
from dluxshera.errors import BoundsError, ParameterError, UnknownKeyError

SCALE_NAMES: Final = ("frame", "1 s", "30 s", "visit", "visit difference")


@dataclass(frozen=True)
class TimeScale:
    """A time scale of a budget: an average, or the difference of two averages.

    Parameters
    ----------
    name : str
        Name, such as ``visit``.
    duration_s : float
        Time T over which the answer is averaged, seconds.
    lag_s : float, optional
        Time D between the starts of two averages whose difference counts, seconds; None for one average.
    """

    name: str
    duration_s: float
    lag_s: float | None = None

    def __post_init__(self) -> None:
        check_positive(self.name, {"duration_s": self.duration_s})
        if self.lag_s is not None and not self.duration_s <= self.lag_s < float("inf"):
            raise BoundsError(
                f"{self.name}.lag_s",
                expected=f"at least the duration of {self.duration_s:g} s",
                got=self.lag_s,
                remedy="Averages may not overlap",
            )


def time_scales(
    *, frame_s: float = 0.05, visit_s: float = 1800.0, revisit_s: float = 30.0 * 86400.0
) -> dict[str, TimeScale]:
    """Return the time scales of a budget by name: frame, 1 s, 30 s, visit, and visit difference.

    Parameters
    ----------
    frame_s, visit_s : float
        Exposure time of a frame and of a visit, seconds.
    revisit_s : float
        Time from the start of one visit to that of the next, seconds.

    Examples
    --------
    >>> list(time_scales())
    ['frame', '1 s', '30 s', 'visit', 'visit difference']
    """
    durations = dict(zip(SCALE_NAMES, (frame_s, 1.0, 30.0, visit_s, visit_s), strict=True))
    lags = {"visit difference": revisit_s}
    return {name: TimeScale(name, duration, lags.get(name)) for name, duration in durations.items()}


class TemporalModel(ABC):
    """Behaviour of a term in time; abstract.

    The size of a model is a density or a variance, in the square of the unit of the term (per hertz for a density).
    With the default size only the shape matters: `error` scales a magnitude that is stated at one time scale.
    """

    kind: ClassVar[str]

    @classmethod
    @abstractmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema of the model in a document, a `record_schema` without its ``kind``."""

    @classmethod
    @abstractmethod
    def parse(cls, content: Mapping[str, Any]) -> Self:
        """Return the model that a document describes; `content` satisfies the schema."""

    @abstractmethod
    def average_variance(self, duration_s: float) -> float:
        """Return the variance of an average over a time.

        Parameters
        ----------
        duration_s : float
            Time T of the average, seconds.
        """

    @abstractmethod
    def difference_of(self, duration_s: float, lags_s: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"] | float:
        """Return the same as `difference_variance`; lags are an array."""

    def difference_variance(self, duration_s: float, lag_s: Float[np.ndarray, "*n"] | float) -> Float[np.ndarray, "*n"]:
        """Return the variance of the difference of two averages.

        Parameters
        ----------
        duration_s : float
            Time T of each average, seconds.
        lag_s : float or ndarray
            Time D between the starts of the averages, seconds; averages of a lag below T overlap.
        """
        return np.asarray(self.difference_of(duration_s, np.asarray(lag_s, float)))

    def variance(self, scale: TimeScale) -> float:
        """Return the variance at a time scale.

        Parameters
        ----------
        scale : TimeScale
            Average, or difference of two averages.
        """
        if scale.lag_s is None:
            return self.average_variance(scale.duration_s)
        return float(self.difference_variance(scale.duration_s, scale.lag_s))

    def error(self, magnitude: float, *, stated_at: TimeScale, scale: TimeScale) -> float:
        """Return the standard deviation at one time scale of a term whose magnitude is stated at another.

        Parameters
        ----------
        magnitude : float
            Standard deviation at `stated_at`, in any unit.
        stated_at, scale : TimeScale
            Time scale of the magnitude, and of the result.

        Raises
        ------
        ParameterError
            If the term vanishes at the time scale of its magnitude, such as a constant in the difference of two visits.

        Examples
        --------
        >>> from dluxshera.error_budget import WhiteNoise, time_scales
        >>> scales = time_scales(frame_s=0.05, visit_s=1800.0)
        >>> round(WhiteNoise().error(190.0, stated_at=scales["frame"], scale=scales["visit"]), 4)
        1.0014
        """
        variance = self.variance(stated_at)
        if not variance > 0.0:
            raise ParameterError(
                "time",
                expected=f"a term that acts at the time scale of its magnitude, {stated_at.name!r}",
                got=f"{self.kind}, which vanishes there",
                remedy="State the magnitude at another time scale",
            )
        return magnitude * sqrt(self.variance(scale) / variance)


def stated_at_schema() -> dict[str, Any]:
    """Return the JSON Schema of the time scale at which the magnitude of a term is stated."""
    return choice_schema(
        "Time scale at which the magnitude of the term is stated; the model is scaled to it. Without it densities and "
        "rates are absolute.",
        list(SCALE_NAMES),
    )


def time_schema(models: Sequence[type[TemporalModel]]) -> dict[str, Any]:
    """Return the JSON Schema of the behaviour of a term in time, assembled from the schemas of the models.

    Parameters
    ----------
    models : sequence of TemporalModel classes
        Models to choose from.
    """
    branches = []
    for model in models:
        schema = model.schema()
        properties = {
            "kind": {"const": model.kind},
            "stated_at": stated_at_schema(),
            **schema["properties"],
        }
        branches.append(
            {
                "if": {"properties": {"kind": {"const": model.kind}}, "required": ["kind"]},
                "then": {**schema, "required": ["kind", *schema["required"]], "properties": properties},
            }
        )
    return {
        "type": "object",
        "description": "Behaviour of the term in time.",
        "required": ["kind"],
        "properties": {"kind": choice_schema("Temporal model.", [model.kind for model in models])},
        "allOf": branches,
    }


def parse_model(content: Mapping[str, Any], models: Sequence[type[TemporalModel]]) -> TemporalModel:
    """Return the temporal model that a document describes.

    Parameters
    ----------
    content : mapping
        Description; satisfies `time_schema`.
    models : sequence of TemporalModel classes
        Models to choose from.
    """
    by_kind = {model.kind: model for model in models}
    if (kind := content.get("kind")) not in by_kind:
        raise UnknownKeyError(str(kind), by_kind, expected="the kind of a temporal model")
    return by_kind[str(kind)].parse(content)


def check_positive(where: str, numbers: Mapping[str, float]) -> None:
    """Raise a BoundsError that names the first number that is not positive and finite."""
    for name, value in numbers.items():
        if not (isfinite(value) and value > 0.0):
            raise BoundsError(f"{where}.{name}", expected="a positive number", got=value)


def check_density(where: str, name: str, value: float) -> None:
    """Raise a BoundsError if a density or variance is negative or not finite."""
    if not (isfinite(value) and value >= 0.0):
        raise BoundsError(
            f"{where}.{name}",
            expected="a number of at least 0",
            got=value,
            remedy="A power spectral density is never negative",
        )


def number_schema(description: str, **limits: float) -> dict[str, Any]:
    """Return the schema of a number within limits."""
    return {"type": "number", "description": description, **limits}


DENSITY: Final = number_schema(
    "One-sided power spectral density, in the square of the unit of the term per hertz.", minimum=0
)
