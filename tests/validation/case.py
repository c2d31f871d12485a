"""The model that the evidence of the inference is about: the flight design on a small grid, at any flux."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from math import log10
from typing import Any, NamedTuple

import numpy as np

from dluxshera.inference import (
    NormalPrior,
    PoissonNoise,
    Posterior,
    Solution,
    gauss_newton,
    labelled,
    make_posterior,
    prior_of,
)
from dluxshera.model import SheraThreePlaneBinder
from dluxshera.params import ParameterStore, ParamSpec, unpack_params
from dluxshera.systems import SHERA_FLIGHT_CONFIG, build_inference_spec_basic, structural_hash_from_config

SEPARATION, FLUX = "binary.separation_as", "binary.log_flux_total"
FREE = (  # those of the demo
    SEPARATION,
    "binary.position_angle_deg",
    "binary.x_position_as",
    "binary.y_position_as",
    FLUX,
    "binary.contrast",
    "system.plate_scale_as_per_pix",
    "primary.zernike_coeffs_nm",
    "secondary.zernike_coeffs_nm",
)
SIZE = {"image_npix": 128, "n_wavelengths": 3}
REDUCED = {"image_npix": 32, "n_wavelengths": 1}
FLUX_SIGMA = 0.02  # of the prior, dex

fit = gauss_newton


class Case(NamedTuple):
    """A model, what is free in it, and what is known of that before the data come."""

    binder: SheraThreePlaneBinder
    free: ParamSpec
    base: ParameterStore
    prior: NormalPrior | None

    @property
    def labels(self) -> tuple[str, ...]:
        """A name for each element of theta."""
        return self.free.labels

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """Draw theta from the prior."""
        return prior_of(labelled(self.free), self.prior).sample(rng)

    def image(self, theta: np.ndarray) -> np.ndarray:
        """The expected image, photons per pixel."""
        return np.asarray(self.binder.predict(unpack_params(theta, self.free, self.base)))

    def posterior(self, data: np.ndarray) -> Posterior:
        """The posterior of the free parameters."""
        return make_posterior(self.binder.predict, self.free, self.base, data, prior=self.prior)


class Simulation(NamedTuple):
    """What one seed gives: the fit sees the image, the prior and its start, and nothing of the truth."""

    truth: np.ndarray
    data: np.ndarray
    start: np.ndarray


@cache
def _binder(reduced: bool) -> SheraThreePlaneBinder:
    config = SHERA_FLIGHT_CONFIG.replace(**(REDUCED if reduced else SIZE))
    return SheraThreePlaneBinder(config, build_inference_spec_basic(config))


@cache
def made(photons: float, keys: tuple[str, ...] = FREE, reduced: bool = False, flat: bool = False) -> Case:
    """The case at a number of photons from both stars.

    Where the flux is free, its prior has its mean there: given as a calibration, so that all levels share what is
    compiled. The other priors are those of the spec, or flat.
    """
    binder = _binder(reduced)
    level, free = log10(photons), binder.spec.subset(keys)
    if flat:
        free = replace(free, fields=tuple(replace(field, prior=None) for field in free.fields))
    prior = NormalPrior((FLUX,), [level], [[FLUX_SIGMA**2]]) if FLUX in keys and not flat else None
    return Case(binder, free, binder.store.replace({FLUX: level}), prior)


def simulate(case: Case, *seed: int) -> Simulation:
    """Draw truth and start from the prior, and the image with photon noise."""
    rng = np.random.default_rng(seed)
    truth = case.draw(rng)
    data = PoissonNoise().sample(rng, case.image(truth))
    return Simulation(truth, data, case.draw(rng))


def distance(solution: Solution, theta: np.ndarray) -> float:
    """How far theta is from a solution, in sigma."""
    scale = solution.sigma
    error = (theta - solution.theta) / scale
    return float(np.sqrt(error @ np.linalg.solve(solution.covariance / np.outer(scale, scale), error)))


def identity() -> dict[str, Any]:
    """What names the model: its design, parameters and structure."""
    configs = [SHERA_FLIGHT_CONFIG.replace(**size) for size in (SIZE, REDUCED)]
    spec = build_inference_spec_basic(configs[0])
    return {
        "design": SHERA_FLIGHT_CONFIG.name,
        "spec": {"name": spec.title, "sha256": spec.digest()},
        "structural_hash": [structural_hash_from_config(config) for config in configs],
        "parameters": list(spec.subset(FREE).labels),
    }
