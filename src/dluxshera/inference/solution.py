"""Solution of a fit: estimates and covariance, a result code, and the state to continue from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Float

from dluxshera.errors import ShapeError
from dluxshera.inference.labels import key_of, label_index
from dluxshera.inference.misfit import Misfit
from dluxshera.params import ParameterStore, ParamSpec


class FitResult(StrEnum):
    """Result code of a fit: why the solver stopped. Only ``CONVERGED`` is an answer.

    The code does not depend on whether the model explains the data; see `Solution.misfit`.
    """

    CONVERGED = "converged"
    AT_BOUND = "a parameter is at its bound, and the maximum beyond"
    MAX_STEPS = "stopped at the largest number of steps"
    STALLED = "no step lowers the loss, and the gradient is not zero"
    STOPPED = "stopped by the callback"
    NON_FINITE = "the loss or its gradient is not finite"


class FitStep(NamedTuple):
    """One step of a fit.

    Parameters
    ----------
    loss : float
        Loss at theta.
    gradient_norm : float
        Gradient whitened by Fisher plus prior: about the distance to the maximum, in units of sigma.
    theta : ndarray, shape (n,)
        Theta after the step.
    misfit : float
        Deviance divided by the number of pixels, about 1 for a correct model.
    damping : float
        Factor on the precision of the prior in this step.
    """

    loss: float
    gradient_norm: float
    theta: np.ndarray
    misfit: float = np.nan
    damping: float = 1.0


class SolverState(NamedTuple):
    """State of a fit, as plain arrays. A fit continued from it equals an uninterrupted fit bit by bit.

    ``SolverState(**numpy.load(file))`` reads the file of ``numpy.savez(file, **state._asdict())``.

    Parameters
    ----------
    losses, gradient_norms, misfits, dampings : ndarray, shape (steps,)
        Values at each step; see `FitStep`.
    thetas : ndarray, shape (steps, n)
        Theta at each step.
    memory : ndarray, shape (m,)
        State of the optimiser between two steps; often empty.
    """

    losses: Float[np.ndarray, " steps"]
    gradient_norms: Float[np.ndarray, " steps"]
    misfits: Float[np.ndarray, " steps"]
    dampings: Float[np.ndarray, " steps"]
    thetas: Float[np.ndarray, "steps n"]
    memory: Float[np.ndarray, " m"]

    @property
    def theta(self) -> Float[np.ndarray, " n"]:
        """The current theta."""
        return self.thetas[-1]

    @property
    def damping(self) -> float:
        """The factor on the prior's precision in the last step."""
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
    """Solution of a fit.

    Parameters
    ----------
    theta : ndarray, shape (n,)
        Most probable values.
    store : ParameterStore
        Full store at theta. For a posterior of several exposures, that of the first one.
    covariance : ndarray, shape (n, n)
        Cramer-Rao bound at theta, prior included; the covariance of the estimates if the fit converged.
    loss : float
        Minus the log-density of the posterior at theta, up to a constant of the data.
    result : FitResult
        Result code.
    history : tuple of FitStep
        Steps from the start to theta.
    labels : tuple of str
        A name for each element of theta.
    state : SolverState, optional
        State to continue from. In gradient descent it may be a few steps older than theta: the state at the last
        choice of coordinates.
    diagnostics : mapping of str to float
        ``steps``; at theta ``gradient_norm`` and the three numbers of the misfit, ``misfit``, ``misfit_expected`` and
        ``misfit_sigma``; ``evaluations`` of the loss, ``expansions`` (Fisher matrices) and ``seconds`` of this call
        alone.
    provenance : mapping of str to str
        The solver and its settings.
    at_bound : tuple of str
        Labels of the elements at a bound, with the loss falling beyond it.
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
        """True if the fit ended at a maximum of the posterior, with any misfit."""
        return self.result is FitResult.CONVERGED

    @property
    def misfit(self) -> Misfit:
        """The deviance per pixel at theta, compared with that of noise alone."""
        return Misfit.recorded(self.diagnostics)

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
        """Return (estimate - truth) / sigma of each element of theta: of unit variance if the covariance is correct.

        The difference of a circular parameter is the shorter way round.

        Raises
        ------
        ShapeError
            If the truth does not have one number for each element.
        """
        truth = np.asarray(truth, dtype=float)
        if truth.shape != self.theta.shape:
            raise ShapeError("truth", expected=f"a vector of {self.theta.size} numbers", got=truth)
        difference = self.theta - truth
        turns = [_turns(self.store.spec, label, part) for label, part in zip(self.labels, difference, strict=True)]
        return (difference - np.array(turns)) / self.sigma


def _turns(spec: ParamSpec, label: str, difference: float) -> float:
    """Return the whole turns in a difference of two values of a circular parameter; zero for any other."""
    key = key_of(label)
    period = spec[key].period if key in spec else None
    return 0.0 if period is None or not np.isfinite(difference) else period * round(difference / period)
