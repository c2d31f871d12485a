"""The parameter schemas say what the specs say, no more and no less."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy import units
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

import dluxshera as ds
from dluxshera.cli import app
from dluxshera.documents import DIMENSIONS, difference, released_hashes
from dluxshera.error_budget import budget_schema, report_schema
from dluxshera.errors import ParameterError
from dluxshera.params import Bounds, ParameterStore, ParamField, ParamSpec, field_schema, spec_schema
from dluxshera.profiles.migration import MIGRATIONS
from dluxshera.units import units_of_suffix
from support.paths import ROOT

SPECS = {"forward": ds.build_forward_model_spec_from_config, "inference": ds.build_inference_spec_basic}
CONFIGS = (ds.SHERA_FLIGHT_CONFIG, ds.SHERA_TESTBED_CONFIG)


def export(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["schema", "export", *arguments])
    return done.exit_code, done.output


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("schemas")
    assert export("--directory", str(folder))[0] == 0
    return folder


@pytest.fixture(params=list(SPECS))
def pair(request: pytest.FixtureRequest, exported: Path) -> tuple[ParamSpec, dict[str, Any]]:
    """A spec of the flight design and its schema as it stands in the file."""
    spec = SPECS[request.param](CONFIGS[0])
    path = exported / "shera_threeplane" / "0.1.0" / f"{request.param}.schema.json"
    return spec, json.loads(path.read_text(encoding="utf-8"))


def default(item: ParamField) -> Any:
    return list(item.default) if isinstance(item.default, tuple) else item.default


# --- Files -----------------------------------------------------------------------------------------------------------


def test_the_committed_schemas_are_what_the_command_writes(exported: Path):
    made = {path.relative_to(exported) for path in exported.rglob("*") if path.is_file()}
    schemas = {path for path in made if path.name.endswith(".schema.json")}
    assert {str(path) for path in schemas} >= {
        "shera_threeplane/0.1.0/forward.schema.json",
        "shera_threeplane/0.1.0/inference.schema.json",
        f"error_budget/{budget_schema()['x-version']}/budget.schema.json",
        f"error_budget/{report_schema()['x-version']}/report.schema.json",
    }
    committed = {path.relative_to(ROOT / "schemas") for path in (ROOT / "schemas").rglob("*.schema.json")}
    earlier = set(map(Path, released_hashes(ROOT / "schemas")))  # published; never changed
    assert {Path("profile", version, "profile.schema.json") for version in MIGRATIONS} <= earlier
    assert Path("error_budget/0.1.0/budget.schema.json") in earlier
    assert committed == schemas | earlier
    for path in made:
        committed = json.loads((ROOT / "schemas" / path).read_text(encoding="utf-8"))
        assert difference(committed, json.loads((exported / path).read_text(encoding="utf-8")), relative=1e-12) is None


def test_a_file_is_written_only_where_it_changed(exported: Path):
    path = exported / "shera_threeplane" / "0.1.0" / "forward.schema.json"
    text, made = path.read_text(encoding="utf-8"), path.stat().st_mtime_ns
    assert export("--directory", str(exported)) == (0, "")
    assert path.stat().st_mtime_ns == made

    path.write_text(text.replace("Angle between the two stars", "Angle"), encoding="utf-8")
    code, said = export("--directory", str(exported), "--check")
    assert code == 1
    assert said.startswith(f"{path}: out of date, properties.binary.separation_as.description: ")
    assert "Angle between" not in path.read_text(encoding="utf-8")

    assert export("--directory", str(exported)) == (0, f"{path}: written\n")
    assert path.read_text(encoding="utf-8") == text
    assert not [item for item in path.parent.iterdir() if item.suffix == ".tmp"]
    assert export("--directory", str(exported), "--check") == (0, "")


# --- Schema and spec -------------------------------------------------------------------------------------------------


def test_schema_and_spec_are_a_bijection(pair):
    spec, schema = pair
    assert list(schema["properties"]) == list(spec)
    assert schema["additionalProperties"] is False
    assert schema["$id"] == f"urn:dluxshera:schema:{spec.title}:0.1.0"
    assert (schema["x-system"], schema["x-spec"]) == (spec.system_id, spec.name)
    Draft202012Validator.check_schema(schema)
    assert {entry["x-group"] for entry in schema["properties"].values()} == set(schema["x-groups"])


def test_every_field_is_said_as_it_is(pair):
    spec, schema = pair
    for key, entry in schema["properties"].items():
        item = spec[key]
        said = {
            "title": item.title,
            "x-kind": item.kind,
            "x-group": item.group,
            "x-unit": item.units,
            "x-scale": item.scale,
            "x-acts-on": list(item.acts_on),
            "x-depends-on": list(item.depends_on),
            "x-components": list(item.components),
            "x-symbol": item.symbol,
            "x-equation": item.equation,
            "x-transform": item.transform,
            "x-prior": item.prior.as_dict() if item.prior else None,
            "x-source": item.source,
            "x-since": item.since,
        }
        optional = {"x-components", "x-symbol", "x-equation", "x-transform", "x-prior"}
        for name, value in said.items():
            assert entry.get(name, value if name in optional and not value else ...) == value, (key, name)
        assert entry["description"].startswith(item.doc)
        assert entry.get("readOnly", False) == (item.kind != "primitive")
        assert entry.get("default") == (default(item) if item.kind == "primitive" else None)
        assert entry.get("const") == (item.default if item.kind == "structural" else None)


def test_every_default_validates_and_makes_a_store(pair):
    spec, schema = pair
    document = {key: entry["default"] for key, entry in schema["properties"].items() if "default" in entry}
    document |= {key: entry["const"] for key, entry in schema["properties"].items() if "const" in entry}
    Draft202012Validator(schema).validate(document)
    values = {key: value for key, value in document.items() if key in spec.primitives}
    assert ParameterStore.from_dict(values, spec) == ParameterStore.from_spec_defaults(spec)
    assert not Draft202012Validator(schema).is_valid({**document, "binary.seperation_as": 1.0})


def test_a_bound_shown_is_the_bound_enforced(pair):
    """At each limit, and on either side of it, the schema and the store decide alike."""
    spec, schema = pair
    spec = replace(spec, constraints=())  # which relate a value to the defaults of others
    store = ParameterStore.from_spec_defaults(spec)
    bounded = 0
    for key in spec.primitives:
        item, validator = spec[key], Draft202012Validator(schema["properties"][key])
        limits = set(item.bounds.as_dict().values()) | {0.0}
        bounded += bool(item.bounds.as_dict())
        for limit in limits:
            for number in (limit, np.nextafter(limit, np.inf), np.nextafter(limit, -np.inf)):
                value = [float(number)] * item.shape[0] if item.shape else float(number)
                try:
                    store.replace({key: value})
                except ParameterError:
                    assert not validator.is_valid(value), (key, number)
                else:
                    assert validator.is_valid(value), (key, number)
    assert bounded > 5


def test_an_array_has_its_number_of_components(pair):
    _, schema = pair
    entry = schema["properties"]["primary.zernike_coeffs_nm"]
    assert entry["x-components"] == [f"Z{j}" for j in range(4, 12)]
    assert Draft202012Validator(entry).is_valid([0.5] * 8)
    assert not Draft202012Validator(entry).is_valid([0.5] * 7)
    assert not Draft202012Validator(entry).is_valid([0.5] * 9)


def test_kinds_and_scales_of_the_specs_differ_as_they_should(exported: Path):
    forward, inference = (
        json.loads((exported / "shera_threeplane" / "0.1.0" / f"{name}.schema.json").read_text())["properties"]
        for name in SPECS
    )
    for key in ("system.plate_scale_as_per_pix", "binary.log_flux_total"):
        assert (forward[key]["x-kind"], inference[key]["x-kind"]) == ("derived", "primitive")
    assert forward["system.open_area_fraction"]["x-kind"] == "structural"
    assert forward["binary.log_flux_total"]["x-scale"] == "log10"
    assert forward["binary.log_flux_total"]["description"].count("image. Unit: log10(ph). Bounds: ") == 1
    assert forward["binary.separation_as"]["description"].count("measures. Unit: arcsec. Bounds: ") == 1
    assert forward["binary.contrast"]["description"].count("band. A pure number, without unit. Bounds: ") == 1
    assert forward["system.plate_scale_as_per_pix"]["x-transform"] == "dluxshera.systems.transforms.image_plate_scale"


def test_the_values_of_both_designs_are_shown(pair):
    spec, schema = pair
    for config in CONFIGS:
        built = SPECS[spec.name](config)
        binder = ds.SheraThreePlaneBinder(config.replace(image_npix=32), built)
        derived = binder.derived(binder.store)
        for key, entry in schema["properties"].items():
            shown = entry["x-design-values"][config.name]
            if key in derived:
                assert shown == pytest.approx(float(derived[key]), rel=1e-12)
            else:
                assert shown == default(built[key])
    if spec.name == "forward":
        focal = schema["properties"]["system.focal_length_m"]["x-design-values"]
        assert focal == pytest.approx(
            {"shera_flight": 7.701014379237933, "shera_testbed": 3.776365433962261}, rel=1e-14
        )


# --- Units -----------------------------------------------------------------------------------------------------------


def test_the_unit_suffix_of_a_key_and_its_unit_agree(pair):
    spec, _ = pair
    for key in spec:
        if (promised := units_of_suffix(key)) is not None:
            assert spec[key].units == promised, key


def test_every_unit_is_a_vounit_of_the_dimension_that_is_shown(pair):
    _, schema = pair
    for key, entry in schema["properties"].items():
        kind = units.Unit(entry["x-unit"], format="vounit").physical_type
        assert entry["x-dimension"] in kind or kind == "unknown", (key, kind)


def test_a_dimension_of_our_own_is_none_of_those_that_astropy_has():
    unknown = [unit for unit in DIMENSIONS if units.Unit(unit, format="vounit").physical_type == "unknown"]
    assert unknown == ["arcsec**-2", "arcsec/pixel", "ph", "ph.s**-1", "pixel"]
    for unit in unknown:
        with pytest.raises(ValueError, match="not a known physical type"):
            units.get_physical_type(DIMENSIONS[unit])


def test_a_unit_without_dimension_is_refused():
    item = ParamField("a.b", "B", "It is.", units="furlong", default=1.0, source="illustrative")
    with pytest.raises(ParameterError, match=r"a\.b: expected a unit whose dimension .*got 'furlong'"):
        field_schema(item, {})


def test_a_spec_of_any_system_has_a_schema():
    item = ParamField(
        "a.b",
        "B",
        "It is.",
        units="m",
        default=1.0,
        bounds=Bounds(minimum=0, exclusive_maximum=2),
        source="illustrative",
    )
    schema = spec_schema(
        ParamSpec("a_telescope", "forward", (item,), (("a", "A", "All."), ("z", "Z", "None."))), "Text."
    )
    assert schema["x-groups"] == {"a": {"title": "A", "description": "All."}}
    entry = schema["properties"]["a.b"]
    assert (entry["minimum"], entry["exclusiveMaximum"], entry["x-design-values"]) == (0, 2, {})
