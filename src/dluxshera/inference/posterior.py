"""The posterior of the free parameters, given one image: prior times likelihood, as a function of theta."""

from __future__ import annotations

from typing import Any, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from dluxshera.errors import ParameterError
from dluxshera.inference.fisher import FisherInformation, Predict, fisher_information
from dluxshera.inference.likelihood import Noise, PoissonNoise, image_data
from dluxshera.params.packing import unpack_params
from dluxshera.params.priors import Normal, Prior, TruncatedNormal
from dluxshera.params.spec import ParamSpec
from dluxshera.params.store import ParameterStore

Theta: TypeAlias = Float[Array | np.ndarray, " n"]  # packed values of the free parameters


class Posterior(eqx.Module):
    """Prior times likelihood of one image. Made by `make_posterior`.

    A posterior is a pytree: its data and fixed values are leaves, so a function that is compiled for one image serves
    the next without a new trace.

    Parameters
    ----------
    predict : callable
        From store to expected image.
    store : ParameterStore
        Values of everything that is not free.
    data : Array
        The image.
    noise : Noise
        How data scatter about the expected image.
    free : ParamSpec
        The free parameters, in the order of theta.
    prior_mean, prior_sigma : ndarray
        Of the normal priors and of those that are cut off normal ones; where there is none, sigma is infinite.
    shaped : tuple of (int, int, Prior)
        The priors that are not normal, each with the first element of theta that it is for and the one past its last.
    """

    predict: Predict
    store: ParameterStore
    data: Float[Array, " *image"]
    noise: Noise
    prior_mean: Float[np.ndarray, " n"]
    prior_sigma: Float[np.ndarray, " n"]
    free: ParamSpec = eqx.field(static=True)
    shaped: tuple[tuple[int, int, Prior], ...] = eqx.field(static=True, default=())

    @property
    def labels(self) -> tuple[str, ...]:
        """A name for each element of theta."""
        return self.free.labels

    def store_at(self, theta: Theta) -> ParameterStore:
        """Return the full store at theta."""
        return unpack_params(theta, self.free, self.store)

    def allows(self, theta: Theta) -> bool:
        """Return whether every element of theta lies within the bounds of its field; theta is concrete."""
        bounds = [field.bounds for field in self.free.fields for _ in field.labels]
        return all(bound.contains(float(value)) for bound, value in zip(bounds, theta, strict=True))

    def log_prior(self, theta: Theta) -> Float[Array, ""]:
        """Return the log-density of the prior, up to a constant; minus infinity outside the support of a prior.

        Parameters without a prior add nothing.
        """
        normal = -0.5 * jnp.sum(((theta - self.prior_mean) / self.prior_sigma) ** 2)
        return sum((_beyond_normal(prior, theta[start:stop]) for start, stop, prior in self.shaped), normal)

    def log_likelihood(self, theta: Theta) -> Float[Array, ""]:
        """Return the log-probability of the data; NaN where the model is not valid."""
        return self.noise.log_likelihood(self.data, self.predict(self.store_at(theta)))

    def loss(self, theta: Theta) -> Float[Array, ""]:
        """Return minus the log-density of the posterior, up to a constant; infinity where the prior excludes theta."""
        log_likelihood = self.log_likelihood(theta)  # first, for it names a theta of the wrong shape
        log_prior = self.log_prior(theta)
        loss = -log_likelihood - log_prior
        # A model may be NaN where a prior forbids its parameters; that theta is excluded then, not invalid.
        return jnp.where(jnp.isneginf(log_prior), jnp.inf, loss) if self.shaped else loss

    def information(self, theta: Theta) -> FisherInformation:
        """Return the Fisher information of the data at theta, without the prior's."""
        return fisher_information(self.predict, self.store_at(theta), self.free, self.noise)

    def draw_from_prior(self, rng: np.random.Generator) -> Float[np.ndarray, " n"]:
        """Draw theta from the prior.

        Raises
        ------
        ParameterError
            If a free parameter has no prior.
        """
        return draw_from_prior(self.free, rng)


def make_posterior(
    predict: Predict,
    free: ParamSpec,
    store: ParameterStore,
    data: Any,
    noise: Noise | None = None,
) -> Posterior:
    """Return the posterior of the free parameters, with the priors of their fields.

    Parameters
    ----------
    predict : callable
        From store to expected image: ``binder.predict``.
    free : ParamSpec
        The parameters to fit, ``spec.subset(keys)``; its priors are the prior. A field without one has a flat prior.
    store : ParameterStore
        Values of everything that is not free.
    data : array_like
        The image, in photons.
    noise : Noise, optional
        By default `PoissonNoise`.

    Raises
    ------
    DataError
        If the data are not an image that the model and the noise can explain.
    ParameterError
        If nothing is free, or a free parameter is not a primitive.
    """
    if not free:
        raise ParameterError("free", expected="at least one free parameter", got=free)
    for field in free.fields:
        if field.kind != "primitive":
            raise ParameterError(
                field.key,
                expected="a primitive, for it is to be fitted",
                got=field.kind,
                remedy="Use a spec in which it is primitive",
            )
    noise = PoissonNoise() if noise is None else noise
    shape = jax.eval_shape(predict, store).shape
    mean, sigma = _prior_arrays(free)
    return Posterior(predict, store, image_data(data, shape, noise), noise, mean, sigma, free, _shaped_priors(free))


def draw_from_prior(free: ParamSpec, rng: np.random.Generator) -> Float[np.ndarray, " n"]:
    """Draw a packed vector from the priors of a spec's fields.

    Raises
    ------
    ParameterError
        If a field has no prior.
    """
    drawn = []
    for field in free.fields:
        if field.prior is None:
            raise ParameterError(field.key, expected="a prior to draw from", got=None, remedy="Fix it, or give it one")
        drawn.append(np.ravel(field.prior.sample(rng, field.shape)))
    return np.concatenate(drawn)


def _prior_arrays(free: ParamSpec) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and sigma for each element of theta; a prior that is nowhere normal has an infinite sigma."""
    mean, sigma = [], []
    for field in free.fields:
        normal = field.prior if isinstance(field.prior, Normal | TruncatedNormal) else None
        mean += [normal.mean if normal else 0.0] * len(field.labels)
        sigma += [normal.sigma if normal else np.inf] * len(field.labels)
    return np.array(mean), np.array(sigma)


def _shaped_priors(free: ParamSpec) -> tuple[tuple[int, int, Prior], ...]:
    found: list[tuple[int, int, Prior]] = []
    start = 0
    for field in free.fields:
        stop = start + len(field.labels)
        if field.prior is not None and not isinstance(field.prior, Normal):
            found.append((start, stop, field.prior))
        start = stop
    return tuple(found)


def _beyond_normal(prior: Prior, value: Array | np.ndarray) -> Array:
    """Return the log-density of a prior without the normal part that `prior_mean` and `prior_sigma` stand for."""
    density = prior.log_density(value)
    if isinstance(prior, TruncatedNormal):
        density = jnp.where(jnp.isneginf(density), -jnp.inf, 0.0)
    return jnp.sum(density)
