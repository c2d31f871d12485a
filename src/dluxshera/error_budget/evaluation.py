"""Linearised fits of all estimators at the reference point, and the bias that a change of the image causes in each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from dluxshera.error_budget.bias import Bias
from dluxshera.error_budget.changes import NEGLIGIBLE, Directions, ImageChange, in_shape, moved
from dluxshera.error_budget.detection import Detection
from dluxshera.error_budget.linear_fit import LinearFit
from dluxshera.error_budget.requirement import Estimator, Requirement, unit_of
from dluxshera.error_budget.results import TermResult
from dluxshera.error_budget.sensitivity import (
    Model,
    check_same_image,
    image_derivatives,
    image_slope,
    noise_elasticities,
    relative_change,
)
from dluxshera.error_budget.spec_check import ModelName
from dluxshera.inference import Noise
from dluxshera.params import ParameterStore, unit_factor


class Evaluation:
    """Linearised fits of all estimators at the reference point.

    Parameters
    ----------
    requirement : Requirement
        Requirement on the answer; its unit is that of all results.
    estimators : sequence of Estimator
        Ways to fit the image.
    moved : mapping of {'forward', 'inference'} to iterable of str
        Parameters of each model that perturbations move. Those of the inference model are differentiated together with
        the fitted ones.
    forward : Model
        Model of the instrument, which perturbations of the truth change.
    inference : Model
        Model that is fitted, at the same reference point.
    noise : Noise, optional
        Noise of the image; by default photon noise, and read noise where the forward model has it.
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
        self.answer, self.unit = requirement.answer, requirement.limit.unit
        self.per_answer = unit_factor(unit_of(inference.store.spec[self.answer]), self.unit)
        self._progress = progress
        progress("image at the reference point")
        self.image = check_same_image(forward, inference)
        self.detection = Detection(forward)
        self.noise = self.detection.noise if noise is None else noise
        self.weights = np.asarray(self.noise.fisher_weights(jnp.asarray(self.image))).ravel()
        progress("derivatives of the fitted parameters")
        free = [key for estimator in self.estimators for key in estimator.free]
        self._fitted = Directions(inference, [*free, *moved["inference"]])
        self.fits = {estimator.id: self.fit(estimator, self.weights) for estimator in self.estimators}
        self.directions: Mapping[ModelName, Directions] = {
            "forward": Directions(forward, ()),
            "inference": self._fitted,
        }
        self._models: dict[int, Model] = {}
        self._images: dict[int, np.ndarray] = {}
        self._slopes: dict[tuple[int, str, bytes], np.ndarray] = {}
        self._derivatives: dict[str, dict[str, np.ndarray]] = {}
        self._starlight: dict[str, LinearFit] = {}

    # --- The fits ----------------------------------------------------------------------------------------------------

    def fit(self, estimator: Estimator, weights: Float[np.ndarray, " pixels"]) -> LinearFit:
        """Return the linearised fit of an estimator for some inverse variances of the pixels."""
        labels = self.inference.store.spec.subset(estimator.free).labels
        jacobian = self._fitted.jacobian[self._fitted.rows(estimator.free)].reshape(len(labels), -1)
        return LinearFit.from_jacobian(jacobian, weights, labels)

    @property
    def tolerance(self) -> float:
        """The relative amount to which the results can be reproduced, from the worst conditioned estimator."""
        return float(f"{max(fit.reach for fit in self.fits.values()):.0e}")

    def sigma(self, estimator: Estimator) -> float:
        """Return the formal error of the answer with all noise of the reference point, in the budget's unit."""
        return self.sigma_of(self.fits[estimator.id])

    def sigma_of(self, fit: LinearFit) -> float:
        """Return the formal error of the answer in a fit, in the budget's unit."""
        return float(fit.sigma[fit.labels.index(self.answer)]) * self.per_answer

    def starlight(self, estimator: Estimator) -> LinearFit:
        """Return the fit with the noise of the stars' photons alone, without those of sky and electronics."""
        if self.detection.added == 0.0 and self.detection.read_variance == 0.0:
            return self.fits[estimator.id]
        if estimator.id not in self._starlight:
            weights = 1.0 / (self.image.ravel() - self.detection.added)
            self._starlight[estimator.id] = self.fit(estimator, weights)
        return self._starlight[estimator.id]

    def conditional_sigma(self, estimator: Estimator) -> float:
        """Return the error of the answer by the stars' photons if all other parameters were known."""
        fit = self.starlight(estimator)
        return float(fit.conditional[fit.labels.index(self.answer)]) * self.per_answer

    # --- The forward model -------------------------------------------------------------------------------------------

    def forward_values(self) -> Mapping[str, Any]:
        """Return the primitive and derived values of the forward model, by key."""
        return {**self.forward.derived(self.forward.store), **self.forward.store}

    def models(self) -> tuple[Model, ...]:
        """Return the forward model with each set of further effects; without, where there are none."""
        return tuple(self._model(i) for i in range(len(self.forward.extended))) or (self.forward,)

    def _model(self, i: int) -> Model:
        if i not in self._models:
            self._progress("model with further effects")
            self._models[i] = self.forward.extended[i]()
        return self._models[i]

    def model_of(self, keys: Iterable[str]) -> Model:
        """Return the first of the forward models that has all of some parameters.

        Raises
        ------
        MissingKeyError, UnknownKeyError
            If none has them.
        """
        keys = list(keys)
        for i in range(len(self.forward.extended)):
            if all(key in self._model(i).store for key in keys):
                return self._model(i)
        for key in keys:
            self.forward.store[key]
        return self.forward

    def store_of(self, model_name: ModelName, keys: Iterable[str]) -> ParameterStore:
        """Return the reference point as a store of the inference model, or of the forward model that has some keys."""
        return self.inference.store if model_name == "inference" else self.model_of(keys).store

    def noise_elasticities(self, keys: Iterable[str]) -> dict[str, float]:
        """Return the logarithmic derivative of the answer's conditional error by some parameters of the forward model.

        Where a parameter is zero, it is the derivative by the parameter itself.
        """
        keys = list(keys)
        model = self.forward if all(key in self.forward.store for key in keys) else self.model_of(keys)
        return noise_elasticities(model, self.answer, keys, self.noise)

    def relative_change(self, derived: str, direction: Mapping[str, Any]) -> float:
        """Return the relative change of a derived value of the forward model along a direction."""
        return relative_change(self.forward, derived, direction)

    def image_of(self, model: Model) -> Float[np.ndarray, " *image"]:
        """Return the image of a forward model at the reference point."""
        if id(model) not in self._images:
            self._images[id(model)] = np.asarray(model.predict(model.store))
        return self._images[id(model)]

    def truth(self, model: Model, updates: Mapping[str, Any]) -> Float[np.ndarray, " *image"]:
        """Return the image at the reference point with some values of a forward model replaced.

        Only the difference that they make is taken from a model with further effects, whose grids are others.

        Raises
        ------
        ParameterError
            If the model does not hold there.
        """
        changed = np.asarray(model.predict(model.store.replace(updates)))
        return self.image + (changed - self.image_of(model))

    def slope(self, model: Model, key: str, tangent: Any) -> Float[np.ndarray, " *image"]:
        """Return the derivative of a forward model's image along a change of one parameter."""
        size = float(np.max(np.abs(tangent)))
        if size == 0.0:
            return np.zeros_like(self.image)
        unit = np.asarray(np.asarray(tangent, float) / size)
        at = (id(model), key, unit.tobytes())
        if at not in self._slopes:
            self._slopes[at] = image_slope(model, {key: unit})
        return size * self._slopes[at]

    def step(self, model_name: ModelName, direction: Mapping[str, Any]) -> ImageChange:
        """Return the change of the image along a direction: parameter key to change per unit of size, in its unit."""
        if model_name == "inference":
            return self._fitted.step(direction)
        model = self.model_of(direction)
        along = in_shape(direction, model)
        slope = np.sum([self.slope(model, key, tangent) for key, tangent in along.items()], axis=0)

        def truth(size: float) -> Float[np.ndarray, " *image"]:
            return self.image + (np.asarray(model.predict(moved(model, along, size))) - self.image_of(model))

        return ImageChange(slope, truth)

    def acts(self, model_name: ModelName, key: str, factor: Any = 1.0) -> bool:
        """Return True if the image depends on a parameter, along a change of its components by a factor of each."""
        if model_name == "inference":
            return self._fitted.acts(key)
        model = self.model_of([key])
        value = np.abs(np.asarray(model.store[key], float))
        tangent = np.asarray(factor) * np.where(value == 0.0, 1.0, value)
        slope = self.slope(model, key, in_shape({key: tangent}, model)[key])
        return bool(np.linalg.norm(slope) > NEGLIGIBLE * np.linalg.norm(self.image))

    # --- Biases ------------------------------------------------------------------------------------------------------

    def weights_of(self, estimator: Estimator) -> Float[np.ndarray, " *image"]:
        r"""Return the estimator's weight of each pixel: the bias of the answer per photon, in the budget's unit.

        It is the answer's row of :math:`F^{-1} J S^{-1}`.
        """
        row = self.fits[estimator.id].weights_of(self.answer) * np.sqrt(self.weights) * self.per_answer
        return row.reshape(self.image.shape)

    def derivatives(self, estimator: Estimator) -> Mapping[str, Float[np.ndarray, "..."]]:
        """Return the derivative of the answer's bias by every primitive of the forward model, with further effects.

        They come from one reverse pass of each forward model, with the estimator's weights as the cotangent.

        Parameters
        ----------
        estimator : Estimator
            One of the budget's.

        Returns
        -------
        mapping of str to ndarray
            Derivative by key, in the shape of the parameter: the budget's unit per unit of the parameter.
        """
        if estimator.id not in self._derivatives:
            weights, slopes = self.weights_of(estimator), dict[str, np.ndarray]()
            for model in self.models():
                slopes = {**image_derivatives(model, weights), **slopes}
            self._derivatives[estimator.id] = slopes
        return self._derivatives[estimator.id]

    @cached_property
    def _biases(self) -> Mapping[str, Bias]:
        return {
            estimator.id: Bias(self.fits[estimator.id], estimator, self._fitted, self.weights, self.noise, self.answer)
            for estimator in self.estimators
        }

    def biases(self, change: ImageChange, magnitude: float) -> dict[str, TermResult]:
        """Return the bias of the answer that a change of the image causes, by estimator id.

        Parameters
        ----------
        change : ImageChange
            Change of the image by the size of the perturbation.
        magnitude : float
            Size of the perturbation, in the unit of the change.

        Raises
        ------
        ParameterError
            If the perturbed image exceeds the limits of the forward model, or no fit to it converges.
        """
        truth, slope = np.asarray(change.truth(magnitude)), change.slope
        if slope is None:  # the change at the magnitude itself, since the image is not a polynomial
            slope = (truth - self.image) / magnitude**change.power
        whitened = np.ravel(slope) * np.sqrt(self.weights)
        return {
            name: bias.result(change, whitened, magnitude, truth, self.per_answer)
            for name, bias in self._biases.items()
        }

    def refit(self, estimator: Estimator, truth: Float[np.ndarray, " *image"]) -> float:
        """Return the bias of the answer in a non-linear fit to a noise-free image, in the budget's unit.

        Raises
        ------
        ParameterError
            If the fit does not converge.
        """
        return self._biases[estimator.id].refit(truth).bias * self.per_answer

    def bias(self, estimator: Estimator, change: ImageChange, magnitude: float) -> TermResult:
        """Return the bias of the answer of one estimator that a change of the image causes.

        Parameters
        ----------
        estimator : Estimator
            One of the budget's.
        change : ImageChange
            Change of the image by the size of the perturbation.
        magnitude : float
            Size of the perturbation, in the unit of the change.
        """
        return self.biases(change, magnitude)[estimator.id]
