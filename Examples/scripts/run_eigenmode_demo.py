#!/usr/bin/env python
"""Fit in eigenmodes by gradient descent, and compare with a fit of the parameters.

The modes are sorted by their information. In their amplitudes the posterior is equally steep in every direction, so
that plain gradient descent converges.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

jax.config.update("jax_enable_x64", True)

import dluxshera as ds  # noqa: E402  (after the switch to float64)
from dluxshera.inference import (  # noqa: E402
    EigenThetaMap,
    Solution,
    draw_from_prior,
    eigen_posterior,
    free_parameters,
    gauss_newton,
    gradient_descent,
    make_posterior,
    simulate,
)
from dluxshera.profiles import provenance_of  # noqa: E402
from dluxshera.runs import check_run_folder, fit_bar, print_estimates, read_run, save_run, write_figures  # noqa: E402


class Demo(NamedTuple):
    """Results of the demo."""

    truth: np.ndarray
    modes: EigenThetaMap
    theta: np.ndarray  # of the fit in eigenmodes
    solution: Solution  # of the fit in parameters


def main(fast: bool = False, seed: int = 0, output: str | Path | None = None) -> Demo:
    """Fit one image in eigenmodes and in parameters, and print eigenvalues and results.

    Parameters
    ----------
    fast : bool
        Use a smaller pupil and image.
    seed : int
        Seed of truth, noise and start.
    output : path, optional
        Folder to write. By default none is written.
    """
    if output is not None:
        check_run_folder(output, force=True)
    size = ["image_npix=64", "n_wavelengths=1"] if fast else []
    model = ds.load_model("observation/flight_alpha_cen", spec="inference", overrides=size)
    binder = ds.SheraThreePlaneBinder(*model)
    free = free_parameters(model.spec)

    rng = np.random.default_rng(seed)
    truth, _, data = simulate(binder, free, model.store, rng)
    start = draw_from_prior(free, rng)
    posterior = make_posterior(binder, free, model.store, data)

    amplitudes = eigen_posterior(posterior, start)
    modes = amplitudes.modes
    for i, value in enumerate(modes.eigenvalues):
        print(f"mode {i + 1:2}: information {value:8.2e} of the prior's, {', '.join(modes.names[i])}")
    with fit_bar(1e-3) as callback:
        descent = gradient_descent(amplitudes, modes.z(start), callback=callback)
    with fit_bar(1e-3) as callback:
        solution = gauss_newton(posterior, start, callback=callback)
    theta = np.asarray(modes.theta(descent.theta))
    sigma = np.sqrt(np.diag(modes.covariance(descent.covariance)))
    print(f"By eigenmodes: {descent.result}, after {len(descent.history) - 1} steps")
    print_estimates(posterior.labels, theta, sigma, truth)
    apart = np.abs((theta - solution.theta) / solution.sigma).max()
    print(f"By parameters: {solution.result}, after {len(solution.history) - 1} steps; apart by {apart:.1e} sigma")
    if output is not None:
        folder = save_run(
            output,
            solution,
            force=True,
            truth=truth,
            images={"data": data, "model": binder.predict(solution.store)},
            samples={"eigenvalues": modes.eigenvalues, "basis": modes.basis, "by_eigenmodes": theta},
            provenance={"seed": seed, **provenance_of(model.config)},
        )
        write_figures(read_run(folder))
        print(f"Results in {folder}")
    return Demo(truth, modes, theta, solution)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0],
        epilog="Example: python Examples/scripts/run_eigenmode_demo.py --fast --output results/eigenmodes",
    )
    parser.add_argument("--fast", action="store_true", help="use a smaller pupil and image, in seconds")
    parser.add_argument("--seed", type=int, default=0, help="seed of truth, noise and start (default 0)")
    parser.add_argument("--output", type=Path, default=Path("results/eigenmodes"), help="folder to write")
    main(**vars(parser.parse_args()))
