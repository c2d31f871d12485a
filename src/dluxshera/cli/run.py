"""`dluxshera run`: fits from a profile, their folders shown and drawn, and many of them as a table."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from dluxshera.cli.common import (
    AsJson,
    example,
    fit_bar,
    group,
    print_estimates,
    print_json,
    print_table,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from dluxshera.runs import Run

app = group("Fits: made from a profile, shown, drawn, and many of them as a table.")

Folder = Annotated[Path, typer.Argument(help="Folder that a run was written to.")]
OUTPUT: Final = Path("results/run")


@app.command(
    "fit", epilog=example("dluxshera run fit observation/flight_alpha_cen --set image_npix=128 --output results/a")
)
def run_fit(
    source: Annotated[str, typer.Argument(help="A packaged profile, such as observation/flight_alpha_cen, or a file.")],
    data: Annotated[
        Path | None,
        typer.Option(
            help="Image in photons, .fits or .npy; by default one is simulated, its truth drawn from the prior."
        ),
    ] = None,
    output: Annotated[Path, typer.Option(help="Folder to write.")] = OUTPUT,
    free: Annotated[
        list[str] | None, typer.Option(help="A parameter to fit; can be repeated. By default all that have a prior.")
    ] = None,
    spec: Annotated[str, typer.Option(help="forward, inference or physics_inference.")] = "inference",
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE[UNIT]", help="Override a value; can be repeated.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of truth, noise and start.", min=0)] = 0,
    max_steps: Annotated[int, typer.Option(help="After which the fit gives up.", min=1)] = 100,
    tolerance: Annotated[float, typer.Option(help="Distance to the maximum, in sigma, at which it ends.")] = 1e-3,
    resume: Annotated[bool, typer.Option("--resume", help="Continue a run that was ended before it was done.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a run that is there.")] = False,
) -> None:
    """Fit an image and write the folder of the run; exit with 1 if the fit does not converge.

    Every step is kept, so a run that was killed goes on with --resume, to the very numbers that it would have had.
    """
    import jax

    jax.config.update("jax_enable_x64", True)  # type: ignore[no-untyped-call]
    import numpy as np

    from dluxshera.inference import PoissonNoise, draw_from_prior, gauss_newton, make_posterior
    from dluxshera.params import unpack_params
    from dluxshera.profiles import load_profile, model_of, profile_of, profile_text, provenance_of, shera_profiles
    from dluxshera.runs import Checkpoint, is_run, problem_of, read_run, save_run

    if output.exists() and any(output.iterdir()) and not (is_run(output) and (resume or force)):
        hint = (
            "--resume continues it, --force replaces it" if is_run(output) else "and holds no run; name another folder"
        )
        raise typer.BadParameter(f"{output} is there already; {hint}")
    profile = load_profile(source, shera_profiles(), overrides or ())
    model = model_of(profile, spec=spec)
    binder = _binder(model)
    keys = free or [key for key in model.spec.primitives if model.spec[key].prior]
    fitted = model.spec.subset(keys)
    rng = np.random.default_rng(seed)
    truth = None
    if data is None:
        truth = draw_from_prior(fitted, rng)
        image = PoissonNoise().sample(rng, binder.predict(unpack_params(truth, fitted, model.store)))
    else:
        image = _read_image(data)
    start = draw_from_prior(fitted, rng)
    posterior = make_posterior(binder.predict, fitted, model.store, image)
    problem = problem_of(posterior, solver="gauss_newton", tolerance=tolerance, start=start.tolist())
    checkpoint = Checkpoint(output, problem)
    state = checkpoint.resume() if resume else None
    if resume and state is None and (output / "run.json").exists():
        _show(read_run(output))
        return
    with fit_bar(tolerance) as tell:
        solution = gauss_newton(
            posterior, start, max_steps=max_steps, tolerance=tolerance, callback=tell, checkpoint=checkpoint,
            state=state, throw=False,
        )  # fmt: skip
    values = {**solution.store, **binder.derived(solution.store)}
    said = {
        "seed": seed,
        "tolerance": tolerance,
        "data": "simulated" if data is None else data.name,
        "plate_scale_as_per_pix": float(values["system.plate_scale_as_per_pix"]),
        **provenance_of(model.config, profile),
    }
    base = profile_of(model.config, model.store, model.spec, name=model.config.name)
    save_run(
        output,
        solution,
        truth=truth,
        images={"data": image, "model": np.asarray(binder.predict(solution.store))},
        provenance=said,
        texts={"profile.yaml": profile_text(base)},
        checkpoint=checkpoint,
    )
    _show(read_run(output))
    if not solution.converged:
        raise typer.Exit(1)


@app.command("show", epilog=example("dluxshera run show results/run"))
def run_show(folder: Folder, as_json: AsJson = False) -> None:
    """Show what a run found, and where it came from."""
    from dluxshera.runs import read_run

    run = read_run(folder)
    if as_json:
        facts = {"result": run.result.name, "steps": run.steps, "loss": _plain(run.loss)}
        print_json({**facts, "parameters": _rows(run), "diagnostics": run.diagnostics, "provenance": run.provenance})
    else:
        _show(run)


@app.command("plot", epilog=example("dluxshera run plot results/run --format svg"))
def run_plot(
    folder: Folder,
    output: Annotated[Path | None, typer.Option(help="Folder to write; by default that of the run.")] = None,
    file_format: Annotated[str, typer.Option("--format", help="png or svg.")] = "png",
) -> None:
    """Draw a run: residual, convergence, correlations, and the pulls if the truth was known."""
    import matplotlib as mpl

    mpl.use("Agg")
    from dluxshera.runs import read_run

    if file_format not in ("png", "svg"):
        raise typer.BadParameter(f"--format is png or svg, not {file_format}")
    for path in write_figures(read_run(folder), output or folder, file_format):
        print(f"{path}: written")


@app.command("table", epilog=example("dluxshera run table results/* --csv results/all.csv"))
def run_table(
    folders: Annotated[list[Path], typer.Argument(help="Folders of runs.")],
    parameter: Annotated[
        list[str] | None, typer.Option(help="A parameter to print; can be repeated. By default the first of each run.")
    ] = None,
    csv: Annotated[Path | None, typer.Option(help="Also write all parameters as CSV.")] = None,
) -> None:
    """Print a row for each run; one that cannot be read says why, and the exit code is then 1."""
    from dluxshera.runs import runs_table, write_csv

    rows = runs_table(folders)
    firsts = (name for row in rows for name in list(row)[6:7])
    labels = parameter or list(dict.fromkeys(firsts))
    columns = [f"{label}{what}" for label in labels for what in ("", " sigma", " pull")]
    columns = [name for name in columns if any(name in row for row in rows)]
    head = ["folder", "result", "steps", "seed", *columns]
    broken = {"result": "cannot be read"}
    print_table(head, [[_short({**broken, **row}.get(name, "")) for name in head] for row in rows])
    for row in rows:
        if row["fault"]:
            print(row["fault"])
    if csv:
        write_csv(csv, rows)
        print(f"{csv}: written")
    if any(row["fault"] for row in rows):
        raise typer.Exit(1)


def figures_of(run: Run) -> Iterator[tuple[str, Figure]]:
    """Yield the figures of a run with their names."""
    from dluxshera.plot import figures

    scale = float(run.provenance.get("plate_scale_as_per_pix", 1.0))
    if {"data", "model"} <= set(run.images) and run.images["data"].ndim == 2:
        yield "image", figures.plot_image(run.images["data"], scale, title="The data")
        yield "residual", figures.plot_residual(run.images["data"], run.images["model"], scale, title="What is left")
    losses, norms = [step.loss for step in run.history], [step.gradient_norm for step in run.history]
    yield "convergence", figures.plot_convergence(losses, norms, float(run.provenance.get("tolerance", 1e-3)))
    yield "correlation", figures.plot_correlation(run.covariance, run.labels, title="Correlation of the estimates")
    if run.pulls is not None:
        yield "pulls", figures.plot_pulls(run.pulls, run.labels, title="Pulls")


def write_figures(run: Run, folder: Path, file_format: str = "png") -> Iterator[Path]:
    """Write the figures of a run to a folder, and yield their files."""
    import matplotlib.pyplot as plt

    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in figures_of(run):
        path = folder / f"{name}.{file_format}"
        figure.savefig(path, dpi=150)
        plt.close(figure)
        yield path


def _binder(model: Any) -> Any:
    from dluxshera.model import SheraFourPlaneBinder, SheraThreePlaneBinder, SheraTwoPlaneBinder

    binders = (SheraTwoPlaneBinder, SheraThreePlaneBinder, SheraFourPlaneBinder)
    return next(cls for cls in binders if cls.config_type is type(model.config))(*model)


def _read_image(path: Path) -> Any:
    from dluxshera.optics import read_array

    return read_array(path)[0]


def _rows(run: Run) -> list[dict[str, Any]]:
    columns = {"estimate": run.theta, "sigma": run.sigma}
    if run.truth is not None and run.pulls is not None:
        columns |= {"truth": run.truth, "pull": run.pulls}
    return [
        {"parameter": label, **{name: _plain(values[i]) for name, values in columns.items()}}
        for i, label in enumerate(run.labels)
    ]


def _show(run: Run) -> None:
    said = run.provenance
    facts = {
        "Result": f"{run.result}, after {run.steps} steps",
        "Loss": f"{run.loss:.9g}",
        "Spec": f"{run.spec['title']} {run.spec['digest'][:12]}",
        "Design": f"{said.get('design', '')} {str(said.get('config_hash', '')).removeprefix('sha256:')[:12]}",
        "Seed": str(said.get("seed", "")),
        "Command": said["command"],
        "Created": f"{said['created']} with dluxshera {said['versions'].get('dluxshera', '')}",
    }
    print_table((str(run.folder), ""), [(name, text) for name, text in facts.items() if text.strip()])
    print_estimates(run.labels, run.theta, run.sigma, run.truth)


def _plain(value: Any) -> float | None:
    return float(value) if isfinite(value) else None


def _short(value: Any) -> str:
    return f"{value:.10g}" if isinstance(value, float) else "" if value is None else str(value)
