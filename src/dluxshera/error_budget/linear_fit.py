"""A maximum-likelihood fit, linearised at the reference point: `LinearFit`, and its response to a perturbation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from dluxshera.inference import fisher_from_jacobian


class Response(NamedTuple):
    """Response of a fit to a perturbation of the image.

    Parameters
    ----------
    bias : ndarray, shape (n,)
        Bias of each fitted parameter, in its unit.
    significance : float
        Significance of the perturbation in the image, in sigmas.
    residual : float
        Significance of the perturbation in the residuals of the fit, in sigmas.
    """

    bias: Float[np.ndarray, " n"]
    significance: float
    residual: float


@dataclass(frozen=True)
class LinearFit:
    r"""A maximum-likelihood fit, linearised at the reference point.

    With the rows of :math:`J` the derivatives of the image and :math:`S` its covariance, a perturbation
    :math:`\Delta\mu` biases the parameters by :math:`F^{-1} J S^{-1} \Delta\mu` with :math:`F = J S^{-1} J^T` (Amara
    and Refregier 2008, arXiv:0710.5171, equation 8). It is computed from the QR factors of the whitened derivatives,
    which loses half the digits that the normal equations lose.

    Parameters
    ----------
    labels : tuple of str
        Labels of the parameters.
    sigma, conditional : ndarray, shape (n,)
        1-sigma error of each parameter with the others fitted, and with the others known.
    condition : float
        Condition number of the Fisher matrix, each parameter in units of its own conditional sigma.
    """

    labels: tuple[str, ...]
    sigma: Float[np.ndarray, " n"]
    conditional: Float[np.ndarray, " n"]
    condition: float
    _q: Float[np.ndarray, "pixels n"]
    _r: Float[np.ndarray, "n n"]

    @classmethod
    def from_jacobian(
        cls, jacobian: Float[np.ndarray, "n pixels"], weights: Float[np.ndarray, " pixels"], labels: tuple[str, ...]
    ) -> LinearFit:
        """Return the fit with the given Jacobian.

        Parameters
        ----------
        jacobian : ndarray, shape (n, pixels)
            Derivatives of the image by each parameter.
        weights : ndarray, shape (pixels,)
            Inverse variances of the pixels; zero for a pixel that is left out.
        labels : tuple of str
            Labels of the parameters.

        Raises
        ------
        FitError
            If the image has no information on a combination of the parameters, which the message names.
        """
        information = fisher_from_jacobian(jnp.asarray(jacobian), jnp.asarray(weights), labels)
        information.covariance()  # raises for a singular matrix, with the labels
        conditional = 1 / np.sqrt(np.diag(information.matrix))
        q, r = np.linalg.qr((jacobian * conditional[:, None] * np.sqrt(weights)).T)
        sigma = np.linalg.norm(np.linalg.inv(r), axis=1) * conditional
        return cls(labels, sigma, conditional, float(np.linalg.cond(r) ** 2), q, r)

    @property
    def reach(self) -> float:
        """The part of the largest possible bias below which a computed one is rounding error."""
        return sqrt(100 * float(np.finfo(float).eps) * sqrt(self.condition))

    def response(self, whitened: Float[np.ndarray, " pixels"]) -> Response:
        """Return the response to a perturbation of the image, in sigmas of each pixel."""
        along = self._q.T @ whitened
        bias = np.linalg.solve(self._r, along) * self.conditional
        left = whitened - self._q @ along
        return Response(bias, float(np.linalg.norm(whitened)), float(np.linalg.norm(left)))

    def weights_of(self, label: str) -> Float[np.ndarray, " pixels"]:
        """Return the row of the estimator for one parameter; it acts on a perturbation in sigmas of each pixel.

        Its product with a perturbation is the bias of the parameter, and its norm the parameter's sigma.
        """
        i = self.labels.index(label)
        unit = np.zeros(len(self.labels))
        unit[i] = self.conditional[i]
        return self._q @ np.linalg.solve(self._r.T, unit)

    def covariance_of(self, label: str) -> Float[np.ndarray, " n"]:
        """Return the covariances of one parameter with all of them."""
        i = self.labels.index(label)
        unit = np.zeros(len(self.labels))
        unit[i] = self.conditional[i]
        return np.linalg.solve(self._r, np.linalg.solve(self._r.T, unit)) * self.conditional

    def partial_sigma(self, label: str, fitted: Iterable[str]) -> float:
        """Return the 1-sigma error of a parameter that is fitted together with some of the others, the rest known.

        Parameters
        ----------
        label : str
            Label of the parameter.
        fitted : iterable of str
            Labels of the parameters that are fitted, among them `label`.
        """
        columns = [self.labels.index(name) for name in fitted]
        i = columns.index(self.labels.index(label))
        inverse = np.linalg.inv(np.linalg.qr(self._r[:, columns], mode="r"))
        return float(np.linalg.norm(inverse[i]) * self.conditional[columns[i]])
