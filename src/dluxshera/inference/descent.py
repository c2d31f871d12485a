"""Fits by gradient descent with an Optax optimiser, by default in coordinates whitened by the Fisher matrix."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import optax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array

from dluxshera.errors import ParameterError
from dluxshera.inference.coordinates import Whitening, prior_coordinates
from dluxshera.inference.fisher import FisherInformation
from dluxshera.inference.fit import Fit, FitPoint, loss_and_gradient_at, newton_step
from dluxshera.inference.matrices import scaled_root
from dluxshera.inference.posterior import AbstractPosterior
from dluxshera.inference.solution import FitResult, FitStep, Solution, SolverState
from dluxshera.inference.theta_prior import Theta

NEWTON_LIKE: Final = optax.sgd(1.0)  # a full step: in whitened coordinates the curvature is about 1


class _Course(NamedTuple):
    """Coordinates, the position in them, and the state of the optimiser."""

    damping: float
    frame: Whitening
    z: Array
    memory: Any


@eqx.filter_jit
def _update(
    optimiser: optax.GradientTransformation,
    posterior: AbstractPosterior,
    course: _Course,
    value: Array,
    gradient: Array,
) -> tuple[Array, Any]:
    frame = course.frame

    def value_fn(z: Array) -> Array:
        return posterior.loss(frame.theta(z))

    slope = frame.transform.T @ gradient
    updates, memory = optax.with_extra_args_support(optimiser).update(
        slope, course.memory, course.z, value=value, grad=slope, value_fn=value_fn
    )
    return updates, memory


def gradient_descent(
    posterior: AbstractPosterior,
    theta0: Theta,
    *,
    optimiser: optax.GradientTransformation = NEWTON_LIKE,
    scaling: str = "fisher",
    steps_per_whitening: int = 2,
    max_steps: int = 200,
    tolerance: float = 1e-3,
    misfit_sigmas: float | None = 5.0,
    callback: Callable[[int, FitStep], bool | None] | None = None,
    checkpoint: Callable[[SolverState], None] | None = None,
    state: SolverState | None = None,
    throw: bool = True,
) -> Solution:
    """Find the maximum of a posterior by gradient descent with any Optax optimiser.

    The optimiser works in scaled coordinates. A step that does not lower the loss, or leaves the bounds of a parameter,
    is shortened until it does. The default, full gradient steps where the Fisher matrix is the identity, is
    `gauss_newton` with a matrix that is reused for some steps.

    Parameters
    ----------
    posterior : AbstractPosterior
        Posterior to maximise.
    theta0 : array_like, shape (n,)
        Start. Avoid exactly zero aberration, where the even modes of a symmetric pupil have no gradient.
    optimiser : optax.GradientTransformation
        Any optimiser, with any schedule.
    scaling : {'fisher', 'prior', 'none'}
        Coordinates. ``fisher``: whitened by the full Fisher matrix, prior included, which is recomputed every
        `steps_per_whitening` steps; the optimiser is reset then. ``prior``: coordinates for the whole fit in which the
        normal part of the prior is a unit normal; an element without a normal prior keeps its unit. ``none``: theta.
    steps_per_whitening : int
        Steps between two evaluations of the Fisher matrix, which update the coordinates and test for convergence. Use
        more for an optimiser with memory or a schedule.
    max_steps : int
        Largest number of steps of the whole fit, including those before `state`.
    tolerance : float
        Convergence limit on the norm of the gradient in freshly whitened coordinates, which is about the distance to
        the maximum in units of sigma.
    misfit_sigmas : float, optional
        Largest deviation of the misfit from that of noise alone, on either side, in standard deviations (see `Misfit`).
        A fit that converges beyond it returns its solution with a `MisfitWarning`. None for no limit.
    callback : callable, optional
        Function called with the number of each step and the `FitStep`. The fit stops if it returns True.
    checkpoint : callable, optional
        Function called with a `SolverState` after each evaluation of the Fisher matrix.
    state : SolverState, optional
        State to continue from, with the same optimiser and scaling; theta0 is ignored.
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
        If theta0 has the wrong shape, or lies outside the bounds of a parameter; if the scaling is unknown, or a
        tolerance or limit is not positive.

    Warns
    -----
    MisfitWarning
        If the fit converges with a misfit beyond `misfit_sigmas`, because the model, the noise or the unit of the data
        is wrong, or at a local maximum.
    """
    if scaling not in ("fisher", "prior", "none"):
        raise ParameterError("scaling", expected="'fisher', 'prior' or 'none'", got=scaling)
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
        solver=f"gradient_descent, scaling {scaling}",
    )
    course = None if scaling == "fisher" else _start(optimiser, _constant_frame(posterior, scaling), fit.theta)
    if course is not None and state is not None:
        z, memory = ravel_pytree((course.z, course.memory))[1](jnp.asarray(state.memory))
        course = course._replace(z=z, memory=memory)
    theta, whole, resumed = fit.theta, True, state is not None
    while (point := fit.look(theta)) is not None:
        information = fit.with_prior(point.information)
        norm, _ = newton_step(information, point.gradient)
        if not fit.history:
            fit.record(FitStep(point.loss, norm, theta, point.misfit))
        fit.history[-1] = fit.history[-1]._replace(gradient_norm=norm)  # the same point, in coordinates whitened there
        if whole and not resumed:
            fit.keep(None if course is None else np.asarray(ravel_pytree((course.z, course.memory))[0]))
        resumed = False
        at_bound = fit.at_bound(point, np.sqrt(np.diag(information.covariance()))).any()
        if result := FitResult.AT_BOUND if at_bound else fit.ended(norm, at_bound=False):
            return fit.solution(result, point)
        moved = 0
        for candidate in _courses(fit, optimiser, course, point, steps_per_whitening):
            after, moved, whole = _descend(fit, optimiser, candidate, point, steps_per_whitening)
            if moved:
                break
        else:
            return fit.solution(FitResult.STALLED, point)
        theta = fit.history[-1].theta
        course = None if course is None else after
    return fit.solution(FitResult.NON_FINITE, None)


def _start(optimiser: optax.GradientTransformation, frame: Whitening, theta: np.ndarray) -> _Course:
    z = frame.z(theta)
    return _Course(1.0, frame, z, optimiser.init(z))


def _constant_frame(posterior: AbstractPosterior, scaling: str) -> Whitening:
    n = len(posterior.labels)
    return prior_coordinates(posterior) if scaling == "prior" else Whitening(jnp.zeros(n), jnp.eye(n))


def _whitening(theta: np.ndarray, information: FisherInformation) -> Whitening:
    return Whitening(jnp.asarray(theta), jnp.asarray(scaled_root(information.covariance())))


def _courses(
    fit: Fit, optimiser: optax.GradientTransformation, course: _Course | None, point: FitPoint, back: int
) -> list[_Course]:
    """Return the courses to try in turn: damped and undamped, or with the optimiser's memory and without."""
    if course is not None:
        return [course, course._replace(memory=optimiser.init(course.z))]
    z = jnp.zeros_like(jnp.asarray(point.theta))
    dampings = dict.fromkeys((fit.damping(back), 1.0))
    return [
        _Course(damping, _whitening(point.theta, fit.with_prior(point.information, damping)), z, optimiser.init(z))
        for damping in dampings
    ]


def _descend(
    fit: Fit, optimiser: optax.GradientTransformation, course: _Course, point: FitPoint, steps: int
) -> tuple[_Course, int, bool]:
    """Take some steps. Return the course, their number, and False if a limit or the callback ended them early."""
    information = fit.with_prior(point.information)
    undamped = course.damping == 1.0
    theta, loss, gradient, moved = point.theta, point.loss, jnp.asarray(point.gradient), 0
    norm, _ = newton_step(information, point.gradient)
    while moved < steps and norm >= fit.tolerance:
        slope = float(jnp.linalg.norm(course.frame.transform.T @ gradient))
        if not undamped and slope < fit.tolerance:
            break  # converged as far as damped steps can
        if len(fit.history) > fit.max_steps or fit.stopped:
            return course, moved, False
        updates, memory = _update(optimiser, fit.posterior, course, jnp.asarray(loss), gradient)
        lower = fit.lower(theta, loss, np.asarray(course.frame.transform @ updates))
        if lower is None:
            break
        fraction, theta, loss, misfit = lower
        course, moved = course._replace(z=course.z + fraction * updates, memory=memory), moved + 1
        gradient = loss_and_gradient_at(fit.posterior, jnp.asarray(theta))[1]
        finite = bool(jnp.all(jnp.isfinite(gradient)))
        norm = newton_step(information, np.asarray(gradient))[0] if finite else np.nan
        fit.record(FitStep(loss, norm, theta, misfit, course.damping))
    return course, moved, True
