"""Several exposures fitted together: some parameters are shared, each exposure has its own values of the others."""

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
from dluxshera.inference.fisher import Predict
from dluxshera.inference.likelihood import Noise
from dluxshera.inference.posterior import Expansion, Posterior, ThetaPosterior, make_posterior
from dluxshera.inference.theta_prior import (
    NormalPrior,
    Theta,
    ThetaPrior,
    flat_prior,
    labelled,
    prior_of,
)
from dluxshera.params import ParameterStore, ParamSpec


class JointPosterior(ThetaPosterior):
    """Prior times the likelihoods of several exposures. Made by `make_joint_posterior`.

    Theta has the shared parameters first, then those of exposure 0, of exposure 1, and so on.

    Parameters
    ----------
    exposures : tuple of Posterior
        Each with a flat prior, of the shared parameters and its own.
    prior : ThetaPrior
        Of theta; what is shared counts once.
    places : tuple of tuple of int
        The elements of theta that are each exposure's, in its order.
    """

    exposures: tuple[Posterior, ...]
    prior: ThetaPrior
    places: tuple[tuple[int, ...], ...] = eqx.field(static=True)

    @property
    def labels(self) -> tuple[str, ...]:
        """A name for each element of theta; ``@2`` at its end marks a value of exposure 2 alone."""
        return self.prior.labels

    @property
    def n_data(self) -> int:
        """The number of pixels of all exposures that count; not for a traced posterior."""
        return sum(exposure.n_data for exposure in self.exposures)

    def stores_at(self, theta: Theta) -> tuple[ParameterStore, ...]:
        """Return the full store of each exposure at theta."""
        return tuple(exposure.store_at(each) for exposure, each in self._split(theta))

    def log_likelihood(self, theta: Theta) -> Float[Array, ""]:
        """Return the log-probability of all data; NaN where the model of an exposure is not valid."""
        return sum((exposure.log_likelihood(each) for exposure, each in self._split(theta)), jnp.zeros(()))

    def expand(self, theta: Theta) -> Expansion:
        """Return loss, gradient and Fisher matrix at theta, assembled from those of the exposures."""
        theta = jnp.asarray(theta, dtype=jnp.result_type(float))
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
    prior: ThetaPrior, places: tuple[tuple[int, ...], ...], theta: Array, parts: list[Expansion]
) -> Expansion:
    log_prior, slope = jax.value_and_grad(prior.log_density)(theta)
    loss, gradient, information = -log_prior, -slope, jnp.zeros((theta.size, theta.size))
    for place, part in zip(places, parts, strict=True):
        at = np.array(place)
        loss += part.loss
        gradient = gradient.at[at].add(part.gradient)
        information = information.at[np.ix_(at, at)].add(part.information)
    # A model may be NaN where a prior forbids its parameters; that theta is excluded then, not invalid.
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
    predict : callable
        From store to expected image, for every exposure.
    shared : ParamSpec
        The free parameters with one value for all exposures: ``spec.subset(keys)``. May be empty.
    own : ParamSpec
        Those with a value for each exposure: what moves in between. May be empty. Their fields' priors hold for each
        exposure independently.
    stores : sequence of ParameterStore
        For each exposure, the values of everything that is not free.
    data : sequence of array_like
        The images.
    noise : Noise or sequence of Noise, optional
        One for all, or one for each; by default `PoissonNoise`.
    masks : sequence of array_like or None, optional
        True where a pixel counts; None for an exposure in which all do.
    prior : NormalPrior, optional
        A calibration, which stands in for the fields' priors of its labels; own labels end in ``@0``, ``@1``, ...

    Raises
    ------
    DataError
        If there is no exposure, not one of everything for each, or the data cannot be explained.
    ParameterError
        If nothing is free, a parameter is both shared and own, or is not a primitive.
    UnknownKeyError
        If the prior has a label that theta has not.
    """
    n = len(data)
    noises = [noise] * n if noise is None or isinstance(noise, Noise) else list(noise)
    masks = [None] * n if masks is None else list(masks)
    for name, values in (("data", data), ("stores", stores), ("noise", noises), ("masks", masks)):
        if not n or len(values) != n:
            raise DataError(name, expected=f"one for each of {n or 'some'} exposures", got=f"{len(values)}")
    free = replace(shared, fields=(*shared.fields, *own.fields))
    flat = flat_prior(free)
    exposures = tuple(
        replace(make_posterior(predict, free, store, image, each, mask=mask), prior=flat)
        for store, image, each, mask in zip(stores, data, noises, masks, strict=True)
    )
    s, m = len(shared.labels), len(own.labels)
    fields = labelled(shared) + [(f"{label}@{k}", field) for k in range(n) for label, field in labelled(own)]
    places = tuple((*range(s), *range(s + k * m, s + (k + 1) * m)) for k in range(n))
    return JointPosterior(exposures, prior_of(fields, prior), places)
