"""Which parameters each spec of each system has, in the order of theta, and which of them are derived there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from dluxshera.systems import fields as f


class Layout(NamedTuple):
    """The keys of a spec, and those among them that transforms compute."""

    keys: tuple[str, ...]
    derived: frozenset[str] = frozenset()


_BINARY = (f.SEPARATION, f.POSITION_ANGLE, f.X_POSITION, f.Y_POSITION)
_PHOTONS = (f.CONTRAST, f.FLUX_DENSITY, f.LOG_FLUX, f.LOG_FLUX_A, f.LOG_FLUX_B)
_SCALES = (f.FOCAL_LENGTH, f.FOCAL_RATIO, f.PLATE_SCALE, f.REFOCUSED_PLATE_SCALE, f.DEFOCUS)
_BAND = (f.WAVELENGTH, f.BANDWIDTH)
_IMAGING = (
    f.EXPOSURE_TIME,
    f.FRAME_TIME,
    f.THROUGHPUT,
    f.FULL_WELL,
    f.PEAK_FRACTION,
    f.FRAME_PHOTONS,
    f.PEAK_PHOTONS,
    f.FULL_WELL_MARGIN,
)
_DERIVED_PHOTONS = (
    f.LOG_FLUX,
    f.LOG_FLUX_A,
    f.LOG_FLUX_B,
    f.OPEN_AREA,
    f.DIFFRACTION_LIMIT,
    f.EFFECTIVE_WAVELENGTH,
    f.FRAME_PHOTONS,
    f.PEAK_PHOTONS,
    f.FULL_WELL_MARGIN,
)
_DERIVED_SCALES = frozenset(_SCALES)
_DERIVED_FORWARD = frozenset((*_DERIVED_PHOTONS, *_SCALES))
_APERTURE = (f.OPEN_FRACTION, f.OPEN_AREA)


def _forward(geometry: tuple[str, ...], scales: tuple[str, ...], zernikes: tuple[str, ...]) -> tuple[str, ...]:
    return (
        *_BINARY,
        *_PHOTONS,
        *geometry,
        *_APERTURE,
        *scales,
        f.DIFFRACTION_LIMIT,
        *zernikes,
        *_BAND,
        f.EFFECTIVE_WAVELENGTH,
        *_IMAGING,
    )


def _effective(zernikes: tuple[str, ...], geometry: tuple[str, ...]) -> Layout:
    return Layout((*_BINARY, f.LOG_FLUX, f.CONTRAST, f.PLATE_SCALE, *zernikes, *geometry, *_BAND))


def _physics(geometry: tuple[str, ...], scales: tuple[str, ...], zernikes: tuple[str, ...]) -> tuple[str, ...]:
    return (*_BINARY, f.LOG_FLUX, f.CONTRAST, *geometry, *scales, *zernikes, *_BAND)


_ZERNIKES_3 = (f.M1_ZERNIKES, f.M2_ZERNIKES)
_ZERNIKES_4 = (*_ZERNIKES_3, f.M3_ZERNIKES)
_MIRRORS = (f.M1_DIAMETER, f.M2_DIAMETER, f.M1_FOCAL_LENGTH, f.M2_FOCAL_LENGTH, f.M1_M2_SEPARATION)
_GEOMETRY_3 = (*_MIRRORS, f.M2_DETECTOR_SEPARATION, f.PIXEL_PITCH)
_GEOMETRY_4 = (
    *_MIRRORS,
    f.M2_M3_SEPARATION,
    f.M3_DIAMETER,
    f.M3_POWER,
    f.M3_DETECTOR_SEPARATION,
    f.PIXEL_PITCH,
)

LAYOUTS: Final[Mapping[str, Mapping[str, Layout]]] = {
    "shera_twoplane": {
        "forward": Layout(
            _forward((f.M1_DIAMETER, f.PIXEL_PITCH), (f.FOCAL_LENGTH, f.FOCAL_RATIO, f.PLATE_SCALE), (f.M1_ZERNIKES,)),
            frozenset((*_DERIVED_PHOTONS, f.FOCAL_LENGTH, f.FOCAL_RATIO)),
        ),
        "inference": _effective((f.M1_ZERNIKES,), (f.M1_DIAMETER,)),
        "physics_inference": Layout(
            _physics((f.M1_DIAMETER, f.FOCAL_LENGTH, f.PIXEL_PITCH), (f.FOCAL_RATIO, f.PLATE_SCALE), (f.M1_ZERNIKES,)),
            frozenset((f.FOCAL_RATIO, f.PLATE_SCALE)),
        ),
    },
    "shera_threeplane": {
        "forward": Layout(_forward(_GEOMETRY_3, _SCALES, _ZERNIKES_3), _DERIVED_FORWARD),
        "inference": _effective(_ZERNIKES_3, (f.M1_DIAMETER, f.M2_DIAMETER, f.M1_FOCAL_LENGTH, f.M1_M2_SEPARATION)),
        "physics_inference": Layout(_physics(_GEOMETRY_3, _SCALES, _ZERNIKES_3), _DERIVED_SCALES),
    },
    "shera_fourplane": {
        "forward": Layout(_forward(_GEOMETRY_4, _SCALES, _ZERNIKES_4), _DERIVED_FORWARD),
        # Where the light meets M3 depends on all lengths up to it.
        "inference": _effective(_ZERNIKES_4, (*_MIRRORS, f.M2_M3_SEPARATION, f.M3_DIAMETER)),
        "physics_inference": Layout(_physics(_GEOMETRY_4, _SCALES, _ZERNIKES_4), _DERIVED_SCALES),
    },
}
