"""What a fit returns: `Solution`, with a result code that says how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Float

from dluxshera.errors import ShapeError, UnknownKeyError
from dluxshera.params.store import ParameterStore


class Result(StrEnum):
    """How a fit ended. Only ``CONVERGED`` is an answer."""

    CONVERGED = "converged"
    MAX_STEPS = "stopped at the largest number of steps"
    STALLED = "no step lowers the loss, and the gradient is not zero"
    NON_FINITE = "the loss or its gradient is not finite"


class Step(NamedTuple):
    """One step of a fit."""

    loss: float
    gradient_norm: float  # in whitened coordinates: about the distance to the maximum, in units of sigma
    theta: np.ndarray


@dataclass(frozen=True)
class Solution:
    """The end of a fit.

    Parameters
    ----------
    theta : ndarray, shape (n,)
        The most probable values found.
    store : ParameterStore
        The same in a full store: what was fitted, and what was held.
    covariance : ndarray, shape (n, n)
        The Cramer-Rao bound at theta, prior included, if the fit converged.
    loss : float
        Minus the log-density of the posterior at theta, up to a constant of the data.
    result : Result
        How the fit ended.
    history : tuple of Step
        From the start to theta.
    labels : tuple of str
        A name for each element of theta.
    """

    theta: Float[np.ndarray, " n"]
    store: ParameterStore
    covariance: Float[np.ndarray, "n n"]
    loss: float
    result: Result
    history: tuple[Step, ...]
    labels: tuple[str, ...]

    @property
    def converged(self) -> bool:
        """Whether the fit ended at a maximum of the posterior."""
        return self.result is Result.CONVERGED

    @property
    def sigma(self) -> Float[np.ndarray, " n"]:
        """The marginal 1-sigma uncertainty of each element of theta."""
        return np.sqrt(np.diag(self.covariance))

    def value_and_sigma(self, label: str) -> tuple[float, float]:
        """Return the estimate and the 1-sigma uncertainty of one parameter.

        Raises
        ------
        UnknownKeyError
            If no element of theta has that label.
        """
        if label not in self.labels:
            raise UnknownKeyError(label, self.labels, expected="a label of the fit")
        i = self.labels.index(label)
        return float(self.theta[i]), float(self.sigma[i])

    def pulls(self, truth: Float[Array | np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """Return (estimate - truth) / sigma for each element of theta: of unit variance if the fit is honest.

        Raises
        ------
        ShapeError
            If the truth has not one number for each element.
        """
        truth = np.asarray(truth, dtype=float)
        if truth.shape != self.theta.shape:
            raise ShapeError("truth", expected=f"a vector of {self.theta.size} numbers", got=truth)
        return (self.theta - truth) / self.sigma
