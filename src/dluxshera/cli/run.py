"""`dluxshera run`: fit the model of a profile, and show, draw and tabulate runs."""

from __future__ import annotations

import shlex
import sys
from math import inf, nan
from pathlib import Path
from typing import Annotated, Final

import typer

from dluxshera.cli.common import AsJson, example, group, print_json
from dluxshera.console import printable
from dluxshera.errors import ParameterError

app = group("Fit the model of a profile; show, draw and tabulate runs.")

Folder = Annotated[Path, typer.Argument(help="Folder of a run.")]
OUTPUT: Final = Path("results/run")


def _positive(value: float) -> float:
    if not 0 < value < inf:
        raise ParameterError("--tolerance", expected="a positive number of sigma", got=value)
    return value


def _interrupted(resumable: bool) -> str:
    """Return the message of an interrupted fit, with the command that continues it."""
    if not resumable:
        return "interrupted before the first step; nothing was written"
    arguments = [text for text in sys.argv[1:] if text not in ("--force", "--resume")]
    return printable(f"interrupted; to continue: {shlex.join(['dluxshera', *arguments, '--resume'])}")


@app.command(
    "fit", epilog=example("dluxshera run fit observation/flight_alpha_cen --set image_npix=128 --output results/a")
)
def run_fit(
    source: Annotated[str, typer.Argument(help="A packaged profile, such as observation/flight_alpha_cen, or a file.")],
    data: Annotated[
        Path | None,
        typer.Option(help="Image, .fits or .npy. By default simulated, its truth drawn from the prior."),
    ] = None,
    extension: Annotated[str | None, typer.Option(help="Name or number of the FITS extension of the image.")] = None,
    mask: Annotated[
        Path | None,
        typer.Option(help="Pixels to use: booleans in .npy, True to use; or flags in .fits or .npy, 0 to use."),
    ] = None,
    noise: Annotated[
        str | None,
        typer.Option(help="poisson, photon-read or gaussian. By default photon-read if there is a read noise."),
    ] = None,
    read_noise: Annotated[
        float | None, typer.Option(help="Read noise of each pixel, electrons. By default that in the header.")
    ] = None,
    output: Annotated[Path, typer.Option(help="Folder to write.")] = OUTPUT,
    free: Annotated[
        list[str] | None, typer.Option(help="Parameter to fit; can be repeated. By default each one with a prior.")
    ] = None,
    spec: Annotated[str, typer.Option(help="forward, inference or physics_inference.")] = "inference",
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE[UNIT]", help="Override a value; can be repeated.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of truth, noise and start.", min=0)] = 0,
    max_steps: Annotated[int, typer.Option(help="Largest number of steps.", min=1)] = 100,
    tolerance: Annotated[
        float, typer.Option(help="Distance to the maximum at which the fit ends, in sigma.", callback=_positive)
    ] = 1e-3,
    misfit_limit: Annotated[
        str, typer.Option(metavar="SIGMA", help="Largest misfit, in sigma of noise alone on either side; or none.")
    ] = "5",
    resume: Annotated[bool, typer.Option("--resume", help="Continue an interrupted run of the same command.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing run; other files stay.")] = False,
) -> None:
    """Fit an image and write the folder of the run; exit with 1 if the fit does not converge or has a misfit.

    A checkpoint is written after each step. Resuming reproduces an uninterrupted run bit for bit.
    """
    limit = _limit(misfit_limit)
    from dluxshera.runtime import set_up_command

    set_up_command()

    from dluxshera.runs import can_resume, fit_bar, fit_profile, print_run

    try:
        with fit_bar(tolerance) as callback:
            run = fit_profile(
                source, output, data=data, extension=extension, mask=mask, noise=noise, read_noise=read_noise,
                free=free or None, spec=spec, overrides=overrides or (), seed=seed,
                max_steps=max_steps, tolerance=tolerance, resume=resume, force=force, callback=callback,
            )  # fmt: skip
    except KeyboardInterrupt:
        print(_interrupted(can_resume(output)), file=sys.stderr)
        raise typer.Exit(130) from None
    print_run(run, limit)
    if run.folder != output:
        print(f"error: {printable(str(output))} could not be written; the run is in {run.folder}", file=sys.stderr)
        raise typer.Exit(2)
    if not run.converged or run.misfit.exceeds(limit):
        raise typer.Exit(1)


def _limit(text: str) -> float | None:
    """Return the value of ``--misfit-limit``: a positive number, or None for the word none."""
    if text.strip().lower() == "none":
        return None
    try:
        limit = float(text)
    except ValueError:
        limit = nan
    if not 0 < limit < inf:
        raise typer.BadParameter(f"{text!r}: expected a number of sigma above 0, or none", param_hint="--misfit-limit")
    return limit


@app.command("show", epilog=example("dluxshera run show results/run"))
def run_show(folder: Folder, as_json: AsJson = False) -> None:
    """Show the result of a run, its estimates and its provenance."""
    from dluxshera.runs import print_run, read_run, run_data

    run = read_run(folder)
    if as_json:
        print_json(run_data(run))
    else:
        print_run(run)


@app.command("plot", epilog=example("dluxshera run plot results/run --format svg"))
def run_plot(
    folder: Folder,
    output: Annotated[Path | None, typer.Option(help="Folder to write. By default that of the run.")] = None,
    file_format: Annotated[str, typer.Option("--format", help="png or svg.")] = "png",
    force: Annotated[bool, typer.Option("--force", help="Replace figures in another folder.")] = False,
) -> None:
    """Draw image, residual, convergence and correlations of a run, and the pulls if the truth is known."""
    import matplotlib as mpl

    mpl.use("Agg")
    from dluxshera.runs import read_run, write_figures

    for path in write_figures(read_run(folder), output, file_format, force=force):
        print(printable(f"{path}: written"))


@app.command("table", epilog=example("dluxshera run table results/* --csv results/all.csv"))
def run_table(
    folders: Annotated[list[Path], typer.Argument(help="Folders of runs.")],
    parameter: Annotated[
        list[str] | None, typer.Option(help="Parameter to print; can be repeated. By default the first of each run.")
    ] = None,
    csv: Annotated[Path | None, typer.Option(help="Also write all parameters as CSV.")] = None,
) -> None:
    """Print a row for each run; exit with 1 if a folder cannot be read."""
    from dluxshera.runs import check_csv, print_runs, runs_table, write_csv

    if csv:
        check_csv(csv)
    rows = runs_table(folders)
    print_runs(rows, parameter or ())
    if csv:
        write_csv(csv, rows)
        print(printable(f"{csv}: written"))
    if any(row["fault"] for row in rows):
        raise typer.Exit(1)
