"""Derivatives of the answer's bias by every parameter, with a test of each that it is larger than its rounding error.

The rounding error follows from the significance of the parameter in the image. The significances of all parameters, map
cells included, are estimated together by reverse passes with random signs.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Float

from dluxshera.error_budget.evaluation import Evaluation
from dluxshera.error_budget.sensitivity import image_derivatives

PROBES: Final = 2  # the mean square of two is within a factor of 25 of the truth in 95 % of all cases
SEED: Final = 13
IDLE: Final = 1e-10  # relative change of the image, by the whole value of a parameter, that is rounding


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
    significances = image_significances(evaluation)
    gradients: dict[str, dict[str, AnswerGradient]] = {}
    for estimator in evaluation.estimators:
        # By the Cauchy-Schwarz inequality, no bias exceeds sigma times the significance.
        largest = evaluation.fits[estimator.id].reach * evaluation.sigma(estimator)
        gradients[estimator.id] = {
            key: _gradient(np.asarray(slopes), np.asarray(largest * significances[key]))
            for key, slopes in evaluation.derivatives(estimator).items()
        }
    return gradients


def _gradient(slopes: Float[np.ndarray, "..."], rounding: Float[np.ndarray, "..."]) -> AnswerGradient:
    acts = np.abs(slopes) > rounding
    if not acts.any():
        return AnswerGradient(0.0, False)
    return AnswerGradient(float(slopes if slopes.ndim == 0 else np.linalg.norm(slopes * acts)), True)


def image_significances(evaluation: Evaluation) -> dict[str, Float[np.ndarray, "..."]]:
    """Return the estimated significance in the image of a unit change of each element of each parameter, in sigmas.

    It is infinite where the image does not depend on the element, so that no derivative exceeds it.

    Parameters
    ----------
    evaluation : Evaluation
        Linearised fits of the budget's estimators.
    """
    root = np.sqrt(evaluation.weights).reshape(evaluation.image.shape)
    whole = float(np.linalg.norm(evaluation.image * root))
    signs = np.random.default_rng(SEED).choice([-1.0, 1.0], (PROBES, *root.shape))
    significances: dict[str, np.ndarray] = {}
    for model in evaluation.models():
        probes = [image_derivatives(model, sign * root) for sign in signs]
        for key in probes[0].keys() - significances.keys():
            mean = np.asarray(np.sqrt(np.mean([np.asarray(probe[key]) ** 2 for probe in probes], axis=0)))
            size = np.abs(np.asarray(model.store[key], float))
            # Of a parameter on which the image does not depend, the derivatives are rounding errors themselves.
            idle = mean * np.where(size == 0.0, 1.0, size) < IDLE * whole
            significances[key] = np.where(idle, np.inf, mean)
    return significances
