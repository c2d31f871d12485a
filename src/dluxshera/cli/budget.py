"""`dluxshera budget`: error budgets, from a document to a computed report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

import typer

from dluxshera._version import __version__
from dluxshera.cli.common import Check, example, group, keep, progress

app = group("Error budgets: from a document to a computed report.")

REPORT: Final = Path("docs/reference/data/error-budget-report.json")


@app.command("report", epilog=example("dluxshera budget report --budget my-budget.yaml --output report.json"))
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

    from dluxshera.error_budget import Evaluation, build_report, read_budget
    from dluxshera.systems import structural_hash_from_config

    jax.config.update("jax_enable_x64", True)  # type: ignore[no-untyped-call]
    path = budget or Path(str(files("dluxshera") / "error_budget" / "data" / "reference-budget.yaml"))
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
    with progress() as tell:
        report = build_report(Evaluation(document, forward, inference, progress=tell), provenance, facts)
    tolerance = report["provenance"]["relative_tolerance"]
    if keep({output: report}, check=check, relative=tolerance, compared=_without_versions) and check:
        raise typer.Exit(1)


def _without_versions(report: dict[str, Any]) -> dict[str, Any]:
    """Return a report without the versions of other packages, which may differ as long as the numbers agree."""
    made = {name: value for name, value in report.get("provenance", {}).items() if name != "created_with"}
    return {**report, "provenance": made}


def models_of(budget: Any) -> tuple[Any, Any, Any]:
    """Return the configuration of a budget's reference point, its forward model and its inference model."""
    from dluxshera.error_budget import Model, check_against_specs, matching_store
    from dluxshera.model import SheraThreePlaneBinder
    from dluxshera.params import ParameterStore
    from dluxshera.systems import catalogue as designs
    from dluxshera.systems import specs

    point = budget.reference
    configs = {config.name: config for config in (designs.SHERA_FLIGHT_CONFIG, designs.SHERA_TESTBED_CONFIG)}
    targets = {target.name: target for target in (designs.ALPHA_CEN,)}
    systems = dict.fromkeys(config.system_id for config in configs.values())
    options: dict[str, dict[str, Any]] = {"system": systems, "design": configs, "target": targets}
    for name, known in options.items():
        if (got := getattr(point, name)) not in known:
            allowed = ", ".join(known)
            raise budget.source.error(
                ("reference", name), f"no such {name}", allowed=allowed, got=got, candidates=known
            )
    config, target = configs[point.design].replace(**point.structure), targets[point.target]
    forward_spec = specs.build_forward_model_spec_from_config(config, target)
    inference_spec = specs.build_inference_spec_basic(config, target)
    check_against_specs(budget, forward_spec, inference_spec)
    store = ParameterStore.from_spec_defaults(forward_spec).replace(point.values)
    binder = SheraThreePlaneBinder(config, forward_spec, store)
    forward = Model(store, binder.predict, binder.derived)
    binder = SheraThreePlaneBinder(config, inference_spec, matching_store(forward, inference_spec))
    return config, forward, Model(binder.store, binder.predict, binder.derived)
