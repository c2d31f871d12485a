"""Defaults of parameters: which keys have the attributes of a design and of a target. No jax."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Final

from dluxshera.systems import fields as f
from dluxshera.systems.config import SheraConfig
from dluxshera.systems.table import PARAMETERS

_TARGET_KEYS: Final = (f.SEPARATION, f.POSITION_ANGLE, f.CONTRAST, f.FLUX_DENSITY)
_VISIT_KEYS: Final = (f.EXPOSURE_TIME, f.FRAME_TIME)
_EFFECT_FIELDS: Final = ("curve_samples", "n_field_stars", "motion_margin", "surface_map_npix")


def target_keys() -> dict[str, str]:
    """Return the keys of the parameters whose defaults a target has, with its attributes; optional effects left out."""
    return {key: key.partition(".")[2] for key in _TARGET_KEYS}


def design_keys(config_class: type[SheraConfig]) -> dict[str, str]:
    """Return the keys of the parameters that a system's design has, with its attributes."""
    attributes = [item.name for item in fields(config_class.design_type) if item.name != "sources"]
    by_attribute = {
        key.partition(".")[2]: key for key, item in PARAMETERS.items() if not item.basis and not item.is_map
    }
    return {by_attribute[name]: name for name in attributes}


def visit_keys() -> dict[str, str]:
    """Return those of the design's keys that are chosen for each visit, with the design's attributes."""
    return {key: key.partition(".")[2] for key in _VISIT_KEYS}


def design_values(config: SheraConfig) -> dict[str, Any]:
    """Return the values of a configuration's design by key."""
    return {key: getattr(config.design, attribute) for key, attribute in design_keys(type(config)).items()}


def acts_through_default(key: str, config_class: type[SheraConfig]) -> bool:
    """Return whether a value acts even on a spec that does not have its key as a primitive.

    It does where a design or a target has it: the spec's defaults follow.
    """
    return key in design_keys(config_class) or key in target_keys()


def effect_config_fields() -> tuple[str, ...]:
    """Return the fields of configurations that only optional effects use."""
    return _EFFECT_FIELDS
