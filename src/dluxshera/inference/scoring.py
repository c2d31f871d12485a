"""Fits by Fisher scoring: full steps of Gauss and Newton, damped in the metric of the prior while far off."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dluxshera.inference.fisher import FisherInformation
from dluxshera.inference.fit import Fit, FitPoint, newton_step
from dluxshera.inference.posterior import AbstractPosterior
from dluxshera.inference.solution import FitResult, FitStep, Solution, SolverState
from dluxshera.inference.theta_prior import Theta


def gauss_newton(
    posterior: AbstractPosterior,
    theta0: Theta,
    *,
    max_steps: int = 100,
    tolerance: float = 1e-3,
    misfit_sigmas: float | None = 8.0,
    callback: Callable[[int, FitStep], bool | None] | None = None,
    checkpoint: Callable[[SolverState], None] | None = None,
    state: SolverState | None = None,
    throw: bool = True,
) -> Solution:
    r"""Climb to the maximum of a posterior by Fisher scoring.

    Each step is :math:`-(F + T P)^{-1} g`: g the gradient of the loss, F the Fisher matrix of the data, exact for the
    noise, P the precision of the prior. The damping T is the misfit, the data's part of the loss over what noise
    leaves, as long as that is above 2 and falls, and 1 afterwards: Levenberg and Marquardt's damping with the prior
    for a metric. A step that does not lower the loss is halved until it does. A step that would leave the bounds of a
    parameter goes 99 % of the way to the first; an element at its bound, to a thousandth of its sigma, stays there
    while the loss falls beyond, and the others go on.

    Parameters
    ----------
    posterior : AbstractPosterior
    theta0 : array_like, shape (n,)
        The start. Not at exactly zero aberration, where the even modes of a symmetric pupil have no gradient.
    max_steps : int
        Of the whole fit, those before `state` included.
    tolerance : float
        Converged once the norm of the gradient in coordinates that F + P whitens, which is about the distance to the
        maximum in units of sigma, is below it.
    misfit_sigmas : float, optional
        Limit on the deviance of a stationary point, in standard deviations above the deviance that noise explains.
        Above it the fit ends with ``FitResult.POOR_FIT``: the point is a local maximum, or the model is wrong. None
        accepts any deviance.
    callback : callable, optional
        Called with the number of each step and the `FitStep`. To return True stops the fit.
    checkpoint : callable, optional
        Called with a `SolverState` after each step.
    state : SolverState, optional
        Continue from it; theta0 is not used then.
    throw : bool
        Raise if the fit does not converge; otherwise look at ``solution.result``.

    Returns
    -------
    Solution

    Raises
    ------
    FitError
        If the fit does not converge and `throw` is set, or the Fisher matrix is singular or not finite.
    ShapeError, ParameterError
        If theta0 has the wrong shape, or lies outside the bounds of a parameter.
    """
    fit = Fit(
        posterior,
        theta0,
        max_steps=max_steps,
        tolerance=tolerance,
        misfit_sigmas=misfit_sigmas,
        callback=callback,
        checkpoint=checkpoint,
        state=state,
        throw=throw,
        solver="gauss_newton",
    )
    theta, damping, seen = fit.theta, 1.0, state is not None
    while (point := fit.look(theta)) is not None:
        information = fit.with_prior(point.information)
        open_ = ~fit.held(point, np.sqrt(np.diag(information.covariance())))
        norm, _ = _step(information, point, open_)
        if not seen:
            fit.record(FitStep(point.loss, norm, theta, point.misfit, damping))
            fit.keep()
        seen = False
        if result := fit.ended(norm, point.misfit, not open_.all()):
            return fit.solution(result, point)
        moved = None
        for damping in dict.fromkeys((fit.damping(1), 1.0)):
            norm, step = _step(fit.with_prior(point.information, damping), point, open_)
            if norm >= tolerance or damping == 1.0:  # what a damped step cannot better is left to a full one
                moved = fit.lower(theta, point.loss, step)
            if moved is not None:
                break
        if moved is None:
            return fit.solution(FitResult.STALLED, point)
        theta = moved[1]
    return fit.solution(FitResult.NON_FINITE, None)


def _step(information: FisherInformation, point: FitPoint, open_: np.ndarray) -> tuple[float, np.ndarray]:
    """Return norm and step of `newton_step` in the elements that no bound holds."""
    step = np.zeros_like(point.theta)
    if not open_.any():
        return 0.0, step
    part = FisherInformation(
        information.matrix[np.ix_(open_, open_)], tuple(np.array(information.labels)[open_].tolist())
    )
    norm, step[open_] = newton_step(part, point.gradient[open_])
    return norm, step
