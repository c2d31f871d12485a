"""Bias of the answer of one estimator: first and second order, the range of both, and a refit beyond it."""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from dluxshera.error_budget.changes import Directions, ImageChange
from dluxshera.error_budget.linear_fit import LinearFit
from dluxshera.error_budget.requirement import Estimator
from dluxshera.error_budget.results import TermResult
from dluxshera.error_budget.second_order import SecondOrder
from dluxshera.errors import ParameterError
from dluxshera.inference import MisfitWarning, Noise, gauss_newton, make_posterior
from dluxshera.params import ParamSpec

LINEARITY = 0.1
REFIT_TOLERANCE = 1e-4  # distance to the maximum, in sigmas
REFIT_REACH = 0.05  # the same where rounding of a large misfit hides lower losses; far less than a bias of that size


class Refit(NamedTuple):
    """Fit to the noise-free perturbed image.

    Parameters
    ----------
    bias : float
        Bias of the answer, in its unit.
    misfit : float
        Deviance divided by the number of pixels.
    """

    bias: float
    misfit: float


class Bias:
    """Bias of the answer of one estimator.

    Parameters
    ----------
    fit : LinearFit
        Linearised fit.
    estimator : Estimator
        Estimator.
    fitted : Directions
        Derivatives of the fitted model.
    weights : ndarray, shape (pixels,)
        Inverse variances of the pixels.
    noise : Noise
        Noise of the image.
    answer : str
        Label of the answer.
    """

    def __init__(
        self,
        fit: LinearFit,
        estimator: Estimator,
        fitted: Directions,
        weights: Float[np.ndarray, " pixels"],
        noise: Noise,
        answer: str,
    ) -> None:
        self._fit, self._fitted, self._noise, self._answer = fit, fitted, noise, answer
        self._free = fitted.model.store.spec.subset(estimator.free)
        self._index = fit.labels.index(answer)
        self._image = float(np.linalg.norm(fitted.image.ravel() * np.sqrt(weights)))

    @cached_property
    def _second_order(self) -> SecondOrder:
        return SecondOrder(self._fit, self._fitted, self._noise, self._answer)

    def result(
        self,
        change: ImageChange,
        whitened: Float[np.ndarray, " pixels"],
        magnitude: float,
        truth: Float[np.ndarray, " *image"],
        per_answer: float,
    ) -> TermResult:
        """Return the bias that a change of the image causes.

        Parameters
        ----------
        change : ImageChange
            Change of the image.
        whitened : ndarray, shape (pixels,)
            Slope of the change, in sigmas of each pixel.
        magnitude : float
            Size of the perturbation.
        truth : ndarray, shape of the image
            Perturbed image.
        per_answer : float
            Factor from the unit of the answer to that of the result.
        """
        fit, quadratic = self._fit, change.power == 2
        amount = magnitude**change.power
        response = fit.response(whitened)
        sigma = float(fit.sigma[self._index])
        # By the Cauchy-Schwarz inequality, no bias exceeds sigma times the significance.
        resolution = fit.reach * sigma * response.significance
        slope = float(response.bias[self._index])
        resolved = abs(slope) >= resolution and slope != 0.0
        slope = slope if resolved else 0.0
        hidden = response.residual <= fit.reach * response.significance
        whole = self._image / response.significance if response.significance else np.inf
        curvature, in_range = 0.0, whole
        if resolved:
            curvature = self._second_order.bias(change, response.bias, response.significance)
            in_range = min(whole, abs(2 * slope / curvature) if curvature else whole)
        refit = None
        if abs(amount) > LINEARITY * in_range:
            refit = self.refit(truth)
        bias = (slope * amount if refit is None else refit.bias) * per_answer
        coefficient = slope if quadratic else 0.5 * curvature
        return TermResult(
            contribution=abs(bias),
            sensitivity=0.0 if quadratic else slope * per_answer,
            bias=bias,
            stealth=None if hidden else abs(slope) / sigma / response.residual,
            significance=response.significance * abs(amount),
            residual=0.0 if hidden else response.residual * abs(amount),
            linear_range=float((LINEARITY * in_range) ** (1 / change.power)) if resolved else None,
            resolution=resolution * abs(amount) * per_answer,
            second_order=coefficient * per_answer if resolved else None,
            refit=None if refit is None else bias,
            misfit=None if refit is None else refit.misfit,
        )

    def refit(self, truth: Any) -> Refit:
        """Return the fit to a noise-free image, which starts at the reference point.

        Raises
        ------
        ParameterError
            If the fit does not converge.
        """
        model, free = self._fitted.model, self._without_priors()
        posterior = make_posterior(model.predict, free, model.store, np.asarray(truth), self._noise)
        start = self._fitted.theta[[self._fitted.free.labels.index(label) for label in free.labels]]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", MisfitWarning)  # a perturbed image is not the model's: the misfit is shown
            solution = gauss_newton(posterior, start, tolerance=REFIT_TOLERANCE, misfit_sigmas=None, throw=False)
        if not solution.history[-1].gradient_norm < REFIT_REACH:
            raise ParameterError(
                "magnitude",
                expected="a perturbed image to which a fit converges",
                got=solution.result.value,
                remedy="Reduce it, or set aberration_margin in the overrides where the fit leaves the model's grids",
            )
        return Refit(float(solution.theta[self._index] - start[self._index]), float(solution.misfit.value))

    def _without_priors(self) -> ParamSpec:
        return replace(self._free, fields=tuple(replace(field, prior=None) for field in self._free.fields))
