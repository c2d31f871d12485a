"""The Fisher matrix of the three-plane model against Hessians, its own and that of the dLux baseline's likelihood.

With noise-free data every residual is zero, so that the Hessian of a Gaussian likelihood at the truth is the Fisher
matrix, by another route: reverse mode, then forward mode over it.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import numpy as np
import pytest

from benchmarks.baseline import Baseline
from benchmarks.case import FREE
from dluxshera.inference import GaussianNoise, Posterior, fisher_information, make_posterior
from dluxshera.params import pack_params
from support.scenes import ABERRATED, CONFIGS, scene


class Case(NamedTuple):
    """23 parameters on a reduced grid: posteriors by both models, each of its own image."""

    package: Posterior
    baseline: Posterior
    theta: jax.Array


@pytest.fixture(scope="module")
def case() -> Case:
    made = scene(CONFIGS["flight"], "inference", ABERRATED, pupil_npix=64, image_npix=32, n_wavelengths=1)
    free = made.binder.spec.subset(FREE)
    noise = GaussianNoise(np.maximum(made.image(), 1.0))
    baseline = Baseline(made.binder.config, made.params())
    return Case(
        *(
            make_posterior(predict, free, made.store, eqx.filter_jit(predict)(made.store), noise)
            for predict in (made.binder.predict, baseline.predict)
        ),
        pack_params(made.store, free),
    )


def in_own_sigmas(matrix, reference):
    size = np.sqrt(np.diag(reference))
    return np.asarray(matrix) / np.outer(size, size)


@pytest.fixture(scope="module")
def hessians(case):
    return [
        -np.asarray(jax.jit(jax.hessian(posterior.log_likelihood))(case.theta))
        for posterior in (case.package, case.baseline)
    ]


@pytest.mark.parametrize("which", [0, 1], ids=["package", "baseline"])
def test_it_is_the_hessian_of_a_gaussian_likelihood_at_the_truth(case, hessians, which):
    """To rounding; here conditional sigmas are units, and the twin is another noise by a part in 10^6."""
    posterior, hessian = case[which], hessians[which]
    found = posterior.information(case.theta).matrix
    np.testing.assert_allclose(in_own_sigmas(found, hessian), in_own_sigmas(hessian, hessian), atol=1e-9)
    assert np.abs(in_own_sigmas(found * (1 + 1e-6), hessian) - in_own_sigmas(hessian, hessian)).max() > 1e-7


def test_it_is_that_of_the_baseline_to_the_error_of_the_baseline(case, hessians):
    """Element by element, in conditional sigmas, within 0.02.

    The baseline's derivatives are off by its midpoints, twice as far as its image (0.6 %), and for the coefficients by
    the edge of the polynomials, which dLux cuts at the circle (on 64 pixels up to 4 %, for the most part at right
    angles to the derivative). The twins, a noise that is 5 % off and a plate scale that is 1 % off, are further away.
    """
    found, truth = case.package.information(case.theta).matrix, hessians[1]
    assert np.abs(in_own_sigmas(found, truth) - in_own_sigmas(truth, truth)).max() < 0.02
    off = case.package
    noise = GaussianNoise(1.05 * np.asarray(off.noise.variance))
    store = off.store.replace({"system.plate_scale_as_per_pix": 1.01 * off.store["system.plate_scale_as_per_pix"]})
    for twin in (
        fisher_information(off.predict, off.store, off.free, noise).matrix,
        fisher_information(off.predict, store, off.free, off.noise).matrix,
    ):
        assert np.abs(in_own_sigmas(twin, truth) - in_own_sigmas(truth, truth)).max() > 0.04
