#!/usr/bin/env python
"""Fit one image by the telescope's lengths (physics mode) and by its plate scale (effective mode).

In physics mode the plate scale follows from four lengths, each with a prior from metrology; an image cannot tell all
four apart, and the fit warns of it. What both say of the stars is the same.
"""

from __future__ import annotations

import argparse
import warnings
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

jax.config.update("jax_enable_x64", True)

import dluxshera as ds  # noqa: E402  (after the switch to float64)
from dluxshera.cli.common import fit_bar, print_estimates  # noqa: E402
from dluxshera.cli.run import write_figures  # noqa: E402
from dluxshera.inference import (  # noqa: E402
    BlindDirectionWarning,
    PoissonNoise,
    Solution,
    draw_from_prior,
    gauss_newton,
    make_posterior,
)
from dluxshera.params import Normal  # noqa: E402
from dluxshera.profiles import provenance_of  # noqa: E402
from dluxshera.runs import read_run, save_run  # noqa: E402


class Demo(NamedTuple):
    """What a run found."""

    truth: np.ndarray
    physics: Solution
    effective: Solution


METROLOGY = {  # 1 sigma, in metres: illustrative
    "system.m1_focal_length_m": 2e-6,
    "system.m2_focal_length_m": 0.5e-6,
    "system.m1_m2_separation_m": 1e-6,
    "system.m2_detector_separation_m": 20e-6,
}


def main(fast: bool = False, seed: int = 0, output: str | Path | None = None) -> Demo:
    """Fit one image both ways.

    Parameters
    ----------
    fast : bool
        A smaller pupil and image.
    seed : int
        Of truth, noise and start.
    output : path, optional
        Folder to write; none by default.
    """
    size = {"pupil_npix": 64, "image_npix": 64, "n_wavelengths": 1} if fast else {}
    config = ds.SHERA_FLIGHT_CONFIG.replace(**size)
    spec = ds.build_inference_spec_physics(config)
    fields = (replace(f, prior=Normal(f.default, METROLOGY[f.key])) if f.key in METROLOGY else f for f in spec.fields)
    specs = {"physics": replace(spec, fields=tuple(fields)), "effective": ds.build_inference_spec_basic(config)}
    binders = {name: ds.SheraThreePlaneBinder(config, spec) for name, spec in specs.items()}
    free = {name: spec.subset(key for key in spec if spec[key].prior) for name, spec in specs.items()}

    rng = np.random.default_rng(seed)
    truth = draw_from_prior(free["physics"], rng)
    store = ds.unpack_params(truth, free["physics"], binders["physics"].store)
    data = PoissonNoise().sample(rng, binders["physics"].predict(store))
    print(f"true defocus: {float(binders['physics'].derived(store)['system.defocus_nm']):.1f} nm rms")

    solutions = {}
    for name, binder in binders.items():
        posterior = make_posterior(binder.predict, free[name], binder.store, data)
        start = draw_from_prior(free[name], rng)
        with warnings.catch_warnings(), fit_bar(1e-3) as tell:
            warnings.simplefilter("ignore", BlindDirectionWarning)  # of what only the priors of the lengths know
            solution = gauss_newton(posterior, start, callback=tell)
        print(f"{name} mode: {solution.result}, after {len(solution.history) - 1} steps")
        print_estimates(solution.labels, solution.theta, solution.sigma, truth if name == "physics" else None)
        if output is not None:
            folder = save_run(
                Path(output) / name,
                solution,
                truth=truth if name == "physics" else None,
                images={"data": data, "model": binder.predict(solution.store)},
                provenance={"seed": seed, **provenance_of(config)},
            )
            list(write_figures(read_run(folder), folder))
            print(f"Results in {folder}")
        solutions[name] = solution
    return Demo(truth, **solutions)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0],
        epilog="Example: python Examples/scripts/run_physics_mode_demo.py --fast --output results/physics",
    )
    parser.add_argument("--fast", action="store_true", help="a smaller pupil and image, in seconds")
    parser.add_argument("--seed", type=int, default=0, help="of truth, noise and start (default 0)")
    parser.add_argument("--output", type=Path, default=Path("results/physics"), help="folder to write")
    given = parser.parse_args()
    main(fast=given.fast, seed=given.seed, output=given.output)
