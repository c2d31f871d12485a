"""Fit of a binary to measured separations: for orbits that are too uncertain for one linear step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Float
from scipy import linalg

from dluxshera.errors import BoundsError, FitError, ShapeError
from dluxshera.mission.binary import Binary
from dluxshera.mission.detection import CONSTANT

CONVERGED: Final = 1e-3  # gain of chi square
_STEP: Final = 1e-2  # in uncertainties, as in the derivatives of a binary
MOST_STEPS: Final = 100


class BinaryFit(NamedTuple):
    """A binary fitted to separations.

    Parameters
    ----------
    binary : Binary
        Binary whose derivatives belong in the search, with the uncertainties of the one assumed before.
    series_uas : ndarray of shape (n,)
        Separations less those of the linear model around the fit at the values assumed before: what the search takes,
        because its prior is centred there.
    residuals_uas : ndarray of shape (n,)
        Separations less the fit.
    """

    binary: Binary
    series_uas: Float[np.ndarray, " n"]
    residuals_uas: Float[np.ndarray, " n"]


def fit_binary(
    binary: Binary, times_yr: Float[np.ndarray, " n"], separations_uas: np.ndarray, covariance: np.ndarray
) -> BinaryFit:
    """Fit the uncertain parameters of a binary and a constant to separations, with the uncertainties as a prior.

    The search for planets is linear in the parameters of the binary. Where their uncertainties are large, fit the
    binary first, and search in ``series_uas`` with the derivatives of the fitted binary::

        fit = fit_binary(binary, times, separations, covariance)
        search = PeriodSearch(times, covariance, fit.binary.nuisances(times), shortest_yr=0.1, longest_yr=5.0)
        search.peak(fit.series_uas[None])

    Parameters
    ----------
    binary : Binary
        Binary with the values assumed before and their uncertainties.
    times_yr : ndarray of shape (n,)
        Times of the visits, Julian years.
    separations_uas : ndarray of shape (n,)
        Measured separations, uas.
    covariance : ndarray of shape (n, n)
        Covariance of their errors, uas^2.

    Returns
    -------
    BinaryFit
        Fitted binary, series for the search, and residuals.

    Raises
    ------
    ShapeError
        If the arrays do not belong to the same visits.
    FitError
        If the fit does not converge.
    """
    times, measured = np.asarray(times_yr, float), np.asarray(separations_uas, float)
    if measured.shape != times.shape:
        raise ShapeError("separations_uas", expected=f"one separation for each of {len(times)} visits", got=measured)
    if np.shape(covariance) != (len(times), len(times)):
        raise ShapeError("covariance", expected=f"a square matrix for {len(times)} visits", got=covariance)
    problem = _Problem(binary, times, measured, np.linalg.cholesky(covariance))
    steps = np.zeros(len(problem.widths) + 1)
    misfit = problem.misfit(steps)
    for _ in range(MOST_STEPS):
        slopes = problem.slopes(steps)
        change = np.linalg.lstsq(slopes, -misfit, rcond=None)[0]
        promised = float(misfit @ misfit - np.sum((misfit + slopes @ change) ** 2))
        if promised < CONVERGED:
            break
        steps, misfit = problem.changed(steps, change, misfit)
    else:
        raise _unfinished(MOST_STEPS)
    fitted = problem.at(steps)
    residuals = measured - fitted.separation_uas(times)
    series = residuals + problem.columns(steps) @ steps[:-1]
    return BinaryFit(fitted, series, residuals - CONSTANT * steps[-1])


def _unfinished(steps: int) -> FitError:
    reason = "the fit of the binary to its separations did not converge"
    return FitError(reason, steps=steps, remedy="Start from an orbit that is closer to the measurements")


@dataclass(frozen=True)
class _Problem:
    """Least squares in steps of one uncertainty from the assumed values; the last step is that of the constant."""

    binary: Binary
    times: np.ndarray
    measured: np.ndarray
    factor: np.ndarray

    @property
    def widths(self) -> dict[str, float]:
        return {name: width for name, width in self.binary.uncertainties.items() if width > 0.0}

    def at(self, steps: np.ndarray) -> Binary:
        moved = self.binary
        for (name, width), step in zip(self.widths.items(), steps, strict=False):
            moved = moved.shifted(name, width * float(step))
        return moved

    def misfit(self, steps: np.ndarray) -> np.ndarray:
        residuals = self.measured - self.at(steps).separation_uas(self.times) - CONSTANT * steps[-1]
        return np.concatenate([linalg.solve_triangular(self.factor, residuals, lower=True), steps])

    def columns(self, steps: np.ndarray) -> np.ndarray:
        """Return the change of the separations per step; steps through a circle keep their sign here."""
        changes = _STEP * np.eye(len(steps))[:-1]
        return np.stack(
            [
                (
                    self.at(steps + change).separation_uas(self.times)
                    - self.at(steps - change).separation_uas(self.times)
                )
                / (2.0 * _STEP)
                for change in changes
            ],
            axis=1,
        )

    def slopes(self, steps: np.ndarray) -> np.ndarray:
        columns = np.column_stack([self.columns(steps), np.full(len(self.times), CONSTANT)])
        return np.concatenate([-linalg.solve_triangular(self.factor, columns, lower=True), np.eye(len(steps))])

    def changed(self, steps: np.ndarray, change: np.ndarray, misfit: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return steps, changed by the largest of 1, 1/2, 1/4 ... of a change that improves the fit, and the misfit."""
        for halvings in range(30):
            trial = steps + change / 2.0**halvings
            try:
                after = self.misfit(trial)
            except BoundsError:  # no closed orbit
                continue
            if after @ after < misfit @ misfit:
                return trial, after
        raise _unfinished(halvings)
