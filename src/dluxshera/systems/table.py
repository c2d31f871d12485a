"""The table of all parameters, and queries on it. No jax."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from dluxshera.params import ParamField
from dluxshera.systems import fields as f
from dluxshera.systems.effects import CURVES, EFFECT_OF, EFFECTS, FIELD_STARS, MAPS
from dluxshera.systems.layouts import LAYOUTS

SPEC_NAMES: Final = ("forward", "inference", "physics_inference")

_STRUCTURAL: Final = (f.OPEN_FRACTION, f.PEAK_FRACTION)
_BASES: Final = {f.M1_ZERNIKES: "m1_noll", f.M2_ZERNIKES: "m2_noll", f.M3_ZERNIKES: "m3_noll"}


@dataclass(frozen=True)
class Parameter:
    """The record of a parameter."""

    key: str

    @property
    def title(self) -> str:
        """The name of the parameter in prose."""
        return _described(self.key).title

    @property
    def doc(self) -> str:
        """What it is, as one or more sentences."""
        return _described(self.key).doc

    @property
    def effect(self) -> str:
        """The optional effect that it belongs to; empty for a parameter of every model."""
        return EFFECT_OF.get(self.key, "")

    @property
    def basis(self) -> str:
        """The field of the configuration with its Noll indices; empty if its values are no Zernike coefficients."""
        return _BASES.get(self.key, "")

    @property
    def is_list(self) -> bool:
        """Whether its value is a list of numbers."""
        return self.key in _BASES or self.key in CURVES or self.key in FIELD_STARS

    @property
    def is_map(self) -> bool:
        """Whether its value is a map, an array of two dimensions."""
        return self.key in MAPS

    @property
    def is_structural(self) -> bool:
        """Whether the configuration fixes its value."""
        return self.key in _STRUCTURAL


PARAMETERS: Final[Mapping[str, Parameter]] = {key: Parameter(key) for key in f.FIELDS}


@lru_cache(maxsize=1)
def settable_parameters() -> Mapping[str, ParamField]:
    """Return, by key, the parameters that a profile can set: those that are primitive in a spec, without maps.

    The fields are valid in no spec: they have no default, because it differs from one design to the next.
    """
    layouts = [layout for of_system in LAYOUTS.values() for layout in of_system.values()]
    layouts += [getattr(effect, spec) for effect in EFFECTS.values() for spec in SPEC_NAMES]
    keys = dict.fromkeys(
        key
        for layout in layouts
        for key in layout.keys
        if key not in layout.derived and key not in _STRUCTURAL and key not in MAPS
    )
    return {key: _described(key) for key in keys}


def _described(key: str) -> ParamField:
    """Return a parameter as a field without a default, as if it were derived."""
    return f.FIELDS[key](kind="derived", transform="-", default=None, source="-")
