"""Linearised fits of all estimators at the reference point, and the bias that a change of the image causes in each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from dluxshera.error_budget.requirement import Estimator, Requirement, unit_of
from dluxshera.error_budget.results import TermResult
from dluxshera.error_budget.sensitivity import (
    LINEARITY,
    Directions,
    ImageChange,
    LinearFit,
    Model,
    check_same_image,
    noise_elasticities,
    relative_change,
    second_order_bias,
)
from dluxshera.error_budget.spec_check import ModelName
from dluxshera.inference import Noise, PoissonNoise
from dluxshera.params import unit_factor


class Evaluation:
    """Linearised fits of all estimators at the reference point.

    Parameters
    ----------
    requirement : Requirement
        Requirement on the answer; its unit is that of all results.
    estimators : sequence of Estimator
        Ways to fit the image.
    moved : mapping of {'forward', 'inference'} to iterable of str
        Parameters of each model by which perturbations need the image differentiated, besides the fitted ones.
    forward : Model
        Model of the instrument, which perturbations of the truth change.
    inference : Model
        Model that is fitted, at the same reference point.
    noise : Noise, optional
        Noise of the image; by default photon noise.
    progress : callable
        Function that receives a line about each stage of the computation.

    Raises
    ------
    ExpectationError
        If the two models do not give the same image.
    FitError
        If an estimator has no unique answer.
    """

    def __init__(
        self,
        requirement: Requirement,
        estimators: Sequence[Estimator],
        moved: Mapping[ModelName, Iterable[str]],
        forward: Model,
        inference: Model,
        noise: Noise | None = None,
        progress: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.estimators, self.forward, self.inference = tuple(estimators), forward, inference
        self.noise = PoissonNoise() if noise is None else noise
        self.answer, self.unit = requirement.answer, requirement.limit.unit
        self.per_answer = unit_factor(unit_of(inference.store.spec[self.answer]), self.unit)
        progress("image at the reference point")
        self.image = check_same_image(forward, inference)
        self.weights = np.asarray(self.noise.fisher_weights(jnp.asarray(self.image))).ravel()
        progress("derivatives of the fitted parameters")
        free = [key for estimator in self.estimators for key in estimator.free]
        fitted = Directions(inference, [*free, *moved["inference"]])
        self.fits = {estimator.id: self._fit(estimator, fitted) for estimator in self.estimators}
        progress("derivatives along the steps")
        self.directions: Mapping[ModelName, Directions] = {
            "forward": Directions(forward, moved["forward"]),
            "inference": fitted,
        }

    def _fit(self, estimator: Estimator, fitted: Directions) -> LinearFit:
        labels = self.inference.store.spec.subset(estimator.free).labels
        jacobian = fitted.jacobian[fitted.rows(estimator.free)].reshape(len(labels), -1)
        return LinearFit.from_jacobian(jacobian, self.weights, labels)

    @property
    def tolerance(self) -> float:
        """The relative amount to which the results can be reproduced, from the worst conditioned estimator."""
        return float(f"{max(fit.reach for fit in self.fits.values()):.0e}")

    def sigma(self, estimator: Estimator) -> float:
        """Return the formal error of the answer, in the budget's unit."""
        fit = self.fits[estimator.id]
        return float(fit.sigma[fit.labels.index(self.answer)]) * self.per_answer

    def conditional_sigma(self, estimator: Estimator) -> float:
        """Return the error of the answer if all other parameters were known, in the budget's unit."""
        fit = self.fits[estimator.id]
        return float(fit.conditional[fit.labels.index(self.answer)]) * self.per_answer

    def forward_values(self) -> Mapping[str, Any]:
        """Return the primitive and derived values of the forward model, by key."""
        return {**self.forward.derived(self.forward.store), **self.forward.store}

    def noise_elasticities(self, keys: Iterable[str]) -> dict[str, float]:
        """Return the logarithmic derivative of the answer's conditional error by some parameters of the forward model.

        Where a parameter is zero, it is the derivative by the parameter itself.
        """
        return noise_elasticities(self.forward, self.answer, keys, self.noise)

    def relative_change(self, derived: str, direction: Mapping[str, float | Float[np.ndarray, " k"]]) -> float:
        """Return the relative change of a derived value of the forward model along a direction."""
        return relative_change(self.forward, derived, direction)

    def bias(self, estimator: Estimator, change: ImageChange, magnitude: float) -> TermResult:
        """Return the bias of the answer that a change of the image causes.

        Parameters
        ----------
        estimator : Estimator
            One of the budget's.
        change : ImageChange
            Change of the image per unit of the magnitude.
        magnitude : float
            Size of the perturbation, in the magnitude's unit.
        """
        fit, size = self.fits[estimator.id], abs(magnitude)
        answer = fit.labels.index(self.answer)
        response = fit.response(change.slope.ravel() * np.sqrt(self.weights))
        slope, sigma = float(response.bias[answer]), float(fit.sigma[answer])
        # By the Cauchy-Schwarz inequality, no bias exceeds sigma times the significance.
        if abs(slope) < fit.reach * sigma * response.significance:
            slope = 0.0
        hidden = response.residual <= fit.reach * response.significance
        sensitivity = slope * self.per_answer
        return TermResult(
            contribution=abs(sensitivity * size),
            sensitivity=sensitivity,
            bias=sensitivity * magnitude,
            stealth=None if hidden else abs(slope) / sigma / response.residual,
            significance=response.significance * size,
            residual=0.0 if hidden else response.residual * size,
            linear_range=self._linear_range(estimator, change, response.bias, response.significance) if slope else None,
        )

    def _linear_range(
        self, estimator: Estimator, change: ImageChange, bias: Float[np.ndarray, " n"], significance: float
    ) -> float:
        """Return the magnitude up to which the bias of the answer is linear to 10 %.

        It is at most the magnitude that changes the image by 10 %, because the second order is meaningless beyond.
        """
        fit = self.fits[estimator.id]
        answer = fit.labels.index(self.answer)
        whole_image = float(np.linalg.norm(self.image.ravel() * np.sqrt(self.weights))) / significance
        free = self.inference.store.spec.subset(estimator.free)
        second = second_order_bias(fit, self.inference, free, self.noise, change.truth, bias, 1e-3 * whole_image)
        equal_orders = abs(2 * bias[answer] / second[answer]) if second[answer] else whole_image
        return LINEARITY * float(min(whole_image, equal_orders))
