"""`dluxshera simulate`: an exposure of a profile's model as a FITS file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def write_exposure(
    source: Annotated[str, typer.Argument(help="A packaged profile, such as observation/flight_alpha_cen, or a file.")],
    output: Annotated[Path, typer.Option(help="FITS file to write.")],
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE[UNIT]", help="Override a value; can be repeated.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the noise.", min=0)] = 0,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> None:
    """Simulate an exposure and write it as FITS, with its origin in the header; `run fit --data` reads it."""
    from dluxshera.files import check_file

    check_file(output)
    if output.exists() and not force:
        raise typer.BadParameter(f"{output} exists already; --force replaces it")
    from dluxshera.runtime import set_up_command

    set_up_command()

    from dluxshera.runs import simulate_profile

    print(f"{simulate_profile(source, output, overrides=overrides or (), seed=seed)}: written")
