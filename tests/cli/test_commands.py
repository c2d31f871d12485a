"""The commands: what they print, for people and for scripts, how they end, and what they load."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from dluxshera import cli
from dluxshera.params import ParamSpec
from dluxshera.systems import CONFIGS, build_spec
from support.helpers import run_fresh
from support.paths import ROOT
from support.rows import each_row

HEAVY = {"jax", "jaxlib", "dLux", "equinox", "optax", "astropy", "matplotlib", "scipy"}
HEAD = "schema: dluxshera.profile/0.2.0\nkind: target\nname: x\n"


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli.app, list(arguments))
    if isinstance(done.exception, Exception):
        raise done.exception
    return done.exit_code, done.output


def scripted(*arguments: str) -> tuple[int, str, str]:
    """Run the command line as a script does."""
    code = "import sys; from dluxshera.cli import main; sys.argv = ['dluxshera', *sys.argv[1:]]; main()"
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def commands(app: typer.Typer, *path: str):
    for command in app.registered_commands:
        yield (*path, command.name)
    for group in app.registered_groups:
        yield from commands(group.typer_instance, *path, group.name)


EVERY = list(commands(cli.app))


def test_the_commands_are_these():
    assert [" ".join(path) for path in EVERY] == [
        "simulate", "params list", "params show", "params graph",
        "profile new", "profile validate", "profile show", "profile diff",
        "schema export", "schema check",
        "budget new", "budget validate", "budget report", "budget show", "budget trace", "budget export",
        "budget diff", "budget sign", "run fit", "run show", "run plot", "run table",
    ]  # fmt: skip


@each_row("path", EVERY, ids=" ".join)
def test_help_has_an_example_that_parses_and_the_exit_codes(path: tuple[str, ...]):
    code, text = run(*path, "--help")
    plain = " ".join(re.sub(r"[│╭╮╰╯─]", " ", text).split())
    assert code == 0
    assert f"Example: dluxshera {' '.join(path)}" in plain
    assert "Exit codes: 0 success, 1 a fault or a difference, 2 wrong usage." in plain


@pytest.mark.parametrize("system", sorted({config.system_id for config in CONFIGS.values()}))
@pytest.mark.parametrize("name", ["forward", "inference", "physics_inference"])
def test_list_has_every_parameter(system: str, name: str):
    spec = build_spec(next(config for config in CONFIGS.values() if config.system_id == system), name)
    _, table = run("params", "list", "--system", system, "--spec", name)
    assert [line.split()[0] for line in table.splitlines() if line.strip().startswith(tuple(spec))] == list(spec)
    _, text = run("params", "list", "--system", system, "--spec", name, "--json")
    assert [item["key"] for item in json.loads(text)] == list(spec)


def test_show_tells_what_the_spec_says():
    code, text = run("params", "show", "system.plate_scale_as_per_pix")
    assert code == 0
    for part in ("arcsec/pixel", "derived in shera_threeplane.forward", "system.pixel_pitch_m", "image_plate_scale"):
        assert part in text
    shown = json.loads(run("params", "show", "system.pixel_pitch_m", "--json")[1])
    assert shown["x-unit"] == "m"
    assert "system.plate_scale_as_per_pix" in shown["used_by"]


def test_graph_has_every_edge():
    spec = build_spec(CONFIGS["shera_flight"], "forward")
    edges = json.loads(run("params", "graph", "--json")[1])
    assert edges == {key: list(spec[key].depends_on) for key in spec.derived}
    text = run("params", "graph")[1]
    assert all(key in text for key in spec.derived)
    assert isinstance(spec, ParamSpec)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["params", "show", "binary.seperation_as"], "Did you mean binary.separation_as?"),
        (["params", "list", "--system", "shera_threeplan"], "Did you mean shera_threeplane?"),
        (["params", "list", "--spec", "forwards"], "Did you mean forward?"),
        (["params", "list", "--sytem", "x"], "No such option"),
        (["profile", "new", "x.txt"], "the name must end in .yaml"),
    ],
)
def test_wrong_usage_ends_with_2(arguments: list[str], message: str):
    code, _, errors = scripted(*arguments)
    assert code == 2
    assert message in " ".join(re.sub(r"[│╭╮╰╯─]", " ", errors).split())
    assert "Traceback" not in errors


def test_a_new_profile_is_valid_and_leads_editors_to_the_schema(tmp_path: Path):
    for name in ("mine.yaml", "mine.json"):
        path = tmp_path / name
        assert run("profile", "new", str(path), "--extends", "instrument/shera_flight")[0] == 0
        text = path.read_text()
        found = re.search(r"file://[^\s\"]+", text)
        assert json.loads(Path(found[0].removeprefix("file://")).read_text())["title"] == "Profile"
        assert run("profile", "validate", str(path)) == (0, f"{path}: valid\n")
        assert run("profile", "new", str(path))[0] == 2
        assert path.read_text() == text
        assert run("profile", "new", str(path), "--force", "--json") == (0, f'{{\n  "written": "{path}"\n}}\n')


def test_a_new_profile_of_no_kind_is_not_written(tmp_path: Path):
    code, _, errors = scripted("profile", "new", str(tmp_path / "x.yaml"), "--kind", "star")
    assert code == 1
    assert "kind: not an allowed value" in errors
    assert list(tmp_path.iterdir()) == []


def test_validate_says_every_fault_of_every_file(tmp_path: Path):
    path = tmp_path / "a.yaml"
    path.write_text(f"{HEAD}kine: 1\nconfig: {{image_npix: 3}}\n")
    code, text = run("profile", "validate", "target/alpha_cen", str(path), "observation/visit")
    assert code == 1
    lines = text.splitlines()
    assert lines[0] == "target/alpha_cen: valid"
    assert lines[1].startswith(f"{path}:4:1: kine: unknown name")
    assert lines[2].startswith(f"{path}:5:22: config.image_npix: expected an even integer")
    assert lines[3] == "observation/visit: valid"
    code, text = run("profile", "validate", str(path), "--json")
    assert code == 1
    assert json.loads(text) == {"faults": {str(path): lines[1:3]}}


def test_show_says_where_each_value_comes_from(tmp_path: Path):
    path = tmp_path / "a.yaml"
    path.write_text(f"{HEAD}extends: [observation/flight_alpha_cen]\nparameters: {{binary.contrast: 2}}\n")
    arguments = ["profile", "show", str(path), "--set", "system.m1_diameter_m=21cm", "--set", "n_wavelengths=1"]
    rows = json.loads(run(*arguments, "--json")[1])
    assert rows["binary.contrast"] == {"value": 2.0, "unit": "", "from": str(path)}
    assert rows["system.m1_diameter_m"] == {"value": 0.21, "unit": "m", "from": "--set"}
    assert rows["binary.separation_as"]["from"] == "target/alpha_cen"
    assert rows["binary.x_position_as"]["from"] == rows["gap_npix"]["from"] == "default"
    code, text = run(*arguments)
    assert code == 0
    assert re.search(r"system\.m1_diameter_m\s+0\.21\s+m\s+--set", text)


def test_diff_shows_what_differs_and_ends_with_1():
    code, text = run("profile", "diff", "instrument/shera_flight", "instrument/shera_testbed", "--json")
    assert code == 1
    apart = json.loads(text)
    assert apart["n_struts"] == [3, 4]
    assert "binary.contrast" not in apart
    assert run("profile", "diff", "target/alpha_cen", "target/alpha_cen") == (0, "no value differs\n")
    assert (
        "system.m3_power_per_m"
        in run("profile", "diff", "instrument/shera_flight", "instrument/shera_fourplane_example")[1]
    )


def test_faults_in_a_document_end_with_1_and_a_line_each(tmp_path: Path):
    path = tmp_path / "a.yaml"
    path.write_text(f"{HEAD}kine: 1\nsystm: 2\n")
    code, out, errors = scripted("profile", "show", str(path))
    assert (code, out) == (1, "")
    assert [line.split(": ")[0] for line in errors.splitlines()] == ["error", "error"]


def test_schemas_are_exported_checked_and_kept_once_released(tmp_path: Path):
    folder, profiles = tmp_path / "schemas", tmp_path / "profiles"
    there = ["--directory", str(folder)]
    assert run("schema", "check", *there)[0] == 1
    export = ["schema", "export", *there, "--profiles", str(profiles)]
    assert run(*export, "--check")[0] == 1
    assert not folder.exists()
    profiles.mkdir()
    assert run(*export, "--release")[0] == 0
    assert (profiles / "instrument" / "shera_flight.yaml").is_file()
    assert run(*export, "--check") == (0, "")
    code, text = run("schema", "check", *there, "--json")
    assert code == 0
    assert json.loads(text)["faults"] == []
    changed = folder / "meta" / "0.1.0" / "meta.schema.json"
    changed.write_text(changed.read_text().replace("2020-12", "2019-09"))
    before = changed.read_text()
    code, text = run(*export)
    assert code == 1
    assert "was released and has changed" in text
    assert changed.read_text() == before


LIGHT = {
    "list": ["params", "list"],
    "show": ["params", "show", "binary.contrast"],
    "graph": ["params", "graph"],
    "check": ["schema", "check", "--directory", str(ROOT / "schemas")],
    "export": ["schema", "export", "--directory", "{folder}", "--profiles", "{folder}/none"],
    "new": ["profile", "new", "{folder}/mine.yaml", "--extends", "observation/flight_alpha_cen"],
    "validate": ["profile", "validate", "observation/flight_alpha_cen"],
    "show-profile": ["profile", "show", "observation/flight_alpha_cen"],
    "diff": ["profile", "diff", "target/alpha_cen", "target/61_cyg"],
}


def test_light_commands_load_nothing_heavy(tmp_path: Path):
    """One after the other in one process: what a command loads stays loaded."""
    commands = {name: [part.format(folder=tmp_path) for part in arguments] for name, arguments in LIGHT.items()}
    code = f"""
        import sys
        from dluxshera.cli import main
        for name, arguments in {commands!r}.items():
            sys.argv = ['dluxshera', *arguments]
            try:
                main()
            except SystemExit:
                pass
            print(f'loaded by {{name}}:', *({HEAVY!r} & set(sys.modules)))
    """
    lines = [line for line in run_fresh(code).splitlines() if line.startswith("loaded by ")]
    assert lines == [f"loaded by {name}:" for name in commands]
