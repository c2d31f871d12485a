#!/usr/bin/env python
"""Fit one image by the telescope's lengths (physics mode) and by its plate scale (effective mode).

In physics mode the plate scale follows from four lengths, each with a prior from metrology. One image does not
determine all four, and the fit warns about it. The estimates of the binary agree in both modes.
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
from dluxshera.inference import (  # noqa: E402
    BlindDirectionWarning,
    Solution,
    draw_from_prior,
    free_parameters,
    gauss_newton,
    make_posterior,
    simulate,
)
from dluxshera.params import Normal  # noqa: E402
from dluxshera.profiles import provenance_of  # noqa: E402
from dluxshera.runs import check_run_folder, fit_bar, print_estimates, read_run, save_run, write_figures  # noqa: E402


class Demo(NamedTuple):
    """Results of the demo."""

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
    """Fit one image in both modes.

    Parameters
    ----------
    fast : bool
        Use a smaller pupil and image.
    seed : int
        Seed of truth, noise and start.
    output : path, optional
        Folder to write. By default none is written.
    """
    for name in ("physics", "effective") if output is not None else ():
        check_run_folder(Path(output) / name, force=True)
    size = {"image_npix": 64, "n_wavelengths": 1} if fast else {}
    config = ds.SHERA_FLIGHT_CONFIG.replace(**size)
    spec = ds.build_inference_spec_physics(config)
    fields = (replace(f, prior=Normal(f.default, METROLOGY[f.key])) if f.key in METROLOGY else f for f in spec.fields)
    specs = {"physics": replace(spec, fields=tuple(fields)), "effective": ds.build_inference_spec_basic(config)}
    binders = {name: ds.SheraThreePlaneBinder(config, spec) for name, spec in specs.items()}
    free = {name: free_parameters(spec) for name, spec in specs.items()}

    rng = np.random.default_rng(seed)
    telescope = binders["physics"]
    truth, store, data = simulate(telescope, free["physics"], telescope.store, rng)
    print(f"true defocus: {float(telescope.derived(store)['system.defocus_nm']):.1f} nm rms")

    solutions = {}
    for name, binder in binders.items():
        posterior = make_posterior(binder, free[name], binder.store, data)
        start = draw_from_prior(free[name], rng)
        with warnings.catch_warnings(), fit_bar(1e-3) as callback:
            warnings.simplefilter("ignore", BlindDirectionWarning)  # some lengths are determined by their priors alone
            solution = gauss_newton(posterior, start, callback=callback)
        true_values = truth if name == "physics" else None
        print(f"{name} mode: {solution.result}, after {len(solution.history) - 1} steps")
        print_estimates(solution.labels, solution.theta, solution.sigma, true_values)
        if output is not None:
            folder = save_run(
                Path(output) / name,
                solution,
                force=True,
                truth=true_values,
                images={"data": data, "model": binder.predict(solution.store)},
                provenance={"seed": seed, **provenance_of(config)},
            )
            write_figures(read_run(folder))
            print(f"Results in {folder}")
        solutions[name] = solution
    return Demo(truth, **solutions)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0],
        epilog="Example: python Examples/scripts/run_physics_mode_demo.py --fast --output results/physics",
    )
    parser.add_argument("--fast", action="store_true", help="use a smaller pupil and image, in seconds")
    parser.add_argument("--seed", type=int, default=0, help="seed of truth, noise and start (default 0)")
    parser.add_argument("--output", type=Path, default=Path("results/physics"), help="folder to write")
    main(**vars(parser.parse_args()))
