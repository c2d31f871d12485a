"""A star of the toy camera, values of its parameters, and the posterior of its noisy image."""

from __future__ import annotations

import numpy as np

from dluxshera.inference import PoissonNoise, make_posterior
from dluxshera.params import ParameterStore, unpack_params
from support.toys import star_image, star_spec

STAR = star_spec()
STORE = ParameterStore.from_spec_defaults(STAR)
TRUTH = np.array([2.3, -1.1, 4.2, 1.8])
FAR = np.array([-3.0, 3.0, 3.2, 4.0])  # a start from which a fit of an image of TRUTH has a long way to go
NEAR = np.array([0.5, -0.2, 4.1, 2.2])  # close to the defaults


def star_posterior(seed: int, predict=star_image):
    """Posterior of an image of the star at `TRUTH` with photon noise."""
    data = PoissonNoise().sample(np.random.default_rng(seed), star_image(unpack_params(TRUTH, STAR, STORE)))
    return make_posterior(predict, STAR, STORE, data)
