"""Fits by an Optax optimiser in coordinates that the Fisher matrix whitens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array

from dluxshera.errors import FitError, ShapeError
from dluxshera.inference.coordinates import BlindDirectionWarning as BlindDirectionWarning
from dluxshera.inference.coordinates import Whitening as Whitening
from dluxshera.inference.coordinates import whiten as whiten
from dluxshera.inference.posterior import Posterior, Theta
from dluxshera.inference.solution import Result, Solution, Step

NEWTON_LIKE: Final = optax.sgd(1.0)  # a full step: in whitened coordinates the curvature is about 1


@eqx.filter_jit
def _loss_and_gradient(posterior: Posterior, frame: Whitening, z: Array) -> tuple[Array, Array]:
    return jax.value_and_grad(lambda z: posterior.loss(frame.theta(z)))(z)


@eqx.filter_jit
def _loss(posterior: Posterior, theta: Array) -> Array:
    return posterior.loss(theta)


@eqx.filter_jit
def _update(
    optimiser: optax.GradientTransformation,
    posterior: Posterior,
    frame: Whitening,
    z: Array,
    state: Any,
    value: Array,
    gradient: Array,
) -> tuple[Array, Any]:
    def value_fn(z: Array) -> Array:
        return posterior.loss(frame.theta(z))

    updates, state = optax.with_extra_args_support(optimiser).update(
        gradient, state, z, value=value, grad=gradient, value_fn=value_fn
    )
    return updates, state


def gradient_descent(
    posterior: Posterior,
    theta0: Theta,
    *,
    optimiser: optax.GradientTransformation = NEWTON_LIKE,
    max_steps: int = 200,
    steps_per_whitening: int = 2,
    tolerance: float = 1e-3,
    callback: Callable[[int, Step], None] | None = None,
    throw: bool = True,
) -> Solution:
    """Descend to the maximum of a posterior.

    The optimiser works in coordinates whitened by the full Fisher matrix, prior included, which is computed anew every
    few steps. With the default, a full step against the gradient, this is Gauss-Newton with a lazy matrix; a step that
    does not lower the loss, or leaves the bounds of a parameter, is halved until it does.

    Parameters
    ----------
    posterior : Posterior
    theta0 : array_like, shape (n,)
        The start. Not at exactly zero aberration, where the even modes of a symmetric pupil have no gradient.
    optimiser : optax.GradientTransformation
        Any; its state starts anew with each whitening.
    max_steps : int
    steps_per_whitening : int
        Steps before the Fisher matrix is computed anew. More for an optimiser with a memory.
    tolerance : float
        Converged once the norm of the gradient in freshly whitened coordinates, which is about the distance to the
        maximum in units of sigma, is below it.
    callback : callable, optional
        Called with the number of each step and the `Step`.
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
    start = jnp.asarray(theta0, dtype=jnp.result_type(float))
    if start.shape != (len(posterior.labels),):
        raise ShapeError("theta0", expected=f"a vector of {len(posterior.labels)} numbers", got=start)
    posterior.store_at(start)  # names a value outside its bounds
    theta, loss = start, _loss(posterior, start)
    frame = Whitening(start, jnp.full((start.size, start.size), jnp.nan))  # until the first Fisher matrix
    damping, result = _misfit(posterior, theta, loss), Result.NON_FINITE
    history: list[Step] = []

    def record(loss: Array, gradient: Array, theta: Array) -> Step:
        history.append(Step(float(loss), float(jnp.linalg.norm(gradient)), np.asarray(theta)))
        if callback:
            callback(len(history) - 1, history[-1])
        return history[-1]

    if not jnp.isfinite(loss):
        record(loss, jnp.full_like(start, jnp.nan), start)
    while jnp.isfinite(loss):
        frame = whiten(posterior, theta, damping)
        z = jnp.zeros_like(start)
        state = optimiser.init(z)
        loss, gradient = _loss_and_gradient(posterior, frame, z)
        if history:
            norm = float(jnp.linalg.norm(gradient))
            history[-1] = history[-1]._replace(gradient_norm=norm)  # the same point in its own frame
        else:
            norm = record(loss, gradient, theta).gradient_norm
        at_maximum = norm < tolerance and damping == 1.0
        if ended := _ended(float(loss), norm, len(history) - 1, at_maximum, max_steps):
            result = ended
            break
        moved = 0
        while moved < steps_per_whitening and norm >= tolerance and len(history) <= max_steps:
            updates, state = _update(optimiser, posterior, frame, z, state, loss, gradient)
            lower = _lower(posterior, frame, z, updates, loss)
            if lower is None:
                break
            z, moved = lower, moved + 1
            loss, gradient = _loss_and_gradient(posterior, frame, z)
            norm = record(loss, gradient, frame.theta(z)).gradient_norm
        if not moved and damping == 1.0:
            result = Result.STALLED
            break
        theta = frame.theta(z)
        damping = _misfit(posterior, theta, loss) if moved and norm >= tolerance else 1.0
    solution = Solution(
        theta=np.asarray(theta),
        store=posterior.store_at(theta),
        covariance=np.asarray(frame.transform @ frame.transform.T),
        loss=float(loss),
        result=result,
        history=tuple(history),
        labels=posterior.labels,
    )
    if throw and result is not Result.CONVERGED:
        raise FitError(
            str(result),
            result=result,
            steps=len(history) - 1,
            remedy="Start nearer, allow more steps, or pass throw=False and look at solution.history",
        )
    return solution


def _ended(loss: float, norm: float, steps: int, at_maximum: bool, max_steps: int) -> Result | None:
    if not np.isfinite(loss + norm):
        return Result.NON_FINITE
    if at_maximum:
        return Result.CONVERGED
    return Result.MAX_STEPS if steps >= max_steps else None


def _misfit(posterior: Posterior, theta: Array, loss: Array) -> float:
    """Return the data's part of the loss over what noise leaves, half a unit for each pixel, or 1 if below twice that.

    While the model is off by many sigma, what a linear step says of weakly known directions is not to be trusted to the
    noise but to this many times the noise.
    """
    ratio = 2.0 * float(loss + posterior.log_prior(theta)) / posterior.n_data
    return ratio if ratio > 2.0 else 1.0


def _lower(
    posterior: Posterior, frame: Whitening, z: Array, updates: Array, value: Array, halvings: int = 20
) -> Array | None:
    """Return z moved by the longest of updates, updates / 2, updates / 4 ... that lowers the loss, or None."""
    for _ in range(halvings):
        theta = frame.theta(z + updates)
        if posterior.allows(theta) and float(_loss(posterior, theta)) < float(value):  # false for NaN
            return z + updates
        updates = 0.5 * updates
    return None
