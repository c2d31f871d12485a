#!/usr/bin/env python
"""Descend to the maximum of a posterior in eigenmodes, and compare with a fit of the parameters.

The modes are sorted by what the data say of them. In their amplitudes every direction is as steep as any other, so
that a plain step against the gradient is a good one.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

jax.config.update("jax_enable_x64", True)

import dluxshera as ds  # noqa: E402  (after the switch to float64)
from dluxshera.cli.common import fit_bar, print_estimates  # noqa: E402
from dluxshera.cli.run import write_figures  # noqa: E402
from dluxshera.inference import (  # noqa: E402  # noqa: E402
    EigenThetaMap,
    PoissonNoise,
    Solution,
    draw_from_prior,
    eigen_posterior,
    gauss_newton,
    gradient_descent,
    make_posterior,
)
from dluxshera.profiles import provenance_of  # noqa: E402
from dluxshera.runs import read_run, save_run  # noqa: E402


class Demo(NamedTuple):
    """What a run found."""

    truth: np.ndarray
    modes: EigenThetaMap
    theta: np.ndarray  # by eigenmodes
    solution: Solution  # by parameters


def main(fast: bool = False, seed: int = 0, output: str | Path | None = None) -> Demo:
    """Fit one image both ways, and print the eigenvalues and the results.

    Parameters
    ----------
    fast : bool
        A smaller pupil and image.
    seed : int
        Of truth, noise and start.
    output : path, optional
        Folder to write; none by default.
    """
    size = ["pupil_npix=64", "image_npix=64", "n_wavelengths=1"] if fast else []
    model = ds.load_model("observation/flight_alpha_cen", spec="inference", overrides=size)
    binder = ds.SheraThreePlaneBinder(*model)
    free = model.spec.subset(key for key in model.spec if model.spec[key].prior)

    rng = np.random.default_rng(seed)
    truth = draw_from_prior(free, rng)
    data = PoissonNoise().sample(rng, binder.predict(ds.unpack_params(truth, free, binder.store)))
    start = draw_from_prior(free, rng)
    posterior = make_posterior(binder.predict, free, binder.store, data)

    amplitudes = eigen_posterior(posterior, start)
    modes = amplitudes.modes
    for i, value in enumerate(modes.eigenvalues):
        print(f"mode {i + 1:2}: information {value:8.2e} of the prior's, {', '.join(modes.names[i])}")
    with fit_bar(1e-3) as tell:
        descent = gradient_descent(amplitudes, modes.z(start), callback=tell)
    with fit_bar(1e-3) as tell:
        solution = gauss_newton(posterior, start, callback=tell)
    theta = np.asarray(modes.theta(descent.theta))
    sigma = np.sqrt(np.diag(modes.covariance(descent.covariance)))
    print(f"By eigenmodes: {descent.result}, after {len(descent.history) - 1} steps")
    print_estimates(posterior.labels, theta, sigma, truth)
    apart = np.abs((theta - solution.theta) / solution.sigma).max()
    print(f"By parameters: {solution.result}, after {len(solution.history) - 1} steps; apart by {apart:.1e} sigma")
    if output is not None:
        folder = save_run(
            Path(output),
            solution,
            truth=truth,
            images={"data": data, "model": binder.predict(solution.store)},
            samples={"eigenvalues": modes.eigenvalues, "basis": modes.basis, "by_eigenmodes": theta},
            provenance={"seed": seed, **provenance_of(model.config)},
        )
        list(write_figures(read_run(folder), folder))
        print(f"Results in {folder}")
    return Demo(truth, modes, theta, solution)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0],
        epilog="Example: python Examples/scripts/run_eigenmode_demo.py --fast --output results/eigenmodes",
    )
    parser.add_argument("--fast", action="store_true", help="a smaller pupil and image, in seconds")
    parser.add_argument("--seed", type=int, default=0, help="of truth, noise and start (default 0)")
    parser.add_argument("--output", type=Path, default=Path("results/eigenmodes"), help="folder to write")
    given = parser.parse_args()
    main(fast=given.fast, seed=given.seed, output=given.output)
