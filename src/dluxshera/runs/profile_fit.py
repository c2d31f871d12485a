"""Fits from a profile to the folder of a run. The one module of the room that builds models."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import numpy as np

from dluxshera.files import check_space
from dluxshera.inference import FitStep, draw_from_prior, free_parameters, gauss_newton, make_posterior, simulate
from dluxshera.model import binder_of
from dluxshera.profiles import load_profile, model_of, profile_of, profile_text, provenance_of, shera_profiles
from dluxshera.runs.checkpoint import Checkpoint, check_problem, problem_of
from dluxshera.runs.folder import read_run, save_run
from dluxshera.runs.lock import claimed
from dluxshera.runs.ownership import check_output
from dluxshera.runs.profile_data import read_fit_data
from dluxshera.runs.record import ARRAYS
from dluxshera.runs.run import Run

PROFILE_FILE: Final = "profile.yaml"
FILES: Final = (ARRAYS, PROFILE_FILE)


def fit_profile(
    source: str | Path,
    folder: Path | str,
    *,
    data: Path | None = None,
    extension: str | None = None,
    mask: Path | None = None,
    noise: str | None = None,
    read_noise: float | None = None,
    free: Iterable[str] | None = None,
    spec: str = "inference",
    overrides: Iterable[str] = (),
    seed: int = 0,
    max_steps: int = 100,
    tolerance: float = 1e-3,
    resume: bool = False,
    force: bool = False,
    callback: Callable[[int, FitStep], bool | None] | None = None,
) -> Run:
    """Fit an image with the model of a profile, and write the folder of the run.

    A checkpoint is written after each step, so that a run that was interrupted can be resumed; the result is bit by bit
    that of an uninterrupted run. Switch on JAX's double precision first.

    Parameters
    ----------
    source : str or path
        Name of a packaged profile, such as ``observation/flight_alpha_cen``, or path of a file.
    folder : path
        Folder to write. It also gets ``profile.yaml``, the model as a profile.
    data : path, optional
        Image, FITS or ``.npy``. By default one is simulated, its truth drawn from the prior.
    extension, mask, noise, read_noise
        Extension of the data, file of the pixels to use, and noise model; see `read_fit_data`.
    free : iterable of str, optional
        Keys of the parameters to fit. By default each primitive that has a prior.
    spec : {'forward', 'inference', 'physics_inference'}
        Spec of the model.
    overrides : iterable of str
        ``key=value`` or ``key=value unit``, applied to the profile.
    seed : int
        Seed of the simulated truth, the noise and the start.
    max_steps, tolerance, callback
        Arguments of `gauss_newton`.
    resume : bool
        Continue the run in the folder. A run that has converged is returned unchanged.
    force : bool
        Replace the run in the folder. Other files in it stay.

    Returns
    -------
    Run
        The run, read from its folder; look at ``result`` and ``misfit``, for which there is no limit. If `folder`
        cannot be written any more at the end, ``folder`` of the run is another one.

    Raises
    ------
    ParameterError
        If the folder has other files and no run, or a run and neither `resume` nor `force` is set; if the run to resume
        is of another problem; or if another fit writes to the folder.
    OutputError
        If the folder cannot be created or written to. It is tested before the fit.
    UnknownKeyError
        If the spec has no such key in `free`.
    DocumentError
        If the profile has a fault, or the checkpoint or record to resume is damaged.
    DataError
        If the data cannot be read or do not fit the model.

    Warns
    -----
    OutputWarning
        If the folder cannot be written any more at the end, and the run is stored in another one.
    """
    folder = Path(folder)
    check_output(folder, FILES, replace=resume or force)
    profile = load_profile(source, shera_profiles(), overrides)
    model = model_of(profile, spec=spec)
    binder = binder_of(*model)
    fitted = free_parameters(model.spec, free)
    observed = read_fit_data(
        data, model.config.image_npix, extension=extension, mask=mask, noise=noise, read_noise=read_noise
    )
    rng = np.random.default_rng(seed)
    if observed.image is None:
        truth, _, image = simulate(binder, fitted, model.store, rng, observed.noise)
    else:
        truth, image = None, observed.image
    start = draw_from_prior(fitted, rng)
    posterior = make_posterior(binder, fitted, model.store, image, observed.noise, mask=observed.mask)
    problem = problem_of(posterior, solver="gauss_newton", tolerance=tolerance, start=start.tolist())
    with claimed(folder):
        present = check_output(folder, FILES, replace=resume or force)
        check_space(folder, 4 * image.nbytes + 16 * start.size**2 + 1_000_000)
        checkpoint = Checkpoint(folder, problem, force=force)
        state = checkpoint.resume() if resume else None
        if resume and state is None and present.record is not None:
            check_problem(folder, problem, present.record.get("problem", {}))
            return read_run(folder)
        solution = gauss_newton(
            posterior, start, max_steps=max_steps, tolerance=tolerance, callback=callback, checkpoint=checkpoint,
            state=state, throw=False, misfit_sigmas=None,
        )  # fmt: skip
        values = {**solution.store, **binder.derived(solution.store)}
        base = profile_of(model.config, model.store, model.spec, name=model.config.name)
        stored = save_run(
            folder,
            solution,
            truth=truth,
            images={"data": observed.shown(image), "model": np.asarray(binder.predict(solution.store))},
            provenance={
                "seed": seed,
                "tolerance": tolerance,
                "data": "simulated" if data is None else data.name.encode("utf-8", "backslashreplace").decode(),
                "image": observed.facts,
                "plate_scale_as_per_pix": float(values["system.plate_scale_as_per_pix"]),
                **provenance_of(model.config, profile),
            },
            texts={PROFILE_FILE: profile_text(base)},
            checkpoint=checkpoint,
            force=force,
        )
    return read_run(stored)
