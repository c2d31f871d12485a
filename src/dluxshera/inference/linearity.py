r"""How far a bias is as linear as its formula: predicted shifts of a fit against refits.

An image that differs from the model by a small :math:`\delta\mu` shifts the most probable values by

.. math:: b = F^{-1} J^T W \delta\mu,

with the image's Jacobian J, the weights W of the noise and the Fisher information F, prior included. The formula is
linear in :math:`\delta\mu`; the fit is not, nor is :math:`\delta\mu` in the size of what causes it. The statistics of
simulations are in `dluxshera.inference.simulation_checks`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from dluxshera.errors import ParameterError
from dluxshera.inference.labels import label_index
from dluxshera.inference.posterior import AbstractPosterior
from dluxshera.inference.solution import Solution
from dluxshera.inference.theta_prior import Theta


class LinearRange(NamedTuple):
    """Predicted and refitted shifts for a series of magnitudes of one error of the model. Made by `linear_range`.

    Parameters
    ----------
    magnitudes : ndarray, shape (k,)
        Of the error, in its own unit.
    predicted, refitted : ndarray, shape (k, n)
        Shifts of theta: magnitude times slope, and those of the fits.
    departures : ndarray, shape (k,)
        Length of the difference of the two over the predicted length, in the metric of the covariance.
    labels : tuple of str
        A name for each element of theta.
    """

    magnitudes: Float[np.ndarray, " k"]
    predicted: Float[np.ndarray, "k n"]
    refitted: Float[np.ndarray, "k n"]
    departures: Float[np.ndarray, " k"]
    labels: tuple[str, ...]

    def departures_of(self, label: str) -> Float[np.ndarray, " k"]:
        """Return |refitted - predicted| / |predicted| for one parameter.

        Raises
        ------
        UnknownKeyError
            If no element of theta has that label.
        """
        i = label_index(label, self.labels, "the fit")
        return np.abs(self.refitted[:, i] / self.predicted[:, i] - 1.0)

    def reach(self, tolerance: float = 0.1, label: str | None = None) -> float:
        """Return the largest magnitude up to which no departure is above the tolerance; 0 if the first one is.

        Parameters
        ----------
        tolerance : float
        label : str, optional
            Of the parameter whose departures count; by default those of all parameters together.
        """
        departures = self.departures if label is None else self.departures_of(label)
        good = np.cumprod(departures <= tolerance).astype(bool)
        return float(self.magnitudes[good][-1]) if good.any() else 0.0


def linear_bias(clean: AbstractPosterior, changed: AbstractPosterior, theta: Theta) -> Float[np.ndarray, " n"]:
    r"""Return :math:`b = F^{-1} J^T W \delta\mu`, the predicted shift of the most probable values.

    The posteriors' gradients differ by :math:`-J^T W \delta\mu`, exactly: those of the likelihoods are linear in the
    data.

    Parameters
    ----------
    clean, changed : AbstractPosterior
        Of images without and with the error, which differ in nothing else.
    theta : array_like, shape (n,)
        The most probable values of the clean one.
    """
    slope = np.asarray(clean.expand(theta).gradient) - np.asarray(changed.expand(theta).gradient)
    return _covariance(clean, theta) @ slope


def linear_range(
    posterior_of: Callable[[float], AbstractPosterior],
    theta: Theta,
    magnitudes: Sequence[float] | Float[np.ndarray, " k"],
    fit: Callable[[AbstractPosterior, Theta], Solution],
) -> LinearRange:
    """Fit images with an error of the model of several magnitudes, and compare with the formula of the bias.

    The formula's slope at zero comes from the images of the smallest magnitude and of half of it.

    Parameters
    ----------
    posterior_of : callable
        From a magnitude to the posterior of the noise-free image with that much of the error; 0 is none.
    theta : array_like, shape (n,)
        Where the fit without the error starts; the others start where that one ends.
    magnitudes : sequence of float
        Positive, in increasing order.
    fit : callable
        From a posterior and a start to a `Solution`, such as `dluxshera.inference.descent.gradient_descent`.

    Raises
    ------
    ParameterError
        If the magnitudes are not positive and increasing.
    """
    sizes = np.asarray(magnitudes, dtype=float)
    if sizes.ndim != 1 or sizes.size == 0 or not np.all(np.diff(sizes, prepend=0.0) > 0):
        raise ParameterError("magnitudes", expected="positive numbers in increasing order", got=sizes)
    clean = posterior_of(0.0)
    theta = fit(clean, theta).theta
    covariance = _covariance(clean, theta)
    root = np.linalg.cholesky(covariance)
    whole, half = (linear_bias(clean, posterior_of(part * float(sizes[0])), theta) for part in (1.0, 0.5))
    shifts = np.outer(sizes / sizes[0], 4.0 * half - whole)
    found = np.array([fit(posterior_of(float(size)), theta).theta for size in sizes]) - theta

    def lengths(shifts: np.ndarray) -> np.ndarray:
        return np.linalg.norm(np.linalg.solve(root, shifts.T), axis=0)

    return LinearRange(sizes, shifts, found, lengths(found - shifts) / lengths(shifts), clean.labels)


def _covariance(posterior: AbstractPosterior, theta: Theta) -> np.ndarray:
    return posterior.information(theta).with_precision(np.asarray(posterior.prior_precision)).covariance()
