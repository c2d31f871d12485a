"""The exported schemas: up to date, valid by the meta-schema, versioned, frozen once released."""

import json
import re
from dataclasses import fields
from pathlib import Path

from jsonschema import Draft202012Validator

import dluxshera
from dluxshera.cli.schema import schemas
from dluxshera.documents import (
    changed_since_release,
    difference,
    json_text,
    meta_faults,
    meta_schema,
    released_hashes,
    with_hashes,
)
from dluxshera.documents.keywords import KEYWORDS
from dluxshera.profiles import shera_profiles
from dluxshera.profiles.schema import config_schema, profile_schema
from dluxshera.systems import CONFIG_CLASSES, SPEC_NAMES, settable_parameters
from support.paths import ROOT
from support.rows import each_row

MADE = schemas()


@each_row("name", MADE)
def test_a_committed_schema_is_what_the_code_says(name: str):
    assert difference(json.loads((ROOT / "schemas" / name).read_text()), MADE[name], relative=1e-12) is None


def test_nothing_else_is_committed_but_what_was_released():
    committed = {path.relative_to(ROOT / "schemas").as_posix() for path in (ROOT / "schemas").rglob("*.schema.json")}
    assert committed == set(MADE) | set(released_hashes(ROOT / "schemas"))
    assert {
        f"{system}/0.1.0/{name}.schema.json" for system in CONFIG_CLASSES for name in (*SPEC_NAMES, "config")
    } <= committed


@each_row("name", MADE)
def test_a_schema_satisfies_the_meta_schema_and_has_its_own_id(name: str):
    assert meta_faults(MADE[name]) == []
    identity = MADE[name]["$id"]
    assert re.fullmatch(r"urn:dluxshera:schema:[a-z_]+(\.[a-z_]+)?:[0-9]+\.[0-9]+\.[0-9]+", identity)
    assert identity.endswith(f":{name.split('/')[1]}")
    assert len({schema["$id"] for schema in MADE.values()}) == len(MADE)


@each_row(
    "wrong",
    [
        {"x-unti": "m"}, {"x-unit": 3}, {"properties": {"a": {"x-kind": "free"}}}, {"items": {"x-form": ""}},
        {"properties": {"a": {"type": "nubmer"}}}, {"minimum": "0"}, {"x-since": "now"}, {"x-depends-on": ["a b"]},
        {"$defs": {"a": {"x-groups": {"b": {"title": "c"}}}}},
    ],
)  # fmt: skip
def test_the_meta_schema_refuses_what_it_should(wrong: dict):
    assert meta_faults(wrong)


def test_the_meta_schema_describes_each_of_its_words_and_itself():
    assert all(said["description"].endswith(".") for said in KEYWORDS.values())
    Draft202012Validator.check_schema(meta_schema())
    used = set(re.findall(r'"(x-[a-z-]+)":', json.dumps(MADE)))
    assert used <= set(KEYWORDS)


@each_row("cls", CONFIG_CLASSES.values(), ids=lambda cls: cls.__name__)
def test_a_configuration_and_its_schema_have_the_same_fields_and_defaults(cls):
    schema = config_schema(cls)
    structural = [item for item in fields(cls) if item.name not in ("name", "design")]
    assert list(schema["properties"]) == list(cls.rules()) == [item.name for item in structural]
    for item in structural:
        said = schema["properties"][item.name]
        assert said["default"] == (list(item.default) if isinstance(item.default, tuple) else item.default)
        assert said["description"]
    defaults = {name: said["default"] for name, said in schema["properties"].items()}
    assert list(Draft202012Validator(schema).iter_errors(defaults)) == []


def test_the_profile_schema_has_every_parameter_and_says_unit_and_text():
    said = profile_schema()["properties"]["parameters"]["properties"]
    assert set(settable_parameters()) <= set(said)
    for key, item in settable_parameters().items():
        assert item.title == said[key]["title"]
        assert said[key]["x-unit"] in said[key]["description"]


def test_editors_find_the_schema_from_the_first_line_of_a_packaged_profile():
    """The path is relative to the profile, inside the package: it holds in a wheel as it does here."""
    for name in shera_profiles().names():
        path = shera_profiles().packaged / f"{name}.yaml"
        found = re.match(r"# yaml-language-server: \$schema=(\S+)\n", path.read_text())
        schema = (path.parent / found[1]).resolve()
        assert schema.is_relative_to(Path(dluxshera.__file__).parent)
        assert schema.read_text() == json_text(profile_schema())


def test_released_schemas_have_not_changed():
    assert changed_since_release(ROOT / "schemas", MADE, 1e-12) == {}


def test_every_version_that_the_changelog_calls_released_is_frozen():
    released = re.findall(r"^## \[(\d+\.\d+\.\d+)\] - ", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    frozen = released_hashes(ROOT / "schemas")
    assert [name for name in MADE if name.split("/")[1] in released and name not in frozen] == []


def test_a_released_schema_that_changes_is_refused(tmp_path: Path):
    path = tmp_path / "a" / "0.1.0" / "a.schema.json"
    path.parent.mkdir(parents=True)
    path.write_text(json_text({"minimum": 1}))
    name = "a/0.1.0/a.schema.json"
    with_hashes(tmp_path, [name])
    assert changed_since_release(tmp_path, {name: {"minimum": 1}}, 1e-12) == {}
    assert "give the schema a new version" in changed_since_release(tmp_path, {name: {"minimum": 2}}, 1e-12)[name]
    path.write_text(json_text({"minimum": 2}))
    with_hashes(tmp_path, [name])  # does not forgive
    assert "was released and has changed" in changed_since_release(tmp_path, {name: {"minimum": 2}}, 1e-12)[name]
    path.unlink()
    assert "is missing" in changed_since_release(tmp_path, {}, 1e-12)[name]
