#!/usr/bin/env python
"""Draw from the posterior of a faint binary, and compare with a fit.

A two-plane model with a small image keeps the thousands of gradients cheap. With few photons the posterior of the flux
ratio is skewed, unlike the normal distribution that a fit assumes.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

jax.config.update("jax_enable_x64", True)

import dluxshera as ds  # noqa: E402  (after the switch to float64)
from dluxshera.inference import (  # noqa: E402
    Samples,
    Solution,
    draw_from_prior,
    gauss_newton,
    make_posterior,
    sample_posterior,
    simulate,
)
from dluxshera.params import Normal  # noqa: E402
from dluxshera.profiles import provenance_of  # noqa: E402
from dluxshera.runs import check_run_folder, fit_bar, print_estimates, read_run, save_run, write_figures  # noqa: E402


class Demo(NamedTuple):
    """Results of the demo."""

    truth: np.ndarray
    solution: Solution
    samples: Samples


FREE = ("binary.separation_as", "binary.x_position_as", "binary.contrast", "primary.zernike_coeffs_nm")
WIDE = {"binary.contrast": Normal(3.5, 1.0)}
LOG_FLUX = 4.0  # few photons, so that the posterior is not normal


def main(fast: bool = False, seed: int = 0, output: str | Path | None = None) -> Demo:
    """Fit, sample, and print both.

    Parameters
    ----------
    fast : bool
        Use a smaller image and fewer draws.
    seed : int
        Seed of truth, noise and start.
    output : path, optional
        Folder to write. By default none is written.
    """
    if output is not None:
        check_run_folder(output, force=True)
    config, _, _ = ds.load_model("observation/twoplane_flight_alpha_cen")
    size = {"image_npix": 24} if fast else {"image_npix": 48}
    config = config.replace(**size, n_wavelengths=1, m1_noll=(4, 5))
    spec = ds.build_inference_spec_basic(config)
    spec = replace(spec, fields=tuple(replace(f, prior=WIDE.get(f.key, f.prior)) for f in spec.fields))
    binder = ds.SheraTwoPlaneBinder(config, spec)
    base = binder.store.replace({"binary.log_flux_total": LOG_FLUX})
    free = spec.subset(FREE)

    rng = np.random.default_rng(seed)
    truth, _, data = simulate(binder, free, base, rng)
    posterior = make_posterior(binder, free, base, data)
    with fit_bar(1e-3) as callback:
        solution = gauss_newton(posterior, draw_from_prior(free, rng), callback=callback)
    length = {"draws": 250, "warmup": 100, "chains": 2} if fast else {"draws": 1000, "warmup": 300, "chains": 4}
    samples = sample_posterior(posterior, solution, seed=seed, progress=True, **length)
    print(f"The fit: {solution.result}")
    print_estimates(solution.labels, solution.theta, solution.sigma, truth)
    print(f"The draws: {samples.result}")
    print_estimates(samples.labels, samples.mean, samples.sigma, truth)
    if output is not None:
        folder = save_run(
            output,
            solution,
            force=True,
            truth=truth,
            images={"data": data, "model": binder.predict(solution.store)},
            samples={name: getattr(samples, name) for name in ("draws", "log_density", "divergent", "acceptance")},
            provenance={"seed": seed, **provenance_of(config)},
        )
        write_figures(read_run(folder))
        print(f"Results in {folder}")
    return Demo(truth, solution, samples)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0],
        epilog="Example: python Examples/scripts/run_hmc_demo.py --fast --output results/hmc",
    )
    parser.add_argument("--fast", action="store_true", help="take fewer draws with a smaller image, in seconds")
    parser.add_argument("--seed", type=int, default=0, help="seed of truth, noise and start (default 0)")
    parser.add_argument("--output", type=Path, default=Path("results/hmc"), help="folder to write")
    main(**vars(parser.parse_args()))
