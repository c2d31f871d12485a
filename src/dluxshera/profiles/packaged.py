"""Files generated from the systems and committed: their JSON Schemas, and the packaged profiles. No jax."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from dluxshera.documents import SCHEMA_VERSION, meta_schema
from dluxshera.params import spec_schema
from dluxshera.profiles.format import VERSION
from dluxshera.profiles.save import profile_data, profile_text
from dluxshera.profiles.schema import config_schema, profile_schema
from dluxshera.systems import (
    CONFIG_CLASSES,
    CONFIGS,
    PARAMETERS,
    SHERA_FLIGHT_CONFIG,
    SHERA_RESOLVER,
    SPEC_NAMES,
    SPEC_TEXTS,
    TARGETS,
    SheraConfig,
    Target,
    build_spec,
    design_keys,
    effect_config_fields,
    effects_of,
    settable_parameters,
    target_keys,
    visit_keys,
)

ALL_EFFECTS_TEXT: Final = "The forward spec with every optional effect, and the parameters that each of them adds."
NUMERICS: Final = ("pupil_npix", "n_wavelengths", "pixel_nodes", "source_offset_as", "aberration_margin")
FAST: Final = {"n_wavelengths": 3}


def system_schemas() -> dict[str, dict[str, Any]]:
    """Return every schema of the systems, of profiles and of schemas, by its path below the folder of schemas."""
    schemas: dict[str, dict[str, Any]] = {}
    for system, cls in CONFIG_CLASSES.items():
        folder = f"{system}/{SCHEMA_VERSION}"
        for name in SPEC_NAMES:
            schemas[f"{folder}/{name}.schema.json"] = _spec_schema(system, name)
        schemas[f"{folder}/effects.schema.json"] = _spec_schema(system, "forward", effects=effects_of(cls.surfaces))
        schemas[f"{folder}/config.schema.json"] = config_schema(cls)
    schemas[f"profile/{VERSION}/profile.schema.json"] = profile_schema()
    schemas[f"meta/{SCHEMA_VERSION}/meta.schema.json"] = meta_schema()
    return schemas


def _spec_schema(system: str, name: str, effects: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the schema of one spec, with the values of the system's designs; the first of them gives the defaults."""
    specs = {
        config.name: build_spec(config.replace(effects=effects), name)
        for config in CONFIGS.values()
        if config.system_id == system
    }
    values = {}
    for design, spec in specs.items():
        primitives = spec.defaults()
        values[design] = {**spec.structural, **primitives, **SHERA_RESOLVER.resolve(spec, primitives)}
        for key in [key for key in values[design] if PARAMETERS[key].is_map]:
            del values[design][key]
    first = next(iter(specs.values()))
    if not effects:
        return spec_schema(first, SPEC_TEXTS[name], values)
    return spec_schema(replace(first, name="effects"), ALL_EFFECTS_TEXT, values)


def packaged_files() -> dict[str, str]:
    """Return the text of every packaged profile by its path below the folder of profiles, and of their schema."""
    texts = {f"instrument/{config.name}.yaml": _instrument(config) for config in CONFIGS.values()}
    texts |= {f"target/{identifier(target.name)}.yaml": _target(target) for target in TARGETS.values()}
    flight = SHERA_FLIGHT_CONFIG
    texts["observation/visit.yaml"] = _text(
        "observation",
        "visit",
        description="One visit: its exposure time, and that of a frame.",
        parameters={key: getattr(flight.design, attribute) for key, attribute in visit_keys().items()},
    )
    for config in CONFIGS.values():
        name = f"{config.name.removeprefix('shera_')}_alpha_cen"
        texts[f"observation/{name}.yaml"] = _text(
            "observation",
            name,
            description=f"alpha Cen, one visit of {config.name}.",
            extends=[f"instrument/{config.name}", "numerics/reference", "target/alpha_cen", "observation/visit"],
        )
    texts["numerics/reference.yaml"] = _text(
        "numerics",
        "reference",
        description="The grids and samples of the reference model, derived from its design.",
        config={name: getattr(flight, name) for name in NUMERICS},
    )
    texts["numerics/fast.yaml"] = _text(
        "numerics", "fast", description="Few wavelengths, for trying things out; not for results.", config=FAST
    )
    return texts


def identifier(name: str) -> str:
    """Return the name of a target's file: ``hr_2667_8`` for ``HR 2667/8``."""
    return "".join(c if c.isalnum() else "_" for c in name.lower())


def _instrument(config: SheraConfig) -> str:
    design = {
        key: getattr(config.design, attribute)
        for key, attribute in design_keys(type(config)).items()
        if key not in visit_keys()
    }
    sizes = (*NUMERICS, "image_npix", "gap_npix", "effects", *effect_config_fields())
    return _text(
        "instrument",
        config.name,
        source="; ".join(["SHERA public design", *(text for _, text in config.design.sources)]),
        system=config.system_id,
        config={name: getattr(config, name) for name in type(config).rules() if name not in sizes},
        parameters=design,
    )


def _target(target: Target) -> str:
    return _text(
        "target",
        target.name,
        description=f"Spectral types {target.spectral_types}, V {target.v_a} and {target.v_b}; the image holds both"
        " patterns at the flight plate scale.",
        source=target.source,
        config={"image_npix": target.image_npix},
        parameters={key: getattr(target, attribute) for key, attribute in target_keys().items()},
    )


def _text(kind: str, name: str, **content: Any) -> str:
    return profile_text(profile_data(kind, name, settable_parameters(), **content), schema="../profile.schema.json")
