"""Profile documents from a seed, half of them broken, and three judges of them.

The judges are the published JSON Schemas, the checks that Python users meet, and the loader of profiles.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from copy import deepcopy
from dataclasses import fields, replace
from typing import Any

from dluxshera.documents import Document, faults
from dluxshera.errors import DocumentError, SheraError
from dluxshera.params import (
    ParameterStore,
    ParamSpec,
    check_value,
    in_own_unit,
    own_unit,
    spec_schema,
)
from dluxshera.profiles import model_of, parse_profile, shera_profiles
from dluxshera.profiles.format import PROFILE, VERSION
from dluxshera.profiles.schema import config_schema, profile_schema
from dluxshera.systems import (
    CONFIG_CLASSES,
    CONFIGS,
    PARAMETERS,
    SPEC_NAMES,
    TABLE_SUFFIX,
    SheraConfig,
    acts_through_default,
    build_spec,
    design_keys,
    design_values,
    effects_of,
    settable_parameters,
)
from support import keys as f

# The clear pupil keeps the mask's file out of the question: no schema can see a file. Nor does a schema know what
# follows from the design, so that the documents state no grid that may be too coarse for theirs.
BASE = {"diffractive_pupil": None}
# Few, since each is drawn on 2,048 cells.
APERTURES: list[dict[str, Any]] = [
    {},
    {"obscuration": 0, "strut_rotation_deg": -90},
    {"obscuration": 0.0, "n_struts": 0, "strut_width": 0.031},
    {"obscuration": 0.28, "n_struts": 3, "strut_width": 0.0123, "strut_rotation_deg": 0},
    {"obscuration": 0.6, "n_struts": 4.0, "strut_width": 0.0, "strut_rotation_deg": -719.5},
]
PROFILE_SCHEMA = profile_schema()
BASES = [key for key, parameter in PARAMETERS.items() if parameter.basis]
EXACT = ["binary.x_position_as", "binary.y_position_as"]


def valid_document(rng: random.Random) -> dict[str, Any]:
    """Return a document that all judges should accept."""
    named = rng.choice(list(CONFIGS.values()))
    cls, spec = type(named), rng.choice(list(SPEC_NAMES))
    config: dict[str, Any] = BASE | rng.choice(APERTURES)
    config |= _some(rng, {
        "mask_design_wavelength_m": lambda: rng.choice([1e-3, 5.5e-7]),
        "image_npix": lambda: 2 * rng.randint(1, 4096),
        "pupil_npix": lambda: None,
        "n_wavelengths": lambda: rng.choice([None, rng.randint(1, 1000)]),
        "pixel_nodes": lambda: rng.choice([None, rng.randint(16, 32)]),
        "source_offset_as": lambda: rng.choice([None, 60, rng.uniform(30.0, 60.0)]),
        "aberration_margin": lambda: rng.choice([None, 12, rng.uniform(3.0, 12.0)]),
        "m1_map_npix": lambda: rng.choice([3, 40.0, 64]),
        "effects": lambda: rng.sample(effects_of(named.surfaces), rng.randint(0, 5)),
        "spectrum_a_rows": lambda: rng.choice([2, 3, 5.0]),
        "spectrum_b_rows": lambda: rng.choice([2, 3, 5.0]),
        "transmission_rows": lambda: rng.choice([2, 3, 5.0]),
        "n_field_stars": lambda: rng.choice([1, 2, 3.0]),
        "motion_margin": lambda: rng.randint(1, 256),
    })  # fmt: skip
    if {"pixel_offsets", "pixel_response"}.intersection(config.get("effects", ())):
        config["image_npix"] = 2 * rng.randint(1, 16)  # each pixel is a value
    for name in named.bases:
        if rng.random() < 0.5:
            field = {"primary": "m1_noll", "secondary": "m2_noll", "tertiary": "m3_noll"}[name]
            config[field] = rng.sample(range(1, 40), rng.randint(0, 6))
    if hasattr(named, "gap_npix") and rng.random() < 0.4:
        config["gap_npix"] = rng.choice([None, 2 * rng.randint(8192, 16384)])
    full = named.replace(**_defaults(cls) | config)
    bases, made = full.bases, build_spec(full, spec)
    values = {key: made[key].default for key in made.primitives if not PARAMETERS[key].is_map} | design_values(named)
    parameters: dict[str, Any] = {}
    for key in settable_parameters():
        if (
            key not in values
            or rng.random() < 0.3
            or (key not in made.primitives and not acts_through_default(key, cls))
        ):
            continue
        parameters[key] = _with_unit(rng, key, _value(rng, key, values[key], bases))
    for key in [name for name in parameters if f"{name}{TABLE_SUFFIX}" in made.primitives]:
        rows = f"{key}{TABLE_SUFFIX}"  # a table is both lists
        parameters.setdefault(rows, _with_unit(rng, rows, _value(rng, rows, values[rows], bases)))
    return {
        "schema": f"{PROFILE}/{VERSION}", "kind": "observation", "name": named.name, "system": cls.system_id,
        "spec": spec, "config": config, "parameters": parameters,
    }  # fmt: skip


def _some(rng: random.Random, made: dict[str, Callable[[], Any]]) -> dict[str, Any]:
    return {name: make() for name, make in made.items() if rng.random() < 0.4}


def _value(rng: random.Random, key: str, value: Any, bases: Any) -> Any:
    """Return a value near the given one: far from it two mirrors need not form an image at all."""
    if PARAMETERS[key].basis:
        return [rng.choice([0, rng.gauss(0, 20)]) for _ in bases[key.partition(".")[0]]]
    if PARAMETERS[key].is_list:
        return [number * (1 - 1e-4 * rng.random()) for number in value]
    if key in EXACT:
        return rng.choice([0, -0.0, 5e-324, -36000, 36000.0, rng.gauss(0, 1)])
    if key == f.POSITION_ANGLE:
        return rng.choice([-360, 360, rng.uniform(-360, 360)])
    if key == f.THROUGHPUT:
        return rng.choice([1, 1e-12, rng.uniform(0.01, 1)])
    return value * (1 + 1e-4 * rng.uniform(-1, 1))


def _with_unit(rng: random.Random, key: str, value: Any) -> Any:
    return value if rng.random() < 0.5 else {"value": value, "unit": own_unit(settable_parameters()[key])}


def broken_document(rng: random.Random) -> dict[str, Any]:
    """Return a document with one to three things changed, each of them mostly for the worse."""
    document = deepcopy(valid_document(rng))
    for _ in range(rng.choice([1, 1, 2, 3])):
        rng.choice(BREAKS)(rng, document)
    return document


# Values that contradict those of a design, which no schema of one document knows.
TOGETHER = {key for item in PARAMETERS.values() for each in item.constraints for key in each.keys}
NO_NUMBERS: list[Any] = [None, True, False, "", "1", "abc", [], [1], [[1]], {}, {"a": 1}, {"value": 1}, {"unit": "m"}]
NONSENSE: list[Any] = [*NO_NUMBERS, 0, -1, 1.5, 0.1, -1e300, -(10**200)]
# Two mirrors with other lengths need not form an image, which is no matter of one value.
GEOMETRY = (f.M1_FOCAL_LENGTH, f.M2_FOCAL_LENGTH, f.M1_M2_SEPARATION, f.M2_M3_SEPARATION, f.M3_POWER, f.PIXEL_PITCH)


def _nonsense(rng: random.Random, key: str) -> Any:
    return deepcopy(rng.choice(NO_NUMBERS if key in GEOMETRY or key in TOGETHER else NONSENSE))


def _replace_config(rng: random.Random, document: dict[str, Any]) -> None:
    name = rng.choice([*config_schema(type(CONFIGS[document["name"]]))["properties"]])
    value = deepcopy(rng.choice(NONSENSE))
    if not (name == "diffractive_pupil" and value in ("1", "abc")):  # the names of files that are not there
        document["config"][name] = value


def _odd_config(rng: random.Random, document: dict[str, Any]) -> None:
    wrong = {
        "pupil_npix": [15, 0, 4098, -2, 16.5, 1e9],
        "image_npix": [15, 0, 8194, 1],
        "obscuration": [1, 1.0, -1e-300, 2],
        "strut_width": [1, -0.1],
        "n_struts": [65, -1, 2.5],
        "n_wavelengths": [0, 1001],
        "pixel_nodes": [0, 33],
        "source_offset_as": [0, -1.0, "1"],
        "aberration_margin": [0, -1.0, [3]],
        "m1_map_npix": [2, 8193, None],
        "mask_design_wavelength_m": [0, -0.0, -1, 1],
        "m1_noll": [[4, 4], [0], [4.5], [4, 4.0], [1001], ["4"], [True], "45", list(range(1, 1003))],
        "m2_noll": [[4, 4], [0], None],
        "m3_noll": [[4, 4], [0]],
        "gap_npix": [15, 32770, 32.5, 1e300],
        "diffractive_pupil": [5, "", "x" * 1001],
        "effects": [["ghosts", "ghosts"], ["gohsts"], ["m3_maps"], [3], "ghosts", {"ghosts": 1}],
        "spectrum_a_rows": [1, 100_001, 2.5],
        "transmission_rows": [1, -2],
        "n_field_stars": [0, 1001],
        "motion_margin": [0, 257],
        "surface_map_npix": [2, 8193],
    }
    name = rng.choice(list(wrong))
    document["config"][name] = deepcopy(rng.choice(wrong[name]))
    if name == "gap_npix" and rng.random() < 0.5:
        document["config"] |= {"gap_npix": 510, "pupil_npix": 512}  # a grid between the planes that lacks the pupil


def _unknown_config(rng: random.Random, document: dict[str, Any]) -> None:
    document["config"][rng.choice(["pupil_nix", "name", "design", "", "binary.contrast"])] = 1


def _replace_value(rng: random.Random, document: dict[str, Any]) -> None:
    key = rng.choice(list(settable_parameters()))
    document["parameters"][key] = _nonsense(rng, key)


def _replace_amount(rng: random.Random, document: dict[str, Any]) -> None:
    key = rng.choice(list(settable_parameters()))
    unit = rng.choice([own_unit(settable_parameters()[key])] * 4 + [None, 3, "x" * 50])
    document["parameters"][key] = {"value": _nonsense(rng, key), "unit": unit}
    if rng.random() < 0.1:
        document["parameters"][key]["error"] = 1


def _out_of_bounds(rng: random.Random, document: dict[str, Any]) -> None:
    bounded = [key for key, item in settable_parameters().items() if item.bounds.as_dict()]
    key = rng.choice(bounded)
    limit = rng.choice(list(settable_parameters()[key].bounds.as_dict().values()))
    value = rng.choice([limit, limit - 1, limit + 1, -limit, limit * (1 + 1e-15)])
    if (key in TOGETHER or key in GEOMETRY) and settable_parameters()[key].bounds.contains(value):
        value = 2 * settable_parameters()[key].bounds.interval[1] + 1.0
    document["parameters"][key] = _with_unit(rng, key, value)


def _any_key(rng: random.Random, document: dict[str, Any]) -> None:
    """Set a parameter that may be derived, structural or of another system or spec, to a plausible value."""
    key = rng.choice([*PARAMETERS, "binary.seperation_as", "x", ""])
    if key not in GEOMETRY and key not in TOGETHER:
        document["parameters"][key] = [0.0] * 8 if key in BASES else rng.choice([0.5, 1])


def _resize(rng: random.Random, document: dict[str, Any]) -> None:
    document["parameters"][rng.choice(BASES)] = [0.0] * rng.choice([0, 1, 7, 8, 9, 1001])


def _other_system(rng: random.Random, document: dict[str, Any]) -> None:
    named = CONFIGS[document["name"]]
    document["system"] = rng.choice([*CONFIG_CLASSES, "shera_fiveplane", None, 3])
    if document["system"] != named.system_id:
        for key in design_keys(type(named)):
            document["parameters"].pop(key, None)


def _other_spec(rng: random.Random, document: dict[str, Any]) -> None:
    document["spec"] = rng.choice([*SPEC_NAMES, "backward", None, []])


BREAKS = [_replace_config, _odd_config, _odd_config, _unknown_config, _replace_value, _replace_amount, _out_of_bounds,
          _out_of_bounds, _any_key, _resize, _other_system, _other_spec]  # fmt: skip


def _defaults(config_class: type[SheraConfig]) -> dict[str, Any]:
    """Return the defaults of a class of configurations: the designs of the catalogue have some other values."""
    return {item.name: item.default for item in fields(config_class) if item.name in config_class.rules()}


def schema_accepts(document: dict[str, Any]) -> bool:
    """Judge by the published JSON Schemas: of profiles, of the system's configuration, and of the spec.

    The schema of a spec has the sizes of arrays; it is generated for the configuration of the document. It has nothing
    to say of a parameter that a design or a target has and the spec has not.
    """
    if faults(Document("", document), PROFILE_SCHEMA):
        return False
    cls = CONFIG_CLASSES[document["system"]]
    if faults(Document("", document["config"]), config_schema(cls)):
        return False
    spec = _spec_of_catalogue(document)
    values = {
        key: value["value"] if isinstance(value, dict) else value
        for key, value in document["parameters"].items()
        if key in spec.primitives or not acts_through_default(key, cls)
    }
    return not faults(Document("", values), spec_schema(spec, ""))


def _spec_of_catalogue(document: dict[str, Any]) -> ParamSpec:
    """Return the spec of a valid configuration on the first design of its system."""
    cls = CONFIG_CLASSES[document["system"]]
    named = next(config for config in CONFIGS.values() if type(config) is cls)
    return build_spec(named.replace(**_defaults(cls) | document["config"]), document["spec"])


def python_accepts(document: dict[str, Any]) -> bool:
    """Judge as Python users meet the checks: configuration, spec and store are built, without schema and loader."""
    try:
        _build(document)
    except SheraError:
        return False
    return True


def _base(document: dict[str, Any]) -> SheraConfig | None:
    """Return the configuration whose design completes that of the document, if its system has one."""
    same = [config for config in CONFIGS.values() if config.system_id == document["system"]]
    return CONFIGS[document["name"]] if CONFIGS[document["name"]] in same else next(iter(same), None)


def _build(document: dict[str, Any]) -> ParameterStore:
    base, spec_name = _base(document), document["spec"]
    if base is None or not isinstance(spec_name, str):
        raise SheraError("not names")
    cls = type(base)
    if unknown := set(document["config"]) - set(cls.rules()):
        raise SheraError(f"no such fields: {unknown}")
    values = {key: _number(key, value) for key, value in document["parameters"].items()}
    attributes = {name: values[key] for key, name in design_keys(cls).items() if key in values}
    config = base.replace(design=replace(base.design, **attributes), **_defaults(cls) | document["config"])
    spec = build_spec(config, spec_name)
    for key in values:
        if key not in spec.primitives and not acts_through_default(key, cls):
            raise SheraError(f"{key} has no effect")
    return ParameterStore(
        spec.defaults() | {key: value for key, value in values.items() if key in spec.primitives}, spec
    )


def _number(key: str, value: Any) -> Any:
    if key not in settable_parameters():
        raise SheraError(f"{key} is not set")
    item = settable_parameters()[key]
    if isinstance(value, dict):
        if set(value) != {"value", "unit"} or not isinstance(value["unit"], str):
            raise SheraError("not a value with a unit")
        if not isinstance(value["value"], int | float | list) or isinstance(value["value"], bool):
            raise SheraError("not a number")
        try:
            value = in_own_unit(item, value["value"], value["unit"])
        except (ValueError, TypeError) as error:
            raise SheraError(str(error)) from error
    if not PARAMETERS[key].is_list:
        return float(check_value(item, value))
    if not isinstance(value, list):
        raise SheraError("not a list")
    numbers = check_value(replace(item, shape=(len(value),), components=tuple(map(str, range(len(value))))), value)
    return numbers.tolist()


def loader_accepts(document: dict[str, Any]) -> bool:
    """Judge by reading the document as a JSON file, completed by the design that `python_accepts` starts from."""
    base = _base(document)
    values = design_values(base) if base else {}
    text = json.dumps({**document, "parameters": {**values, **document["parameters"]}})
    try:
        assert len(model_of(parse_profile(text, shera_profiles(), "x.json")).store) > 0
    except DocumentError:
        return False
    return True


def disagreement(document: dict[str, Any]) -> str | None:
    """Return the verdicts of the judges on a document if they differ."""
    verdicts = {judge.__name__: judge(document) for judge in (schema_accepts, python_accepts, loader_accepts)}
    return None if len(set(verdicts.values())) == 1 else f"{verdicts}: {document!r}"


def documents(seed: int, number: int) -> list[tuple[bool, dict[str, Any]]]:
    """Return documents, by turns a valid and a broken one, and which it is."""
    rng = random.Random(seed)
    return [(False, broken_document(rng)) if i % 2 else (True, valid_document(rng)) for i in range(number)]
