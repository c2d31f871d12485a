"""Sensitivity of fitted parameters to perturbations of the truth, from functions of a store to an image.

Everything is evaluated at one reference point, to first order; a second-order term gives the range of validity.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Any, NamedTuple, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from dluxshera.errors import ExpectationError
from dluxshera.inference import Noise, fisher_from_jacobian, image_jacobian
from dluxshera.params import ParameterStore, ParamSpec, pack_params, unpack_params

ImageFunction: TypeAlias = Callable[[ParameterStore], Any]

SAME_IMAGE = 1e-9
LINEARITY = 0.1


class Model(NamedTuple):
    """A model of the image at the reference point.

    Parameters
    ----------
    store : ParameterStore
        Reference point, a store of the model's spec.
    predict : callable
        Function from a store of that spec to the expected image.
    derived : callable
        Function from a store of that spec to its derived values by key.
    """

    store: ParameterStore
    predict: ImageFunction
    derived: Callable[[ParameterStore], Mapping[str, Any]]


def matching_store(model: Model, spec: ParamSpec) -> ParameterStore:
    """Return the store of another spec at the same point; its primitives may be derived values of the model.

    Parameters
    ----------
    model : Model
        Model at the point.
    spec : ParamSpec
        Spec of the store.
    """
    values = {**model.derived(model.store), **model.store}
    return ParameterStore({key: values[key] for key in spec.primitives}, spec)


def check_same_image(forward: Model, inference: Model) -> Float[np.ndarray, " *image"]:
    """Return the image at the reference point, which must be the same for both models.

    Parameters
    ----------
    forward, inference : Model
        Models to compare, each at its own store.

    Raises
    ------
    ExpectationError
        If the images differ by more than rounding.
    """
    image, other = (np.asarray(model.predict(model.store)) for model in (forward, inference))
    distance = float(np.linalg.norm(image - other) / np.linalg.norm(image))
    if not distance < SAME_IMAGE:
        raise ExpectationError(
            "inference model",
            expected=f"the forward model's image at the reference point, to a relative {SAME_IMAGE:g}",
            got=distance,
            remedy="Build both from one configuration, with the detector in focus",
        )
    return image


class Response(NamedTuple):
    """Response of a fit to a perturbation of the image.

    Parameters
    ----------
    bias : ndarray, shape (n,)
        Bias of each fitted parameter, in its unit.
    significance : float
        Significance of the perturbation in the image, in sigmas.
    residual : float
        Significance of the perturbation in the residuals of the fit, in sigmas.
    """

    bias: Float[np.ndarray, " n"]
    significance: float
    residual: float


@dataclass(frozen=True)
class LinearFit:
    r"""A maximum-likelihood fit, linearised at the reference point.

    With the rows of :math:`J` the derivatives of the image and :math:`S` its covariance, a perturbation
    :math:`\Delta\mu` biases the parameters by :math:`F^{-1} J S^{-1} \Delta\mu` with :math:`F = J S^{-1} J^T` (Amara
    and Refregier 2008, arXiv:0710.5171, equation 8). It is computed from the QR factors of the whitened derivatives,
    which loses half the digits that the normal equations lose.

    Parameters
    ----------
    labels : tuple of str
        Labels of the parameters.
    sigma, conditional : ndarray, shape (n,)
        1-sigma error of each parameter with the others fitted, and with the others known.
    condition : float
        Condition number of the Fisher matrix, each parameter in units of its own conditional sigma.
    """

    labels: tuple[str, ...]
    sigma: Float[np.ndarray, " n"]
    conditional: Float[np.ndarray, " n"]
    condition: float
    _q: Float[np.ndarray, "pixels n"]
    _r: Float[np.ndarray, "n n"]

    @classmethod
    def from_jacobian(
        cls, jacobian: Float[np.ndarray, "n pixels"], weights: Float[np.ndarray, " pixels"], labels: tuple[str, ...]
    ) -> LinearFit:
        """Return the fit with the given Jacobian.

        Parameters
        ----------
        jacobian : ndarray, shape (n, pixels)
            Derivatives of the image by each parameter.
        weights : ndarray, shape (pixels,)
            Inverse variances of the pixels.
        labels : tuple of str
            Labels of the parameters.

        Raises
        ------
        FitError
            If the image has no information on a combination of the parameters, which the message names.
        """
        information = fisher_from_jacobian(jnp.asarray(jacobian), jnp.asarray(weights), labels)
        information.covariance()  # raises for a singular matrix, with the labels
        conditional = 1 / np.sqrt(np.diag(information.matrix))
        q, r = np.linalg.qr((jacobian * conditional[:, None] * np.sqrt(weights)).T)
        sigma = np.linalg.norm(np.linalg.inv(r), axis=1) * conditional
        return cls(labels, sigma, conditional, float(np.linalg.cond(r) ** 2), q, r)

    @property
    def reach(self) -> float:
        """The part of the largest possible bias below which a computed one is rounding error."""
        return sqrt(100 * float(np.finfo(float).eps) * sqrt(self.condition))

    def response(self, whitened: Float[np.ndarray, " pixels"]) -> Response:
        """Return the response to a perturbation of the image, in sigmas of each pixel."""
        along = self._q.T @ whitened
        bias = np.linalg.solve(self._r, along) * self.conditional
        left = whitened - self._q @ along
        return Response(bias, float(np.linalg.norm(whitened)), float(np.linalg.norm(left)))

    def row(self, label: str) -> Float[np.ndarray, " pixels"]:
        """Return the bias of a parameter per unit of a perturbation of each pixel, whitened: in sigmas of the pixel."""
        i = self.labels.index(label)
        unit = np.zeros(len(self.labels))
        unit[i] = self.conditional[i]
        return self._q @ np.linalg.solve(self._r.T, unit)

    def partial_sigma(self, label: str, fitted: Iterable[str]) -> float:
        """Return the 1-sigma error of a parameter that is fitted together with some of the others, the rest known.

        Parameters
        ----------
        label : str
            Label of the parameter.
        fitted : iterable of str
            Labels of the parameters that are fitted, among them `label`.
        """
        columns = [self.labels.index(name) for name in fitted]
        i = columns.index(self.labels.index(label))
        inverse = np.linalg.inv(np.linalg.qr(self._r[:, columns], mode="r"))
        return float(np.linalg.norm(inverse[i]) * self.conditional[columns[i]])

    def from_score(self, score: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """Return the covariance times a gradient of the log-likelihood: a Newton step."""
        return np.linalg.solve(self._r, np.linalg.solve(self._r.T, score * self.conditional)) * self.conditional


@eqx.filter_jit
def _score(noise: Noise, data: Array, image: Array, columns: Array) -> Float[Array, " n"]:
    return columns.reshape(len(columns), -1) @ jnp.ravel(jax.grad(noise.log_likelihood, argnums=1)(data, image))


def second_order_bias(
    fit: LinearFit,
    model: Model,
    free: ParamSpec,
    noise: Noise,
    truth: Callable[[float], Any],
    bias: Float[np.ndarray, " n"],
    step: float,
) -> Float[np.ndarray, " n"]:
    r"""Return the second derivative of a fit's bias by the size of the perturbation.

    At the maximum the score, the gradient :math:`g(\theta, t)` of the log-likelihood, is zero. With
    :math:`\gamma(t) = g(\theta_0 + t b, t)` along the first-order bias :math:`b`, its second derivative is
    :math:`F^{-1} \gamma''(0)`, exactly; here :math:`\gamma''` is a difference over `step`.

    Parameters
    ----------
    fit : LinearFit
        The fit.
    model : Model
        Model that is fitted.
    free : ParamSpec
        Spec of the fitted parameters, in the order of the fit.
    noise : Noise
        Noise of the data.
    truth : callable
        Function from the size of the perturbation to the noise-free data.
    bias : ndarray, shape (n,)
        First-order bias for size one.
    step : float
        Size at which the image changes by about a thousandth.
    """
    theta = np.asarray(pack_params(model.store, free))

    def score(t: float) -> Float[np.ndarray, " n"]:
        moved = unpack_params(theta + t * bias, free, model.store)
        return np.asarray(_score(noise, jnp.asarray(truth(t)), *image_jacobian(model.predict, moved, free)))

    return fit.from_score((score(step) + score(-step)) / step**2)


@eqx.filter_jit
def _noise_information(
    predict: ImageFunction, store: ParameterStore, answer: str, keys: ParamSpec, noise: Noise
) -> tuple[Float[Array, ""], Float[Array, " n"]]:
    def information(theta: Array) -> Array:
        image, columns = image_jacobian(predict, unpack_params(theta, keys, store), store.spec.subset([answer]))
        return jnp.sum(columns[0] ** 2 * noise.fisher_weights(image))

    theta = pack_params(store, keys)
    value, tangent = jax.linearize(information, theta)
    steps = jnp.diag(jnp.where(theta == 0, 1.0, theta))
    return value, jax.lax.map(tangent, steps)


def noise_elasticities(model: Model, answer: str, keys: Iterable[str], noise: Noise) -> dict[str, float]:
    """Return the elasticity of the answer's conditional error by some parameters of a model.

    Parameters
    ----------
    model : Model
        Model at the point.
    answer : str
        Key of the measured parameter.
    keys : iterable of str
        Keys of the parameters.
    noise : Noise
        Noise of the image.

    Returns
    -------
    dict of str to float
        Logarithmic derivative of the error, by key; where a parameter is zero, the derivative by the parameter itself.
    """
    free = model.store.spec.subset(keys)
    value, slopes = _noise_information(model.predict, model.store, answer, free, noise)
    return {key: -0.5 * float(slope / value) for key, slope in zip(free, slopes, strict=True)}


class ImageChange(NamedTuple):
    """A change of the image by a perturbation of the truth.

    Parameters
    ----------
    slope : ndarray, shape of the image
        Derivative of the image by the size of the perturbation.
    truth : callable
        Function from the size of the perturbation to the noise-free image.
    """

    slope: Float[np.ndarray, " *image"]
    truth: Callable[[float], Any]


class Directions:
    """Derivatives of a model's image by the parameters of several directions, computed together.

    Parameters
    ----------
    model : Model
        Model at the reference point.
    keys : iterable of str
        Parameters of all directions.
    """

    def __init__(self, model: Model, keys: Iterable[str]) -> None:
        self.model = model
        self.free = model.store.spec.subset(dict.fromkeys(keys))
        self.theta = np.asarray(pack_params(model.store, self.free))
        if self.free:
            image, jacobian = image_jacobian(model.predict, model.store, self.free)
            self.image, self.jacobian = np.asarray(image), np.asarray(jacobian)

    def rows(self, keys: Iterable[str]) -> list[int]:
        """Return the rows of the Jacobian that belong to some keys, in the order of the keys."""
        return [self.free.labels.index(label) for key in keys for label in self.free[key].labels]

    def acts(self, key: str) -> bool:
        """Return True if the image depends on a parameter by more than rounding."""
        rows = self.rows([key])
        size = np.where(self.theta[rows] == 0, 1.0, np.abs(self.theta[rows]))
        change = np.linalg.norm(self.jacobian[rows].reshape(len(rows), -1), axis=1) * size
        return bool(change.max() > 1e-12 * np.linalg.norm(self.image))

    def step(self, direction: Mapping[str, float | Float[np.ndarray, " k"]]) -> ImageChange:
        """Return the change of the image along a direction: parameter key to change per unit of size, in its unit."""
        model = self.model
        along = {
            key: np.broadcast_to(np.asarray(value, dtype=float), model.store.spec[key].shape)
            for key, value in direction.items()
        }
        rows = self.rows(along)
        slope = np.tensordot(np.concatenate([np.ravel(v) for v in along.values()]), self.jacobian[rows], axes=1)

        def truth(size: float) -> Any:
            return model.predict(
                model.store.replace({key: np.asarray(model.store[key]) + size * v for key, v in along.items()})
            )

        return ImageChange(slope, truth)


def relative_change(model: Model, derived: str, direction: Mapping[str, float | Float[np.ndarray, " k"]]) -> float:
    """Return the relative change of a derived value along a direction: parameter key to change, in its unit.

    Parameters
    ----------
    model : Model
        Model at the point.
    derived : str
        Key of the derived value.
    direction : mapping
        Change of each parameter by key, in its unit.
    """
    store = model.store

    def value(size: Any) -> Any:
        moved = {key: jnp.asarray(store[key]) + size * jnp.asarray(change) for key, change in direction.items()}
        return model.derived(store.replace(moved))[derived]

    at, slope = jax.jvp(value, (jnp.zeros(()),), (jnp.ones(()),))
    return float(slope / at)
