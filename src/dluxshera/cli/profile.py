"""`dluxshera profile`: create, check, show and compare profiles."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from dluxshera.cli.common import AsJson, example, group, lines_of, print_json
from dluxshera.console import print_table

app = group("Profiles: instrument, target, observation and numerics, in YAML or JSON.")

Source = Annotated[str, typer.Argument(help="Packaged profile, such as instrument/shera_flight, or file.")]
Spec = Annotated[
    str | None, typer.Option(help="forward, inference or physics_inference; by default the profile's spec.")
]
Set = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE[UNIT]", help="Override a value; can be repeated.")
]


@app.command(
    "new", epilog=example("dluxshera profile new mine.yaml --extends instrument/shera_flight --extends target/61_cyg")
)
def profile_new(
    path: Annotated[Path, typer.Argument(help="File to write: .yaml, .yml or .json.")],
    kind: Annotated[str, typer.Option(help="instrument, target, observation or numerics.")] = "observation",
    name: Annotated[str, typer.Option(help="Name of the profile; by default that of the file.")] = "",
    extends: Annotated[list[str] | None, typer.Option(help="A profile to extend; can be repeated.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write a new profile, which editors complete and check."""
    from dluxshera.profiles import (
        HASH,
        load_profile,
        parse_profile,
        profile_data,
        profile_text,
        schema_file,
        shera_profiles,
    )
    from dluxshera.systems import settable_parameters

    if path.suffix.lower() not in (".yaml", ".yml", ".json"):
        raise typer.BadParameter(f"{path}: the name must end in .yaml, .yml or .json")
    if path.exists() and not force:
        raise typer.BadParameter(f"{path} exists already; --force replaces it")
    data = profile_data(kind, name or path.stem, settable_parameters(), extends=extends)
    del data[HASH]  # the user edits the file
    text = profile_text(data, schema=schema_file().as_uri(), as_json=path.suffix.lower() == ".json")
    parse_profile(text, shera_profiles(), str(path))
    from dluxshera.files import write_text

    write_text(path, text)
    load_profile(path, shera_profiles())
    if as_json:
        print_json({"written": str(path)})
    else:
        print(f"{path}: written")


@app.command("validate", epilog=example("dluxshera profile validate mine.yaml --spec inference"))
def profile_validate(
    sources: Annotated[list[str], typer.Argument(help="Packaged profiles or files.")],
    spec: Spec = None,
    overrides: Set = None,
    as_json: AsJson = False,
) -> None:
    """Check profiles and all that they extend, and list every fault."""
    from dluxshera.errors import DocumentError

    faults: dict[str, list[str]] = {}
    for source in sources:
        try:
            _composed(source, spec, overrides)
            faults[source] = []
        except DocumentError as error:
            faults[source] = lines_of(error)
    if as_json:
        print_json({"faults": faults})
    else:
        for source, lines in faults.items():
            for line in lines or [f"{source}: valid"]:
                print(line)
    if any(faults.values()):
        raise typer.Exit(1)


@app.command(
    "show", epilog=example("dluxshera profile show observation/flight_alpha_cen --set system.m1_diameter_m=21cm")
)
def profile_show(source: Source, spec: Spec = None, overrides: Set = None, as_json: AsJson = False) -> None:
    """Show the values of a composed profile, and the document that sets each of them."""
    rows = _rows(source, spec, overrides)
    if as_json:
        print_json(rows)
        return
    head = ("Name", "Value", "Unit", "From")
    print_table(head, [(name, _text(row["value"]), row["unit"], row["from"]) for name, row in rows.items()])


@app.command("diff", epilog=example("dluxshera profile diff instrument/shera_flight instrument/shera_testbed"))
def profile_diff(first: Source, second: Source, spec: Spec = None, as_json: AsJson = False) -> None:
    """Show in which values two profiles differ; exit with 1 if they do."""
    one, two = _rows(first, spec, None), _rows(second, spec, None)
    absent: dict[str, Any] = {"value": None, "unit": ""}
    both = {name: (one.get(name, absent), two.get(name, absent)) for name in {**one, **two}}
    apart = {name: pair for name, pair in both.items() if _differ(*pair)}
    if as_json:
        print_json({name: [a["value"], b["value"]] for name, (a, b) in apart.items()})
    elif apart:
        rows = [(name, _text(a["value"]), _text(b["value"]), a["unit"] or b["unit"]) for name, (a, b) in apart.items()]
        print_table(("Name", first, second, "Unit"), rows)
    else:
        print("no value differs")
    if apart:
        raise typer.Exit(1)


def _differ(one: dict[str, Any], two: dict[str, Any]) -> bool:
    return bool(one["value"] != two["value"]) or ("from" in one) != ("from" in two)


def _composed(source: str, spec: str | None, overrides: list[str] | None) -> tuple[Any, Any]:
    """Return a composed profile and, if it names its system, the model that it describes."""
    from dluxshera.profiles import load_profile, model_of, shera_profiles

    profile = load_profile(source, shera_profiles(), overrides or ())
    return profile, model_of(profile, spec=spec) if profile.system else None


def _rows(source: str, spec: str | None, overrides: list[str] | None) -> dict[str, dict[str, Any]]:
    from dluxshera.params import own_unit
    from dluxshera.systems import settable_parameters

    profile, model = _composed(source, spec, overrides)
    settings = {**profile.config, **profile.parameters, **({"system": profile.system} if profile.system else {})}
    values: dict[str, Any] = {name: setting.value for name, setting in profile.config.items()}
    if profile.system:
        values = {"system": profile.system.value, "spec": model.spec.name}
        values |= {name: getattr(model.config, name) for name in type(model.config).rules()} | model.values
    values |= {key: setting.value for key, setting in profile.parameters.items() if key not in values}
    units = settable_parameters()
    return {
        name: {
            "value": list(value) if isinstance(value, tuple) else value,
            "unit": own_unit(units[name]) if name in units else "",
            "from": _from(settings[name].document.file) if name in settings else "default",
        }
        for name, value in values.items()
    }


def _from(file: str) -> str:
    """Return the file of a document, a packaged one by its name."""
    from dluxshera.profiles import shera_profiles

    path, packaged = Path(file), shera_profiles().packaged
    return path.relative_to(packaged).with_suffix("").as_posix() if path.is_relative_to(packaged) else file


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
