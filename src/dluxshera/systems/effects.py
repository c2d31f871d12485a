"""Optional effects: what a configuration may switch on, and the parameters that each brings into the specs. No jax.

A model without effects has none of these parameters, and none of their cost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from dluxshera.systems import effect_fields as e
from dluxshera.systems import fields as f
from dluxshera.systems.layouts import Layout

_NOTHING: Final = Layout(())


class Effect(NamedTuple):
    """An optional part of the model.

    Parameters
    ----------
    doc : str
        What it is, as a sentence.
    forward, inference, physics_inference : Layout
        What it brings into the specs of these names.
    surfaces : int
        How many surfaces behind the pupil a system needs to have it.
    """

    doc: str
    forward: Layout
    inference: Layout
    physics_inference: Layout
    surfaces: int = 0


def _everywhere(doc: str, *keys: str, derived: tuple[str, ...] = (), surfaces: int = 0) -> Effect:
    """Return an effect with the same primitives in all specs; what is derived for information is in the forward one."""
    plain = Layout(keys)
    return Effect(doc, Layout((*keys, *derived), frozenset(derived)), plain, plain, surfaces)


_M2_PLACE: Final = Layout(
    (e.M2_X_DECENTRE, e.M2_Y_DECENTRE, e.M2_X_TILT, e.M2_Y_TILT, e.LINE_OF_SIGHT_X, e.LINE_OF_SIGHT_Y),
    frozenset((e.LINE_OF_SIGHT_X, e.LINE_OF_SIGHT_Y)),
)
_WAVELENGTHS: Final = (e.EFFECTIVE_WAVELENGTH_A, e.EFFECTIVE_WAVELENGTH_B)

EFFECTS: Final[Mapping[str, Effect]] = {
    "alignment": Effect(
        "Decentre and tilt of M2, which shift the line of sight; in the effective mode the pair's position stands for"
        " them.",
        _M2_PLACE,
        _NOTHING,
        _M2_PLACE,
        surfaces=1,
    ),
    "distortion": _everywhere("Cubic distortion of the field.", e.DISTORTION),
    "m1_maps": _everywhere(
        "Maps of M1's surface error, a calibrated and an uncalibrated part.",
        e.M1_CALIBRATED_MAP,
        e.M1_UNCALIBRATED_MAP,
    ),
    "m2_maps": _everywhere(
        "Maps of M2's surface error, a calibrated and an uncalibrated part.",
        e.M2_CALIBRATED_MAP,
        e.M2_UNCALIBRATED_MAP,
        surfaces=1,
    ),
    "m3_maps": _everywhere(
        "Maps of the surface error behind M2, a calibrated and an uncalibrated part.",
        e.M3_CALIBRATED_MAP,
        e.M3_UNCALIBRATED_MAP,
        surfaces=2,
    ),
    "black_bodies": _everywhere(
        "A black body for each star, instead of a flat spectrum.",
        e.TEMPERATURE_A,
        e.TEMPERATURE_B,
        derived=_WAVELENGTHS,
    ),
    "spectra": _everywhere(
        "A sampled spectrum for each star, from a table.", e.SPECTRUM_A, e.SPECTRUM_B, derived=_WAVELENGTHS
    ),
    "filter": _everywhere(
        "A sampled filter curve, from a table, instead of a top hat.", e.TRANSMISSION, derived=_WAVELENGTHS
    ),
    "field_stars": _everywhere("Other stars in the field.", e.STAR_X, e.STAR_Y, e.STAR_LOG_FLUX),
    "ghosts": _everywhere("A ghost of each star.", e.GHOST_RATIO, e.GHOST_X, e.GHOST_Y, e.GHOST_MAGNIFICATION),
    "background": _everywhere("Uniform light on every pixel.", e.BACKGROUND),
    "motion": _everywhere("Jitter and smear of the line of sight.", e.JITTER, e.SMEAR_X, e.SMEAR_Y),
    "pixel_offsets": _everywhere("Pixels off their places.", e.PIXEL_X_OFFSET, e.PIXEL_Y_OFFSET),
    "pixel_response": _everywhere("Pixels of uneven response.", e.PIXEL_RESPONSE),
    "electronics": Effect(
        "Dark current and read noise; a fit has them per exposure.",
        Layout(
            (e.DARK_CURRENT, e.READ_NOISE, e.DARK_SIGNAL, e.TOTAL_READ_NOISE),
            frozenset((e.DARK_SIGNAL, e.TOTAL_READ_NOISE)),
        ),
        Layout((e.DARK_SIGNAL, e.TOTAL_READ_NOISE)),
        Layout((e.DARK_SIGNAL, e.TOTAL_READ_NOISE)),
    ),
}

SPECTRAL: Final = frozenset(("black_bodies", "spectra", "filter"))
_OF_FLAT_BAND: Final = (f.EFFECTIVE_WAVELENGTH, f.DIFFRACTION_LIMIT)

DEFAULTS: Final[Mapping[str, float]] = {  # of each element, where neither the design nor the target says otherwise
    **dict.fromkeys((e.SPECTRUM_A, e.SPECTRUM_B, e.TRANSMISSION, e.PIXEL_RESPONSE), 1.0),
    **dict.fromkeys((e.M2_X_DECENTRE, e.M2_Y_DECENTRE, e.M2_X_TILT, e.M2_Y_TILT, e.DISTORTION, e.BACKGROUND), 0.0),
    **dict.fromkeys((e.M1_CALIBRATED_MAP, e.M2_CALIBRATED_MAP, e.M3_CALIBRATED_MAP), 0.0),
    **dict.fromkeys((e.M1_UNCALIBRATED_MAP, e.M2_UNCALIBRATED_MAP, e.M3_UNCALIBRATED_MAP), 0.0),
    **dict.fromkeys((e.PIXEL_X_OFFSET, e.PIXEL_Y_OFFSET), 0.0),
    e.STAR_X: 3.0,
    e.STAR_Y: -4.0,
    e.STAR_LOG_FLUX: 6.0,
    e.GHOST_RATIO: 1e-6,
    e.GHOST_X: 1.0,
    e.GHOST_Y: 0.5,
    e.GHOST_MAGNIFICATION: -1.0,
    e.JITTER: 0.005,
    e.SMEAR_X: 0.01,
    e.SMEAR_Y: 0.0,
}
CURVES: Final = frozenset((e.SPECTRUM_A, e.SPECTRUM_B, e.TRANSMISSION))
FIELD_STARS: Final = frozenset((e.STAR_X, e.STAR_Y, e.STAR_LOG_FLUX))
MAPS: Final[Mapping[str, str]] = {  # map -> the field of the configuration that has its size
    **dict.fromkeys((e.M1_CALIBRATED_MAP, e.M1_UNCALIBRATED_MAP), "pupil_npix"),
    **dict.fromkeys((e.M2_CALIBRATED_MAP, e.M2_UNCALIBRATED_MAP), "surface_map_npix"),
    **dict.fromkeys((e.M3_CALIBRATED_MAP, e.M3_UNCALIBRATED_MAP), "surface_map_npix"),
    **dict.fromkeys((e.PIXEL_X_OFFSET, e.PIXEL_Y_OFFSET, e.PIXEL_RESPONSE), "image_npix"),
}


def effects_of(surfaces: int) -> tuple[str, ...]:
    """Return the effects that a system with so many surfaces behind its pupil can have."""
    return tuple(name for name, effect in EFFECTS.items() if effect.surfaces <= surfaces)


def with_effects(layout: Layout, effects: Iterable[str], spec: str) -> Layout:
    """Return the layout of a spec with what effects bring into it.

    A band that is not flat has an effective wavelength for each star, and none for both.

    Parameters
    ----------
    layout : Layout
        Without effects.
    effects : iterable of str
        Names in `EFFECTS`.
    spec : str
        ``forward``, ``inference`` or ``physics_inference``.
    """
    brought: list[Layout] = [getattr(EFFECTS[name], spec) for name in effects]
    gone = _OF_FLAT_BAND if SPECTRAL.intersection(effects) else ()
    keys = (*(key for key in layout.keys if key not in gone), *(key for one in brought for key in one.keys))
    return Layout(tuple(dict.fromkeys(keys)), layout.derived.difference(gone).union(*(one.derived for one in brought)))


EFFECT_OF: Final[Mapping[str, str]] = {  # key -> the first effect that brings it
    key: name
    for name, effect in reversed(list(EFFECTS.items()))
    for layout in (effect.forward, effect.inference, effect.physics_inference)
    for key in layout.keys
}
