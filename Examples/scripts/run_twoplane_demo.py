#!/usr/bin/env python
"""Fit a two-plane model to its own image, and to the image of a telescope with a secondary mirror.

The two-plane model has the pupil and the detector only. It cannot explain the aberrations of a secondary mirror: the
fit finds a maximum with a wrong separation, and the misfit is beyond the one of noise alone.
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
    PoissonNoise,
    Solution,
    draw_from_prior,
    free_parameters,
    gauss_newton,
    make_posterior,
)
from dluxshera.profiles import provenance_of  # noqa: E402
from dluxshera.runs import check_run_folder, fit_bar, print_estimates, read_run, save_run, write_figures  # noqa: E402


class Demo(NamedTuple):
    """Results of the demo: two planes fitted to two, two to three, and three to three."""

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
        Use a smaller pupil and image.
    seed : int
        Seed of truth, noise and start.
    output : path, optional
        Folder to write. By default none is written.
    """
    for name in ("own", "wrong", "right") if output is not None else ():
        check_run_folder(Path(output) / name, force=True)
    size = ["image_npix=96", "n_wavelengths=1"] if fast else []
    two = ds.load_model(SOURCE[2], spec="inference", overrides=[*size, PLATE_SCALE])
    three = ds.load_model(SOURCE[3], spec="inference", overrides=size)
    models = {2: ds.SheraTwoPlaneBinder(*two), 3: ds.SheraThreePlaneBinder(*three)}
    free = {n: free_parameters(binder.spec) for n, binder in models.items()}

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
        posterior = make_posterior(binder, free[model], binder.store, data)
        with fit_bar(1e-3) as callback:
            solution = gauss_newton(posterior, starts[model], callback=callback, throw=False, misfit_sigmas=None)
        print(f"{model} planes fitted to an image of {telescope}: {solution.result}, misfit {solution.misfit}")
        print_estimates(solution.labels[:7], solution.theta, solution.sigma, truths[model])
        if output is not None:
            folder = save_run(
                Path(output) / name,
                solution,
                force=True,
                truth=truths[model],
                images={"data": data, "model": binder.predict(solution.store)},
                provenance={"seed": seed, **provenance_of(binder.config)},
            )
            write_figures(read_run(folder))
            print(f"Results in {folder}")
        solutions.append(solution)
    return Demo(truth, *solutions)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0],
        epilog="Example: python Examples/scripts/run_twoplane_demo.py --fast --output results/twoplane",
    )
    parser.add_argument("--fast", action="store_true", help="use a smaller pupil and image, in seconds")
    parser.add_argument("--seed", type=int, default=0, help="seed of truth, noise and start (default 0)")
    parser.add_argument("--output", type=Path, default=Path("results/twoplane"), help="folder to write")
    main(**vars(parser.parse_args()))
