"""The posterior of the free parameters: prior times likelihood, as a function of theta."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from dluxshera.errors import ParameterError
from dluxshera.inference.data_checks import image_data, pixel_mask
from dluxshera.inference.deviance import DevianceMoments
from dluxshera.inference.far_priors import warn_of_far_priors
from dluxshera.inference.fisher import Expansion, FisherInformation, generalized_eigenmodes, information_matrix
from dluxshera.inference.likelihood import ImageLikelihood, Noise, PoissonNoise
from dluxshera.inference.prior_draws import satisfying
from dluxshera.inference.theta_prior import NormalPrior, Theta, ThetaPrior, labelled, prior_of
from dluxshera.params import AbstractImageModel, ParameterStore, ParamSpec, Predict, image_model, unpack_params


class AbstractPosterior(eqx.Module):
    """Posterior of theta, as solvers and samplers see it. Abstract.

    A posterior is a pytree. Its data and fixed values are leaves, so that a function compiled for one image takes the
    next one without a new trace. `log_likelihood`, `log_prior` and `expand` are traceable; fits also call them with
    concrete theta, so each compiles what is expensive.
    """

    @property
    @abstractmethod
    def labels(self) -> tuple[str, ...]:
        """A name for each element of theta."""

    @property
    @abstractmethod
    def n_data(self) -> int:
        """The number of unmasked pixels; not for a traced posterior."""

    @property
    @abstractmethod
    def prior_mean(self) -> Float[Array | np.ndarray, " n"]:
        """The mean of the normal part of the prior; 0 for other elements."""

    @property
    @abstractmethod
    def prior_precision(self) -> Float[Array | np.ndarray, "n n"]:
        """The inverse covariance of the normal part of the prior; 0 for other elements."""

    @property
    @abstractmethod
    def bounds(self) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
        """Lower and upper limits of each element, from its field or its prior; may be infinite."""

    @abstractmethod
    def allows(self, theta: Theta) -> bool:
        """Return True if every parameter lies within the bounds of its field; theta is concrete."""

    @abstractmethod
    def stores_at(self, theta: Theta) -> tuple[ParameterStore, ...]:
        """Return the full store of each exposure at theta."""

    @abstractmethod
    def log_prior(self, theta: Theta) -> Float[Array, ""]:
        """Return the log-density of the prior, up to a constant; minus infinity outside the support of a prior.

        A parameter without a prior contributes zero.
        """

    @abstractmethod
    def log_likelihood(self, theta: Theta) -> Float[Array, ""]:
        """Return the log-probability of the data; NaN where the model is not valid."""

    @abstractmethod
    def deviance_moments(self, theta: Theta) -> DevianceMoments:
        """Return mean and variance of the deviance of all data over the noise, where the model at theta is correct."""

    @abstractmethod
    def expand(self, theta: Theta) -> Expansion:
        """Return loss, gradient and Fisher matrix at theta, compiled once for all data of one shape.

        Where the model is not valid the loss is NaN, and the gradient and the matrix keep derivatives that are not
        finite; `FisherInformation.checked` raises for them.
        """

    @abstractmethod
    def residual(self, theta: Theta) -> Float[Array, " m"]:
        """Return a vector whose squared norm, halved, is the loss, up to a constant.

        First the signed root of the deviance of each pixel, 0 for a masked one, then the residuals of the prior.
        """

    @abstractmethod
    def draw_from_prior(self, rng: np.random.Generator) -> Float[np.ndarray, " n"]:
        """Draw theta from the prior.

        Raises
        ------
        ParameterError
            If a free parameter has no prior.
        """

    def loss(self, theta: Theta) -> Float[Array, ""]:
        """Return minus the log-density of the posterior, up to a constant.

        Infinite where the prior excludes theta. NaN where the model is not valid, so that no comparison prefers it.
        """
        log_likelihood = self.log_likelihood(theta)  # first, because it raises by name for a wrong shape
        return _loss(log_likelihood, self.log_prior(theta))

    @property
    def prior_sigma(self) -> Float[np.ndarray, " n"]:
        """The marginal standard deviation of the normal part of the prior; infinite for other elements."""
        values, vectors = generalized_eigenmodes(np.asarray(self.prior_precision))
        flat = values == 0
        unlimited = np.any(np.abs(vectors[:, flat]) > 1e-8 * np.abs(vectors).max(axis=1, keepdims=True), axis=1)
        scaled = vectors[:, ~flat] / np.sqrt(values[~flat])
        return np.where(unlimited, np.inf, np.linalg.norm(scaled, axis=1))

    def information(self, theta: Theta) -> FisherInformation:
        """Return the Fisher information of the data at theta, without the prior's.

        Raises
        ------
        FitError
            If the information is not finite; the parameters are named.
        """
        return FisherInformation.checked(np.asarray(self.expand(theta).information), self.labels)

    def store_at(self, theta: Theta) -> ParameterStore:
        """Return the full store at theta.

        Raises
        ------
        ParameterError
            If the posterior has several exposures, each with its own store.
        """
        stores = self.stores_at(theta)
        if len(stores) > 1:
            raise ParameterError(
                "theta", expected="a single exposure", got=f"{len(stores)} exposures", remedy="Use stores_at(theta)"
            )
        return stores[0]


class ThetaPosterior(AbstractPosterior):
    """A posterior with a field ``prior``, the `ThetaPrior` of its theta. Abstract."""

    if TYPE_CHECKING:  # a property would become the default of the subclasses' field

        @property
        @abstractmethod
        def prior(self) -> ThetaPrior:
            """The prior of theta."""

    @property
    def prior_mean(self) -> Float[Array | np.ndarray, " n"]:
        """The mean of the normal part of the prior; 0 for other elements."""
        return self.prior.mean

    @property
    def prior_precision(self) -> Float[Array | np.ndarray, "n n"]:
        """The inverse covariance of the normal part of the prior; 0 for other elements."""
        return self.prior.precision

    @property
    def bounds(self) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
        """Lower and upper limits of each element, from its field or its prior; may be infinite."""
        return self.prior.bounds

    def allows(self, theta: Theta) -> bool:
        """Return True if every element of a concrete theta lies within the bounds of its field."""
        return self.prior.allows(theta)

    def log_prior(self, theta: Theta) -> Float[Array, ""]:
        """Return the log-density of the prior, up to a constant; minus infinity outside the support of a prior."""
        return self.prior.log_density(theta)

    def draw_from_prior(self, rng: np.random.Generator) -> Float[np.ndarray, " n"]:
        """Draw theta from the prior, within the bounds of the fields and the constraints of the spec.

        Raises
        ------
        ParameterError
            If a free parameter has no prior.
        """
        return satisfying(lambda: self.prior.sample(rng), self.stores_at)


class Posterior(ThetaPosterior):
    """Posterior of one image: prior times likelihood. Built by `make_posterior`.

    Parameters
    ----------
    model : AbstractImageModel
        Image model.
    store : ParameterStore
        Values of all parameters that are not free.
    data : Array
        Image, photons per pixel.
    noise : Noise
        Noise model.
    mask : Array or None
        True for the pixels to use; None for all.
    prior : ThetaPrior
        Prior of the free parameters.
    free : ParamSpec
        Free parameters, in the order of theta.
    """

    model: AbstractImageModel
    store: ParameterStore
    data: Float[Array, " *image"]
    noise: Noise
    mask: Bool[Array, " *image"] | None
    prior: ThetaPrior
    free: ParamSpec = eqx.field(static=True)

    @property
    def predict(self) -> Callable[[ParameterStore], Float[Array, " *image"]]:
        """The function from store to expected image."""
        return self.model.image

    @property
    def labels(self) -> tuple[str, ...]:
        """A name for each element of theta."""
        return self.free.labels

    @property
    def n_data(self) -> int:
        """The number of unmasked pixels; not for a traced posterior."""
        return self.data.size if self.mask is None else int(np.sum(np.asarray(self.mask)))

    def stores_at(self, theta: Theta) -> tuple[ParameterStore, ...]:
        """Return the full store at theta, as a tuple of one."""
        return (unpack_params(theta, self.free, self.store),)

    def log_likelihood(self, theta: Theta) -> Float[Array, ""]:
        """Return the log-probability of the data; NaN where the model is not valid."""
        return _log_likelihood(self._likelihood, self.model.image(self.store_at(theta)))

    def deviance_moments(self, theta: Theta) -> DevianceMoments:
        """Return mean and variance of the deviance of all data over the noise, where the model at theta is correct."""
        return self._likelihood.deviance_moments(self.model.image(self.store_at(theta)))

    def expand(self, theta: Theta) -> Expansion:
        """Return loss, gradient and Fisher matrix at theta, compiled once for all data of one shape."""
        image, columns = self.model.expand(self.store_at(theta), self.free)
        return _expansion(self._likelihood, self.prior, theta, image, columns)

    def residual(self, theta: Theta) -> Float[Array, " m"]:
        """Return the signed roots of the pixels' deviances, and the residuals of the prior."""
        return jnp.concatenate([self.pixel_residual(theta), self.prior.residual(theta)])

    def pixel_residual(self, theta: Theta) -> Float[Array, " pixels"]:
        """Return the signed root of the deviance of each pixel, positive where the data exceed the model."""
        return self._likelihood.residual(self.model.image(self.store_at(theta)))

    @property
    def _likelihood(self) -> ImageLikelihood:
        return ImageLikelihood(self.data, self.noise, self.mask)


# Small programs of an image, apart from the model's own: those serve predictions, simulations and all posteriors.
@eqx.filter_jit
def _log_likelihood(likelihood: ImageLikelihood, image: Array) -> Array:
    return likelihood.log_density(image)


@eqx.filter_jit
def _expansion(likelihood: ImageLikelihood, prior: ThetaPrior, theta: Theta, image: Array, columns: Array) -> Expansion:
    log_likelihood, score = jax.value_and_grad(likelihood.log_density)(image)
    log_prior, slope = jax.value_and_grad(prior.log_density)(jnp.asarray(theta, dtype=jnp.result_type(float)))
    weights = likelihood.counted(likelihood.noise.fisher_weights(image), 0.0)
    rows = likelihood.counted(columns, 0.0)
    gradient = -rows.reshape(len(rows), -1) @ jnp.ravel(score) - slope
    return Expansion(_loss(log_likelihood, log_prior), gradient, information_matrix(rows, weights))


@jax.jit
def _loss(log_likelihood: Array, log_prior: Array) -> Array:
    # A model may be NaN where the prior excludes its parameters; that theta is excluded rather than invalid.
    return jnp.where(jnp.isneginf(log_prior), jnp.inf, -log_likelihood - log_prior)


def make_posterior(
    predict: Predict,
    free: ParamSpec,
    store: ParameterStore,
    data: Any,
    noise: Noise | None = None,
    *,
    mask: Any = None,
    prior: NormalPrior | None = None,
) -> Posterior:
    """Return the posterior of the free parameters.

    Parameters
    ----------
    predict : AbstractImageModel or callable
        Image model, such as a binder, or function from store to expected image: ``binder.predict``.
    free : ParamSpec
        Parameters to fit, ``spec.subset(keys)``, with the priors of their fields. A field without a prior has a flat
        one.
    store : ParameterStore
        Values of all parameters that are not free.
    data : array_like
        Image, photons per pixel, or with a unit that converts to them (see `image_data`). Pixels that are masked in a
        masked array or a CCDData are left out.
    noise : Noise, optional
        Noise model. By default `PoissonNoise`.
    mask : array_like of bool, optional
        True for the pixels to use: ``~saturated``. Data of other pixels may have any value. By default all are used.
    prior : NormalPrior, optional
        Calibration that replaces the fields' priors of its labels.

    Raises
    ------
    DataError
        If the data have another shape than the model's image, are impossible for the noise model, or all masked.
    ParameterError
        If nothing is free, or a free parameter is not a primitive.
    UnknownKeyError
        If theta has no label of the prior.

    Warns
    -----
    PriorWarning
        If the store's value of a free parameter is more than ten sigma from the mean of its prior.
    """
    if not free:
        raise ParameterError("free", expected="at least one free parameter", got=free)
    for field in free.fields:
        if field.kind != "primitive":
            expected, remedy = "a primitive, because it is to be fitted", "Use a spec in which it is primitive"
            raise ParameterError(field.key, expected=expected, got=field.kind, remedy=remedy)
    noise = PoissonNoise() if noise is None else noise
    model = image_model(predict)
    # The method of a module compares by its arrays, which JAX's caches would do here; this function by identity.
    shape = jax.eval_shape(lambda store: model.image(store), store).shape
    counted = pixel_mask(mask, shape, data)
    checked = image_data(data, shape, noise, counted)
    of_theta = prior_of(labelled(free), prior)
    warn_of_far_priors(of_theta, free, store, stacklevel=2)
    return Posterior(model, store, checked, noise, counted, of_theta, free)
