"""A star of the toy camera, values of its parameters, the posterior of its noisy image, and its image's derivatives."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from dluxshera.inference import PoissonNoise, make_posterior
from dluxshera.params import AbstractImageModel, ParameterStore, unpack_params
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


class ClosedFormStar(AbstractImageModel):
    """`star_image` with columns in closed form, some of them wrong on purpose.

    Automatic differentiation of the image gives zero, so that nobody gets its derivatives in another way.
    """

    wrong: dict[str, float] = eqx.field(default_factory=dict)

    def image(self, store):
        return jax.lax.stop_gradient(star_image(store))

    def expand(self, store, free):
        image = star_image(store)
        star, width = image - 10.0, store["star.width"]
        row = jnp.arange(16) - 7.5
        x, y = row[None, :] - store["star.x"], row[:, None] - store["star.y"]
        columns = {
            "star.x": star * x / width**2,
            "star.y": star * y / width**2,
            "star.log_flux": star * jnp.log(10.0),
            "star.width": star * ((x**2 + y**2) / width**3 - 2.0 / width),
        }
        return image, jnp.stack([self.wrong.get(key, 1.0) * columns[key] for key in free])
