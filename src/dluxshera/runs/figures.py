"""Figures of a run: image, residual, convergence, correlations and pulls."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dluxshera.console import printable
from dluxshera.errors import ParameterError
from dluxshera.files import check_folder, write_bytes
from dluxshera.runs.ownership import add_files

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
    labels = [printable(label).replace("$", r"\$") for label in run.labels]  # of any text, and no formulas
    yield "correlation", plot_correlation(run.covariance, labels, title="Correlation of the estimates")
    if run.pulls is not None:
        yield "pulls", plot_pulls(run.pulls, labels, title="Pulls")


def write_figures(
    run: Run, folder: Path | str | None = None, file_format: str = "png", *, force: bool = False
) -> list[Path]:
    """Write the figures of a run.

    In the folder of the run they become files of the run, which a new run replaces.

    Parameters
    ----------
    run : Run
        Run to draw.
    folder : path, optional
        Folder to write to. By default that of the run.
    file_format : {'png', 'svg'}
        Format of the files.
    force : bool
        Replace existing files in another folder than that of the run.

    Returns
    -------
    list of Path
        The files, named after the figures.

    Raises
    ------
    ParameterError
        If there is no such format, or there is another file with the name of a figure. No figure is written then.
    OutputError
        If the folder cannot be written to.
    """
    if file_format not in FILE_FORMATS:
        raise ParameterError("file_format", expected=" or ".join(FILE_FORMATS), got=file_format)
    import matplotlib.pyplot as plt

    place = run.folder if folder is None else Path(folder)
    check_folder(place, [f"correlation.{file_format}"])
    contents = {}
    for name, figure in run_figures(run):
        content = io.BytesIO()
        figure.savefig(content, format=file_format, dpi=150)
        plt.close(figure)
        contents[f"{name}.{file_format}"] = content.getvalue()
    if place.exists() and place.samefile(run.folder):
        add_files(place, contents)
    else:
        if present := [name for name in contents if (place / name).exists() and not force]:
            raise ParameterError(
                str(place / present[0]),
                expected="no file of this name",
                got="a file",
                remedy="Name another folder, or pass force (--force) to replace it",
            )
        for name, raw in contents.items():
            write_bytes(place / name, raw)
    return [place / name for name in contents]
