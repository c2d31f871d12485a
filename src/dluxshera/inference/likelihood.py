"""Noise models: the probability of data for an expected image."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from dluxshera.errors import DataError, first_index
from dluxshera.inference.deviance import DevianceMoments, log_curve, normal_moments, poisson_moments, ratio_curve
from dluxshera.inference.pixel_numbers import real_numbers


class Noise(eqx.Module):
    """Noise model: the probability of data for an expected image. Abstract.

    Methods return NaN for pixels where the model value is invalid for the noise model, such as a negative Poisson mean.
    Sums keep these NaN.
    """

    @abstractmethod
    def deviance(self, data: Float[Array, " *image"], model: Float[Array, " *image"]) -> Float[Array, " *image"]:
        """Return twice the log-probability of each pixel under its own best model, minus that under this one."""

    @abstractmethod
    def residual(self, data: Float[Array, " *image"], model: Float[Array, " *image"]) -> Float[Array, " *image"]:
        """Return the signed root of the deviance of each pixel, positive where the data exceed the model."""

    @abstractmethod
    def fisher_weights(self, model: Float[Array, " *image"]) -> Float[Array, " *image"]:
        """Return the Fisher information about the expected value of each pixel."""

    @abstractmethod
    def deviance_moments(self, model: Float[Array | np.ndarray, " *image"]) -> DevianceMoments:
        """Return mean and variance of the deviance of each pixel over the noise, where the model is correct."""

    @abstractmethod
    def sample(self, rng: np.random.Generator, model: Any) -> np.ndarray:
        """Draw one noisy image."""

    @abstractmethod
    def check(self, data: Float[np.ndarray, " *image"]) -> None:
        """Raise DataError if the data are impossible for this noise model."""

    def log_likelihood(self, data: Float[Array, " *image"], model: Float[Array, " *image"]) -> Float[Array, ""]:
        """Return the log-probability of the data, minus that under the best model of each pixel."""
        return -0.5 * jnp.sum(self.deviance(data, model))


class PoissonNoise(Noise):
    r"""Photon noise: each pixel is a Poisson variate.

    The log-likelihood is relative to that of a perfect model,
    :math:`\sum_i d_i \log(\mu_i / d_i) + d_i - \mu_i`, so that no precision is lost to its constant part.
    """

    def deviance(self, data: Float[Array, " *image"], model: Float[Array, " *image"]) -> Float[Array, " *image"]:
        """Return twice d log(d / mu) + mu - d of each pixel."""
        positive, safe, excess, model = self._parts(data, model)
        return jnp.where(positive, safe * excess**2 * log_curve(excess), 2.0 * model)

    def residual(self, data: Float[Array, " *image"], model: Float[Array, " *image"]) -> Float[Array, " *image"]:
        """Return the signed root of the deviance, about (d - mu) / sqrt(mu)."""
        positive, safe, excess, model = self._parts(data, model)
        dark = jnp.where(positive, 1.0, model)
        return jnp.where(positive, -jnp.sqrt(safe * log_curve(excess)) * excess, -jnp.sqrt(2.0 * dark))

    @staticmethod
    def _parts(data: Array, model: Array) -> tuple[Array, Array, Array, Array]:
        positive = data > 0
        safe = jnp.where(positive, data, 1.0)
        valid = _valid(model, model > 0)
        return positive, safe, (valid - safe) / safe, valid

    def fisher_weights(self, model: Float[Array, " *image"]) -> Float[Array, " *image"]:
        """Return 1 / expected photons, NaN where they are not positive."""
        return 1.0 / _valid(model, model > 0)

    def deviance_moments(self, model: Float[Array | np.ndarray, " *image"]) -> DevianceMoments:
        """Return the moments of each pixel: about 1 and 2, and others for fewer than ten photons."""
        return poisson_moments(model)

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
                remedy="Use GaussianNoise or PhotonReadNoise (--noise and --read-noise of run fit) for data with read"
                " noise or a subtracted bias or background",
            )


class GaussianNoise(Noise):
    """Normal noise of known variance.

    Parameters
    ----------
    variance : array_like
        Variance of each pixel, or of all pixels; photons squared.

    Raises
    ------
    DataError
        If a variance is not a positive and finite number.
    """

    variance: Float[Array, " *image"]

    def __init__(self, variance: Any) -> None:
        self.variance = _variance("variance", variance)

    def deviance(self, data: Float[Array, " *image"], model: Float[Array, " *image"]) -> Float[Array, " *image"]:
        """Return the square of each pixel's error in units of its sigma."""
        return (data - _valid(model)) ** 2 / self.variance

    def residual(self, data: Float[Array, " *image"], model: Float[Array, " *image"]) -> Float[Array, " *image"]:
        """Return (d - mu) / sigma."""
        return (data - _valid(model)) / jnp.sqrt(self.variance)

    def fisher_weights(self, model: Float[Array, " *image"]) -> Float[Array, " *image"]:
        """Return 1 / variance."""
        return jnp.broadcast_to(1.0 / self.variance, model.shape)

    def deviance_moments(self, model: Float[Array | np.ndarray, " *image"]) -> DevianceMoments:
        """Return the moments of each pixel, 1 and 2: those of chi-squared with one degree of freedom."""
        one = np.where(np.isfinite(model), 1.0, np.nan)
        return DevianceMoments(one, 2.0 * one)

    def sample(self, rng: np.random.Generator, model: Any) -> np.ndarray:
        """Draw one noisy image."""
        return rng.normal(np.asarray(model), np.sqrt(np.asarray(self.variance)))

    def check(self, data: Float[np.ndarray, " *image"]) -> None:
        """Raise DataError if the variances do not fit the image."""
        _check_shape("variance", self.variance, data)


class PhotonReadNoise(Noise):
    r"""Photon noise and read noise together: each pixel is normal, of variance :math:`v = \mu + r^2`.

    The log-likelihood of a pixel is :math:`-\frac12 (d - \mu)^2 / v - \frac12 \log v`. The variance depends on the
    expected photons, and so adds information about them: the Fisher information about :math:`\mu` is
    :math:`1/v + 1/(2 v^2)`. For pixels with few photons and a read noise below one, the normal distribution is a poor
    approximation of a detector.

    Parameters
    ----------
    read_variance : array_like
        Read variance :math:`r^2` of each pixel, or of all pixels; photons squared.

    Raises
    ------
    DataError
        If a variance is not a positive and finite number.
    """

    read_variance: Float[Array, " *image"]

    def __init__(self, read_variance: Any) -> None:
        self.read_variance = _variance("read_variance", read_variance)

    def deviance(self, data: Float[Array, " *image"], model: Float[Array, " *image"]) -> Float[Array, " *image"]:
        """Return the deviance relative to the best model of each pixel without negative photons."""
        excess, curvature, slope = self._parts(data, model)
        return excess * (excess * curvature + slope)

    def residual(self, data: Float[Array, " *image"], model: Float[Array, " *image"]) -> Float[Array, " *image"]:
        """Return the signed root of the deviance, about (d - mu) / sqrt(v)."""
        excess, curvature, slope = self._parts(data, model)
        dark = (slope > 0) & (excess > 0)
        beyond = jnp.sqrt(jnp.where(dark, excess * (excess * curvature + slope), 1.0))
        return -jnp.where(dark, beyond, excess * jnp.sqrt(curvature))

    def _parts(self, data: Array, model: Array) -> tuple[Array, Array, Array]:
        """Return excess x, curvature c and slope s of the deviance x (c x + s), with x = v - b.

        The variance b of the best model, where the log-probability is greatest, solves :math:`b^2 + b = (d + r^2)^2`.
        If its solution is below :math:`r^2`, the best model has no photons, and s is not zero.
        """
        shifted = data + self.read_variance
        root = 2.0 * shifted**2 / (1.0 + jnp.sqrt(1.0 + 4.0 * shifted**2))
        best = jnp.maximum(root, self.read_variance)
        v = _valid(model, model >= 0) + self.read_variance
        slope = jnp.where(root < best, (best**2 + best - shifted**2) / (v * best), 0.0)
        return v - best, 1.0 / v + ratio_curve((v - best) / best) / best**2, slope

    def fisher_weights(self, model: Float[Array, " *image"]) -> Float[Array, " *image"]:
        """Return 1 / v + 1 / (2 v^2)."""
        v = _valid(model, model >= 0) + self.read_variance
        return 1.0 / v + 0.5 / v**2

    def deviance_moments(self, model: Float[Array | np.ndarray, " *image"]) -> DevianceMoments:
        """Return the moments of each pixel: about 1 and 2, and up to 1.3 and 3.1 for few photons and little noise."""
        return _moments(self, jnp.asarray(model, dtype=float))

    def sample(self, rng: np.random.Generator, model: Any) -> np.ndarray:
        """Draw one noisy image from the normal distribution."""
        model = np.asarray(model)
        return rng.normal(model, np.sqrt(model + np.asarray(self.read_variance)))

    def check(self, data: Float[np.ndarray, " *image"]) -> None:
        """Raise DataError if the variances do not fit the image."""
        _check_shape("read_variance", self.read_variance, data)


class ImageLikelihood(eqx.Module):
    """Data, noise and mask: the probability of the data as a function of the image.

    Parameters
    ----------
    data : Array
        Image, photons per pixel.
    noise : Noise
        Noise model.
    mask : Array or None
        True for the pixels to use; None for all.
    """

    data: Float[Array, " *image"]
    noise: Noise
    mask: Bool[Array, " *image"] | None

    def counted(self, pixels: Float[Array, "*n"], otherwise: Array | float) -> Float[Array, "*n"]:
        """Return an image, or a stack of them, with another value in masked pixels."""
        return pixels if self.mask is None else jnp.where(self.mask, pixels, otherwise)

    def log_density(self, image: Float[Array, " *image"]) -> Float[Array, ""]:
        """Return the log-probability of the data; NaN where the image is not valid."""
        model = self.counted(image, self.data)  # a NaN masked afterwards would stay in the derivative
        return -0.5 * jnp.sum(self.counted(self.noise.deviance(self.data, model), 0.0))

    def residual(self, image: Float[Array, " *image"]) -> Float[Array, " pixels"]:
        """Return the signed root of the deviance of each pixel, 0 for a masked one."""
        model = self.counted(image, self.data)
        return jnp.ravel(self.counted(self.noise.residual(self.data, model), 0.0))

    def deviance_moments(self, image: Float[Array, " *image"]) -> DevianceMoments:
        """Return mean and variance of the deviance of all data over the noise, where the image is correct."""
        moments = self.noise.deviance_moments(image)
        return DevianceMoments(*(jnp.sum(self.counted(jnp.asarray(each), 0.0)) for each in moments))


def _valid(model: Array, possible: Array | bool = True) -> Array:
    """Return the model, NaN where it is not finite or impossible; by a product, so that derivatives are NaN too."""
    return model * jnp.where(possible & jnp.isfinite(model), 1.0, jnp.nan)


@eqx.filter_jit
def _moments(noise: PhotonReadNoise, model: Array) -> DevianceMoments:
    variance = model + noise.read_variance
    return normal_moments(lambda data: noise.deviance(data, model), variance, model, -noise.read_variance)


def _variance(name: str, variance: Any) -> Float[Array, " *image"]:
    if not isinstance(variance, jax.core.Tracer):
        concrete = real_numbers(name, variance, power=2)
        variance = concrete
        if (index := first_index(concrete, lambda v: not 0 < v < float("inf"))) is not None:
            raise DataError(name, expected="positive and finite", got=concrete, index=index)
    return jnp.asarray(variance, dtype=jnp.result_type(float))


def _check_shape(name: str, variance: Array, data: np.ndarray) -> None:
    if variance.shape not in ((), data.shape):
        raise DataError(name, expected=f"one number or the shape of the data, {data.shape}", got=variance)
