"""A temporal model from a table of power spectral densities. No jax."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import pi
from typing import Any, ClassVar, Final, Self, final

import numpy as np
from jaxtyping import Float

from dluxshera.error_budget.schema_parts import list_schema, record_schema
from dluxshera.error_budget.time import DENSITY, TemporalModel, check_density, check_positive, number_schema
from dluxshera.errors import ParameterError, ShapeError

PER_DECADE: Final = 400  # points: the error of a straight line is 2e-5 of a density that falls with the square
LOBES, PER_LOBE = 30, 40  # of the squared sinc; beyond, its mean
_CHUNK: Final = 256  # lags at a time


@final
@dataclass(frozen=True)
class TabulatedDensity(TemporalModel):
    """A one-sided power spectral density from a table, with straight lines between its points in logarithms.

    There is no noise outside the table.

    Parameters
    ----------
    frequencies_hz : tuple of float
        Frequencies in ascending order, hertz; at least two.
    densities : tuple of float
        Density at each frequency, in the square of the unit of the term per hertz.
    """

    frequencies_hz: tuple[float, ...]
    densities: tuple[float, ...]
    kind: ClassVar[str] = "table"

    def __post_init__(self) -> None:
        if len(self.frequencies_hz) < 2 or len(self.frequencies_hz) != len(self.densities):
            raise ShapeError(
                "time.densities",
                expected="one density for each of at least two frequencies",
                got=f"{len(self.frequencies_hz)} frequencies and {len(self.densities)} densities",
            )
        check_positive("time", {f"frequencies_hz[{i}]": value for i, value in enumerate(self.frequencies_hz)})
        for i, density in enumerate(self.densities):
            check_density("time", f"densities[{i}]", density)
        for i, (one, other) in enumerate(zip(self.frequencies_hz, self.frequencies_hz[1:], strict=False)):
            if not one < other:
                raise ParameterError(
                    f"time.frequencies_hz[{i + 1}]",
                    expected=f"a frequency above the one before it, {one:g}",
                    got=other,
                    remedy="Sort the table by frequency",
                )

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema."""
        frequency = number_schema("Frequency, hertz.", exclusiveMinimum=0)
        return record_schema(
            "A table of the one-sided power spectral density; straight lines between its points in logarithms.",
            {
                "frequencies_hz": list_schema("Frequencies in ascending order, hertz.", frequency, minItems=2),
                "densities": list_schema("Density at each frequency.", DENSITY, minItems=2),
            },
        )

    @classmethod
    def parse(cls, content: Mapping[str, Any]) -> Self:
        """Return the model that a document describes."""
        return cls(tuple(map(float, content["frequencies_hz"])), tuple(map(float, content["densities"])))

    def average_variance(self, duration_s: float) -> float:
        """Return the integral of the density times the squared sinc."""
        frequencies, density = self._filtered(duration_s)
        return float(np.trapezoid(density, frequencies))

    def difference_of(self, duration_s: float, lags_s: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"] | float:
        """Return the integral of the density times the squared sinc and four times the squared sine of the lag."""
        frequencies, density = self._filtered(duration_s)
        unique, place = np.unique(lags_s.ravel(), return_inverse=True)
        values = np.concatenate([_one_less_cosine(frequencies, density, part) for part in _parts(unique)])
        return 2.0 * values[place].reshape(lags_s.shape)

    def _filtered(self, duration_s: float) -> tuple[np.ndarray, np.ndarray]:
        """Return frequencies between which density times squared sinc is close to straight, and its values there."""
        first, last = self.frequencies_hz[0], self.frequencies_hz[-1]
        decades = np.log10(last / first)
        even = np.geomspace(first, last, int(PER_DECADE * decades) + 2)
        lobes = np.arange(LOBES * PER_LOBE) / (PER_LOBE * duration_s)  # resolve the squared sinc
        inside = lobes[(lobes > first) & (lobes < last)]
        frequencies = np.unique(np.concatenate([even, inside, self.frequencies_hz]))
        frequencies[0], frequencies[-1] = first, last  # unrounded
        cycles = frequencies * duration_s
        response = np.where(cycles < LOBES, np.sinc(cycles) ** 2, 0.5 / (pi * np.maximum(cycles, 1.0)) ** 2)
        return frequencies, response * self._density(frequencies)

    def _density(self, frequencies: np.ndarray) -> np.ndarray:
        table, densities = np.asarray(self.frequencies_hz), np.asarray(self.densities)
        place = np.clip(np.searchsorted(table, frequencies, side="right") - 1, 0, len(table) - 2)
        one, other, low, high = table[place], table[place + 1], densities[place], densities[place + 1]
        share = np.clip(np.log(frequencies / one) / np.log(other / one), 0.0, 1.0)
        positive = (low > 0.0) & (high > 0.0)  # a straight line to a density of zero
        powers = np.where(positive, low, 1.0) ** (1.0 - share) * np.where(positive, high, 1.0) ** share
        return np.where(positive, powers, low + (high - low) * (frequencies - one) / (other - one))


def _parts(lags: np.ndarray) -> list[np.ndarray]:
    return [lags[i : i + _CHUNK] for i in range(0, len(lags), _CHUNK)]


def _one_less_cosine(frequencies: np.ndarray, density: np.ndarray, lags: np.ndarray) -> np.ndarray:
    r"""Return :math:`\int g(f) (1 - \cos 2 \pi f D) df` for each lag, exact for straight lines between the points."""
    omega = 2.0 * pi * lags[:, None]
    left, right = frequencies[:-1], frequencies[1:]
    slope = np.diff(density) / np.diff(frequencies)
    slow = omega * right < 0.05  # where the exact formula cancels, the integrand is close to straight
    safe = np.where(omega > 0.0, omega, 1.0)
    sines = np.sin(safe * frequencies)
    first = np.diff(density * sines, axis=1) / safe
    # cos b - cos a = -2 sin((a + b) / 2) sin((b - a) / 2)
    second = -2.0 * slope * np.sin(safe * (left + right) / 2.0) * np.sin(safe * (right - left) / 2.0) / safe**2
    area = (density[:-1] + density[1:]) / 2.0 * (right - left)
    exact = area - first - second
    ends = density * 2.0 * np.sin(omega * frequencies / 2.0) ** 2
    straight = (ends[:, :-1] + ends[:, 1:]) / 2.0 * (right - left)
    return np.sum(np.where(slow, straight, exact), axis=1)
