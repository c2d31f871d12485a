"""Second derivative of the bias of an answer by the size of a perturbation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from dluxshera.error_budget.changes import Directions, ImageChange, differences
from dluxshera.error_budget.linear_fit import LinearFit
from dluxshera.errors import BoundsError, ParameterError
from dluxshera.inference import Noise, image_jacobian
from dluxshera.params import unpack_params

CHANGE = 1e-4  # relative change of the image in a step
REDUCTIONS = 6  # times that a step is divided by ten where it leaves the grids of the model


@eqx.filter_jit
def _score(noise: Noise, data: Array, image: Array) -> Float[Array, " pixels"]:
    return jnp.ravel(jax.grad(noise.log_likelihood, argnums=1)(data, image))


class SecondOrder:
    r"""Second derivative of the bias of an estimator's answer by the size of a perturbation.

    At the maximum the score, the gradient of the log-likelihood :math:`g = J(\theta)\, s`, is zero, with `s` the
    derivative of the log-likelihood by each pixel of the image. Along the first-order bias :math:`b`, with
    :math:`\gamma(t) = g(\theta_0 + t b, t)`, the second derivative of the bias is :math:`F^{-1} \gamma''(0)`. Of the
    answer that is

    .. math:: c \cdot \gamma'' = 2\, (\partial_c J\, b) \cdot s' + (J c) \cdot s''

    with :math:`c` the answer's row of :math:`F^{-1}`. The derivative of `J` along `c` is computed once. Each
    perturbation then takes a few images.

    Parameters
    ----------
    fit : LinearFit
        The fit.
    fitted : Directions
        Derivatives of the fitted model, by the parameters of the fit and perhaps by others.
    noise : Noise
        Noise of the data.
    answer : str
        Label of the answer.
    """

    def __init__(self, fit: LinearFit, fitted: Directions, noise: Noise, answer: str) -> None:
        self._fitted, self._noise = fitted, noise
        self._rows = [fitted.free.labels.index(label) for label in fit.labels]
        self._image = float(np.linalg.norm(self._whitened(fitted.image[None])))
        covariance = fit.covariance_of(answer)
        self._column = covariance @ self._columns(fitted.jacobian)
        step = CHANGE * self._image / float(np.linalg.norm(self._whitened(self._column[None])))

        def columns(size: float) -> Float[np.ndarray, "n pixels"]:
            store = self._store(size * covariance)
            return self._columns(np.asarray(image_jacobian(fitted.model.predict, store, fitted.free)[1]))

        at_zero = self._columns(fitted.jacobian)
        self._turning = within_grids(lambda by: differences(columns, at_zero, by)[0], step)

    def _columns(self, jacobian: Any) -> Float[np.ndarray, "n pixels"]:
        return np.asarray(jacobian)[self._rows].reshape(len(self._rows), -1)

    def _whitened(self, images: Float[np.ndarray, "n *image"]) -> Float[np.ndarray, "n pixels"]:
        weights = np.asarray(self._noise.fisher_weights(jnp.asarray(self._fitted.image))).ravel()
        return images.reshape(len(images), -1) * np.sqrt(weights)

    def _store(self, change: Float[np.ndarray, " n"]) -> Any:
        fitted = self._fitted
        theta = fitted.theta.copy()
        theta[self._rows] += change
        return unpack_params(theta, fitted.free, fitted.model.store)

    def bias(self, change: ImageChange, bias: Float[np.ndarray, " n"], significance: float) -> float:
        """Return the second derivative of the answer's bias by the amount of a change.

        Parameters
        ----------
        change : ImageChange
            Change of the image.
        bias : ndarray, shape (n,)
            First-order bias of each parameter of the fit per unit of the amount.
        significance : float
            Significance of the change in the image per unit of the amount, in sigmas.
        """
        model = self._fitted.model

        def score(size: float) -> Float[np.ndarray, " pixels"]:
            data, image = change.at(size), model.predict(self._store(size * bias))
            return np.asarray(_score(self._noise, jnp.asarray(data), jnp.asarray(image)))

        image = jnp.asarray(self._fitted.image)
        at_zero = np.asarray(_score(self._noise, image, image))
        step = 10 * CHANGE * self._image / significance
        first, second = within_grids(lambda by: differences(score, at_zero, by), step)
        return float(2 * (bias @ self._turning) @ first + self._column @ second)


def within_grids(function: Callable[[float], Any], step: float) -> Any:
    """Return a function of a step, which is reduced until it keeps within the grids of the model.

    Raises
    ------
    ParameterError
        If even a step of a millionth leaves them.
    """
    for _ in range(REDUCTIONS):
        try:
            return function(step)
        except BoundsError:
            raise
        except ParameterError:
            step /= 10
    return function(step)
