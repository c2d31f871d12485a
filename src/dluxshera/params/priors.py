"""Prior probability distributions of parameters. Plain numbers: what a spec can carry and a schema can show."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any

from dluxshera.errors import ParameterError

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Normal:
    """A normal distribution, the same for each element of an array.

    Parameters
    ----------
    mean, sigma : float
        In the unit of the parameter. What is known before the data come: a catalogue or design value and how far it
        can be trusted, never the truth of a simulation.

    Raises
    ------
    ParameterError
        If `mean` is not finite or `sigma` is not a positive finite number.
    """

    mean: float
    sigma: float

    def __post_init__(self) -> None:
        if not isfinite(self.mean):
            raise ParameterError("mean", expected="a finite mean of a normal prior", got=self.mean)
        if not (isfinite(self.sigma) and self.sigma > 0):
            raise ParameterError("sigma", expected="a positive standard deviation of a normal prior", got=self.sigma)

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...] = ()) -> Any:
        """Draw values of the given shape."""
        return rng.normal(self.mean, self.sigma, shape)

    def as_dict(self) -> dict[str, Any]:
        """Return the prior as plain data, as a schema shows it."""
        return {"kind": "normal", "mean": self.mean, "sigma": self.sigma}
