"""Prior probability distributions of parameters, as plain numbers that a spec and a schema can hold.

The numbers of a prior are in the unit of its parameter, or log10 of it for a logarithmic parameter. The elements
of an array have the same prior, independently. `log_density` is normalised, takes NumPy and JAX arrays, and is
minus infinity outside the support, with derivatives that are finite everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import erfc, isfinite, log, pi, sqrt
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from dluxshera.errors import ParameterError
from dluxshera.units import check_plain

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Normal:
    """A normal distribution.

    Parameters
    ----------
    mean, sigma : float
        Mean and standard deviation in the unit of the parameter, from a catalogue or a design and its uncertainty,
        never the truth of a simulation.

    Raises
    ------
    ParameterError
        If `mean` is not finite or `sigma` is not a positive finite number.
    """

    mean: float
    sigma: float
    kind: ClassVar[str] = "normal"

    def __post_init__(self) -> None:
        _check_normal(self.mean, self.sigma)

    @property
    def support(self) -> tuple[float, float]:
        """The interval outside which the density is zero."""
        return (-float("inf"), float("inf"))

    def log_density(self, value: Any) -> Any:
        """Return the log of the density at a value, element by element."""
        return -0.5 * ((value - self.mean) / self.sigma) ** 2 - log(self.sigma * sqrt(2 * pi))

    @property
    def centre(self) -> float:
        """The mean."""
        return self.mean

    def mass(self, low: float, high: float) -> float:
        """Return the probability between two limits."""
        return _normal_mass(self.mean, self.sigma, low, high)

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...] = ()) -> Any:
        """Draw values of the given shape."""
        return rng.normal(self.mean, self.sigma, shape)

    def as_dict(self) -> dict[str, Any]:
        """Return the prior as plain data."""
        return _as_dict(self)


@dataclass(frozen=True)
class TruncatedNormal:
    """A normal distribution truncated at two limits, and normalised between them.

    Parameters
    ----------
    mean, sigma : float
        Mean and standard deviation before truncation; the mean need not lie between the limits.
    low, high : float
        Limits, finite or infinite.

    Raises
    ------
    ParameterError
        If a number is not accepted, or less than a thousandth of the normal distribution lies between the limits.
    """

    mean: float
    sigma: float
    low: float
    high: float
    kind: ClassVar[str] = "truncated_normal"

    def __post_init__(self) -> None:
        _check_normal(self.mean, self.sigma)
        check_plain(low=self.low, high=self.high)
        if not self.low < self.high:
            raise ParameterError("low", expected=f"a lower limit below high = {self.high}", got=self.low)
        if self._mass < 1e-3:
            raise ParameterError(
                "low", expected="limits that hold at least 1e-3 of the normal distribution", got=(self.low, self.high)
            )

    @property
    def support(self) -> tuple[float, float]:
        """The interval outside which the density is zero."""
        return (self.low, self.high)

    @property
    def centre(self) -> float:
        """The mean before truncation."""
        return self.mean

    def mass(self, low: float, high: float) -> float:
        """Return the probability between two limits."""
        low, high = max(low, self.low), min(high, self.high)
        return _normal_mass(self.mean, self.sigma, low, high) / self._mass if low < high else 0.0

    @property
    def _mass(self) -> float:
        return _normal_mass(self.mean, self.sigma, self.low, self.high)

    def log_density(self, value: Any) -> Any:
        """Return the log of the density at a value, element by element."""
        within = Normal(self.mean, self.sigma).log_density(value) - log(self._mass)
        return _inside(value, *self.support, within)

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...] = ()) -> Any:
        """Draw values of the given shape."""
        drawn = rng.normal(self.mean, self.sigma, (*shape, 1))  # one more dimension to index below
        while (outside := (drawn < self.low) | (drawn > self.high)).any():
            drawn[outside] = rng.normal(self.mean, self.sigma, outside.sum())
        return drawn[..., 0]

    def as_dict(self) -> dict[str, Any]:
        """Return the prior as plain data, without infinite limits, which JSON does not have."""
        return {name: value for name, value in _as_dict(self).items() if name == "kind" or isfinite(value)}


@dataclass(frozen=True)
class Uniform:
    """A uniform density between two limits.

    Parameters
    ----------
    low, high : float
        Limits, which belong to the support.

    Raises
    ------
    ParameterError
        If the limits are not finite and in order.
    """

    low: float
    high: float
    kind: ClassVar[str] = "uniform"

    def __post_init__(self) -> None:
        _check_limits(self.low, self.high)

    @property
    def support(self) -> tuple[float, float]:
        """The interval outside which the density is zero."""
        return (self.low, self.high)

    @property
    def centre(self) -> float:
        """The middle of the support."""
        return 0.5 * (self.low + self.high)

    def mass(self, low: float, high: float) -> float:
        """Return the probability between two limits."""
        return max(min(high, self.high) - max(low, self.low), 0.0) / (self.high - self.low)

    def log_density(self, value: Any) -> Any:
        """Return the log of the density at a value, element by element."""
        return _inside(value, self.low, self.high, 0.0 * value - log(self.high - self.low))

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...] = ()) -> Any:
        """Draw values of the given shape."""
        return rng.uniform(self.low, self.high, shape)

    def as_dict(self) -> dict[str, Any]:
        """Return the prior as plain data."""
        return _as_dict(self)


@dataclass(frozen=True)
class LogUniform:
    """A density uniform in the logarithm, between two positive limits. Suits a scale parameter.

    Parameters
    ----------
    low, high : float
        Limits, which belong to the support.

    Raises
    ------
    ParameterError
        If the limits are not positive, finite and in order.
    """

    low: float
    high: float
    kind: ClassVar[str] = "log_uniform"

    def __post_init__(self) -> None:
        _check_limits(self.low, self.high)
        if self.low <= 0:
            raise ParameterError("low", expected="a positive lower limit of a log-uniform prior", got=self.low)

    @property
    def support(self) -> tuple[float, float]:
        """The interval outside which the density is zero."""
        return (self.low, self.high)

    @property
    def centre(self) -> float:
        """The middle of the support."""
        return 0.5 * (self.low + self.high)

    def mass(self, low: float, high: float) -> float:
        """Return the probability between two limits."""
        low, high = max(low, self.low), min(high, self.high)
        return log(high / low) / log(self.high / self.low) if low < high else 0.0

    def log_density(self, value: Any) -> Any:
        """Return the log of the density at a value, element by element."""
        xp = _namespace(value)
        safe = xp.where(value > 0, value, self.low)  # a logarithm that is cut off later would still spoil gradients
        return _inside(value, self.low, self.high, -xp.log(safe) - log(log(self.high / self.low)))

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...] = ()) -> Any:
        """Draw values of the given shape."""
        drawn = _namespace(None).exp(rng.uniform(log(self.low), log(self.high), shape))
        return drawn.clip(self.low, self.high)  # the exponential may round beyond a limit

    def as_dict(self) -> dict[str, Any]:
        """Return the prior as plain data."""
        return _as_dict(self)


Prior: TypeAlias = Normal | TruncatedNormal | Uniform | LogUniform
PRIORS: dict[str, type[Prior]] = {cls.kind: cls for cls in (Normal, TruncatedNormal, Uniform, LogUniform)}


def _namespace(value: Any) -> Any:
    import numpy as np  # a spec needs none

    return value.__array_namespace__() if hasattr(value, "__array_namespace__") else np


def _inside(value: Any, low: float, high: float, log_density: Any) -> Any:
    xp = _namespace(value)
    return xp.where((value >= low) & (value <= high), log_density, -xp.inf)


def _normal_mass(mean: float, sigma: float, low: float, high: float) -> float:
    below, above = ((limit - mean) / (sigma * sqrt(2)) for limit in (low, high))
    return 0.5 * (erfc(below) - erfc(above)) if below > 0 else 0.5 * (erfc(-above) - erfc(-below))


def _check_normal(mean: float, sigma: float) -> None:
    check_plain(mean=mean, sigma=sigma)
    if not isfinite(mean):
        raise ParameterError("mean", expected="a finite mean of a normal prior", got=mean)
    if not (isfinite(sigma) and sigma > 0):
        raise ParameterError("sigma", expected="a positive standard deviation of a normal prior", got=sigma)


def _check_limits(low: float, high: float) -> None:
    check_plain(low=low, high=high)
    if not (isfinite(low) and isfinite(high) and low < high):
        raise ParameterError("low", expected="two finite limits of a uniform prior, in order", got=(low, high))


def _as_dict(prior: Prior) -> dict[str, Any]:
    return {"kind": prior.kind, **{item.name: getattr(prior, item.name) for item in fields(prior)}}
