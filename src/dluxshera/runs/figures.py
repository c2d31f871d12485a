"""Figures of a run: image, residual, convergence, correlations and pulls."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dluxshera.errors import ParameterError
from dluxshera.files import write_bytes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from dluxshera.runs.run import Run

FILE_FORMATS: Final = ("png", "svg")


def run_figures(run: Run) -> Iterator[tuple[str, Figure]]:
    """Yield the figures of a `run` with their names.

    ``image`` and ``residual`` need two-dimensional images ``data`` and ``model``, ``pulls`` needs the truth;
    ``convergence`` and ``correlation`` are always drawn.
    """
    from dluxshera.plot import plot_convergence, plot_correlation, plot_image, plot_pulls, plot_residual

    scale = float(run.provenance.get("plate_scale_as_per_pix", 1.0))
    if {"data", "model"} <= set(run.images) and run.images["data"].ndim == 2:
        yield "image", plot_image(run.images["data"], scale, title="Data")
        yield "residual", plot_residual(run.images["data"], run.images["model"], scale, title="Residual")
    losses, norms = [step.loss for step in run.history], [step.gradient_norm for step in run.history]
    yield "convergence", plot_convergence(losses, norms, float(run.provenance.get("tolerance", 1e-3)))
    yield "correlation", plot_correlation(run.covariance, run.labels, title="Correlation of the estimates")
    if run.pulls is not None:
        yield "pulls", plot_pulls(run.pulls, run.labels, title="Pulls")


def write_figures(run: Run, folder: Path | str | None = None, file_format: str = "png") -> list[Path]:
    """Write the figures of a run.

    Parameters
    ----------
    run : Run
        Run to draw.
    folder : path, optional
        Folder to write to. By default that of the run.
    file_format : {'png', 'svg'}
        Format of the files.

    Returns
    -------
    list of Path
        The files, named after the figures.

    Raises
    ------
    ParameterError
        If there is no such format.
    """
    if file_format not in FILE_FORMATS:
        raise ParameterError("file_format", expected=" or ".join(FILE_FORMATS), got=file_format)
    import matplotlib.pyplot as plt

    folder, paths = run.folder if folder is None else Path(folder), []
    for name, figure in run_figures(run):
        content = io.BytesIO()
        figure.savefig(content, format=file_format, dpi=150)
        plt.close(figure)
        paths.append(folder / f"{name}.{file_format}")
        write_bytes(paths[-1], content.getvalue())
    return paths
