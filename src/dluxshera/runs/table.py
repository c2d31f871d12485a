"""Tables of runs, a row for each folder, including folders that cannot be read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from dluxshera._csv_text import csv_text
from dluxshera.errors import DocumentError, ParameterError
from dluxshera.files import check_file, write_text
from dluxshera.runs.folder import read_run

# Columns of each run, before those of its parameters.
RUN_COLUMNS: Final = ("folder", "fault", "result", "steps", "loss", "seed", "misfit", "misfit sigmas")
_START: Final = b"folder,fault,"  # of the first line of a table


def runs_table(folders: Iterable[Path | str]) -> list[dict[str, Any]]:
    """Return a row for each run, with its result, and the estimate, sigma and pull of each parameter.

    Parameters
    ----------
    folders : iterable of Path
        Folders of runs.

    Returns
    -------
    list of dict
        Rows in the order of the folders. Each has ``folder`` and ``fault``, the reason why the folder cannot be read,
        or empty. The row of a run also has ``result``, ``steps``, ``loss``, ``seed`` (empty if not recorded),
        ``misfit`` (per pixel), ``misfit sigmas`` (its deviation from noise alone, in sigma), and for each label
        ``LABEL``, ``LABEL sigma`` and, with a known truth, ``LABEL pull``.
    """
    return [_row(Path(folder)) for folder in folders]


def _row(folder: Path) -> dict[str, Any]:
    try:
        run = read_run(folder)
    except DocumentError as error:
        return {"folder": str(folder), "fault": str(error)}
    values = (
        str(folder), "", run.result.name, run.steps, run.loss, run.provenance.get("seed", ""),
        run.misfit.value, run.misfit.sigmas,
    )  # fmt: skip
    row: dict[str, Any] = dict(zip(RUN_COLUMNS, values, strict=True))
    for i, label in enumerate(run.labels):
        row |= {label: float(run.theta[i]), f"{label} sigma": float(run.sigma[i])}
        if run.pulls is not None:
            row[f"{label} pull"] = float(run.pulls[i])
    return row


def check_csv(path: Path) -> None:
    """Check that a table of runs may be written to a file, without a change on the disk.

    Parameters
    ----------
    path : Path
        File to write. An existing one is replaced if it is such a table.

    Raises
    ------
    ParameterError
        If it is another file.
    OutputError
        If it cannot be written.
    """
    check_file(path)
    if path.is_file() and path.stat().st_size:
        with path.open("rb") as file:
            start = file.read(len(_START))
        if start != _START:
            raise ParameterError(
                str(path),
                expected="a new file, or a table of runs",
                got="another file",
                remedy="Name another file, or delete it",
            )


def write_csv(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows as CSV, a column for each name in any of them; numbers with all their digits.

    A text that a spreadsheet would read as a formula, because it begins with ``=``, ``+``, ``-`` or ``@``, has an
    apostrophe before it.

    Parameters
    ----------
    path : Path
        File to write.
    rows : iterable of mapping
        Values by column name.
    """
    rows = list(rows)
    names = list(dict.fromkeys(name for row in rows for name in row))
    write_text(path, csv_text([names, *([row.get(name, "") for name in names] for row in rows)]))
