"""The command line: thin commands, each of which imports what it needs when it runs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from dluxshera._version import __version__
from dluxshera.errors import SheraError

app = typer.Typer(
    name="dluxshera",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
schema_app = typer.Typer(help="JSON Schemas of the documents that the package reads and writes.", no_args_is_help=True)
app.add_typer(schema_app, name="schema")

budget_app = typer.Typer(help="Error budgets: from a document to a computed report.", no_args_is_help=True)
app.add_typer(budget_app, name="budget")

REPORT: Final = Path("docs/reference/data/error-budget-report.json")
SPEC_TEXTS: Final = {
    "forward": "From geometry and photon flux density to the image: plate scale, defocus and total flux are derived.",
    "inference": "For fits (effective mode): plate scale and total flux are primitive, and focus lives in the primary's"
    " Zernike coefficients.",
}

Check = Annotated[bool, typer.Option("--check", help="Write nothing; exit with 1 if a file is out of date.")]


def main() -> None:
    """Run the command line; an error that the package raises on purpose is one line and exit code 2."""
    try:
        app()
    except SheraError as error:
        for line in (str(error), *getattr(error, "__notes__", ())):
            print(f"error: {line}", file=sys.stderr)
        sys.exit(2)


def _print_version(wanted: bool) -> bool:
    if wanted:
        print(__version__)
        raise typer.Exit
    return wanted


@app.callback(
    help="The reference model of SHERA: relative astrometry through a diffractive pupil.",
    epilog="Example: dluxshera budget report --output report.json",
)
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and exit."),
    ] = False,
) -> None:
    """Take the options that go before a command."""


@schema_app.command("export", epilog="Example: dluxshera schema export --check")
def schema_export(
    directory: Annotated[Path, typer.Option(help="Folder of the schemas.")] = Path("schemas"), check: Check = False
) -> None:
    """Write the JSON Schemas of the parameters and of error budgets, where they changed."""
    # Defaults that are computed may differ in the last digits between machines.
    _keep({directory / name: schema for name, schema in _schemas().items()}, check=check, relative=1e-12)


def _schemas() -> dict[str, dict[str, Any]]:
    """Return every schema by its path below the folder of schemas."""
    from dluxshera.error_budget import schemas as budget
    from dluxshera.params.schema import SCHEMA_VERSION, spec_schema
    from dluxshera.systems import designs, specs, transforms

    configs = (designs.SHERA_FLIGHT_CONFIG, designs.SHERA_TESTBED_CONFIG)
    builders = {"forward": specs.build_forward_model_spec_from_config, "inference": specs.build_inference_spec_basic}
    schemas: dict[str, dict[str, Any]] = {}
    for name, build in builders.items():
        built = {config.name: build(config) for config in configs}
        values = {}
        for design, spec in built.items():
            given = {key: spec[key].default for key in (*spec.structural, *spec.primitives)}
            values[design] = {**given, **transforms.SHERA_RESOLVER.resolve(spec, given)}
        spec = built[configs[0].name]
        schema = spec_schema(spec, SPEC_TEXTS[name], values)
        schemas[f"{spec.system_id}/{SCHEMA_VERSION}/{name}.schema.json"] = schema
    for name, schema in {"budget": budget.budget_schema(), "report": budget.report_schema()}.items():
        schemas[f"error_budget/{budget.SCHEMA_VERSION}/{name}.schema.json"] = schema
    return schemas


@budget_app.command("report", epilog="Example: dluxshera budget report --budget my-budget.yaml --output report.json")
def budget_report(
    budget: Annotated[Path | None, typer.Option(help="Budget document; by default the packaged reference.")] = None,
    output: Annotated[Path, typer.Option(help="Report to write.")] = REPORT,
    check: Check = False,
) -> None:
    """Compute the report of an error budget, and write it where it changed."""
    import hashlib
    import shlex
    from importlib.metadata import version
    from importlib.resources import files

    import jax

    from dluxshera.error_budget.document import read_budget
    from dluxshera.error_budget.evaluation import Evaluation
    from dluxshera.error_budget.report import build_report
    from dluxshera.systems.config import structural_hash_from_config

    jax.config.update("jax_enable_x64", True)  # type: ignore[no-untyped-call]
    path = budget or Path(str(files("dluxshera") / "profiles" / "reference-budget.yaml"))
    document = read_budget(path)
    config, forward, inference = models_of(document)
    said = [] if budget is None else ["--budget", budget.as_posix()]
    said += [] if output == REPORT else ["--output", output.as_posix()]
    provenance = {
        "package_version": __version__,
        "spec_hash": forward.store.spec.digest(),
        "config_hash": structural_hash_from_config(config),
        "design_hash": hashlib.sha256(repr(config.design).encode()).hexdigest(),
        "budget_hash": hashlib.sha256(path.read_text(encoding="utf-8").encode()).hexdigest(),
        "command": shlex.join(["dluxshera", "budget", "report", *said]),
        "created_with": {name: version(name) for name in ("jax", "dLux", "numpy")},
    }
    facts = {
        "wavelengths": config.n_wavelengths,
        "pupil": f"{config.pupil_npix} cells across",
        "photons": {"value": 10 ** float(forward.derived(forward.store)["binary.log_flux_total"]), "unit": "ph"},
    }
    with _progress() as progress:
        report = build_report(Evaluation(document, forward, inference, progress=progress), provenance, facts)
    _keep(
        {output: report}, check=check, relative=report["provenance"]["relative_tolerance"], compared=_without_versions
    )


def _without_versions(report: dict[str, Any]) -> dict[str, Any]:
    """Return a report without the versions of other packages, which may differ as long as the numbers agree."""
    made = {name: value for name, value in report.get("provenance", {}).items() if name != "created_with"}
    return {**report, "provenance": made}


def models_of(budget: Any) -> tuple[Any, Any, Any]:
    """Return the configuration of a budget's reference point, its forward model and its inference model."""
    from dluxshera.binder import SheraThreePlaneBinder
    from dluxshera.error_budget.document import check_against_specs
    from dluxshera.error_budget.sensitivity import Model, matching_store
    from dluxshera.params.store import ParameterStore
    from dluxshera.systems import designs, specs

    point = budget.reference
    configs = {config.name: config for config in (designs.SHERA_FLIGHT_CONFIG, designs.SHERA_TESTBED_CONFIG)}
    targets = {target.name: target for target in (designs.ALPHA_CEN,)}
    systems = dict.fromkeys(config.system_id for config in configs.values())
    options: dict[str, dict[str, Any]] = {"system": systems, "design": configs, "target": targets}
    for name, known in options.items():
        if (got := getattr(point, name)) not in known:
            allowed = ", ".join(known)
            raise budget.source.error(("reference", name), f"no such {name}", allowed=allowed, got=got, known=known)
    config, target = configs[point.design].replace(**point.structure), targets[point.target]
    forward_spec = specs.build_forward_model_spec_from_config(config, target)
    inference_spec = specs.build_inference_spec_basic(config, target)
    check_against_specs(budget, forward_spec, inference_spec)
    store = ParameterStore.from_spec_defaults(forward_spec).replace(point.values)
    binder = SheraThreePlaneBinder(config, forward_spec, store)
    forward = Model(store, binder.predict, binder.derived)
    binder = SheraThreePlaneBinder(config, inference_spec, matching_store(forward, inference_spec))
    return config, forward, Model(binder.store, binder.predict, binder.derived)


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Show what is being done on a terminal; say nothing elsewhere."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda text: None
        return
    with console.status("") as status:
        yield status.update


def _keep(
    wanted: dict[Path, dict[str, Any]],
    *,
    check: bool,
    relative: float,
    compared: Callable[[dict[str, Any]], dict[str, Any]] = lambda document: document,
) -> None:
    """Write each document whose file differs from it, or only say so; numbers may differ by the relative amount."""
    import json

    from dluxshera.files import write_text
    from dluxshera.params.serialize import difference, json_text

    stale = False
    for path, document in wanted.items():
        try:
            old = json.loads(path.read_text(encoding="utf-8"))
            found = difference(compared(old), compared(document), relative=relative)
        except FileNotFoundError:
            found = "it is missing"
        except (ValueError, AttributeError):
            found = "it is not such a document"
        if not found:
            continue
        stale = True
        if check:
            print(f"{path}: out of date, {found}")
        else:
            write_text(path, json_text(document))
            print(f"{path}: written")
    if check and stale:
        raise typer.Exit(1)
