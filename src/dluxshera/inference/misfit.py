"""Misfit of a solution: the deviance of the data compared with that of noise alone."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite, nan, sqrt
from typing import NamedTuple

import numpy as np

from dluxshera.inference.deviance import DevianceMoments
from dluxshera.inference.fisher import FisherInformation, generalized_eigenmodes


class MisfitWarning(UserWarning):
    """A fit converged, but the model does not explain the data, or explains them better than noise allows."""


class Misfit(NamedTuple):
    r"""Deviance of the data per pixel at a solution, with its distribution for noise alone.

    Mean and variance of the deviance follow from the expected photons of each pixel (`Noise.deviance_moments`). A fit
    lowers both: with the Fisher matrix F of the data and the precision P of the prior, the eigenvalues :math:`t_k` of
    :math:`(F + P)^{-1} F` are the share of the data in each direction of theta, and

    .. math::

        \mathrm{E}[D] = \sum_i \mathrm{E}[D_i] - \sum_k t_k, \qquad
        \mathrm{Var}[D] = \sum_i \mathrm{Var}[D_i] - 2 \sum_k (2 t_k - t_k^2).

    With many photons and no prior this is the chi-squared distribution of pixels minus parameters.

    Parameters
    ----------
    value : float
        Deviance divided by the number of pixels.
    expected : float
        Mean of `value` for noise alone; NaN if unknown.
    sigma : float
        Standard deviation of `value` for noise alone. NaN if unknown, or if the data have no more pixels than the fit
        has parameters.

    Examples
    --------
    >>> misfit = Misfit(1.028, 1.0, 0.0055)
    >>> round(misfit.sigmas, 2), misfit.exceeds(5.0), misfit.exceeds(None)
    (5.09, True, False)
    """

    value: float
    expected: float = nan
    sigma: float = nan

    @classmethod
    def of(
        cls, value: float, pixels: int, moments: DevianceMoments, information: FisherInformation, precision: np.ndarray
    ) -> Misfit:
        """Return the misfit of a solution.

        Parameters
        ----------
        value : float
            Deviance divided by the number of pixels.
        pixels : int
            Number of pixels.
        moments : DevianceMoments
            Moments of the deviance of all pixels at the solution.
        information : FisherInformation
            Information of the data at the solution.
        precision : ndarray, shape (n, n)
            Inverse covariance of the prior.
        """
        share, _ = generalized_eigenmodes(information.matrix, information.with_precision(precision).matrix)
        mean, whole = float(moments.mean) - float(np.sum(share)), float(moments.variance)
        variance = whole - 2.0 * float(np.sum(2.0 * share - share**2))
        sigma = sqrt(variance) if variance > 1e-6 * whole else nan  # what rounding leaves of zero is no variance
        return cls(value, mean / pixels, sigma / pixels)

    @classmethod
    def recorded(cls, diagnostics: Mapping[str, float]) -> Misfit:
        """Return the misfit in the diagnostics of a solution or a run; NaN where they have none."""
        return cls(*(diagnostics.get(name, nan) for name in _NAMES))

    def as_diagnostics(self) -> dict[str, float]:
        """Return the numbers by their names in the diagnostics of a solution."""
        return dict(zip(_NAMES, self, strict=True))

    @property
    def sigmas(self) -> float:
        """The deviation from noise alone in standard deviations, positive if the deviance is too large."""
        return (self.value - self.expected) / self.sigma

    def exceeds(self, limit: float | None) -> bool:
        """Return True if the deviation is beyond a limit, on either side.

        Parameters
        ----------
        limit : float or None
            Largest deviation in standard deviations; None for no limit. An unknown deviation exceeds no limit.
        """
        return limit is not None and abs(self.sigmas) > limit

    @property
    def causes(self) -> str:
        """Likely causes of a deviation to this side."""
        return _TOO_SMALL if self.sigmas < 0 else _TOO_LARGE

    def __str__(self) -> str:
        text = f"{self.value:.4g} per pixel"
        if not isfinite(self.sigmas):
            return text
        return f"{text}, {self.sigmas:+.1f} sigma from noise alone ({self.expected:.4g})"


_NAMES = ("misfit", "misfit_expected", "misfit_sigma")
_TOO_LARGE = (
    "an effect that the model leaves out (pixel response, background, surface errors), noise that is larger than the"
    " noise model, a local maximum"
)
_TOO_SMALL = (
    "data that are not counted in photons (gain, exposure time, an average of frames), noise that is smaller than the"
    " noise model, simulated data without noise"
)
