"""The reference case: what is timed, and what it is timed against."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import dluxshera as ds
from benchmarks.baseline import NPIX, WAVELENGTHS, Baseline
from dluxshera.inference import (
    FisherInformation,
    GaussianNoise,
    Posterior,
    PriorWarning,
    fisher_information,
    make_posterior,
)
from dluxshera.optics import power_law_map
from dluxshera.params import pack_params, unpack_params
from support.scenes import ABERRATED, CONFIGS, Scene, scene

FREE = (
    "binary.separation_as",
    "binary.position_angle_deg",
    "binary.x_position_as",
    "binary.y_position_as",
    "binary.log_flux_total",
    "binary.contrast",
    "system.plate_scale_as_per_pix",
    "primary.zernike_coeffs_nm",
    "secondary.zernike_coeffs_nm",
)

MAP_NPIX = 256


class Case(NamedTuple):
    """The same scene for the package and for the baseline, and a Gaussian likelihood for both."""

    scene: Scene
    baseline: Baseline
    free: ds.ParamSpec
    theta: jax.Array
    noise: GaussianNoise
    posterior: Posterior

    def image(self, theta: jax.Array) -> jax.Array:
        """The package's image as a function of theta."""
        return self.scene.binder.predict(unpack_params(theta, self.free, self.scene.store))

    def baseline_image(self, theta: jax.Array) -> jax.Array:
        """The baseline's image as a function of theta."""
        return self.baseline.predict(unpack_params(theta, self.free, self.scene.store))

    def baseline_loss(self, theta: jax.Array) -> jax.Array:
        """Minus the Gaussian log-likelihood of the same data by the baseline."""
        return 0.5 * jnp.sum((self.baseline_image(theta) - self.posterior.data) ** 2 / self.noise.variance)

    def fisher(self) -> FisherInformation:
        """The package's Fisher matrix."""
        return fisher_information(self.scene.binder, self.scene.store, self.free, self.noise)


@cache
def reference_case(baseline_npix: int = NPIX, **changes: Any) -> Case:
    """The flight design in effective mode: 2 stars, 3 wavelengths, 256 x 256 pixels, Noll 4..11 on both mirrors.

    `changes` are those of the package's configuration; the baseline keeps 3 wavelengths where it has the default.
    """
    made = scene(CONFIGS["flight"], "inference", ABERRATED, **{"n_wavelengths": WAVELENGTHS, **changes})
    free = made.binder.spec.subset(FREE)
    data = made.image()
    noise = GaussianNoise(np.maximum(data, 1.0))
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", PriorWarning
        )  # the scene is not drawn from the prior, and the prior is not used
        posterior = make_posterior(made.binder, free, made.store, data, noise)
    baseline = Baseline(made.binder.config, made.params(), baseline_npix)
    return Case(made, baseline, free, pack_params(made.store, free), noise, posterior)


@cache
def default_case() -> Case:
    """The same with the package's own number of wavelengths."""
    return reference_case(n_wavelengths=None)


@cache
def mapped_case(surface: int) -> Case:
    """The same with a map of 256 x 256 cells and 20 nm rms on M1 (0) or on M2 (1)."""
    size = ("m1_map_npix", "surface_map_npix")[surface]
    case = reference_case(effects=(f"m{surface + 1}_maps",), **{size: MAP_NPIX})
    key = f"{('primary', 'secondary')[surface]}.calibrated_map_nm"
    store = case.scene.store.replace({key: power_law_map(0, MAP_NPIX, 20.0)})
    return case._replace(scene=case.scene._replace(store=store))


def stores_of(case: Case, thetas: jax.Array) -> list[ds.ParameterStore]:
    """The stores of a batch."""
    return [unpack_params(theta, case.free, case.scene.store) for theta in thetas]


def batch(case: Case, n: int) -> jax.Array:
    """Values of theta that differ a little, shape (n, 23)."""
    rng = np.random.default_rng(0)
    return case.theta * (1.0 + 1e-6 * rng.normal(size=(n, case.theta.size)))
