"""Draws from a posterior, with convergence diagnostics and a result code."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from dluxshera.errors import FitError
from dluxshera.inference.labels import label_index

if TYPE_CHECKING:
    from arviz import InferenceData

# A. Vehtari et al., Bayesian Analysis 16, 667 (2021): rank-normalised R-hat below 1.01, 100 independent draws a chain.
LARGEST_R_HAT: Final = 1.01
FEWEST_DRAWS_PER_CHAIN: Final = 100


class SamplingResult(StrEnum):
    """Result code of a sampler. Only ``TRUSTED`` draws are an answer."""

    TRUSTED = "the chains agree and are long enough"
    DIVERGENT = "transitions diverged: the sampler does not reach part of the posterior"
    NOT_MIXED = "the chains do not agree"
    TOO_FEW = "too few independent draws"


class SamplerState(NamedTuple):
    """State of a sampler, as plain arrays. A run continued from it equals an uninterrupted run bit by bit.

    ``SamplerState(**numpy.load(file))`` reads the file of ``numpy.savez(file, **state._asdict())``.

    Parameters
    ----------
    seed : ndarray of int
        Seed of the run.
    warmup : ndarray of int
        Number of transitions that tune the sampler.
    iteration : ndarray of int
        Number of transitions, warm-up included.
    centre : ndarray, shape (n,)
        Theta at the origin of the coordinates z.
    spread : ndarray, shape (n, n)
        Covariance of theta that z whitens.
    positions : ndarray, shape (chains, n)
        Current z of each chain.
    log_densities : ndarray, shape (chains,)
        Log-density at the positions.
    gradients : ndarray, shape (chains, n)
        Gradient of the log-density at the positions.
    adaptation : ndarray, shape (5,)
        State of the adaptation of the step size.
    draws : ndarray, shape (chains, draws, n)
        Theta after each transition since the warm-up.
    log_density, divergent, acceptance, leapfrogs : ndarray, shape (chains, draws)
        Statistics of the draws; see `Samples`.
    """

    seed: Int[np.ndarray, ""]
    warmup: Int[np.ndarray, ""]
    iteration: Int[np.ndarray, ""]
    centre: Float[np.ndarray, " n"]
    spread: Float[np.ndarray, "n n"]
    positions: Float[np.ndarray, "chains n"]
    log_densities: Float[np.ndarray, " chains"]
    gradients: Float[np.ndarray, "chains n"]
    adaptation: Float[np.ndarray, " 5"]
    draws: Float[np.ndarray, "chains draws n"]
    log_density: Float[np.ndarray, "chains draws"]
    divergent: Bool[np.ndarray, "chains draws"]
    acceptance: Float[np.ndarray, "chains draws"]
    leapfrogs: Int[np.ndarray, "chains draws"]


@dataclass(frozen=True)
class Samples:
    """Draws from a posterior.

    Parameters
    ----------
    draws : ndarray, shape (chains, draws, n)
        Draws of theta.
    log_density : ndarray, shape (chains, draws)
        Log-density of the posterior, up to a constant of the data.
    divergent : ndarray of bool, shape (chains, draws)
        True if the energy diverged on the path to a draw.
    acceptance : ndarray, shape (chains, draws)
        Mean acceptance probability on the path.
    leapfrogs : ndarray of int, shape (chains, draws)
        Number of gradients for a draw.
    r_hat, ess_bulk, ess_tail : ndarray, shape (n,)
        Rank-normalised split R-hat, and effective sample sizes of the centre and of the tails.
    step_size : float
        Step size, in units of sigma.
    labels : tuple of str
        A name for each element of theta.
    state : SamplerState
        State to continue from, for more draws.
    provenance : mapping of str to str
        The sampler and its settings.
    """

    draws: Float[np.ndarray, "chains draws n"]
    log_density: Float[np.ndarray, "chains draws"]
    divergent: Bool[np.ndarray, "chains draws"]
    acceptance: Float[np.ndarray, "chains draws"]
    leapfrogs: Int[np.ndarray, "chains draws"]
    r_hat: Float[np.ndarray, " n"]
    ess_bulk: Float[np.ndarray, " n"]
    ess_tail: Float[np.ndarray, " n"]
    step_size: float
    labels: tuple[str, ...]
    state: SamplerState
    provenance: Mapping[str, str] = field(default_factory=dict)

    @property
    def flat(self) -> Float[np.ndarray, "all n"]:
        """The draws of all chains in one array."""
        return self.draws.reshape(-1, self.draws.shape[-1])

    @property
    def mean(self) -> Float[np.ndarray, " n"]:
        """The posterior mean."""
        return self.flat.mean(axis=0)

    @property
    def covariance(self) -> Float[np.ndarray, "n n"]:
        """The posterior covariance."""
        return np.atleast_2d(np.cov(self.flat, rowvar=False))

    @property
    def sigma(self) -> Float[np.ndarray, " n"]:
        """The standard deviation of each element of theta."""
        return np.sqrt(np.diag(self.covariance))

    @property
    def result(self) -> SamplingResult:
        """The result code of the draws."""
        if self.divergent.any():
            return SamplingResult.DIVERGENT
        if not np.all(self.r_hat < LARGEST_R_HAT):  # NaN, for draws that never move, fails too
            return SamplingResult.NOT_MIXED
        enough = FEWEST_DRAWS_PER_CHAIN * len(self.draws)
        fewest = np.minimum(self.ess_bulk, self.ess_tail)
        return SamplingResult.TRUSTED if np.all(fewest >= enough) else SamplingResult.TOO_FEW

    @property
    def trusted(self) -> bool:
        """True if R-hat, the effective sample sizes and the number of divergences are all within their limits."""
        return self.result is SamplingResult.TRUSTED

    def diagnostics(self) -> dict[str, float | str]:
        """Return name and text of the result code, and the worst value of each diagnostic."""
        return {
            "result": self.result.name,
            "message": str(self.result),
            "r_hat": float(np.max(self.r_hat)),
            "r_hat_of": self.labels[int(np.argmax(np.nan_to_num(self.r_hat, nan=np.inf)))],
            "ess_bulk": float(np.min(self.ess_bulk)),
            "ess_tail": float(np.min(self.ess_tail)),
            "divergences": int(self.divergent.sum()),
            "acceptance": float(self.acceptance.mean()),
            "leapfrogs": float(self.leapfrogs.mean()),
            "step_size": self.step_size,
        }

    def of(self, label: str) -> Float[np.ndarray, "chains draws"]:
        """Return the draws of one parameter.

        Raises
        ------
        UnknownKeyError
            If no element of theta has that label.
        """
        return self.draws[..., label_index(label, self.labels, "the samples")]

    def to_arviz(self) -> InferenceData:
        """Return the draws as ArviZ inference data: a variable for each key, with its components as a coordinate.

        Raises
        ------
        FitError
            If ArviZ is not installed.
        """
        try:
            with warnings.catch_warnings():  # only its announcement of a rewrite
                warnings.filterwarnings("ignore", r"\s*ArviZ is undergoing a major refactor", FutureWarning)
                import arviz
        except ImportError as error:
            raise FitError("ArviZ is not installed", remedy="pip install dluxshera[sampling]") from error
        keys = [label.partition("[")[0] for label in self.labels]
        variables: dict[str, Any] = {}
        coordinates: dict[str, list[str]] = {}
        for key in dict.fromkeys(keys):
            columns = [i for i, other in enumerate(keys) if other == key]
            variables[key] = self.draws[..., columns]
            if self.labels[columns[0]] == key:
                variables[key] = variables[key][..., 0]
            else:
                coordinates[f"{key} component"] = [self.labels[i].partition("[")[2].rstrip("]") for i in columns]
        return arviz.from_dict(
            posterior=variables,
            sample_stats={
                "lp": self.log_density,
                "diverging": self.divergent,
                "acceptance_rate": self.acceptance,
                "n_steps": self.leapfrogs,
            },
            coords=coordinates,
            dims={key: [f"{key} component"] for key in variables if f"{key} component" in coordinates},
            attrs=dict(self.provenance),
        )
