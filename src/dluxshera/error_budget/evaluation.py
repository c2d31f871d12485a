"""A budget at its reference point: what each term does to the answer of each estimator."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from math import sqrt
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from dluxshera.error_budget.document import conversion, unit_of
from dluxshera.error_budget.sensitivity import (
    LINEARITY,
    Directions,
    LinearFit,
    Model,
    Perturbation,
    check_same_image,
    noise_elasticities,
    relative_change,
    second_order_bias,
)
from dluxshera.error_budget.terms import (
    Budget,
    DerivedChange,
    Direction,
    Estimator,
    Marginalisation,
    PhotonNoise,
    Step,
    Term,
)
from dluxshera.errors import DocumentError
from dluxshera.inference import Noise, PoissonNoise


class Result(NamedTuple):
    """What a term does to the answer of one estimator, in the budget's unit and the unit of the term's magnitude.

    Parameters
    ----------
    contribution : float
        Sigma, or the size of the bias.
    sigma : float, optional
        Of a term of noise; the others are of a term of bias.
    sensitivity, bias : float, optional
        Per unit of the magnitude, and for the magnitude, signed; 0 where the computation cannot tell it from none.
    stealth : float, optional
        Bias in sigmas over `residual`; None where the residuals hold nothing of the perturbation.
    significance, residual : float, optional
        Of the perturbation in the image, and in the residuals of the fit, in sigmas.
    linear_range : float, optional
        Magnitude up to which the bias is linear to 10 %.
    """

    contribution: float
    sigma: float | None = None
    sensitivity: float | None = None
    bias: float | None = None
    stealth: float | None = None
    significance: float | None = None
    residual: float | None = None
    linear_range: float | None = None


class Evaluation:
    """A budget at its reference point.

    Parameters
    ----------
    budget : Budget
        Checked against the specs of both models (`dluxshera.error_budget.document.check_against_specs`).
    forward : Model
        The instrument as it is: what a step of the truth changes.
    inference : Model
        What is fitted, at the same point.
    noise : Noise, optional
        Of the image; by default that of photons.
    progress : callable
        Is told what is being done.

    Raises
    ------
    ExpectationError
        If the two models do not give the same image.
    FitError
        If an estimator has no unique answer.
    """

    def __init__(
        self,
        budget: Budget,
        forward: Model,
        inference: Model,
        noise: Noise | None = None,
        progress: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.budget, self.forward, self.inference, self.progress = budget, forward, inference, progress
        self.noise = PoissonNoise() if noise is None else noise
        self.answer, self.unit = budget.requirement.answer, budget.requirement.limit.unit
        self.per_answer = conversion(unit_of(inference.store.spec[self.answer]), self.unit)
        progress("image at the reference point")
        self.image = check_same_image(forward, inference)
        self.weights = np.asarray(self.noise.fisher_weights(jnp.asarray(self.image))).ravel()
        effects = [term.effect for term in budget.terms]
        progress("derivatives of the fitted parameters")
        fitted = [key for estimator in budget.estimators for key in estimator.free]
        self.fitted = Directions(inference, [*fitted, *_moved(effects, "inference")])
        self.fits = {estimator.id: self._fit(estimator) for estimator in budget.estimators}
        progress("derivatives along the steps")
        self.displaced = Directions(forward, _moved(effects, "forward"))

    def _fit(self, estimator: Estimator) -> LinearFit:
        labels = self.inference.store.spec.subset(estimator.free).labels
        jacobian = self.fitted.jacobian[self.fitted.rows(estimator.free)].reshape(len(labels), -1)
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
        """Return the error of the answer if all else were known, in the budget's unit."""
        fit = self.fits[estimator.id]
        return float(fit.conditional[fit.labels.index(self.answer)]) * self.per_answer

    def driving(self, term: Term) -> tuple[list[str], dict[str, float]]:
        """Return the parameters that drive a term, and how its sigma depends on them if it is photon noise.

        Raises
        ------
        DocumentError
            If a parameter that the term names does not act.
        """
        effect = term.effect
        if isinstance(effect, Marginalisation):
            free = (key for estimator in self.budget.estimators for key in estimator.free)
            return [key for key in dict.fromkeys(free) if key != self.answer], {}
        if isinstance(effect, PhotonNoise):
            elasticities = noise_elasticities(self.forward, self.answer, effect.keys, self.noise)
            for i, key in enumerate(effect.keys):
                if not abs(elasticities[key]) > 1e-12:
                    raise self._dead(term, ("keys", i), key)
            return list(effect.keys), elasticities
        for key in effect.direction:
            if isinstance(effect, DerivedChange):
                acts = relative_change(self.forward, effect.derived, {key: 1.0}) != 0
            else:
                acts = (self.displaced if effect.model == "forward" else self.fitted).acts(key)
            if not acts:
                raise self._dead(term, ("direction", key), key)
        return list(effect.direction), {}

    def _dead(self, term: Term, where: tuple[str | int, ...], key: str) -> DocumentError:
        at = ("terms", self.budget.terms.index(term), "effect", *where)
        return self.budget.source.error(at, "does not act: the derivative is zero", got=key, at_key=where[-1] == key)

    def results(self, term: Term) -> dict[str, Result]:
        """Return what a term does to the answer, by estimator id."""
        estimators = self.budget.estimators
        if (perturbation := self._perturbation(term)) is None:
            return {estimator.id: self._noise(term, estimator) for estimator in estimators}
        return {estimator.id: self._bias(term, estimator, perturbation) for estimator in estimators}

    def _noise(self, term: Term, estimator: Estimator) -> Result:
        sigma = self.conditional_sigma(estimator)
        if isinstance(term.effect, Marginalisation):
            sigma = sqrt(max(self.sigma(estimator) ** 2 - sigma**2, 0.0))
        return Result(contribution=sigma, sigma=sigma)

    def _perturbation(self, term: Term) -> Perturbation | None:
        """Return what a term does to the image per unit of its magnitude, or None for a term of noise."""
        match term.effect:
            case Step(model, direction, relative):
                used = self.displaced if model == "forward" else self.fitted
                return used.step(_step(term, used.model, direction, relative=relative))
            case DerivedChange(derived, applied_to, direction):
                fraction = relative_change(self.forward, derived, _step(term, self.forward, direction))
                return self.fitted.step({applied_to: fraction * np.asarray(self.inference.store[applied_to])})
            case _:
                return None

    def _bias(self, term: Term, estimator: Estimator, perturbation: Perturbation) -> Result:
        assert term.magnitude is not None  # the document says so
        size = abs(term.magnitude.value)
        fit = self.fits[estimator.id]
        answer = fit.labels.index(self.answer)
        found = fit.response(perturbation.slope.ravel() * np.sqrt(self.weights))
        slope, sigma = float(found.bias[answer]), float(fit.sigma[answer])
        if (
            abs(slope) < fit.reach * sigma * found.significance
        ):  # by Cauchy and Schwarz no bias is larger than that / reach
            slope = 0.0
        hidden = found.residual <= fit.reach * found.significance
        sensitivity = slope * self.per_answer
        return Result(
            contribution=abs(sensitivity * size),
            sensitivity=sensitivity,
            bias=sensitivity * term.magnitude.value,
            stealth=None if hidden else abs(slope) / sigma / found.residual,
            significance=found.significance * size,
            residual=0.0 if hidden else found.residual * size,
            linear_range=self._linear_range(estimator, perturbation, found.bias, found.significance) if slope else None,
        )

    def _linear_range(
        self, estimator: Estimator, perturbation: Perturbation, bias: np.ndarray, significance: float
    ) -> float:
        """Return the size of a perturbation up to which the bias of the answer is linear to 10 %.

        It is no larger than the size that changes the image by 10 %, beyond which the second order says nothing.
        """
        fit = self.fits[estimator.id]
        answer = fit.labels.index(self.answer)
        whole = float(np.linalg.norm(self.image.ravel() * np.sqrt(self.weights))) / significance
        free = self.inference.store.spec.subset(estimator.free)
        second = second_order_bias(fit, self.inference, free, self.noise, perturbation.truth, bias, 1e-3 * whole)
        equal = abs(2 * bias[answer] / second[answer]) if second[answer] else whole  # both orders there
        return LINEARITY * float(min(whole, equal))


def _moved(effects: Iterable[Any], model: str) -> Iterator[str]:
    """Return the parameters of one model that the effects move."""
    for effect in effects:
        if isinstance(effect, Step) and effect.model == model:
            yield from effect.direction
        if isinstance(effect, DerivedChange) and model == "inference":
            yield effect.applied_to


def _step(term: Term, model: Model, direction: Direction, *, relative: bool = False) -> Mapping[str, Any]:
    """Return the change of each parameter, in its own unit, per unit of a term's magnitude."""
    assert term.magnitude is not None  # the document says so
    store, unit = model.store, term.magnitude.unit
    return {
        key: np.asarray(factor) * (np.asarray(store[key]) if relative else conversion(unit, unit_of(store.spec[key])))
        for key, factor in direction.items()
    }
