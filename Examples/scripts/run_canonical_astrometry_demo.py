#!/usr/bin/env python
"""Recover alpha Centauri from a simulated image of SHERA, and compare with the Cramer-Rao bound.

The truth is drawn from the prior, the image has photon noise, and the fit starts at another draw from the prior; it
never sees the truth. 23 parameters are free: position, brightness, plate scale, and the aberrations of both mirrors.
"""

from __future__ import annotations

import argparse
import json
from importlib.metadata import version
from math import log10
from pathlib import Path
from typing import NamedTuple

import jax
import matplotlib.pyplot as plt
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

jax.config.update("jax_enable_x64", True)

import dluxshera as ds  # noqa: E402  (after the switch to float64)
from dluxshera.files import whole_folder, write_text  # noqa: E402
from dluxshera.inference.gradient_descent import gradient_descent  # noqa: E402
from dluxshera.inference.likelihood import PoissonNoise  # noqa: E402
from dluxshera.inference.posterior import draw_from_prior, make_posterior  # noqa: E402
from dluxshera.inference.solution import Solution, Step  # noqa: E402
from dluxshera.plot import figures  # noqa: E402

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
FIGURES = ("image", "residual", "convergence", "pulls")


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
        folder = Path(output)
        summary = {
            "seed": seed,
            "design": config.name,
            "config": config.structure(),
            "spec": {"name": spec.title, "sha256": spec.digest()},
            "versions": {name: version(name) for name in ("dluxshera", "jax", "dLux", "numpy", "optax")},
            "command": f"{Path(__file__).name} {'--fast ' if fast else ''}--seed {seed} --output {output}",
            "result": solution.result.name,
            "steps": len(solution.history) - 1,
            "parameters": rows(solution, truth, start),
        }
        with whole_folder(folder) as making:
            write_text(making / "summary.json", json.dumps(summary, indent=2) + "\n")
            np.savez_compressed(making / "fit.npz", data=data, theta=solution.theta, covariance=solution.covariance)
            for name, figure in draw(solution, data, binder, truth).items():
                figure.savefig(making / f"{name}.png", dpi=150)
                plt.close(figure)
        print(f"Results in {folder}")
    return Demo(truth, start, solution, folder)


def fit_with_progress(posterior, start) -> Solution:
    """Fit, with a bar that fills as the distance to the maximum falls to the tolerance."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[at]}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("Fitting", total=None, at="first Fisher matrix, compiling")
        first: list[float] = []

        def advance(number: int, step: Step) -> None:
            first.append(step.gradient_norm)
            progress.update(
                bar,
                total=log10(first[0] / TOLERANCE),
                completed=max(0.0, log10(first[0] / max(step.gradient_norm, TOLERANCE))),
                at=f"step {number}, {step.gradient_norm:.3g} sigma from the maximum",
            )

        return gradient_descent(posterior, start, tolerance=TOLERANCE, callback=advance)


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


def draw(solution: Solution, data: np.ndarray, binder: ds.SheraThreePlaneBinder, truth: np.ndarray) -> dict:
    """Return the figures of a run by name."""
    scale = float(solution.store["system.plate_scale_as_per_pix"])
    steps = solution.history
    return {
        "image": figures.plot_image(data, scale, title="alpha Cen through the diffractive pupil"),
        "residual": figures.plot_residual(data, binder.predict(solution.store), scale, title="What the fit leaves"),
        "convergence": figures.plot_convergence(
            [step.loss for step in steps], [step.gradient_norm for step in steps], TOLERANCE
        ),
        "pulls": figures.plot_pulls(solution.pulls(truth), solution.labels, title="Pulls"),
    }


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
