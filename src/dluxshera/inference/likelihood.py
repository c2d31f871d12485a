"""How data scatter about a model image: noise models, and the check of image data."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from dluxshera.errors import DataError, first_index


class Noise(eqx.Module):
    """A noise model: how probable data are, given the expected image. Abstract."""

    @abstractmethod
    def log_likelihood(self, data: Float[Array, " *image"], model: Float[Array, " *image"]) -> Float[Array, ""]:
        """Return the log-probability of the data, up to a constant of the data alone. NaN if the model is not valid."""

    @abstractmethod
    def fisher_weights(self, model: Float[Array, " *image"]) -> Float[Array, " *image"]:
        """Return the Fisher information about each pixel's expected value."""

    @abstractmethod
    def sample(self, rng: np.random.Generator, model: Any) -> np.ndarray:
        """Draw one noisy image."""

    @abstractmethod
    def check(self, data: Float[np.ndarray, " *image"]) -> None:
        """Raise DataError if such data cannot come from this noise."""


class PoissonNoise(Noise):
    r"""Photon noise: each pixel is a Poisson variate.

    The log-likelihood is taken against that of a perfect model, pixel by pixel,
    :math:`\sum_i d_i \log(\mu_i / d_i) + d_i - \mu_i`, so that no precision is lost to its constant part.
    """

    def log_likelihood(self, data: Float[Array, " *image"], model: Float[Array, " *image"]) -> Float[Array, ""]:
        """Return the log-probability of the data less that of a perfect model."""
        positive = data > 0
        safe = jnp.where(positive, data, 1.0)
        excess = (model - safe) / safe
        terms = jnp.where(positive, data * (jnp.log1p(excess) - excess), -model)
        return jnp.where(jnp.all(model > 0), jnp.sum(terms), jnp.nan)

    def fisher_weights(self, model: Float[Array, " *image"]) -> Float[Array, " *image"]:
        """Return 1 / expected photons, NaN where they are not positive."""
        return jnp.where(model > 0, 1.0 / model, jnp.nan)

    def sample(self, rng: np.random.Generator, model: Any) -> np.ndarray:
        """Draw one noisy image."""
        return rng.poisson(np.asarray(model)).astype(float)

    def check(self, data: Float[np.ndarray, " *image"]) -> None:
        """Raise DataError if a pixel is negative."""
        if (index := first_index(data, lambda count: count < 0)) is not None:
            raise DataError(
                "data",
                expected="photon counts, none below 0",
                got=data,
                index=index,
                remedy="Use GaussianNoise for data with a bias or background taken off",
            )


class GaussianNoise(Noise):
    """Normal noise of known variance.

    Parameters
    ----------
    variance : array_like
        Of each pixel, or one for all; photons squared.

    Raises
    ------
    DataError
        If a variance is not a positive and finite number.
    """

    variance: Float[Array, " *image"]

    def __init__(self, variance: Any) -> None:
        if not isinstance(variance, jax.core.Tracer):
            concrete = _real_numbers("variance", variance)
            if (index := first_index(concrete, lambda v: not 0 < v < float("inf"))) is not None:
                raise DataError("variance", expected="positive and finite", got=concrete, index=index)
        self.variance = jnp.asarray(variance, dtype=jnp.result_type(float))

    def log_likelihood(self, data: Float[Array, " *image"], model: Float[Array, " *image"]) -> Float[Array, ""]:
        """Return minus half of chi squared."""
        return -0.5 * jnp.sum((data - model) ** 2 / self.variance)

    def fisher_weights(self, model: Float[Array, " *image"]) -> Float[Array, " *image"]:
        """Return 1 / variance."""
        return jnp.broadcast_to(1.0 / self.variance, model.shape)

    def sample(self, rng: np.random.Generator, model: Any) -> np.ndarray:
        """Draw one noisy image."""
        return rng.normal(np.asarray(model), np.sqrt(np.asarray(self.variance)))

    def check(self, data: Float[np.ndarray, " *image"]) -> None:
        """Raise DataError if the variances do not fit the image."""
        if self.variance.shape not in ((), data.shape):
            raise DataError(
                "variance", expected=f"one number or the shape of the data, {data.shape}", got=self.variance
            )


def image_data(data: Any, shape: tuple[int, ...], noise: Noise) -> Float[Array, " *image"]:
    """Return image data as floats, checked.

    Parameters
    ----------
    data : array_like
        Integers are converted, so that they never truncate what is computed from them.
    shape : tuple of int
        Of the model's image.
    noise : Noise
        Says which values are possible.

    Raises
    ------
    DataError
        If the data are not real and finite numbers of that shape, or cannot come from that noise.
    """
    array = _real_numbers("data", data)
    if array.shape != shape:
        raise DataError(
            "data", expected=f"an image of shape {shape}", got=array, remedy="Set image_npix to the size of the data"
        )
    if (index := first_index(array, lambda count: not np.isfinite(count))) is not None:
        raise DataError("data", expected="finite numbers", got=array, index=index, remedy="Mend or cut the pixel out")
    noise.check(array)
    return jnp.asarray(array)


def _real_numbers(name: str, value: Any) -> np.ndarray:
    array = np.asarray(value)
    if array.dtype.kind not in "iuf":
        raise DataError(name, expected="real numbers", got=array)
    return array.astype(float)
