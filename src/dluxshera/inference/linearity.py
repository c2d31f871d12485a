r"""Linear range of a bias: the shift of a fit predicted by a formula, compared with refits.

An image that differs from the model by a small :math:`\delta\mu` shifts the most probable values by

.. math:: b = F^{-1} J^T W \delta\mu,

with the image's Jacobian J, the weights W of the noise and the Fisher information F, prior included. The formula is
linear in :math:`\delta\mu`, but the fit is not, and :math:`\delta\mu` need not be linear in the magnitude of the error.
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
    """Predicted and refitted shifts for several magnitudes of one model error. Built by `linear_range`.

    Parameters
    ----------
    magnitudes : ndarray, shape (k,)
        Magnitudes of the error, in its own unit.
    predicted, refitted : ndarray, shape (k, n)
        Shifts of theta: magnitude times slope, and those of the refits.
    departures : ndarray, shape (k,)
        Length of their difference relative to the predicted length, in the metric of the covariance.
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
        """Return the largest magnitude up to which no departure exceeds the tolerance; 0 if the first one does.

        Parameters
        ----------
        tolerance : float
            Largest departure.
        label : str, optional
            Label of a parameter, to use its departures. By default those of all parameters together are used.
        """
        departures = self.departures if label is None else self.departures_of(label)
        linear = np.cumprod(departures <= tolerance).astype(bool)
        return float(self.magnitudes[linear][-1]) if linear.any() else 0.0


def linear_bias(clean: AbstractPosterior, changed: AbstractPosterior, theta: Theta) -> Float[np.ndarray, " n"]:
    r"""Return :math:`b = F^{-1} J^T W \delta\mu`, the predicted shift of the most probable values.

    The gradients of the two posteriors differ by exactly :math:`-J^T W \delta\mu`, because the gradient of a
    log-likelihood is linear in the data.

    Parameters
    ----------
    clean, changed : AbstractPosterior
        Posteriors of the images without and with the error, otherwise equal.
    theta : array_like, shape (n,)
        Most probable values of the clean posterior.
    """
    slope = np.asarray(clean.expand(theta).gradient) - np.asarray(changed.expand(theta).gradient)
    return _covariance(clean, theta) @ slope


def linear_range(
    posterior_of: Callable[[float], AbstractPosterior],
    theta: Theta,
    magnitudes: Sequence[float] | Float[np.ndarray, " k"],
    fit: Callable[[AbstractPosterior, Theta], Solution],
) -> LinearRange:
    """Fit images with a model error of several magnitudes, and compare the shifts with the formula of the bias.

    The slope of the formula at zero is extrapolated from the smallest magnitude and half of it.

    Parameters
    ----------
    posterior_of : callable
        Function from a magnitude to the posterior of the noise-free image with that error; 0 is no error.
    theta : array_like, shape (n,)
        Start of the fit without the error; the other fits start at its solution.
    magnitudes : sequence of float
        Magnitudes, positive and increasing.
    fit : callable
        Function from a posterior and a start to a `Solution`, such as `gauss_newton`.

    Returns
    -------
    LinearRange
        Shifts from the fits and from the formula, and the largest magnitude for which they agree.

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
    refits = np.array([fit(posterior_of(float(size)), theta).theta for size in sizes]) - theta

    def lengths(shifts: np.ndarray) -> np.ndarray:
        return np.linalg.norm(np.linalg.solve(root, shifts.T), axis=0)

    return LinearRange(sizes, shifts, refits, lengths(refits - shifts) / lengths(shifts), clean.labels)


def _covariance(posterior: AbstractPosterior, theta: Theta) -> np.ndarray:
    return posterior.information(theta).with_precision(np.asarray(posterior.prior_precision)).covariance()
