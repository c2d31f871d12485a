"""The check that the arrays of a model fit into the memory of a computer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import ceil
from typing import Any, Final, NamedTuple

import numpy as np

from dluxshera.errors import ConfigError, ParameterError
from dluxshera.model.checks import moved_most, number_text
from dluxshera.model.reach import LENGTH_KEYS, POSITION_KEYS, SCALE_KEYS, ZERNIKE_KEYS
from dluxshera.optics import Sampling
from dluxshera.params import ParamSpec
from dluxshera.systems import (
    BANDWIDTH,
    DEFOCUS,
    EFFECTS,
    M1_DIAMETER,
    PLATE_SCALE,
    WAVELENGTH,
    CompanionHook,
    DirectionHook,
    PointingHook,
    Reach,
    SheraConfig,
    SourceHook,
    memory_of,
    sampling_for,
)

LARGEST_MEMORY: Final = 16 * 2**30  # bytes; an image of 4,096 pixels of the flight design takes 12 GiB


class _Cause(NamedTuple):
    """Parameters behind a part of the reach, and the remedy where it asks for too much memory."""

    keys: tuple[str, ...]
    remedy: str


_OF_EFFECTS = tuple(
    item.key
    for effect in EFFECTS.values()
    if isinstance(effect.hook, CompanionHook | SourceHook | DirectionHook | PointingHook)
    for item in effect.parameters
)
_CAUSES: Final[Mapping[str, _Cause]] = {
    "offset": _Cause((*POSITION_KEYS, *_OF_EFFECTS, PLATE_SCALE.key), "Bring the sources nearer to the axis"),
    "frequency": _Cause(SCALE_KEYS, "Check the units of plate scale, wavelength and diameter"),
    "blur": _Cause(
        (*ZERNIKE_KEYS, DEFOCUS.key), "Check the unit of the aberrations, and the lengths that defocus follows from"
    ),
    "relative_bandwidth": _Cause((BANDWIDTH.key, WAVELENGTH.key), "Make the band narrower"),
    "spreads": _Cause(
        (M1_DIAMETER.key, *LENGTH_KEYS, WAVELENGTH.key),
        "Light spreads on its way between the surfaces: enlarge the pupil, or shorten the distances",
    ),
}
_OPTIONAL: Final = ("pupil_npix", "gap_npix", "pixel_nodes", "source_offset_as", "aberration_margin")
_SIZES: Final = {"image_npix": 2, "n_wavelengths": 1, "m1_map_npix": 3, "surface_map_npix": 3}  # field to least value


def check_size(
    config: SheraConfig, sampling: Sampling, reach: Reach, values: Mapping[str, Any], spec: ParamSpec
) -> None:
    """Check that the arrays of a model fit into the memory of a computer.

    Parameters
    ----------
    config : SheraConfig
        Configuration of any system.
    sampling : Sampling
        Sampling that the values need.
    reach : Reach
        Reach of the values.
    values : mapping of str to number or array
        Values of the store, derived ones among them.
    spec : ParamSpec
        Spec of the values, with their defaults.

    Raises
    ------
    ConfigError, ParameterError
        If they do not. The error names the field of the configuration, or the parameter, that asks for most.
    """
    memory = memory_of(sampling)
    if memory <= LARGEST_MEMORY:
        return
    reduced = {name: memory_of(sampling_for(*less)) for name, less in _reduced(config, reach).items()}
    cause = min(reduced, key=reduced.__getitem__)
    expected = f"a model that takes at most {LARGEST_MEMORY / 2**30:.0f} GiB"
    sizes = (
        f"It would have {max(grid.npix for grid in sampling.grids):,} cells across the pupil,"
        f" {sampling.n_wavelengths:,} wavelengths and {sampling.image_samples:,} samples across the image"
    )
    need = f"{memory / 2**30:,.3g} GiB"
    # Several parts of the reach may multiply; the parameter that left its default most is the one to name.
    defaults = spec.defaults()
    parts = [name for name in _CAUSES if reduced[name] < 1.5 * reduced[cause]]
    owners = {key: name for name in parts for key in _primitives(spec, _CAUSES[name].keys)}
    moved = [key for key in owners if not np.array_equal(values[key], defaults[key])]
    if cause in _CAUSES and moved:
        key = moved_most(moved, values, defaults)
        remedy = f"{sizes}. {_CAUSES[owners[key]].remedy}"
        raise ParameterError(key, expected=expected, got=f"{number_text(values[key])}: {need}", remedy=remedy)
    field = min((name for name in reduced if name not in _CAUSES), key=reduced.__getitem__)
    lower = f"Lower {field}" + (", or leave it out to derive it" if field in _OPTIONAL else "")
    raise ConfigError(field, expected=expected, got=f"{getattr(config, field)}: {need}", remedy=f"{sizes}. {lower}")


def _primitives(spec: ParamSpec, keys: Iterable[str]) -> list[str]:
    """Return the primitives among keys of a spec, and those that derived ones among them follow from."""
    primitives: list[str] = []
    for key in keys:
        if key in spec:
            derived = spec[key].kind == "derived"
            primitives += _primitives(spec, spec[key].depends_on) if derived else [key]
    return [key for key in dict.fromkeys(primitives) if spec[key].kind == "primitive"]


def _reduced(config: SheraConfig, reach: Reach) -> dict[str, tuple[SheraConfig, Reach]]:
    """Return configuration and reach with each possible cause halved, or left out where it is optional."""
    reduced: dict[str, tuple[SheraConfig, Reach]] = {}
    for name in _CAUSES:
        part = getattr(reach, name)
        half: Any = tuple([0.5 * number for number in part]) if isinstance(part, tuple) else 0.5 * part
        reduced[name] = (config, reach._replace(**{name: half}))
    for name, least in _SIZES.items():
        if (size := getattr(config, name, None)) is not None:
            reduced[name] = (config.replace(**{name: max(2 * ceil(0.25 * size), least)}), reach)
    for name in _OPTIONAL:
        if getattr(config, name, None) is not None:
            reduced[name] = (config.replace(**{name: None}), reach)
    return reduced
