"""Several exposures fitted together, with shared parameters and parameters of each exposure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from dluxshera.errors import DataError, ShapeError
from dluxshera.inference.deviance import DevianceMoments
from dluxshera.inference.fisher import Expansion
from dluxshera.inference.likelihood import Noise
from dluxshera.inference.posterior import Posterior, ThetaPosterior, make_posterior
from dluxshera.inference.theta_prior import (
    NormalPrior,
    Theta,
    ThetaPrior,
    flat_prior,
    labelled,
    prior_of,
)
from dluxshera.params import ParameterStore, ParamSpec, Predict, image_model


class JointPosterior(ThetaPosterior):
    """Posterior of several exposures: prior times their likelihoods. Built by `make_joint_posterior`.

    Theta has the shared parameters first, then those of exposure 0, of exposure 1, and so on.

    Parameters
    ----------
    exposures : tuple of Posterior
        Posterior of each exposure, with a flat prior of the shared parameters and its own.
    prior : ThetaPrior
        Prior of theta, which counts a shared parameter once.
    places : tuple of tuple of int
        Elements of theta that each exposure uses, in its order.
    """

    exposures: tuple[Posterior, ...]
    prior: ThetaPrior
    places: tuple[tuple[int, ...], ...] = eqx.field(static=True)

    @property
    def labels(self) -> tuple[str, ...]:
        """A name for each element of theta; one that ends in ``@2`` belongs to exposure 2 alone."""
        return self.prior.labels

    @property
    def n_data(self) -> int:
        """The number of unmasked pixels in all exposures; not for a traced posterior."""
        return sum(exposure.n_data for exposure in self.exposures)

    def stores_at(self, theta: Theta) -> tuple[ParameterStore, ...]:
        """Return the full store of each exposure at theta."""
        return tuple(exposure.store_at(each) for exposure, each in self._split(theta))

    def log_likelihood(self, theta: Theta) -> Float[Array, ""]:
        """Return the log-probability of all data; NaN where the model of an exposure is not valid."""
        return sum((exposure.log_likelihood(each) for exposure, each in self._split(theta)), jnp.zeros(()))

    def deviance_moments(self, theta: Theta) -> DevianceMoments:
        """Return mean and variance of the deviance of all exposures over the noise, where the model is correct."""
        parts = [exposure.deviance_moments(each) for exposure, each in self._split(theta)]
        return DevianceMoments(*(sum(each, jnp.zeros(())) for each in zip(*parts, strict=True)))

    def expand(self, theta: Theta) -> Expansion:
        """Return loss, gradient and Fisher matrix at theta, summed over the exposures."""
        return _assemble(self.prior, self.places, theta, [each.expand(part) for each, part in self._split(theta)])

    def residual(self, theta: Theta) -> Float[Array, " m"]:
        """Return the signed roots of the pixels' deviances, exposure by exposure, and the residuals of the prior."""
        pixels = [exposure.pixel_residual(each) for exposure, each in self._split(theta)]
        return jnp.concatenate([*pixels, self.prior.residual(theta)])

    def _split(self, theta: Theta) -> list[tuple[Posterior, Array | np.ndarray]]:
        if theta.shape != (len(self.labels),):
            raise ShapeError("theta", expected=f"a vector of {len(self.labels)} numbers", got=theta)
        parts = [theta[np.array(place)] for place in self.places]
        return list(zip(self.exposures, parts, strict=True))


@eqx.filter_jit
def _assemble(
    prior: ThetaPrior, places: tuple[tuple[int, ...], ...], theta: Theta, parts: list[Expansion]
) -> Expansion:
    theta = jnp.asarray(theta, dtype=jnp.result_type(float))
    log_prior, slope = jax.value_and_grad(prior.log_density)(theta)
    loss, gradient, information = -log_prior, -slope, jnp.zeros((theta.size, theta.size))
    for place, part in zip(places, parts, strict=True):
        at = np.array(place)
        loss += part.loss
        gradient = gradient.at[at].add(part.gradient)
        information = information.at[np.ix_(at, at)].add(part.information)
    # A model may be NaN where the prior excludes its parameters; that theta is excluded rather than invalid.
    return Expansion(jnp.where(jnp.isneginf(log_prior), jnp.inf, loss), gradient, information)


def make_joint_posterior(
    predict: Predict,
    shared: ParamSpec,
    own: ParamSpec,
    stores: Sequence[ParameterStore],
    data: Sequence[Any],
    noise: Noise | Sequence[Noise] | None = None,
    *,
    masks: Sequence[Any] | None = None,
    prior: NormalPrior | None = None,
) -> JointPosterior:
    """Return the posterior of several exposures.

    Parameters
    ----------
    predict : AbstractImageModel or callable
        Image model, such as a binder, or function from store to expected image, for every exposure.
    shared : ParamSpec
        Free parameters with one value for all exposures: ``spec.subset(keys)``. May be empty.
    own : ParamSpec
        Free parameters with a value for each exposure, such as the pointing. May be empty. The priors of their fields
        apply to each exposure independently.
    stores : sequence of ParameterStore
        Store of each exposure, with the values of all parameters that are not free.
    data : sequence of array_like
        Image of each exposure, photons per pixel.
    noise : Noise or sequence of Noise, optional
        One noise model for all exposures, or one for each. By default `PoissonNoise`.
    masks : sequence of array_like or None, optional
        Mask of each exposure, True for the pixels to use; None for all of them.
    prior : NormalPrior, optional
        Calibration that replaces the fields' priors of its labels; own labels end in ``@0``, ``@1``, ...

    Raises
    ------
    DataError
        If there is no exposure, the sequences differ in length, or an image does not fit the model or the noise.
    ParameterError
        If nothing is free, or a free parameter is both shared and own, or not a primitive.
    UnknownKeyError
        If theta has no label of the prior.
    """
    n = len(data)
    noises = [noise] * n if noise is None or isinstance(noise, Noise) else list(noise)
    masks = [None] * n if masks is None else list(masks)
    for name, values in (("data", data), ("stores", stores), ("noise", noises), ("masks", masks)):
        if not n or len(values) != n:
            raise DataError(name, expected=f"one for each of {n or 'some'} exposures", got=f"{len(values)}")
    free = replace(shared, fields=(*shared.fields, *own.fields))
    model, flat = image_model(predict), flat_prior(free)
    exposures = tuple(
        replace(make_posterior(model, free, store, image, each, mask=mask), prior=flat)
        for store, image, each, mask in zip(stores, data, noises, masks, strict=True)
    )
    s, m = len(shared.labels), len(own.labels)
    fields = labelled(shared) + [(f"{label}@{k}", field) for k in range(n) for label, field in labelled(own)]
    places = tuple((*range(s), *range(s + k * m, s + (k + 1) * m)) for k in range(n))
    return JointPosterior(exposures, prior_of(fields, prior), places)
