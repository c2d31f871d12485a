"""`AbstractImageModel`: an image as a function of a store, and its derivatives by packed parameters.

`model` implements it and `inference` uses it; neither imports the other.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dluxshera.errors import ParameterError
from dluxshera.params.packing import pack_params, unpack_params
from dluxshera.params.spec import ParamSpec
from dluxshera.params.store import ParameterStore


class AbstractImageModel(eqx.Module):
    """An image as a function of a store. Abstract.

    Both methods are pure and go through `jax.jit`, `jax.vmap` and `jax.grad`. Estimators call them with concrete stores
    too, many times and outside of compiled functions: an implementation compiles what is expensive, once for all stores
    of one spec. A subclass that changes `image` also changes `expand`.
    """

    @abstractmethod
    def image(self, store: ParameterStore) -> Float[Array, " *image"]:
        """Return the expected image.

        Parameters
        ----------
        store : ParameterStore
            Full store of the model's spec.

        Returns
        -------
        Array, shape (...)
            Photons per pixel.
        """

    @abstractmethod
    def expand(
        self, store: ParameterStore, free: ParamSpec
    ) -> tuple[Float[Array, " *image"], Float[Array, "n *image"]]:
        """Return the image and its derivatives by the free parameters.

        Parameters
        ----------
        store : ParameterStore
            Point of the derivatives.
        free : ParamSpec
            Free parameters, ``spec.subset(keys)``.

        Returns
        -------
        image : Array, shape (...)
            Photons per pixel, as of `image`.
        columns : Array, shape (n, ...)
            Photons per pixel and unit of each element of theta, in the order of ``free.labels`` and `pack_params`.
        """


class AutomaticImageModel(AbstractImageModel):
    """A function from store to image, differentiated in forward mode. Compiled once for stores of one spec.

    Parameters
    ----------
    predict : callable
        Pure function from store to image that JAX can trace.
    """

    predict: Callable[[ParameterStore], Any]

    def image(self, store: ParameterStore) -> Float[Array, " *image"]:
        """Return the expected image."""
        return _image(self.predict, store)

    def expand(
        self, store: ParameterStore, free: ParamSpec
    ) -> tuple[Float[Array, " *image"], Float[Array, "n *image"]]:
        """Return the image and its derivatives: the function is linearised once, and applied to one element a time."""
        return _expanded(self.predict, store, free)


Predict: TypeAlias = AbstractImageModel | Callable[[ParameterStore], Any]


def image_model(predict: object) -> AbstractImageModel:
    """Return the image model of an image model, of its bound method, or of a function from store to image.

    Parameters
    ----------
    predict : AbstractImageModel or callable
        Image model, which is returned as it is; its bound method ``image``, under any name of it such as
        ``binder.predict``, which gives the model itself; or any other function from store to image, which gives an
        `AutomaticImageModel`.

    Raises
    ------
    ParameterError
        If it is none of them.

    Examples
    --------
    >>> image_model(lambda store: store["star.flux"] * jnp.ones((2, 2)))
    AutomaticImageModel(predict=<function <lambda>>)
    """
    if isinstance(predict, AbstractImageModel):
        return predict
    if not callable(predict):
        raise ParameterError("predict", expected="an image model, or a function from store to image", got=predict)
    owner = getattr(predict, "__self__", None)
    if isinstance(owner, AbstractImageModel) and getattr(predict, "__func__", None) is type(owner).image:
        return owner
    return AutomaticImageModel(predict)


@eqx.filter_jit
def _image(predict: Callable[[ParameterStore], Any], store: ParameterStore) -> Array:
    return jnp.asarray(predict(store))


@eqx.filter_jit
def _expanded(predict: Callable[[ParameterStore], Any], store: ParameterStore, free: ParamSpec) -> tuple[Array, Array]:
    theta = pack_params(store, free)
    image, tangent = jax.linearize(lambda theta: predict(unpack_params(theta, free, store)), theta)
    return image, jax.lax.map(tangent, jnp.eye(theta.size, dtype=theta.dtype))
