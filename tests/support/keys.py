"""The key of each parameter, under the name of its record: ``keys.SEPARATION`` is ``binary.separation_as``."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from dluxshera.systems import Parameter, effects, parameters

_RECORDS = {
    name: value
    for package in (parameters, effects)
    for info in iter_modules(package.__path__, f"{package.__name__}.")
    for name, value in vars(import_module(info.name)).items()
    if isinstance(value, Parameter)
}
_RECORDS |= {
    f"{effect.name[:2].upper()}_{name.upper()}_MAP": item
    for effect in (effects.surface_maps.M1_MAPS, effects.surface_maps.M2_MAPS, effects.surface_maps.M3_MAPS)
    for name, item in zip(("calibrated", "uncalibrated"), effect.parameters, strict=True)
}


def __getattr__(name: str) -> str:
    try:
        return _RECORDS[name].key
    except KeyError:
        raise AttributeError(name) from None
