"""Simulated data: an image of a truth that is drawn from the prior."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from dluxshera.inference.likelihood import Noise, PoissonNoise
from dluxshera.inference.prior_draws import draw_from_prior
from dluxshera.params import ParameterStore, ParamSpec, Predict, image_model, unpack_params


class Simulation(NamedTuple):
    """A simulated image and its true parameters. Returned by `simulate`.

    Parameters
    ----------
    truth : ndarray, shape (n,)
        True values of the free parameters.
    store : ParameterStore
        Full store of the truth.
    data : ndarray
        Noisy image, photons per pixel.
    """

    truth: Float[np.ndarray, " n"]
    store: ParameterStore
    data: Float[np.ndarray, " *image"]


def simulate(
    predict: Predict, free: ParamSpec, store: ParameterStore, rng: np.random.Generator, noise: Noise | None = None
) -> Simulation:
    """Draw a truth from the prior of the free parameters, and a noisy image of it.

    Parameters
    ----------
    predict : AbstractImageModel or callable
        Image model, such as a binder, or function from store to expected image: ``binder.predict``.
    free : ParamSpec
        Free parameters, each with a prior.
    store : ParameterStore
        Values of all other parameters.
    rng : numpy.random.Generator
        Source of the draws: first the truth, then the noise.
    noise : Noise, optional
        Noise model. By default `PoissonNoise`.

    Raises
    ------
    ParameterError
        If a free parameter has no prior.
    """
    truth = draw_from_prior(free, rng, store)
    true_store = unpack_params(truth, free, store)
    data = (PoissonNoise() if noise is None else noise).sample(rng, image_model(predict).image(true_store))
    return Simulation(truth, true_store, data)
