r"""Derivatives of an answer's bias by every primitive of the forward model, each map cell included.

With :math:`h` the row of :math:`F^{-1} J^T S^{-1}` that belongs to the answer, a change of the image by
:math:`\Delta\mu` biases the answer by :math:`h \cdot \Delta\mu`. One reverse pass of the model with :math:`h` as
cotangent gives the derivatives by all parameters at once. The significance of each parameter in the image, from which
the rounding error of its derivative follows, is estimated by reverse passes with random signs.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from dluxshera.error_budget.evaluation import Evaluation
from dluxshera.error_budget.sensitivity import ImageFunction, Model
from dluxshera.params import ParameterStore, ParamSpec, pack_params, unpack_params

PROBES: Final = 4  # a significance is then known to a factor of two, and lost in all of them almost never
SEED: Final = 13


class AnswerGradient(NamedTuple):
    """Derivative of the answer's bias by one parameter of the forward model.

    Parameters
    ----------
    value : float
        Derivative, in the budget's unit per unit of the parameter; for a list or a map the root of the sum of the
        squares of the derivatives by its elements.
    acts : bool
        True if an element's derivative is larger than its rounding error.
    """

    value: float
    acts: bool


def answer_gradients(evaluation: Evaluation) -> dict[str, dict[str, AnswerGradient]]:
    """Return the derivatives of the answer's bias by the primitives of the forward model, by estimator id and key.

    Parameters
    ----------
    evaluation : Evaluation
        Linearised fits of the budget's estimators.
    """
    root = np.sqrt(evaluation.weights)
    rows = [evaluation.fits[item.id].row(evaluation.answer) * root for item in evaluation.estimators]
    signs = np.random.default_rng(SEED).choice([-1.0, 1.0], (PROBES, len(root))) * root
    cotangents = np.concatenate([np.stack(rows), signs]).reshape(-1, *evaluation.image.shape)
    pulled = pullbacks(evaluation.forward, cotangents)
    gradients: dict[str, dict[str, AnswerGradient]] = {}
    for i, estimator in enumerate(evaluation.estimators):
        fit = evaluation.fits[estimator.id]
        sigma = float(fit.sigma[fit.labels.index(evaluation.answer)])
        gradients[estimator.id] = {}
        for key, values in pulled.items():
            significance = np.sqrt(np.mean(values[len(rows) :] ** 2, axis=0))
            acts = np.abs(values[i]) > fit.reach * sigma * significance
            size = values[i] if values[i].ndim == 0 else np.linalg.norm(values[i] * acts)
            value = float(size) * evaluation.per_answer if acts.any() else 0.0
            gradients[estimator.id][key] = AnswerGradient(value, bool(acts.any()))
    return gradients


def pullbacks(model: Model, cotangents: Float[np.ndarray, "k *image"]) -> dict[str, Float[np.ndarray, "k ..."]]:
    """Return the reverse-mode derivatives of a model's image along several cotangents, by primitive.

    Parameters
    ----------
    model : Model
        Model at the reference point.
    cotangents : ndarray, shape (k, *image)
        Weights of the pixels.

    Returns
    -------
    dict of str to ndarray
        Sum over the pixels of weight times derivative, of shape (k,) and that of the parameter, by key.
    """
    free = model.store.spec.subset(model.store.spec.primitives)
    pulled = np.asarray(_pullbacks(model.predict, model.store, free, jnp.asarray(cotangents)))
    derivatives, start = {}, 0
    for key in free:
        shape = free[key].shape
        size = int(np.prod(shape))
        derivatives[key] = pulled[:, start : start + size].reshape(len(pulled), *shape)
        start += size
    return derivatives


@eqx.filter_jit
def _pullbacks(
    predict: ImageFunction, store: ParameterStore, free: ParamSpec, cotangents: Float[Array, "k *image"]
) -> Float[Array, "k n"]:
    theta = pack_params(store, free)
    _, pull = jax.vjp(lambda values: predict(unpack_params(values, free, store)), theta)
    return jax.lax.map(lambda cotangent: pull(cotangent)[0], cotangents)
