"""Runs and estimates on the terminal: tables, plain data for JSON, and the progress bar of a fit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import repeat
from math import floor, inf, isfinite, log10
from typing import TYPE_CHECKING, Any

from dluxshera.console import print_table, printable, progress_bar

if TYPE_CHECKING:
    from dluxshera.inference import FitStep
    from dluxshera.runs.run import Run


def print_estimates(
    labels: Sequence[str], theta: Iterable[float], sigma: Iterable[float], truth: Iterable[float] | None = None
) -> None:
    """Print a row for each parameter, its values to two digits of its sigma.

    Parameters
    ----------
    labels : sequence of str
        Labels of the elements of theta.
    theta, sigma : iterable of float
        Estimates and their 1-sigma uncertainties.
    truth : iterable of float, optional
        True values. With them each row also has the truth and the pull, (estimate - truth) / sigma.
    """
    rows = []
    for label, value, error, true in zip(labels, theta, sigma, repeat(None) if truth is None else truth, strict=False):
        decimals = max(0, 1 - floor(log10(error))) if 0 < error < inf else 6
        comparison = [] if true is None else [f"{true:.{decimals}f}", f"{(value - true) / error:+.2f}"]
        rows.append([label, f"{value:.{decimals}f}", f"{error:.2g}", *comparison])
    print_table(("parameter", "estimate", "sigma", *(() if truth is None else ("truth", "pull"))), rows)


def print_run(run: Run, misfit_limit: float | None = 5.0) -> None:
    """Print the result of a run, its misfit, its provenance, and its estimates.

    Parameters
    ----------
    run : Run
        Run to print.
    misfit_limit : float or None
        Misfit, in standard deviations on either side, beyond which its likely causes are printed; None for no limit.
    """
    provenance = run.provenance
    config_hash = str(provenance.get("config_hash", "")).removeprefix("sha256:")
    facts = {
        "Result": f"{run.result}, after {run.steps} steps",
        "Misfit": str(run.misfit),
        "Likely causes": run.misfit.causes if run.misfit.exceeds(misfit_limit) else "",
        "Loss": f"{run.loss:.9g}",
        "Spec": f"{run.spec['title']} {run.spec['digest'][:12]}",
        "Design": f"{provenance.get('design', '')} {config_hash[:12]}",
        "Data": _data_text(provenance),
        "Seed": str(provenance.get("seed", "")),
        "Command": provenance["command"],
        "Created": f"{provenance['created']} with dluxshera {provenance['versions'].get('dluxshera', '')}",
    }
    print_table((str(run.folder), ""), [(name, text) for name, text in facts.items() if text.strip()])
    print_estimates(run.labels, run.theta, run.sigma, run.truth)


def _data_text(provenance: Mapping[str, Any]) -> str:
    """Return the source of the data, with the unit, the noise and the number of masked pixels as far as recorded."""
    facts = provenance.get("image", {})
    parts = [f"{name} {facts[name]}" for name in ("unit", "noise") if name in facts]
    parts += [f"masked pixels {facts['masked_pixels']}"] if "masked_pixels" in facts else []
    return ", ".join(str(part) for part in (provenance.get("data", ""), *parts) if part)


def run_data(run: Run) -> dict[str, Any]:
    """Return a `run` as plain data for JSON: result, misfit, estimates, diagnostics and provenance.

    The misfit has ``value``, ``expected`` and ``sigma`` per pixel, and ``sigmas``, its deviation in sigma. Each item of
    ``parameters`` has ``parameter``, ``estimate`` and ``sigma``, and with a known truth ``truth`` and ``pull``. A
    number that is not finite is None.
    """
    misfit = {**run.misfit._asdict(), "sigmas": run.misfit.sigmas}
    columns = {"estimate": run.theta, "sigma": run.sigma}
    if run.truth is not None and run.pulls is not None:
        columns |= {"truth": run.truth, "pull": run.pulls}
    return {
        "result": run.result.name,
        "steps": run.steps,
        "loss": _finite(run.loss),
        "misfit": {name: _finite(value) for name, value in misfit.items()},
        "parameters": [
            {"parameter": label, **{name: _finite(values[i]) for name, values in columns.items()}}
            for i, label in enumerate(run.labels)
        ],
        "diagnostics": {name: _plain(value) for name, value in run.diagnostics.items()},
        "provenance": run.provenance,
    }


def print_runs(rows: Sequence[Mapping[str, Any]], labels: Sequence[str] = ()) -> None:
    """Print a table of runs, and below it a line for each folder that cannot be read.

    Parameters
    ----------
    rows : sequence of mapping
        Rows of `runs_table`.
    labels : sequence of str
        Labels of the parameters to print. By default the first one of each run.
    """
    from dluxshera.runs.table import RUN_COLUMNS

    labels = labels or list(dict.fromkeys(name for row in rows for name in list(row)[len(RUN_COLUMNS) :][:1]))
    columns = [f"{label}{suffix}" for label in labels for suffix in ("", " sigma", " pull")]
    recorded = [name for name in columns if any(name in row for row in rows)]
    head = ["folder", "result", "steps", "seed", "misfit sigmas", *recorded]
    unreadable = {"result": "cannot be read"}
    print_table(head, [[_cell({**unreadable, **row}.get(name, "")) for name in head] for row in rows])
    for row in rows:
        if row["fault"]:
            print(printable(row["fault"]))


@contextmanager
def fit_bar(tolerance: float) -> Iterator[Callable[[int, FitStep], None]]:
    """Show the progress of a fit as a bar, and yield the callback that moves it.

    The bar fills as the logarithm of the distance to the maximum falls to that of the tolerance.

    Parameters
    ----------
    tolerance : float
        Tolerance of the fit, in sigma.

    Yields
    ------
    callable
        ``callback`` of `gauss_newton` and `gradient_descent`.
    """
    with progress_bar("Fitting", "first Fisher matrix, compiling", transient=True) as advance:
        first: list[float] = []

        def callback(number: int, step: FitStep) -> None:
            completed = total = None
            if isfinite(step.gradient_norm):
                first.append(max(step.gradient_norm, 10 * tolerance))
                left = log10(max(step.gradient_norm, tolerance) / tolerance)
                total = log10(first[0] / tolerance)
                completed = max(0.0, total - left)
            text = f"step {number}, {step.gradient_norm:.3g} sigma from the maximum"
            advance(text, completed=completed, total=total)

        yield callback


def _finite(value: Any) -> float | None:
    return float(value) if isfinite(value) else None


def _plain(value: Any) -> Any:
    return _finite(value) if isinstance(value, float) else value


def _cell(value: Any) -> str:
    return f"{value:.10g}" if isinstance(value, float) else "" if value is None else str(value)
