#!/usr/bin/env python
"""Recover alpha Centauri from a simulated image of SHERA, and compare with the Cramer-Rao bound.

The truth is drawn from the prior, the image has photon noise, and the fit starts at another draw from the prior; it
never sees the truth. 23 parameters are free: position, brightness, plate scale, and the aberrations of both mirrors.
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
from dluxshera.cli.common import fit_bar  # noqa: E402
from dluxshera.cli.run import write_figures  # noqa: E402
from dluxshera.inference import (  # noqa: E402
    PoissonNoise,
    Solution,
    draw_from_prior,
    gauss_newton,
    make_posterior,
)
from dluxshera.profiles import provenance_of  # noqa: E402
from dluxshera.runs import read_run, save_run  # noqa: E402

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
    """What a run found."""

    truth: np.ndarray
    start: np.ndarray
    solution: Solution
    folder: Path | None


def main(fast: bool = False, seed: int = 0, output: str | Path | None = None) -> Demo:
    """Simulate, fit, print the table of results and write a folder of figures.

    Parameters
    ----------
    fast : bool
        A smaller pupil and image: seconds instead of a minute, and still a fit of a real image.
    seed : int
        Of truth, noise and start.
    output : path, optional
        Folder to write; none by default. It appears when all that belongs in it is there.
    """
    size = {"pupil_npix": 128, "image_npix": 128} if fast else {}
    config = ds.SHERA_FLIGHT_CONFIG.replace(**size)
    spec = ds.build_inference_spec_basic(config)
    binder = ds.SheraThreePlaneBinder(config, spec)
    free = spec.subset(FREE)

    rng = np.random.default_rng(seed)
    truth = draw_from_prior(free, rng)
    true_store = ds.unpack_params(truth, free, binder.store)
    data = PoissonNoise().sample(rng, binder.predict(true_store))
    start = draw_from_prior(free, rng)

    posterior = make_posterior(binder.predict, free, binder.store, data)
    solution = fit_with_progress(posterior, start)

    print_table(solution, truth, start)
    folder = None
    if output is not None:
        said = ["--fast"] if fast else []
        folder = save_run(
            Path(output),
            solution,
            truth=truth,
            images={"data": data, "model": binder.predict(solution.store)},
            command=shlex.join([Path(__file__).name, *said, "--seed", str(seed), "--output", str(output)]),
            provenance={
                "seed": seed,
                "tolerance": TOLERANCE,
                "plate_scale_as_per_pix": float(solution.store["system.plate_scale_as_per_pix"]),
                **provenance_of(config),
            },
        )
        list(write_figures(read_run(folder), folder))
        print(f"Results in {folder}")
    return Demo(truth, start, solution, folder)


def fit_with_progress(posterior, start) -> Solution:
    """Fit, with a bar that fills as the distance to the maximum falls to the tolerance."""
    with fit_bar(TOLERANCE) as tell:
        return gauss_newton(posterior, start, tolerance=TOLERANCE, callback=tell)


def rows(solution: Solution, truth: np.ndarray, start: np.ndarray) -> list[dict[str, float | str]]:
    """Return truth, start, estimate, error, bound and pull of each parameter."""
    columns = zip(solution.labels, truth, start, solution.theta, solution.sigma, solution.pulls(truth), strict=True)
    return [
        {
            "parameter": label,
            "truth": float(true),
            "start": float(begin),
            "estimate": float(estimate),
            "error": float(estimate - true),
            "sigma": float(sigma),
            "pull": float(pull),
        }
        for label, true, begin, estimate, sigma, pull in columns
    ]


def print_table(solution: Solution, truth: np.ndarray, start: np.ndarray) -> None:
    """Print the table of results."""
    table = Table(title=f"{solution.result.name.lower()} in {len(solution.history) - 1} steps; sigma: Cramer-Rao bound")
    for name in ("parameter", "truth", "start", "estimate", "error", "sigma", "pull"):
        table.add_column(name, justify="left" if name == "parameter" else "right", no_wrap=True)
    for row in rows(solution, truth, start):
        values = [f"{row[name]:.7g}" for name in ("truth", "start", "estimate")]
        table.add_row(row["parameter"], *values, f"{row['error']:.2g}", f"{row['sigma']:.2g}", f"{row['pull']:+.2f}")
    console = Console()
    console.width = max(console.width, 120)
    console.print(table)
    error, sigma = (1e6 * rows(solution, truth, start)[0][name] for name in ("error", "sigma"))
    console.print(f"Separation: error {error:+.2f} microarcsec, bound {sigma:.2f} microarcsec")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0],
        epilog="Example: python Examples/scripts/run_canonical_astrometry_demo.py --fast --output results/demo",
    )
    parser.add_argument("--fast", action="store_true", help="a smaller pupil and image, in seconds")
    parser.add_argument("--seed", type=int, default=0, help="of truth, noise and start (default 0)")
    parser.add_argument("--output", type=Path, default=Path("results/canonical_astrometry"), help="folder to write")
    given = parser.parse_args()
    main(fast=given.fast, seed=given.seed, output=given.output)
