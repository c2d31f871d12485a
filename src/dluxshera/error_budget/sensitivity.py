"""Models of the image at a reference point, and derivatives of what they compute."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from dluxshera.errors import ExpectationError
from dluxshera.inference import Noise, image_jacobian
from dluxshera.params import ParameterStore, ParamSpec, pack_params, unpack_params

ImageFunction: TypeAlias = Callable[[ParameterStore], Any]

SAME_IMAGE = 1e-9


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
    extended : tuple of callable
        Functions that return the same model with further effects, at values at which they do nothing. The images agree
        to the accuracy of the grids.
    """

    store: ParameterStore
    predict: ImageFunction
    derived: Callable[[ParameterStore], Mapping[str, Any]]
    extended: tuple[Callable[[], Model], ...] = ()


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


@eqx.filter_jit
def _push(predict: ImageFunction, store: ParameterStore, tangents: Mapping[str, Array]) -> Array:
    values = {key: jnp.asarray(value) for key, value in store.items()}
    slope: Array = jax.jvp(lambda moved: predict(store.replace(moved)), (values,), (tangents,))[1]
    return slope


@eqx.filter_jit
def _pull(predict: ImageFunction, store: ParameterStore, cotangent: Array) -> dict[str, Array]:
    values = {key: jnp.asarray(value) for key, value in store.items()}
    _, pull = jax.vjp(lambda moved: predict(store.replace(moved)), values)
    slopes: dict[str, Array] = pull(cotangent)[0]
    return slopes


def image_slope(model: Model, direction: Mapping[str, Any]) -> Float[np.ndarray, " *image"]:
    """Return the derivative of a model's image along a direction, by one forward pass that all directions share.

    Parameters
    ----------
    model : Model
        Model at the point.
    direction : mapping of str to ndarray
        Change of each parameter per unit of the direction, in the parameter's shape and unit.
    """
    tangents = {key: jnp.asarray(direction.get(key, np.zeros(np.shape(v))), float) for key, v in model.store.items()}
    return np.asarray(_push(model.predict, model.store, tangents))


def image_derivatives(model: Model, cotangent: Float[np.ndarray, " *image"]) -> dict[str, Float[np.ndarray, "..."]]:
    """Return the derivative of a weighted sum of a model's pixels by every primitive, by one reverse pass.

    Parameters
    ----------
    model : Model
        Model at the point.
    cotangent : ndarray, shape of the image
        Weight of each pixel.
    """
    slopes = _pull(model.predict, model.store, jnp.asarray(cotangent))
    return {key: np.asarray(slopes[key]) for key in model.store}


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


def derived_slope(model: Model, derived: str, direction: Mapping[str, Any]) -> tuple[float, float]:
    """Return a derived value of a model and its derivative along a direction.

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
        return jnp.asarray(model.derived(store.replace(moved))[derived], float)

    at, slope = jax.jvp(value, (jnp.zeros(()),), (jnp.ones(()),))
    return float(at), float(slope)


def relative_change(model: Model, derived: str, direction: Mapping[str, Any]) -> float:
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
    value, slope = derived_slope(model, derived, direction)
    return slope / value
