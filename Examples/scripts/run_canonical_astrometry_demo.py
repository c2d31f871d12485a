#!/usr/bin/env python
"""Recover alpha Centauri from a simulated image of SHERA, and compare with the Cramer-Rao bound.

The truth is drawn from the prior, the image has photon noise, and the fit starts at another draw from the prior. 23
parameters are free: position, brightness, plate scale, and the aberrations of both mirrors.
"""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from rich.console import Console
from rich.table import Table

jax.config.update("jax_enable_x64", True)

import dluxshera as ds  # noqa: E402  (after the switch to float64)
from dluxshera.inference import Solution, draw_from_prior, gauss_newton, make_posterior, simulate  # noqa: E402
from dluxshera.profiles import provenance_of  # noqa: E402
from dluxshera.runs import check_run_folder, fit_bar, read_run, save_run, write_figures  # noqa: E402

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
TOLERANCE = 1e-3


class Demo(NamedTuple):
    """Results of the demo."""

    truth: np.ndarray
    start: np.ndarray
    solution: Solution
    folder: Path | None


def main(fast: bool = False, seed: int = 0, output: str | Path | None = None) -> Demo:
    """Simulate, fit, print the table of results and write the folder of the run with its figures.

    Parameters
    ----------
    fast : bool
        Use a smaller pupil and image, which takes seconds instead of a minute.
    seed : int
        Seed of truth, noise and start.
    output : path, optional
        Folder to write. By default none is written.
    """
    if output is not None:
        check_run_folder(output, force=True)
    size = {"image_npix": 128} if fast else {}
    config = ds.SHERA_FLIGHT_CONFIG.replace(**size)
    binder = ds.SheraThreePlaneBinder(config, ds.build_inference_spec_basic(config))
    free = binder.spec.subset(FREE)

    rng = np.random.default_rng(seed)
    truth, _, data = simulate(binder, free, binder.store, rng)
    start = draw_from_prior(free, rng)
    solution = fit_with_progress(make_posterior(binder, free, binder.store, data), start)
    print_results(solution, truth, start)

    folder = None
    if output is not None:
        options = [*(["--fast"] if fast else []), "--seed", str(seed), "--output", str(output)]
        folder = save_run(
            output,
            solution,
            force=True,
            truth=truth,
            images={"data": data, "model": binder.predict(solution.store)},
            command=shlex.join([Path(__file__).name, *options]),
            provenance={
                "seed": seed,
                "tolerance": TOLERANCE,
                "plate_scale_as_per_pix": float(solution.store["system.plate_scale_as_per_pix"]),
                **provenance_of(config),
            },
        )
        write_figures(read_run(folder))
        print(f"Results in {folder}")
    return Demo(truth, start, solution, folder)


def fit_with_progress(posterior, start) -> Solution:
    """Fit, with a progress bar."""
    with fit_bar(TOLERANCE) as callback:
        return gauss_newton(posterior, start, tolerance=TOLERANCE, callback=callback)


def print_results(solution: Solution, truth: np.ndarray, start: np.ndarray) -> None:
    """Print truth, start, estimate, error, bound and pull of each parameter."""
    table = Table(title=f"{solution.result.name.lower()} in {len(solution.history) - 1} steps; sigma: Cramer-Rao bound")
    for name in ("parameter", "truth", "start", "estimate", "error", "sigma", "pull"):
        table.add_column(name, justify="left" if name == "parameter" else "right", no_wrap=True)
    errors, pulls = solution.theta - truth, solution.pulls(truth)
    for i, label in enumerate(solution.labels):
        values = [f"{column[i]:.7g}" for column in (truth, start, solution.theta)]
        table.add_row(label, *values, f"{errors[i]:.2g}", f"{solution.sigma[i]:.2g}", f"{pulls[i]:+.2f}")
    console = Console()
    console.width = max(console.width, 120)
    console.print(table)
    error, sigma = 1e6 * errors[0], 1e6 * solution.sigma[0]
    console.print(f"Separation: error {error:+.2f} microarcsec, bound {sigma:.2f} microarcsec")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0],
        epilog="Example: python Examples/scripts/run_canonical_astrometry_demo.py --fast --output results/demo",
    )
    parser.add_argument("--fast", action="store_true", help="use a smaller pupil and image, in seconds")
    parser.add_argument("--seed", type=int, default=0, help="seed of truth, noise and start (default 0)")
    parser.add_argument("--output", type=Path, default=Path("results/canonical_astrometry"), help="folder to write")
    main(**vars(parser.parse_args()))
