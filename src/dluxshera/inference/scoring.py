"""Fits by Fisher scoring: Gauss-Newton steps, damped in the metric of the prior far from the maximum."""

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
    misfit_sigmas: float | None = 5.0,
    callback: Callable[[int, FitStep], bool | None] | None = None,
    checkpoint: Callable[[SolverState], None] | None = None,
    state: SolverState | None = None,
    throw: bool = True,
) -> Solution:
    r"""Find the maximum of a posterior by Fisher scoring.

    Each step is :math:`-(F + T P)^{-1} g`, with the gradient g of the loss, the Fisher matrix F of the data, exact for
    the noise model, and the precision P of the prior. The damping T is the misfit (the data's part of the loss relative
    to that of noise alone) while the misfit is above 2 and falling, and 1 otherwise: Levenberg-Marquardt damping with
    the prior as metric. A step that does not lower the loss is halved until it does. A step that would leave the bounds
    of a parameter goes 99 % of the way to the nearest bound. An element at its bound, to a thousandth of its sigma, is
    held there while the loss falls beyond the bound; the other elements continue.

    Parameters
    ----------
    posterior : AbstractPosterior
        Posterior to maximise.
    theta0 : array_like, shape (n,)
        Start. Avoid exactly zero aberration, where the even modes of a symmetric pupil have no gradient.
    max_steps : int
        Largest number of steps of the whole fit, including those before `state`.
    tolerance : float
        Convergence limit on the norm of the gradient in coordinates whitened by F + P, which is about the distance to
        the maximum in units of sigma.
    misfit_sigmas : float, optional
        Largest deviation of the misfit from that of noise alone, on either side, in standard deviations (see `Misfit`).
        A fit that converges beyond it returns its solution with a `MisfitWarning`. None for no limit.
    callback : callable, optional
        Function called with the number of each step and the `FitStep`. The fit stops if it returns True.
    checkpoint : callable, optional
        Function called with a `SolverState` after each step.
    state : SolverState, optional
        State to continue from; theta0 is ignored.
    throw : bool
        Raise if the fit does not converge. Otherwise look at ``solution.result``.

    Returns
    -------
    Solution

    Raises
    ------
    FitError
        If the fit does not converge and `throw` is set, or the Fisher matrix is singular or not finite.
    ShapeError, ParameterError
        If theta0 has the wrong shape, or lies outside the bounds of a parameter; if a tolerance or
        limit is not positive.

    Warns
    -----
    MisfitWarning
        If the fit converges with a misfit beyond `misfit_sigmas`, because the model, the noise or the unit of the data
        is wrong, or at a local maximum.
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
    theta, damping, recorded = fit.theta, 1.0, state is not None
    while (point := fit.look(theta)) is not None:
        information = fit.with_prior(point.information)
        inside = ~fit.at_bound(point, np.sqrt(np.diag(information.covariance())))
        norm, _ = _step(information, point, inside)
        if not recorded:
            fit.record(FitStep(point.loss, norm, theta, point.misfit, damping))
            fit.keep()
        recorded = False
        if result := fit.ended(norm, not inside.all()):
            return fit.solution(result, point)
        lower = None
        for damping in dict.fromkeys((fit.damping(1), 1.0)):
            norm, step = _step(fit.with_prior(point.information, damping), point, inside)
            if norm >= tolerance or damping == 1.0:  # a damped step that has converged cannot improve; a full one can
                lower = fit.lower(theta, point.loss, step)
            if lower is not None:
                break
        if lower is None:
            return fit.solution(FitResult.STALLED, point)
        theta = lower[1]
    return fit.solution(FitResult.NON_FINITE, None)


def _step(information: FisherInformation, point: FitPoint, inside: np.ndarray) -> tuple[float, np.ndarray]:
    """Return norm and step of `newton_step` in the elements inside their bounds, and zero in the others."""
    step = np.zeros_like(point.theta)
    if not inside.any():
        return 0.0, step
    part = FisherInformation(
        information.matrix[np.ix_(inside, inside)], tuple(np.array(information.labels)[inside].tolist())
    )
    norm, step[inside] = newton_step(part, point.gradient[inside])
    return norm, step
