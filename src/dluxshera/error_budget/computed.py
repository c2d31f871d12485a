"""Computed numbers of a budget as plain data, which the cache on disk keeps. No jax."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isclose
from typing import Any, NamedTuple

from dluxshera.error_budget.results import Driver, IndependentValue, TermResult


class ComputedEstimator(NamedTuple):
    """Formal errors of one estimator at the reference point.

    Parameters
    ----------
    sigma, conditional : float
        1-sigma error of the answer with the other parameters fitted, and with them known, in the budget's unit.
    n_parameters : int
        Number of fitted numbers.
    condition : float
        Condition number of the Fisher matrix, each parameter in units of its own sigma.
    waterfall : tuple of (str, float)
        Key of each fitted parameter after the answer, and the error of the answer with it and all before it fitted.
    """

    sigma: float
    conditional: float
    n_parameters: int
    condition: float
    waterfall: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class ComputedPoint:
    """Numbers of the reference point that no term changes.

    Parameters
    ----------
    unit : str
        Unit of all errors, that of the requirement.
    tolerance : float
        Relative amount to which the numbers are reproducible.
    estimators : mapping of str to ComputedEstimator
        Formal errors by estimator id.
    gradients : mapping of str to mapping of str to (float, bool)
        Derivative of the answer's bias by each primitive of the forward model, and whether it is above the rounding
        error; by estimator id and key.
    facts : mapping
        Facts about the reference point: system, design, target, grids and photons.
    state : mapping
        State of the detector and of the optics at the reference point.
    """

    unit: str
    tolerance: float
    estimators: Mapping[str, ComputedEstimator]
    gradients: Mapping[str, Mapping[str, tuple[float, bool]]]
    facts: Mapping[str, Any] = field(default_factory=dict)
    state: Mapping[str, Any] = field(default_factory=dict)

    def as_data(self) -> dict[str, Any]:
        """Return the numbers as plain data."""
        return {
            "unit": self.unit,
            "tolerance": self.tolerance,
            "estimators": {name: list(item) for name, item in self.estimators.items()},
            "gradients": {name: dict(items) for name, items in self.gradients.items()},
            "facts": dict(self.facts),
            "state": dict(self.state),
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> ComputedPoint:
        """Return the numbers that plain data hold."""
        return cls(
            data["unit"],
            data["tolerance"],
            {
                name: ComputedEstimator(
                    item[0], item[1], item[2], item[3], tuple((key, sigma) for key, sigma in item[4])
                )
                for name, item in data["estimators"].items()
            },
            {
                name: {key: (value, acts) for key, (value, acts) in items.items()}
                for name, items in data["gradients"].items()
            },
            data["facts"],
            data["state"],
        )


@dataclass(frozen=True)
class ComputedTerm:
    """Numbers of one term.

    Parameters
    ----------
    drivers : tuple of Driver
        Parameters that drive the term.
    results : mapping of str to TermResult
        Effects on the answer by estimator id.
    checks : tuple of IndependentValue
        Closed forms to compare with the computed values.
    magnitude : float, optional
        Magnitude of the results, in its unit; None where the reference point fixes it.
    """

    drivers: tuple[Driver, ...]
    results: Mapping[str, TermResult]
    checks: tuple[IndependentValue, ...]
    magnitude: float | None = None

    def as_data(self) -> dict[str, Any]:
        """Return the numbers as plain data."""
        return {
            "drivers": [driver._asdict() for driver in self.drivers],
            "results": {name: result._asdict() for name, result in self.results.items()},
            "checks": [check._asdict() for check in self.checks],
            "magnitude": self.magnitude,
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> ComputedTerm:
        """Return the numbers that plain data hold."""
        return cls(
            tuple(Driver(**{**item, "where": tuple(item["where"])}) for item in data["drivers"]),
            {name: TermResult(**item) for name, item in data["results"].items()},
            tuple(IndependentValue(**item) for item in data["checks"]),
            data["magnitude"],
        )

    def at(self, magnitude: float | None) -> ComputedTerm | None:
        """Return the numbers for another magnitude of the same perturbation, or None if they do not follow from these.

        They follow where every bias is proportional to the magnitude: from zero to the end of the linear range.
        """
        if magnitude == self.magnitude:
            return self
        if magnitude is None or not self.magnitude or not self._is_proportional():
            return None
        ranges = [result.linear_range for result in self.results.values() if result.linear_range is not None]
        zero = all(result.contribution == 0 for result in self.results.values())
        if not zero and max(abs(magnitude), abs(self.magnitude)) > min(ranges, default=0.0):
            return None
        ratio = magnitude / self.magnitude
        results = {name: _scaled(result, magnitude, abs(ratio)) for name, result in self.results.items()}
        return ComputedTerm(self.drivers, results, self.checks, magnitude)

    def _is_proportional(self) -> bool:
        return all(
            result.refit is None
            and result.sensitivity is not None
            and isclose(abs(result.sensitivity * (self.magnitude or 0.0)), result.contribution, rel_tol=1e-9)
            for result in self.results.values()
        )


def _scaled(result: TermResult, magnitude: float, ratio: float) -> TermResult:
    sensitivity = result.sensitivity or 0.0
    size = abs(sensitivity * magnitude)
    return result._replace(
        contribution=size,
        bias=None if result.bias is None else sensitivity * magnitude,
        sigma=None if result.sigma is None else size,
        significance=None if result.significance is None else result.significance * ratio,
        residual=None if result.residual is None else result.residual * ratio,
        resolution=None if result.resolution is None else result.resolution * ratio,
    )
