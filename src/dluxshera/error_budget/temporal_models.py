"""The temporal models of a term: constant, white, flicker, random walk, periodic, and a table of densities. No jax."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import pi
from typing import Any, ClassVar, Final, Self, final

import numpy as np
from jaxtyping import Float

from dluxshera.error_budget.schema_parts import record_schema
from dluxshera.error_budget.tabulated_density import TabulatedDensity
from dluxshera.error_budget.time import (
    DENSITY,
    TemporalModel,
    check_density,
    check_positive,
    number_schema,
    parse_model,
    time_schema,
)


@final
@dataclass(frozen=True)
class ConstantOffset(TemporalModel):
    """A constant error: averages do not reduce it, and it cancels in the difference of two visits.

    Parameters
    ----------
    variance_of_level : float
        Square of its standard deviation, in the square of the unit of the term.
    """

    variance_of_level: float = 1.0
    kind: ClassVar[str] = "constant"

    def __post_init__(self) -> None:
        check_density("time", "variance_of_level", self.variance_of_level)

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema."""
        return record_schema("An error that does not change.", {})

    @classmethod
    def parse(cls, content: Mapping[str, Any]) -> Self:
        """Return the model that a document describes."""
        return cls()

    def average_variance(self, duration_s: float) -> float:
        """Return the variance of the level."""
        return self.variance_of_level

    def difference_of(self, duration_s: float, lags_s: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"] | float:
        """Return zero."""
        return np.zeros(lags_s.shape)


@final
@dataclass(frozen=True)
class WhiteNoise(TemporalModel):
    r"""An error that is independent from frame to frame: :math:`S / 2T` for an average.

    Parameters
    ----------
    density : float
        One-sided power spectral density S. It is ``2 t s**2`` for the standard deviation ``s`` of frames of ``t``
        seconds.
    """

    density: float = 1.0
    kind: ClassVar[str] = "white"

    def __post_init__(self) -> None:
        check_density("time", "density", self.density)

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema."""
        return record_schema("An error that is independent from frame to frame.", {}, {"density": DENSITY})

    @classmethod
    def parse(cls, content: Mapping[str, Any]) -> Self:
        """Return the model that a document describes."""
        return cls(float(content.get("density", 1.0)))

    def average_variance(self, duration_s: float) -> float:
        """Return S / 2T."""
        return self.density / (2.0 * duration_s)

    def difference_of(self, duration_s: float, lags_s: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"] | float:
        """Return S / T times the share of each average that the other does not cover."""
        return self.density / duration_s * np.minimum(lags_s / duration_s, 1.0)


@final
@dataclass(frozen=True)
class FlickerNoise(TemporalModel):
    r"""Flicker noise, :math:`S(f) = h / f` above a lowest frequency.

    Parameters
    ----------
    lowest_frequency_hz : float
        Frequency below which there is no noise, hertz: one over the time since the last calibration. It decides the
        variance of an average, and the difference of averages much closer than one over it hardly depends on it.
    density : float
        Density h at 1 Hz.
    """

    lowest_frequency_hz: float
    density: float = 1.0
    kind: ClassVar[str] = "flicker"

    def __post_init__(self) -> None:
        check_positive("time", {"lowest_frequency_hz": self.lowest_frequency_hz})
        check_density("time", "density", self.density)

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema."""
        lowest = number_schema(
            "Frequency below which there is no noise, hertz: one over the time since the last calibration.",
            exclusiveMinimum=0,
        )
        return record_schema("Flicker noise, h / f.", {"lowest_frequency_hz": lowest}, {"density": DENSITY})

    @classmethod
    def parse(cls, content: Mapping[str, Any]) -> Self:
        """Return the model that a document describes."""
        return cls(float(content["lowest_frequency_hz"]), float(content.get("density", 1.0)))

    def average_variance(self, duration_s: float) -> float:
        r"""Return :math:`h \int \mathrm{sinc}^2(f T) df / f` above the lowest frequency."""
        from scipy.special import sici

        x = 2.0 * pi * self.lowest_frequency_hz * duration_s
        if x < 1e-3:  # the leading terms of what follows, which cancel
            return self.density * (1.5 - np.euler_gamma - float(np.log(x)) + x * x / 24.0)
        # integral of (1 - cos u) * 2 / u^3 du from x
        return float(self.density * ((1.0 - np.cos(x)) / x**2 + np.sin(x) / x - sici(x)[1]))

    def difference_of(self, duration_s: float, lags_s: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"] | float:
        """Return the variance for averages much closer than one over the lowest frequency, which it does not need."""
        return 2.0 * self.density * _logarithmic(np.asarray(lags_s / duration_s))


def _logarithmic(x: np.ndarray) -> np.ndarray:
    """Return the average of ln|u| over two intervals of length 1 that start x apart, less that for x = 0."""
    far = x >= 1.0
    y = 1.0 / np.where(far, np.maximum(x, 1.0), 1.0)
    near = np.where(far, 0.5, x)
    with np.errstate(divide="ignore", invalid="ignore"):
        # each square vanishes faster than its logarithm grows
        below = np.where(y < 1.0, (1.0 - y) ** 2 * np.log1p(-y), 0.0)
        large = -np.log(y) + ((1.0 + y) ** 2 * np.log1p(y) + below) / (2.0 * y * y)
        middle = np.where(near > 0.0, near**2 * np.log(near), 0.0)
    small = ((1.0 + near) ** 2 * np.log1p(near) + (1.0 - near) ** 2 * np.log1p(-near)) / 2.0 - middle
    return np.where(far, large, small)


@final
@dataclass(frozen=True)
class RandomWalk(TemporalModel):
    r"""A random walk, whose variance grows by q each second: :math:`S(f) = q / (2 \pi^2 f^2)`.

    Parameters
    ----------
    rate : float
        Growth q of the variance, in the square of the unit of the term per second.
    since_calibration_s : float
        Time from the last calibration, which makes the error zero, to the start of an average, seconds.
    """

    rate: float = 1.0
    since_calibration_s: float = 0.0
    kind: ClassVar[str] = "random walk"

    def __post_init__(self) -> None:
        check_density("time", "rate", self.rate)
        check_density("time", "since_calibration_s", self.since_calibration_s)

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema."""
        rate = number_schema("Growth of the variance, in the square of the unit of the term per second.", minimum=0)
        since = number_schema("Time from the last calibration to the start of an average, seconds.", minimum=0)
        return record_schema("A random walk.", {}, {"rate": rate, "since_calibration_s": since})

    @classmethod
    def parse(cls, content: Mapping[str, Any]) -> Self:
        """Return the model that a document describes."""
        return cls(float(content.get("rate", 1.0)), float(content.get("since_calibration_s", 0.0)))

    def average_variance(self, duration_s: float) -> float:
        """Return q times the time since the calibration plus T / 3."""
        return self.rate * (self.since_calibration_s + duration_s / 3.0)

    def difference_of(self, duration_s: float, lags_s: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"] | float:
        """Return q (D - T / 3) for averages that do not overlap."""
        x = lags_s / duration_s
        return self.rate * duration_s * np.where(x >= 1.0, x - 1.0 / 3.0, x * x * (1.0 - x / 3.0))


@final
@dataclass(frozen=True)
class Periodic(TemporalModel):
    """A sinusoid of unknown phase, such as a temperature that follows the orbit of the spacecraft.

    Parameters
    ----------
    period_s : float
        Period, seconds.
    variance_of_sinusoid : float
        Variance of the sinusoid: half the square of its amplitude, in the square of the unit of the term.
    """

    period_s: float
    variance_of_sinusoid: float = 1.0
    kind: ClassVar[str] = "periodic"

    def __post_init__(self) -> None:
        check_positive("time", {"period_s": self.period_s})
        check_density("time", "variance_of_sinusoid", self.variance_of_sinusoid)

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema."""
        period = number_schema("Period, seconds: that of the orbit of the spacecraft, for example.", exclusiveMinimum=0)
        return record_schema("A sinusoid of unknown phase.", {"period_s": period})

    @classmethod
    def parse(cls, content: Mapping[str, Any]) -> Self:
        """Return the model that a document describes."""
        return cls(float(content["period_s"]))

    def average_variance(self, duration_s: float) -> float:
        """Return the variance times the squared sinc of the number of periods in an average."""
        return float(self.variance_of_sinusoid * np.sinc(duration_s / self.period_s) ** 2)

    def difference_of(self, duration_s: float, lags_s: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"] | float:
        """Return the variance of the difference, which vanishes for averages whole periods apart."""
        return self.average_variance(duration_s) * 4.0 * np.sin(pi * lags_s / self.period_s) ** 2


MODELS: Final[tuple[type[TemporalModel], ...]] = (
    ConstantOffset,
    WhiteNoise,
    FlickerNoise,
    RandomWalk,
    Periodic,
    TabulatedDensity,
)


def temporal_schema() -> dict[str, Any]:
    """Return the JSON Schema of ``time: {kind: ..., stated_at: ..., ...}`` in a row of a budget."""
    return time_schema(MODELS)


def parse_temporal_model(content: Mapping[str, Any]) -> TemporalModel:
    """Return the temporal model that ``time: {kind: ..., ...}`` describes.

    Parameters
    ----------
    content : mapping
        Description; satisfies `temporal_schema`.

    Raises
    ------
    BoundsError
        If a density is negative, or a frequency or a period is not positive.
    ParameterError
        If the frequencies of a table do not ascend, or the kind is unknown.

    Examples
    --------
    >>> model = parse_temporal_model({"kind": "random walk", "rate": 2.0})
    >>> float(model.difference_variance(30.0, 100.0))
    180.0
    """
    return parse_model(content, MODELS)
