"""The course of a fit, common to all solvers: its start, each point, the record of steps, and the result code."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import suppress
from time import perf_counter
from typing import Final, NamedTuple

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float

from dluxshera.errors import FitError, ParameterError, ShapeError
from dluxshera.inference.coordinates import warn_of_blind_directions
from dluxshera.inference.fisher import FisherInformation
from dluxshera.inference.matrices import unit_diagonal
from dluxshera.inference.misfit import Misfit, MisfitWarning
from dluxshera.inference.posterior import AbstractPosterior
from dluxshera.inference.solution import FitResult, FitStep, Solution, SolverState
from dluxshera.inference.theta_prior import Theta
from dluxshera.units import check_plain


@eqx.filter_jit
def loss_and_gradient_at(posterior: AbstractPosterior, theta: Array) -> tuple[Array, Array]:
    """Return the loss and its gradient by theta, in reverse mode."""
    return jax.value_and_grad(posterior.loss)(theta)


class FitPoint(NamedTuple):
    """A point of a fit, and the posterior's expansion there."""

    theta: Float[np.ndarray, " n"]
    loss: float
    misfit: float
    gradient: Float[np.ndarray, " n"]  # of the loss, by theta
    information: FisherInformation  # of the data alone


def newton_step(
    information: FisherInformation, gradient: Float[np.ndarray, " n"]
) -> tuple[float, Float[np.ndarray, " n"]]:
    """Return the norm of a gradient in coordinates whitened by the information, and the step that makes it zero.

    Both use the Cholesky factor of the matrix scaled to unit diagonal, which does not depend on the parameters' units.

    Raises
    ------
    FitError
        If the matrix is singular or not finite; the parameters are named.
    """
    information.covariance()  # raises by name where it is singular
    scale, scaled = unit_diagonal(information.matrix)
    root = np.linalg.cholesky(scaled)
    whitened = np.linalg.solve(root, gradient / scale)
    return float(np.linalg.norm(whitened)), -np.linalg.solve(root.T, whitened) / scale


class Fit:
    """The course of one fit, from its start or from a state to its solution.

    Parameters
    ----------
    posterior, theta0, max_steps, tolerance, misfit_sigmas, callback, checkpoint, state, throw
        Arguments of `gauss_newton`.
    solver : str
        Name and settings of the solver, recorded in the provenance.

    Raises
    ------
    ShapeError, ParameterError
        If theta0 has the wrong shape, or lies outside the bounds of a parameter; or if the tolerance or
        the limit of the misfit is not positive.
    """

    def __init__(
        self,
        posterior: AbstractPosterior,
        theta0: Theta,
        *,
        max_steps: int,
        tolerance: float,
        misfit_sigmas: float | None,
        callback: Callable[[int, FitStep], bool | None] | None,
        checkpoint: Callable[[SolverState], None] | None,
        state: SolverState | None,
        throw: bool,
        solver: str,
    ) -> None:
        if not 0 < tolerance < np.inf:
            raise ParameterError("tolerance", expected="a positive number of sigma", got=tolerance)
        if misfit_sigmas is not None and not misfit_sigmas > 0:  # NaN too, which nothing exceeds
            raise ParameterError("misfit_sigmas", expected="a positive number of sigma, or None", got=misfit_sigmas)
        check_plain(theta0=theta0)
        start = np.asarray(theta0 if state is None else state.theta, dtype=float)
        if start.shape != (len(posterior.labels),):
            raise ShapeError("theta0", expected=f"a vector of {len(posterior.labels)} numbers", got=start)
        posterior.stores_at(start)  # raises by name for a value outside its bounds
        self.posterior, self.max_steps, self.tolerance, self.throw = posterior, max_steps, tolerance, throw
        self.misfit_sigmas = misfit_sigmas
        self.theta = start
        self.history = [] if state is None else list(state.history)
        self.state = state
        self.evaluations = self.expansions = 0
        self.stopped, self._about = False, ""
        self._callback, self._checkpoint = callback, checkpoint
        self._n_data = posterior.n_data
        self._solver, self._began = solver, perf_counter()
        self._lower, self._upper = posterior.bounds
        self._precision = np.asarray(posterior.prior_precision)

    def loss(self, theta: Float[np.ndarray, " n"]) -> tuple[float, float]:
        """Return the loss, and the misfit: the data's part of the loss divided by half the number of pixels."""
        self.evaluations += 1
        log_likelihood, log_prior = float(self.posterior.log_likelihood(theta)), float(self.posterior.log_prior(theta))
        loss = np.inf if log_prior == -np.inf else -log_likelihood - log_prior  # as `AbstractPosterior.loss`
        return loss, -2.0 * log_likelihood / self._n_data

    def look(self, theta: Float[np.ndarray, " n"]) -> FitPoint | None:
        """Return the point at theta, or None where the loss or a derivative is not finite."""
        self.theta = theta
        self.expansions += 1
        loss, gradient, matrix = (np.asarray(part) for part in self.posterior.expand(theta))
        misfit = 2.0 * (float(loss) + float(self.posterior.log_prior(theta))) / self._n_data
        finite = np.isfinite(gradient) & np.all(np.isfinite(matrix), axis=1)
        if np.isfinite(loss) and finite.all():
            information = FisherInformation(matrix, self.posterior.labels)
            warn_of_blind_directions(information, stacklevel=3)
            return FitPoint(theta, float(loss), misfit, gradient, information)
        if np.isfinite(loss):
            self._about = f" in {', '.join(np.array(self.posterior.labels)[~finite])}"
        if not self.history or self.history[-1].theta is not theta:
            self.record(FitStep(float(loss), np.nan, theta, misfit))
        return None

    def with_prior(self, information: FisherInformation, damping: float = 1.0) -> FisherInformation:
        """Return the information with the prior's, times a damping, added."""
        return information.with_precision(damping * self._precision)

    def damping(self, back: int) -> float:
        """Return the factor on the prior's precision for the next step, `back` steps after it was last chosen.

        While the model is off by many sigma, the linear prediction in poorly constrained directions is only as good as
        the misfit, not as the noise, so the misfit is the factor. A misfit that no longer falls is due to the model
        rather than to the start, and the damping fades.
        """
        misfit, before = self.history[-1].misfit, self.history[-1 - min(back, len(self.history) - 1)].misfit
        if len(self.history) > 1 and misfit > 0.5 * before:
            misfit = min(misfit, 0.1 * self.history[-1].damping)
        return misfit if misfit > 2.0 else 1.0

    def record(self, step: FitStep) -> None:
        """Append a step to the history and call the callback."""
        self.history.append(step)
        if self._callback:
            self.stopped = bool(self._callback(len(self.history) - 1, step)) or self.stopped

    def keep(self, memory: Float[np.ndarray, " m"] | None = None) -> None:
        """Set the state from which the fit can be continued, and pass it to the checkpoint."""
        self.state = SolverState.of(tuple(self.history), np.zeros(0) if memory is None else memory)
        if self._checkpoint:
            self._checkpoint(self.state)

    def at_bound(self, point: FitPoint, sigma: Float[np.ndarray, " n"]) -> np.ndarray:
        """Return a mask of the elements at a bound, to a thousandth of sigma, with the loss falling beyond it."""
        near = 1e-3 * sigma
        below = (point.theta - self._lower < near) & (point.gradient > 0)
        return below | ((self._upper - point.theta < near) & (point.gradient < 0))

    def _reach(self, theta: Float[np.ndarray, " n"], step: Float[np.ndarray, " n"]) -> float:
        """Return the fraction of a step, at most 1, that goes 99 % of the way to the nearest bound."""
        with np.errstate(divide="ignore", invalid="ignore"):
            room = np.where(step < 0, self._lower - theta, self._upper - theta) / step
        return float(min(1.0, 0.99 * np.min(room, initial=np.inf, where=step != 0)))

    def lower(
        self, theta: Float[np.ndarray, " n"], loss: float, step: Float[np.ndarray, " n"]
    ) -> tuple[float, Float[np.ndarray, " n"], float, float] | None:
        """Halve a step, starting from the largest fraction within the bounds, until it lowers the loss.

        A place at which the model raises `ParameterError`, because its grids do not hold it, counts as no lower.

        Returns
        -------
        fraction, theta, loss, misfit
            The fraction of the step and its end, or None if 20 fractions do not lower the loss.
        """
        fraction = self._reach(theta, step)
        for _ in range(20):
            there = theta + fraction * step
            with suppress(ParameterError):  # raised at a place that the grids of the model do not hold
                if self.posterior.allows(there):
                    lower, misfit = self.loss(there)
                    if lower < loss:  # false for NaN
                        return fraction, there, lower, misfit
            fraction *= 0.5
        return None

    def ended(self, norm: float, at_bound: bool) -> FitResult | None:
        """Return the result code of a fit at a point with this norm of the gradient, or None if the fit continues."""
        if not np.isfinite(norm):
            return FitResult.NON_FINITE
        if norm < self.tolerance:
            return FitResult.AT_BOUND if at_bound else FitResult.CONVERGED
        if self.stopped:
            return FitResult.STOPPED
        return FitResult.MAX_STEPS if len(self.history) > self.max_steps else None

    def solution(self, result: FitResult, point: FitPoint | None) -> Solution:
        """Return the solution.

        Raises
        ------
        FitError
            If the fit did not converge and `throw` is set.

        Warns
        -----
        MisfitWarning
            If the fit converged with a misfit beyond the limit.
        """
        covariance = np.full((self.theta.size, self.theta.size), np.nan)
        labels: tuple[str, ...] = ()
        last = self.history[-1]
        misfit = Misfit(last.misfit)
        if point is not None:
            covariance = self.with_prior(point.information).covariance()
            moments = self.posterior.deviance_moments(point.theta)
            misfit = Misfit.of(last.misfit, self._n_data, moments, point.information, self._precision)
            at_bound = self.at_bound(point, np.sqrt(np.diag(covariance)))
            labels = tuple(np.array(self.posterior.labels)[at_bound].tolist())
            if result is FitResult.STALLED and labels:
                result = FitResult.AT_BOUND
            self._about = f": {', '.join(labels)}" if result is FitResult.AT_BOUND else ""
        if self.throw and result is not FitResult.CONVERGED:
            raise FitError(
                f"{result}{self._about}",
                result=result,
                steps=len(self.history) - 1,
                remedy=_REMEDIES.get(result, _START_NEARER),
            )
        if result is FitResult.CONVERGED and misfit.exceeds(self.misfit_sigmas):
            warnings.warn(
                f"the misfit is {misfit}; likely causes: {misfit.causes}; {_LOOK}", MisfitWarning, stacklevel=3
            )
        return Solution(
            theta=np.asarray(self.theta),
            store=self.posterior.stores_at(self.theta)[0],
            covariance=covariance,
            loss=last.loss,
            result=result,
            history=tuple(self.history),
            labels=self.posterior.labels,
            state=self.state,
            diagnostics={
                "steps": len(self.history) - 1,
                "gradient_norm": last.gradient_norm,
                **misfit.as_diagnostics(),
                "evaluations": self.evaluations,
                "expansions": self.expansions,
                "seconds": perf_counter() - self._began,
            },
            provenance={"solver": self._solver, "tolerance": str(self.tolerance), "max_steps": str(self.max_steps)},
            at_bound=labels,
        )


_START_NEARER: Final = "Start nearer, allow more steps, or pass throw=False and look at solution.history"
_LOOK: Final = "look at the residual; misfit_sigmas sets the limit, and None removes it"
_REMEDIES: Final = {
    FitResult.NON_FINITE: "Check the model image for NaN, and start elsewhere; or pass throw=False",
    FitResult.AT_BOUND: "Fix it or widen its bounds, or pass throw=False and look at solution.history",
}
