"""What a fit returns: `Solution`, with a result code that says how it ended, and the state to continue from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Float

from dluxshera.errors import ShapeError
from dluxshera.inference.labels import label_index
from dluxshera.params import ParameterStore


class FitResult(StrEnum):
    """How a fit ended. Only ``CONVERGED`` is an answer."""

    CONVERGED = "converged"
    POOR_FIT = "the gradient is zero, but the model does not explain the data"
    AT_BOUND = "a parameter is at its bound, and the maximum beyond"
    MAX_STEPS = "stopped at the largest number of steps"
    STALLED = "no step lowers the loss, and the gradient is not zero"
    STOPPED = "stopped by the callback"
    NON_FINITE = "the loss or its gradient is not finite"


class FitStep(NamedTuple):
    """One step of a fit."""

    loss: float
    gradient_norm: float  # whitened by Fisher plus prior: about the distance to the maximum, in units of sigma
    theta: np.ndarray
    misfit: float = np.nan  # the data's part of the loss over what noise leaves, about 1 where the model is right
    damping: float = 1.0  # by which the prior was multiplied for the step that led here


class SolverState(NamedTuple):
    """Where a fit stands, in plain arrays: to continue from it gives bit by bit what an uninterrupted fit gives.

    ``SolverState(**numpy.load(file))`` reads what ``numpy.savez(file, **state._asdict())`` wrote.
    """

    losses: Float[np.ndarray, " steps"]
    gradient_norms: Float[np.ndarray, " steps"]
    misfits: Float[np.ndarray, " steps"]
    dampings: Float[np.ndarray, " steps"]
    thetas: Float[np.ndarray, "steps n"]
    memory: Float[np.ndarray, " m"]  # of the optimiser, from one step to the next; often empty

    @property
    def theta(self) -> Float[np.ndarray, " n"]:
        """Where the fit is."""
        return self.thetas[-1]

    @property
    def damping(self) -> float:
        """By what the prior was multiplied for the last step."""
        return float(self.dampings[-1])

    @property
    def iteration(self) -> int:
        """The number of steps taken."""
        return len(self.losses) - 1

    @property
    def history(self) -> tuple[FitStep, ...]:
        """The steps, the start first."""
        columns = (self.losses, self.gradient_norms, self.thetas, self.misfits, self.dampings)
        return tuple(FitStep(float(a), float(b), c, float(d), float(e)) for a, b, c, d, e in zip(*columns, strict=True))

    @classmethod
    def of(cls, history: tuple[FitStep, ...], memory: Float[np.ndarray, " m"]) -> SolverState:
        """Return the state after the steps of a history."""
        losses, norms, thetas, misfits, dampings = (np.array(column) for column in zip(*history, strict=True))
        return cls(losses, norms, misfits, dampings, thetas, np.array(memory))


@dataclass(frozen=True)
class Solution:
    """The end of a fit.

    Parameters
    ----------
    theta : ndarray, shape (n,)
        The most probable values found.
    store : ParameterStore
        The same in a full store: what was fitted, and what was held. Of a posterior of several exposures, the first's.
    covariance : ndarray, shape (n, n)
        The Cramer-Rao bound at theta, prior included, if the fit converged.
    loss : float
        Minus the log-density of the posterior at theta, up to a constant of the data.
    result : FitResult
        How the fit ended.
    history : tuple of FitStep
        From the start to theta.
    labels : tuple of str
        A name for each element of theta.
    state : SolverState, optional
        To continue from. Of gradient descent it may be a few steps before theta: it is where coordinates were last
        chosen.
    diagnostics : mapping of str to float
        ``steps``; ``gradient_norm`` and ``misfit`` at theta; ``evaluations`` of the loss, ``expansions`` (Fisher
        matrices) and ``seconds`` of this call alone.
    provenance : mapping of str to str
        The solver and its settings.
    at_bound : tuple of str
        Labels of the elements that are held by a bound.
    """

    theta: Float[np.ndarray, " n"]
    store: ParameterStore
    covariance: Float[np.ndarray, "n n"]
    loss: float
    result: FitResult
    history: tuple[FitStep, ...]
    labels: tuple[str, ...]
    state: SolverState | None = None
    diagnostics: Mapping[str, float] = field(default_factory=dict)
    provenance: Mapping[str, str] = field(default_factory=dict)
    at_bound: tuple[str, ...] = ()

    @property
    def converged(self) -> bool:
        """Whether the fit ended at a maximum of the posterior."""
        return self.result is FitResult.CONVERGED

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
        i = label_index(label, self.labels, "the fit")
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
