#!/usr/bin/env python
"""Fit a two-plane model to its own image, and to that of a telescope with a secondary mirror.

The two-plane model has the pupil and the detector. A secondary mirror with aberrations is beyond it: the fit comes to
rest, the separation is wrong, and the result code says that the model does not explain the data.
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
from dluxshera.inference import (  # noqa: E402
    PoissonNoise,
    Solution,
    draw_from_prior,
    gauss_newton,
    make_posterior,
)
from dluxshera.profiles import provenance_of  # noqa: E402
from dluxshera.runs import read_run, save_run  # noqa: E402


class Demo(NamedTuple):
    """What a run found."""

    truth: np.ndarray
    own: Solution
    wrong: Solution
    right: Solution


SOURCE = {2: "observation/twoplane_flight_alpha_cen", 3: "observation/flight_alpha_cen"}
PLATE_SCALE = "system.plate_scale_as_per_pix=0.12320690"  # of the three-plane telescope, so that only M2 differs


def main(fast: bool = False, seed: int = 0, output: str | Path | None = None) -> Demo:
    """Make three fits: two planes to two, two to three, three to three.

    Parameters
    ----------
    fast : bool
        A smaller pupil and image.
    seed : int
        Of truth, noise and start.
    output : path, optional
        Folder to write; none by default.
    """
    size = ["pupil_npix=64", "image_npix=96", "n_wavelengths=1"] if fast else []
    two = ds.load_model(SOURCE[2], spec="inference", overrides=[*size, PLATE_SCALE])
    three = ds.load_model(SOURCE[3], spec="inference", overrides=size)
    models = {2: ds.SheraTwoPlaneBinder(*two), 3: ds.SheraThreePlaneBinder(*three)}
    free = {n: binder.spec.subset(k for k in binder.spec if binder.spec[k].prior) for n, binder in models.items()}

    rng = np.random.default_rng(seed)
    truth = draw_from_prior(free[3], rng)
    truths = {2: truth[: len(free[2].labels)], 3: truth}  # the same stars and M1
    starts = {n: draw_from_prior(free[n], rng) for n in models}
    images = {}
    for n, binder in models.items():
        images[n] = PoissonNoise().sample(rng, binder.predict(ds.unpack_params(truths[n], free[n], binder.store)))

    solutions = []
    for name, model, telescope in (("own", 2, 2), ("wrong", 2, 3), ("right", 3, 3)):
        binder, data = models[model], images[telescope]
        posterior = make_posterior(binder.predict, free[model], binder.store, data)
        with fit_bar(1e-3) as tell:
            solution = gauss_newton(posterior, starts[model], callback=tell, throw=False)
        print(f"{model} planes fitted to an image of {telescope}: {solution.result}")
        print_estimates(solution.labels[:7], solution.theta, solution.sigma, truths[model])
        if output is not None:
            folder = save_run(
                Path(output) / name,
                solution,
                truth=truths[model],
                images={"data": data, "model": binder.predict(solution.store)},
                provenance={"seed": seed, **provenance_of(binder.config)},
            )
            list(write_figures(read_run(folder), folder))
            print(f"Results in {folder}")
        solutions.append(solution)
    return Demo(truth, *solutions)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0],
        epilog="Example: python Examples/scripts/run_twoplane_demo.py --fast --output results/twoplane",
    )
    parser.add_argument("--fast", action="store_true", help="a smaller pupil and image, in seconds")
    parser.add_argument("--seed", type=int, default=0, help="of truth, noise and start (default 0)")
    parser.add_argument("--output", type=Path, default=Path("results/twoplane"), help="folder to write")
    given = parser.parse_args()
    main(fast=given.fast, seed=given.seed, output=given.output)
